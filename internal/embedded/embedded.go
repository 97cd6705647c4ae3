// Package embedded owns the private PostgreSQL and Redis that Exchequer starts when it is given no servers.
//
// It guarantees that the data outlive the program and a crash of either (PostgreSQL writes through, Redis within a
// second), that a server which dies is started again on the same address, that servers end with the program however
// that ends, and that two programs never share a state folder. It is not for a database of several machines: there
// EXCHEQUER_DATABASE_URL and EXCHEQUER_REDIS_URL name servers that somebody looks after.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
)

// Options says where the servers live and which of them are needed.
type Options struct {
	// StateDir holds everything that outlives the program; "" means DefaultStateDir.
	StateDir string
	// DatabaseURL and RedisURL name servers that run already: the one that is set is not started.
	DatabaseURL string
	RedisURL    string
	// NoRedis leaves Redis out: who carries no wake-ups needs none.
	NoRedis bool
	// Log gets what happens to the servers; nil means slog.Default.
	Log *slog.Logger
}

// Servers are the running servers, private or given. Stop must be called.
type Servers struct {
	stateDir    string
	databaseURL string
	redisURL    string

	mu       sync.Mutex // guards the written addresses
	lock     *folderLock
	postgres *Postgres
	redis    redisServer
	watchers sync.WaitGroup
	quit     context.CancelFunc
	stopOnce sync.Once
	stopErr  error
	log      *slog.Logger
}

// DefaultStateDir is EXCHEQUER_STATE, else /var/lib/exchequer for root, else the user's state folder (XDG base
// directory specification: XDG_STATE_HOME, by default ~/.local/state).
func DefaultStateDir() (string, error) {
	if dir := os.Getenv("EXCHEQUER_STATE"); dir != "" {
		return filepath.Abs(dir)
	}
	if os.Geteuid() == 0 {
		return "/var/lib/exchequer", nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "exchequer"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home folder to keep the state in, set EXCHEQUER_STATE: %w", err)
	}
	return filepath.Join(home, ".local", "state", "exchequer"), nil
}

// Start takes the state folder for this program and starts the servers that Options does not name. It fails with
// ErrLocked when another program holds the folder and with ErrNoBinaries when PostgreSQL is not installed. The folder is
// taken even if both servers are given: what else the program keeps in it must not be shared either.
func Start(ctx context.Context, o Options) (*Servers, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	dir, err := resolve(o.StateDir)
	if err != nil {
		return nil, err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	s := &Servers{stateDir: dir, databaseURL: o.DatabaseURL, redisURL: o.RedisURL, lock: lock, log: o.Log}
	watch, quit := context.WithCancel(context.WithoutCancel(ctx))
	s.quit = quit
	if err := s.startAll(ctx, watch, !o.NoRedis); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// resolve makes the state folder and gives its real path: servers are recognised by the folder on their command line.
func resolve(dir string) (string, error) {
	if dir == "" {
		var err error
		if dir, err = DefaultStateDir(); err != nil {
			return "", err
		}
	}
	if err := makeStateDir(dir); err != nil {
		return "", folderError(dir, err)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", folderError(dir, err)
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return "", folderError(dir, err)
	}
	return abs, nil
}

// makeStateDir makes the folder private, except for root, whose servers are another user and must pass through it
// whatever the umask.
func makeStateDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil || os.Geteuid() != 0 {
		return err
	}
	return os.Chmod(dir, 0o711)
}

func (s *Servers) startAll(ctx, watch context.Context, withRedis bool) error {
	before, _ := readAddresses(s.stateDir)
	if s.databaseURL == "" {
		p, err := StartPostgres(ctx, PostgresOptions{Dir: filepath.Join(s.stateDir, "postgres")})
		if err != nil {
			return err
		}
		s.postgres, s.databaseURL = p, p.URL()
		s.watch(watch, "PostgreSQL", p)
	}
	if withRedis && s.redisURL == "" {
		r, err := startRedis(ctx, redisOptions{dir: filepath.Join(s.stateDir, "redis"), former: before, log: s.log})
		if err != nil {
			return err
		}
		s.redis, s.redisURL = r, r.address()
		if p, ok := r.(*redisProcess); ok {
			s.watch(watch, "Redis", p)
		}
	}
	return s.writeAddresses()
}

// DatabaseURL is the owner's address of the database.
func (s *Servers) DatabaseURL() string { return s.databaseURL }

// RedisURL is Redis's address, with its password where the server is a private one.
func (s *Servers) RedisURL() string { return s.redisURL }

// StateDir is the folder this program holds until Stop; what else must outlive the program belongs there.
func (s *Servers) StateDir() string { return s.stateDir }

// Stop ends the private servers, cleanly, and gives the state folder free. Servers that were given are left alone. It
// may be called again.
func (s *Servers) Stop() error {
	s.stopOnce.Do(func() {
		// First the watchers: they would start again what is stopped here.
		s.quit()
		s.watchers.Wait()
		if s.redis != nil {
			s.redis.Stop()
		}
		if s.postgres != nil {
			s.postgres.Stop()
		}
		s.stopErr = errors.Join(removeAddresses(s.stateDir), s.lock.release())
	})
	return s.stopErr
}
