package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	clusterUser  = "exchequer" // the cluster's owner: migrations run as it, the program acts as exchequer_app
	databaseName = "exchequer"
	socketPort   = "5432" // only part of the socket's file name: nothing listens on the network

	// maxSocketPath is what sun_path of a Unix socket address holds, less its end mark.
	maxSocketPath = 107

	startPatience = 120 * time.Second // recovery after a crash reads the log since the last checkpoint
	retryPatience = 30 * time.Second  // children of a killed postmaster need a moment to notice
	stopPatience  = 20 * time.Second
)

// PostgresOptions says where a private PostgreSQL lives and how it runs.
type PostgresOptions struct {
	// Dir holds the data, the log and the socket. It belongs to the server alone.
	Dir string
	// Throwaway turns everything off that guards the data against a crash. For tests only.
	Throwaway bool
	// Settings are further server settings, name=value.
	Settings []string
}

// Postgres is a private PostgreSQL server that ends with this program.
type Postgres struct {
	opts  PostgresOptions
	as    identity
	inst  installation
	mu    sync.Mutex
	child *child
}

// StartPostgres makes the cluster where there is none, starts a server on it and waits until it answers. It fails with
// ErrNoBinaries where PostgreSQL is not installed. The caller keeps two programs from starting on one Dir (see Start).
func StartPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	p := &Postgres{opts: o, as: serverIdentity()}
	if path := filepath.Join(p.socketDir(), ".s.PGSQL."+socketPort); len(path) > maxSocketPath {
		return nil, fmt.Errorf("the socket path %s is %d bytes long, the system allows %d: set EXCHEQUER_STATE to a shorter folder", path, len(path), maxSocketPath)
	}
	want, err := p.clusterMajor()
	if err != nil {
		return nil, err
	}
	if p.inst, err = findPostgres(want); err != nil {
		return nil, err
	}
	for _, dir := range []string{o.Dir, p.socketDir()} {
		if err := p.as.ownDir(dir); err != nil {
			return nil, err
		}
	}
	if err := p.as.mayPass(o.Dir); err != nil {
		return nil, err
	}
	if want == 0 {
		if err := p.initialise(); err != nil {
			return nil, err
		}
	}
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	if err := p.createDatabase(ctx); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// URL is the owner's address of the default database.
func (p *Postgres) URL() string { return p.databaseURL(databaseName) }

// Stop ends the server: a fast shutdown with a checkpoint, after 20 seconds an immediate one.
func (p *Postgres) Stop() {
	if c := p.current(); c != nil {
		c.stop(syscall.SIGINT, syscall.SIGQUIT, stopPatience)
	}
}

// Kill ends a throwaway server at once, without a checkpoint: nobody reads its data again.
func (p *Postgres) Kill() {
	if c := p.current(); c != nil {
		c.stop(syscall.SIGQUIT, syscall.SIGKILL, stopPatience)
	}
}

func (p *Postgres) databaseURL(name string) string {
	q := url.Values{"host": {p.socketDir()}, "port": {socketPort}, "sslmode": {"disable"}}
	return "postgres://" + clusterUser + "@/" + name + "?" + q.Encode()
}

func (p *Postgres) dataDir() string   { return filepath.Join(p.opts.Dir, "data") }
func (p *Postgres) socketDir() string { return filepath.Join(p.opts.Dir, "s") }
func (p *Postgres) logPath() string   { return filepath.Join(p.opts.Dir, "log") }

func (p *Postgres) current() *child {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.child
}

// clusterMajor gives the version that wrote the data, 0 where there are none yet.
func (p *Postgres) clusterMajor() (int, error) {
	text, err := os.ReadFile(filepath.Join(p.dataDir(), "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, folderError(p.dataDir(), err)
	}
	return parseMajor(string(text))
}

// initialise makes the cluster beside its final place and renames it, so that a half-made one is never started.
func (p *Postgres) initialise() error {
	p.sweepHalfMade()
	// A name of this process's own: an initdb whose program was killed lives on for a moment, and must not write into
	// the cluster that is made now.
	fresh := fmt.Sprintf("%s.new-%d", p.dataDir(), os.Getpid())
	if err := os.RemoveAll(fresh); err != nil {
		return folderError(fresh, err)
	}
	args := []string{"-D", fresh, "-U", clusterUser, "--auth=trust", "--encoding=UTF8", "--locale=C", "--data-checksums"}
	if p.opts.Throwaway {
		args = append(args, "--no-sync")
	}
	log, err := openLog(p.logPath())
	if err != nil {
		return err
	}
	defer log.Close()
	// trust is safe because the socket stands in a folder that only the servers' user (and root) can enter.
	if err := run(p.command("initdb", args, log)); err != nil {
		return fmt.Errorf("initdb failed: %w: %s", err, p.logTail())
	}
	return os.Rename(fresh, p.dataDir())
}

// sweepHalfMade removes what programs that were killed have left. What is still being written to stays until the next
// time.
func (p *Postgres) sweepHalfMade() {
	left, _ := filepath.Glob(p.dataDir() + ".new*") // the pattern is well-formed
	for _, dir := range left {
		_ = os.RemoveAll(dir)
	}
}

func (p *Postgres) createDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.databaseURL("postgres"))
	if err != nil {
		return fmt.Errorf("connecting to the server just started: %w", err)
	}
	defer conn.Close(ctx)
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", databaseName).Scan(&exists); err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+databaseName)
	return err
}
