// Package pgtest owns the databases that tests run on: real PostgreSQL, one fresh database a test.
//
// It guarantees that a test sees a fully migrated, otherwise empty database which no other test touches, through a pool
// that acts as the program's role; and that server, databases and folders are gone when the tests of the package end.
// It keeps nothing safe on disk, so it is not for measurements of durable speed.
package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/embedded"
	"exchequer/internal/pg"
)

// folderPrefix begins the name of each private server's folder; the number of the test process follows.
const folderPrefix = "exq-pgtest-"

var (
	mainCalled atomic.Bool
	databases  atomic.Int64
	sharedOnce = sync.OnceValues(open)
	opened     atomic.Pointer[server]
)

// server is the test process's server and its template.
type server struct {
	admin    *pgxpool.Pool
	url      string
	template string
	close    func()
}

// Main runs the package's tests and then stops the private server. Call it from TestMain; it exits the process.
func Main(m *testing.M) {
	mainCalled.Store(true)
	status := m.Run()
	if s := opened.Load(); s != nil {
		s.close()
	}
	os.Exit(status)
}

// New makes a fresh database from the migrated template and answers the program's pool on it. Both are gone when the
// test ends. Tests may run in parallel. Where PostgreSQL is not installed the test is skipped, or fails under CI=true.
// EXCHEQUER_TEST_DATABASE_URL names a server to use instead of a private one; its user must be able to create databases.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	if !mainCalled.Load() {
		t.Fatal("pgtest: add to this package's tests: func TestMain(m *testing.M) { pgtest.Main(m) }")
	}
	s, err := sharedOnce()
	if errors.Is(err, embedded.ErrNoBinaries) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	name := fmt.Sprintf("%s_%d", s.template, databases.Add(1))
	create := fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY wal_log", pgx.Identifier{name}.Sanitize(), pgx.Identifier{s.template}.Sanitize())
	if _, err := s.admin.Exec(ctx, create); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		// FORCE ends connections a test may have forgotten: they must not keep the other tests' server busy.
		if _, err := s.admin.Exec(ctx, fmt.Sprintf("DROP DATABASE %s WITH (FORCE)", pgx.Identifier{name}.Sanitize())); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	dsn, err := withDatabase(s.url, name)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pg.Open(ctx, dsn)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Owner answers a second pool on the same database, as the owner, who may do everything: for tests that tamper.
func Owner(t testing.TB, app *pgxpool.Pool) *pgxpool.Pool {
	t.Helper()
	cfg := app.Config()
	delete(cfg.ConnConfig.RuntimeParams, "role")
	cfg.AfterConnect = nil
	cfg.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// URL gives the owner's address of the pool's database, for code under test that opens its own pool.
func URL(t testing.TB, app *pgxpool.Pool) string {
	t.Helper()
	s, err := sharedOnce()
	if err != nil {
		t.Fatal(err)
	}
	dsn, err := withDatabase(s.url, app.Config().ConnConfig.Database)
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

// open starts the process's server and makes the template.
func open() (*server, error) {
	s := &server{url: os.Getenv("EXCHEQUER_TEST_DATABASE_URL"), template: fmt.Sprintf("exqt_%d", os.Getpid())}
	stop := func() {}
	if s.url == "" {
		var err error
		if s.url, stop, err = startPrivate(); err != nil {
			return nil, err
		}
	}
	if err := s.prepare(); err != nil {
		stop()
		return nil, err
	}
	s.close = func() {
		_, _ = s.admin.Exec(context.Background(), "DROP DATABASE "+s.template)
		s.admin.Close()
		stop()
	}
	opened.Store(s)
	return s, nil
}

// prepare migrates the template once: every test's database is a copy of it.
func (s *server) prepare() error {
	ctx := context.Background()
	var err error
	if s.admin, err = pgxpool.New(ctx, s.url); err != nil {
		return err
	}
	if _, err := s.admin.Exec(ctx, "CREATE DATABASE "+s.template); err != nil {
		return fmt.Errorf("pgtest: making the template: %w", err)
	}
	dsn, err := withDatabase(s.url, s.template)
	if err != nil {
		return err
	}
	return pg.Migrate(ctx, dsn)
}

func startPrivate() (dsn string, stop func(), err error) {
	sweep()
	// Not os.TempDir: the path of a socket is short by law of the system, and TMPDIR may be long.
	dir, err := os.MkdirTemp("/tmp", fmt.Sprintf("%s%d-", folderPrefix, os.Getpid()))
	if err != nil {
		return "", nil, err
	}
	// Run by root, the server is another user and must be able to pass.
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", nil, err
	}
	db, err := embedded.StartPostgres(context.Background(), embedded.PostgresOptions{
		Dir: filepath.Join(dir, "pg"), Throwaway: true, Settings: []string{"max_connections=400"},
	})
	if err != nil {
		os.RemoveAll(dir)
		return "", nil, err
	}
	return db.URL(), func() { db.Kill(); os.RemoveAll(dir) }, nil
}

// sweep removes folders of test processes that were killed before they could do it themselves.
func sweep() {
	found, _ := filepath.Glob("/tmp/" + folderPrefix + "*")
	for _, dir := range found {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), folderPrefix), "-")
		pid, err := strconv.Atoi(number)
		if err == nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			os.RemoveAll(dir)
		}
	}
}

// withDatabase gives the address with another database's name.
func withDatabase(dsn, name string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme == "" {
		return "", errors.New("pgtest: EXCHEQUER_TEST_DATABASE_URL must be a URL: postgres://user@host/database")
	}
	u.Path = "/" + name
	return u.String(), nil
}
