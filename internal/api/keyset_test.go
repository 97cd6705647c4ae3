package api_test

import (
	"strings"
	"testing"

	"exchequer/internal/sign"
)

func TestAnybodyMayHaveTheKeysThatCheckSignatures(t *testing.T) {
	r := newRig(t)
	a := r.want(200, "GET", "/.well-known/jwks.json", "", "Authorization", "")
	if a.Header.Get("Content-Type") != "application/jwk-set+json" || !strings.HasPrefix(a.Header.Get("Cache-Control"), "public, max-age=") {
		t.Errorf("headers %v", a.Header)
	}
	if strings.Contains(string(a.body), `"d"`) {
		t.Fatal("the published set holds a private key")
	}
	compact, err := r.deps.Signer.Sign("quote+jwt", []byte(`{}`))
	r.must(err)
	set, err := sign.ParseKeySet(a.body)
	r.must(err)
	if _, err := set.Verify(compact, "quote+jwt"); err != nil {
		t.Errorf("what the program signs does not hold by the keys it publishes: %v", err)
	}
	if head := r.want(200, "HEAD", "/.well-known/jwks.json", ""); len(head.body) != 0 {
		t.Errorf("HEAD is answered %s", head.body)
	}
}
