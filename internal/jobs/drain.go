package jobs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/calendar"
	"exchequer/internal/outbox"
)

// Drain runs what is due now and what becomes due by that, here and one after the other, without Redis: for tests of
// handlers and for a command that works once and ends. It answers how many runs there were, and stops at the first run
// that fails; that row is put back and rests as after any failure. It may work beside runners.
func Drain(ctx context.Context, pool *pgxpool.Pool, clock calendar.Clock, handlers map[string]Handler) (runs int, err error) {
	worker, err := outbox.Enlist(ctx, pool)
	if err != nil {
		return 0, err
	}
	defer worker.Close(context.WithoutCancel(ctx))
	kinds := slices.Sorted(maps.Keys(handlers))
	for {
		tickets, err := worker.Claim(ctx, outbox.Claim{Kinds: kinds, Now: clock.Now(), Wall: time.Now(), Limit: 1})
		if err != nil || len(tickets) == 0 {
			return runs, err
		}
		j, err := outbox.Start(ctx, pool, outbox.Run{Ticket: tickets[0], Worker: worker.ID(), Now: clock.Now(), Wall: time.Now()})
		if errors.Is(err, outbox.ErrStale) {
			continue
		}
		if err != nil {
			return runs, err
		}
		runs++
		cause := call(ctx, handlers[j.Kind], j)
		config := Config{}.withDefaults()
		failures, err := outbox.Fail(context.WithoutCancel(ctx), pool, outbox.Failure{
			Ticket: tickets[0], Code: failureCode(cause), Wall: time.Now(), Pause: config.Backoff, MaxPause: config.MaxBackoff,
		})
		switch {
		case err != nil:
			return runs, err
		case failures > 0 && cause == nil:
			return runs, fmt.Errorf("job %d of kind %s came back unmarked: the handler must call DoneTx or RescheduleTx", j.ID, j.Kind)
		case failures > 0:
			return runs, fmt.Errorf("job %d of kind %s: %w", j.ID, j.Kind, cause)
		}
	}
}
