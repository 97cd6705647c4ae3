package ledger

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// A balance at a past time is what the account stood at when a day was closed, and the postings of the days since. Every
// statement here takes $1 the book, $2 an instant (what was recorded later does not count; null: nothing is too late)
// and $3 a day (what has a later effective day does not count; null: none is too late).

// sqlSpans gives base, the last closed day of which everything counts (-infinity: none), and spans, the days to be added
// up from there: after one and through another. A closing covers nothing recorded after it, so its day counts as a whole
// when it was closed by the instant. What was recorded by the instant is of the next two closings, or was entered further
// ahead and its closing says so, or is of a day still open.
const sqlSpans = `
WITH base AS MATERIALIZED (
    SELECT least(coalesce((SELECT day FROM ledger.periods WHERE book = $1 AND closed <= coalesce($2::timestamptz, 'infinity')
                           ORDER BY closed DESC, day DESC LIMIT 1), '-infinity'),
                 coalesce((SELECT day FROM ledger.periods WHERE book = $1 AND day <= coalesce($3::date, 'infinity')
                           ORDER BY day DESC LIMIT 1), '-infinity')) AS day
), near AS MATERIALIZED (
    SELECT coalesce((SELECT day FROM ledger.periods WHERE book = $1 AND closed > $2::timestamptz
                     ORDER BY closed, day OFFSET 1 LIMIT 1), 'infinity') AS day
), spans AS MATERIALIZED (
    SELECT base.day AS after, least(near.day, $3::date) AS through FROM base CROSS JOIN near
    UNION ALL
    SELECT before.day, least(p.day, $3::date)
    FROM near
    CROSS JOIN LATERAL (
        SELECT day FROM ledger.periods
        WHERE book = $1 AND ahead AND day > near.day AND first_recorded <= $2::timestamptz OFFSET 0
    ) p
    CROSS JOIN LATERAL (
        SELECT day FROM ledger.periods WHERE book = $1 AND day < p.day ORDER BY day DESC LIMIT 1
    ) before
    UNION ALL
    SELECT b.closed_through, coalesce($3::date, 'infinity')
    FROM near JOIN ledger.books b ON b.book = $1 AND near.day < 'infinity'
)`

// sqlStanding gives what the accounts stand at, and of the spans whether anything changed and when it was recorded. A
// hold counts while nothing that counts resolves it: one of the spans, unless that is so; one counted at base no longer,
// when something of the spans resolves it. What resolves is not named there by its phases: the index by hold would be
// taken for it, and all of it be read.
const sqlStanding = sqlSpans + `, held AS MATERIALIZED (
    SELECT p.debit_account, p.credit_account, p.amount
    FROM spans
    CROSS JOIN LATERAL (
        SELECT id FROM ledger.transactions
        WHERE book = $1 AND phase <> 'post' AND phase = 'hold' AND effective_day > spans.after
          AND effective_day <= spans.through AND recorded <= coalesce($2::timestamptz, 'infinity') OFFSET 0
    ) h
    LEFT JOIN LATERAL (
        SELECT id FROM ledger.transactions
        WHERE book = $1 AND of_id = h.id AND phase IN ('capture', 'void', 'expiry')
          AND effective_day <= coalesce($3::date, 'infinity') AND recorded <= coalesce($2::timestamptz, 'infinity') OFFSET 0
    ) r ON true
    CROSS JOIN LATERAL (
        SELECT debit_account, credit_account, amount FROM ledger.pending WHERE book = $1 AND transaction_id = h.id OFFSET 0
    ) p
    WHERE r.id IS NULL
    UNION ALL
    SELECT p.debit_account, p.credit_account, -p.amount
    FROM spans
    CROSS JOIN LATERAL (
        SELECT of_id FROM ledger.transactions
        WHERE book = $1 AND phase <> 'post' AND phase <> 'hold' AND effective_day > spans.after
          AND effective_day <= spans.through AND recorded <= coalesce($2::timestamptz, 'infinity') OFFSET 0
    ) r
    CROSS JOIN base
    CROSS JOIN LATERAL (
        SELECT id FROM ledger.transactions WHERE book = $1 AND id = r.of_id AND effective_day <= base.day OFFSET 0
    ) h
    CROSS JOIN LATERAL (
        SELECT debit_account, credit_account, amount FROM ledger.pending WHERE book = $1 AND transaction_id = h.id OFFSET 0
    ) p
), pending AS MATERIALIZED (
    SELECT account, sum(debit) AS debits, sum(credit) AS credits
    FROM (SELECT debit_account AS account, amount AS debit, 0 AS credit FROM held
          UNION ALL
          SELECT credit_account, 0, amount FROM held) legs
    GROUP BY account
)
SELECT a.book, a.code, a.currency, a.normal_side,
       (coalesce(s.debits_posted, 0) + d.amount)::bigint AS debits_posted,
       (coalesce(s.credits_posted, 0) + c.amount)::bigint AS credits_posted,
       (coalesce(s.debits_pending, 0) + coalesce(p.debits, 0))::bigint AS debits_pending,
       (coalesce(s.credits_pending, 0) + coalesce(p.credits, 0))::bigint AS credits_pending,
       d.amount <> 0 OR c.amount <> 0 OR coalesce(p.debits, 0) <> 0 OR coalesce(p.credits, 0) <> 0 AS changed,
       least(d.first_recorded, c.first_recorded) AS first_recorded,
       greatest(d.last_recorded, c.last_recorded) AS last_recorded
FROM ledger.accounts a
CROSS JOIN base
LEFT JOIN LATERAL (
    SELECT debits_posted, credits_posted, debits_pending, credits_pending FROM ledger.snapshots
    WHERE book = $1 AND account = a.code AND day <= base.day ORDER BY day DESC LIMIT 1
) s ON true
CROSS JOIN LATERAL (
    SELECT coalesce(sum(x.amount), 0) AS amount, min(x.recorded) AS first_recorded, max(x.recorded) AS last_recorded
    FROM spans CROSS JOIN LATERAL (
        SELECT amount, recorded FROM ledger.postings
        WHERE book = $1 AND debit_account = a.code AND effective_day > spans.after AND effective_day <= spans.through
          AND recorded <= coalesce($2::timestamptz, 'infinity') OFFSET 0
    ) x
) d
CROSS JOIN LATERAL (
    SELECT coalesce(sum(x.amount), 0) AS amount, min(x.recorded) AS first_recorded, max(x.recorded) AS last_recorded
    FROM spans CROSS JOIN LATERAL (
        SELECT amount, recorded FROM ledger.postings
        WHERE book = $1 AND credit_account = a.code AND effective_day > spans.after AND effective_day <= spans.through
          AND recorded <= coalesce($2::timestamptz, 'infinity') OFFSET 0
    ) x
) c
LEFT JOIN pending p ON p.account = a.code
WHERE a.book = $1`

// sqlKeepSnapshots records the closing of day $3 at $4 by $5, and what the accounts stand at that changed since the last.
// The closing's time is not before any it covers, nor before the last closing's: other programs' clocks may be ahead.
const sqlKeepSnapshots = `
WITH standing AS MATERIALIZED (` + sqlStanding + `
), kept AS (
    INSERT INTO ledger.snapshots (book, account, day, debits_posted, credits_posted, debits_pending, credits_pending)
    SELECT book, code, $3, debits_posted, credits_posted, debits_pending, credits_pending FROM standing WHERE changed
), closings AS MATERIALIZED (
    SELECT day, closed FROM ledger.periods WHERE book = $1 ORDER BY day DESC LIMIT 2
), covered AS (
    SELECT min(first_recorded) AS first_recorded, max(last_recorded) AS last_recorded
    FROM (SELECT first_recorded, last_recorded FROM standing
          UNION ALL
          SELECT recorded, recorded FROM ledger.transactions
          WHERE book = $1 AND phase <> 'post' AND effective_day <= $3
            AND effective_day > coalesce((SELECT max(day) FROM closings), '-infinity')) x
)
INSERT INTO ledger.periods (book, day, after_id, closed, closed_by, first_recorded, ahead)
SELECT $1, $3, nextval('ledger.transaction_id'), greatest($4, last_recorded, (SELECT max(closed) FROM closings)), $5,
       first_recorded, coalesce(first_recorded <= (SELECT closed FROM closings ORDER BY day LIMIT 1), false)
FROM covered`

// readPinned reads with a plan that looks rows up and takes them in the order of an index, however small the tables were
// when it was made. It leaves the caller's settings as they were.
func readPinned(ctx context.Context, tx pgx.Tx, scan func(pgx.Rows) error, sql string, args ...any) error {
	batch := &pgx.Batch{}
	batch.Queue(sqlPinRead)
	batch.Queue(sql, args...).Query(scan)
	batch.Queue(sqlUnpinRead)
	return tx.SendBatch(ctx, batch).Close()
}

func instantOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC() // PostgreSQL takes a date as its zone shows it
	return &t
}

const (
	sqlPinRead = `
SELECT set_config('ledger.callers_seqscan', current_setting('enable_seqscan'), true), set_config('enable_seqscan', 'off', true),
       set_config('ledger.callers_sort', current_setting('enable_sort'), true), set_config('enable_sort', 'off', true)`

	sqlUnpinRead = `
SELECT set_config('enable_seqscan', current_setting('ledger.callers_seqscan'), true),
       set_config('enable_sort', current_setting('ledger.callers_sort'), true)`
)
