package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/calendar"
	"exchequer/internal/outbox"
)

// Runner relays due rows into the queue, sweeps up lost ones and runs handlers. Any number of runners, in any number of
// programs, may work on one database.
type Runner struct {
	pool     *pgxpool.Pool
	clock    calendar.Clock
	wall     func() time.Time
	handlers map[string]Handler
	kinds    []string
	cfg      Config
	redis    asynq.RedisConnOpt
	log      *slog.Logger

	mu      sync.Mutex
	running map[outbox.Ticket]struct{} // under way here
	worker  int32
}

// New makes a runner for these kinds; rows of other kinds are left to other runners. It fails on a Config that cannot
// work and does not connect yet. A nil log is silence.
func New(pool *pgxpool.Pool, clock calendar.Clock, handlers map[string]Handler, cfg Config, log *slog.Logger) (*Runner, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	redis, err := asynq.ParseRedisURI(cfg.RedisURL)
	if err != nil {
		return nil, fmt.Errorf("the Redis address cannot be read, check EXCHEQUER_REDIS_URL: %w", err)
	}
	if len(handlers) == 0 {
		return nil, fmt.Errorf("jobs: no handlers: nothing would ever be done")
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Runner{
		pool: pool, clock: clock, wall: time.Now, handlers: maps.Clone(handlers),
		kinds: slices.Sorted(maps.Keys(handlers)), cfg: cfg, redis: redis, log: log, running: map[outbox.Ticket]struct{}{},
	}, nil
}

// Run works until ctx ends, then lets running handlers finish for Config.ShutdownTimeout and returns nil. It fails only
// where PostgreSQL cannot be reached at the start; afterwards it waits for PostgreSQL and Redis to come back.
func (r *Runner) Run(ctx context.Context) error {
	name, err := outbox.QueueName(ctx, r.pool)
	if err != nil {
		return err
	}
	worker, err := outbox.Enlist(ctx, r.pool)
	if err != nil {
		return err
	}
	// Running handlers get their time to finish after ctx has ended; asynq cancels them at the end of it.
	finish := context.WithoutCancel(ctx)
	defer worker.Close(finish)
	r.worker = worker.ID()
	q := openQueue(r.redis, name, r.cfg)
	defer q.close()
	server := r.newServer(finish, name)
	if err := server.Start(asynq.HandlerFunc(r.work)); err != nil {
		return fmt.Errorf("starting the workers: %w", err)
	}
	// The session ends last: rows of handlers that are still finishing must not count as lost.
	defer server.Shutdown()
	(&relay{Runner: r, worker: worker, queue: q}).loop(ctx)
	return nil
}

func (r *Runner) newServer(base context.Context, queue string) *asynq.Server {
	return asynq.NewServer(r.redis, asynq.Config{
		Concurrency:              r.cfg.Concurrency,
		BaseContext:              func() context.Context { return base },
		Queues:                   map[string]int{queue: 1},
		TaskCheckInterval:        r.cfg.CheckInterval,
		DelayedTaskCheckInterval: max(r.cfg.CheckInterval, 100*time.Millisecond),
		ShutdownTimeout:          r.cfg.ShutdownTimeout,
		RetryDelayFunc:           func(int, error, *asynq.Task) time.Duration { return time.Second },
		Logger:                   asynqLog{r.log},
		LogLevel:                 asynq.WarnLevel,
	})
}
