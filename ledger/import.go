package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
)

// Imported is a book that was copied in.
type Imported struct {
	Book         string `json:"book"`
	Transactions int64  `json:"transactions"`
	Digest       string `json:"digest"` // SHA-256 in hex, that of the original
}

// ImportError is a fault of a CSV file.
type ImportError struct {
	Line   int    // from 1
	Column string // "" where the fault is not in one
	Reason string // what is wrong, and what to do where that is not plain
}

// Error names the line, the column and what is wrong.
func (e *ImportError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
	}
	return fmt.Sprintf("line %d, %s: %s", e.Line, e.Column, e.Reason)
}

// Import reads what Export wrote as CSV into books that are not open yet: accounts, transactions, holds and what became
// of them, metadata, effective days and closings, in the order in which they were entered. Recorded times are of now.
// Each book is one database transaction: it stands whole, verified against its digest, or not at all, and those after a
// refused one are not read. It gives the books that stand, also beside an error. It refuses with *ImportError anything
// that is not exactly what Export would write or that the ledger would not have posted, and with *BookError a book that
// is open. What it keeps in memory grows with accounts, not with postings.
func (l *Ledger) Import(ctx context.Context, r io.Reader) ([]Imported, error) {
	rows, err := readCSV(r)
	if err != nil {
		return nil, err
	}
	done := []Imported{}
	for {
		first, err := rows.next()
		if errors.Is(err, io.EOF) {
			return done, nil
		}
		if err != nil {
			return done, err
		}
		var book Imported
		err = pgx.BeginTxFunc(ctx, l.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			im := &importer{l: l, tx: tx, rows: rows, book: first[colBook]}
			book, err = im.run(ctx, first)
			return err
		})
		if err != nil {
			return done, err
		}
		done = append(done, book)
	}
}
