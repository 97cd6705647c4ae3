package ledger

// SnapshotDiffers is a finding of Verify: what was kept at a closing is not what the transactions up to it add up to.
const SnapshotDiffers FindingKind = "snapshot_differs"

// snapshotChecks add up from the beginning what a closing took from the one before, in the form of checks.
var snapshotChecks = [...]bookCheck{
	// A row is due where something came in; one more is kept where only postings ahead did.
	{SnapshotDiffers, `
WITH moved AS (` + sqlMovedByClosing + `
    UNION ALL
    SELECT account, day, 0, 0, 0, 0 FROM ledger.snapshots WHERE book = $1
), sums AS (
    SELECT account, day, sum(sum(debits_posted)) OVER days AS dp, sum(sum(credits_posted)) OVER days AS cp,
           sum(sum(debits_pending)) OVER days AS dh, sum(sum(credits_pending)) OVER days AS ch,
           sum(debits_posted) <> 0 OR sum(credits_posted) <> 0 OR sum(debits_pending) <> 0 OR sum(credits_pending) <> 0 AS due
    FROM moved GROUP BY account, day
    WINDOW days AS (PARTITION BY account ORDER BY day)
)
SELECT d.account, 0::bigint,
       CASE WHEN s.day IS NULL THEN format('the closing of %s kept nothing; added up it has debits %s, credits %s, pending %s and %s',
                                           d.day, d.dp, d.cp, d.dh, d.ch)
            ELSE format('at the closing of %s it kept debits %s, credits %s, pending %s and %s; added up they are %s, %s, %s and %s',
                        d.day, s.debits_posted, s.credits_posted, s.debits_pending, s.credits_pending, d.dp, d.cp, d.dh, d.ch) END
FROM sums d
LEFT JOIN (SELECT account, day, debits_posted, credits_posted, debits_pending, credits_pending
           FROM ledger.snapshots WHERE book = $1) s ON s.account = d.account AND s.day = d.day
WHERE s.day IS NULL AND d.due
   OR s.day IS NOT NULL AND (d.dp, d.cp, d.dh, d.ch) <> (s.debits_posted, s.credits_posted, s.debits_pending, s.credits_pending)
ORDER BY d.day, 1 LIMIT $2`},

	// What a snapshot saw are the entries up to its last_id: all of its days are among them, the others stand in ahead.
	{SnapshotDiffers, `
SELECT s.account, s.last_id, format('the closing of %s saw it up to this transaction, with %s entered ahead; it has %s entries of '
                                    'days up to that after it, and ahead are %s', s.day, s.ahead, coalesce(e.missed, 0), coalesce(e.ahead, '{}'))
FROM (SELECT account, day, last_id, lead(day, 1, 'infinity') OVER days AS next, lag(last_id, 1, 0::bigint) OVER days AS before,
             (SELECT coalesce(array_agg(format('%s %s %s %s', o.day, o.debit, o.credit, o.id) ORDER BY o.day), '{}')
              FROM unnest(ahead_days, ahead_debits, ahead_credits, ahead_ids) AS o (day, debit, credit, id)) AS ahead
      FROM ledger.snapshots WHERE book = $1 WINDOW days AS (PARTITION BY account ORDER BY day)) s
LEFT JOIN LATERAL (
    SELECT sum(x.missed) AS missed, array_agg(format('%s %s %s %s', x.day, x.debit, x.credit, x.id) ORDER BY x.day)
                                    FILTER (WHERE x.id IS NOT NULL) AS ahead
    FROM (SELECT effective_day AS day, count(*) FILTER (WHERE transaction_id > s.last_id) AS missed,
                 sum(debit) FILTER (WHERE transaction_id <= s.last_id AND effective_day > s.day) AS debit,
                 sum(credit) FILTER (WHERE transaction_id <= s.last_id AND effective_day > s.day) AS credit,
                 min(transaction_id) FILTER (WHERE transaction_id <= s.last_id AND effective_day > s.day) AS id
          FROM ledger.entries
          WHERE book = $1 AND account = s.account
            AND (effective_day <= s.day AND transaction_id > s.last_id OR effective_day > s.day AND transaction_id <= s.last_id)
          GROUP BY effective_day) x
) e ON true
WHERE coalesce(e.missed, 0) <> 0 OR coalesce(e.ahead, '{}') <> s.ahead OR s.last_id < s.before
ORDER BY s.day, 1 LIMIT $2`},

	{ClosingDiffers, `
SELECT '', 0::bigint, format('the closing of %s says that what it saw first was recorded from %s to %s; that is from %s to %s',
                             p.day, coalesce(p.first_recorded::text, 'never'), p.closed, coalesce(t.first_recorded::text, 'never'),
                             coalesce(t.last_recorded::text, 'never'))
FROM (SELECT day, closed, first_recorded, early, lag(day, 1, '-infinity') OVER closings AS before,
             lag(closed) OVER closings AS last_closed, lag(closed, 2) OVER closings AS last_but_one
      FROM ledger.periods WHERE book = $1 AND carries WINDOW closings AS (ORDER BY day)) p
LEFT JOIN (
    SELECT day, min(recorded) AS first_recorded, max(recorded) AS last_recorded
    FROM (SELECT c.day, h.recorded
          FROM ledger.transactions h
          CROSS JOIN LATERAL (SELECT min(day) AS day FROM ledger.periods WHERE book = $1 AND carries AND day >= h.effective_day) c
          WHERE h.book = $1 AND h.phase <> 'post'
          UNION ALL
          SELECT c.day, e.recorded
          FROM ledger.entries e
          CROSS JOIN LATERAL (SELECT min(day) AS day FROM ledger.snapshots
                              WHERE book = $1 AND account = e.account AND last_id >= e.transaction_id) c
          WHERE e.book = $1) x
    GROUP BY day
) t ON t.day = p.day
WHERE p.closed < t.last_recorded OR p.closed < p.last_closed
   OR coalesce(p.first_recorded, 'infinity') > coalesce(t.first_recorded, 'infinity')
   OR coalesce(p.first_recorded <= p.last_but_one, false) AND NOT p.early
ORDER BY p.day LIMIT $2`},
}

// sqlMovedByClosing gives what each closing took in, by account: postings of its days, holds, and, taken off, holds that
// something of its days resolved.
const sqlMovedByClosing = `
    SELECT e.account, c.day, e.debit AS debits_posted, e.credit AS credits_posted, 0 AS debits_pending, 0 AS credits_pending
    FROM (SELECT account, effective_day, sum(debit) AS debit, sum(credit) AS credit FROM ledger.entries WHERE book = $1
          GROUP BY account, effective_day) e
    CROSS JOIN LATERAL (SELECT min(day) AS day FROM ledger.periods WHERE book = $1 AND carries AND day >= e.effective_day) c
    WHERE c.day IS NOT NULL
    UNION ALL
    SELECT l.account, x.day, 0, 0, x.sign * l.debit, x.sign * l.credit
    FROM ledger.transactions h
    LEFT JOIN ledger.transactions r ON r.book = $1 AND r.of_id = h.id AND r.phase IN ('capture', 'void', 'expiry')
    CROSS JOIN LATERAL (SELECT min(day) AS held FROM ledger.periods WHERE book = $1 AND carries AND day >= h.effective_day) a
    CROSS JOIN LATERAL (SELECT min(day) AS released FROM ledger.periods WHERE book = $1 AND carries AND day >= r.effective_day) b
    CROSS JOIN LATERAL (VALUES (a.held, 1), (b.released, -1)) x (day, sign)
    JOIN ledger.pending p ON p.book = $1 AND p.transaction_id = h.id
    CROSS JOIN LATERAL (VALUES (p.debit_account, p.amount, 0), (p.credit_account, 0, p.amount)) l (account, debit, credit)
    WHERE h.book = $1 AND h.phase = 'hold' AND x.day IS NOT NULL AND a.held < coalesce(b.released, 'infinity')`
