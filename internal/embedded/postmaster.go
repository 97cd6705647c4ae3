package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// start runs the server and waits until it answers. Where it ends at once it is tried again for a while: what a kill -9
// left behind (a postmaster still stopping, children with the shared memory) goes away by itself.
func (p *Postgres) start(ctx context.Context) error {
	deadline := time.Now().Add(retryPatience)
	for {
		err := p.startOnce(ctx)
		var early *endedError
		if err == nil || !errors.As(err, &early) || time.Now().After(deadline) {
			return err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
}

func (p *Postgres) startOnce(ctx context.Context) error {
	if err := p.awaitPredecessor(ctx); err != nil {
		return err
	}
	log, err := openLog(p.logPath())
	if err != nil {
		return err
	}
	defer log.Close()
	c, err := start(p.command("postgres", p.serverArgs(), log))
	if err != nil {
		return err
	}
	if err := p.awaitReady(ctx, c); err != nil {
		c.stop(syscall.SIGINT, syscall.SIGQUIT, stopPatience)
		return err
	}
	p.mu.Lock()
	p.child = c
	p.mu.Unlock()
	return nil
}

func (p *Postgres) serverArgs() []string {
	settings := []string{"listen_addresses=", "unix_socket_directories=" + p.socketDir(), "port=" + socketPort, "timezone=UTC", "log_timezone=UTC", "max_connections=200"}
	if p.opts.Throwaway {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0", "autovacuum=off", "shared_buffers=64MB")
	}
	args := []string{"-D", p.dataDir()}
	for _, s := range append(settings, p.opts.Settings...) {
		args = append(args, "-c", s)
	}
	return args
}

func (p *Postgres) command(name string, args []string, log *os.File) command {
	return command{
		path: filepath.Join(p.inst.bin, name), args: args, dir: p.opts.Dir, output: log, as: p.as,
		env: []string{"PATH=" + p.inst.bin + ":/usr/bin:/bin", "HOME=" + p.opts.Dir, "LC_ALL=C", "TZ=UTC"},
	}
}

// awaitReady waits until the server accepts connections, and makes sure that it is the one just started: on a folder
// that another server holds, a plain connection test would succeed against that one.
func (p *Postgres) awaitReady(ctx context.Context, c *child) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	for {
		if !c.alive() {
			return &endedError{reason: c.err, log: p.logTail()}
		}
		if pf := readPidFile(p.dataDir()); pf.pid == c.pid && pf.ready && p.ping(ctx) == nil {
			return nil
		}
		if err := pause(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("PostgreSQL did not become ready, see %s: %w", p.logPath(), err)
		}
	}
}

func (p *Postgres) ping(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.databaseURL("postgres"))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// logTail gives the last lines the server wrote, on one line.
func (p *Postgres) logTail() string {
	text, err := os.ReadFile(p.logPath())
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], " / ")
}

// endedError is a server that ended before it was ready.
type endedError struct {
	reason error
	log    string
}

func (e *endedError) Error() string {
	return fmt.Sprintf("the server ended before it was ready (%v): %s", e.reason, e.log)
}

// pidFile is what a postmaster writes about itself into its data folder.
type pidFile struct {
	pid   int
	ready bool
}

func readPidFile(dataDir string) pidFile {
	text, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid"))
	if err != nil {
		return pidFile{}
	}
	lines := strings.Split(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		return pidFile{}
	}
	const statusLine = 7 // counted from 0: miscadmin.h, LOCK_FILE_LINE_PM_STATUS
	return pidFile{pid: pid, ready: len(lines) > statusLine && strings.TrimSpace(lines[statusLine]) == "ready"}
}
