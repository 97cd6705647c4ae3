package authn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
	"exchequer/internal/sign"
)

// Keys check the signature of a message of a media type and give its payload: a *sign.File (an identity provider's key
// set), a *sign.KeySet or the program's own *sign.Keys.
type Keys interface {
	Verify(compact, typ string) ([]byte, error)
}

// Realm is who issues tokens and for whom.
type Realm struct {
	Issuer   string // iss
	Audience string // aud
}

// Verifier makes an Actor of a bearer token.
type Verifier struct {
	keys  Keys
	realm Realm
	clock calendar.Clock

	mu   sync.RWMutex
	seen map[string]reading // by payload
}

// reading is what a payload said, and when that was first acceptable: it stays so until it expires. A caller sends the
// same token with each of thousands of requests, and to read it costs more than to read what it comes with.
type reading struct {
	claims sign.Claims
	since  time.Time
}

// mostReadings bounds what a Verifier remembers.
const mostReadings = 1024

// NewVerifier accepts tokens of one realm.
func NewVerifier(keys Keys, realm Realm, clock calendar.Clock) *Verifier {
	return &Verifier{keys: keys, realm: realm, clock: clock}
}

// fromToken are the roles a token may give. System is not one: nobody outside is the program itself.
var fromToken = []Role{Payer, Client, Officer, Treasury, Bookkeeper}

// maxToken bounds the header before anything of it is read.
const maxToken = 16 << 10

// Actor gives who sent the request, from its Authorization header (RFC 6750 section 2.1). Every refusal is
// Unauthenticated and says what to do; it holds nothing of the token.
func (v *Verifier) Actor(_ context.Context, authorizationHeader string) (Actor, error) {
	scheme, token, found := strings.Cut(authorizationHeader, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
		return Actor{}, problem.New(problem.Unauthenticated, "send the header Authorization: Bearer <token>")
	}
	payload, err := v.keys.Verify(token, sign.TokenType)
	if err != nil {
		return Actor{}, refusal(err)
	}
	c, err := v.claims(payload)
	if err != nil {
		return Actor{}, refusal(err)
	}
	if !slices.Contains(fromToken, Role(c.Role)) {
		return Actor{}, problem.New(problem.Unauthenticated, "the token names no role that is known here: payer, client, officer, treasury or bookkeeper")
	}
	// A subject like one of the program's own would pass for it in audit rows, and could read what it opened.
	if reserved(c.Subject) {
		return Actor{}, problem.New(problem.Unauthenticated, "the token's subject is reserved")
	}
	return Actor{ID: c.Subject, Role: Role(c.Role), Books: c.Books}, nil
}

// claims gives what a payload says whose signature holds.
func (v *Verifier) claims(payload []byte) (sign.Claims, error) {
	now := v.clock.Now()
	v.mu.RLock()
	r, ok := v.seen[string(payload)]
	v.mu.RUnlock()
	if ok && !now.Before(r.since) && now.Before(r.claims.Expires) {
		return r.claims, nil
	}
	c, err := sign.ReadClaims(payload, sign.Expected{Issuer: v.realm.Issuer, Audience: v.realm.Audience, At: now})
	if err != nil {
		return c, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.seen == nil || len(v.seen) >= mostReadings {
		v.seen = make(map[string]reading)
	}
	v.seen[string(payload)] = reading{c, now}
	return c, nil
}

func refusal(err error) error {
	switch {
	case errors.Is(err, sign.ErrExpired):
		return problem.New(problem.Unauthenticated, "the token has expired: get a new one")
	case errors.Is(err, sign.ErrUnknownKey):
		return problem.New(problem.Unauthenticated, "the token is signed with a key that is not known here: get a new one, or check EXCHEQUER_JWKS")
	case errors.Is(err, sign.ErrRefused):
		// The reason is fixed text of package sign: it quotes nothing of the token.
		return problem.New(problem.Unauthenticated, "the token is not accepted (%s): get one from this server's issuer", strings.TrimPrefix(err.Error(), sign.ErrRefused.Error()+": "))
	}
	return fmt.Errorf("checking a token: %w", err)
}

// Issuer makes tokens with the program's own keys: `run` issues itself tokens with it. Where an identity provider
// stands, it does this.
type Issuer struct {
	Keys  *sign.Keys
	Realm Realm
	Clock calendar.Clock
	TTL   time.Duration
}

// Token gives a bearer token for the actor, good from now for the issuer's TTL. The program itself has none.
func (i Issuer) Token(actor Actor) (string, error) {
	if !slices.Contains(fromToken, actor.Role) || actor.ID == "" {
		return "", fmt.Errorf("no token is issued for role %q", actor.Role)
	}
	now := i.Clock.Now()
	return i.Keys.Token(sign.Claims{
		Issuer: i.Realm.Issuer, Audience: i.Realm.Audience, Subject: actor.ID,
		Issued: now, Expires: now.Add(i.TTL), Role: string(actor.Role), Books: actor.Books,
	})
}
