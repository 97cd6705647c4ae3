package sign_test

import (
	"encoding/json"
	"errors"
	"maps"
	"testing"
	"time"

	"exchequer/internal/sign"
)

func TestClaims(t *testing.T) {
	at := time.Date(2025, 6, 2, 5, 0, 0, 0, time.UTC)
	want := sign.Expected{Issuer: "https://id.example", Audience: "exchequer", At: at}
	good := map[string]any{
		"iss": "https://id.example", "aud": "exchequer", "sub": "lan", "role": "treasury", "books": []string{"EVN"},
		"iat": at.Add(-time.Minute).Unix(), "exp": at.Add(time.Minute).Unix(),
	}
	for _, c := range []struct {
		name   string
		change map[string]any // nil removes
		err    error
	}{
		{"as it should be", nil, nil},
		{"for several", map[string]any{"aud": []string{"other", "exchequer"}}, nil},
		{"expired within the leeway", map[string]any{"exp": at.Add(-10 * time.Second).Unix()}, nil},
		{"expired", map[string]any{"exp": at.Add(-31 * time.Second).Unix()}, sign.ErrExpired},
		{"never expires", map[string]any{"exp": nil}, sign.ErrRefused},
		{"issued at no time", map[string]any{"iat": nil}, sign.ErrRefused},
		{"issued tomorrow", map[string]any{"iat": at.Add(24 * time.Hour).Unix()}, sign.ErrRefused},
		{"not before tomorrow", map[string]any{"nbf": at.Add(24 * time.Hour).Unix()}, sign.ErrRefused},
		{"another issuer", map[string]any{"iss": "https://id.evil.example"}, sign.ErrRefused},
		{"no issuer", map[string]any{"iss": nil}, sign.ErrRefused},
		{"for somebody else", map[string]any{"aud": "other"}, sign.ErrRefused},
		{"for several others", map[string]any{"aud": []string{"other"}}, sign.ErrRefused},
		{"for nobody", map[string]any{"aud": nil}, sign.ErrRefused},
		{"of nobody", map[string]any{"sub": nil}, sign.ErrRefused},
		{"time as text", map[string]any{"exp": "tomorrow"}, sign.ErrRefused},
		{"books as text", map[string]any{"books": "EVN"}, sign.ErrRefused},
	} {
		claims := maps.Clone(good)
		for name, value := range c.change {
			claims[name] = value
			if value == nil {
				delete(claims, name)
			}
		}
		payload, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		got, err := sign.ReadClaims(payload, want)
		if !errors.Is(err, c.err) || c.err == nil && err != nil {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		}
		if c.err == nil && (got.Subject != "lan" || got.Role != "treasury" || len(got.Books) != 1) {
			t.Errorf("%s: claims %+v", c.name, got)
		}
	}
}

func TestClaimsAreReadByTheirExactNamesAndOnce(t *testing.T) {
	at := time.Unix(1_750_000_000, 0)
	want := sign.Expected{Issuer: "i", Audience: "a", At: at}
	got, err := sign.ReadClaims([]byte(`{"iss":"i","aud":"a","sub":"s","iat":1750000000,"exp":1750000060,"role":"payer","Role":"treasury","ROLE":"treasury"}`), want)
	if err != nil || got.Role != "payer" {
		t.Errorf("role %q, %v: want payer", got.Role, err)
	}
	for _, payload := range []string{
		`{"iss":"i","aud":"a","sub":"s","sub":"admin","iat":1750000000,"exp":1750000060,"role":"payer"}`, `[]`, ``, `{`, `{} {}`,
	} {
		if _, err := sign.ReadClaims([]byte(payload), want); !errors.Is(err, sign.ErrRefused) {
			t.Errorf("%s: %v, want a refusal", payload, err)
		}
	}
}
