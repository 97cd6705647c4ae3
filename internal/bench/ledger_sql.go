package bench

// The rows that the ledger writes, written by hand: whoever changes its tables changes them here.

// sqlPlain writes one posting of $4 from $3 to $2 in one statement, which is one transaction and one round trip. Both
// accounts are locked in the order of their codes before the id is drawn.
const sqlPlain = `
WITH locked AS MATERIALIZED (
    SELECT account, debits_posted, credits_posted, last_id
    FROM ledger.balances WHERE book = $1 AND account IN ($2, $3)
    ORDER BY account FOR UPDATE
), t AS (
    INSERT INTO ledger.transactions
        (book, id, reference, kind, occurred, asked_day, effective_day, recorded, link, metadata)
    SELECT $1, nextval('ledger.transaction_id'), $5, $6, $7, $8, $8, $7, '', NULL
    FROM (SELECT count(*) AS accounts FROM locked) l WHERE l.accounts = 2
    RETURNING id
), moved AS (
    UPDATE ledger.balances b
    SET debits_posted = l.debits_posted + CASE WHEN l.account = $2 THEN $4::bigint ELSE 0 END,
        credits_posted = l.credits_posted + CASE WHEN l.account = $3 THEN $4::bigint ELSE 0 END,
        last_id = t.id
    FROM locked l CROSS JOIN t
    WHERE b.book = $1 AND b.account = l.account
)
INSERT INTO ledger.postings
    (book, transaction_id, line, debit_account, credit_account, currency, amount, debit_account_debits,
     debit_account_credits, credit_account_debits, credit_account_credits, effective_day, recorded, debit_prev, credit_prev)
SELECT $1, t.id, 0, d.account, c.account, $9, $4, d.debits_posted + $4, d.credits_posted, c.debits_posted,
       c.credits_posted + $4, $8, $7, d.last_id, c.last_id
FROM t CROSS JOIN locked d CROSS JOIN locked c
WHERE d.account = $2 AND c.account = $3`

// sqlRaw writes rows that are ready. One statement took the least processor time of what was tried at 32 and 200 rows; at
// 1 and at 8,000 rows a statement a table, and at 8,000 COPY, were as good.
const sqlRaw = `
WITH t AS (
    INSERT INTO ledger.transactions
        (book, id, reference, kind, occurred, asked_day, effective_day, recorded, link, metadata)
    SELECT $1, w.id, w.reference, $4, $5, $6, $6, $5, '', NULL
    FROM unnest($2::bigint[], $3::text[]) AS w (id, reference)
), p AS (
    INSERT INTO ledger.postings
        (book, transaction_id, line, debit_account, credit_account, currency, amount, debit_account_debits,
         debit_account_credits, credit_account_debits, credit_account_credits, effective_day, recorded, debit_prev, credit_prev)
    SELECT $1, w.id, 0, w.debit, w.credit, $7, w.amount, w.dd, w.dc, w.cd, w.cc, $6, $5, w.debit_prev, w.credit_prev
    FROM unnest($2::bigint[], $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[],
                $18::bigint[], $19::bigint[])
         AS w (id, debit, credit, amount, dd, dc, cd, cc, debit_prev, credit_prev)
)
UPDATE ledger.balances b SET debits_posted = w.debits, credits_posted = w.credits, last_id = w.last_id
FROM unnest($15::text[], $16::bigint[], $17::bigint[], $20::bigint[]) AS w (account, debits, credits, last_id)
WHERE b.book = $1 AND b.account = w.account`

const (
	sqlReadTotals = `SELECT account, debits_posted, credits_posted, last_id FROM ledger.balances WHERE book = $1`

	sqlReadWritten = `
SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint,
       (SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
        WHERE relnamespace = 'ledger'::regnamespace AND relkind IN ('r', 'p'))`

	// Each row bears the number of the database transaction that wrote it. The first id is the funding's.
	sqlReadCommits = `SELECT count(*), count(DISTINCT xmin::text) FROM ledger.transactions WHERE book = $1 AND id > $2`
)
