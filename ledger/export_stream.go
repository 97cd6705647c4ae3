package ledger

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// record is a transaction as it stands in the ledger. Its postings are those of postings, or of pending for a hold.
type record struct {
	Transaction
	id        int64
	effective time.Time
	recorded  time.Time
}

// leg is one posting and the transaction it belongs to.
type leg struct {
	id      int64
	posting Posting
}

// cursor reads rows of one statement a page at a time.
type cursor[T any] struct {
	name string
	scan pgx.RowToFunc[T]
	page []T
	next int
}

// pageSize is how many rows of a statement are held at once. Metadata is up to 16 KiB each.
const pageSize = 500

func openCursor[T any](ctx context.Context, tx pgx.Tx, name, sql string, scan pgx.RowToFunc[T], args ...any) (*cursor[T], error) {
	if _, err := tx.Exec(ctx, "DECLARE "+name+" NO SCROLL CURSOR FOR "+sql, args...); err != nil {
		return nil, fault("export", err)
	}
	return &cursor[T]{name: name, scan: scan}, nil
}

// peek gives the row that take will give, nil after the last.
func (c *cursor[T]) peek(ctx context.Context, tx pgx.Tx) (*T, error) {
	if c.next == len(c.page) {
		rows, err := tx.Query(ctx, fmt.Sprintf("FETCH FORWARD %d FROM %s", pageSize, c.name))
		if err != nil {
			return nil, fault("export", err)
		}
		c.next = 0
		if c.page, err = pgx.AppendRows(c.page[:0], rows, c.scan); err != nil {
			return nil, fault("export", err)
		}
		if len(c.page) == 0 {
			return nil, nil
		}
	}
	return &c.page[c.next], nil
}

func (c *cursor[T]) take() T {
	c.next++
	return c.page[c.next-1]
}

// stream is a book's transactions in one order, and their postings in the same.
type stream struct {
	transactions *cursor[record]
	legs         *cursor[leg]
}

// order says which of two orders the rows of a book are read in.
type order struct{ transactions, legs string }

// openStream opens the n-th stream of a database transaction. Without a period every day is meant.
func openStream(ctx context.Context, tx pgx.Tx, n int, sql order, book string, o ExportOptions) (*stream, error) {
	args := append([]any{book}, o.period()...)
	s := &stream{}
	var err error
	if s.transactions, err = openCursor(ctx, tx, "ledger_transactions_"+strconv.Itoa(n), sql.transactions, scanRecord, args...); err != nil {
		return nil, err
	}
	s.legs, err = openCursor(ctx, tx, "ledger_legs_"+strconv.Itoa(n), sql.legs, scanLeg, args...)
	return s, err
}

// take gives the next transaction with its postings. Postings that stand apart from a transaction are a fault: what is
// exported must be what the balances say.
func (s *stream) take(ctx context.Context, tx pgx.Tx) (*record, error) {
	r := s.transactions.take()
	for {
		next, err := s.legs.peek(ctx, tx)
		if err != nil || next == nil || next.id != r.id {
			return &r, err
		}
		r.Postings = append(r.Postings, s.legs.take().posting)
	}
}

// finish makes sure that nothing is left.
func (s *stream) finish(ctx context.Context, tx pgx.Tx, book string) error {
	left, err := s.legs.peek(ctx, tx)
	if err == nil && left != nil {
		err = fmt.Errorf("ledger: export: postings of transaction %d of book %s do not stand with it: run verify", left.id, book)
	}
	return err
}

func scanRecord(row pgx.CollectableRow) (r record, err error) {
	var metadata *map[string]string
	var expires *time.Time
	err = row.Scan(&r.Book, &r.id, &r.Reference, &r.Kind, &r.Occurred, &r.Day, &r.effective, &r.recorded, &r.Link,
		&r.Phase, &r.Of, &expires, &metadata)
	if r.Phase == "post" {
		r.Phase = Post
	}
	if expires != nil {
		r.Expires = *expires
	}
	if metadata != nil {
		r.Metadata = *metadata
	}
	return r, err
}

func scanLeg(row pgx.CollectableRow) (l leg, err error) {
	err = row.Scan(&l.id, nil, &l.posting.Debit, &l.posting.Credit, &l.posting.Amount, &l.posting.Currency)
	return l, err
}

const (
	sqlRecordColumns = `
SELECT t.book, t.id, t.reference, t.kind, t.occurred, t.asked_day, t.effective_day, t.recorded, t.link, t.phase,
       coalesce((SELECT o.reference FROM ledger.transactions o WHERE o.book = $1 AND o.id = t.of_id), ''), t.expires, `

	sqlRecordsOfPeriod = `
FROM ledger.transactions t
WHERE t.book = $1 AND ($2::date IS NULL OR t.effective_day >= $2) AND ($3::date IS NULL OR t.effective_day <= $3)`

	sqlPostingsOfPeriod = `
SELECT p.transaction_id, p.line, p.debit_account, p.credit_account, p.amount, p.currency
FROM ledger.postings p
WHERE p.book = $1 AND ($2::date IS NULL OR p.effective_day >= $2) AND ($3::date IS NULL OR p.effective_day <= $3)`
)
