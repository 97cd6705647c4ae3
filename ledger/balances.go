package ledger

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Query selects balances. The zero Query is every account of every book as it stands.
type Query struct {
	Book   string // "" for all
	Prefix string // of the account code; "" for all
	// At counts only what was recorded up to and at this instant; zero means everything.
	At time.Time
	// Through counts only entries of an effective day up to and on this one (00:00 UTC); zero means everything.
	Through time.Time
}

// Balance is what stands on an account, in minor units of Currency: posted totals, which only grow, and pending ones, of
// holds that nothing has resolved. With At or Through it is what the transactions selected add up to: a hold counts where
// it is selected and nothing selected resolves it.
type Balance struct {
	Book           string
	Account        string
	Currency       string
	Normal         Side
	DebitsPosted   int64
	CreditsPosted  int64
	DebitsPending  int64
	CreditsPending int64
}

// Net is what is posted, on the account's normal side.
func (b Balance) Net() int64 {
	if b.Normal == Credit {
		return b.CreditsPosted - b.DebitsPosted
	}
	return b.DebitsPosted - b.CreditsPosted
}

// Balances gives the accounts selected, by book and code; one without entries is there with zeros. A past time costs as
// much as adding up the days around it between two closings, however long ago it is.
func (l *Ledger) Balances(ctx context.Context, q Query) ([]Balance, error) {
	var balances []Balance
	err := l.reading(ctx, func(tx pgx.Tx) (err error) {
		balances, err = l.BalancesTx(ctx, tx, q)
		return err
	})
	return balances, err
}

// reading runs fn on one consistent, read-only view of the database.
func (l *Ledger) reading(ctx context.Context, fn func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, l.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, fn)
}

// BalancesTx is Balances in the caller's database transaction.
func (l *Ledger) BalancesTx(ctx context.Context, tx pgx.Tx, q Query) ([]Balance, error) {
	books := []string{q.Book}
	if q.Book == "" {
		var err error
		if books, err = bookNames(ctx, tx); err != nil {
			return nil, err
		}
	}
	var all []Balance
	for _, book := range books {
		read := func() ([]Balance, error) { return readBalances(ctx, tx, sqlBalancesNow, book, q.Prefix) }
		if !q.At.IsZero() || !q.Through.IsZero() {
			read = func() ([]Balance, error) {
				return readBalances(ctx, tx, sqlBalancesAt, book, instantOrNil(q.At), instantOrNil(q.Through), q.Prefix)
			}
		}
		part, err := read()
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
	return all, nil
}

func readBalances(ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]Balance, error) {
	var balances []Balance
	err := readPinned(ctx, tx, func(rows pgx.Rows) (err error) {
		balances, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Balance])
		return err
	}, sql, args...)
	if err != nil {
		return nil, fault("read balances", err)
	}
	return balances, nil
}

// AtDay names an account's balance as a day close needs it.
type AtDay struct {
	Book    string
	Account string
	Day     time.Time // effective day, 00:00 UTC: entries up to and on it
	At      time.Time // recorded up to and at this instant; zero means everything
}

// BalanceAtDayTx gives what stood on one account, as Balances does. An account that is not open has a zero balance
// without side: nothing was ever booked on it.
func (l *Ledger) BalanceAtDayTx(ctx context.Context, tx pgx.Tx, q AtDay) (Balance, error) {
	balances, err := readBalances(ctx, tx, sqlBalanceAt, q.Book, instantOrNil(q.At), q.Day.UTC(), q.Account)
	if err != nil || len(balances) == 0 {
		return Balance{Book: q.Book, Account: q.Account}, err
	}
	return balances[0], nil
}

// BalanceAtDay is BalanceAtDayTx in a view of its own.
func (l *Ledger) BalanceAtDay(ctx context.Context, q AtDay) (b Balance, err error) {
	err = l.reading(ctx, func(tx pgx.Tx) error {
		b, err = l.BalanceAtDayTx(ctx, tx, q)
		return err
	})
	return b, err
}

func bookNames(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, `SELECT book FROM ledger.books ORDER BY book`)
	if err != nil {
		return nil, fault("list books", err)
	}
	books, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fault("list books", err)
	}
	return books, nil
}

const sqlBalancesNow = `
SELECT a.book, a.code, a.currency, a.normal_side,
       b.debits_posted, b.credits_posted, b.debits_pending, b.credits_pending
FROM ledger.accounts a
CROSS JOIN LATERAL (
    SELECT debits_posted, credits_posted, debits_pending, credits_pending
    FROM ledger.balances WHERE book = $1 AND account = a.code OFFSET 0
) b
WHERE a.book = $1 AND starts_with(a.code, $2)
ORDER BY a.code`
