package jobs

import (
	"context"
	"time"

	"exchequer/internal/outbox"
)

// relay is the runner's own loop: one goroutine with the worker's session.
type relay struct {
	*Runner
	worker    *outbox.Worker
	queue     *queue
	nextSweep time.Time // machine's clock
	away      bool      // PostgreSQL or Redis did not answer the last time
}

// maxRest bounds how long the relay rests while PostgreSQL or Redis is away.
const maxRest = time.Second

func (l *relay) loop(ctx context.Context) {
	rest := l.cfg.Poll
	for ctx.Err() == nil {
		full, err := l.tick(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !l.away {
				l.log.Warn("due jobs cannot be handed out; none is lost, still trying", "error", err)
			}
			l.away, rest = true, min(2*rest, maxRest)
		default:
			if l.away {
				l.log.Info("due jobs are handed out again")
			}
			l.away, rest = false, l.cfg.Poll
		}
		if full {
			continue // more is due: the queue should not run dry between two looks
		}
		select {
		case <-ctx.Done():
		case <-time.After(rest):
		}
	}
}

// tickTimeout bounds one round of the relay. A statement that waits for somebody's lock, or for a server that does not
// answer any more, must not keep all work of this program from being handed out: the session is given up for a new one.
const tickTimeout = 30 * time.Second

// tick sweeps where it is time and hands out one batch. full says that more may be due.
func (l *relay) tick(ctx context.Context) (full bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, tickTimeout)
	defer cancel()
	if l.worker.Broken() {
		if err := l.worker.Reconnect(ctx, l.pool); err != nil {
			return false, err
		}
	}
	if wall := l.wall(); !wall.Before(l.nextSweep) {
		if err := l.sweep(ctx, wall); err != nil {
			return false, err
		}
		l.nextSweep = wall.Add(l.cfg.Sweep)
	}
	claim := outbox.Claim{Kinds: l.kinds, Now: l.clock.Now(), Wall: l.wall(), Limit: l.cfg.Batch}
	due, err := l.worker.HasDue(ctx, claim)
	if err != nil || !due {
		return false, err
	}
	if err := l.queue.ping(); err != nil {
		return false, err
	}
	tickets, err := l.worker.Claim(ctx, claim)
	if err != nil {
		return false, err
	}
	return len(tickets) == l.cfg.Batch, l.handOver(ctx, tickets)
}

// handOver puts claimed tickets into the queue. Those it cannot take wait again. A crash in the middle leaves rows in
// the hand of a worker that is gone, which the next sweep of any runner puts back.
func (l *relay) handOver(ctx context.Context, tickets []outbox.Ticket) error {
	for i, t := range tickets {
		if err := l.queue.put(ctx, t); err != nil {
			// A ticket whose answer was lost may stand in Redis all the same: by then it is stale and does not run.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tickTimeout)
			defer cancel()
			if back := l.worker.PutBack(ctx, tickets[i:]); back != nil {
				return back
			}
			return err
		}
	}
	return nil
}

// sweepBatch bounds how many unstarted tickets one sweep looks up in Redis.
const sweepBatch = 1000

// sweep puts back what is in nobody's hand: rows of dead workers, rows whose handler ended without this being
// recorded, and rows whose task Redis has lost. Then it removes old done rows.
func (l *relay) sweep(ctx context.Context, wall time.Time) error {
	lost, err := l.worker.PutBackLost(ctx, outbox.Busy{Wall: wall, Rows: l.busy()})
	if err != nil {
		return err
	}
	if lost > 0 {
		l.log.Info("jobs of workers that are gone wait again", "jobs", lost)
	}
	if err := l.sweepUnstarted(ctx, wall); err != nil {
		return err
	}
	_, err = outbox.Prune(ctx, l.pool, l.clock.Now().Add(-l.cfg.Keep), sweepBatch)
	return err
}

func (l *relay) sweepUnstarted(ctx context.Context, wall time.Time) error {
	tickets, err := l.worker.Unstarted(ctx, wall.Add(-l.cfg.Lease), sweepBatch)
	if err != nil {
		return err
	}
	var held, lost []outbox.Ticket
	for _, t := range tickets {
		holds, err := l.queue.holds(t)
		if err != nil {
			return err
		}
		if holds {
			held = append(held, t) // a long queue, not a lost task
		} else {
			lost = append(lost, t)
		}
	}
	if len(lost) > 0 {
		l.log.Info("tasks that Redis lost wait again", "jobs", len(lost))
	}
	if err := l.worker.Renew(ctx, held, wall); err != nil {
		return err
	}
	return l.worker.PutBack(ctx, lost)
}
