package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Classes of the advisory locks taken here (first key of two).
const (
	lockWorker int32 = 0x6f777278 // "owrx": held by a worker's session for its life; second key is the worker
	lockRelay  int32 = 0x6f777279 // "owry": held by one claim at a time
)

// Worker is a program that takes rows in hand. While it lives its session holds an advisory lock, so that everybody
// else can see at once, without waiting for a lease, when it is gone: the server drops the lock with the session.
// It needs a session of its own and so does not work through a pooler in transaction mode. Not for concurrent use.
type Worker struct {
	id   int32
	conn *pgx.Conn
}

// Enlist makes a worker. It takes a connection out of the pool for the worker's life.
func Enlist(ctx context.Context, pool *pgxpool.Pool) (*Worker, error) {
	w := &Worker{}
	if err := w.connect(ctx, pool, `SELECT nextval('gateway.outbox_worker')::integer`); err != nil {
		return nil, err
	}
	return w, nil
}

// ID is the number written on the rows in this worker's hand.
func (w *Worker) ID() int32 { return w.id }

// Reconnect gives the worker a new session after its old one broke, under the same number: its rows are still in hand.
func (w *Worker) Reconnect(ctx context.Context, pool *pgxpool.Pool) error {
	w.Close(ctx)
	return w.connect(ctx, pool, fmt.Sprintf("SELECT %d::integer", w.id))
}

// Close ends the session: the worker's rows count as lost from now on.
func (w *Worker) Close(ctx context.Context) {
	if w.conn != nil {
		w.conn.Close(ctx) // an error leaves nothing to do: the session is over either way
		w.conn = nil
	}
}

// Broken reports whether the session is gone and Reconnect is needed.
func (w *Worker) Broken() bool { return w.conn == nil || w.conn.IsClosed() }

func (w *Worker) connect(ctx context.Context, pool *pgxpool.Pool, idQuery string) error {
	pooled, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("enlisting a worker: %w", err)
	}
	conn := pooled.Hijack() // a session lock must not go back into the pool
	var id int32
	if err = conn.QueryRow(ctx, idQuery).Scan(&id); err == nil {
		err = holdLock(ctx, conn, id)
	}
	if err != nil {
		conn.Close(ctx)
		return fmt.Errorf("enlisting a worker: %w", err)
	}
	w.id, w.conn = id, conn
	return nil
}

// How long a worker's new session tries to take over from its old one, which the server may not have ended yet.
const (
	lockPatience = 5 * time.Second
	lockPause    = 50 * time.Millisecond
)

// holdLock takes a worker's lock for the session. It tries again instead of waiting in the server: a session that is cut
// off without a word keeps its lock until the server notices, and a statement that waits for it could not be given up.
func holdLock(ctx context.Context, conn *pgx.Conn, id int32) error {
	ctx, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	for {
		var held bool
		if err := conn.QueryRow(ctx, `SELECT pg_try_advisory_lock($1::integer, $2::integer)`, lockWorker, id).Scan(&held); err != nil || held {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("worker %d: its old session is still there: %w", id, ctx.Err())
		case <-time.After(lockPause):
		}
	}
}

// Busy is what a worker knew at a moment: the rows it ran. Wall must be read before Rows is, and a row must be noted
// before it is started: then a row that was started before Wall and is not among Rows is run by nobody.
type Busy struct {
	Wall time.Time
	Rows []int64
}

// PutBackLost puts back what is in the hand of nobody: rows of workers that are gone, and rows this worker is said to
// run but does not. They are handed out again under a new attempt, and whichever run comes second cannot commit.
func (w *Worker) PutBackLost(ctx context.Context, busy Busy) (lost int64, err error) {
	err = pgx.BeginFunc(ctx, w.conn, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT DISTINCT worker FROM gateway.outbox WHERE state IN ('queued', 'running') AND worker <> $1`, w.id)
		if err != nil {
			return err
		}
		workers, err := pgx.CollectRows(rows, pgx.RowTo[int32])
		if err != nil {
			return err
		}
		gone := []int32{}
		for _, other := range workers {
			free, err := tryLock(ctx, tx, lockWorker, other)
			if err != nil {
				return err
			}
			if free {
				gone = append(gone, other)
			}
		}
		rowsHere := append([]int64{}, busy.Rows...) // nil would arrive as NULL, which excludes every row
		tag, err := tx.Exec(ctx, `
			UPDATE gateway.outbox
			SET state = 'waiting', worker = NULL, handed_at = NULL,
				failures = failures + (state = 'running')::integer, last_error = $4
			WHERE state IN ('queued', 'running')
			  AND (worker = ANY ($1) OR (worker = $2 AND state = 'running' AND handed_at < $5 AND NOT id = ANY ($3)))`,
			gone, w.id, rowsHere, WorkerLost, busy.Wall.UTC())
		lost = tag.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("looking for lost jobs: %w", err)
	}
	return lost, nil
}

// Unstarted gives the rows that were handed out before a moment of the machine's clock and have not been started.
func (w *Worker) Unstarted(ctx context.Context, before time.Time, limit int) ([]Ticket, error) {
	rows, err := w.conn.Query(ctx, `
		SELECT id, attempt FROM gateway.outbox WHERE state = 'queued' AND handed_at < $1 ORDER BY handed_at LIMIT $2`, before.UTC(), limit)
	if err != nil {
		return nil, fmt.Errorf("looking for unstarted jobs: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Ticket])
}

// Renew says that the queue still holds these tickets: their rows stay in hand.
func (w *Worker) Renew(ctx context.Context, tickets []Ticket, wall time.Time) error {
	return w.change(ctx, tickets, `UPDATE gateway.outbox o SET handed_at = $3 `, wall.UTC())
}

// PutBack says that the queue does not hold these tickets: their rows wait again.
func (w *Worker) PutBack(ctx context.Context, tickets []Ticket) error {
	return w.change(ctx, tickets, `UPDATE gateway.outbox o SET state = 'waiting', worker = NULL, handed_at = NULL `)
}

func (w *Worker) change(ctx context.Context, tickets []Ticket, update string, args ...any) error {
	if len(tickets) == 0 {
		return nil
	}
	ids, attempts := make([]int64, len(tickets)), make([]int32, len(tickets))
	for i, t := range tickets {
		ids[i], attempts[i] = t.ID, int32(t.Attempt)
	}
	_, err := w.conn.Exec(ctx, update+`
		FROM unnest($1::bigint[], $2::integer[]) AS t (id, attempt)
		WHERE o.id = t.id AND o.attempt = t.attempt AND o.state = 'queued'`, append([]any{ids, attempts}, args...)...)
	if err != nil {
		return fmt.Errorf("changing queued jobs: %w", err)
	}
	return nil
}

// tryLock takes an advisory lock to the end of the transaction; false where another session holds it.
func tryLock(ctx context.Context, tx pgx.Tx, class, key int32) (ok bool, err error) {
	err = tx.QueryRow(ctx, `SELECT pg_try_advisory_xact_lock($1::integer, $2::integer)`, class, key).Scan(&ok)
	return ok, err
}
