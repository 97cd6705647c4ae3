package ledger_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/pg/pgtest"
	"exchequer/ledger"
)

// TestPostingReadsOnlyItsRows posts on one connection, which keeps its plans while the tables grow from nothing, and
// asks PostgreSQL how much was read: no table from end to end, and no more rows of any than the batch names. Once on
// tables that nobody analysed, once on tables analysed while they were so small that scanning them looked cheapest.
func TestPostingReadsOnlyItsRows(t *testing.T) {
	for _, analysed := range []bool{false, true} {
		t.Run(fmt.Sprintf("analysed=%t", analysed), func(t *testing.T) {
			b := start(t)
			var accounts []string
			for i := range 300 {
				accounts = append(accounts, fmt.Sprintf("assets:%d", i))
			}
			b.open("A01", accounts[0], "l:b")
			b.mustPost(move("FIRST", accounts[0], "l:b", 1))
			if analysed {
				if _, err := pgtest.Owner(t, b.pool).Exec(context.Background(), `ANALYZE`); err != nil {
					t.Fatal(err)
				}
			}
			b.onOneConnection(accounts)
			b.mustVerify()
		})
	}
}

// onOneConnection posts growing batches over the accounts, each transaction sent again in the batch after its own.
func (b *bench) onOneConnection(accounts []string) {
	b.t.Helper()
	ctx := context.Background()
	conn, err := b.pool.Acquire(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Release()
	var last []ledger.Transaction
	for round := range 16 {
		size := min(1<<round, 200) // small ones first: a plan is kept from the sixth use on
		var fresh []ledger.Transaction
		for i := range size {
			fresh = append(fresh, move(fmt.Sprintf("R%d-%d", round, i), accounts[(round*7+i)%len(accounts)], "l:b", 1))
		}
		b.open("A01", accounts...)
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			results, err := b.PostTx(ctx, tx, append(last, fresh...))
			if err != nil {
				return err
			}
			b.checkReads(tx, int64(len(last)+size))
			return ledger.FirstRefusal(results)
		})
		if err != nil {
			b.t.Fatal(err)
		}
		last = fresh
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT count(amount) FROM ledger.postings`); err != nil {
			return err
		}
		if scans, _ := reads(b.t, tx, "postings"); scans == 0 {
			b.t.Error("a full scan was not counted: the measure does not work")
		}
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// checkReads allows three looks at each row a batch of n names: to lock, to read, to write.
func (b *bench) checkReads(tx pgx.Tx, n int64) {
	b.t.Helper()
	for _, table := range []string{"books", "accounts", "balances", "transactions", "postings"} {
		scans, fetched := reads(b.t, tx, table)
		if scans != 0 || fetched > 3*(n+1) {
			b.t.Errorf("a batch of %d read %s from end to end %d times and fetched %d rows of it", n, table, scans, fetched)
		}
	}
}

// reads gives what this transaction has read of a table: scans from end to end, and rows fetched through an index.
func reads(t testing.TB, tx pgx.Tx, table string) (scans, fetched int64) {
	t.Helper()
	err := tx.QueryRow(context.Background(), `SELECT pg_stat_get_xact_numscans(c), pg_stat_get_xact_tuples_fetched(c)
		FROM (SELECT ('ledger.' || $1)::regclass::oid) t (c)`, table).Scan(&scans, &fetched)
	if err != nil {
		t.Fatal(err)
	}
	return scans, fetched
}

// TestPostTxLeavesCallersSettings: what pins the plans must not change how the caller's own statements are planned.
func TestPostTxLeavesCallersSettings(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	b.open("A01", "assets:a", "l:b")
	for _, setting := range []string{"on", "off"} {
		b.inTx(func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SET LOCAL enable_seqscan = `+setting); err != nil {
				return err
			}
			for range 2 { // the second is a repetition, which reads more
				if _, err := b.PostTx(ctx, tx, []ledger.Transaction{move("R"+setting, "assets:a", "l:b", 1)}); err != nil {
					return err
				}
			}
			var now string
			if err := tx.QueryRow(ctx, `SHOW enable_seqscan`).Scan(&now); err != nil || now != setting {
				t.Errorf("enable_seqscan was %s, after posting it is %s (%v)", setting, now, err)
			}
			return nil
		})
	}
}
