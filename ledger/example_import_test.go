package ledger_test

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// A book is written as CSV and read into another database: both have one digest.
func ExampleLedger_Import() {
	ctx := context.Background()
	now := func() time.Time { return time.Date(2025, 6, 2, 3, 0, 0, 0, time.UTC) }
	runExample(func(pool *pgxpool.Pool) error {
		from := ledger.New(pool, now)
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			return from.OpenAccountsTx(ctx, tx, []ledger.Account{
				{Book: "A01", Code: "assets:bank:1", Currency: "VND", Normal: ledger.Debit},
				{Book: "A01", Code: "liabilities:payable", Currency: "VND", Normal: ledger.Credit},
			})
		})
		if err != nil {
			return err
		}
		_, err = from.Post(ctx, []ledger.Transaction{{
			Book: "A01", Reference: "PAY-1", Kind: "paid", Occurred: now(), Day: time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC),
			Postings: []ledger.Posting{{Debit: "assets:bank:1", Credit: "liabilities:payable", Amount: 100_000, Currency: "VND"}},
		}})
		if err != nil {
			return err
		}
		var file bytes.Buffer
		if err := from.Export(ctx, &file, ledger.ExportOptions{Format: ledger.CSV, Book: "A01"}); err != nil {
			return err
		}
		digest, err := from.Digest(ctx, "A01")
		if err != nil {
			return err
		}
		runExample(func(pool *pgxpool.Pool) error {
			books, err := ledger.New(pool, now).Import(ctx, &file)
			if err != nil {
				return err
			}
			for _, b := range books {
				fmt.Println(b.Book, b.Transactions, b.Digest == digest)
			}
			return nil
		})
		return nil
	})
	// Output:
	// A01 1 true
}
