package sign

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// TokenType is the header typ of an access token (RFC 9068 section 2.1).
const TokenType = "at+jwt"

// leeway is how far two machines' clocks may differ.
const leeway = 30 * time.Second

// Claims are what an access token says (RFC 9068, with the roles and books of Exchequer). Times are whole seconds.
type Claims struct {
	Issuer   string    // iss
	Audience string    // aud; of a token for several, the one that was asked for
	Subject  string    // sub
	ID       string    // jti, may be empty
	Issued   time.Time // iat
	Expires  time.Time // exp
	Role     string    // role
	Books    []string  // books
}

// Expected is what a token must say to be accepted at a time.
type Expected struct {
	Issuer, Audience string
	At               time.Time
}

// claimsJSON is Claims on the wire.
type claimsJSON struct {
	Issuer    string   `json:"iss"`
	Audience  audience `json:"aud"`
	Subject   string   `json:"sub"`
	ID        string   `json:"jti,omitempty"`
	Issued    int64    `json:"iat"`
	NotBefore int64    `json:"nbf,omitempty"`
	Expires   int64    `json:"exp"`
	Role      string   `json:"role"`
	Books     []string `json:"books,omitempty"`
}

// audience is one string or a list of them (RFC 7519 section 4.1.3).
type audience []string

func (a audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

func (a *audience) UnmarshalJSON(raw []byte) error {
	if strings.HasPrefix(string(raw), "[") {
		return json.Unmarshal(raw, (*[]string)(a))
	}
	var one string
	err := json.Unmarshal(raw, &one)
	*a = audience{one}
	return err
}

// Token signs an access token. It is the token of the program's own keys: for `run`, which issues itself tokens, and
// for tests; elsewhere an identity provider issues them.
func (k *Keys) Token(c Claims) (string, error) {
	payload, err := json.Marshal(claimsJSON{
		Issuer: c.Issuer, Audience: audience{c.Audience}, Subject: c.Subject, ID: c.ID,
		Issued: c.Issued.Unix(), Expires: c.Expires.Unix(), Role: c.Role, Books: c.Books,
	})
	if err != nil {
		return "", fmt.Errorf("writing a token: %w", err)
	}
	return k.Sign(TokenType, payload)
}

// ReadClaims reads a token's payload whose signature has been checked, and checks what it says: issuer, audience and
// times (RFC 7519 section 4.1). The error joins ErrRefused; ErrExpired where only its time is over.
func ReadClaims(payload []byte, want Expected) (Claims, error) {
	members, err := readObject(payload)
	if err != nil {
		return Claims{}, refused("claims: %v", err)
	}
	var c claimsJSON
	err = members.pick(map[string]any{
		"iss": &c.Issuer, "aud": &c.Audience, "sub": &c.Subject, "jti": &c.ID, "iat": &c.Issued, "nbf": &c.NotBefore,
		"exp": &c.Expires, "role": &c.Role, "books": &c.Books,
	})
	if err != nil {
		return Claims{}, refused("claim %v", err)
	}
	at := want.At.Unix()
	slack := int64(leeway / time.Second)
	switch {
	case c.Issuer != want.Issuer || want.Issuer == "":
		return Claims{}, refused("the token is another issuer's")
	case !slices.Contains(c.Audience, want.Audience) || want.Audience == "":
		return Claims{}, refused("the token is for somebody else")
	case c.Subject == "":
		return Claims{}, refused("the token names no subject")
	case c.Expires == 0 || c.Issued == 0:
		return Claims{}, refused("the token must say when it was issued and when it expires")
	case c.Issued > at+slack || c.NotBefore > at+slack:
		return Claims{}, refused("the token is not valid yet")
	case at >= c.Expires+slack:
		return Claims{}, ErrExpired
	}
	return Claims{
		Issuer: c.Issuer, Audience: want.Audience, Subject: c.Subject, ID: c.ID,
		Issued: time.Unix(c.Issued, 0).UTC(), Expires: time.Unix(c.Expires, 0).UTC(), Role: c.Role, Books: c.Books,
	}, nil
}
