package api

import (
	"context"
	"net"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"exchequer/internal/authn"
	"exchequer/internal/problem"
)

// bearer is the name of the security scheme in the OpenAPI document.
const bearer = "bearer"

// Authenticator makes an Actor of an Authorization header; *authn.Verifier is one. Its refusals are Unauthenticated.
type Authenticator interface {
	Actor(ctx context.Context, header string) (authn.Actor, error)
}

// Local is an Authenticator that takes everybody for one partner program with a right on all books. It is for a server
// without a key set, which must listen on loopback only. That keeps strangers out, but not what strangers wrote: any page
// in a browser on this machine can send requests here. So with it requests are refused that another site made, or that
// were sent to another name than loopback's, as they are after a name of that site was turned to this address.
func Local() Authenticator { return local{} }

type local struct{}

func (local) Actor(context.Context, string) (authn.Actor, error) {
	return authn.LocalClient(), nil
}

type actorKey struct{}

// authenticate puts the actor of a request into its context, before anything of its body is read.
func (s *server) authenticate(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if len(ctx.Operation().Security) == 0 {
			next(ctx)
			return
		}
		actor, err := s.actor(ctx)
		if err != nil {
			p := s.problem(ctx.Context(), err, nil)
			if p.Status == http.StatusUnauthorized {
				ctx.SetHeader("WWW-Authenticate", "Bearer") // RFC 9110 section 11.6.1
			}
			_ = huma.WriteErr(api, ctx, p.Status, p.Detail, p)
			return
		}
		next(huma.WithValue(ctx, actorKey{}, actor))
	}
}

// actor finds out who sent the request.
func (s *server) actor(ctx huma.Context) (authn.Actor, error) {
	if _, open := s.Authenticator.(local); open {
		r, _ := humachi.Unwrap(ctx)
		if err := madeHere(r); err != nil {
			return authn.Actor{}, err
		}
	}
	return s.Authenticator.Actor(ctx.Context(), ctx.Header("Authorization"))
}

var otherOrigins = http.NewCrossOriginProtection()

// madeHere refuses what a page of another site made a browser on this machine send.
func madeHere(r *http.Request) error {
	if otherOrigins.Check(r) != nil {
		return problem.New(problem.Forbidden, "this server checks no tokens and takes no requests of other sites")
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	if !strings.EqualFold(host, "localhost") && (ip == nil || !ip.IsLoopback()) {
		return problem.New(problem.Forbidden, "this server checks no tokens and is reached as localhost only")
	}
	return nil
}

// actorOf gives who sent the request; the zero Actor, which may do nothing, where nobody was authenticated.
func actorOf(ctx context.Context) authn.Actor {
	actor, _ := ctx.Value(actorKey{}).(authn.Actor)
	return actor
}
