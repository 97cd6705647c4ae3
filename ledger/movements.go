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
// balances before and after it proves what happened in a period. It reads what was entered between the closings around those
// days, and no more.
func (l *Ledger) MovementsTx(ctx context.Context, tx pgx.Tx, q MovementQuery) ([]Movement, error) {
	var movements []Movement
	err := readPinned(ctx, tx, func(rows pgx.Rows) (err error) {
		movements, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Movement])
		return err
	}, sqlMovements, q.Book, instantOrNil(q.At), q.Through.UTC(), instantOrNil(q.After))
	if err != nil {
		return nil, fault("read movements", err)
	}
	return movements, nil
}

const sqlMovements = `
WITH RECURSIVE wanted AS MATERIALIZED (
    SELECT coalesce($4::date, '-infinity') AS after, $3::date AS through
), asked AS MATERIALIZED (
    SELECT account, last_id FROM ledger.balances WHERE book = $1
)` + sqlDayEntries + `
SELECT t.kind, e.account, e.other, e.currency, sum(e.debit)::bigint
FROM of_days e
CROSS JOIN LATERAL (SELECT kind FROM ledger.transactions WHERE book = $1 AND id = e.transaction_id OFFSET 0) t
WHERE e.debit > 0
GROUP BY t.kind, e.account, e.other, e.currency
ORDER BY t.kind, e.account, e.other, e.currency`
