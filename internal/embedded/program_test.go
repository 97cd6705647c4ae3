package embedded

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"exchequer/internal/pg/pgtest/scratch"
)

// programMode makes the test binary play a program that holds the servers, so that tests can kill it.
const programMode = "EXCHEQUER_EMBEDDED_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programMode) != "" {
		os.Exit(playProgram())
	}
	os.Exit(m.Run())
}

// playProgram starts the servers in EXCHEQUER_STATE, prints their addresses and keeps them until its input ends.
func playProgram() int {
	s, err := Start(context.Background(), Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	a, _ := readAddresses(s.StateDir())
	_ = json.NewEncoder(os.Stdout).Encode(a)
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := s.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// host is a folder and a user for programs to run on.
type host struct {
	dir    string
	binary string
	uid    int
}

// hosts gives root and a plain user to root, and the caller alone to everybody else.
func hosts(t *testing.T) map[string]host {
	t.Helper()
	if os.Geteuid() != 0 {
		return map[string]host{"plain user": newHost(t, os.Geteuid())}
	}
	return map[string]host{"root": newHost(t, 0), "plain user": newHost(t, nobodyID)}
}

func newHost(t *testing.T, uid int) host {
	t.Helper()
	if _, err := findPostgres(0); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	// Not t.TempDir: its path is too long for a socket, and it lets no other user pass.
	dir, err := scratch.New("exq-embedded-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	h := host{dir: filepath.Join(dir, "state"), binary: copyProgram(t), uid: uid}
	for _, step := range []error{os.Chmod(dir, 0o755), os.Mkdir(h.dir, 0o755), os.Chown(h.dir, uid, -1)} {
		if step != nil {
			t.Fatal(step)
		}
	}
	return h
}

// copyProgram puts the test binary where every user can run it: in memory nothing may run on some systems.
func copyProgram(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "exq-program-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	self, err := os.Executable()
	if err := errors.Join(err, os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "program")
	if os.Link(self, to) == nil {
		return to
	}
	text, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(to, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// program is a running program with its servers.
type program struct {
	Addresses
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	dir    string
	errors *strings.Builder
}

// try starts a program; its error is what the program said before it gave up.
func (h host) try(t *testing.T) (*program, error) {
	t.Helper()
	p := &program{cmd: exec.Command(h.binary), dir: h.dir, errors: &strings.Builder{}}
	p.cmd.Env = append(os.Environ(), programMode+"=1", "EXCHEQUER_STATE="+h.dir, "HOME=/root")
	p.cmd.Dir = "/"
	p.cmd.Stderr = p.errors
	if h.uid != os.Geteuid() {
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(h.uid), Gid: nobodyID}}
	}
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		_ = p.cmd.Wait()
		return nil, fmt.Errorf("%s", p.errors)
	}
	if err := json.Unmarshal(line, &p.Addresses); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p, nil
}

func (h host) start(t *testing.T) *program {
	t.Helper()
	p, err := h.try(t)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stop ends the program as Ctrl-C would and fails unless its servers have ended with it.
func (p *program) stop(t *testing.T) {
	t.Helper()
	postmaster := p.postmaster()
	p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, p.errors)
	}
	if processExists(postmaster) || p.runsRedis() {
		t.Error("a server outlived a program that stopped in order")
	}
	if _, err := os.Stat(filepath.Join(p.dir, "postgres", "data", "postmaster.pid")); err == nil {
		t.Error("PostgreSQL did not shut down cleanly")
	}
}

// kill ends the program with -9.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

func (p *program) postmaster() int {
	return readPidFile(filepath.Join(p.dir, "postgres", "data")).pid
}

// exec runs one statement, waiting for a server that is just being started again.
func (p *program) exec(t *testing.T, sql string) {
	t.Helper()
	eventually(t, sql, func() error {
		conn, err := pgx.Connect(t.Context(), p.DatabaseURL)
		if err != nil {
			return err
		}
		defer conn.Close(context.Background())
		_, err = conn.Exec(t.Context(), sql)
		return err
	})
}

// count answers how many rows of kept there are.
func (p *program) count(t *testing.T) (n int) {
	t.Helper()
	eventually(t, "count", func() error {
		conn, err := pgx.Connect(t.Context(), p.DatabaseURL)
		if err != nil {
			return err
		}
		defer conn.Close(context.Background())
		return conn.QueryRow(t.Context(), "SELECT count(*) FROM kept").Scan(&n)
	})
	return n
}

// queue gives a client of the program's Redis.
func (p *program) queue(t *testing.T) *redis.Client {
	t.Helper()
	o, err := redis.ParseURL(p.RedisURL)
	if err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

// eventually tries until it works or a minute has passed; on success it costs no more than the work.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
