package ledger_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

func TestPostMovesBalances(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:bank>0", "liabilities:payable>0", "equity:funding")
	r := b.mustPost(move("R1", "assets:bank", "liabilities:payable", 70), move("R2", "assets:bank", "equity:funding", 30))
	if r[0].ID >= r[1].ID || !r[0].Day.Equal(monday) {
		t.Errorf("results %+v: want rising ids on the asked day", r)
	}
	want := "assets:bank 100; equity:funding 30; liabilities:payable 70"
	if got := b.balances(ledger.Query{Book: "A01"}); got != want {
		t.Errorf("balances %s, want %s", got, want)
	}
}

func TestRolledBackPostingLeavesNothing(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:bank", "equity:funding")
	ctx := context.Background()
	tx, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.PostTx(ctx, tx, []ledger.Transaction{move("R1", "assets:bank", "equity:funding", 5)}); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if got := b.balances(ledger.Query{Book: "A01"}); got != "assets:bank 0; equity:funding 0" {
		t.Errorf("balances %s after a rollback", got)
	}
	if r := b.post(move("R1", "assets:bank", "equity:funding", 6)); r[0].Code != ledger.Posted {
		t.Errorf("the reference of a rolled back posting gives %s, want posted", r[0].Code)
	}
}

func TestPostRefusesAnotherIsolation(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:bank", "equity:funding")
	err := pgx.BeginTxFunc(context.Background(), b.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		_, err := b.PostTx(context.Background(), tx, []ledger.Transaction{move("R1", "assets:bank", "equity:funding", 5)})
		return err
	})
	if err == nil {
		t.Error("a posting under REPEATABLE READ was taken: a closing could be missed")
	}
}
