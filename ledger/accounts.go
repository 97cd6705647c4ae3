package ledger

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// AccountError is an account that cannot be opened as asked.
type AccountError struct {
	Book   string
	Code   string
	Reason string // what is wrong with it
}

// Error names the account and what is wrong.
func (e *AccountError) Error() string {
	return fmt.Sprintf("account %s of book %s: %s", e.Code, e.Book, e.Reason)
}

var (
	bookForm     = regexp.MustCompile(`^[0-9A-Za-z_-]{1,32}$`)
	accountForm  = regexp.MustCompile(`^[0-9A-Za-z._/-]+(:[0-9A-Za-z._/-]+)*$`)
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
)

// OpenAccountsTx opens the accounts that are not open yet, and their books, in the caller's database transaction. It
// may be called before every posting: where all are open it only reads. Call it before PostTx, once a transaction. It
// refuses with *AccountError a malformed account, and one that is open with another definition.
func (l *Ledger) OpenAccountsTx(ctx context.Context, tx pgx.Tx, accounts []Account) error {
	byBook := make(map[string][]Account)
	for _, a := range accounts {
		if err := a.check(); err != nil {
			return err
		}
		byBook[a.Book] = append(byBook[a.Book], a)
	}
	books := make([]string, 0, len(byBook))
	for book := range byBook {
		books = append(books, book)
	}
	slices.Sort(books)
	for _, book := range books {
		if err := l.openInBook(ctx, tx, book, byBook[book]); err != nil {
			return err
		}
	}
	return nil
}

func (a Account) check() error {
	reason := ""
	switch {
	case !bookForm.MatchString(a.Book):
		reason = "the book must be 1 to 32 letters, digits, _ or -"
	case len(a.Code) > 200 || !accountForm.MatchString(a.Code):
		reason = "the code must be parts of letters, digits, . _ / - joined by colons, 200 at most"
	case !currencyForm.MatchString(a.Currency):
		reason = "the currency must be three capital letters (ISO 4217)"
	case a.Normal != Debit && a.Normal != Credit:
		reason = "the normal side must be debit or credit"
	case a.Limits&^NeverBelowZero != 0:
		reason = "it has an unknown limit"
	default:
		return nil
	}
	return &AccountError{a.Book, a.Code, reason}
}

// openInBook reads what is open, writes what is missing in one order, and reads again: another may have been first.
func (l *Ledger) openInBook(ctx context.Context, tx pgx.Tx, book string, wanted []Account) error {
	missing, err := missingAccounts(ctx, tx, book, wanted)
	if err != nil || len(missing) == 0 {
		return err
	}
	codes, currencies, sides := make([]string, len(missing)), make([]string, len(missing)), make([]string, len(missing))
	limits := make([]int32, len(missing))
	for i, a := range missing {
		codes[i], currencies[i], sides[i], limits[i] = a.Code, a.Currency, string(a.Normal), int32(a.Limits)
	}
	now := l.now()
	batch := &pgx.Batch{}
	batch.Queue(sqlOpenBook, book, now)
	batch.Queue(sqlOpenAccounts, book, codes, currencies, sides, limits, now)
	batch.Queue(sqlOpenBalances, book, codes, currencies, sides, limits)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fault("open accounts", err)
	}
	_, err = missingAccounts(ctx, tx, book, missing)
	return err
}

// missingAccounts gives the accounts that are not open, in the order of their codes.
func missingAccounts(ctx context.Context, tx pgx.Tx, book string, wanted []Account) ([]Account, error) {
	codes := make([]string, len(wanted))
	for i, a := range wanted {
		codes[i] = a.Code
	}
	rows, err := tx.Query(ctx, sqlReadAccounts, book, codes)
	if err != nil {
		return nil, fault("read accounts", err)
	}
	open := make(map[string]Account, len(wanted))
	var a Account
	_, err = pgx.ForEachRow(rows, []any{&a.Code, &a.Currency, &a.Normal, &a.Limits}, func() error {
		a.Book = book
		open[a.Code] = a
		return nil
	})
	if err != nil {
		return nil, fault("read accounts", err)
	}
	fresh := make(map[string]Account)
	for _, w := range wanted {
		there, ok := open[w.Code]
		if !ok {
			if there, ok = fresh[w.Code]; !ok {
				fresh[w.Code] = w
				continue
			}
		}
		if there != w {
			return nil, &AccountError{book, w.Code, fmt.Sprintf("it is open with another definition (%s, %s, limits %d): "+
				"a definition never changes, open another account", there.Currency, there.Normal, there.Limits)}
		}
	}
	missing := make([]Account, 0, len(fresh))
	for _, a := range fresh {
		missing = append(missing, a)
	}
	slices.SortFunc(missing, func(a, b Account) int { return strings.Compare(a.Code, b.Code) })
	return missing, nil
}

// CloseAccountTx closes an account for good: it takes no more postings. It waits for postings under way. An account
// that does not stand at zero or is not open is refused with *AccountError; closing a closed one does nothing.
func (l *Ledger) CloseAccountTx(ctx context.Context, tx pgx.Tx, book, code string) error {
	var empty bool
	err := tx.QueryRow(ctx, `
		SELECT debits_posted = credits_posted AND debits_pending = 0 AND credits_pending = 0
		FROM ledger.balances WHERE book = $1 AND account = $2 FOR UPDATE`, book, code).Scan(&empty)
	switch {
	case err == pgx.ErrNoRows:
		return &AccountError{book, code, "it is not open"}
	case err != nil:
		return fault("close account", err)
	case !empty:
		return &AccountError{book, code, "it does not stand at zero: move what is on it first"}
	}
	batch := &pgx.Batch{}
	batch.Queue(`UPDATE ledger.accounts SET closed = $3 WHERE book = $1 AND code = $2 AND closed IS NULL`, book, code, l.now())
	batch.Queue(`UPDATE ledger.balances SET closed = true WHERE book = $1 AND account = $2`, book, code)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fault("close account", err)
	}
	return nil
}

const sqlReadAccounts = `
SELECT a.code, a.currency, a.normal_side, a.limits
FROM unnest($2::text[]) AS w (code)
CROSS JOIN LATERAL (
    SELECT code, currency, normal_side, limits FROM ledger.accounts WHERE book = $1 AND code = w.code OFFSET 0
) a`

// An INSERT alone would wait for a closing that is changing the row, though the book is there.
const sqlOpenBook = `
INSERT INTO ledger.books (book, opened)
SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM ledger.books WHERE book = $1) ON CONFLICT (book) DO NOTHING`

const sqlOpenAccounts = `
INSERT INTO ledger.accounts (book, code, currency, normal_side, limits, opened)
SELECT $1, w.code, w.currency, w.normal_side, w.limits, $6
FROM unnest($2::text[], $3::text[], $4::text[], $5::integer[]) AS w (code, currency, normal_side, limits)
ON CONFLICT (book, code) DO NOTHING`

const sqlOpenBalances = `
INSERT INTO ledger.balances (book, account, currency, normal_side, limits, closed,
                             debits_posted, credits_posted, debits_pending, credits_pending, last_id)
SELECT $1, w.code, w.currency, w.normal_side, w.limits, false, 0, 0, 0, 0, 0
FROM unnest($2::text[], $3::text[], $4::text[], $5::integer[]) AS w (code, currency, normal_side, limits)
ON CONFLICT (book, account) DO NOTHING`
