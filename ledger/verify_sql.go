package ledger

// bookCheck is one way to look for findings in a book: $1 the book, $2 the most rows. Each row is an account, a
// transaction, a detail.
type bookCheck struct {
	kind FindingKind
	sql  string
}

// checks are the findings on what is posted.
var checks = [...]bookCheck{
	{BalanceDiffers, `
SELECT coalesce(b.account, e.account), 0::bigint,
       format('its balance is debits %s, credits %s after transaction %s; its postings add up to debits %s, credits %s after %s',
              coalesce(b.debits_posted::text, 'none'), coalesce(b.credits_posted::text, 'none'), coalesce(b.last_id::text, 'none'),
              coalesce(e.debits, 0), coalesce(e.credits, 0), coalesce(e.last_id, 0))
FROM (SELECT account, debits_posted, credits_posted, last_id FROM ledger.balances WHERE book = $1) b
FULL JOIN (SELECT account, sum(debit) AS debits, sum(credit) AS credits, max(transaction_id) AS last_id
           FROM ledger.entries WHERE book = $1 GROUP BY account) e ON e.account = b.account
WHERE (b.debits_posted, b.credits_posted, b.last_id)
      IS DISTINCT FROM (coalesce(e.debits, 0), coalesce(e.credits, 0), coalesce(e.last_id, 0))
ORDER BY 1 LIMIT $2`},

	// Lines of one transaction on one account name the same transaction before.
	{RunningDiffers, `
SELECT account, transaction_id,
       CASE WHEN prev <> before
            THEN format('line %s names transaction %s as the one before it on the account, that is %s', line, prev, before)
            ELSE format('line %s says debits %s, credits %s after it; the posting before and its amount give debits %s, credits %s',
                        line, debits_after, credits_after, debits, credits) END
FROM (
    SELECT account, transaction_id, line, debits_after, credits_after, prev,
           debit::numeric + coalesce(lag(debits_after) OVER chain, 0) AS debits,
           credit::numeric + coalesce(lag(credits_after) OVER chain, 0) AS credits,
           CASE WHEN lag(transaction_id) OVER chain = transaction_id THEN lag(prev) OVER chain
                ELSE coalesce(lag(transaction_id) OVER chain, 0) END AS before
    FROM (SELECT debit_account AS account, transaction_id, line, amount AS debit, 0::bigint AS credit,
                 debit_account_debits AS debits_after, debit_account_credits AS credits_after, debit_prev AS prev
          FROM ledger.postings WHERE book = $1
          UNION ALL
          SELECT credit_account, transaction_id, line, 0::bigint, amount,
                 credit_account_debits, credit_account_credits, credit_prev
          FROM ledger.postings WHERE book = $1) leg
    WINDOW chain AS (PARTITION BY account ORDER BY transaction_id, line)
) e
WHERE debits <> debits_after OR credits <> credits_after OR prev <> before
ORDER BY transaction_id, line LIMIT $2`},

	{DefinitionDiffers, `
SELECT coalesce(b.account, a.code), 0::bigint,
       format('it is opened as %s, %s, limits %s, closed %s; postings are decided by %s, %s, limits %s, closed %s',
              a.currency, a.normal_side, a.limits, a.closed IS NOT NULL, b.currency, b.normal_side, b.limits, b.closed)
FROM (SELECT code, currency, normal_side, limits, closed FROM ledger.accounts WHERE book = $1) a
FULL JOIN (SELECT account, currency, normal_side, limits, closed FROM ledger.balances WHERE book = $1) b ON b.account = a.code
WHERE (a.currency, a.normal_side, a.limits, a.closed IS NOT NULL)
      IS DISTINCT FROM (b.currency, b.normal_side, b.limits, b.closed)
ORDER BY 1 LIMIT $2`},

	{TrialBalance, `
SELECT '', 0::bigint, format('%s: debits %s, credits %s; pending debits %s, credits %s', a.currency,
       sum(b.debits_posted), sum(b.credits_posted), sum(b.debits_pending), sum(b.credits_pending))
FROM ledger.balances b LEFT JOIN ledger.accounts a ON a.book = b.book AND a.code = b.account
WHERE b.book = $1
GROUP BY a.currency
HAVING sum(b.debits_posted) <> sum(b.credits_posted) OR sum(b.debits_pending) <> sum(b.credits_pending)
ORDER BY a.currency LIMIT $2`},

	{ReferenceRepeated, `
SELECT '', max(id), format('reference %s stands %s times', reference, count(*))
FROM ledger.transactions WHERE book = $1
GROUP BY reference HAVING count(*) > 1
ORDER BY 2 LIMIT $2`},

	{IncompletePostings, `
SELECT '', coalesce(t.id, p.transaction_id),
       CASE WHEN t.id IS NULL THEN 'its postings have no transaction'
            WHEN p.transaction_id IS NULL THEN 'it has no postings'
            WHEN t.phase NOT IN ('post', 'capture') THEN format('it posts something and is a %s', t.phase)
            WHEN p.lines <> p.last_line + 1 THEN format('it has %s postings up to line %s', p.lines, p.last_line)
            ELSE 'its postings have another day or recorded time' END
FROM (SELECT id, phase, effective_day, recorded FROM ledger.transactions WHERE book = $1) t
FULL JOIN (
    SELECT transaction_id, count(*) AS lines, max(line) AS last_line, min(effective_day) AS first_day,
           max(effective_day) AS last_day, min(recorded) AS first_recorded, max(recorded) AS last_recorded
    FROM ledger.postings WHERE book = $1 GROUP BY transaction_id
) p ON p.transaction_id = t.id
WHERE t.id IS NULL OR (t.phase IN ('post', 'capture')) <> (p.transaction_id IS NOT NULL) OR p.lines <> p.last_line + 1
   OR p.first_day <> t.effective_day OR p.last_day <> t.effective_day
   OR p.first_recorded <> t.recorded OR p.last_recorded <> t.recorded
ORDER BY 2 LIMIT $2`},

	{AccountUnfit, `
SELECT e.account, e.transaction_id,
       CASE WHEN a.code IS NULL THEN format('line %s is on an account that is not open', e.line)
            ELSE format('line %s is in %s, the account in %s', e.line, e.currency, a.currency) END
FROM ledger.entries e LEFT JOIN ledger.accounts a ON a.book = $1 AND a.code = e.account
WHERE e.book = $1 AND (a.code IS NULL OR a.currency <> e.currency)
ORDER BY 2, e.line LIMIT $2`},

	{LimitBroken, `
SELECT b.account, 0::bigint, format('it may not go below zero and stands at debits %s, credits %s',
                                    b.debits_posted, b.credits_posted)
FROM ledger.balances b JOIN ledger.accounts a ON a.book = b.book AND a.code = b.account
WHERE b.book = $1 AND a.limits & 1 = 1
  AND CASE a.normal_side WHEN 'debit' THEN b.debits_posted - b.credits_posted - b.credits_pending
                         ELSE b.credits_posted - b.debits_posted - b.debits_pending END < 0
ORDER BY 1 LIMIT $2`},

	// A closing drew its after_id with its days locked, as a posting draws its id with its own: for those days the two are
	// in one order. The running maximum is the last day that was closed when the transaction was posted, or, for one that
	// asked for a later day and was posted beside a closing, the day closed then: either leaves it on the day it asked for.
	{DayDiffers, `
SELECT '', id, format('asked for %s and entered on %s, when the last closed day was %s',
                      asked_day, effective_day, coalesce(closed::text, 'none'))
FROM (
    SELECT id, asked_day, effective_day, max(day) OVER (ORDER BY id) AS closed
    FROM (SELECT id, asked_day, effective_day, NULL::date AS day FROM ledger.transactions WHERE book = $1
          UNION ALL
          SELECT after_id, NULL, NULL, day FROM ledger.periods WHERE book = $1) both_kinds
) t
WHERE asked_day IS NOT NULL
  AND effective_day <> CASE WHEN asked_day <= closed THEN closed + 1 ELSE asked_day END
ORDER BY 2 LIMIT $2`},

	{ClosingDiffers, `
SELECT '', 0::bigint, format('the last closed day is %s, the record of closings ends with %s',
                             coalesce(b.closed_through::text, 'none'), coalesce(p.day::text, 'none'))
FROM ledger.books b CROSS JOIN (SELECT max(day) AS day FROM ledger.periods WHERE book = $1) p
WHERE b.book = $1 AND b.closed_through IS DISTINCT FROM p.day
LIMIT $2`},
}

// sqlMissingBooks steps from book to book over the primary key of a table (%[1]s), so it reads a row a book and not the
// whole history.
const sqlMissingBooks = `
WITH RECURSIVE found AS (
    SELECT min(book) AS book FROM ledger.%[1]s
    UNION ALL
    SELECT (SELECT min(t.book) FROM ledger.%[1]s t WHERE t.book > f.book) FROM found f WHERE f.book IS NOT NULL
)
SELECT book FROM found f
WHERE book IS NOT NULL AND NOT EXISTS (SELECT FROM ledger.books b WHERE b.book = f.book)
ORDER BY book LIMIT $1`

// sqlRights asks what the current role could do to the tables that must only grow. Whoever owns a table, or is a member
// of its owner, can grant himself what was revoked.
const sqlRights = `
SELECT '', 0::bigint, format('role %s may %s on %s: run as a role that may only SELECT and INSERT there',
                             current_user, r.privilege, t.name)
FROM unnest(ARRAY['ledger.transactions', 'ledger.postings', 'ledger.pending', 'ledger.periods', 'ledger.leaves', 'ledger.nodes',
                  'ledger.seals', 'ledger.snapshots']) AS t (name)
CROSS JOIN unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) AS r (privilege)
WHERE has_table_privilege(current_user, t.name, r.privilege)
   OR r.privilege IN ('UPDATE', 'REFERENCES') AND has_any_column_privilege(current_user, t.name, r.privilege)
UNION ALL
SELECT '', 0::bigint, format('role %s owns %s or is a member of its owner: run as a role that owns nothing',
                             current_user, c.oid::regclass)
FROM pg_class c
WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
  AND pg_has_role(current_user, c.relowner, 'MEMBER')
UNION ALL
SELECT '', 0::bigint, format('role %s owns schema ledger or may create in it', current_user)
FROM pg_namespace n
WHERE n.nspname = 'ledger' AND (pg_has_role(current_user, n.nspowner, 'MEMBER')
                                OR has_schema_privilege(current_user, n.oid, 'CREATE'))`
