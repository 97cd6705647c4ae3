// Command outside is a program of somebody else's that keeps its books in the ledger.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
	"exchequer/ledger/migrations"
)

func main() {
	if err := run(context.Background(), os.Getenv("DATABASE_URL")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dsn string) error {
	files, err := migrations.FS.ReadDir(".") // to be brought up by any tool that reads goose's files
	if err != nil {
		return err
	}
	fmt.Println(len(files), "migrations")
	pool, err := pgxpool.New(ctx, dsn)
	if err != nil {
		return err
	}
	defer pool.Close()
	l := ledger.New(pool, time.Now)
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		return l.OpenAccountsTx(ctx, tx, []ledger.Account{
			{Book: "shop", Code: "assets:till", Currency: "EUR", Normal: ledger.Debit, Limits: ledger.NeverBelowZero},
			{Book: "shop", Code: "income:sales", Currency: "EUR", Normal: ledger.Credit},
		})
	})
	if err != nil {
		return err
	}
	now := time.Now()
	results, err := l.Post(ctx, []ledger.Transaction{{
		Book: "shop", Reference: "SALE-1", Kind: "sale", Occurred: now, Day: now.UTC().Truncate(24 * time.Hour),
		Phase: ledger.Hold, Expires: now.Add(time.Hour),
		Postings: []ledger.Posting{{Debit: "assets:till", Credit: "income:sales", Amount: 250, Currency: "EUR"}},
	}})
	if unknown, ok := errors.AsType[*ledger.OutcomeUnknownError](err); ok {
		return fmt.Errorf("book %s: %w", unknown.Book, err)
	}
	if err != nil {
		return err
	}
	if err := ledger.FirstRefusal(results); err != nil {
		return err
	}
	report, err := l.Verify(ctx, ledger.VerifyOptions{})
	fmt.Println(report.OK)
	return err
}
