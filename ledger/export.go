package ledger

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// Format is a form of export.
type Format string

// The formats that can be written.
const (
	// HLedger is a journal that `hledger check -s balancednoautoconversion ordereddates` accepts: accounts and
	// commodities declared, dated by effective day, each account under its book.
	HLedger Format = "hledger"
	// CSV is one row a posting, with a header.
	CSV Format = "csv"
)

// ExportOptions says what to write.
type ExportOptions struct {
	Format Format
	Book   string // "" for all
}

// FormatError is a format that cannot be written.
type FormatError struct{ Format Format }

// Error names the formats that can be written.
func (e *FormatError) Error() string {
	return fmt.Sprintf("the ledger cannot be written as %q: use %s or %s", string(e.Format), HLedger, CSV)
}

// record is one posting with its transaction, as exported.
type record struct {
	book      string
	id        int64
	reference string
	kind      string
	occurred  time.Time
	effective time.Time
	recorded  time.Time
	link      string
	line      int32
	posting   Posting
}

// form writes one format.
type form interface {
	begin(out *bufio.Writer, accounts []Balance) error
	record(out *bufio.Writer, r *record) error
}

// Export writes the ledger, ordered by effective day, then book, then id, from one consistent view. It holds no more
// than a page a book in memory. It refuses another format with *FormatError before anything is written.
func (l *Ledger) Export(ctx context.Context, w io.Writer, o ExportOptions) error {
	var f form
	switch o.Format {
	case HLedger:
		f = &journal{}
	case CSV:
		f = table{}
	default:
		return &FormatError{o.Format}
	}
	out := bufio.NewWriterSize(w, 1<<16)
	err := l.reading(ctx, func(tx pgx.Tx) error {
		accounts, err := l.BalancesTx(ctx, tx, Query{Book: o.Book})
		if err != nil {
			return err
		}
		if err := f.begin(out, accounts); err != nil {
			return err
		}
		streams, err := openStreams(ctx, tx, o.Book)
		if err != nil {
			return err
		}
		return streams.merge(ctx, tx, func(r *record) error { return f.record(out, r) })
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

// stream is a book's postings in order, a page at a time through a cursor.
type stream struct {
	cursor string
	page   []record
	next   int
}

type streams []*stream

const pageSize = 500

func openStreams(ctx context.Context, tx pgx.Tx, book string) (streams, error) {
	books := []string{book}
	if book == "" {
		var err error
		if books, err = bookNames(ctx, tx); err != nil {
			return nil, err
		}
	}
	var all streams
	for i, book := range books {
		s := &stream{cursor: "ledger_export_" + strconv.Itoa(i)}
		if _, err := tx.Exec(ctx, "DECLARE "+s.cursor+" NO SCROLL CURSOR FOR "+sqlExport, book); err != nil {
			return nil, fault("export book "+book, err)
		}
		if err := s.fill(ctx, tx); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// fill reads the next page when the last is used up.
func (s *stream) fill(ctx context.Context, tx pgx.Tx) error {
	if s.next < len(s.page) {
		return nil
	}
	s.page, s.next = s.page[:0], 0
	rows, err := tx.Query(ctx, fmt.Sprintf("FETCH FORWARD %d FROM %s", pageSize, s.cursor))
	if err != nil {
		return fault("export", err)
	}
	var r record
	_, err = pgx.ForEachRow(rows, []any{&r.book, &r.id, &r.reference, &r.kind, &r.occurred, &r.effective, &r.recorded,
		&r.link, &r.line, &r.posting.Debit, &r.posting.Credit, &r.posting.Amount, &r.posting.Currency}, func() error {
		s.page = append(s.page, r)
		return nil
	})
	if err != nil {
		return fault("export", err)
	}
	return nil
}

// merge gives the records of all books by day. Streams stand in the order of books, so the first of equals is taken.
func (all streams) merge(ctx context.Context, tx pgx.Tx, give func(*record) error) error {
	for {
		var first *stream
		for _, s := range all {
			if s.next < len(s.page) && (first == nil || s.page[s.next].effective.Before(first.page[first.next].effective)) {
				first = s
			}
		}
		if first == nil {
			return nil
		}
		if err := give(&first.page[first.next]); err != nil {
			return err
		}
		first.next++
		if err := first.fill(ctx, tx); err != nil {
			return err
		}
	}
}

const sqlExport = `
SELECT t.book, t.id, t.reference, t.kind, t.occurred, t.effective_day, t.recorded, t.link,
       p.line, p.debit_account, p.credit_account, p.amount, p.currency
FROM ledger.transactions t JOIN ledger.postings p ON p.book = t.book AND p.transaction_id = t.id
WHERE t.book = $1 AND p.book = $1
ORDER BY t.effective_day, t.id, p.line`
