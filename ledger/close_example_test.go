package ledger_test

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// Monday is closed. What is heard of Monday later is entered on Tuesday, with its own time of occurrence; who cannot have
// it so fixes the day and is refused. Monday's balance stays what it was.
func ExampleLedger_CloseDay() {
	ctx := context.Background()
	runExample(func(pool *pgxpool.Pool) error {
		monday := time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC)
		now := func() time.Time { return monday.Add(30 * time.Hour) }
		l := ledger.New(pool, now)
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			return l.OpenAccountsTx(ctx, tx, []ledger.Account{
				{Book: "A01", Code: "assets:bank", Currency: "VND", Normal: ledger.Debit},
				{Book: "A01", Code: "income:fees", Currency: "VND", Normal: ledger.Credit},
			})
		})
		if err != nil {
			return err
		}
		paid := func(reference string, amount int64) ledger.Transaction {
			return ledger.Transaction{
				Book: "A01", Reference: reference, Kind: "paid", Occurred: monday.Add(3 * time.Hour), Day: monday,
				Postings: []ledger.Posting{{Debit: "assets:bank", Credit: "income:fees", Amount: amount, Currency: "VND"}},
			}
		}
		if _, err := l.Post(ctx, []ledger.Transaction{paid("PAY-1", 100_000)}); err != nil {
			return err
		}
		if err := l.CloseDay(ctx, "A01", monday, "accountant"); err != nil {
			return err
		}
		fixed := paid("PAY-3", 30_000)
		fixed.FixedDay = true
		results, err := l.Post(ctx, []ledger.Transaction{paid("PAY-2", 20_000), fixed})
		if err != nil {
			return err
		}
		fmt.Println(results[0].Code, results[0].Day.Format(time.DateOnly))
		fmt.Println(results[1].Code, results[1].Field)

		s, err := l.Statement(ctx, ledger.StatementQuery{Book: "A01", Account: "assets:bank", From: monday})
		if err != nil {
			return err
		}
		for _, e := range s.Entries {
			fmt.Println(e.Day.Format(time.DateOnly), e.Reference, e.Debit, e.Balance)
		}
		closed, err := l.BalanceAtDay(ctx, ledger.AtDay{Book: "A01", Account: "assets:bank", Day: monday})
		fmt.Println("Monday:", closed.Net())
		return err
	})
	// Output:
	// posted 2025-06-03
	// period_closed day
	// 2025-06-02 PAY-1 100000 100000
	// 2025-06-03 PAY-2 20000 120000
	// Monday: 100000
}
