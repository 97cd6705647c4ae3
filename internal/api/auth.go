package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/internal/authn"
)

// bearer is the name of the security scheme in the OpenAPI document.
const bearer = "bearer"

// Authenticator makes an Actor of an Authorization header; *authn.Verifier is one. Its refusals are Unauthenticated.
type Authenticator interface {
	Actor(ctx context.Context, header string) (authn.Actor, error)
}

// Local is an Authenticator that takes everybody for one partner program with a right on all books. It is for a server
// without a key set, which must listen on loopback only: nothing else keeps strangers out.
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
		actor, err := s.Authenticator.Actor(ctx.Context(), ctx.Header("Authorization"))
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

// actorOf gives who sent the request; the zero Actor, which may do nothing, where nobody was authenticated.
func actorOf(ctx context.Context) authn.Actor {
	actor, _ := ctx.Value(actorKey{}).(authn.Actor)
	return actor
}
