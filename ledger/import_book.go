package ledger

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
)

// importer reads one book in one database transaction.
type importer struct {
	l    *Ledger
	tx   pgx.Tx
	rows *rowReader
	book string

	st           *state // every account, and what the batch names
	recorded     time.Time
	closing      map[string]int // accounts that are closed, and the lines that say so
	batch        []*record      // read and not yet written
	batchRows    int
	lines        map[*record]int // of the first row of each of the batch
	transactions int64
	digest       *digester // of the rows read
}

// batchSize is how many rows are decided and written at once. A transaction is never cut.
const batchSize = 5_000

// run reads from the row that begins the book to the one that ends it.
func (im *importer) run(ctx context.Context, first row) (Imported, error) {
	if err := im.begin(ctx, first); err != nil {
		return Imported{}, err
	}
	im.digest = newDigester()
	if err := im.digest.add(&first); err != nil {
		return Imported{}, err
	}
	read, err := im.accountRows(ctx)
	for err == nil && read[colType] != rowEnd {
		if err = im.row(ctx, read); err == nil {
			read, err = im.nextRow()
		}
	}
	if err == nil {
		err = im.flush(ctx)
	}
	if err != nil {
		return Imported{}, err
	}
	digest := im.digest.sum()
	if want := endRow(im.book, digest); read[colMetadata] != want[colMetadata] {
		return Imported{}, im.rows.at(colMetadata, "the book's digest is %s, not what is written here: the file was changed or a part of it is missing", digest)
	} else if err := im.rows.same(read, want); err != nil {
		return Imported{}, err
	}
	if err := im.finish(ctx, digest); err != nil {
		return Imported{}, err
	}
	return Imported{Book: im.book, Transactions: im.transactions, Digest: digest}, nil
}

// begin makes sure that the book is not there. Whoever opens it meanwhile waits for this to end.
func (im *importer) begin(ctx context.Context, first row) error {
	switch {
	case first[colType] == rowExtract:
		return im.rows.at(colType, "this is a part of a book, which cannot be read back: export it without a period")
	case first[colType] != rowBook:
		return im.rows.at(colType, "%s, expected %q: a book begins here", quote(first[colType]), rowBook)
	case !bookForm.MatchString(im.book):
		return im.rows.at(colBook, "%s: a book is 1 to 32 letters, digits, _ or -", quote(im.book))
	}
	if err := im.rows.same(first, row{colType: rowBook, colBook: im.book}); err != nil {
		return err
	}
	im.st, im.recorded = &state{accounts: make(map[string]*account)}, stored(im.l.now())
	im.closing, im.lines = make(map[string]int), make(map[*record]int)
	// The tables have never been analysed when a plan is made, and will be large when it is used.
	if _, err := im.tx.Exec(ctx, sqlInKeyOrder); err != nil {
		return fault("import book "+im.book, err)
	}
	var open bool
	err := im.tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM ledger.books WHERE book = $1) OR EXISTS (SELECT FROM ledger.transactions WHERE book = $1)
		    OR EXISTS (SELECT FROM ledger.postings WHERE book = $1) OR EXISTS (SELECT FROM ledger.pending WHERE book = $1)`,
		im.book).Scan(&open)
	switch {
	case err != nil:
		return fault("import book "+im.book, err)
	case open:
		return &BookError{im.book, "is open: a copy is read only where no book of its name is"}
	}
	return nil
}

// nextRow gives the next row of the book.
func (im *importer) nextRow() (row, error) {
	read, err := im.rows.next()
	if errors.Is(err, io.EOF) {
		return row{}, &ImportError{Line: im.rows.line + 1, Reason: fmt.Sprintf("the file ends within book %s: a part of it is missing", im.book)}
	}
	if err == nil && read[colBook] != im.book {
		return row{}, im.rows.at(colBook, "%s, expected %q: its rows stand together", quote(read[colBook]), im.book)
	}
	return read, err
}

// accountRows opens the accounts and gives the first row that is none.
func (im *importer) accountRows(ctx context.Context) (row, error) {
	var all []Account
	for {
		read, err := im.nextRow()
		if err != nil {
			return row{}, err
		}
		if read[colType] != rowAccount {
			if len(all) == 0 {
				return row{}, im.rows.at(colType, "%s, expected %q: a book has accounts", quote(read[colType]), rowAccount)
			}
			return read, im.l.OpenAccountsTx(ctx, im.tx, all)
		}
		a, closed, err := im.account(read)
		if err != nil {
			return row{}, err
		}
		if len(all) > 0 && all[len(all)-1].Code >= a.Code {
			return row{}, im.rows.at(colAccount, "%s does not come after %s: accounts stand once, in the order of their codes", a.Code, all[len(all)-1].Code)
		}
		if closed {
			im.closing[a.Code] = im.rows.line
		}
		im.st.accounts[a.Code] = &account{code: a.Code, currency: a.Currency, normal: a.Normal, limits: a.Limits}
		all = append(all, a)
		if err := im.digest.add(&read); err != nil {
			return row{}, err
		}
	}
}

func (im *importer) account(read row) (Account, bool, error) {
	a := Account{Book: im.book, Code: read[colAccount], Currency: read[colCurrency], Normal: Side(read[colNormalSide])}
	if read[colLimits] == neverBelowZero {
		a.Limits = NeverBelowZero
	}
	closed := read[colClosed] == "closed"
	if err := im.rows.same(read, accountRow(a, closed)); err != nil {
		return a, closed, err
	}
	if refused, ok := errors.AsType[*AccountError](a.check()); ok {
		return a, closed, im.rows.at(wholeRow, "%s", refused.Reason)
	}
	return a, closed, nil
}
