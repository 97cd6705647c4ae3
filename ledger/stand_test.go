package ledger_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// mustStand adds every balance up from its rows, posted and pending, by statements of its own, looks at what the phases
// must have left, and then asks Verify.
func (b *bench) mustStand() {
	b.t.Helper()
	stand(b.t, b.Ledger, b.pool)
}

func stand(t testing.TB, l *ledger.Ledger, on querier) {
	t.Helper()
	for what, sql := range standing {
		var n int
		if err := on.QueryRow(context.Background(), `SELECT count(*) FROM (`+sql+`) x`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		if n != 0 {
			t.Errorf("%s: %d rows", what, n)
		}
	}
	report, err := l.Verify(context.Background(), mirror)
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK {
		t.Errorf("verify: %+v", report.Findings)
	}
}

// standing are queries that must give no row.
var standing = map[string]string{
	"balances that are not the sum of their rows": `
WITH open AS (
    SELECT p.* FROM ledger.pending p
    WHERE NOT EXISTS (SELECT FROM ledger.transactions r WHERE r.book = p.book AND r.of_id = p.transaction_id
                      AND r.phase IN ('capture', 'void', 'expiry'))
), legs AS (
    SELECT book, debit_account AS account, amount AS dp, 0 AS cp, 0 AS dh, 0 AS ch FROM ledger.postings
    UNION ALL SELECT book, credit_account, 0, amount, 0, 0 FROM ledger.postings
    UNION ALL SELECT book, debit_account, 0, 0, amount, 0 FROM open
    UNION ALL SELECT book, credit_account, 0, 0, 0, amount FROM open
), sums AS (
    SELECT book, account, sum(dp) AS dp, sum(cp) AS cp, sum(dh) AS dh, sum(ch) AS ch FROM legs GROUP BY book, account
)
SELECT 1 FROM ledger.balances b FULL JOIN sums s ON s.book = b.book AND s.account = b.account
WHERE b.debits_posted IS DISTINCT FROM coalesce(s.dp, 0) OR b.credits_posted IS DISTINCT FROM coalesce(s.cp, 0)
   OR b.debits_pending IS DISTINCT FROM coalesce(s.dh, 0) OR b.credits_pending IS DISTINCT FROM coalesce(s.ch, 0)`,

	"transactions with rows that are not of their phase": `
SELECT 1 FROM ledger.transactions t
WHERE EXISTS (SELECT FROM ledger.postings p WHERE p.book = t.book AND p.transaction_id = t.id) <> (t.phase IN ('post', 'capture'))
   OR EXISTS (SELECT FROM ledger.pending p WHERE p.book = t.book AND p.transaction_id = t.id) <> (t.phase = 'hold')`,

	"rows without a transaction": `
SELECT 1 FROM (SELECT book, transaction_id FROM ledger.postings UNION ALL SELECT book, transaction_id FROM ledger.pending) p
WHERE NOT EXISTS (SELECT FROM ledger.transactions t WHERE t.book = p.book AND t.id = p.transaction_id)`,

	"resolutions of what is no hold, and corrections of what posted nothing": `
SELECT 1 FROM ledger.transactions t LEFT JOIN ledger.transactions o ON o.book = t.book AND o.id = t.of_id
WHERE t.of_id IS NOT NULL
  AND (o.id IS NULL OR o.id >= t.id OR (t.phase = 'post') <> (o.phase IN ('post', 'capture')))`,

	"postings and balances that do not name the transaction before": `
WITH moved AS (SELECT DISTINCT book, account, transaction_id FROM ledger.entries), chain AS (
    SELECT book, account, transaction_id, lag(transaction_id, 1, 0::bigint) OVER (PARTITION BY book, account ORDER BY transaction_id) AS prev
    FROM moved
)
SELECT 1 FROM ledger.postings p
JOIN chain d ON d.book = p.book AND d.transaction_id = p.transaction_id AND d.account = p.debit_account
JOIN chain c ON c.book = p.book AND c.transaction_id = p.transaction_id AND c.account = p.credit_account
WHERE p.debit_prev <> d.prev OR p.credit_prev <> c.prev
UNION ALL
SELECT 1 FROM ledger.balances b
WHERE b.last_id <> coalesce((SELECT max(transaction_id) FROM chain e WHERE e.book = b.book AND e.account = b.account), 0)`,

	"captures of more than was held": `
SELECT 1 FROM ledger.transactions t JOIN ledger.postings p ON p.book = t.book AND p.transaction_id = t.id
WHERE t.phase = 'capture'
GROUP BY t.book, t.of_id, p.debit_account, p.credit_account
HAVING sum(p.amount) > coalesce((SELECT sum(h.amount) FROM ledger.pending h WHERE h.book = t.book AND h.transaction_id = t.of_id
                                 AND h.debit_account = p.debit_account AND h.credit_account = p.credit_account), 0)`,
}

// querier is a pool or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// connect opens a pool of the test's own.
func (b *bench) connect(cfg *pgxpool.Config) *pgxpool.Pool {
	b.t.Helper()
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(pool.Close)
	return pool
}
