package ledger_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// TestPostingNeverScans posts on tables nobody analysed, on one connection that keeps its plans while the tables grow
// from nothing, and asks PostgreSQL whether any of them was ever read from end to end.
func TestPostingNeverScans(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	var accounts []string
	for i := range 300 {
		accounts = append(accounts, fmt.Sprintf("assets:%d", i))
	}
	b.open("A01", append(accounts, "l:b")...)
	conn, err := b.pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	scans := func(tx pgx.Tx) (n int64) {
		err := tx.QueryRow(ctx, `SELECT sum(pg_stat_get_xact_numscans(c.oid)) FROM pg_class c
			WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind = 'r'`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	const rounds, size = 12, 200
	for round := range rounds {
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			var batch []ledger.Transaction
			for i := range size {
				batch = append(batch, move(fmt.Sprintf("R%d-%d", round, i), accounts[(round*7+i)%len(accounts)], "l:b", 1))
				if round > 0 { // and repeat one of the last round
					batch = append(batch, move(fmt.Sprintf("R%d-%d", round-1, i), accounts[((round-1)*7+i)%len(accounts)], "l:b", 1))
				}
			}
			results, err := b.PostTx(ctx, tx, batch)
			if err != nil {
				return err
			}
			if n := scans(tx); n != 0 {
				t.Errorf("round %d: %d tables were read from end to end", round, n)
			}
			return ledger.FirstRefusal(results)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var control int64
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `SELECT count(amount) FROM ledger.postings`)
		control = scans(tx)
		return err
	})
	if err != nil || control == 0 {
		t.Errorf("a full scan counts as %d (%v): the measure does not work", control, err)
	}
	b.mustVerify()
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
