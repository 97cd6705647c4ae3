package ledger_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"exchequer/ledger"
)

// model is the ledger in memory, one book, deciding by the rules alone: balances by account, results by reference.
type model struct {
	balance map[string]int64 // debits less credits
	posted  map[string]ledger.Transaction
	closed  int // the last closed day; below zero for none
}

var modelAccounts = []string{"assets:a>0", "assets:b", "l:c>0", "l:d"}

// post gives the code the ledger must give, and the day.
func (m *model) post(tx ledger.Transaction) (ledger.Code, int) {
	day := int(tx.Day.Sub(monday).Hours()) / 24
	if first, ok := m.posted[tx.Reference]; ok {
		if fmt.Sprint(first.Postings, first.Day) == fmt.Sprint(tx.Postings, tx.Day) {
			return ledger.Duplicate, -1
		}
		return ledger.ReferenceReused, -1
	}
	for _, p := range tx.Postings {
		if p.Debit == "l:none" || p.Credit == "l:none" {
			return ledger.UnknownAccount, -1
		}
	}
	after := make(map[string]int64)
	for k, v := range m.balance {
		after[k] = v
	}
	for _, p := range tx.Postings {
		after[p.Debit] += p.Amount
		after[p.Credit] -= p.Amount
	}
	if after["assets:a"] < 0 || -after["l:c"] < 0 {
		return ledger.Limit, -1
	}
	m.balance, m.posted[tx.Reference] = after, tx
	return ledger.Posted, max(day, m.closed+1)
}

// TestModel plays random batches, repetitions, refusals and closings on the ledger and on the model: results and
// balances are equal after each step, debits equal credits, and the whole still verifies.
func TestModel(t *testing.T) {
	b := start(t)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		book := fmt.Sprintf("M%d", runs)
		b.open(book, modelAccounts...)
		m := &model{balance: map[string]int64{}, posted: map[string]ledger.Transaction{}, closed: -1000}
		for range rapid.IntRange(1, 5).Draw(rt, "steps") {
			if rapid.IntRange(0, 5).Draw(rt, "closes") == 0 {
				day := rapid.IntRange(0, 3).Draw(rt, "closed day")
				b.inTx(func(tx pgx.Tx) error {
					return b.CloseDayTx(context.Background(), tx, book, monday.AddDate(0, 0, day), "tester")
				})
				m.closed = max(m.closed, day)
			}
			batch := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) ledger.Transaction { return drawTransaction(rt, book) }), 1, 8).Draw(rt, "batch")
			results := b.post(batch...)
			for i, tx := range batch {
				code, day := m.post(tx)
				r := results[i]
				if r.Code != code || code == ledger.Posted && !r.Day.Equal(monday.AddDate(0, 0, day)) {
					rt.Fatalf("%+v gave %+v, the model %s on day %d", tx, r, code, day)
				}
			}
			m.compare(rt, b, book)
		}
	})
	b.mustVerify()
}

func drawTransaction(rt *rapid.T, book string) ledger.Transaction {
	accounts := []string{"assets:a", "assets:b", "l:c", "l:d"}
	if rapid.IntRange(0, 4).Draw(rt, "names an account that is not open") == 0 {
		accounts = append(accounts, "l:none")
	}
	tx := move(fmt.Sprintf("R%d", rapid.IntRange(0, 12).Draw(rt, "reference")), "", "", 0)
	tx.Book, tx.Postings = book, nil
	tx.Day = monday.AddDate(0, 0, rapid.IntRange(0, 2).Draw(rt, "day"))
	for range rapid.IntRange(1, 3).Draw(rt, "postings") {
		pair := rapid.Permutation(accounts).Draw(rt, "accounts")
		tx.Postings = append(tx.Postings, ledger.Posting{Debit: pair[0], Credit: pair[1], Currency: "VND",
			Amount: rapid.Int64Range(1, 20).Draw(rt, "amount")})
	}
	return tx
}

func (m *model) compare(rt *rapid.T, b *bench, book string) {
	balances, err := b.Balances(context.Background(), ledger.Query{Book: book})
	if err != nil {
		rt.Fatal(err)
	}
	var debits, credits int64
	for _, x := range balances {
		debits, credits = debits+x.DebitsPosted, credits+x.CreditsPosted
		if want := m.balance[x.Account]; x.DebitsPosted-x.CreditsPosted != want {
			rt.Fatalf("%s stands at %d, the model at %d", x.Account, x.DebitsPosted-x.CreditsPosted, want)
		}
	}
	if debits != credits {
		rt.Fatalf("debits %d, credits %d", debits, credits)
	}
}
