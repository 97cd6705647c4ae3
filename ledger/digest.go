package ledger

import (
	"context"
	"io"

	"github.com/jackc/pgx/v5"
)

// Digest gives the SHA-256, in hex, of what a book holds: accounts, transactions and closings in the order in which
// they were entered. Ids and recorded times are left out, so a copy has the digest of its original; it is that of the
// book's CSV without its header, its last row and its first two columns. It refuses with *BookError a book that is not
// open. The digest changes with every posting; compare two of books at rest.
func (l *Ledger) Digest(ctx context.Context, book string) (digest string, err error) {
	if book == "" {
		return "", &BookError{book, "has no name: a digest is that of one book"}
	}
	err = l.reading(ctx, func(tx pgx.Tx) (err error) {
		if _, err := exportedBooks(ctx, tx, book); err != nil {
			return err
		}
		digest, err = newCSVWriter(io.Discard).book(ctx, tx, 0, book, ExportOptions{})
		return err
	})
	return digest, err
}

// Books gives the books that are open, in the order of their names.
func (l *Ledger) Books(ctx context.Context) ([]string, error) {
	var books []string
	err := l.reading(ctx, func(tx pgx.Tx) (err error) {
		books, err = bookNames(ctx, tx)
		return err
	})
	return books, err
}
