package ledger

import (
	"context"
	"encoding/csv"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
)

// period is a closing of a book.
type period struct {
	day     time.Time
	afterID int64
	closed  time.Time
	by      string
}

// byEntry is the order in which a book was entered, the only one in which its running balances can be made again.
var byEntry = order{
	transactions: sqlRecordColumns + `t.metadata` + sqlRecordsOfPeriod + ` ORDER BY t.id`,
	// Nothing but columns stands below UNION ALL, so that both keys are read in their order and merged.
	legs: `
SELECT l.transaction_id, l.line, l.debit_account, l.credit_account, l.amount, l.currency
FROM (
    SELECT book, transaction_id, line, debit_account, credit_account, amount, currency, effective_day FROM ledger.postings
    UNION ALL
    SELECT book, transaction_id, line, debit_account, credit_account, amount, currency, NULL::date FROM ledger.pending
) l
WHERE l.book = $1 AND ($2::date IS NULL AND $3::date IS NULL OR coalesce(l.effective_day,
      (SELECT t.effective_day FROM ledger.transactions t WHERE t.book = $1 AND t.id = l.transaction_id))
      BETWEEN coalesce($2, '-infinity') AND coalesce($3, 'infinity'))
ORDER BY l.transaction_id, l.line`,
}

// csvWriter writes rows and hashes them.
type csvWriter struct {
	out    *csv.Writer
	digest *digester
}

func newCSVWriter(out io.Writer) *csvWriter { return &csvWriter{csv.NewWriter(out), newDigester()} }

func (w *csvWriter) write(r row) error {
	if err := w.out.Write(r[:]); err != nil {
		return err
	}
	return w.digest.add(&r)
}

// sqlInKeyOrder has keys read in their order: a plan that reads whole tables and sorts them is right only for small ones.
// What is switched off counts as costly, for which PostgreSQL would compile the plan.
const sqlInKeyOrder = `
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true), set_config('jit', 'off', true)`

// exportCSV writes one book after the other, each from its definitions to its digest.
func exportCSV(ctx context.Context, tx pgx.Tx, out io.Writer, books []string, o ExportOptions) error {
	w := newCSVWriter(out)
	if err := w.out.Write(header[:]); err != nil {
		return err
	}
	for i, book := range books {
		if _, err := w.book(ctx, tx, i, book, o); err != nil {
			return err
		}
	}
	w.out.Flush()
	return w.out.Error()
}

// book writes a book, the n-th of its database transaction, and gives its digest.
func (w *csvWriter) book(ctx context.Context, tx pgx.Tx, n int, book string, o ExportOptions) (string, error) {
	if _, err := tx.Exec(ctx, sqlInKeyOrder); err != nil {
		return "", fault("export", err)
	}
	first := row{colType: rowBook, colBook: book}
	if !o.From.IsZero() || !o.To.IsZero() {
		first = extractRow(book, o)
	}
	if err := w.write(first); err != nil {
		return "", err
	}
	if err := w.accounts(ctx, tx, book); err != nil {
		return "", err
	}
	closings, err := readClosings(ctx, tx, book, o)
	if err != nil {
		return "", err
	}
	s, err := openStream(ctx, tx, n, byEntry, book, o)
	if err != nil {
		return "", err
	}
	if err := w.history(ctx, tx, book, s, closings); err != nil {
		return "", err
	}
	digest := w.digest.sum()
	end := endRow(book, digest)
	return digest, w.out.Write(end[:])
}

func extractRow(book string, o ExportOptions) row {
	r := row{colType: rowExtract, colBook: book}
	if !o.From.IsZero() {
		r[colAskedDay] = o.From.UTC().Format(time.DateOnly)
	}
	if !o.To.IsZero() {
		r[colEffectiveDay] = o.To.UTC().Format(time.DateOnly)
	}
	return r
}

// history writes transactions and closings in the order of their ids.
func (w *csvWriter) history(ctx context.Context, tx pgx.Tx, book string, s *stream, closings []period) error {
	closeUntil := func(id int64) error {
		for len(closings) > 0 && (id == 0 || closings[0].afterID < id) {
			if err := w.write(closeRow(book, closings[0])); err != nil {
				return err
			}
			closings = closings[1:]
		}
		return nil
	}
	for {
		next, err := s.transactions.peek(ctx, tx)
		if err != nil {
			return err
		}
		if next == nil {
			break
		}
		if err := closeUntil(next.id); err != nil {
			return err
		}
		r, err := s.take(ctx, tx)
		if err != nil {
			return err
		}
		for i := range max(len(r.Postings), 1) {
			if err := w.write(r.row(i)); err != nil {
				return err
			}
		}
	}
	if err := closeUntil(0); err != nil {
		return err
	}
	return s.finish(ctx, tx, book)
}

func (w *csvWriter) accounts(ctx context.Context, tx pgx.Tx, book string) error {
	rows, err := tx.Query(ctx, `
		SELECT code, currency, normal_side, limits, closed IS NOT NULL FROM ledger.accounts WHERE book = $1 ORDER BY code`, book)
	if err != nil {
		return fault("export accounts", err)
	}
	a := Account{Book: book}
	var closed bool
	_, err = pgx.ForEachRow(rows, []any{&a.Code, &a.Currency, &a.Normal, &a.Limits, &closed}, func() error {
		return w.write(accountRow(a, closed))
	})
	if err != nil {
		return fault("export accounts", err)
	}
	return nil
}

func readClosings(ctx context.Context, tx pgx.Tx, book string, o ExportOptions) ([]period, error) {
	rows, err := tx.Query(ctx, `
		SELECT day, after_id, closed, closed_by FROM ledger.periods
		WHERE book = $1 AND ($2::date IS NULL OR day >= $2) AND ($3::date IS NULL OR day <= $3)
		ORDER BY day`, append([]any{book}, o.period()...)...)
	if err != nil {
		return nil, fault("export closings", err)
	}
	closings, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p period, err error) {
		err = row.Scan(&p.day, &p.afterID, &p.closed, &p.by)
		return p, err
	})
	if err != nil {
		return nil, fault("export closings", err)
	}
	return closings, nil
}
