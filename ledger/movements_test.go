package ledger_test

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

func TestMovementsOfAPeriod(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "assets:b", "l:c")
	b.open("A02", "assets:a", "l:c")
	on := func(day int, kind string, tx ledger.Transaction) ledger.Transaction {
		tx.Day, tx.Kind = monday.AddDate(0, 0, day), kind
		return tx
	}
	other := move("other", "assets:a", "l:c", 1_000)
	other.Book = "A02"
	first := b.mustPost(
		on(0, "in", move("1", "assets:a", "l:c", 10)), on(1, "in", move("2", "assets:a", "l:c", 20)),
		on(1, "in", move("3", "assets:a", "l:c", 5)), on(1, "over", move("4", "assets:b", "assets:a", 7)), other)
	b.mustPost(on(1, "in", move("5", "assets:a", "l:c", 100)), on(2, "in", move("6", "assets:a", "l:c", 200)))
	in := func(amount int64) ledger.Movement {
		return ledger.Movement{Kind: "in", Debit: "assets:a", Credit: "l:c", Currency: "VND", Amount: amount}
	}
	over := ledger.Movement{Kind: "over", Debit: "assets:b", Credit: "assets:a", Currency: "VND", Amount: 7}
	q := ledger.MovementQuery{Book: "A01", Through: monday.AddDate(0, 0, 1)}
	after, known := q, q
	after.After = monday
	if err := b.pool.QueryRow(context.Background(), `SELECT recorded FROM ledger.transactions WHERE id = $1`, first[0].ID).Scan(&known.At); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		q    ledger.MovementQuery
		want []ledger.Movement
	}{
		"from the first day":    {q, []ledger.Movement{in(135), over}},
		"after a day":           {after, []ledger.Movement{in(125), over}},
		"as known before":       {known, []ledger.Movement{in(35), over}},
		"nothing on those days": {ledger.MovementQuery{Book: "A01", After: monday.AddDate(0, 0, 2), Through: monday.AddDate(0, 0, 9)}, nil},
	} {
		b.inTx(func(tx pgx.Tx) error {
			got, err := b.MovementsTx(context.Background(), tx, tc.q)
			if err == nil && !slices.Equal(got, tc.want) {
				t.Errorf("%s: got %+v, want %+v", name, got, tc.want)
			}
			return err
		})
	}
}
