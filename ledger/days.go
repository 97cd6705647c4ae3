package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// closeLock is the advisory lock of KeepOpenTx and AwaitCloseTx.
const closeLock int64 = 0x6c6467636c6f // "ldgclo"

// KeepOpenTx holds closings back until the caller's transaction ends, and waits for one under way. A posting needs none:
// this is for whoever records, beside postings or without any, what a closing gives an account of. It must be the first
// thing the transaction does, so that all of it stands either before the closing or after it. Holders do not wait for
// each other.
func (l *Ledger) KeepOpenTx(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock_shared($1)`, closeLock); err != nil {
		return fault("hold closings back", err)
	}
	return nil
}

// AwaitCloseTx waits for every transaction that holds closings back and for other closings, and keeps both away until
// the caller's transaction ends. It must be the first thing the transaction does.
func (l *Ledger) AwaitCloseTx(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, closeLock); err != nil {
		return fault("wait for the turn to close", err)
	}
	return nil
}

// CloseDay is CloseDayTx in a database transaction of its own.
func (l *Ledger) CloseDay(ctx context.Context, book string, day time.Time, by string) error {
	return pgx.BeginTxFunc(ctx, l.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		return l.CloseDayTx(ctx, tx, book, day, by)
	})
}

// CloseDayTx closes a business day (00:00 UTC) of a book and every day before it, in the caller's database
// transaction, which must be READ COMMITTED, and keeps what each account stands at, so that balances of the past need
// not be added up from the beginning; by says who decided. It waits for postings under way on the days it closes, and
// until the caller commits it holds back those that ask for one of them: they find it closed and are entered on the day
// after. Postings of later days go on, except where a book is closed for the first time. Who closes several books must
// take them in order. A day that is already closed stays as it was. A book that is not open, or a day that is none, is
// an error, as is a fault.
func (l *Ledger) CloseDayTx(ctx context.Context, tx pgx.Tx, book string, day time.Time, by string) error {
	if day.IsZero() || !isDay(day) {
		return fmt.Errorf("ledger: close day: %s is not a day at 00:00 UTC", day)
	}
	day = day.UTC() // PostgreSQL takes a date as its zone shows it
	through, err := turnToClose(ctx, tx, book)
	if err != nil || through != nil && !day.After(*through) {
		return err
	}
	// These wait in a queue with the postings: whoever comes after us for one of the days waits for us, so that postings
	// that overlap cannot keep us out for ever.
	if _, err := tx.Exec(ctx, sqlLockDays, book, through, day); err != nil {
		return fault("wait for postings of the day", err)
	}
	batch := &pgx.Batch{}
	batch.Queue(sqlPinRead)
	batch.Queue(sqlKeepSnapshots, book, nil, day, stored(l.now()), by)
	batch.Queue(`UPDATE ledger.books SET closed_through = $2 WHERE book = $1`, book, day)
	batch.Queue(sqlUnpinRead)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fault("close day", err)
	}
	return nil
}

// turnToClose waits for other closings of a book and gives its last closed day, nil when there is none. The lock is one
// that opening an account does not wait for.
func turnToClose(ctx context.Context, tx pgx.Tx, book string) (*time.Time, error) {
	var through *time.Time
	var isolation string
	err := tx.QueryRow(ctx, `SELECT closed_through, current_setting('transaction_isolation') FROM ledger.books
		WHERE book = $1 FOR NO KEY UPDATE`, book).Scan(&through, &isolation)
	switch {
	case err == pgx.ErrNoRows:
		return nil, fmt.Errorf("ledger: close day: book %s is not open", book)
	case err != nil:
		return nil, fault("close day", err)
	case isolation != "read committed":
		return nil, fmt.Errorf("ledger: close day: closing needs a READ COMMITTED transaction, this one is %s", isolation)
	}
	return through, nil
}

// ClosedThrough gives the last closed day of a book (00:00 UTC), the zero time when none is.
func (l *Ledger) ClosedThrough(ctx context.Context, book string) (time.Time, error) {
	var through *time.Time
	err := l.pool.QueryRow(ctx, `SELECT closed_through FROM ledger.books WHERE book = $1`, book).Scan(&through)
	if err == pgx.ErrNoRows || err == nil && through == nil {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fault("read the last closed day", err)
	}
	return *through, nil
}

// Closed reports whether a day (00:00 UTC) of a book is closed.
func (l *Ledger) Closed(ctx context.Context, book string, day time.Time) (bool, error) {
	through, err := l.ClosedThrough(ctx, book)
	return !through.IsZero() && !day.After(through), err
}

// effectiveDay is the asked day while it is open, otherwise the day after the last closed one: which days are worked
// on is not the ledger's business.
func effectiveDay(asked, closedThrough time.Time) time.Time {
	if closedThrough.IsZero() || asked.After(closedThrough) {
		return asked
	}
	return closedThrough.AddDate(0, 0, 1)
}

func isDay(t time.Time) bool { return t.Equal(t.UTC().Truncate(24 * time.Hour)) }

// days gives the days that a batch asks for, each once and in order.
func days(items []item) []time.Time {
	var all []time.Time
	for _, it := range items {
		if day := it.tx.Day.UTC(); !slices.ContainsFunc(all, day.Equal) {
			all = append(all, day)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

const (
	// sqlLockDays takes every open day up to the one to be closed, in order. Where no day was ever closed, postings of all
	// days hold one lock.
	sqlLockDays = `
SELECT count(pg_advisory_xact_lock(ledger.day_lock($1, d.day)))
FROM (SELECT $2::date + n AS day FROM generate_series(1, coalesce($3::date - $2::date, 1)) n) d`
)
