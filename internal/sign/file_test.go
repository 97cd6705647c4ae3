package sign_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"exchequer/internal/sign"
)

// Whoever stole a key signs with a kid that is known: only a look at the file tells that it was taken back.
func TestAKeyTakenOutOfTheFileOpensNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jwks.json")
	put := func(document []byte) {
		if err := os.WriteFile(path, document, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stolen, kept := openKeys(t), openKeys(t)
	put(stolen.Public().JSON())
	now := time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)
	file, err := sign.OpenFile(path, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	compact := signed(t, stolen, "{}")
	token, err := stolen.Sign(sign.TokenType, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time the token is remembered
		_, err := file.Verify(compact, typ)
		_, errToken := file.Verify(token, sign.TokenType)
		if err != nil || errToken != nil {
			t.Fatalf("before it was removed: %v, %v", err, errToken)
		}
	}
	if _, err := file.Verify(token, typ); !errors.Is(err, sign.ErrRefused) {
		t.Errorf("a token that is remembered, as another message: %v", err)
	}
	if _, err := file.Verify(token+"A", sign.TokenType); !errors.Is(err, sign.ErrRefused) {
		t.Errorf("what only begins like it: %v", err)
	}
	put(append(kept.Public().JSON(), '\n')) // another size, for file systems that keep no fine times
	now = now.Add(time.Second)
	if _, err := file.Verify(compact, typ); !errors.Is(err, sign.ErrUnknownKey) {
		t.Errorf("a second after it was removed: %v, want ErrUnknownKey", err)
	}
	if _, err := file.Verify(token, sign.TokenType); !errors.Is(err, sign.ErrUnknownKey) {
		t.Errorf("a token, a second after it was removed: %v, want ErrUnknownKey", err)
	}
	if _, err := file.Verify(signed(t, kept, "{}"), typ); err != nil {
		t.Errorf("the key that is on file: %v", err)
	}
}
