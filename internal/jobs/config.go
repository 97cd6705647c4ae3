// Package jobs owns the carrying of wake-ups: it hands due rows of the outbox to workers through asynq on Redis.
//
// It guarantees that PostgreSQL alone decides: a task in Redis is a row id and an attempt number, so Redis may lose,
// repeat or reorder tasks, be emptied or be away, and every due row is still run, one run at a time. A row whose worker
// died is run again at once, a row whose task is lost after the lease, a row whose handler failed after a pause that
// grows up to a bound; none is ever dropped.
//
// Two clocks are kept apart. When work is due is the program's clock, which may jump forward by days. How long a task
// may be under way (lease, pause after a failure, timeout) is the machine's own clock: a jump must not make running
// work look abandoned.
//
// The relay asks PostgreSQL at a short interval. LISTEN/NOTIFY was not taken: it needs the same polling behind it for
// what falls due by time, and NOTIFY makes committing transactions wait for each other.
//
// It is the only package that imports asynq; it knows no business word.
package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"exchequer/internal/outbox"
)

// Handler does the work of one kind. It loads what is to be done from PostgreSQL by the job's book and ref, and marks
// the job with outbox.DoneTx or outbox.RescheduleTx in the transaction of its effect. It may be called again for work
// that is done: it must then find nothing to do and mark the job. An error, or coming back with the job unmarked, has
// it run again after a pause.
type Handler func(ctx context.Context, j outbox.Job) error

// Config says how often and how long. The zero value of each but RedisURL stands for the default named beside it. All
// durations are of the machine's clock except Keep.
type Config struct {
	RedisURL        string        // redis://host:port/db, rediss://, redis-socket://, redis-sentinel://
	Concurrency     int           // handlers at once: 8
	Batch           int           // rows handed out by one claim: 256
	Poll            time.Duration // how often the relay looks for due rows: 50 ms
	Sweep           time.Duration // how often it looks for lost rows: 1 s
	Lease           time.Duration // after this a task that was not started is looked for in Redis: 5 s
	Timeout         time.Duration // of one handler call: 60 s
	Backoff         time.Duration // pause after the first failure, doubled with each: 250 ms
	MaxBackoff      time.Duration // bound of that pause: 1 minute
	MaxRetry        int           // asynq's own deliveries of one task after a crash, at least 3: 5
	CheckInterval   time.Duration // asynq's pause when its queue is empty: 50 ms
	ShutdownTimeout time.Duration // how long running handlers may finish after the end was asked for: 8 s
	Keep            time.Duration // how long done rows stay, in the program's clock: 30 days
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, byDefault time.Duration) {
		if *d == 0 {
			*d = byDefault
		}
	}
	count := func(n *int, byDefault int) {
		if *n == 0 {
			*n = byDefault
		}
	}
	count(&c.Concurrency, 8)
	count(&c.Batch, 256)
	count(&c.MaxRetry, 5)
	set(&c.Poll, 50*time.Millisecond)
	set(&c.Sweep, time.Second)
	set(&c.Lease, 5*time.Second)
	set(&c.Timeout, time.Minute)
	set(&c.Backoff, 250*time.Millisecond)
	set(&c.MaxBackoff, time.Minute)
	set(&c.CheckInterval, 50*time.Millisecond)
	set(&c.ShutdownTimeout, 8*time.Second)
	set(&c.Keep, 30*24*time.Hour)
	return c
}

func (c Config) validate() error {
	if c.RedisURL == "" {
		return errors.New("jobs: RedisURL is empty: set EXCHEQUER_REDIS_URL")
	}
	// asynq archives a task that crashed more often than this, and counts a killed program as a crash.
	if c.MaxRetry < 3 {
		return fmt.Errorf("jobs: MaxRetry is %d and must be at least 3", c.MaxRetry)
	}
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"Poll", c.Poll}, {"Sweep", c.Sweep}, {"Lease", c.Lease}, {"Timeout", c.Timeout}, {"Backoff", c.Backoff},
		{"MaxBackoff", c.MaxBackoff}, {"CheckInterval", c.CheckInterval}, {"ShutdownTimeout", c.ShutdownTimeout}, {"Keep", c.Keep}} {
		if d.value < 0 {
			return fmt.Errorf("jobs: %s is negative: %s", d.name, d.value)
		}
	}
	if c.Concurrency < 1 || c.Batch < 1 {
		return errors.New("jobs: Concurrency and Batch must be at least 1")
	}
	return nil
}
