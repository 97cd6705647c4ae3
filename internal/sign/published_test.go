package sign_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"exchequer/internal/pg/pgtest"
	"exchequer/internal/sign"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// TestAKeyIsTheGatewaysWhileAServerPublishesIt: from a server's note on, while no server runs, and no longer when servers
// publish without it.
func TestAKeyIsTheGatewaysWhileAServerPublishesIt(t *testing.T) {
	pool := pgtest.New(t)
	now := time.Now()
	wall := func() time.Time { return now }
	open := func(folder string) *sign.Keys {
		keys, err := sign.OpenKeys(folder, wall)
		if err != nil {
			t.Fatal(err)
		}
		return keys
	}
	folder := filepath.Join(t.TempDir(), "keys")
	server, stranger := open(folder), open(filepath.Join(t.TempDir(), "keys"))
	note := func() {
		t.Helper()
		if err := server.Note(t.Context(), pool); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string, keys *sign.Keys, want bool) {
		t.Helper()
		if got, err := keys.Published(t.Context(), pool); err != nil || got != want {
			t.Errorf("%s: published %t, %v; want %t", when, got, err, want)
		}
	}
	want("before any server ran", server, false)
	note()
	want("its own", server, true)
	want("of another folder", stranger, false)
	copied := open(copyOf(t, folder))

	if _, err := server.Rotate(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(24 * time.Hour)
	want("a new one, that no server has published yet", server, false)
	note()
	want("the new one", server, true)
	want("the old one, in a copy", copied, true)
	if err := os.Remove(filepath.Join(folder, "000001.jwk")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Hour)
	want("the old one, while no server runs", copied, true)
	note()
	want("one that was taken back", copied, false)
	want("the new one, later", server, true)
}

// copyOf gives another folder with the same keys.
func copyOf(t *testing.T, folder string) string {
	t.Helper()
	other := filepath.Join(t.TempDir(), "keys")
	if err := os.CopyFS(other, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	for path, mode := range map[string]os.FileMode{other: 0o700, filepath.Join(other, "000001.jwk"): 0o600} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	return other
}
