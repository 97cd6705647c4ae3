package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// notDone are the rows still to be done. In two halves, because each has an index of its own: a month of done rows
// would be read otherwise.
const notDone = `(
	SELECT id, book, kind, ref, due, state, attempt, failures, last_error FROM gateway.outbox WHERE state = 'waiting'
	UNION ALL
	SELECT id, book, kind, ref, due, state, attempt, failures, last_error FROM gateway.outbox WHERE state IN ('queued', 'running')
) AS open`

// Backlog is how much work of one kind waits. Later is not yet due; Due waits although due; InHand is queued or
// running; Failing are those of Due whose last run failed. Oldest is the earliest due time among Due and InHand, zero
// where there is none: the program's clock less Oldest is the age to watch.
type Backlog struct {
	Kind                        string
	Later, Due, InHand, Failing int64
	Oldest                      time.Time
}

// Backlogs gives the figures of each kind that has work not done, at a time of the program's clock. They come from
// PostgreSQL alone: the queue is only a transport.
func Backlogs(ctx context.Context, pool *pgxpool.Pool, now time.Time) ([]Backlog, error) {
	rows, err := pool.Query(ctx, `
		SELECT kind,
			count(*) FILTER (WHERE state = 'waiting' AND due > $1),
			count(*) FILTER (WHERE state = 'waiting' AND due <= $1),
			count(*) FILTER (WHERE state <> 'waiting'),
			count(*) FILTER (WHERE state = 'waiting' AND due <= $1 AND failures > 0),
			min(due) FILTER (WHERE due <= $1)
		FROM `+notDone+` GROUP BY kind ORDER BY kind`, now.UTC())
	if err != nil {
		return nil, fmt.Errorf("counting the backlog: %w", err)
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (b Backlog, err error) {
		var oldest *time.Time
		err = r.Scan(&b.Kind, &b.Later, &b.Due, &b.InHand, &b.Failing, &oldest)
		if oldest != nil {
			b.Oldest = *oldest
		}
		return b, err
	})
}

// Late is a job that should have been done.
type Late struct {
	Job
	Failures  int
	LastError string // a code
}

// Overdue gives the jobs not done that were due before a time of the program's clock, oldest first. A job that keeps
// failing is never dropped: it is a finding here until it is done.
func Overdue(ctx context.Context, pool *pgxpool.Pool, before time.Time, limit int) ([]Late, error) {
	rows, err := pool.Query(ctx, `
		SELECT id, book, kind, ref, due, attempt, failures, last_error
		FROM `+notDone+` WHERE due < $1 ORDER BY due, id LIMIT $2`, before.UTC(), limit)
	if err != nil {
		return nil, fmt.Errorf("reading overdue jobs: %w", err)
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (l Late, err error) {
		err = r.Scan(&l.ID, &l.Book, &l.Kind, &l.Ref, &l.Due, &l.Attempt, &l.Failures, &l.LastError)
		return l, err
	})
}

// Prune removes jobs done before a time of the program's clock, at most limit, and answers how many it removed.
func Prune(ctx context.Context, pool *pgxpool.Pool, before time.Time, limit int) (int64, error) {
	tag, err := pool.Exec(ctx, `
		DELETE FROM gateway.outbox WHERE id IN (
			SELECT id FROM gateway.outbox WHERE state = 'done' AND done_at < $1 ORDER BY done_at LIMIT $2)`, before.UTC(), limit)
	if err != nil {
		return 0, fmt.Errorf("removing old jobs: %w", err)
	}
	return tag.RowsAffected(), nil
}

// QueueName gives the name of this database's queue, so that databases which share one Redis do not take each other's
// tasks: a copy made from a template keeps the installation's name but not the database's.
func QueueName(ctx context.Context, pool *pgxpool.Pool) (name string, err error) {
	err = pool.QueryRow(ctx, `SELECT 'exchequer-' || md5(name || current_database()) FROM gateway.outbox_queue LIMIT 1`).Scan(&name)
	if err != nil {
		return "", fmt.Errorf("reading the queue's name: %w", err)
	}
	return name, nil
}
