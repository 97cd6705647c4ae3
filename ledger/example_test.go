package ledger_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/pg/pgtest"
	"exchequer/ledger"
)

// A fee of 100,000 đồng is confirmed, sent twice by mistake, and then more is paid out than is there.
func ExampleLedger_Post() {
	ctx := context.Background()
	runExample(func(pool *pgxpool.Pool) error {
		now := func() time.Time { return time.Date(2025, 6, 2, 3, 0, 0, 0, time.UTC) }
		l := ledger.New(pool, now)

		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			return l.OpenAccountsTx(ctx, tx, []ledger.Account{
				{Book: "A01", Code: "assets:bank:1", Currency: "VND", Normal: ledger.Debit, Limits: ledger.NeverBelowZero},
				{Book: "A01", Code: "liabilities:payable", Currency: "VND", Normal: ledger.Credit, Limits: ledger.NeverBelowZero},
			})
		})
		if err != nil {
			return err
		}

		paid := ledger.Transaction{
			Book: "A01", Reference: "PAY-1", Kind: "paid", Occurred: now(), Day: time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC),
			Postings: []ledger.Posting{{Debit: "assets:bank:1", Credit: "liabilities:payable", Amount: 100_000, Currency: "VND"}},
		}
		payout := paid
		payout.Reference, payout.Kind = "OUT-1", "payout"
		payout.Postings = []ledger.Posting{{Debit: "liabilities:payable", Credit: "assets:bank:1", Amount: 150_000, Currency: "VND"}}

		results, err := l.Post(ctx, []ledger.Transaction{paid, paid, payout})
		if err != nil {
			return err
		}
		for _, r := range results {
			fmt.Printf("%s %q\n", r.Code, r.Account)
		}
		balances, err := l.Balances(ctx, ledger.Query{Book: "A01", Prefix: "assets:"})
		if err != nil {
			return err
		}
		for _, b := range balances {
			fmt.Println(b.Account, b.Net(), b.Currency)
		}
		return nil
	})
	// Output:
	// posted ""
	// duplicate ""
	// limit "liabilities:payable"
	// assets:bank:1 100000 VND
}

// exampleTB lets an Example use a test database; an Example is given no testing.TB of its own.
type exampleTB struct {
	testing.TB
	cleanups []func()
}

func (*exampleTB) Helper()                           {}
func (tb *exampleTB) Cleanup(fn func())              { tb.cleanups = append(tb.cleanups, fn) }
func (*exampleTB) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (*exampleTB) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }
func (*exampleTB) Skip(args ...any) {
	panic(fmt.Sprint("an Example cannot be skipped: ", fmt.Sprint(args...)))
}
func (*exampleTB) Errorf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// runExample gives fn a database that is gone afterwards.
func runExample(fn func(pool *pgxpool.Pool) error) {
	tb := &exampleTB{}
	defer func() {
		for i := len(tb.cleanups) - 1; i >= 0; i-- {
			tb.cleanups[i]()
		}
	}()
	if err := fn(pgtest.New(tb)); err != nil {
		fmt.Println(err)
	}
}
