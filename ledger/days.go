package ledger

import (
	"context"
	"fmt"
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

// CloseDayTx closes a business day (00:00 UTC) of a book and every day before it, in the caller's database
// transaction; by says who decided. It waits for postings under way in the book and holds new ones back until the
// caller commits: whoever posts later finds the day closed. A day that is already closed stays as it was.
func (l *Ledger) CloseDayTx(ctx context.Context, tx pgx.Tx, book string, day time.Time, by string) error {
	if day.IsZero() || !isDay(day) {
		return fmt.Errorf("ledger: close day: %s is not a day at 00:00 UTC", day)
	}
	day = day.UTC() // PostgreSQL takes a date as its zone shows it
	var through *time.Time
	err := tx.QueryRow(ctx, `SELECT closed_through FROM ledger.books WHERE book = $1 FOR UPDATE`, book).Scan(&through)
	if err == pgx.ErrNoRows {
		return fmt.Errorf("ledger: close day: book %s is not open", book)
	}
	if err != nil {
		return fault("close day", err)
	}
	if through != nil && !day.After(*through) {
		return nil
	}
	// Every posting holds two balances locked until it commits and reads closed_through after it has them. With all
	// balances in hand nothing is under way, and whatever comes next sees the day closed. A share lock on one row a book
	// would do as well but could be kept from the closing for ever by postings that overlap.
	batch := &pgx.Batch{}
	batch.Queue(`SELECT account FROM ledger.balances WHERE book = $1 ORDER BY account FOR UPDATE`, book)
	batch.Queue(`UPDATE ledger.books SET closed_through = $2 WHERE book = $1`, book, day)
	batch.Queue(`
		INSERT INTO ledger.periods (book, day, after_id, closed, closed_by)
		VALUES ($1, $2, nextval('ledger.transaction_id'), $3, $4)`, book, day, l.now(), by)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fault("close day", err)
	}
	return nil
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
