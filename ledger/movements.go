package ledger

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// MovementQuery selects what moved in a book. Days are at 00:00 UTC.
type MovementQuery struct {
	Book    string
	After   time.Time // only effective days after this one; zero means from the first
	Through time.Time // only effective days up to and on this one
	At      time.Time // recorded up to and at this instant; zero means everything
}

// Movement is what all postings of one kind of transaction moved from one account to another, in minor units.
type Movement struct {
	Kind     string // the transactions'
	Debit    string // account code
	Credit   string // account code
	Currency string
	Amount   int64
}

// MovementsTx adds up what moved in a book, by kind of transaction and pair of accounts, in that order. With the
// balances before and after it proves what happened in a period. It reads the postings of those days and no others.
func (l *Ledger) MovementsTx(ctx context.Context, tx pgx.Tx, q MovementQuery) ([]Movement, error) {
	var movements []Movement
	err := readPinned(ctx, tx, func(rows pgx.Rows) (err error) {
		movements, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Movement])
		return err
	}, sqlMovements, q.Book, instantOrNil(q.After), q.Through.UTC(), instantOrNil(q.At))
	if err != nil {
		return nil, fault("read movements", err)
	}
	return movements, nil
}

const sqlMovements = `
SELECT t.kind, a.code, p.credit_account, p.currency, sum(p.amount)::bigint
FROM ledger.accounts a
CROSS JOIN LATERAL (
    SELECT transaction_id, credit_account, currency, amount FROM ledger.postings
    WHERE book = $1 AND debit_account = a.code AND effective_day > coalesce($2::date, '-infinity')
      AND effective_day <= $3::date AND recorded <= coalesce($4::timestamptz, 'infinity') OFFSET 0
) p
CROSS JOIN LATERAL (SELECT kind FROM ledger.transactions WHERE book = $1 AND id = p.transaction_id OFFSET 0) t
WHERE a.book = $1
GROUP BY t.kind, a.code, p.credit_account, p.currency
ORDER BY t.kind, a.code, p.credit_account, p.currency`
