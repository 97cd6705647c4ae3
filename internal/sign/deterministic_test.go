package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"
	"path/filepath"
	"testing"
	"time"
)

// The vectors of RFC 6979 A.2.5 (P-256) with SHA-256.
func TestSignaturesAreThoseOfRFC6979(t *testing.T) {
	secret, err := hex.DecodeString("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret)
	if err != nil {
		t.Fatal(err)
	}
	for message, want := range map[string][2]string{
		"sample": {"EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716", "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"},
		"test":   {"F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367", "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083"},
	} {
		digest := sha256.Sum256([]byte(message))
		// jwx hands every signer a source of randomness: it must change nothing.
		raw, err := deterministic{key}.Sign(rand.Reader, digest[:], crypto.SHA256)
		if err != nil {
			t.Fatal(err)
		}
		var s struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		if got := [2]string{fmt.Sprintf("%064X", s.R), fmt.Sprintf("%064X", s.S)}; got != want {
			t.Errorf("%s: %v, want %v", message, got, want)
		}
	}
}

func TestTheSameMessageHasOneSignature(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "keys")
	var seen []string
	for range 2 { // another program on the same keys signs alike
		keys, err := OpenKeys(folder, time.Now)
		if err != nil {
			t.Fatal(err)
		}
		for _, payload := range []string{`{"a":1}`, `{"a":1}`, `{"a":2}`} {
			compact, err := keys.Sign("quote+jwt", []byte(payload))
			if err != nil {
				t.Fatal(err)
			}
			seen = append(seen, compact)
		}
	}
	if seen[0] != seen[1] || seen[0] != seen[3] || seen[0] == seen[2] {
		t.Errorf("signed: %q", seen)
	}
}
