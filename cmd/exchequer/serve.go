package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"golang.org/x/sync/errgroup"

	"exchequer/internal/api"
	"exchequer/internal/authn"
	"exchequer/internal/bookkeeping"
	"exchequer/internal/outbox"
	"exchequer/internal/problem"
	"exchequer/internal/sign"
)

// realm is who issues bearer tokens and for whom; quotes are signed by the same name.
var realm = authn.Realm{Issuer: "exchequer", Audience: "exchequer"}

type serveCmd struct {
	Listen string `default:"localhost:8080" help:"Address to listen on. Without EXCHEQUER_JWKS only a loopback address is allowed."`
	JSON   bool   `name:"json" help:"One JSON document: the address."`
}

// serving says where, and what time it is there where that is not the machine's.
type serving struct {
	Address string     `json:"address"`
	Clock   *time.Time `json:"clock,omitempty"`
}

// Run serves the API and the pages until it is interrupted.
func (c serveCmd) Run(ctx context.Context, e *environment) error {
	return withServers(ctx, e.log, needs{redis: true}, func(g *gateway) error {
		auth, err := authenticator(readSettings().jwks, c.Listen, g, e)
		if err != nil {
			return err
		}
		if err := g.keys.Note(ctx, g.pool); err != nil {
			return err
		}
		s, err := listen(c.Listen, g.handler(auth), e.log)
		if err != nil {
			return fmt.Errorf("listen on %s (choose another with --listen): %w", c.Listen, err)
		}
		now := g.ownTime()
		err = e.print(c.JSON, serving{s.address(), now}, func(w io.Writer) {
			fmt.Fprintf(w, "serving %s\n", s.address())
			tellTime(w, now)
		})
		if err != nil {
			return errors.Join(err, s.close())
		}
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return g.keepClock(ctx) })
		group.Go(func() error { return g.noteKeys(ctx) })
		<-ctx.Done()
		return errors.Join(group.Wait(), s.close())
	})
}

// authenticator checks bearer tokens with the key set at path; without one everybody who can reach the program is let
// in, so it may listen on loopback only.
func authenticator(path, address string, g *gateway, e *environment) (api.Authenticator, error) {
	if path == "" {
		if !loopback(address) {
			return nil, problem.New(problem.Invalid, "without EXCHEQUER_JWKS only a loopback address may be served: --listen localhost:8080, or name the key set that signs bearer tokens")
		}
		fmt.Fprintln(e.stderr, "no EXCHEQUER_JWKS: bearer tokens are not checked, listening on loopback only")
		return api.Local(), nil
	}
	keys, err := sign.OpenFile(path, time.Now)
	if err != nil {
		return nil, fmt.Errorf("EXCHEQUER_JWKS: %w", err)
	}
	return authn.NewVerifier(keys, realm, g.clock), nil
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// handler is the API and the pages on one router.
func (g *gateway) handler(auth api.Authenticator) http.Handler {
	books := &bookkeeping.Books{Pool: g.pool, Ledger: g.ledger, Now: g.clock.Now}
	a := api.New(api.Deps{
		Law: g.published, Versions: g.published, Drafts: g.published, Drafting: g.published, Bills: g.bills, Orders: g.orders, Inbox: g.orders, Keys: g.requests,
		Books: books, Ledger: books, Evidence: books,
		Signer: g.keys, Issuer: realm.Issuer, Authenticator: auth,
		Health: g.pool.Ping,
		Backlog: func(ctx context.Context) ([]outbox.Backlog, error) {
			return outbox.Backlogs(ctx, g.pool, g.clock.Now())
		},
		Unsealed: g.ledger.Unsealed, Checkpoints: g.checkpoints(),
		Clock: g.clock, Log: g.log,
	})
	r := chi.NewRouter()
	for _, path := range api.Paths() {
		r.Handle(path, a)
	}
	r.Mount("/", g.pages())
	return r
}

type workCmd struct {
	JSON bool `name:"json" help:"One JSON document, when the work begins."`
}

type working struct {
	Working bool       `json:"working"`
	Clock   *time.Time `json:"clock,omitempty"`
}

// Run works until it is interrupted, then lets what is under way finish.
func (c workCmd) Run(ctx context.Context, e *environment) error {
	return withServers(ctx, e.log, needs{redis: true}, func(g *gateway) error {
		now := g.ownTime()
		err := e.print(c.JSON, working{true, now}, func(w io.Writer) {
			fmt.Fprintln(w, "working")
			tellTime(w, now)
		})
		if err != nil {
			return err
		}
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() error { return g.work(ctx) })
		group.Go(func() error { return g.seal(ctx) })
		group.Go(func() error { return g.releaseHolds(ctx) })
		group.Go(func() error { return g.forgetKeys(ctx) })
		group.Go(func() error { return g.keepClock(ctx) })
		return group.Wait()
	})
}

func tellTime(w io.Writer, own *time.Time) {
	if own != nil {
		fmt.Fprintf(w, "a story was played on these books: it is %s here, by the clock kept with them\n", moment(*own))
	}
}

// forgetEvery is how often Idempotency-Keys that are too old are dropped.
const forgetEvery = 10 * time.Minute

func (g *gateway) forgetKeys(ctx context.Context) error {
	t := time.NewTicker(forgetEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if _, err := g.requests.Expire(ctx); err != nil && ctx.Err() == nil {
				g.log.Warn("old Idempotency-Keys were not dropped", "error", err)
			}
		}
	}
}
