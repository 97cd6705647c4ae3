package ledger

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// MaxPage is the most transactions, holds or accounts that one call lists.
const MaxPage = 200

// Recorded is a transaction as it stands in the ledger.
type Recorded struct {
	Transaction
	ID        int64
	Effective time.Time // the effective day, at 00:00 UTC
	Recorded  time.Time
}

// Page selects a page of what a book has, in the order of ids. A page of transactions or holds ends before its limit with
// the one that brings it to MaxPostings postings: it is the last page where it has less of both.
type Page struct {
	Book  string
	After int64 // id of the last one of the page before; 0 for the first page
	Limit int   // 1 to MaxPage; anything else is MaxPage
}

// Transaction gives the transaction of a book that has the reference. Besides faults it gives ErrUnknownReference.
func (l *Ledger) Transaction(ctx context.Context, book, reference string) (Recorded, error) {
	found, err := l.recorded(ctx, book, sqlTransactionByReference, book, storableText(reference))
	switch {
	case err != nil:
		return Recorded{}, err
	case len(found) == 0:
		return Recorded{}, ErrUnknownReference
	}
	return found[0], nil
}

// Transactions lists a page of a book's transactions by id. Ids rise in the order in which any one account was changed.
// One of other accounts that was still under way may appear later below the last id of a page: whoever copies a book
// reads again from an id that is some seconds old.
func (l *Ledger) Transactions(ctx context.Context, p Page) ([]Recorded, error) {
	return l.recorded(ctx, p.Book, sqlTransactionsAfter, p.Book, p.After, p.limit())
}

// HeldTransaction is a hold, and what became of it.
type HeldTransaction struct {
	Recorded
	Resolution Phase  // "" while it is open, Capture, Void, or "expiry"
	By         string // reference of the transaction that resolved it, "" while it is open
}

// Holds lists a page of a book's holds by id, open and resolved ones.
func (l *Ledger) Holds(ctx context.Context, p Page) (held []HeldTransaction, err error) {
	err = l.readingInOrder(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlHoldsAfter, p.Book, p.After, p.limit())
		if err != nil {
			return fault("list holds", err)
		}
		entries, more, err := scanRecorded(rows, func(h *HeldTransaction) []any { return []any{&h.Resolution, &h.By} })
		if err != nil {
			return fault("list holds", err)
		}
		for i, e := range entries {
			more[i].Recorded = e
		}
		held = more
		held, err = completed(ctx, tx, p.Book, held, func(h *HeldTransaction) *Recorded { return &h.Recorded })
		return err
	})
	return held, err
}

// OpenedAccount is an account with its times.
type OpenedAccount struct {
	Account
	Opened time.Time
	Closed time.Time // zero while it is open
}

// Accounts lists the accounts of a book whose code comes after another, "" for the first, in the order of their codes;
// a limit below 1 or above MaxPage is MaxPage.
func (l *Ledger) Accounts(ctx context.Context, book, after string, limit int) (accounts []OpenedAccount, err error) {
	err = l.readingInOrder(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sqlAccountsAfter, book, storableText(after), Page{Limit: limit}.limit())
		if err != nil {
			return fault("list accounts", err)
		}
		accounts, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (OpenedAccount, error) {
			a := OpenedAccount{Account: Account{Book: book}}
			var closed *time.Time
			err := row.Scan(&a.Code, &a.Currency, &a.Normal, &a.Limits, &a.Opened, &closed)
			if closed != nil {
				a.Closed = *closed
			}
			return a, err
		})
		return err
	})
	return accounts, err
}

// storableText is a text as PostgreSQL takes it; what it does not take names nothing.
func storableText(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "?"), "?")
}

func (p Page) limit() int {
	if p.Limit < 1 || p.Limit > MaxPage {
		return MaxPage
	}
	return p.Limit
}

func (l *Ledger) recorded(ctx context.Context, book, sql string, args ...any) (found []Recorded, err error) {
	err = l.readingInOrder(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return fault("read transactions", err)
		}
		if found, _, err = scanRecorded(rows, func(*struct{}) []any { return nil }); err != nil {
			return fault("read transactions", err)
		}
		found, err = completed(ctx, tx, book, found, func(r *Recorded) *Recorded { return r })
		return err
	})
	return found, err
}

// readingInOrder reads pages along an index. On a table that was never analysed PostgreSQL may think that to sort all of
// the book is cheaper.
func (l *Ledger) readingInOrder(ctx context.Context, fn func(pgx.Tx) error) error {
	return l.reading(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlPinIndexes); err != nil {
			return fault("read in order", err)
		}
		return fn(tx)
	})
}

// scanRecorded reads transactions without their postings, each with what else its row has.
func scanRecorded[T any](rows pgx.Rows, rest func(*T) []any) (found []Recorded, more []T, err error) {
	for rows.Next() {
		var r Recorded
		var also T
		var metadata []byte
		var expires *time.Time
		err := rows.Scan(append([]any{&r.ID, &r.Book, &r.Reference, &r.Kind, &r.Occurred, &r.Day, &r.Effective, &r.Recorded, &r.Link, &metadata,
			&r.Phase, &r.Of, &expires}, rest(&also)...)...)
		if expires != nil {
			r.Expires = *expires
		}
		if err == nil && metadata != nil {
			err = json.Unmarshal(metadata, &r.Metadata)
		}
		if err != nil {
			rows.Close()
			return nil, nil, err
		}
		found, more = append(found, r), append(more, also)
	}
	return found, more, rows.Err()
}

// completed adds the postings, and leaves out what is more than a page.
func completed[T any](ctx context.Context, tx pgx.Tx, book string, list []T, recorded func(*T) *Recorded) ([]T, error) {
	if len(list) == 0 {
		return list, nil
	}
	ids := make([]int64, len(list))
	for i := range list {
		ids[i] = recorded(&list[i]).ID
	}
	n, err := onePage(ctx, tx, book, ids)
	if err != nil {
		return nil, err
	}
	list = list[:n]
	s := &state{known: make(map[string]*entry, n)}
	for i := range list {
		r := recorded(&list[i])
		s.known[r.Reference] = &entry{id: r.ID, tx: &r.Transaction}
	}
	return list, s.readPostings(ctx, tx, book)
}

// onePage gives how many of the transactions make a page.
func onePage(ctx context.Context, tx pgx.Tx, book string, ids []int64) (n int, err error) {
	rows, err := tx.Query(ctx, sqlCountPostings, book, ids)
	if err != nil {
		return 0, fault("count postings", err)
	}
	counts, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return 0, fault("count postings", err)
	}
	for postings := 0; n < len(counts) && postings < MaxPostings; n++ {
		postings += counts[n]
	}
	return n, nil
}

const (
	sqlRecordedTransaction = `
SELECT t.id, t.book, t.reference, t.kind, t.occurred, t.asked_day, t.effective_day, t.recorded, t.link, t.metadata,
       CASE t.phase WHEN 'post' THEN '' ELSE t.phase END,
       coalesce((SELECT o.reference FROM ledger.transactions o WHERE o.book = $1 AND o.id = t.of_id), ''), t.expires`

	sqlTransactionByReference = sqlRecordedTransaction + `
FROM ledger.transactions t WHERE t.book = $1 AND t.reference = $2`

	sqlTransactionsAfter = sqlRecordedTransaction + `
FROM ledger.transactions t WHERE t.book = $1 AND t.id > $2 ORDER BY t.book, t.id LIMIT $3`

	// Every hold has a first line in pending, and nothing else has.
	sqlHoldsAfter = sqlRecordedTransaction + `, coalesce(r.phase, ''), coalesce(r.reference, '')
FROM (SELECT transaction_id FROM ledger.pending WHERE book = $1 AND transaction_id > $2 AND line = 0
      ORDER BY book, transaction_id LIMIT $3) h
CROSS JOIN LATERAL (SELECT id, book, reference, kind, occurred, asked_day, effective_day, recorded, link, metadata, phase, of_id, expires
                    FROM ledger.transactions WHERE book = $1 AND id = h.transaction_id OFFSET 0) t
LEFT JOIN LATERAL (SELECT phase, reference FROM ledger.transactions
                   WHERE book = $1 AND of_id = t.id AND phase IN ('capture', 'void', 'expiry') OFFSET 0) r ON true`

	// Lines are counted from 0, by the last one.
	sqlCountPostings = `
SELECT 1 + coalesce((SELECT line FROM ledger.postings WHERE book = $1 AND transaction_id = w.id ORDER BY line DESC LIMIT 1),
                    (SELECT line FROM ledger.pending WHERE book = $1 AND transaction_id = w.id ORDER BY line DESC LIMIT 1), -1)
FROM unnest($2::bigint[]) AS w (id)`

	sqlAccountsAfter = `
SELECT code, currency, normal_side, limits, opened, closed
FROM ledger.accounts WHERE book = $1 AND code > $2 ORDER BY book, code LIMIT $3`
)
