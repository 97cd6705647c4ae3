package bench

// The rows that the ledger writes, written by hand: whoever changes its tables changes them here.

// sqlPlain writes one posting in one statement, which is one transaction and one round trip. $2 and $3 are the accounts
// in the order in which they are locked; $4 says that the first of them is the one debited. The id is drawn after both
// are locked.
const sqlPlain = `
WITH first AS (
    UPDATE ledger.balances
    SET debits_posted = debits_posted + CASE WHEN $4 THEN $5::bigint ELSE 0 END,
        credits_posted = credits_posted + CASE WHEN $4 THEN 0 ELSE $5::bigint END
    WHERE book = $1 AND account = $2
    RETURNING debits_posted, credits_posted
), second AS (
    UPDATE ledger.balances b
    SET debits_posted = b.debits_posted + CASE WHEN $4 THEN 0 ELSE $5::bigint END,
        credits_posted = b.credits_posted + CASE WHEN $4 THEN $5::bigint ELSE 0 END
    FROM first
    WHERE b.book = $1 AND b.account = $3
    RETURNING b.debits_posted, b.credits_posted
), t AS (
    INSERT INTO ledger.transactions
        (book, id, reference, kind, occurred, asked_day, effective_day, recorded, link, metadata)
    SELECT $1, nextval('ledger.transaction_id'), $6, $7, $8, $9, $9, $8, '', NULL
    FROM first CROSS JOIN second
    RETURNING id
)
INSERT INTO ledger.postings
    (book, transaction_id, line, debit_account, credit_account, currency, amount, debit_account_debits,
     debit_account_credits, credit_account_debits, credit_account_credits, effective_day, recorded)
SELECT $1, t.id, 0, CASE WHEN $4 THEN $2 ELSE $3 END, CASE WHEN $4 THEN $3 ELSE $2 END, $10, $5,
       CASE WHEN $4 THEN first.debits_posted ELSE second.debits_posted END,
       CASE WHEN $4 THEN first.credits_posted ELSE second.credits_posted END,
       CASE WHEN $4 THEN second.debits_posted ELSE first.debits_posted END,
       CASE WHEN $4 THEN second.credits_posted ELSE first.credits_posted END, $9, $8
FROM t CROSS JOIN first CROSS JOIN second`

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
         debit_account_credits, credit_account_debits, credit_account_credits, effective_day, recorded)
    SELECT $1, w.id, 0, w.debit, w.credit, $7, w.amount, w.dd, w.dc, w.cd, w.cc, $6, $5
    FROM unnest($2::bigint[], $8::text[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[])
         AS w (id, debit, credit, amount, dd, dc, cd, cc)
)
UPDATE ledger.balances b SET debits_posted = w.debits, credits_posted = w.credits
FROM unnest($15::text[], $16::bigint[], $17::bigint[]) AS w (account, debits, credits)
WHERE b.book = $1 AND b.account = w.account`

const (
	sqlReadTotals = `SELECT account, debits_posted, credits_posted FROM ledger.balances WHERE book = $1`

	sqlReadWritten = `
SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint,
       (SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
        WHERE relnamespace = 'ledger'::regnamespace AND relkind IN ('r', 'p'))`

	// Each row bears the number of the database transaction that wrote it. The first id is the funding's.
	sqlReadCommits = `SELECT count(*), count(DISTINCT xmin::text) FROM ledger.transactions WHERE book = $1 AND id > $2`
)
