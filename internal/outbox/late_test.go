package outbox_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/outbox"
)

// A run that was given up for lost and comes back late must not end the run that took its place: what was asked for in
// between would be covered by a run that looked before.
func TestALateRunDoesNotEndTheRunThatTookItsPlace(t *testing.T) {
	for name, end := range map[string]func(*desk, pgx.Tx, outbox.Job) error{
		"done":       func(d *desk, tx pgx.Tx, j outbox.Job) error { return outbox.DoneTx(d.Context(), tx, j, d.now) },
		"reschedule": func(d *desk, tx pgx.Tx, j outbox.Job) error { return outbox.RescheduleTx(d.Context(), tx, j, noon) },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.ask("1", noon)
			late := d.mustStart(d.claimOne())
			if n, err := d.worker.PutBackLost(t.Context(), outbox.Busy{Wall: d.wall.Add(time.Second)}); err != nil || n != 1 {
				t.Fatalf("put back %d (%v), want 1", n, err)
			}
			d.ask("1", noon) // covered by the second run, which has not looked yet
			ticket := d.claimOne()
			second := d.mustStart(ticket)
			if err := d.tx(func(tx pgx.Tx) error { return end(d, tx, late) }); !errors.Is(err, outbox.ErrStale) {
				t.Fatalf("the late run: %v, want ErrStale", err)
			}
			if err := d.tx(func(tx pgx.Tx) error { return end(d, tx, second) }); err != nil {
				t.Errorf("the run under way: %v", err)
			}
		})
	}
}

func TestLostWorkerSessionIsTakenUpUnderTheSameNumber(t *testing.T) {
	d := newDesk(t)
	id := d.worker.ID()
	d.worker.Close(t.Context())
	if !d.worker.Broken() {
		t.Fatal("a closed session does not count as broken")
	}
	if err := d.worker.Reconnect(t.Context(), d.pool); err != nil {
		t.Fatal(err)
	}
	if d.worker.ID() != id || d.worker.Broken() {
		t.Errorf("worker %d, want %d with a session", d.worker.ID(), id)
	}
}

// A session that was cut off without a word keeps the lock until the server notices.
func TestAWorkerWhoseOldSessionLivesOnIsNotHeldUpForEver(t *testing.T) {
	d := newDesk(t)
	old, err := d.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer old.Release()
	id := d.worker.ID()
	d.worker.Close(t.Context())
	const take, drop = `SELECT pg_advisory_lock(x'6f777278'::integer, $1::integer)`, `SELECT pg_advisory_unlock(x'6f777278'::integer, $1::integer)`
	if _, err := old.Exec(t.Context(), take, id); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := d.worker.Reconnect(ctx, d.pool); !errors.Is(err, context.DeadlineExceeded) || !d.worker.Broken() {
		t.Fatalf("reconnecting while the old session holds the lock: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.worker.Reconnect(t.Context(), d.pool) }()
	if _, err := old.Exec(t.Context(), drop, id); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil || d.worker.ID() != id {
		t.Errorf("reconnecting once it is gone: worker %d, %v; want %d", d.worker.ID(), err, id)
	}
}
