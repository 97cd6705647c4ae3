package sign_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"exchequer/internal/sign"
)

const typ = "receipt+jwt"

func openKeys(t testing.TB) *sign.Keys {
	t.Helper()
	keys, err := sign.OpenKeys(filepath.Join(t.TempDir(), "keys"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func signed(t testing.TB, keys *sign.Keys, payload string) string {
	t.Helper()
	compact, err := keys.Sign(typ, []byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// encoded is base64url without padding.
func encoded(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func kidOf(t testing.TB, compact string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(compact, ".")[0])
	if err != nil {
		t.Fatal(err)
	}
	var h struct{ KID string }
	if err := json.Unmarshal(raw, &h); err != nil {
		t.Fatal(err)
	}
	return h.KID
}

func TestWhatIsSignedVerifiesByThePublishedSet(t *testing.T) {
	keys := openKeys(t)
	compact := signed(t, keys, `{"amount":100000}`)
	document := keys.Public().JSON()
	if strings.Contains(string(document), `"d"`) {
		t.Fatal("the published set holds a private key")
	}
	set, err := sign.ParseKeySet(document)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := set.Verify(compact, typ)
	if err != nil || string(payload) != `{"amount":100000}` {
		t.Errorf("payload %s, %v", payload, err)
	}
	if _, err := set.Verify(compact, "at+jwt"); !errors.Is(err, sign.ErrRefused) {
		t.Errorf("passed off as another type: %v", err)
	}
}

func TestMessagesThatAreRefused(t *testing.T) {
	keys := openKeys(t)
	good := signed(t, keys, `{"amount":100000}`)
	kid := kidOf(t, good)
	part := strings.Split(good, ".")
	withHeader := func(h string) string { return encoded(h) + "." + part[1] + "." + part[2] }
	flipped := []byte(good)
	flipped[len(flipped)-5] ^= 1
	for _, c := range []struct{ name, compact string }{
		{"empty", ""},
		{"other payload", part[0] + "." + encoded(`{"amount":1}`) + "." + part[2]},
		{"altered signature", string(flipped)},
		{"no signature", part[0] + "." + part[1] + "."},
		{"alg none", withHeader(`{"alg":"none","kid":"` + kid + `","typ":"` + typ + `"}`)},
		{"alg none, no signature", encoded(`{"alg":"none","kid":"`+kid+`","typ":"`+typ+`"}`) + "." + part[1] + "."},
		{"alg HS256 with the public key as secret", withHeader(`{"alg":"HS256","kid":"` + kid + `","typ":"` + typ + `"}`)},
		{"alg ES384", withHeader(`{"alg":"ES384","kid":"` + kid + `","typ":"` + typ + `"}`)},
		{"no alg", withHeader(`{"kid":"` + kid + `","typ":"` + typ + `"}`)},
		{"no kid", withHeader(`{"alg":"ES256","typ":"` + typ + `"}`)},
		{"alg in capitals only", withHeader(`{"ALG":"ES256","kid":"` + kid + `","typ":"` + typ + `"}`)},
		{"a header twice", withHeader(`{"alg":"ES256","alg":"none","kid":"` + kid + `","typ":"` + typ + `"}`)},
		{"kid not a string", withHeader(`{"alg":"ES256","kid":7,"typ":"` + typ + `"}`)},
		{"header not an object", withHeader(`[]`)},
		{"something after the header", withHeader(`{"alg":"ES256","kid":"` + kid + `","typ":"` + typ + `"} {}`)},
		{"jku", withHeader(`{"alg":"ES256","kid":"` + kid + `","typ":"` + typ + `","jku":"https://evil.example/keys"}`)},
		{"jwk", withHeader(`{"alg":"ES256","kid":"` + kid + `","typ":"` + typ + `","jwk":{}}`)},
		{"x5u", withHeader(`{"alg":"ES256","kid":"` + kid + `","typ":"` + typ + `","x5u":"https://evil.example"}`)},
		{"crit", withHeader(`{"alg":"ES256","kid":"` + kid + `","typ":"` + typ + `","crit":["b64"],"b64":false}`)},
		{"four parts", good + ".x"},
		{"padding", part[0] + "." + part[1] + "." + part[2] + "=="},
		{"line break", part[0] + "." + part[1] + "." + part[2] + "\n"},
		{"space before", " " + good},
		{"JSON serialization", fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, part[1], part[0], part[2])},
		{"too long", part[0] + "." + strings.Repeat("A", 1<<20) + "." + part[2]},
	} {
		if _, err := keys.Verify(c.compact, typ); !errors.Is(err, sign.ErrRefused) {
			t.Errorf("%s: %v, want a refusal", c.name, err)
		}
	}
	if _, err := keys.Verify(good, typ); err != nil {
		t.Errorf("the message they were made of: %v", err)
	}
}

func TestAnotherInstallationsKeyIsUnknown(t *testing.T) {
	compact := signed(t, openKeys(t), "{}")
	if _, err := openKeys(t).Verify(compact, typ); !errors.Is(err, sign.ErrUnknownKey) || !errors.Is(err, sign.ErrRefused) {
		t.Errorf("error %v, want unknown key", err)
	}
}

// wallClock is the machine's clock as a test sets it.
type wallClock struct{ at time.Time }

func (c *wallClock) now() time.Time { return c.at }

func TestRotation(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "keys")
	wall := &wallClock{at: time.Unix(1_700_000_000, 0)}
	keys, err := sign.OpenKeys(folder, wall.now)
	if err != nil {
		t.Fatal(err)
	}
	other, err := sign.OpenKeys(folder, wall.now) // another program on the same folder
	if err != nil {
		t.Fatal(err)
	}
	before := signed(t, keys, "{}")
	from, err := keys.Rotate()
	if err != nil || !from.Equal(wall.now().Add(sign.Lead)) {
		t.Fatalf("it signs from %s on: %v", from, err)
	}
	wall.at = wall.at.Add(time.Second)
	for name, k := range map[string]*sign.Keys{"the one that rotated": keys, "the other": other} {
		if n := strings.Count(string(k.Public().JSON()), `"kid"`); n != 2 || strings.Contains(string(k.Public().JSON()), "nbf") {
			t.Errorf("%s publishes %d keys: %s", name, n, k.Public().JSON())
		}
		if kidOf(t, signed(t, k, "{}")) != kidOf(t, before) {
			t.Errorf("%s signs with a key that banks do not have yet", name)
		}
	}
	wall.at = from
	after := signed(t, keys, "{}")
	if kidOf(t, before) == kidOf(t, after) {
		t.Error("the new key does not sign")
	}
	if _, err := keys.Verify(before, typ); err != nil {
		t.Errorf("signed before the rotation: %v", err)
	}
	if _, err := other.Verify(after, typ); err != nil {
		t.Errorf("by the other: %v", err)
	}
	if got := kidOf(t, signed(t, other, "{}")); got != kidOf(t, after) {
		t.Errorf("the other signs with %s, want the newest, %s", got, kidOf(t, after))
	}
	if entries, _ := os.ReadDir(folder); len(entries) != 2 {
		t.Errorf("files %v, want two keys and nothing left over", entries)
	}
}

func TestProgramsStartedTogetherShareTheFirstKey(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "keys")
	kids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range kids {
		wg.Go(func() {
			keys, err := sign.OpenKeys(folder, time.Now)
			if err != nil {
				t.Error(err)
				return
			}
			kids[i] = kidOf(t, signed(t, keys, "{}"))
		})
	}
	wg.Wait()
	for _, kid := range kids {
		if kid != kids[0] {
			t.Errorf("keys %v, want one", kids)
			break
		}
	}
}

func TestKeysThatOthersMayReadAreRefused(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "keys")
	if _, err := sign.OpenKeys(folder, time.Now); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(folder + "/*.jwk")
	if err != nil || len(files) != 1 {
		t.Fatalf("files %v, %v", files, err)
	}
	if info, _ := os.Stat(files[0]); info.Mode().Perm() != 0o600 {
		t.Errorf("key file has mode %v", info.Mode())
	}
	for path, modes := range map[string][2]os.FileMode{files[0]: {0o640, 0o600}, folder: {0o755, 0o700}} {
		os.Chmod(path, modes[0])
		if _, err := sign.OpenKeys(folder, time.Now); err == nil || !strings.Contains(err.Error(), "chmod") {
			t.Errorf("%s with mode %v: %v", path, modes[0], err)
		}
		os.Chmod(path, modes[1])
	}
	os.WriteFile(files[0], []byte(`{"kty":"EC","d":"secret"`), 0o600)
	if _, err := sign.OpenKeys(folder, time.Now); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a broken key file: %v", err)
	}
}

func TestKeySetsThatAreRefused(t *testing.T) {
	var own struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(openKeys(t).Public().JSON(), &own); err != nil {
		t.Fatal(err)
	}
	ec := string(own.Keys[0])
	var parts struct{ X, Y string }
	json.Unmarshal(own.Keys[0], &parts)
	key := func(format string, args ...any) string { return fmt.Sprintf(format, args...) }
	for _, c := range []struct{ name, keys string }{
		{"no keys", ``},
		{"a kid twice", ec + "," + ec},
		{"a symmetric key beside it", ec + `,{"kty":"oct","kid":"s","alg":"HS256","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`},
		{"a symmetric key for another use", ec + `,{"kty":"oct","kid":"s","use":"enc","alg":"A256KW","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`},
		{"a private key", key(`{"kty":"EC","crv":"P-256","kid":"p","alg":"ES256","x":%q,"y":%q,"d":"AAAA"}`, parts.X, parts.Y)},
		{"only for encryption", key(`{"kty":"EC","crv":"P-256","kid":"p","alg":"ES256","use":"enc","x":%q,"y":%q}`, parts.X, parts.Y)},
		{"only to sign with", key(`{"kty":"EC","crv":"P-256","kid":"p","alg":"ES256","key_ops":["sign"],"x":%q,"y":%q}`, parts.X, parts.Y)},
		{"no alg", key(`{"kty":"EC","crv":"P-256","kid":"p","x":%q,"y":%q}`, parts.X, parts.Y)},
		{"no kid", key(`{"kty":"EC","crv":"P-256","alg":"ES256","x":%q,"y":%q}`, parts.X, parts.Y)},
		{"an alg of another kind of key", key(`{"kty":"EC","crv":"P-256","kid":"p","alg":"PS256","x":%q,"y":%q}`, parts.X, parts.Y)},
		{"not on the curve", key(`{"kty":"EC","crv":"P-256","kid":"p","alg":"ES256","x":%q,"y":%q}`, parts.Y, parts.Y)},
		{"a member twice", key(`{"kty":"EC","kty":"EC","crv":"P-256","kid":"p","alg":"ES256","x":%q,"y":%q}`, parts.X, parts.Y)},
		{"not a key", `"key"`},
	} {
		if _, err := sign.ParseKeySet([]byte(`{"keys":[` + c.keys + `]}`)); err == nil {
			t.Errorf("%s: accepted", c.name)
		}
	}
	if _, err := sign.ParseKeySet([]byte(`{"keys":[` + ec + `]}`)); err != nil {
		t.Errorf("the key they were made of: %v", err)
	}
	if _, err := sign.ParseKeySet([]byte(`nothing`)); err == nil {
		t.Error("not JSON: accepted")
	}
}

func TestFileIsReadAgainWhenItChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	if _, err := sign.OpenFile(path, time.Now); err == nil {
		t.Fatal("a missing file was accepted")
	}
	wall := &wallClock{at: time.Now()}
	keys, err := sign.OpenKeys(filepath.Join(t.TempDir(), "keys"), wall.now)
	if err != nil {
		t.Fatal(err)
	}
	put := func(document []byte) {
		if err := os.WriteFile(path, document, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(keys.Public().JSON())
	file, err := sign.OpenFile(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	old := signed(t, keys, "{}")
	from, err := keys.Rotate()
	if err != nil {
		t.Fatal(err)
	}
	wall.at = from
	compact := signed(t, keys, "{}")
	if _, err := file.Verify(compact, typ); !errors.Is(err, sign.ErrUnknownKey) {
		t.Errorf("before the file changed: %v", err)
	}
	put([]byte(`{"keys":`)) // half-written
	if _, err := file.Verify(compact, typ); !errors.Is(err, sign.ErrUnknownKey) {
		t.Errorf("half-written file: %v", err)
	}
	if _, err := file.Verify(old, typ); err != nil {
		t.Errorf("a half-written file took the good keys away: %v", err)
	}
	put(keys.Public().JSON())
	if _, err := file.Verify(compact, typ); err != nil {
		t.Errorf("after the file changed: %v", err)
	}
}

// ownSet makes a published set of a key that these tests hold themselves.
func ed25519Set(t testing.TB) (ed25519.PrivateKey, *sign.KeySet) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := sign.ParseKeySet([]byte(fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"e","x":%q}]}`,
		base64.RawURLEncoding.EncodeToString(public))))
	if err != nil {
		t.Fatal(err)
	}
	return private, set
}

func TestEdDSASignedBySomebodyElse(t *testing.T) {
	private, set := ed25519Set(t)
	input := encoded(`{"alg":"EdDSA","kid":"e","typ":"`+typ+`"}`) + "." + encoded("{}")
	signature := ed25519.Sign(private, []byte(input))
	if payload, err := set.Verify(input+"."+encoded(string(signature)), typ); err != nil || string(payload) != "{}" {
		t.Errorf("payload %s, %v", payload, err)
	}
}

func TestAKeyOnAnotherCurveIsRefused(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	document := fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-384","alg":"ES256","kid":"k","x":%q,"y":%q}]}`,
		encoded(string(key.X.FillBytes(make([]byte, 48)))), encoded(string(key.Y.FillBytes(make([]byte, 48)))))
	if _, err := sign.ParseKeySet([]byte(document)); err == nil {
		t.Error("a P-384 key for ES256 was accepted")
	}
}
