// Package outbox owns the work that waits: rows that are written in the transaction which needs the work done.
//
// It guarantees that a wake-up asked for in a committed transaction is never lost, that the wake-ups of one (book,
// kind, ref) run one at a time and are merged, and that the effect of one row commits at most once, however often the
// row is handed out: DoneTx stands in the same transaction as the effect and succeeds once.
//
// Asking is an INSERT and nothing else, so askers never wait for each other. Merging happens when a row is run: every
// other waiting row of its (book, kind, ref) that was committed by then is covered by this run, and a row committed
// later is another row and runs afterwards. So a handler must look at the state of things, not at why it was called;
// and where it finds that something is still to come, it asks for it again (RescheduleTx).
//
// It knows no queue: internal/jobs carries the wake-up. It is not a message bus and holds no personal data.
package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/problem"
)

// Job is a piece of work that waits. Kind chooses the handler; Book and Ref say what to look at. Ref is an id.
type Job struct {
	ID              int64
	Kind, Book, Ref string
	Due             time.Time // in the program's clock; not run before
	Attempt         int       // how often the row was handed out, this time included; 0 when asked for
}

// ErrStale says that the row is not being run: it was done, or handed to somebody else. The caller must roll back, for
// the effect is another run's to make.
var ErrStale = errors.New("this run of the job is stale: its effect must not be committed")

// EnqueueTx asks for the work in the caller's transaction. Of the job Kind, Book, Ref and Due are read; Book may be
// empty for work of no book.
//
// Waiting rows of one (book, kind, ref) are merged when the first of them is run, so the earliest due wins. A handler
// that is being run now does not cover this row: it runs again afterwards.
func EnqueueTx(ctx context.Context, tx pgx.Tx, j Job) (id int64, err error) {
	if j.Kind == "" || j.Due.IsZero() {
		return 0, problem.New(problem.Internal, "a job needs a kind and a due time")
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO gateway.outbox (book, kind, ref, due) VALUES ($1, $2, $3, $4) RETURNING id`,
		j.Book, j.Kind, j.Ref, j.Due.UTC()).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("asking for job %s: %w", j.Kind, err)
	}
	return id, nil
}

// DoneTx marks the job done at a time of the program's clock, in the transaction of its effect. Call it last: it takes
// the row's lock. The job is the one the handler was given: it gives ErrStale where the row is not being run under this
// attempt any more; then roll back.
func DoneTx(ctx context.Context, tx pgx.Tx, j Job, at time.Time) error {
	tag, err := tx.Exec(ctx, `
		UPDATE gateway.outbox
		SET state = 'done', done_at = $3, worker = NULL, handed_at = NULL, retry_at = NULL, failures = 0, last_error = ''
		WHERE id = $1 AND attempt = $2 AND state = 'running'`, j.ID, j.Attempt, at.UTC())
	return changedOne(tag.RowsAffected(), err, "marking job done")
}

// RescheduleTx asks for the same job again at a later time, in the transaction of what the handler found. The attempt
// has been counted; it is not a failure. It gives ErrStale as DoneTx does.
func RescheduleTx(ctx context.Context, tx pgx.Tx, j Job, due time.Time) error {
	tag, err := tx.Exec(ctx, `
		UPDATE gateway.outbox
		SET state = 'waiting', due = $3, worker = NULL, handed_at = NULL, retry_at = NULL, failures = 0, last_error = ''
		WHERE id = $1 AND attempt = $2 AND state = 'running'`, j.ID, j.Attempt, due.UTC())
	return changedOne(tag.RowsAffected(), err, "rescheduling job")
}

func changedOne(rows int64, err error, doing string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if rows == 0 {
		return ErrStale
	}
	return nil
}
