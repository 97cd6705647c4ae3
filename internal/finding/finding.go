// Package finding owns what must reach a person: a bad signature, a wrong amount, a file that does not foot.
//
// It guarantees that the same thing seen again is counted on its first row, and that details hold ids and codes only.
// It is not a log (nothing is written here that needs no person) and not a break (reconciliation owns those).
package finding

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/calendar"
)

// Kind names what was found.
type Kind string

// The kinds.
const (
	BadSignature   Kind = "bad_signature"    // a notification that the provider did not make
	Malformed      Kind = "malformed"        // a notification that cannot be read
	UnknownOrder   Kind = "unknown_order"    // a notification for a reference we never gave
	WrongAmount    Kind = "wrong_amount"     // a provider says another amount than it was asked for
	WrongAnswer    Kind = "wrong_answer"     // a provider's answer to a question about a payment names another one
	LateReversal   Kind = "late_reversal"    // a provider reversed a payment that is booked
	OddTime        Kind = "odd_time"         // a provider says that a payment was made at a time that cannot be
	CalendarGap    Kind = "calendar_gap"     // a day of which the calendar does not say whether it is worked: complete it
	NotApplied     Kind = "not_applied"      // a provider's word that is recorded and cannot be booked
	StatementFault Kind = "statement_fault"  // a statement that does not foot, repeats or leaves a gap
	FileFault      Kind = "settlement_fault" // a provider's file that does not foot or names unknown payments
)

// Finding is one thing a person must see. Detail holds ids and codes, no personal data.
type Finding struct {
	Book    string            `json:"book"`
	Kind    Kind              `json:"kind"`
	Subject string            `json:"subject"`
	Detail  map[string]string `json:"detail"`
	Count   int64             `json:"count"`
	FirstAt time.Time         `json:"first_at"`
	LastAt  time.Time         `json:"last_at"`
}

// WriteTx records a finding in the caller's transaction; the same (book, kind, subject) again counts up.
func WriteTx(ctx context.Context, tx pgx.Tx, f Finding, at time.Time) error {
	detail, err := json.Marshal(f.Detail)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO gateway.finding AS f (book, kind, subject, detail, first_at, last_at)
		VALUES ($1, $2, $3, $4, $5, $5)
		ON CONFLICT (book, kind, subject) DO UPDATE SET count = f.count + 1, last_at = excluded.last_at`,
		f.Book, f.Kind, f.Subject, detail, at)
	return err
}

// Cap is how many findings of one kind a provider's messages may make a day: anybody can send a message, so the rows
// must have an end. Beyond it they count up on one row whose subject says "more".
const Cap = 100

// WriteCappedTx is WriteTx for what anybody can cause: past Cap new subjects of one book, kind and provider (Detail
// "provider") on a day of Asia/Ho_Chi_Minh it counts up on one subject. Writers at once may pass Cap by their number.
func WriteCappedTx(ctx context.Context, tx pgx.Tx, f Finding, at time.Time) error {
	day, provider := calendar.DayOf(at), f.Detail["provider"]
	var known bool
	var today int
	err := tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM gateway.finding WHERE book = $1 AND kind = $2 AND subject = $3),
		       (SELECT count(*) FROM gateway.finding
		        WHERE book = $1 AND kind = $2 AND first_at >= $4 AND first_at < $5 AND detail->>'provider' = $6)`,
		f.Book, f.Kind, f.Subject, day.At(0).UTC(), day.AddDays(1).At(0).UTC(), provider).Scan(&known, &today)
	if err != nil {
		return err
	}
	if !known && today >= Cap {
		f.Subject = fmt.Sprintf("more %s %s", provider, day)
	}
	return WriteTx(ctx, tx, f, at)
}

// List gives a book's findings, newest first; all books for "".
func List(ctx context.Context, pool *pgxpool.Pool, book string) ([]Finding, error) {
	rows, err := pool.Query(ctx, `
		SELECT book, kind, subject, detail, count, first_at, last_at FROM gateway.finding
		WHERE $1 = '' OR book = $1 ORDER BY last_at DESC, book, kind, subject`, book)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Finding])
}
