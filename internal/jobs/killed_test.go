package jobs_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"exchequer/internal/jobs"
	"exchequer/internal/outbox"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
)

// The settings of a worker program, which is this test binary started again.
const (
	childDatabase = "EXCHEQUER_TEST_WORKER_DATABASE"
	childRedis    = "EXCHEQUER_TEST_WORKER_REDIS"
)

// TestWorkerProgram is the program that TestKilledPrograms kills; on its own it does nothing.
func TestWorkerProgram(t *testing.T) {
	dsn := os.Getenv(childDatabase)
	if dsn == "" {
		return
	}
	pool, err := pg.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	w := &works{T: t, pool: pool, clock: &storyClock{now: noon}, inside: map[string]int{}}
	w.cfg = fastConfig(os.Getenv(childRedis))
	w.before = func(context.Context, outbox.Job) error { time.Sleep(3 * time.Millisecond); return nil }
	runner, err := jobs.New(pool, w.clock, map[string]jobs.Handler{"apply": w.handle}, w.cfg, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(os.Stderr, strconv.Itoa(os.Getpid())+"\n")
	t.Fatal(runner.Run(context.Background())) // until it is killed
}

func TestKilledPrograms(t *testing.T) {
	redis := realRedis(t)
	w := newWorks(t, redis.url())
	w.ask(400, noon)
	for n := range 3 {
		child := exec.Command(os.Args[0], "-test.run=^TestWorkerProgram$")
		child.Env = append(os.Environ(), childDatabase+"="+pgtest.URL(t, w.pool), childRedis+"="+redis.url())
		child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		w.eventually("some work by the program", func() bool { return w.effects() > n*50 })
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		child.Wait()
	}
	if w.effects() >= 400 {
		t.Log("everything was done before the last kill: this run proves little")
	}
	began := time.Now()
	w.start()
	w.settled(400)
	t.Logf("the rest was done in %s", time.Since(began))
}
