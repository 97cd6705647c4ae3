package jobs_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/jackc/pgx/v5"

	"exchequer/internal/jobs"
	"exchequer/internal/outbox"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
)

// Many callers put work in and ask for the one handler that clears it, while handlers come and go. A wake-up lost
// anywhere leaves work behind with nobody to be woken.
func TestNoWakeUpOfABusyKeyIsLost(t *testing.T) {
	w := newWorks(t, "redis://"+miniredis.RunT(t).Addr())
	_, err := pgtest.Owner(t, w.pool).Exec(t.Context(), `
		CREATE TABLE work (id text PRIMARY KEY, done boolean NOT NULL DEFAULT false); GRANT SELECT, INSERT, UPDATE ON work TO exchequer_app`)
	if err != nil {
		t.Fatal(err)
	}
	clear := func(ctx context.Context, j outbox.Job) error {
		w.enter(j.Ref)
		defer w.leave(j.Ref)
		return pg.InTx(ctx, w.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `UPDATE work SET done = true WHERE NOT done`); err != nil {
				return err
			}
			return outbox.DoneTx(ctx, tx, j, noon)
		})
	}
	for range 2 { // two programs
		runner, err := jobs.New(w.pool, w.clock, map[string]jobs.Handler{"apply": clear}, w.cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- runner.Run(ctx) }()
		defer func() { cancel(); <-ended }()
	}
	var wg sync.WaitGroup
	for caller := range 6 {
		wg.Go(func() {
			for n := range 40 {
				err := pg.InTx(t.Context(), w.pool, func(tx pgx.Tx) error {
					if _, err := outbox.EnqueueTx(t.Context(), tx, outbox.Job{Kind: "apply", Book: "EVN", Ref: "EVN", Due: noon}); err != nil {
						return err
					}
					_, err := tx.Exec(t.Context(), `INSERT INTO work (id) VALUES ($1)`, fmt.Sprint(caller, "-", n))
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	w.settled(0)
	var left int
	if err := w.pool.QueryRow(t.Context(), `SELECT count(*) FROM work WHERE NOT done`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d pieces of work are left and nothing is queued (%v)", left, err)
	}
}

// The next ticket of a row may arrive while the handler that asked for it is on its way out.
func TestARowAskedForAgainAtOnceDoesNotWaitForItsLastRunToReturn(t *testing.T) {
	w := newWorks(t, "redis://"+miniredis.RunT(t).Addr())
	w.cfg.Lease = time.Minute // nothing is swept up here
	second := make(chan struct{})
	handle := func(ctx context.Context, j outbox.Job) error {
		if j.Attempt > 1 {
			close(second)
			return pg.InTx(ctx, w.pool, func(tx pgx.Tx) error { return outbox.DoneTx(ctx, tx, j, noon) })
		}
		if err := pg.InTx(ctx, w.pool, func(tx pgx.Tx) error { return outbox.RescheduleTx(ctx, tx, j, noon) }); err != nil {
			return err
		}
		select {
		case <-second:
		case <-time.After(5 * time.Second):
			t.Error("the second run waits for the first to return")
		}
		return nil
	}
	runner, err := jobs.New(w.pool, w.clock, map[string]jobs.Handler{"apply": handle}, w.cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	w.ask(1, noon)
	w.settled(0)
}

func TestDatabasesMayShareOneRedis(t *testing.T) {
	url := "redis://" + miniredis.RunT(t).Addr()
	first, second := newWorks(t, url), newWorks(t, url)
	first.ask(20, noon)
	second.ask(20, noon) // the same row ids
	first.start()
	second.start()
	first.settled(20)
	second.settled(20)
}
