package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"

	"exchequer/internal/authn"
	"exchequer/internal/calendar"
	"exchequer/internal/jobs"
	"exchequer/internal/publication"
	"exchequer/internal/story"
)

const (
	tokenLife   = 15 * time.Minute
	clockIsKept = time.Second // how often the clock is written down
)

type runCmd struct {
	Exit   bool   `help:"End after the story instead of serving the pages."`
	Listen string `help:"Address of the API and the pages: localhost:8080, or any free one with --exit."`
	JSON   bool   `name:"json" help:"One JSON document about the story."`
}

// Run plays the main job and then serves the pages. Status 1: the closing proof does not hold.
func (c runCmd) Run(ctx context.Context, e *environment) error {
	s := readSettings()
	v, err := startServers(ctx, s, needs{redis: true, migrate: true}, e.log)
	if err != nil {
		return err
	}
	defer v.stop(e.log)
	pool, err := v.open(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	clock, err := story.StartClock(ctx, pool, time.Now)
	if err != nil {
		return err
	}
	defer keepLast(ctx, clock, e.log)
	if _, err := v.beginLaw(ctx, pool, clock, e.log); err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.address())
	if err != nil {
		return fmt.Errorf("listen (choose another address with --listen): %w", err)
	}
	defer l.Close()
	portal := "http://" + l.Addr().String()
	sims, err := c.simulators(ctx, v, pool, portal, clock, e)
	if err != nil {
		return err
	}
	defer func() {
		if err := sims.close(); err != nil {
			e.log.Error("the simulators did not stop cleanly", "error", err)
		}
	}()
	g, err := newGateway(ctx, gatewayConfig{
		pool: pool, clock: clock, partners: sims.partners(portal), stateDir: v.stateDir, redisURL: v.redis, timing: storyTiming(), log: e.log,
	})
	if err != nil {
		return err
	}
	if err := g.partners.write(simulatedPartners(v.stateDir)); err != nil {
		return err
	}
	return c.play(ctx, e, g, clock, sims, l)
}

// storyTiming makes the machine's waits short; the waits of the business stay as they are, in the program's clock.
func storyTiming() timing {
	t := defaultTiming()
	// A killed program's requests hold their keys for the length of the lease, and the story sends them again.
	t.order.KeyLease = 2 * time.Second
	t.jobs = jobs.Config{Poll: 20 * time.Millisecond, CheckInterval: 10 * time.Millisecond, Lease: 2 * time.Second}
	return t
}

func (c runCmd) address() string {
	switch {
	case c.Listen != "":
		return c.Listen
	case c.Exit:
		return "127.0.0.1:0"
	}
	return "localhost:8080"
}

func (c runCmd) simulators(ctx context.Context, v *servers, pool *pgxpool.Pool, portal string, clock *story.Clock, e *environment) (*simulators, error) {
	cat, err := publication.New(pool, clock).Catalog(ctx)
	if err != nil {
		return nil, err
	}
	cal, err := calendar.Vietnam()
	if err != nil {
		return nil, err
	}
	return startSimulators(ctx, v.stateDir, portal, clock, cat, cal, e.log)
}

// play runs everything beside the story: workers, simulators, the server, the clock's keeper.
func (c runCmd) play(ctx context.Context, e *environment, g *gateway, clock *story.Clock, sims *simulators, l net.Listener) error {
	web := serveOn(l, g.handler(authn.NewVerifier(g.keys, realm, clock)), e.log)
	around, stop := context.WithCancel(ctx)
	defer stop()
	group, around := errgroup.WithContext(around)
	group.Go(func() error { return g.work(around) })
	group.Go(func() error { return g.seal(around) })
	group.Go(func() error { return g.releaseHolds(around) })
	group.Go(func() error { return sims.vnpay.Run(around) })
	group.Go(func() error { return g.keepClock(around) })
	group.Go(func() error { return g.noteKeys(around) })
	group.Go(func() error { return g.forgetKeys(around) })

	bar := newProgress(e.stderr)
	result, err := g.story(clock, sims, web.address(), bar.tell).Play(around)
	bar.end()
	if err == nil {
		_, err = g.sealNext(around) // the last day's checkpoint is there when the program ends
	}
	switch {
	case err == nil:
		err = c.tell(e, result, web.address())
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		err = errInterrupted
	}
	if err == nil && !c.Exit {
		<-around.Done()
	}
	stop()
	ended := group.Wait()
	if errors.Is(ended, context.Canceled) {
		ended = nil
	}
	if ended = errors.Join(ended, web.close()); ended != nil {
		return errors.Join(err, ended)
	}
	return err
}

var errInterrupted = errors.New("interrupted before the story's end: run it again and it goes on where it was")

// tell prints the result, and where the pages are when they are served afterwards.
func (c runCmd) tell(e *environment, r story.Result, address string) error {
	if err := e.print(c.JSON, r, func(w io.Writer) { tellStory(w, r) }); err != nil {
		return err
	}
	if !r.Proof.OK {
		return errFindings
	}
	if c.Exit {
		return nil
	}
	w := e.stdout
	if c.JSON {
		w = e.stderr // stdout has its one document
	}
	fmt.Fprintf(w, "\nOpen %s and find a bill. Stop with Ctrl-C.\n", portalName(address))
	if r.Unpaid != "" {
		fmt.Fprintf(w, "One is still to be paid: %s/bills/%s\n", portalName(address), r.Unpaid)
	}
	return nil
}

func (g *gateway) story(clock *story.Clock, sims *simulators, api string, tell func(done, total int, what string)) *story.Story {
	portal := authn.Actor{ID: "portal", Role: authn.Client, Books: []string{"*"}}
	issuer := authn.Issuer{Keys: g.keys, Realm: realm, Clock: clock, TTL: tokenLife}
	return &story.Story{
		Pool: g.pool, Clock: clock, Calendar: g.calendar, Catalog: g.catalog, Ledger: g.ledger, Desk: g.desk, Settlement: g.settlement,
		API: api, VNPAY: sims.vnpayServer.address(), Bank: sims.bankServer.address(), Terminals: merchants(),
		Token:    func() (string, error) { return issuer.Token(portal) },
		Progress: tell,
	}
}

// portalName writes a loopback address the way a person types it.
func portalName(address string) string {
	if host, port, err := net.SplitHostPort(address[len("http://"):]); err == nil && net.ParseIP(host).IsLoopback() {
		return "http://localhost:" + port
	}
	return address
}
