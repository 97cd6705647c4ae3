package ledger

import (
	"context"
	"errors"
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

// Balance is what stands on an account: four totals that only grow, in minor units of Currency. With At or Through the
// posted ones are added up from postings and the pending ones are zero.
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

// Balances gives the accounts selected, by book and code; one without entries is there with zeros.
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
		var rows pgx.Rows
		var err error
		if q.At.IsZero() && q.Through.IsZero() {
			rows, err = tx.Query(ctx, sqlBalancesNow, book, q.Prefix)
		} else {
			rows, err = tx.Query(ctx, sqlBalancesAt, book, q.Prefix, instantOrNil(q.At), instantOrNil(q.Through))
		}
		if err != nil {
			return nil, fault("read balances", err)
		}
		part, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Balance])
		if err != nil {
			return nil, fault("read balances", err)
		}
		all = append(all, part...)
	}
	return all, nil
}

// AtDay names an account's balance as a day close needs it.
type AtDay struct {
	Book    string
	Account string
	Day     time.Time // effective day, 00:00 UTC: entries up to and on it
	At      time.Time // recorded up to and at this instant; zero means everything
}

// BalanceAtDayTx adds an account up from its postings. An account that is not open has a zero balance without side:
// nothing was ever booked on it.
func (l *Ledger) BalanceAtDayTx(ctx context.Context, tx pgx.Tx, q AtDay) (Balance, error) {
	rows, err := tx.Query(ctx, sqlBalanceAtDay, q.Book, q.Account, q.Day.UTC(), instantOrNil(q.At))
	if err != nil {
		return Balance{}, fault("read balance", err)
	}
	b, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Balance])
	if errors.Is(err, pgx.ErrNoRows) {
		return Balance{Book: q.Book, Account: q.Account}, nil
	}
	if err != nil {
		return Balance{}, fault("read balance", err)
	}
	return b, nil
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

func instantOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC() // PostgreSQL takes a date as its zone shows it
	return &t
}

const sqlBalancesNow = `
SELECT a.book, a.code, a.currency, a.normal_side,
       b.debits_posted, b.credits_posted, b.debits_pending, b.credits_pending
FROM ledger.accounts a JOIN ledger.balances b ON b.book = a.book AND b.account = a.code
WHERE a.book = $1 AND b.book = $1 AND starts_with(a.code, $2)
ORDER BY a.code`

const sqlBalancesAt = `
SELECT a.book, a.code, a.currency, a.normal_side,
       coalesce(sum(e.debit), 0)::bigint, coalesce(sum(e.credit), 0)::bigint, 0::bigint, 0::bigint
FROM ledger.accounts a
LEFT JOIN ledger.entries e ON e.book = $1 AND e.account = a.code
      AND ($3::timestamptz IS NULL OR e.recorded <= $3) AND ($4::date IS NULL OR e.effective_day <= $4)
WHERE a.book = $1 AND starts_with(a.code, $2)
GROUP BY a.book, a.code, a.currency, a.normal_side
ORDER BY a.code`

const sqlBalanceAtDay = `
SELECT a.book, a.code, a.currency, a.normal_side,
       coalesce((SELECT sum(amount) FROM ledger.postings p WHERE p.book = $1 AND p.debit_account = $2
                 AND p.effective_day <= $3 AND ($4::timestamptz IS NULL OR p.recorded <= $4)), 0)::bigint,
       coalesce((SELECT sum(amount) FROM ledger.postings p WHERE p.book = $1 AND p.credit_account = $2
                 AND p.effective_day <= $3 AND ($4::timestamptz IS NULL OR p.recorded <= $4)), 0)::bigint,
       0::bigint, 0::bigint
FROM ledger.accounts a
WHERE a.book = $1 AND a.code = $2`
