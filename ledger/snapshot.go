package ledger

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// A balance at a past time is what the account stood at when a day was closed, what had been entered ahead by then, and
// what the account's chain of postings grew by since. No posting of an account can come to stand below the end of the
// chain that a closing saw, as each holds the balance locked until it commits; so the ends kept at two closings bound what
// was entered between them, whatever else was under way. Every statement here takes $1 the book, $2 an instant (what was
// recorded later does not count; null: nothing is too late) and $3 a day (what has a later effective day does not count;
// null: none is too late).

// sqlSpans gives base, the last closing of whose days everything counts (-infinity: none), and spans, what the chains grew
// by from there, after one closing and through another (infinity: to their ends). What has an effective day was entered
// before that day's closing. What was recorded by the instant was entered before the second closing after it, unless it
// was held up for longer, and then its closing says that it came early; or it is not yet closed.
const sqlSpans = `
WITH RECURSIVE base AS MATERIALIZED (
    SELECT least(coalesce((SELECT day FROM ledger.periods
                           WHERE book = $1 AND carries AND closed <= coalesce($2::timestamptz, 'infinity')
                           ORDER BY closed DESC, day DESC LIMIT 1), '-infinity'),
                 coalesce((SELECT day FROM ledger.periods
                           WHERE book = $1 AND carries AND day <= coalesce($3::date, 'infinity')
                           ORDER BY day DESC LIMIT 1), '-infinity')) AS day
), ends AS MATERIALIZED (
    SELECT least(t.day, d.day) AS near, d.day AS last
    FROM (SELECT coalesce((SELECT day FROM ledger.periods WHERE book = $1 AND carries AND closed > $2::timestamptz
                           ORDER BY closed, day OFFSET 1 LIMIT 1), 'infinity') AS day) t
    CROSS JOIN (SELECT coalesce((SELECT day FROM ledger.periods WHERE book = $1 AND carries AND day >= $3::date
                                 ORDER BY day LIMIT 1), 'infinity') AS day) d
), spans AS MATERIALIZED (
    SELECT base.day AS after, ends.near AS through FROM base CROSS JOIN ends
    UNION ALL
    SELECT before.day, p.day
    FROM ends
    CROSS JOIN LATERAL (
        SELECT day FROM ledger.periods
        WHERE book = $1 AND early AND day > ends.near AND day <= ends.last AND first_recorded <= $2::timestamptz OFFSET 0
    ) p
    CROSS JOIN LATERAL (
        SELECT day FROM ledger.periods WHERE book = $1 AND carries AND day < p.day ORDER BY day DESC LIMIT 1
    ) before
    UNION ALL
    SELECT b.closed_through, 'infinity'
    FROM ends JOIN ledger.books b ON b.book = $1 AND ends.near < 'infinity' AND ends.last = 'infinity'
)`

// sqlHeld gives what of holds changed since base, by account. A hold counts while nothing that counts resolves it: one of
// the spans, unless that is so; one counted at base no longer, when something of the spans resolves it. What resolves is
// not named there by its phases: the index by hold would be taken for it, and all of it be read.
const sqlHeld = `, held AS MATERIALIZED (
    SELECT p.debit_account, p.credit_account, p.amount
    FROM spans
    CROSS JOIN LATERAL (
        SELECT id FROM ledger.transactions
        WHERE book = $1 AND phase <> 'post' AND phase = 'hold' AND effective_day > spans.after
          AND effective_day <= least(spans.through, $3::date) AND recorded <= coalesce($2::timestamptz, 'infinity') OFFSET 0
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
    CROSS JOIN base
    CROSS JOIN LATERAL (
        SELECT of_id FROM ledger.transactions
        WHERE book = $1 AND phase <> 'post' AND phase <> 'hold' AND effective_day > spans.after
          AND effective_day <= least(spans.through, $3::date) AND recorded <= coalesce($2::timestamptz, 'infinity') OFFSET 0
    ) r
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
)`

// sqlAsked begins the accounts asked for, with what they stood at at base; it ends in a condition on b.
const sqlAsked = `, asked AS MATERIALIZED (
    SELECT b.account, b.currency, b.normal_side, b.last_id, coalesce(s.debits_posted, 0) AS debits_posted,
           coalesce(s.credits_posted, 0) AS credits_posted, coalesce(s.debits_pending, 0) AS debits_pending,
           coalesce(s.credits_pending, 0) AS credits_pending, coalesce(s.last_id, 0) AS kept_id,
           s.ahead_days, s.ahead_debits, s.ahead_credits, s.ahead_ids
    FROM ledger.balances b
    CROSS JOIN base
    LEFT JOIN LATERAL (
        SELECT debits_posted, credits_posted, debits_pending, credits_pending, last_id,
               ahead_days, ahead_debits, ahead_credits, ahead_ids
        FROM ledger.snapshots WHERE book = $1 AND account = b.account AND day <= base.day ORDER BY day DESC LIMIT 1
    ) s ON true
    WHERE b.book = $1 AND `

// sqlGrown ends the accounts asked for and gives the entries their chains grew by in the spans.
const sqlGrown = `
), walk AS (
    SELECT a.account, top.id, bottom.id AS stop
    FROM asked a
    CROSS JOIN spans
    CROSS JOIN LATERAL (
        SELECT CASE WHEN spans.through = 'infinity' THEN a.last_id
                    ELSE coalesce((SELECT last_id FROM ledger.snapshots WHERE book = $1 AND account = a.account
                                   AND day <= spans.through ORDER BY day DESC LIMIT 1), 0) END AS id
    ) top
    CROSS JOIN LATERAL (
        SELECT coalesce((SELECT last_id FROM ledger.snapshots WHERE book = $1 AND account = a.account
                         AND day <= spans.after ORDER BY day DESC LIMIT 1), 0) AS id
    ) bottom
    WHERE top.id > bottom.id` + sqlWalked

// sqlWalked follows each chain of walk (account, id, stop) down to its stop, and gives the entries of what it passes. It
// ends where a chain does not lead down: Verify says so, and nothing may hang on it.
const sqlWalked = `
    UNION ALL
    SELECT w.account, p.prev, w.stop
    FROM walk w
    CROSS JOIN LATERAL (
        SELECT CASE WHEN debit_account = w.account THEN debit_prev ELSE credit_prev END AS prev
        FROM ledger.postings
        WHERE book = $1 AND transaction_id = w.id AND (debit_account = w.account OR credit_account = w.account) LIMIT 1
    ) p
    WHERE p.prev > w.stop AND p.prev < w.id
), entries AS MATERIALIZED (
    SELECT w.account, p.transaction_id, p.line, p.currency, p.effective_day, p.recorded,
           CASE WHEN p.debit_account = w.account THEN p.credit_account ELSE p.debit_account END AS other,
           CASE WHEN p.debit_account = w.account THEN p.amount ELSE 0 END AS debit,
           CASE WHEN p.debit_account = w.account THEN 0 ELSE p.amount END AS credit
    FROM walk w
    CROSS JOIN LATERAL (
        SELECT transaction_id, line, currency, effective_day, recorded, debit_account, credit_account, amount
        FROM ledger.postings
        WHERE book = $1 AND transaction_id = w.id AND (debit_account = w.account OR credit_account = w.account) OFFSET 0
    ) p
)`

// sqlStanding gives what the accounts asked for stand at.
const sqlStanding = `
SELECT $1::text AS book, a.account, a.currency, a.normal_side,
       (a.debits_posted + coalesce(o.debits, 0) + coalesce(e.debits, 0))::bigint,
       (a.credits_posted + coalesce(o.credits, 0) + coalesce(e.credits, 0))::bigint,
       (a.debits_pending + coalesce(p.debits, 0))::bigint,
       (a.credits_pending + coalesce(p.credits, 0))::bigint
FROM asked a
CROSS JOIN LATERAL (
    SELECT sum(x.debit) AS debits, sum(x.credit) AS credits
    FROM unnest(a.ahead_days, a.ahead_debits, a.ahead_credits) AS x (day, debit, credit)
    WHERE x.day <= coalesce($3::date, 'infinity')
) o
LEFT JOIN (
    SELECT account, sum(debit) AS debits, sum(credit) AS credits FROM entries
    WHERE effective_day <= coalesce($3::date, 'infinity') AND recorded <= coalesce($2::timestamptz, 'infinity')
    GROUP BY account
) e ON e.account = a.account
LEFT JOIN pending p ON p.account = a.account
ORDER BY a.account`

const (
	sqlBalancesAt = sqlSpans + sqlHeld + sqlAsked + `starts_with(b.account, $4)` + sqlGrown + sqlStanding
	sqlBalanceAt  = sqlSpans + sqlHeld + sqlAsked + `b.account = $4` + sqlGrown + sqlStanding
)

// sqlDayEntries gives the entries of effective days after one and through another, of the accounts asked for: wanted
// (after, through) and asked (account, last_id) come before it. What was entered for these days before the last closing
// before them is looked for no further down than where it begins.
const sqlDayEntries = `, walk AS (
    SELECT a.account, top.id, least(coalesce(s.last_id, 0), early.id - 1) AS stop
    FROM asked a
    CROSS JOIN wanted
    CROSS JOIN LATERAL (
        SELECT coalesce((SELECT day FROM ledger.periods WHERE book = $1 AND carries AND day <= wanted.after
                         ORDER BY day DESC LIMIT 1), '-infinity') AS after,
               coalesce((SELECT day FROM ledger.periods WHERE book = $1 AND carries AND day >= wanted.through
                         ORDER BY day LIMIT 1), 'infinity') AS through
    ) span
    LEFT JOIN LATERAL (
        SELECT last_id, ahead_days, ahead_ids FROM ledger.snapshots
        WHERE book = $1 AND account = a.account AND day <= span.after ORDER BY day DESC LIMIT 1
    ) s ON true
    CROSS JOIN LATERAL (
        SELECT min(o.id) AS id FROM unnest(s.ahead_days, s.ahead_ids) AS o (day, id)
        WHERE o.day > wanted.after AND o.day <= wanted.through
    ) early
    CROSS JOIN LATERAL (
        SELECT CASE WHEN span.through = 'infinity' THEN a.last_id
                    ELSE coalesce((SELECT last_id FROM ledger.snapshots WHERE book = $1 AND account = a.account
                                   AND day <= span.through ORDER BY day DESC LIMIT 1), 0) END AS id
    ) top
    WHERE top.id > least(coalesce(s.last_id, 0), early.id - 1)` + sqlWalked + `, of_days AS MATERIALIZED (
    SELECT e.account, e.transaction_id, e.line, e.currency, e.effective_day, e.recorded, e.other, e.debit, e.credit
    FROM entries e CROSS JOIN wanted
    WHERE e.effective_day > wanted.after AND e.effective_day <= wanted.through
      AND e.recorded <= coalesce($2::timestamptz, 'infinity')
)`

// sqlKeepSnapshots records the closing of day $3 at $4 by $5, and what the accounts stand at that changed since the last.
// The closing's time is not before any it has seen, nor before the last closing's: other programs' clocks may be ahead.
const sqlKeepSnapshots = sqlSpans + sqlHeld + sqlAsked + `true` + sqlGrown + `, later AS (
    SELECT account, array_agg(day ORDER BY day) AS days, array_agg(debits ORDER BY day) AS debits,
           array_agg(credits ORDER BY day) AS credits, array_agg(first_id ORDER BY day) AS ids
    FROM (SELECT account, day, sum(debit)::bigint AS debits, sum(credit)::bigint AS credits, min(id) AS first_id
          FROM (SELECT account, effective_day AS day, debit, credit, transaction_id AS id FROM entries
                UNION ALL
                SELECT a.account, o.day, o.debit, o.credit, o.id
                FROM asked a CROSS JOIN LATERAL unnest(a.ahead_days, a.ahead_debits, a.ahead_credits, a.ahead_ids)
                     AS o (day, debit, credit, id)) x
          WHERE day > $3
          GROUP BY account, day) y
    GROUP BY account
), due AS (
    SELECT account, sum(debit) AS debits, sum(credit) AS credits
    FROM (SELECT account, effective_day AS day, debit, credit FROM entries
          UNION ALL
          SELECT a.account, o.day, o.debit, o.credit
          FROM asked a CROSS JOIN LATERAL unnest(a.ahead_days, a.ahead_debits, a.ahead_credits) AS o (day, debit, credit)) x
    WHERE day <= $3
    GROUP BY account
), kept AS (
    INSERT INTO ledger.snapshots (book, account, day, debits_posted, credits_posted, debits_pending, credits_pending,
                                  last_id, ahead_days, ahead_debits, ahead_credits, ahead_ids)
    SELECT $1, a.account, $3, a.debits_posted + coalesce(d.debits, 0), a.credits_posted + coalesce(d.credits, 0),
           a.debits_pending + coalesce(p.debits, 0), a.credits_pending + coalesce(p.credits, 0), a.last_id,
           coalesce(l.days, '{}'), coalesce(l.debits, '{}'), coalesce(l.credits, '{}'), coalesce(l.ids, '{}')
    FROM asked a
    LEFT JOIN due d ON d.account = a.account
    LEFT JOIN later l ON l.account = a.account
    LEFT JOIN pending p ON p.account = a.account
    WHERE a.last_id <> a.kept_id OR d.account IS NOT NULL OR coalesce(p.debits, 0) <> 0 OR coalesce(p.credits, 0) <> 0
), closings AS MATERIALIZED (
    SELECT day, closed FROM ledger.periods WHERE book = $1 AND carries AND day < $3 ORDER BY day DESC LIMIT 2
), seen AS (
    SELECT min(recorded) AS first_recorded, max(recorded) AS last_recorded
    FROM (SELECT recorded FROM entries
          UNION ALL
          SELECT recorded FROM ledger.transactions
          WHERE book = $1 AND phase <> 'post' AND effective_day <= $3
            AND effective_day > coalesce((SELECT max(day) FROM closings), '-infinity')) x
)
INSERT INTO ledger.periods (book, day, after_id, closed, closed_by, carries, first_recorded, early)
SELECT $1, $3, nextval('ledger.transaction_id'), greatest($4, last_recorded, (SELECT max(closed) FROM closings)), $5, true,
       first_recorded, coalesce(first_recorded <= (SELECT closed FROM closings ORDER BY day LIMIT 1), false)
FROM seen`

// readPinned reads with a plan that looks rows up, however small the tables were when it was made, and does not compile
// it: how far a chain leads is guessed so high that compiling would take longer than reading. It leaves the caller's
// settings as they were.
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
       set_config('ledger.callers_jit', current_setting('jit'), true), set_config('jit', 'off', true)`

	sqlUnpinRead = `
SELECT set_config('enable_seqscan', current_setting('ledger.callers_seqscan'), true),
       set_config('jit', current_setting('ledger.callers_jit'), true)`
)
