package ledger

// SnapshotDiffers is a finding of Verify: what was kept at a closing is not what the transactions up to it add up to.
const SnapshotDiffers FindingKind = "snapshot_differs"

// snapshotChecks are findings of one book, in the form of checks. Each of them adds up from the beginning what a closing
// took from the one before.
var snapshotChecks = [...]struct {
	kind FindingKind
	sql  string
}{
	{SnapshotDiffers, `
WITH moved AS (` + sqlMovedByClosing + `
), due AS (
    SELECT account, day, debits_posted, credits_posted, debits_pending, credits_pending
    FROM (SELECT account, day, changed, sum(debits_posted) OVER days AS debits_posted, sum(credits_posted) OVER days AS credits_posted,
                 sum(debits_pending) OVER days AS debits_pending, sum(credits_pending) OVER days AS credits_pending
          FROM (SELECT account, day, sum(debits_posted) AS debits_posted, sum(credits_posted) AS credits_posted,
                       sum(debits_pending) AS debits_pending, sum(credits_pending) AS credits_pending,
                       sum(debits_posted) <> 0 OR sum(credits_posted) <> 0 OR sum(debits_pending) <> 0 OR sum(credits_pending) <> 0 AS changed
                FROM moved GROUP BY account, day) m
          WINDOW days AS (PARTITION BY account ORDER BY day)) totals
    WHERE changed
)
SELECT coalesce(d.account, s.account), 0::bigint,
       format('at the closing of %s: kept are debits %s, credits %s, pending %s and %s; added up they are %s, %s, %s and %s',
              coalesce(d.day, s.day), coalesce(s.debits_posted::text, 'none'), coalesce(s.credits_posted::text, 'none'),
              coalesce(s.debits_pending::text, 'none'), coalesce(s.credits_pending::text, 'none'),
              coalesce(d.debits_posted::text, 'none'), coalesce(d.credits_posted::text, 'none'),
              coalesce(d.debits_pending::text, 'none'), coalesce(d.credits_pending::text, 'none'))
FROM due d
FULL JOIN (SELECT account, day, debits_posted, credits_posted, debits_pending, credits_pending
           FROM ledger.snapshots WHERE book = $1) s ON s.account = d.account AND s.day = d.day
WHERE (d.debits_posted, d.credits_posted, d.debits_pending, d.credits_pending)
      IS DISTINCT FROM (s.debits_posted, s.credits_posted, s.debits_pending, s.credits_pending)
ORDER BY coalesce(d.day, s.day), 1 LIMIT $2`},

	{ClosingDiffers, `
SELECT '', 0::bigint, format('the closing of %s says that it covers what was recorded from %s to %s; that is from %s to %s', p.day,
                             coalesce(p.first_recorded::text, 'never'), p.closed, coalesce(t.first_recorded::text, 'never'),
                             coalesce(t.last_recorded::text, 'never'))
FROM (SELECT day, closed, first_recorded, ahead, lag(day) OVER closings AS before, lag(closed, 2) OVER closings AS last_but_one,
             lag(closed) OVER closings AS last_closed
      FROM ledger.periods WHERE book = $1 WINDOW closings AS (ORDER BY day)) p
CROSS JOIN LATERAL (
    SELECT min(recorded) AS first_recorded, max(recorded) AS last_recorded FROM ledger.transactions
    WHERE book = $1 AND effective_day <= p.day AND effective_day > coalesce(p.before, '-infinity')
) t
WHERE p.closed < t.last_recorded OR p.closed < p.last_closed
   OR coalesce(p.first_recorded, 'infinity') > coalesce(t.first_recorded, 'infinity')
   OR t.first_recorded <= p.last_but_one AND NOT p.ahead
ORDER BY p.day LIMIT $2`},
}

// sqlMovedByClosing gives what each closing took in, by account: postings of its days; holds that nothing of its days
// resolved; and, taken off, holds of days before that something of its days resolved.
const sqlMovedByClosing = `
SELECT e.account, c.day, e.debit AS debits_posted, e.credit AS credits_posted, 0 AS debits_pending, 0 AS credits_pending
FROM (SELECT account, effective_day, sum(debit) AS debit, sum(credit) AS credit FROM ledger.entries WHERE book = $1
      GROUP BY account, effective_day) e
CROSS JOIN LATERAL (SELECT min(day) AS day FROM ledger.periods WHERE book = $1 AND day >= e.effective_day) c
WHERE c.day IS NOT NULL
UNION ALL
SELECT l.account, x.day, 0, 0, x.sign * l.debit, x.sign * l.credit
FROM ledger.transactions h
LEFT JOIN ledger.transactions r ON r.book = $1 AND r.of_id = h.id AND r.phase IN ('capture', 'void', 'expiry')
CROSS JOIN LATERAL (SELECT min(day) AS held FROM ledger.periods WHERE book = $1 AND day >= h.effective_day) a
CROSS JOIN LATERAL (SELECT min(day) AS released FROM ledger.periods WHERE book = $1 AND day >= r.effective_day) b
CROSS JOIN LATERAL (VALUES (a.held, 1), (b.released, -1)) x (day, sign)
JOIN ledger.pending p ON p.book = $1 AND p.transaction_id = h.id
CROSS JOIN LATERAL (VALUES (p.debit_account, p.amount, 0), (p.credit_account, 0, p.amount)) l (account, debit, credit)
WHERE h.book = $1 AND h.phase = 'hold' AND x.day IS NOT NULL AND a.held < coalesce(b.released, 'infinity')`
