package ledger_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/pg/pgtest"
	"exchequer/ledger"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var (
	noon   = time.Date(2025, 6, 2, 5, 0, 0, 0, time.UTC)
	monday = time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC)
)

// bench is a ledger on a database of its own, with a clock that moves a second at every look.
type bench struct {
	*ledger.Ledger
	t     testing.TB
	pool  *pgxpool.Pool
	clock chan time.Time // what the next look at the clock gives
}

func start(t testing.TB) *bench {
	t.Helper()
	pool := pgtest.New(t)
	b := &bench{t: t, pool: pool, clock: make(chan time.Time, 1)}
	b.clock <- noon
	b.Ledger = ledger.New(pool, b.now)
	return b
}

func (b *bench) now() time.Time {
	at := <-b.clock
	b.clock <- at.Add(time.Second)
	return at
}

// pass lets time go by.
func (b *bench) pass(d time.Duration) { b.clock <- (<-b.clock).Add(d) }

// inTx commits what fn did.
func (b *bench) inTx(fn func(tx pgx.Tx) error) {
	b.t.Helper()
	if err := pgx.BeginFunc(context.Background(), b.pool, fn); err != nil {
		b.t.Fatal(err)
	}
}

// open opens accounts written as "code" (may go below zero) or "code>0" (may not); assets and expenses grow on debit.
func (b *bench) open(book string, accounts ...string) {
	b.t.Helper()
	var all []ledger.Account
	for _, spec := range accounts {
		all = append(all, definition(book, spec))
	}
	b.inTx(func(tx pgx.Tx) error { return b.OpenAccountsTx(context.Background(), tx, all) })
}

func definition(book, spec string) ledger.Account {
	code, limited := strings.CutSuffix(spec, ">0")
	a := ledger.Account{Book: book, Code: code, Currency: "VND", Normal: ledger.Credit}
	if strings.HasPrefix(code, "assets") || strings.HasPrefix(code, "expenses") {
		a.Normal = ledger.Debit
	}
	if limited {
		a.Limits = ledger.NeverBelowZero
	}
	return a
}

func (b *bench) post(txs ...ledger.Transaction) []ledger.Result {
	b.t.Helper()
	results, err := b.Post(context.Background(), txs)
	if err != nil {
		b.t.Fatal(err)
	}
	return results
}

// mustPost posts what the test takes for granted.
func (b *bench) mustPost(txs ...ledger.Transaction) []ledger.Result {
	b.t.Helper()
	results := b.post(txs...)
	if err := ledger.FirstRefusal(results); err != nil {
		b.t.Fatal(err)
	}
	return results
}

// balances gives "account net" lines of a book.
func (b *bench) balances(q ledger.Query) string {
	b.t.Helper()
	list, err := b.Balances(context.Background(), q)
	if err != nil {
		b.t.Fatal(err)
	}
	var lines []string
	for _, x := range list {
		lines = append(lines, fmt.Sprintf("%s %d", x.Account, x.Net()))
	}
	return strings.Join(lines, "; ")
}

// move is a transaction of one posting in book A01 on Monday.
func move(reference, debit, credit string, amount int64) ledger.Transaction {
	return ledger.Transaction{
		Book: "A01", Reference: reference, Kind: "test", Occurred: noon, Day: monday,
		Postings: []ledger.Posting{{Debit: debit, Credit: credit, Amount: amount, Currency: "VND"}},
	}
}
