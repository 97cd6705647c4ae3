package reconciliation_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/calendar"
	"exchequer/internal/expectation"
	"exchequer/ledger"
)

// TestRandomDaysConserve plays days on which payments are missing, short, over, doubled and unknown, credits differ, and
// strangers pay in; after each statement, what a provider still owes by the ledger is what is waited for item by item,
// and the ledger's bank balance is the statement's closing.
func TestRandomDaysConserve(t *testing.T) {
	w := newWorld(t)
	draw := rand.New(rand.NewPCG(20250603, 7))
	chance := func(n int) bool { return draw.IntN(n) == 0 }
	balance, made := int64(0), 0
	books := []struct{ book, terminal string }{{"EHN", "GROSS001"}, {"BCA", "NETTO001"}, {"HNI", "NETTO001"}}
	for d := range 5 {
		on := tuesday.AddDate(0, 0, d)
		w.now = on.Add(20 * time.Hour)
		var file []payment
		for range 12 {
			made++
			b, amount := books[draw.IntN(3)], draw.Int64N(900_000)+1_001
			p := payment{b.terminal, fmt.Sprint("P", made), amount, 0}
			if b.terminal == "NETTO001" {
				p.fee = amount / 90
			}
			if !chance(10) {
				w.paid(b.book, p.ref, amount)
			}
			switch {
			case chance(8):
				continue
			case chance(8):
				p.amount -= 1_000
				p.fee = min(p.fee, p.amount)
			case chance(8):
				p.amount += 1_000
			}
			file = append(file, p)
			if chance(10) {
				file = append(file, p)
			}
		}
		w.settle(on, file...)
		var entries []entry
		for _, terminal := range []string{"GROSS001", "NETTO001"} {
			e := entry{remittance: batchOf(on, terminal)}
			for _, p := range file {
				if p.terminal == terminal {
					e.amount += p.amount - p.fee
				}
			}
			if chance(5) {
				e.amount--
			}
			if e.amount > 0 {
				entries = append(entries, e)
			}
			if chance(3) {
				entries = append(entries, entry{amount: draw.Int64N(1_000) + 1}, entry{amount: -1, endToEnd: "NOBODY"})
			}
		}
		w.bank(on, balance, entries...)
		for _, e := range entries {
			balance += e.amount
		}
		w.wantClearing()
		w.wantBankWithOpenItems(balance)
	}
	w.wantBalances(nil)
}

// wantClearing: each book's clearing account is what its payments still wait for.
func (w *world) wantClearing() {
	w.Helper()
	for _, book := range []string{"EHN", "BCA", "HNI"} {
		var owed int64
		w.inTx(func(tx pgx.Tx) error {
			list, err := expectation.List(context.Background(), tx, book, expectation.Settlement, "vnpay", calendar.MustDate("2099-01-01"))
			for _, e := range list {
				owed += e.Amount - e.Met
			}
			return err
		})
		balances, err := w.ledger.Balances(context.Background(), ledger.Query{Book: book, Prefix: "assets:clearing:vnpay"})
		if err != nil || len(balances) > 1 {
			w.Fatal(balances, err)
		}
		var stands int64
		for _, b := range balances {
			stands = b.Net()
		}
		if stands != owed {
			w.Errorf("clearing of %s stands at %d, its items at %d", book, stands, owed)
		}
	}
}

// wantBankWithOpenItems compares all books' bank balances with the bank's own and the debits that are not booked.
func (w *world) wantBankWithOpenItems(closing int64) {
	w.Helper()
	var open, stands int64
	err := w.pool.QueryRow(context.Background(), `SELECT coalesce(sum(amount), 0)::bigint FROM gateway.bank_statement_line WHERE NOT in_ledger`).Scan(&open)
	if err != nil {
		w.Fatal(err)
	}
	balances, err := w.ledger.Balances(context.Background(), ledger.Query{Prefix: "assets:bank:"})
	if err != nil {
		w.Fatal(err)
	}
	for _, b := range balances {
		stands += b.Net()
	}
	if stands != closing+open {
		w.Errorf("the ledger's bank balance is %d, the bank's %d and open debits %d", stands, closing, open)
	}
}
