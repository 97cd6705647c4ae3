package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Ticket names one handing-out of a row. Only the latest ticket of a row may run, and it runs once.
type Ticket struct {
	ID      int64
	Attempt int
}

// Codes of LastError that this package and internal/jobs write; a handler's refusal writes its problem code.
const (
	WorkerLost = "worker_lost" // the program that ran it is gone
	LeftOpen   = "left_open"   // the handler came back without DoneTx or RescheduleTx
)

// Claim says which rows to hand out: those of Kinds that are due at Now (the program's clock) and not held back by an
// earlier failure at Wall (the machine's clock), at most Limit.
type Claim struct {
	Kinds     []string
	Now, Wall time.Time
	Limit     int
}

// scanFactor bounds how far a claim looks past rows it cannot take because their key comes several times.
const scanFactor = 8

// HasDue reports cheaply whether a claim could find anything.
func (w *Worker) HasDue(ctx context.Context, c Claim) (bool, error) {
	var due bool
	err := w.conn.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1 FROM gateway.outbox
			WHERE state = 'waiting' AND due <= $1 AND kind = ANY ($2) AND (retry_at IS NULL OR retry_at <= $3))`,
		c.Now.UTC(), c.Kinds, c.Wall.UTC()).Scan(&due)
	if err != nil {
		return false, fmt.Errorf("looking for due jobs: %w", err)
	}
	return due, nil
}

// Claim hands out due rows to this worker, oldest first, one a (book, kind, ref), and none whose (book, kind, ref) is
// in somebody's hand. The claim has committed when it returns, so a worker that hears of a ticket finds the row queued.
// Nothing is claimed while another relay claims.
func (w *Worker) Claim(ctx context.Context, c Claim) ([]Ticket, error) {
	var tickets []Ticket
	err := pgx.BeginFunc(ctx, w.conn, func(tx pgx.Tx) error {
		// Claims one after the other: the next statement's snapshot then sees every row in hand. Two claims at once
		// could each pick a row of the same key, and the loser would fall over outbox_one_in_hand.
		mine, err := tryLock(ctx, tx, lockRelay, 0)
		if err != nil || !mine {
			return err
		}
		rows, err := tx.Query(ctx, `
			WITH due AS MATERIALIZED (
				SELECT w.id, w.book, w.kind, w.ref, w.due
				FROM gateway.outbox w
				WHERE w.state = 'waiting' AND w.due <= $1 AND w.kind = ANY ($2) AND (w.retry_at IS NULL OR w.retry_at <= $3)
				  AND NOT EXISTS (SELECT 1 FROM gateway.outbox f
					WHERE f.book = w.book AND f.kind = w.kind AND f.ref = w.ref AND f.state IN ('queued', 'running'))
				ORDER BY w.due, w.id
				LIMIT $4
				FOR UPDATE OF w SKIP LOCKED
			), first AS (
				SELECT DISTINCT ON (book, kind, ref) id, due FROM due ORDER BY book, kind, ref, due, id
			), taken AS (
				SELECT id FROM first ORDER BY due, id LIMIT $5
			)
			UPDATE gateway.outbox o
			SET state = 'queued', attempt = o.attempt + 1, worker = $6, handed_at = $3, enqueued_at = $1, retry_at = NULL
			FROM taken WHERE o.id = taken.id
			RETURNING o.id, o.attempt`,
			c.Now.UTC(), c.Kinds, c.Wall.UTC(), c.Limit*scanFactor, c.Limit, w.id)
		if err != nil {
			return err
		}
		tickets, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Ticket])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claiming due jobs: %w", err)
	}
	return tickets, nil
}

// Run is one run of a row that is about to begin.
type Run struct {
	Ticket
	Worker    int32
	Now, Wall time.Time
}

// Start begins a run: it takes the row and covers every other waiting row of its (book, kind, ref), also those due
// later, because the run looks at the state of things and reschedules what is still to come. ErrStale where the ticket
// is not the row's latest, or was started before: do not run it.
func Start(ctx context.Context, pool *pgxpool.Pool, r Run) (Job, error) {
	j := Job{ID: r.ID, Attempt: r.Attempt}
	// One statement, so one journey to the server and one commit. What it covers is committed before the handler reads
	// anything, so whatever those rows were written for is visible to it; if the run fails the row is run again, and the
	// covered ones with it.
	err := pool.QueryRow(ctx, `
		WITH started AS (
			UPDATE gateway.outbox SET state = 'running', worker = $3, handed_at = $4
			WHERE id = $1 AND attempt = $2 AND state = 'queued'
			RETURNING id, book, kind, ref, due
		), covered AS (
			UPDATE gateway.outbox o SET state = 'done', done_at = $5, merged_into = s.id, retry_at = NULL
			FROM started s
			WHERE o.book = s.book AND o.kind = s.kind AND o.ref = s.ref AND o.state = 'waiting'
		)
		SELECT book, kind, ref, due FROM started`,
		r.ID, r.Attempt, r.Worker, r.Wall.UTC(), r.Now.UTC()).Scan(&j.Book, &j.Kind, &j.Ref, &j.Due)
	if errors.Is(err, pgx.ErrNoRows) {
		return Job{}, ErrStale
	}
	if err != nil {
		return Job{}, fmt.Errorf("starting job %d: %w", r.ID, err)
	}
	return j, nil
}

// Failure is a run that ended without its effect at Wall, in the machine's clock. Code says why (never a message). The
// row rests for Pause, doubled with each failure in a row up to MaxPause. Its due time stays, so that lateness shows.
type Failure struct {
	Ticket
	Code            string
	Wall            time.Time
	Pause, MaxPause time.Duration
}

// Fail puts a row back after a failed run. It answers how many runs in a row have failed, and 0 where nothing was left
// to put back: the handler had marked the row, or another run has it.
func Fail(ctx context.Context, pool *pgxpool.Pool, f Failure) (failures int, err error) {
	err = pool.QueryRow(ctx, `
		UPDATE gateway.outbox
		SET state = 'waiting', worker = NULL, handed_at = NULL, last_error = $3, failures = failures + 1,
			retry_at = $4::timestamptz + least($6::interval, $5::interval * power(2, least(failures, 20)))
		WHERE id = $1 AND attempt = $2 AND state = 'running'
		RETURNING failures`, f.ID, f.Attempt, f.Code, f.Wall.UTC(), f.Pause, f.MaxPause).Scan(&failures)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("putting job %d back: %w", f.ID, err)
	}
	return failures, nil
}
