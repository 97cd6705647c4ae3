package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// resolves reports that a transaction releases a hold.
func (t *Transaction) resolves() bool {
	return t.Phase == Capture || t.Phase == Void || t.Phase == expiry
}

// inFull gives a capture without postings those of its hold.
func (s *state) inFull(tx *Transaction) *Transaction {
	if tx.Phase != Capture || len(tx.Postings) > 0 {
		return tx
	}
	of := s.known[tx.Of]
	if of == nil || of.tx.Phase != Hold {
		return tx
	}
	whole := *tx
	whole.Postings = of.tx.Postings
	return &whole
}

func (s *state) hold(e *entry) (Result, bool) {
	for i, p := range e.tx.Postings {
		debit, credit := s.accounts[p.Debit], s.accounts[p.Credit]
		if refusal, ok := admissible(i, p, debit, credit); !ok {
			return refusal, false
		}
		s.apply(move{debit, credit, 0, p.Amount})
	}
	return Result{}, true
}

// resolve releases all that a hold has set aside and posts what is captured of it.
func (s *state) resolve(e *entry, w *writes) (Result, bool) {
	of := s.known[e.tx.Of]
	switch {
	case of == nil:
		return Result{Code: UnknownOf, Field: "of"}, false
	case of.tx.Phase != Hold:
		return Result{Code: NotHeld, Field: "of"}, false
	case !s.locked(of):
		return Result{Code: UnknownOf, Field: "of"}, false
	case of.resolved:
		return Result{Code: HoldResolved, Field: "of"}, false
	}
	expired := !of.tx.Expires.IsZero() && !s.recorded.Before(of.tx.Expires)
	if expired && e.tx.Phase == Capture {
		return Result{Code: HoldExpired, Field: "of"}, false
	}
	e.of, e.ends = of.id, stored(of.tx.Expires)
	if refusal, ok := within(e.tx.Postings, of.tx.Postings); !ok {
		return refusal, false
	}
	for _, p := range of.tx.Postings {
		s.apply(move{s.accounts[p.Debit], s.accounts[p.Credit], 0, -p.Amount})
	}
	for i, p := range e.tx.Postings {
		s.write(e, i, move{s.accounts[p.Debit], s.accounts[p.Credit], p.Amount, 0}, w)
	}
	return Result{}, true
}

// locked reports that we hold the accounts of a hold. One that was committed after we had looked for it, and before its
// accounts could be locked, was not there when this call began.
func (s *state) locked(of *entry) bool {
	for _, p := range of.tx.Postings {
		if s.accounts[p.Debit] == nil || s.accounts[p.Credit] == nil {
			return false
		}
	}
	return true
}

// within checks that what is captured between two accounts is not above what the hold has set aside between them.
func within(captured, held []Posting) (Result, bool) {
	type between struct{ debit, credit, currency string }
	left := make(map[between]int64, len(held))
	for _, p := range held {
		left[between{p.Debit, p.Credit, p.Currency}] += p.Amount
	}
	for i, p := range captured {
		k := between{p.Debit, p.Credit, p.Currency}
		most, ok := left[k]
		if !ok {
			return Result{Code: NotHeld, Field: postingField(i, "debit"), Account: p.Debit}, false
		}
		if p.Amount > most {
			return Result{Code: HoldExceeded, Field: postingField(i, "amount"), Account: p.Debit}, false
		}
		left[k] = most - p.Amount
	}
	return Result{}, true
}

// readHolds gives the postings of the holds that a batch resolves, by reference, so that their accounts can be locked. A
// hold never changes; whether it is resolved is read once they are.
func readHolds(ctx context.Context, on sender, book string, items []item) (map[string][]Posting, error) {
	var references []string
	for _, it := range items {
		if it.tx.resolves() {
			references = append(references, it.tx.Of)
		}
	}
	if len(references) == 0 {
		return nil, nil
	}
	slices.Sort(references)
	held := make(map[string][]Posting)
	batch := &pgx.Batch{}
	batch.Queue(sqlPin)
	batch.Queue(sqlReadHolds, book, slices.Compact(references)).Query(func(rows pgx.Rows) error {
		var reference string
		var p Posting
		_, err := pgx.ForEachRow(rows, []any{&reference, &p.Debit, &p.Credit, &p.Amount, &p.Currency}, func() error {
			held[reference] = append(held[reference], p)
			return nil
		})
		return err
	})
	batch.Queue(sqlUnpin)
	if err := on.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fault("read the holds of book "+book, err)
	}
	return held, nil
}

const sqlReadHolds = `
SELECT w.reference, p.debit_account, p.credit_account, p.amount, p.currency
FROM unnest($2::text[]) AS w (reference)
CROSS JOIN LATERAL (
    SELECT id FROM ledger.transactions WHERE book = $1 AND reference = w.reference AND phase = 'hold' OFFSET 0
) t
CROSS JOIN LATERAL (
    SELECT debit_account, credit_account, amount, currency
    FROM ledger.pending WHERE book = $1 AND transaction_id = t.id ORDER BY line OFFSET 0
) p`

// sqlReadResolutions tells which of some holds are resolved, with their accounts locked.
const sqlReadResolutions = `
SELECT t.reference
FROM unnest($2::text[]) AS w (reference)
CROSS JOIN LATERAL (
    SELECT id, reference FROM ledger.transactions WHERE book = $1 AND reference = w.reference AND phase = 'hold' OFFSET 0
) t
CROSS JOIN LATERAL (
    SELECT id FROM ledger.transactions
    WHERE book = $1 AND of_id = t.id AND phase IN ('capture', 'void', 'expiry') OFFSET 0
) r`

func (s *state) scanResolutions(rows pgx.Rows) error {
	var reference string
	_, err := pgx.ForEachRow(rows, []any{&reference}, func() error {
		if of := s.known[reference]; of != nil {
			of.resolved = true
		}
		return nil
	})
	return err
}

// ExpireHolds releases holds of a book whose time is over, the oldest first and at most so many, on a day (00:00 UTC; the
// first open one where it is closed), and says how many. Each is released by a transaction of the hold's kind under the
// reference of the hold followed by "/expired". A hold without a time stays until it is captured or voided.
func (l *Ledger) ExpireHolds(ctx context.Context, book string, day time.Time, most int) (int, error) {
	if day.IsZero() || !isDay(day) {
		return 0, fmt.Errorf("ledger: expire holds: %s is not a day at 00:00 UTC", day)
	}
	now := l.now()
	rows, err := l.pool.Query(ctx, sqlExpired, book, now, most)
	if err != nil {
		return 0, fault("find holds whose time is over", err)
	}
	due, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Transaction, error) {
		t := Transaction{Book: book, Phase: expiry, Day: day.UTC()}
		err := row.Scan(&t.Of, &t.Kind, &t.Occurred)
		t.Reference = t.Of + expiredSuffix
		return t, err
	})
	if err != nil {
		return 0, fault("find holds whose time is over", err)
	}
	results, items := make([]Result, len(due)), make([]item, len(due))
	for i := range due {
		items[i] = item{&due[i], &results[i]}
	}
	if err := l.submitAll(ctx, map[string][]item{book: items}); err != nil {
		return 0, err
	}
	released := 0
	for i, r := range results {
		switch {
		case r.Code == Posted:
			released++
		case r.Code == HoldResolved, r.Code == Duplicate, r.Code == ReferenceReused && r.Field == "day":
			// Somebody was faster, in the last case on another day.
		default:
			return released, fmt.Errorf("ledger: hold %s of book %s cannot expire: %w", due[i].Of, book, r.Err())
		}
	}
	return released, nil
}

const expiredSuffix = "/expired"

const sqlExpired = `
SELECT t.reference, t.kind, t.expires
FROM (SELECT hold_id FROM ledger.expiring WHERE book = $1 AND expires <= $2 ORDER BY expires, hold_id LIMIT $3) e
CROSS JOIN LATERAL (SELECT reference, kind, expires FROM ledger.transactions WHERE book = $1 AND id = e.hold_id OFFSET 0) t`

// queueExpiring keeps the list of holds whose time runs.
func (w *writes) queueExpiring(batch *pgx.Batch, book string) {
	var begun, ended []int64
	var begins, ends []time.Time
	for _, e := range w.transactions {
		if e.tx.Phase == Hold && !e.tx.Expires.IsZero() {
			begun, begins = append(begun, e.id), append(begins, stored(e.tx.Expires))
		}
		if e.tx.resolves() && !e.ends.IsZero() {
			ended, ends = append(ended, e.of), append(ends, e.ends)
		}
	}
	if len(begun) > 0 {
		batch.Queue(sqlBeginExpiring, book, begins, begun)
	}
	if len(ended) > 0 {
		batch.Queue(sqlEndExpiring, book, ends, ended)
	}
}

const (
	sqlBeginExpiring = `
INSERT INTO ledger.expiring (book, expires, hold_id)
SELECT $1, w.expires, w.id FROM unnest($2::timestamptz[], $3::bigint[]) AS w (expires, id)`

	// Each is looked up by itself once the list was analysed; before that all of the book's is read.
	sqlEndExpiring = `
DELETE FROM ledger.expiring
WHERE book = $1 AND (expires, hold_id) IN (SELECT w.expires, w.id FROM unnest($2::timestamptz[], $3::bigint[]) AS w (expires, id))`
)
