package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"exchequer/internal/embedded"
	"exchequer/internal/pg"
	ledgermigrations "exchequer/ledger/migrations"
	"exchequer/migrations"
)

// keptClusters is how many migrated clusters stay in the cache, the last used ones: a person goes to and fro between a
// few versions of the schema. One is 40 MB.
const keptClusters = 3

// layCluster puts a stopped cluster whose default database is migrated into dir. Making one takes a second or two of a
// processor, so it is made once for a version of PostgreSQL and of the migrations, kept in the user's cache folder and
// copied from there. Without such a folder each process makes its own.
func layCluster(dir string) error {
	key, err := clusterKey()
	if err != nil {
		return err
	}
	cache, err := openCache()
	if err != nil {
		return makeCluster(dir)
	}
	return cache.lay(key, dir)
}

// clusterKey names what a kept cluster depends on.
func clusterKey() (string, error) {
	major, err := embedded.PostgresMajor()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, set := range []fs.FS{migrations.FS, ledgermigrations.FS} {
		err := fs.WalkDir(set, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(set, path)
			fmt.Fprintf(sum, "%s %d\n%s", path, len(text), text)
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("pg%d-%s", major, hex.EncodeToString(sum.Sum(nil)[:8])), nil
}

func makeCluster(dir string) error {
	ctx := context.Background()
	db, err := embedded.StartPostgres(ctx, embedded.PostgresOptions{Dir: dir, Throwaway: true})
	if err != nil {
		return err
	}
	defer db.Stop()
	return pg.Migrate(ctx, db.URL())
}

// cache is a folder of clusters. Its lock is shared by those who copy and held alone by the one who makes or removes;
// the kernel gives it free when a process ends, however it ends.
type cache struct{ dir string }

func openCache() (cache, error) {
	home, err := os.UserCacheDir()
	if err != nil {
		return cache{}, err
	}
	// Only its owner may write there: what is copied from it is run.
	dir := filepath.Join(home, "exchequer-test")
	return cache{dir}, os.MkdirAll(dir, 0o700)
}

func (c cache) lay(key, dir string) error {
	kept := filepath.Join(c.dir, key)
	for _, how := range []int{syscall.LOCK_SH, syscall.LOCK_EX} {
		unlock, err := c.lock(how)
		if err != nil {
			return makeCluster(dir)
		}
		defer unlock()
		if _, err := os.Stat(kept); err == nil {
			now := time.Now()
			_ = os.Chtimes(kept, now, now) // when it was last used
			if err := copyTree(kept, filepath.Join(dir, "data")); err != nil {
				return fmt.Errorf("pgtest: copying %s, which may be removed: %w", kept, err)
			}
			return nil
		}
		if how == syscall.LOCK_SH {
			unlock() // two who share it cannot both have it alone
		}
	}
	if err := makeCluster(dir); err != nil {
		return err
	}
	c.sweep()
	// The copy is renamed when it is whole. A cache that cannot be written costs time and nothing else.
	fresh := kept + newSuffix
	if copyTree(filepath.Join(dir, "data"), fresh) != nil || os.Rename(fresh, kept) != nil {
		_ = os.RemoveAll(fresh)
	}
	return nil
}

const newSuffix = ".new"

// sweep removes half copies, and the clusters not used for longest so that one more has its place.
func (c cache) sweep() {
	found, _ := filepath.Glob(filepath.Join(c.dir, "pg*"))
	used := map[string]time.Time{}
	for _, path := range found {
		if info, err := os.Stat(path); err == nil && !strings.HasSuffix(path, newSuffix) {
			used[path] = info.ModTime()
		}
	}
	slices.SortFunc(found, func(a, b string) int { return used[b].Compare(used[a]) })
	for i, path := range found {
		if strings.HasSuffix(path, newSuffix) || i >= keptClusters-1 {
			_ = os.RemoveAll(path)
		}
	}
}

func (c cache) lock(how int) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(c.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f, how); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}

// flock waits for the lock; a signal (the runtime sends them to itself) begins the wait anew.
func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// copyTree copies a folder with owners and modes.
func copyTree(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
