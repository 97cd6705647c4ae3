package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

func TestServersOutliveEveryKindOfEnd(t *testing.T) {
	t.Parallel()
	for name, h := range hosts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := h.start(t)
			p.exec(t, "CREATE TABLE kept (id int)")
			p.exec(t, "INSERT INTO kept VALUES (1)")
			if err := p.queue(t).Set(t.Context(), "kept", "1", 0).Err(); err != nil {
				t.Fatal(err)
			}
			p.stop(t)

			p = h.start(t)
			if got := p.count(t); got != 1 {
				t.Errorf("%d rows after an orderly stop, want 1", got)
			}
			if got, err := p.queue(t).Get(t.Context(), "kept").Result(); err != nil || got != "1" {
				t.Errorf("Redis kept %q, %v after an orderly stop", got, err)
			}
			p.exec(t, "INSERT INTO kept VALUES (2)")
			postmaster := p.postmaster()
			p.kill()
			eventually(t, "the servers end with a killed program", func() error {
				if processExists(postmaster) || p.runsRedis() {
					return errors.New("still there")
				}
				return nil
			})

			p = h.start(t)
			if got := p.count(t); got != 2 {
				t.Errorf("%d rows after kill -9 of the program, want 2", got)
			}
			p.kill() // and at once again: the server is still stopping
			p = h.start(t)
			if got := p.count(t); got != 2 {
				t.Errorf("%d rows after a start beside the stopping server, want 2", got)
			}
			p.stop(t)
		})
	}
}

func TestKilledServersAreStartedAgain(t *testing.T) {
	t.Parallel()
	for name, h := range hosts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := h.start(t)
			p.exec(t, "CREATE TABLE kept (id int)")
			p.exec(t, "INSERT INTO kept VALUES (1)")
			pool, err := pgxpool.New(t.Context(), p.DatabaseURL)
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			for range 2 {
				eventually(t, "a pool opened before finds the server again", func() error { return pool.Ping(t.Context()) })
				former := p.postmaster()
				if err := syscall.Kill(former, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				if got := p.count(t); got != 1 {
					t.Errorf("%d rows after kill -9 of PostgreSQL, want 1", got)
				}
				if p.postmaster() == former {
					t.Error("the killed server still answers")
				}
			}
			if p.RedisPID != 0 {
				if err := syscall.Kill(p.RedisPID, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				queue := p.queue(t)
				eventually(t, "Redis answers on the same address", func() error { return queue.Ping(t.Context()).Err() })
				eventually(t, "its new pid is written down", func() error {
					if a, err := readAddresses(h.dir); err != nil || a.RedisPID == p.RedisPID {
						return fmt.Errorf("pid %d, %w", a.RedisPID, err)
					}
					return nil
				})
			}
			p.stop(t)
		})
	}
}

func TestSecondStartIsRefused(t *testing.T) {
	t.Parallel()
	h := newHost(t, os.Geteuid())
	p := h.start(t)
	_, err := h.try(t)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("pid %d;", p.cmd.Process.Pid)) || !strings.Contains(err.Error(), "EXCHEQUER_STATE") {
		t.Errorf("second start: %v; it must name the program that holds the folder and the way out", err)
	}
	if _, err := Start(t.Context(), Options{StateDir: h.dir}); !errors.Is(err, ErrLocked) {
		t.Errorf("second start: %v, want ErrLocked", err)
	}
	a, running := Running(h.dir)
	if !running || a.DatabaseURL != p.DatabaseURL || a.RedisURL != p.RedisURL {
		t.Errorf("Running = %+v, %v", a, running)
	}
	p.stop(t)
	if a, running := Running(h.dir); running {
		t.Errorf("nothing runs, but Running = %+v", a)
	}
}

func TestGivenServersAreNotStarted(t *testing.T) {
	dir := t.TempDir()
	s, err := Start(t.Context(), Options{StateDir: dir, DatabaseURL: "postgres://a/b", RedisURL: "redis://c/0"})
	if err != nil {
		t.Fatal(err)
	}
	if s.DatabaseURL() != "postgres://a/b" || s.RedisURL() != "redis://c/0" || s.postgres != nil || s.redis != nil {
		t.Errorf("%s %s", s.DatabaseURL(), s.RedisURL())
	}
	if _, err := Start(t.Context(), Options{StateDir: dir, DatabaseURL: "postgres://a/b", RedisURL: "redis://c/0"}); !errors.Is(err, ErrLocked) {
		t.Errorf("two programs on one state folder: %v", err)
	}
	for range 2 {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	}
}

// given names a database, so that only Redis is started.
func given(dir string) Options { return Options{StateDir: dir, DatabaseURL: "postgres://a/b"} }

func TestRedisAbsent(t *testing.T) {
	t.Setenv("PATH", "/nowhere")
	s, err := Start(t.Context(), given(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.redis.(*substitute); !ok {
		t.Fatalf("a %T runs", s.redis)
	}
	queue := (&program{Addresses: Addresses{RedisURL: s.RedisURL()}}).queue(t)
	if err := queue.Set(t.Context(), "lock", "1", 50*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the lock expires", func() error {
		if n := queue.Exists(t.Context(), "lock").Val(); n != 0 {
			return errors.New("still held")
		}
		return nil
	})
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}

func TestRefusedRedisDataArePutAside(t *testing.T) {
	h := newHost(t, os.Geteuid())
	if findRedis() == "" {
		t.Skip("redis-server is not installed")
	}
	files := filepath.Join(h.dir, "redis", "appendonlydir")
	if err := os.MkdirAll(files, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(files, "appendonly.aof.manifest"), []byte("nonsense\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Start(t.Context(), given(h.dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := (&program{Addresses: Addresses{RedisURL: s.RedisURL()}}).queue(t).Ping(t.Context()).Err(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(h.dir, "redis.refused", "appendonlydir")); err != nil {
		t.Error(err)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
}
