// Package finding owns what must reach a person: a bad signature, a wrong amount, a file that does not foot.
//
// It guarantees that the same thing seen again is counted on its first row, and that details hold ids and codes only.
// It is not a log (nothing is written here that needs no person) and not a break (reconciliation owns those).
package finding

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Kind names what was found.
type Kind string

// The kinds.
const (
	BadSignature   Kind = "bad_signature"    // a notification that the provider did not make
	Malformed      Kind = "malformed"        // a notification that cannot be read
	UnknownOrder   Kind = "unknown_order"    // a notification for a reference we never gave
	WrongAmount    Kind = "wrong_amount"     // a notification with another amount than asked for
	LateReversal   Kind = "late_reversal"    // a provider reversed a payment that is booked
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
