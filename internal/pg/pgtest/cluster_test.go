package pgtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"exchequer/internal/embedded"
	"exchequer/internal/pg/pgtest/scratch"
)

func TestMain(m *testing.M) { Main(m) }

// TestOneOfManyMakesTheCluster lets several processes' worth of callers start at once on an empty cache.
func TestOneOfManyMakesTheCluster(t *testing.T) {
	if _, err := embedded.PostgresMajor(); errors.Is(err, embedded.ErrNoBinaries) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	home := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", home)
	dir, err := scratch.New("exq-pgtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	var all sync.WaitGroup
	for n := range 3 {
		all.Go(func() {
			if err := layCluster(filepath.Join(dir, fmt.Sprint(n))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	kept, _ := filepath.Glob(filepath.Join(home, "exchequer-test", "pg*"))
	if len(kept) != 1 {
		t.Fatalf("kept %v, want one cluster", kept)
	}
	logs, _ := filepath.Glob(filepath.Join(dir, "*", "log")) // initdb's and the server's
	if len(logs) != 1 {
		t.Errorf("%d callers made a cluster, want one", len(logs))
	}
	for n := range 3 {
		if _, err := os.Stat(filepath.Join(dir, fmt.Sprint(n), "data", "PG_VERSION")); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(dir, fmt.Sprint(n), "data", "postmaster.pid")); err == nil {
			t.Error("a cluster was copied while a server ran on it")
		}
	}
}

func TestWithoutACacheEachMakesItsOwn(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/dev/null/nowhere")
	s, err := startPrivate("")
	if errors.Is(err, embedded.ErrNoBinaries) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var migrated bool
	if err := s.admin.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'exchequer_app')").Scan(&migrated); err != nil || !migrated {
		t.Errorf("migrated: %v, %v", migrated, err)
	}
}

func TestTheLastUsedClustersStay(t *testing.T) {
	c := cache{t.TempDir()}
	for n, name := range []string{"pg15-oldest", "pg15-old", "pg16-new", "pg16-newest", "pg16-half" + newSuffix} {
		path := filepath.Join(c.dir, name)
		used := time.Date(2025, 6, 1+n, 0, 0, 0, 0, time.UTC)
		if err := errors.Join(os.Mkdir(path, 0o700), os.Chtimes(path, used, used)); err != nil {
			t.Fatal(err)
		}
	}
	c.sweep()
	left, _ := filepath.Glob(filepath.Join(c.dir, "*"))
	if len(left) != 2 || filepath.Base(left[0]) != "pg16-new" || filepath.Base(left[1]) != "pg16-newest" {
		t.Errorf("left: %v; want the two last used, and a place for one more", left)
	}
}
