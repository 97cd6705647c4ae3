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
// balances before and after it proves what happened in a period.
func (l *Ledger) MovementsTx(ctx context.Context, tx pgx.Tx, q MovementQuery) ([]Movement, error) {
	rows, err := tx.Query(ctx, sqlMovements, q.Book, instantOrNil(q.After), q.Through, instantOrNil(q.At))
	if err != nil {
		return nil, fault("read movements", err)
	}
	movements, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Movement])
	if err != nil {
		return nil, fault("read movements", err)
	}
	return movements, nil
}

const sqlMovements = `
SELECT t.kind, p.debit_account, p.credit_account, p.currency, sum(p.amount)::bigint
FROM ledger.postings p JOIN ledger.transactions t ON t.book = $1 AND t.id = p.transaction_id
WHERE p.book = $1 AND ($2::date IS NULL OR p.effective_day > $2) AND p.effective_day <= $3::date
  AND ($4::timestamptz IS NULL OR p.recorded <= $4)
GROUP BY t.kind, p.debit_account, p.credit_account, p.currency
ORDER BY t.kind, p.debit_account, p.credit_account, p.currency`
