package authn_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/internal/authn"
	"exchequer/internal/problem"
	"exchequer/internal/sign"
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

var realm = authn.Realm{Issuer: "https://id.example", Audience: "exchequer"}

func setUp(t *testing.T) (authn.Issuer, *authn.Verifier, *clock) {
	t.Helper()
	keys, err := sign.OpenKeys(filepath.Join(t.TempDir(), "keys"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{time.Date(2025, 6, 2, 5, 0, 0, 0, time.UTC)}
	return authn.Issuer{Keys: keys, Realm: realm, Clock: c, TTL: time.Hour}, authn.NewVerifier(keys, realm, c), c
}

func token(t *testing.T, i authn.Issuer, a authn.Actor) string {
	t.Helper()
	s, err := i.Token(a)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestABearerTokenGivesTheActor(t *testing.T) {
	issuer, verifier, _ := setUp(t)
	for _, want := range []authn.Actor{
		{ID: "citizen-7", Role: authn.Payer},
		{ID: "portal", Role: authn.Client, Books: []string{"*"}},
		{ID: "tuan", Role: authn.Officer, Books: []string{"HNI"}},
		{ID: "lan", Role: authn.Treasury, Books: []string{"EVN", "HNI"}},
		{ID: "tolls", Role: authn.Bookkeeper, Books: []string{"tolls"}},
	} {
		for _, scheme := range []string{"Bearer ", "bearer "} {
			got, err := verifier.Actor(t.Context(), scheme+token(t, issuer, want))
			if err != nil || got.ID != want.ID || got.Role != want.Role || !slices.Equal(got.Books, want.Books) {
				t.Errorf("actor %+v, %v; want %+v", got, err, want)
			}
		}
	}
}

func TestHeadersThatGiveNoActor(t *testing.T) {
	issuer, verifier, clock := setUp(t)
	lan := authn.Actor{ID: "lan", Role: authn.Treasury, Books: []string{"EVN"}}
	good := token(t, issuer, lan)
	foreign, _, _ := setUp(t)
	elsewhere := issuer
	elsewhere.Realm.Audience = "another-server"
	imposter := issuer
	imposter.Realm.Issuer = "https://id.evil.example"
	claims := sign.Claims{Issuer: realm.Issuer, Audience: realm.Audience, Subject: "x", Issued: clock.now, Expires: clock.now.Add(time.Hour)}
	custom := func(subject, role string) string {
		c := claims
		c.Subject, c.Role = subject, role
		s, err := issuer.Keys.Token(c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	receipt, err := issuer.Keys.Sign("receipt+jwt", []byte(`{"iss":"https://id.example","aud":"exchequer","sub":"lan","iat":1748840400,"exp":1748844000,"role":"treasury"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, header string }{
		{"none", ""},
		{"no token", "Bearer "},
		{"another scheme", "Basic " + good},
		{"token alone", good},
		{"two tokens", "Bearer " + good + " " + good},
		{"signed by nobody we know", "Bearer " + token(t, foreign, lan)},
		{"for another server", "Bearer " + token(t, elsewhere, lan)},
		{"of another issuer", "Bearer " + token(t, imposter, lan)},
		{"tampered", "Bearer " + strings.Replace(good, ".", ".A", 1)},
		{"the program's own role", "Bearer " + custom("lan", "system")},
		{"a role unknown here", "Bearer " + custom("lan", "root")},
		{"no role", "Bearer " + custom("lan", "")},
		{"the program's own name", "Bearer " + custom("exchequer:settlement", "treasury")},
		{"the payer of the pages", "Bearer " + custom("payer:web", "payer")},
		{"the client of a server without keys", "Bearer " + custom("local", "client")},
		{"another message of ours", "Bearer " + receipt},
		{"very long", "Bearer " + strings.Repeat("A", 1<<20)},
	} {
		a, err := verifier.Actor(t.Context(), c.header)
		if problem.CodeOf(err) != problem.Unauthenticated || a.ID != "" {
			t.Errorf("%s: actor %+v, %v; want unauthenticated", c.name, a, err)
		}
		if err != nil && (strings.Contains(err.Error(), "lan") || strings.Contains(err.Error(), "eyJ")) {
			t.Errorf("%s: the refusal repeats the token: %v", c.name, err)
		}
	}
	for range 2 { // the second time what it says is remembered
		if a, err := verifier.Actor(t.Context(), "Bearer "+good); err != nil || a.ID != lan.ID {
			t.Fatalf("%+v, %v", a, err)
		}
	}
	issued := clock.now
	clock.now = issued.Add(-time.Minute)
	if _, err := verifier.Actor(t.Context(), "Bearer "+good); problem.CodeOf(err) != problem.Unauthenticated {
		t.Errorf("before it was issued: %v", err)
	}
	clock.now = issued.Add(time.Hour + time.Minute)
	if _, err := verifier.Actor(t.Context(), "Bearer "+good); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("expired: %v", err)
	}
}

func TestNoTokenIsIssuedForTheProgram(t *testing.T) {
	issuer, _, _ := setUp(t)
	for _, a := range []authn.Actor{authn.Exchequer("settlement"), {Role: authn.Treasury}, {ID: "x"}} {
		if s, err := issuer.Token(a); err == nil {
			t.Errorf("%+v got %s", a, s)
		}
	}
}

func TestRequire(t *testing.T) {
	officer := authn.Actor{ID: "tuan", Role: authn.Officer, Books: []string{"HNI"}}
	for _, c := range []struct {
		name  string
		actor authn.Actor
		book  string
		roles []authn.Role
		want  problem.Code
	}{
		{"his role, his book", officer, "HNI", []authn.Role{authn.Treasury, authn.Officer}, ""},
		{"another role's", officer, "HNI", []authn.Role{authn.Treasury}, problem.Forbidden},
		{"another book", officer, "EVN", []authn.Role{authn.Officer}, problem.Forbidden},
		{"nobody", authn.Actor{}, "HNI", []authn.Role{authn.Officer}, problem.Unauthenticated},
		{"the program", authn.Exchequer("x"), "EVN", nil, ""},
		{"all books", authn.Actor{ID: "portal", Role: authn.Client, Books: []string{"*"}}, "EVN", []authn.Role{authn.Client}, ""},
	} {
		err := c.actor.Require(c.book, c.roles...)
		if c.want == "" && err != nil || c.want != "" && problem.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}
