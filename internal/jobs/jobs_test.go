package jobs_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/jobs"
	"exchequer/internal/outbox"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var noon = time.Date(2025, 6, 2, 5, 0, 0, 0, time.UTC)

// storyClock stands still until it is told to jump.
type storyClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *storyClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *storyClock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// works is a database whose handler counts the effects it committed, with a table of its own for them.
type works struct {
	*testing.T
	pool  *pgxpool.Pool
	clock *storyClock
	cfg   jobs.Config

	mu      sync.Mutex
	inside  map[string]int // handlers of a ref at this moment
	doubled []string       // refs that were in two handlers at once
	calls   int
	before  func(ctx context.Context, j outbox.Job) error // runs inside the handler, before the effect
}

// fastConfig has all waits short.
func fastConfig(redisURL string) jobs.Config {
	return jobs.Config{
		RedisURL: redisURL, Concurrency: 4, Poll: 5 * time.Millisecond, Sweep: 20 * time.Millisecond, Lease: 200 * time.Millisecond,
		CheckInterval: 5 * time.Millisecond, Backoff: 10 * time.Millisecond, MaxBackoff: 40 * time.Millisecond, ShutdownTimeout: 2 * time.Second,
	}
}

func newWorks(t *testing.T, redisURL string) *works {
	w := &works{T: t, pool: pgtest.New(t), clock: &storyClock{now: noon}, inside: map[string]int{}}
	w.cfg = fastConfig(redisURL)
	_, err := pgtest.Owner(t, w.pool).Exec(t.Context(), `
		CREATE TABLE effect (ref text, attempt integer); GRANT SELECT, INSERT ON effect TO exchequer_app`)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *works) handle(ctx context.Context, j outbox.Job) error {
	w.enter(j.Ref)
	defer w.leave(j.Ref)
	if w.before != nil {
		if err := w.before(ctx, j); err != nil {
			return err
		}
	}
	return pg.InTx(ctx, w.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO effect (ref, attempt) VALUES ($1, $2)`, j.Ref, j.Attempt); err != nil {
			return err
		}
		return outbox.DoneTx(ctx, tx, j, w.clock.Now())
	})
}

func (w *works) enter(ref string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	w.inside[ref]++
	if w.inside[ref] > 1 {
		w.doubled = append(w.doubled, ref)
	}
}

func (w *works) leave(ref string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inside[ref]--
}

func (w *works) called() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls
}

// start runs a runner until stop is called; stop fails the test where the runner did not end cleanly.
func (w *works) start() (stop func()) {
	w.Helper()
	runner, err := jobs.New(w.pool, w.clock, map[string]jobs.Handler{"apply": w.handle}, w.cfg, nil)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.Error(err)
		}
	})
	w.Cleanup(stop)
	return stop
}

func (w *works) ask(n int, due time.Time) {
	w.Helper()
	err := pg.InTx(w.Context(), w.pool, func(tx pgx.Tx) error {
		for i := range n {
			job := outbox.Job{Kind: "apply", Book: "EVN", Ref: fmt.Sprint("ref-", i), Due: due}
			if _, err := outbox.EnqueueTx(w.Context(), tx, job); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.Fatal(err)
	}
}

func (w *works) effects() (n int) {
	w.Helper()
	if err := w.pool.QueryRow(w.Context(), `SELECT count(*) FROM effect`).Scan(&n); err != nil {
		w.Fatal(err)
	}
	return n
}

func (w *works) open() (n int) {
	w.Helper()
	if err := w.pool.QueryRow(w.Context(), `SELECT count(*) FROM gateway.outbox WHERE state <> 'done'`).Scan(&n); err != nil {
		w.Fatal(err)
	}
	return n
}

// eventually waits for what must come, however busy the machine is.
func (w *works) eventually(what string, ok func() bool) {
	w.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("waited in vain for: %s (%d effects, %d open rows, %d calls)", what, w.effects(), w.open(), w.called())
		}
	}
}

// settled waits until nothing is open and checks that each ref had its effect so many times, never twice at once.
func (w *works) settled(effects int) {
	w.Helper()
	w.eventually("all work done", func() bool { return w.open() == 0 })
	if n := w.effects(); n != effects {
		w.Errorf("%d effects, want %d", n, effects)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.doubled) > 0 {
		w.Errorf("run twice at once: %v", w.doubled)
	}
}

// redisServer is a real redis-server on a free port, which a test may kill and start again.
type redisServer struct {
	t    testing.TB
	port int
	dir  string
	cmd  *exec.Cmd
}

func realRedis(t testing.TB) *redisServer {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is not installed")
		}
		t.Skip("redis-server is not installed")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &redisServer{t: t, port: listener.Addr().(*net.TCPAddr).Port, dir: t.TempDir()}
	listener.Close()
	s.start()
	t.Cleanup(s.kill)
	return s
}

func (s *redisServer) url() string { return fmt.Sprintf("redis://127.0.0.1:%d/0", s.port) }

func (s *redisServer) start() {
	s.t.Helper()
	s.cmd = exec.Command("redis-server", "--port", fmt.Sprint(s.port), "--bind", "127.0.0.1", "--dir", s.dir,
		"--appendonly", "yes", "--save", "", "--maxmemory-policy", "noeviction", "--logfile", filepath.Join(s.dir, "log"))
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if s.say("PING") == "+PONG\r\n" {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal("redis-server does not answer")
		}
	}
}

func (s *redisServer) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

func (s *redisServer) say(command string) string {
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
	if err != nil {
		return ""
	}
	defer conn.Close()
	fmt.Fprintf(conn, "%s\r\n", command)
	answer, _ := bufio.NewReader(conn).ReadString('\n')
	return answer
}

func (s *redisServer) flush() { s.say("FLUSHALL") }

// onEachRedis runs a test on both servers the program may stand on.
func onEachRedis(t *testing.T, test func(w *works, flush func())) {
	t.Run("redis-server", func(t *testing.T) {
		s := realRedis(t)
		test(newWorks(t, s.url()), s.flush)
	})
	t.Run("miniredis", func(t *testing.T) {
		s := miniredis.RunT(t)
		test(newWorks(t, "redis://"+s.Addr()), s.FlushAll)
	})
}

func TestDueWorkIsDoneOnce(t *testing.T) {
	onEachRedis(t, func(w *works, _ func()) {
		w.ask(50, noon)
		w.ask(50, noon) // the same wake-ups asked for twice
		w.start()
		w.settled(50)
	})
}

func TestEmptiedRedisLosesNothing(t *testing.T) {
	onEachRedis(t, func(w *works, flush func()) {
		w.before = func(context.Context, outbox.Job) error { time.Sleep(2 * time.Millisecond); return nil }
		w.ask(200, noon)
		w.start()
		for n := range 4 {
			w.eventually("some work", func() bool { return w.effects() > n*20 })
			flush()
		}
		w.settled(200)
	})
}

func TestWorkIsDoneWhenTheStoryClockReachesItAndAJumpDoublesNothing(t *testing.T) {
	w := newWorks(t, "redis://"+miniredis.RunT(t).Addr())
	inside, goOn := make(chan struct{}, 8), make(chan struct{})
	w.before = func(context.Context, outbox.Job) error { inside <- struct{}{}; <-goOn; return nil }
	w.ask(4, noon.Add(time.Hour))
	w.start()
	time.Sleep(50 * time.Millisecond)
	if n := w.called(); n != 0 {
		t.Fatalf("%d handlers called an hour early", n)
	}
	w.clock.jump(2 * time.Hour)
	for range 4 {
		<-inside
	}
	w.clock.jump(30 * 24 * time.Hour)  // far past any lease
	time.Sleep(300 * time.Millisecond) // past the real lease too: running is not lost
	close(goOn)
	w.settled(4)
	if n := w.called(); n != 4 {
		t.Errorf("%d handler calls, want 4", n)
	}
}

func TestRedisAwayAtStartAndKilledInTheMiddle(t *testing.T) {
	s := realRedis(t)
	s.kill()
	w := newWorks(t, s.url())
	w.before = func(context.Context, outbox.Job) error { time.Sleep(time.Millisecond); return nil }
	w.ask(150, noon)
	w.start()
	time.Sleep(100 * time.Millisecond)
	s.start()
	w.eventually("work after Redis came", func() bool { return w.effects() > 20 })
	s.kill()
	time.Sleep(50 * time.Millisecond)
	s.start()
	w.settled(150)
}

func TestStoppingWhileRedisIsAway(t *testing.T) {
	s := realRedis(t)
	w := newWorks(t, s.url())
	w.ask(1, noon)
	s.kill()
	stop := w.start()
	time.Sleep(50 * time.Millisecond)
	stop() // must come back
	if w.open() != 1 || w.effects() != 0 {
		t.Errorf("%d open, %d effects; want the row to wait", w.open(), w.effects())
	}
}

func TestFailuresAreRunAgainAndNeverDropped(t *testing.T) {
	w := newWorks(t, "redis://"+miniredis.RunT(t).Addr())
	w.before = func(_ context.Context, j outbox.Job) error {
		switch {
		case j.Attempt == 1:
			return errors.New("the provider is away")
		case j.Attempt == 2:
			panic("a fault in the handler")
		case j.Ref == "ref-0" && j.Attempt < 8:
			return errors.New("still away")
		}
		return nil
	}
	w.ask(3, noon)
	w.start()
	w.eventually("one that keeps failing to show", func() bool {
		late, err := outbox.Overdue(t.Context(), w.pool, noon.Add(time.Second), 10)
		return err == nil && len(late) == 1 && late[0].Failures >= 4 && late[0].LastError == "internal"
	})
	w.settled(3)
}

func TestAHandlerThatForgetsToMarkIsAFailure(t *testing.T) {
	w := newWorks(t, "redis://"+miniredis.RunT(t).Addr())
	runner, err := jobs.New(w.pool, w.clock, map[string]jobs.Handler{"apply": func(context.Context, outbox.Job) error { return nil }}, w.cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	w.ask(1, noon)
	w.eventually("the finding", func() bool {
		late, err := outbox.Overdue(t.Context(), w.pool, noon.Add(time.Second), 1)
		return err == nil && len(late) == 1 && late[0].LastError == outbox.LeftOpen
	})
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRunnersShareTheWorkAndAKilledOnesRowsAreTakenOver(t *testing.T) {
	s := realRedis(t)
	w := newWorks(t, s.url())
	w.before = func(context.Context, outbox.Job) error { time.Sleep(time.Millisecond); return nil }
	dead, err := outbox.Enlist(t.Context(), w.pool) // a program that took rows in hand and died before it did them
	if err != nil {
		t.Fatal(err)
	}
	w.ask(60, noon)
	claim := outbox.Claim{Kinds: []string{"apply"}, Now: noon, Wall: time.Now(), Limit: 20}
	tickets, err := dead.Claim(t.Context(), claim)
	if err != nil || len(tickets) != 20 {
		t.Fatalf("claimed %d, %v", len(tickets), err)
	}
	for _, ticket := range tickets[:10] {
		if _, err := outbox.Start(t.Context(), w.pool, outbox.Run{Ticket: ticket, Worker: dead.ID(), Now: noon, Wall: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	dead.Close(t.Context())
	w.start()
	w.start()
	w.settled(60)
}

func TestStoppingLetsRunningHandlersFinish(t *testing.T) {
	w := newWorks(t, "redis://"+miniredis.RunT(t).Addr())
	inside := make(chan struct{})
	w.before = func(ctx context.Context, _ outbox.Job) error {
		close(inside)
		time.Sleep(100 * time.Millisecond)
		return ctx.Err()
	}
	w.ask(1, noon)
	stop := w.start()
	<-inside
	stop()
	if n := w.effects(); n != 1 {
		t.Errorf("%d effects after a clean stop, want 1", n)
	}
}

func TestRescheduledWorkIsRunAgain(t *testing.T) {
	w := newWorks(t, "redis://"+miniredis.RunT(t).Addr())
	w.before = func(ctx context.Context, j outbox.Job) error {
		if j.Attempt > 2 {
			return nil
		}
		err := pg.InTx(ctx, w.pool, func(tx pgx.Tx) error {
			return outbox.RescheduleTx(ctx, tx, j, noon.Add(time.Duration(j.Attempt)*time.Hour))
		})
		return errors.Join(err, errors.New("not certain yet")) // an error after the row was marked changes nothing
	}
	w.ask(1, noon)
	w.start()
	for i := range 2 {
		w.eventually("a run", func() bool { return w.called() == i+1 })
		w.clock.jump(time.Hour)
	}
	w.settled(1)
}

func TestDrain(t *testing.T) {
	w := newWorks(t, "")
	handlers := map[string]jobs.Handler{"apply": w.handle}
	w.ask(3, noon)
	w.ask(1, noon.Add(time.Hour)) // merged into the first, so nothing is left
	if n, err := jobs.Drain(t.Context(), w.pool, w.clock, handlers); err != nil || n != 3 {
		t.Errorf("%d runs, %v; want 3", n, err)
	}
	w.settled(3)
	w.before = func(context.Context, outbox.Job) error { return errors.New("the provider is away") }
	w.ask(1, noon)
	if n, err := jobs.Drain(t.Context(), w.pool, w.clock, handlers); err == nil || n != 1 {
		t.Errorf("%d runs, %v; want one that fails", n, err)
	}
	if w.open() != 1 {
		t.Error("the failed row is gone")
	}
}

// What a restart of PostgreSQL does to the program: every session of it ends at once.
func TestEveryDatabaseSessionCutAgainAndAgain(t *testing.T) {
	w := newWorks(t, "redis://"+miniredis.RunT(t).Addr())
	w.before = func(context.Context, outbox.Job) error { time.Sleep(2 * time.Millisecond); return nil }
	w.ask(150, noon)
	owner := pgtest.Owner(t, w.pool)
	w.start()
	for n := range 3 {
		w.eventually("some work", func() bool {
			var done int
			// Over the owner's sessions, which are not cut.
			return owner.QueryRow(t.Context(), `SELECT count(*) FROM effect`).Scan(&done) == nil && done > n*30
		})
		_, err := owner.Exec(t.Context(), `
			SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		if err != nil {
			t.Fatal(err)
		}
	}
	w.eventually("all work done", func() bool {
		var open int
		return owner.QueryRow(t.Context(), `SELECT count(*) FROM gateway.outbox WHERE state <> 'done'`).Scan(&open) == nil && open == 0
	})
	w.settled(150)
}

func TestConfigIsChecked(t *testing.T) {
	handlers := map[string]jobs.Handler{"apply": func(context.Context, outbox.Job) error { return nil }}
	for _, c := range []struct {
		name string
		cfg  jobs.Config
	}{
		{"no address", jobs.Config{}},
		{"not an address", jobs.Config{RedisURL: "localhost"}},
		{"asynq would drop tasks after a crash", jobs.Config{RedisURL: "redis://localhost", MaxRetry: 2}},
		{"negative time", jobs.Config{RedisURL: "redis://localhost", Lease: -1}},
		{"no hands", jobs.Config{RedisURL: "redis://localhost", Concurrency: -1}},
	} {
		if _, err := jobs.New(nil, &storyClock{}, handlers, c.cfg, nil); err == nil {
			t.Errorf("%s: accepted", c.name)
		}
	}
	if _, err := jobs.New(nil, &storyClock{}, nil, jobs.Config{RedisURL: "redis://localhost"}, nil); err == nil {
		t.Error("no handlers: accepted")
	}
}
