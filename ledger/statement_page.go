package ledger

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// open sets the account and the balance before a place: what stood before its day, or before all that was recorded in the
// time asked for, and the entries from there up to the place.
func (s *Statement) open(ctx context.Context, tx pgx.Tx, q StatementQuery, after position) error {
	at, through := q.At, after.at.AddDate(0, 0, -1)
	if q.byRecorded() {
		at, through = q.Since, time.Time{}
	}
	balances, err := readBalances(ctx, tx, sqlBalanceAt, q.Book, instantOrNil(at), instantOrNil(through), q.Account)
	if err != nil {
		return err
	}
	if len(balances) == 0 {
		return &AccountError{q.Book, q.Account, "it is not open"}
	}
	s.Currency, s.Normal, s.Opening = balances[0].Currency, balances[0].Normal, balances[0].Net()
	if q.Next == "" {
		return nil
	}
	sql, args := sqlDayBefore, q.args(after)
	if q.byRecorded() {
		sql, args = sqlRecordedBefore, append(args, q.Since.UTC())
	}
	var debits, credits int64
	err = readPinned(ctx, tx, func(rows pgx.Rows) error {
		_, err := pgx.ForEachRow(rows, []any{&debits, &credits}, func() error { return nil })
		return err
	}, sql, args...)
	if err != nil {
		return fault("read what is before a page of a statement", err)
	}
	s.Opening += s.grows(debits, credits)
	return nil
}

// grows is what a debit and a credit add on the side on which the account grows.
func (s *Statement) grows(debit, credit int64) int64 {
	if s.Normal == Credit {
		return credit - debit
	}
	return debit - credit
}

// fill reads a page and one entry more, which tells that there is another page.
func (s *Statement) fill(ctx context.Context, tx pgx.Tx, q StatementQuery, after position) error {
	sql, args := sqlDayPage, append(q.args(after), q.Limit+1)
	if q.byRecorded() {
		sql, args = sqlRecordedPage, append(q.args(after), q.Since.UTC(), q.Limit+1)
	}
	err := readPinned(ctx, tx, func(rows pgx.Rows) (err error) {
		s.Entries, err = pgx.CollectRows(rows, pgx.RowToStructByPos[StatementEntry])
		return err
	}, sql, args...)
	if err != nil {
		return fault("read a statement", err)
	}
	if len(s.Entries) > q.Limit {
		s.Entries = s.Entries[:q.Limit]
		s.Next = q.next(s.Entries[q.Limit-1])
	}
	s.Closing = s.Opening
	for i := range s.Entries {
		e := &s.Entries[i]
		s.Closing += s.grows(e.Debit, e.Credit)
		e.Balance = s.Closing
	}
	return nil
}

// args are those of every statement below: $1 the book, $2 the instant, $3 the last day, $4 the account, and the place: $5
// its day or recorded time, $6 its transaction, $7 its line.
func (q *StatementQuery) args(after position) []any {
	return []any{q.Book, instantOrNil(q.At), instantOrNil(q.Through), q.Account, after.at, after.id, after.line}
}

const (
	sqlDays = `
WITH RECURSIVE wanted AS MATERIALIZED (
    SELECT $5::date - 1 AS after, coalesce($3::date, 'infinity') AS through
), asked AS MATERIALIZED (
    SELECT account, last_id FROM ledger.balances WHERE book = $1 AND account = $4
)` + sqlDayEntries

	sqlDayPage = sqlDays + sqlEntryColumns + `
    SELECT transaction_id, line, effective_day, recorded, other, debit, credit
    FROM of_days WHERE (effective_day, transaction_id, line) > ($5::date, $6::bigint, $7::integer)
    ORDER BY effective_day, transaction_id, line LIMIT $8` +
		sqlEntryTransactions + `ORDER BY e.effective_day, e.transaction_id, e.line`

	sqlDayBefore = sqlDays + `
SELECT coalesce(sum(debit), 0)::bigint, coalesce(sum(credit), 0)::bigint FROM of_days
WHERE (effective_day, transaction_id, line) <= ($5::date, $6::bigint, $7::integer)`

	// Nothing that a closing has seen was recorded after it: what was recorded after $8 was entered since the last closing
	// by then.
	sqlRecorded = sqlSpans + `, known AS MATERIALIZED (
    SELECT coalesce((SELECT day FROM ledger.periods WHERE book = $1 AND carries AND closed <= $8::timestamptz
                     ORDER BY closed DESC, day DESC LIMIT 1), '-infinity') AS day
), since AS MATERIALIZED (
    SELECT CASE WHEN spans.after = base.day THEN known.day ELSE spans.after END AS after, spans.through
    FROM spans CROSS JOIN base CROSS JOIN known
), walk AS (
    SELECT b.account, top.id, bottom.id AS stop
    FROM ledger.balances b
    CROSS JOIN since
    CROSS JOIN LATERAL (
        SELECT CASE WHEN since.through = 'infinity' THEN b.last_id
                    ELSE coalesce((SELECT last_id FROM ledger.snapshots WHERE book = $1 AND account = $4
                                   AND day <= since.through ORDER BY day DESC LIMIT 1), 0) END AS id
    ) top
    CROSS JOIN LATERAL (
        SELECT coalesce((SELECT last_id FROM ledger.snapshots WHERE book = $1 AND account = $4
                         AND day <= since.after ORDER BY day DESC LIMIT 1), 0) AS id
    ) bottom
    WHERE b.book = $1 AND b.account = $4 AND top.id > bottom.id` + sqlWalked + `, of_time AS MATERIALIZED (
    SELECT transaction_id, line, effective_day, recorded, other, debit, credit
    FROM entries WHERE recorded > $8::timestamptz AND recorded <= coalesce($2::timestamptz, 'infinity')
)`

	sqlRecordedPage = sqlRecorded + sqlEntryColumns + `
    SELECT transaction_id, line, effective_day, recorded, other, debit, credit
    FROM of_time WHERE (recorded, transaction_id, line) > ($5::timestamptz, $6::bigint, $7::integer)
    ORDER BY recorded, transaction_id, line LIMIT $9` +
		sqlEntryTransactions + `ORDER BY e.recorded, e.transaction_id, e.line`

	sqlRecordedBefore = sqlRecorded + `
SELECT coalesce(sum(debit), 0)::bigint, coalesce(sum(credit), 0)::bigint FROM of_time
WHERE (recorded, transaction_id, line) <= ($5::timestamptz, $6::bigint, $7::integer)`

	sqlEntryColumns = `
SELECT e.transaction_id, e.line, t.reference, t.kind, t.occurred, e.effective_day, e.recorded, e.other, e.debit, e.credit,
       0::bigint
FROM (`

	sqlEntryTransactions = `) e
CROSS JOIN LATERAL (
    SELECT reference, kind, occurred FROM ledger.transactions WHERE book = $1 AND id = e.transaction_id OFFSET 0
) t
`
)
