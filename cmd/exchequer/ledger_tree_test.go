package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/pg/pgtest"
	"exchequer/ledger"
)

// payments posts one payment a reference in book T01.
func (d *desk) payments(references ...string) {
	d.Helper()
	l := ledger.New(d.pool, time.Now)
	err := pgx.BeginFunc(d.Context(), d.pool, func(tx pgx.Tx) error {
		return l.OpenAccountsTx(d.Context(), tx, []ledger.Account{
			{Book: "T01", Code: "assets:bank", Currency: "VND", Normal: ledger.Debit},
			{Book: "T01", Code: "liabilities:payable", Currency: "VND", Normal: ledger.Credit},
		})
	})
	if err != nil {
		d.Fatal(err)
	}
	day := time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC)
	var txs []ledger.Transaction
	for _, r := range references {
		txs = append(txs, ledger.Transaction{Book: "T01", Reference: r, Kind: "paid", Occurred: day, Day: day,
			Postings: []ledger.Posting{{Debit: "assets:bank", Credit: "liabilities:payable", Amount: 100_000, Currency: "VND"}}})
	}
	results, err := l.Post(d.Context(), txs)
	if err == nil {
		err = ledger.FirstRefusal(results)
	}
	if err != nil {
		d.Fatal(err)
	}
}

// TestAPaymentIsProvedFromTheCheckpointOfItsDay by commands: sealed, published, proved, checked with the key alone; and what
// is altered afterwards is found.
func TestAPaymentIsProvedFromTheCheckpointOfItsDay(t *testing.T) {
	d := newDeskOf(t, "promotion_notice")
	folder := filepath.Join(d.dir, "published")
	d.payments("P1", "P2", "P3")
	var sealed sealedBooks
	d.done(&sealed, "ledger", "seal")
	if sealed.Sealed != 3 || len(sealed.Trees) == 0 {
		t.Errorf("sealed %+v", sealed)
	}
	d.says(2, []string{"checkpoints.pub"}, "ledger", "prove", "T01", "P2", "--checkpoints", folder)
	var first, again publishedCheckpoint
	d.done(&first, "ledger", "checkpoint", "--to", folder, "--day", "2025-06-02")
	d.payments("P4")
	if d.done(&again, "ledger", "checkpoint", "--to", folder, "--day", "2025-06-02"); again.Trees[0].Size != 3 || again.PublicKey != first.PublicKey {
		t.Errorf("the day's checkpoint became another one: %+v", again)
	}
	key, proof := filepath.Join(folder, publicKeyFile), filepath.Join(d.dir, "proof.json")
	out, stderr, status := d.run("ledger", "prove", "T01", "P2", "--checkpoints", folder)
	if err := os.WriteFile(proof, []byte(out), 0o600); err != nil || status != 0 {
		t.Fatalf("prove ended with %d: %s (%v)", status, stderr, err)
	}
	d.says(2, []string{"after the next one"}, "ledger", "prove", "T01", "P4", "--checkpoints", folder)
	d.says(2, []string{"no transaction"}, "ledger", "prove", "T01", "P9", "--checkpoints", folder)
	wrong := filepath.Join(d.dir, "wrong.pub")
	if err := os.WriteFile(wrong, []byte("no key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]string{{"prove", "T01", "P2", "--checkpoints", folder}, {"verify", "--checkpoints", folder}, {"check-proof", proof}} {
		d.says(2, []string{"no public key", wrong}, append(append([]string{"ledger"}, command...), "--key", wrong)...)
	}
	_, other, err := ledger.NewCheckpointKey("other")
	if err == nil {
		err = os.WriteFile(wrong, []byte(other), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	d.says(2, []string{"2025-06-02", "signed"}, "ledger", "prove", "T01", "P2", "--checkpoints", folder, "--key", wrong)
	d.says(0, []string{"reference P2", "VND 100000", "2025-06-02"}, "ledger", "check-proof", proof, "--key", key)
	if err := os.WriteFile(proof, []byte(strings.Replace(out, "100000", "900000", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	d.says(1, []string{"does not hold"}, "ledger", "check-proof", proof, "--key", key)

	d.says(0, []string{"0 findings"}, "ledger", "verify", "--checkpoints", folder)
	if _, err := pgtest.Owner(t, d.pool).Exec(t.Context(), `UPDATE ledger.transactions SET kind = 'other' WHERE reference = 'P2'`); err != nil {
		t.Fatal(err)
	}
	d.says(1, []string{"leaf_differs", "P2", "leaf 1"}, "ledger", "verify", "--checkpoints", folder)
	if err := os.WriteFile(filepath.Join(folder, "2025-06-03"), []byte("exchequer ledger\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.says(1, []string{"checkpoint_differs", "2025-06-03"}, "ledger", "verify", "--checkpoints", folder)
}

// TestAClosedDayIsPublishedByItself: the running program seals what is new and publishes the checkpoint of the last closed
// day once, with all that was posted before.
func TestAClosedDayIsPublishedByItself(t *testing.T) {
	d := newDeskOf(t, "promotion_notice")
	d.payments("P1", "P2")
	g := &gateway{gatewayConfig: gatewayConfig{pool: d.pool, stateDir: d.dir}, ledger: ledger.New(d.pool, time.Now)}
	if err := os.MkdirAll(filepath.Join(d.dir, keysFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	day := time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC)
	next := func() (size int64, signed string) {
		t.Helper()
		if behind, err := g.sealNext(t.Context()); err != nil || behind {
			t.Fatal(behind, err)
		}
		raw, err := g.checkpoints().Checkpoint(day)
		if err != nil {
			return -1, ""
		}
		public, err := g.checkpoints().PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		k, err := ledger.OpenCheckpoint(raw, public)
		if err != nil {
			t.Fatal(err)
		}
		tree, _ := k.Tree("T01")
		return tree.Size, string(raw)
	}
	if size, _ := next(); size != -1 {
		t.Errorf("a checkpoint of a day that is open, of %d leaves", size)
	}
	err := pgx.BeginFunc(t.Context(), d.pool, func(tx pgx.Tx) error { return g.ledger.CloseDayTx(t.Context(), tx, "T01", day, "test") })
	if err != nil {
		t.Fatal(err)
	}
	copied := ledger.Account{Book: "tolls", Code: "cash", Currency: "USD", Normal: ledger.Debit}
	err = pgx.BeginFunc(t.Context(), d.pool, func(tx pgx.Tx) error {
		return errors.Join(g.ledger.OpenAccountsTx(t.Context(), tx, []ledger.Account{copied}),
			g.ledger.CloseDayTx(t.Context(), tx, "tolls", day.AddDate(1, 0, 0), "test"))
	})
	if err != nil {
		t.Fatal(err)
	}
	size, signed := next() // that another's book is closed for longer hides no day
	if size != 2 {
		t.Errorf("%d leaves in the checkpoint", size)
	}
	d.payments("P3")
	if size, again := next(); size != 2 || again != signed {
		t.Errorf("the checkpoint became one of %d leaves", size)
	}
	if trees, err := g.ledger.Trees(t.Context()); err != nil || trees[0].Size != 3 {
		text, _ := json.Marshal(trees)
		t.Errorf("trees %s, %v", text, err)
	}
}

// TestACheckpointIsOfAClosedDay where none is named: one of a day that goes on would be all that day ever has.
func TestACheckpointIsOfAClosedDay(t *testing.T) {
	d := newDeskOf(t, "promotion_notice")
	d.payments("P1")
	l, day := ledger.New(d.pool, time.Now), time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC)
	if err := pgx.BeginFunc(t.Context(), d.pool, func(tx pgx.Tx) error { return l.CloseDayTx(t.Context(), tx, "T01", day, "test") }); err != nil {
		t.Fatal(err)
	}
	var k publishedCheckpoint
	if d.done(&k, "ledger", "checkpoint"); k.Day != "2025-06-02" {
		t.Errorf("a checkpoint of %s", k.Day)
	}
}

// TestABusyBookKeepsNoOtherWaiting: each turn takes one step of a book and says that there is more.
func TestABusyBookKeepsNoOtherWaiting(t *testing.T) {
	d := newDeskOf(t, "promotion_notice")
	references := make([]string, ledger.SealAtOnce+1)
	for i := range references {
		references[i] = fmt.Sprint("P", i)
	}
	d.payments(references[:5_001]...)
	d.payments(references[5_001:]...)
	g := &gateway{gatewayConfig: gatewayConfig{pool: d.pool, stateDir: d.dir}, ledger: ledger.New(d.pool, time.Now)}
	for _, more := range []bool{true, false} {
		if behind, err := g.sealNext(t.Context()); err != nil || behind != more {
			t.Errorf("behind %t, want %t (%v)", behind, more, err)
		}
	}
}

// TestAmountsAreWrittenInTheirCurrency: a partner's book may have others than the đồng.
func TestAmountsAreWrittenInTheirCurrency(t *testing.T) {
	d := newDeskOf(t, "promotion_notice")
	l, day := ledger.New(d.pool, time.Now), time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC)
	err := pgx.BeginFunc(t.Context(), d.pool, func(tx pgx.Tx) error {
		return l.OpenAccountsTx(t.Context(), tx, []ledger.Account{
			{Book: "tolls", Code: "cash", Currency: "USD", Normal: ledger.Debit},
			{Book: "tolls", Code: "sales", Currency: "USD", Normal: ledger.Credit},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	results, err := l.Post(t.Context(), []ledger.Transaction{{Book: "tolls", Reference: "S1", Kind: "sale", Occurred: day, Day: day,
		Postings: []ledger.Posting{{Debit: "cash", Credit: "sales", Amount: 12_345, Currency: "USD"}}}})
	if err := errors.Join(err, ledger.FirstRefusal(results)); err != nil {
		t.Fatal(err)
	}
	d.says(0, []string{"123.45 USD"}, "ledger", "balances", "--book", "tolls")
	d.says(2, []string{"book toll is not open"}, "ledger", "balances", "--book", "toll")
	d.says(0, []string{"123.45 USD", "0.00 USD"}, "ledger", "statement", "tolls", "cash")
}

// TestACheckpointIsOpenedOnce by a server, however often it is asked for proofs; a new one is there at once.
func TestACheckpointIsOpenedOnce(t *testing.T) {
	g := &gateway{gatewayConfig: gatewayConfig{stateDir: t.TempDir()}}
	if err := os.MkdirAll(filepath.Join(g.stateDir, keysFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	c, day := g.checkpoints(), time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC)
	for days := range 3 {
		if _, err := g.checkpoints().publish(day.AddDate(0, 0, days), nil); err != nil {
			t.Fatal(err)
		}
		all, err := c.Published()
		if err != nil || len(all) != days+1 {
			t.Errorf("%d checkpoints on day %d (%v)", len(all), days+1, err)
		}
		if err := os.WriteFile(filepath.Join(c.folder, day.Format(time.DateOnly)), []byte("opened again\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := g.checkpoints().Published(); err != nil || len(all) != 2 {
		t.Errorf("%d of the checkpoints are whole (%v)", len(all), err)
	}
}
