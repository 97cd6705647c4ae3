package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisServer is a private Redis: a process, or a substitute inside this program.
type redisServer interface {
	address() string
	Stop()
}

type redisOptions struct {
	dir    string
	former Addresses // of the last run on this folder, zero if unknown
	log    *slog.Logger
}

// redisProcess is a redis-server that ends with this program.
type redisProcess struct {
	redisOptions
	as       identity
	path     string
	password string
	port     int

	mu    sync.Mutex
	child *child
}

// startRedis starts redis-server, or miniredis where it is not installed. Losing what Redis holds loses no work, as
// PostgreSQL has it all; so the substitute, which keeps nothing, serves too.
func startRedis(ctx context.Context, o redisOptions) (redisServer, error) {
	r := &redisProcess{redisOptions: o, as: serverIdentity(), path: findRedis(), password: rand.Text()}
	if r.path == "" {
		o.log.Info("redis-server is not installed: a substitute inside the program is used")
		return startMiniredis(r.password)
	}
	if err := r.as.ownDir(o.dir); err != nil {
		return nil, err
	}
	if err := r.as.mayPass(o.dir); err != nil {
		return nil, err
	}
	if err := r.awaitPredecessor(ctx); err != nil {
		return nil, err
	}
	err := r.startOnFreePort(ctx)
	if err == nil || ctx.Err() != nil {
		return r, err
	}
	// A file the server refuses must not keep the program from starting: nothing in it is needed.
	o.log.Warn("Redis does not start on its data, which are put aside", "error", err, "aside", o.dir+".refused")
	if err := errors.Join(os.RemoveAll(o.dir+".refused"), os.Rename(o.dir, o.dir+".refused"), r.as.ownDir(o.dir)); err != nil {
		return nil, err
	}
	return r, r.startOnFreePort(ctx)
}

// startOnFreePort tries more than one port: between choosing it and using it somebody else may take it.
func (r *redisProcess) startOnFreePort(ctx context.Context) error {
	var err error
	for range 3 {
		if r.port, err = freePort(); err != nil {
			return err
		}
		if err = r.start(ctx); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (r *redisProcess) address() string {
	return fmt.Sprintf("redis://:%s@127.0.0.1:%d/0", r.password, r.port)
}

// Stop ends the server after it has written its file.
func (r *redisProcess) Stop() {
	if c := r.current(); c != nil {
		c.stop(syscall.SIGTERM, syscall.SIGKILL, stopPatience)
	}
}

func (r *redisProcess) current() *child {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.child
}

func (r *redisProcess) pid() int { return r.current().pid }

// config is read by the server from its standard input: a password on the command line could be seen by all users.
func (r *redisProcess) config() string {
	return strings.Join([]string{
		"bind 127.0.0.1",
		fmt.Sprintf("port %d", r.port),
		"requirepass " + r.password,
		fmt.Sprintf("dir %q", r.dir),
		"appendonly yes",
		"appendfsync everysec",
		`save ""`,
		// A queue that drops entries under memory pressure would drop them silently.
		"maxmemory-policy noeviction",
		"daemonize no",
		"",
	}, "\n")
}

// start runs the server on the address chosen and waits until it answers to the password, which makes it ours.
func (r *redisProcess) start(ctx context.Context) error {
	log, err := openLog(filepath.Join(r.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	c, err := start(command{
		path: r.path, args: []string{"-"}, dir: r.dir, output: log, as: r.as, stdin: strings.NewReader(r.config()),
		env: []string{"PATH=/usr/bin:/bin", "HOME=" + r.dir, "LC_ALL=C", "TZ=UTC"},
	})
	if err != nil {
		return err
	}
	if err := r.awaitReady(ctx, c); err != nil {
		c.stop(syscall.SIGTERM, syscall.SIGKILL, stopPatience)
		return err
	}
	r.mu.Lock()
	r.child = c
	r.mu.Unlock()
	return nil
}

func (r *redisProcess) awaitReady(ctx context.Context, c *child) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	client := redis.NewClient(&redis.Options{Addr: fmt.Sprintf("127.0.0.1:%d", r.port), Password: r.password, MaxRetries: -1})
	defer client.Close()
	for {
		if !c.alive() {
			return fmt.Errorf("redis-server ended before it was ready (%v), see %s", c.err, filepath.Join(r.dir, "log"))
		}
		if client.Ping(ctx).Err() == nil {
			return nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("Redis did not become ready, see %s: %w", filepath.Join(r.dir, "log"), err)
		}
	}
}

// awaitPredecessor waits for a Redis that a killed program left on the folder: two would write one file.
func (r *redisProcess) awaitPredecessor(ctx context.Context) error {
	deadline := time.Now().Add(retryPatience)
	for r.former.runsRedis() {
		if time.Now().After(deadline) {
			return fmt.Errorf("Redis with pid %d still runs on %s and does not stop: end it, then start again", r.former.RedisPID, r.dir)
		}
		_ = syscall.Kill(r.former.RedisPID, syscall.SIGTERM)
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func freePort() (int, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("no free port on the loopback interface: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
