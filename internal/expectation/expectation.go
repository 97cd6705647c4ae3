// Package expectation owns what Exchequer waits for: who owes it which amount, under which reference, until when.
//
// It guarantees that an expectation is written in the transaction that booked its cause, so that nothing booked is
// forgotten, and that it never takes more than it waits for. It does not decide what meets an expectation
// (reconciliation does) and books nothing.
package expectation

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/calendar"
)

// Kind is what is waited for.
type Kind string

// Settlement: a provider owes the book a payment it collected. Payout: the bank will debit an instructed payout.
// Funding: the gateway's own transfer into the collection account will be credited (house only).
const (
	Settlement Kind = "settlement"
	Payout     Kind = "payout"
	Funding    Kind = "funding"
)

// State is how far an expectation is.
type State string

// Open: nothing heard. Announced: the partner's file names it. PartMet: less came than waited for. Met: all came.
const (
	Open      State = "open"
	Announced State = "announced"
	PartMet   State = "part_met"
	Met       State = "met"
)

// Expectation is one awaited amount, whole đồng. Ref is the attempt's or the payout's reference.
type Expectation struct {
	Book      string
	Kind      Kind
	Ref       string
	Partner   string // provider, or bank account
	Amount    int64
	Day       calendar.Date // effective day of the booking behind it
	DueDay    calendar.Date // last business day on which it is not late; none where the calendar does not say
	State     State
	Batch     string // the partner's batch that announced it
	Announced int64  // gross amount the batch says
	Fee       int64  // kept back by the partner
	Met       int64  // gross amount that came
	MetBy     string // statement line
	MetDay    calendar.Date
}

const columns = `book, kind, ref, partner, amount, day, due_day, state, batch, announced, fee, met, met_by, met_day`

// WriteTx records expectations in the caller's transaction. One that is there already is left as it is: the same
// booking posted again waits for nothing new.
func WriteTx(ctx context.Context, tx pgx.Tx, at time.Time, list []Expectation) error {
	var b pgx.Batch
	for _, e := range list {
		b.Queue(`INSERT INTO gateway.expectation (book, kind, ref, partner, amount, day, due_day, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT (book, kind, ref) DO NOTHING`,
			e.Book, e.Kind, e.Ref, e.Partner, e.Amount, e.Day, e.DueDay, at)
	}
	return tx.SendBatch(ctx, &b).Close()
}

// LockTx reads and locks a book's expectations of a kind by reference, in reference order.
func LockTx(ctx context.Context, tx pgx.Tx, book string, kind Kind, refs []string) ([]Expectation, error) {
	rows, err := tx.Query(ctx, `SELECT `+columns+` FROM gateway.expectation
		WHERE book = $1 AND kind = $2 AND ref = ANY($3) ORDER BY ref FOR UPDATE`, book, kind, refs)
	return collect(rows, err)
}

// BatchTx reads and locks a book's expectations that a partner's batch announced, in reference order.
func BatchTx(ctx context.Context, tx pgx.Tx, book, batch string) ([]Expectation, error) {
	rows, err := tx.Query(ctx, `SELECT `+columns+` FROM gateway.expectation
		WHERE book = $1 AND batch = $2 ORDER BY ref FOR UPDATE`, book, batch)
	return collect(rows, err)
}

// UpdateTx stores state, batch, announced, fee, met, met_by and met_day of expectations that the caller has locked.
func UpdateTx(ctx context.Context, tx pgx.Tx, at time.Time, list []Expectation) error {
	var b pgx.Batch
	for _, e := range list {
		b.Queue(`UPDATE gateway.expectation SET state = $4, batch = $5, announced = $6, fee = $7, met = $8, met_by = $9,
			met_day = $10, updated_at = $11 WHERE book = $1 AND kind = $2 AND ref = $3`,
			e.Book, e.Kind, e.Ref, e.State, e.Batch, e.Announced, e.Fee, e.Met, e.MetBy, e.MetDay, at)
		if e.Met > 0 {
			// The row above forgets how it got there; a closed day is recomputed from this one. met only grows.
			b.Queue(`INSERT INTO gateway.expectation_met (book, kind, ref, met, met_day, met_by, recorded_at)
				VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT ON CONSTRAINT expectation_met_pk DO NOTHING`,
				e.Book, e.Kind, e.Ref, e.Met, e.MetDay, e.MetBy, at)
		}
	}
	return tx.SendBatch(ctx, &b).Close()
}

// Querier reads: a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// List reads a book's expectations of a kind and partner whose booking is effective on or before a day: the items a
// day's closing balance is made of, whatever their state since.
func List(ctx context.Context, q Querier, book string, kind Kind, partner string, through calendar.Date) ([]Expectation, error) {
	rows, err := q.Query(ctx, `SELECT `+columns+` FROM gateway.expectation
		WHERE book = $1 AND kind = $2 AND partner = $3 AND day <= $4 ORDER BY day, ref`, book, kind, partner, through)
	return collect(rows, err)
}

func collect(rows pgx.Rows, err error) ([]Expectation, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Expectation])
}
