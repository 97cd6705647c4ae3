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
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/embedded"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest/scratch"
)

// clusterDatabase is the default database of a private cluster, which is the template there.
const clusterDatabase = "exchequer"

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
// EXCHEQUER_TEST_DATABASE_URL names a server to use instead of a private one; its user must be able to create databases. Where
// its database has the extension citus, the ledger's tables are distributed by book.
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
	// file_copy asks for checkpoints, which are nothing without fsync; wal_log writes every page twice.
	create := fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s STRATEGY file_copy", pgx.Identifier{name}.Sanitize(), pgx.Identifier{s.template}.Sanitize())
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

// open starts the process's server, or makes the template on the server that the environment names.
func open() (*server, error) {
	dsn, start := os.Getenv("EXCHEQUER_TEST_DATABASE_URL"), openGiven
	if dsn == "" {
		start = startPrivate
	}
	s, err := start(dsn)
	if err == nil {
		opened.Store(s)
	}
	return s, err
}

// openGiven migrates a template on a server that others use too; every test's database is a copy of it.
func openGiven(dsn string) (*server, error) {
	ctx := context.Background()
	admin, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return nil, err
	}
	s := &server{admin: admin, url: dsn, template: fmt.Sprintf("exqt_%d", os.Getpid())}
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+s.template); err != nil {
		admin.Close()
		return nil, fmt.Errorf("pgtest: making the template: %w", err)
	}
	s.close = func() {
		_, _ = admin.Exec(context.Background(), "DROP DATABASE "+s.template)
		admin.Close()
	}
	if err := s.makeTemplate(ctx); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// makeTemplate migrates the template and, where the given database has Citus, spreads the ledger in it. The template is
// copied as one database: that works where Citus keeps its shards on the server it is asked on.
func (s *server) makeTemplate(ctx context.Context) error {
	dsn, err := withDatabase(s.url, s.template)
	if err != nil {
		return err
	}
	template, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer template.Close(ctx) // who is connected to a template keeps it from being copied
	var citus bool
	if err := s.admin.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')`).Scan(&citus); err != nil {
		return err
	}
	if citus {
		if _, err := template.Exec(ctx, `CREATE EXTENSION IF NOT EXISTS citus`); err != nil {
			return fmt.Errorf("pgtest: %w", err)
		}
	}
	if err := pg.Migrate(ctx, dsn); err != nil {
		return err
	}
	return distribute(ctx, template)
}

// startPrivate runs a server of this process's own; the cluster's default database is the template.
func startPrivate(string) (*server, error) {
	dir, err := scratch.New("exq-pgtest-")
	if err != nil {
		return nil, err
	}
	s, err := startIn(filepath.Join(dir, "pg"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	stop := s.close
	s.close = func() { stop(); os.RemoveAll(dir) }
	return s, nil
}

func startIn(dir string) (*server, error) {
	if err := layCluster(dir); err != nil {
		return nil, err
	}
	ctx := context.Background()
	db, err := embedded.StartPostgres(ctx, embedded.PostgresOptions{
		Dir: dir, Throwaway: true, Settings: []string{"max_connections=400"},
	})
	if err != nil {
		return nil, err
	}
	// Not the template's own address: who is connected to a template keeps it from being copied.
	address, err := withDatabase(db.URL(), "postgres")
	if err != nil {
		db.Kill()
		return nil, err
	}
	admin, err := pgxpool.New(ctx, address)
	if err != nil {
		db.Kill()
		return nil, err
	}
	return &server{admin: admin, url: db.URL(), template: clusterDatabase, close: func() { admin.Close(); db.Kill() }}, nil
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
