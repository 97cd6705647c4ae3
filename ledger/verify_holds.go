package ledger

// holdChecks are the findings on holds and on what names another transaction, in the form of checks.
var holdChecks = [...]bookCheck{
	{PendingDiffers, `
SELECT coalesce(b.account, e.account), 0::bigint,
       format('its balance has debits %s, credits %s pending; its unresolved holds add up to debits %s, credits %s',
              coalesce(b.debits_pending::text, 'none'), coalesce(b.credits_pending::text, 'none'),
              coalesce(e.debits, 0), coalesce(e.credits, 0))
FROM (SELECT account, debits_pending, credits_pending FROM ledger.balances WHERE book = $1) b
FULL JOIN (
    SELECT account, sum(debit) AS debits, sum(credit) AS credits
    FROM (SELECT transaction_id, debit_account AS account, amount AS debit, 0::bigint AS credit
          FROM ledger.pending WHERE book = $1
          UNION ALL
          SELECT transaction_id, credit_account, 0::bigint, amount
          FROM ledger.pending WHERE book = $1) l
    WHERE NOT EXISTS (SELECT FROM ledger.transactions r WHERE r.book = $1 AND r.of_id = l.transaction_id
                      AND r.phase IN ('capture', 'void', 'expiry'))
    GROUP BY account
) e ON e.account = b.account
WHERE (b.debits_pending, b.credits_pending) IS DISTINCT FROM (coalesce(e.debits, 0), coalesce(e.credits, 0))
ORDER BY 1 LIMIT $2`},

	{IncompletePostings, `
SELECT '', coalesce(t.id, p.transaction_id),
       CASE WHEN t.id IS NULL THEN 'what it holds has no transaction'
            WHEN t.phase <> 'hold' THEN format('it is no hold (%s) and holds something', t.phase)
            WHEN p.transaction_id IS NULL THEN 'it is a hold and holds nothing'
            ELSE format('it holds %s postings up to line %s', p.lines, p.last_line) END
FROM (SELECT id, phase FROM ledger.transactions WHERE book = $1) t
FULL JOIN (
    SELECT transaction_id, count(*) AS lines, max(line) AS last_line
    FROM ledger.pending WHERE book = $1 GROUP BY transaction_id
) p ON p.transaction_id = t.id
WHERE t.id IS NULL OR (t.phase = 'hold') <> (p.transaction_id IS NOT NULL) OR p.lines <> p.last_line + 1
ORDER BY 2 LIMIT $2`},

	{AccountUnfit, `
SELECT l.account, l.transaction_id,
       CASE WHEN a.code IS NULL THEN format('line %s holds on an account that is not open', l.line)
            ELSE format('line %s holds %s, the account is in %s', l.line, l.currency, a.currency) END
FROM (SELECT transaction_id, line, currency, debit_account AS account FROM ledger.pending WHERE book = $1
      UNION ALL
      SELECT transaction_id, line, currency, credit_account FROM ledger.pending WHERE book = $1) l
LEFT JOIN ledger.accounts a ON a.book = $1 AND a.code = l.account
WHERE a.code IS NULL OR a.currency <> l.currency
ORDER BY 2, l.line LIMIT $2`},

	{OfDiffers, `
SELECT '', t.id,
       CASE WHEN o.id IS NULL THEN format('it is a %s of transaction %s, which is not in the book', t.phase, coalesce(t.of_id::text, 'none'))
            WHEN o.id >= t.id THEN format('it is a %s of transaction %s, which is not before it', t.phase, o.id)
            ELSE format('it is a %s of transaction %s, which is a %s', t.phase, o.id, o.phase) END
FROM ledger.transactions t LEFT JOIN ledger.transactions o ON o.book = $1 AND o.id = t.of_id
WHERE t.book = $1 AND (t.of_id IS NOT NULL OR t.phase IN ('capture', 'void', 'expiry'))
  AND (o.id IS NULL OR o.id >= t.id OR CASE t.phase WHEN 'post' THEN o.phase NOT IN ('post', 'capture') ELSE o.phase <> 'hold' END)
ORDER BY 2 LIMIT $2`},

	{OfDiffers, `
SELECT '', max(id), format('hold %s is resolved %s times', of_id, count(*))
FROM ledger.transactions
WHERE book = $1 AND phase IN ('capture', 'void', 'expiry')
GROUP BY of_id HAVING count(*) > 1
ORDER BY 2 LIMIT $2`},

	{CaptureDiffers, `
SELECT c.debit_account, c.id, format('it captures %s %s from %s to %s; hold %s set %s aside for that',
       c.amount, c.currency, c.debit_account, c.credit_account, c.of_id, coalesce(h.amount, 0))
FROM (
    SELECT t.id, t.of_id, p.debit_account, p.credit_account, p.currency, sum(p.amount) AS amount
    FROM ledger.transactions t JOIN ledger.postings p ON p.book = $1 AND p.transaction_id = t.id
    WHERE t.book = $1 AND t.phase = 'capture'
    GROUP BY t.id, t.of_id, p.debit_account, p.credit_account, p.currency
) c
LEFT JOIN (
    SELECT transaction_id, debit_account, credit_account, currency, sum(amount) AS amount
    FROM ledger.pending WHERE book = $1
    GROUP BY transaction_id, debit_account, credit_account, currency
) h ON h.transaction_id = c.of_id AND h.debit_account = c.debit_account AND h.credit_account = c.credit_account
   AND h.currency = c.currency
WHERE h.amount IS NULL OR c.amount > h.amount
ORDER BY 2, 1 LIMIT $2`},

	// A copy has one recorded time for a hold and its capture, however late it was made.
	{HoldOverdue, `
SELECT '', t.id, format('it is a %s of %s; hold %s could be captured before %s', t.phase, t.recorded, h.id, coalesce(h.expires::text, 'any time'))
FROM ledger.transactions t JOIN ledger.transactions h ON h.book = $1 AND h.id = t.of_id
WHERE t.book = $1 AND CASE t.phase WHEN 'capture' THEN t.recorded >= h.expires AND t.recorded <> h.recorded
                                   WHEN 'expiry' THEN coalesce(t.recorded < h.expires, true) ELSE false END
ORDER BY 2 LIMIT $2`},

	{ExpiringDiffers, `
SELECT '', coalesce(h.id, e.hold_id),
       CASE WHEN h.id IS NULL THEN 'it is on the list of holds whose time runs and is no open hold'
            WHEN e.hold_id IS NULL THEN format('its time ends %s and it is not on the list: it would never expire', h.expires)
            ELSE format('its time ends %s, by the list %s', h.expires, e.expires) END
FROM (
    SELECT t.id, t.expires FROM ledger.transactions t
    WHERE t.book = $1 AND t.phase = 'hold' AND t.expires IS NOT NULL
      AND NOT EXISTS (SELECT FROM ledger.transactions r WHERE r.book = $1 AND r.of_id = t.id
                      AND r.phase IN ('capture', 'void', 'expiry'))
) h
FULL JOIN (SELECT hold_id, expires FROM ledger.expiring WHERE book = $1) e ON e.hold_id = h.id
WHERE h.expires IS DISTINCT FROM e.expires
ORDER BY 2 LIMIT $2`},
}
