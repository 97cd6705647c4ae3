package ledger

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Format is a form of export.
type Format string

// The formats that can be written. All but CSV are journals: what is posted, dated by effective day, each account under
// its book, with balances asserted at both ends. What is pending is in no journal; a comment at the end counts it.
const (
	// HLedger is a journal that `hledger check -s balancednoautoconversion ordereddates` accepts.
	HLedger Format = "hledger"
	// LedgerCLI is a journal that `ledger --pedantic` accepts.
	LedgerCLI Format = "ledger"
	// Beancount is a journal that `bean-check` accepts; BeancountName says how its accounts are called.
	Beancount Format = "beancount"
	// CSV is everything a book holds, in the order in which it was entered: what Import reads. See docs/ledger-formats.md.
	CSV Format = "csv"
)

// ExportOptions says what to write. Days are effective days at 00:00 UTC.
type ExportOptions struct {
	Format Format
	Book   string    // "" for all
	From   time.Time // first day; zero means from the beginning
	To     time.Time // last day; zero means to the end
}

// FormatError is a format that cannot be written, or a day that the format cannot carry.
type FormatError struct {
	Format Format
	Day    time.Time // 00:00 UTC; zero where the format itself is not known
}

// Error says what can be written.
func (e *FormatError) Error() string {
	if e.Day.IsZero() {
		return fmt.Sprintf("the ledger cannot be written as %q: use %s, %s, %s or %s", string(e.Format), HLedger, LedgerCLI, Beancount, CSV)
	}
	return fmt.Sprintf("%s cannot carry the day %s: choose another format or period", e.Format, e.Day.Format(time.DateOnly))
}

// BookError is a book that is not as it has to be.
type BookError struct {
	Book   string
	Reason string // what is wrong with it
}

// Error names the book and what is wrong.
func (e *BookError) Error() string { return fmt.Sprintf("book %s %s", e.Book, e.Reason) }

// Export writes the ledger from one consistent view: a journal by effective day, then book, then id; CSV by book, then
// in the order of entry. What it keeps in memory grows with accounts and books, not with postings. It refuses with
// *FormatError what the format cannot carry and with *BookError a book that is not open; what was written by then is no
// whole file.
func (l *Ledger) Export(ctx context.Context, w io.Writer, o ExportOptions) error {
	if !slices.Contains([]Format{HLedger, LedgerCLI, Beancount, CSV}, o.Format) {
		return &FormatError{Format: o.Format}
	}
	out := bufio.NewWriterSize(w, 1<<16)
	err := l.reading(ctx, func(tx pgx.Tx) error {
		books, err := exportedBooks(ctx, tx, o.Book)
		if err != nil {
			return err
		}
		if o.Format == CSV {
			return exportCSV(ctx, tx, out, books, o)
		}
		return l.exportJournal(ctx, tx, out, books, o)
	})
	if err != nil {
		return err
	}
	return out.Flush()
}

// exportedBooks gives the book that is asked for, or all.
func exportedBooks(ctx context.Context, tx pgx.Tx, book string) ([]string, error) {
	books, err := bookNames(ctx, tx)
	if err != nil || book == "" {
		return books, err
	}
	if !slices.Contains(books, book) {
		return nil, &BookError{book, "is not open: name one that has accounts"}
	}
	return []string{book}, nil
}

func (o ExportOptions) period() []any { return []any{instantOrNil(o.From), instantOrNil(o.To)} }
