package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// exampleDay is the business day of the examples.
var exampleDay = time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC)

// example gives an Example a ledger with three accounts, and the hand of its clock.
func example(fn func(ctx context.Context, l *ledger.Ledger, pool *pgxpool.Pool, clock *time.Time) error) {
	runExample(func(pool *pgxpool.Pool) error {
		ctx, clock := context.Background(), exampleDay.Add(9*time.Hour)
		l := ledger.New(pool, func() time.Time { return clock })
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			return l.OpenAccountsTx(ctx, tx, []ledger.Account{
				{Book: "A01", Code: "assets:bank", Currency: "VND", Normal: ledger.Debit, Limits: ledger.NeverBelowZero},
				{Book: "A01", Code: "liabilities:payable", Currency: "VND", Normal: ledger.Credit},
				{Book: "A01", Code: "income:charge", Currency: "VND", Normal: ledger.Credit},
			})
		})
		if err != nil {
			return err
		}
		return fn(ctx, l, pool, &clock)
	})
}

// paid brings an amount of đồng to the bank.
func paid(reference string, amount int64) ledger.Transaction {
	return ledger.Transaction{
		Book: "A01", Reference: reference, Kind: "paid", Occurred: exampleDay.Add(8 * time.Hour), Day: exampleDay,
		Postings: []ledger.Posting{{Debit: "assets:bank", Credit: "liabilities:payable", Amount: amount, Currency: "VND"}},
	}
}

// payout takes an amount of đồng from the bank.
func payout(reference string, amount int64) ledger.Transaction {
	t := paid(reference, amount)
	t.Kind, t.Postings[0].Debit, t.Postings[0].Credit = "payout", t.Postings[0].Credit, t.Postings[0].Debit
	return t
}

// resolution captures or voids a hold in full.
func resolution(reference string, phase ledger.Phase, hold string) ledger.Transaction {
	t := paid(reference, 0)
	t.Phase, t.Of, t.Postings = phase, hold, nil
	return t
}

// show posts transactions one by one and prints what became of each.
func show(ctx context.Context, l *ledger.Ledger, txs ...ledger.Transaction) error {
	for _, t := range txs {
		results, err := l.Post(ctx, []ledger.Transaction{t})
		if err != nil {
			return err
		}
		r := results[0]
		fmt.Println(strings.TrimSpace(strings.Join([]string{t.Reference, string(r.Code), r.Field, r.Account}, " ")))
	}
	return nil
}

// Two postings are one transaction: where the second is refused, the first is not written either.
func ExampleLedger_Post_linked() {
	example(func(ctx context.Context, l *ledger.Ledger, _ *pgxpool.Pool, _ *time.Time) error {
		charged := paid("PAY-1", 100_000)
		charged.Postings = append(charged.Postings,
			ledger.Posting{Debit: "assets:bank", Credit: "income:charge", Amount: 1_100, Currency: "VND"})
		unknown := paid("PAY-2", 100_000)
		unknown.Postings = append(unknown.Postings,
			ledger.Posting{Debit: "assets:bank", Credit: "income:rent", Amount: 1_100, Currency: "VND"})
		if err := show(ctx, l, charged, unknown); err != nil {
			return err
		}
		balances, err := l.Balances(ctx, ledger.Query{Book: "A01"})
		for _, b := range balances {
			fmt.Println(b.Account, b.Net())
		}
		return err
	})
	// Output:
	// PAY-1 posted
	// PAY-2 unknown_account postings[1].credit income:rent
	// assets:bank 101100
	// income:charge 1100
	// liabilities:payable 100000
}

// A hold sets money aside until it is captured, in full or in part, or voided. What is held cannot be spent.
func ExampleLedger_Post_hold() {
	example(func(ctx context.Context, l *ledger.Ledger, _ *pgxpool.Pool, _ *time.Time) error {
		first, second := payout("HOLD-1", 60_000), payout("HOLD-2", 30_000)
		first.Phase, second.Phase = ledger.Hold, ledger.Hold
		part := payout("CAPTURE-1", 45_000)
		part.Phase, part.Of = ledger.Capture, "HOLD-1"
		err := show(ctx, l, paid("PAY-1", 100_000), first, second, payout("OUT-1", 20_000),
			part, resolution("VOID-2", ledger.Void, "HOLD-2"), resolution("CAPTURE-2", ledger.Capture, "HOLD-2"))
		if err != nil {
			return err
		}
		balances, err := l.Balances(ctx, ledger.Query{Book: "A01", Prefix: "assets:"})
		for _, b := range balances {
			fmt.Println(b.Account, b.Net(), "held", b.CreditsPending)
		}
		return err
	})
	// Output:
	// PAY-1 posted
	// HOLD-1 posted
	// HOLD-2 posted
	// OUT-1 limit postings[0].amount assets:bank
	// CAPTURE-1 posted
	// VOID-2 posted
	// CAPTURE-2 hold_resolved of
	// assets:bank 55000 held 0
}

// A hold ends by itself only where its creator gave it a time.
func ExampleLedger_ExpireHolds() {
	example(func(ctx context.Context, l *ledger.Ledger, _ *pgxpool.Pool, clock *time.Time) error {
		ends, stays := payout("HOLD-1", 60_000), payout("HOLD-2", 30_000)
		ends.Phase, stays.Phase = ledger.Hold, ledger.Hold
		ends.Expires = clock.Add(15 * time.Minute)
		if err := show(ctx, l, paid("PAY-1", 100_000), ends, stays); err != nil {
			return err
		}
		*clock = clock.Add(15 * time.Minute)
		if err := show(ctx, l, resolution("CAPTURE-1", ledger.Capture, "HOLD-1")); err != nil {
			return err
		}
		n, err := l.ExpireHolds(ctx, "A01", exampleDay, 100)
		if err != nil {
			return err
		}
		fmt.Println(n, "expired")
		return show(ctx, l, resolution("CAPTURE-2", ledger.Capture, "HOLD-2"))
	})
	// Output:
	// PAY-1 posted
	// HOLD-1 posted
	// HOLD-2 posted
	// CAPTURE-1 hold_expired of
	// 1 expired
	// CAPTURE-2 posted
}

// Nothing is ever changed: a mistake is corrected by another transaction that names it.
func ExampleLedger_Post_correction() {
	example(func(ctx context.Context, l *ledger.Ledger, _ *pgxpool.Pool, _ *time.Time) error {
		correction := payout("FIX-1", 90_000) // 100,000 had been meant to be 10,000
		correction.Kind, correction.Of = "mistyped", "PAY-1"
		lost := correction
		lost.Reference, lost.Of = "FIX-2", "PAY-2"
		return show(ctx, l, paid("PAY-1", 100_000), correction, lost)
	})
	// Output:
	// PAY-1 posted
	// FIX-1 posted
	// FIX-2 unknown_of of
}

// A reference is posted once. Sent again it gives the first result; with other content it is refused, and the field that
// differs is named.
func ExampleLedger_Post_repeated() {
	example(func(ctx context.Context, l *ledger.Ledger, _ *pgxpool.Pool, _ *time.Time) error {
		return show(ctx, l, paid("PAY-1", 100_000), paid("PAY-1", 100_000), paid("PAY-1", 100_001))
	})
	// Output:
	// PAY-1 posted
	// PAY-1 duplicate
	// PAY-1 reference_reused postings[0].amount
}

// PostTx posts in the caller's database transaction: with his own rows, or with none of them.
func ExampleLedger_PostTx() {
	example(func(ctx context.Context, l *ledger.Ledger, pool *pgxpool.Pool, _ *time.Time) error {
		for _, amount := range []int64{100_000, 0} {
			err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				// The caller's own statements stand here, in tx.
				results, err := l.PostTx(ctx, tx, []ledger.Transaction{paid(fmt.Sprint("PAY-", amount), amount)})
				if err != nil {
					return err
				}
				return ledger.FirstRefusal(results) // rolls the caller's rows back, too
			})
			refused, ok := errors.AsType[*ledger.RefusedError](err)
			switch {
			case ok:
				fmt.Println("rolled back:", refused.Result.Code)
			case err != nil:
				return err
			default:
				fmt.Println("committed")
			}
		}
		return nil
	})
	// Output:
	// committed
	// rolled back: invalid_amount
}

// A balance can be asked for at an instant, as it was known then, and through a business day.
func ExampleLedger_Balances() {
	example(func(ctx context.Context, l *ledger.Ledger, _ *pgxpool.Pool, clock *time.Time) error {
		morning := *clock
		late := paid("PAY-3", 1_000) // of Monday, and known on Tuesday
		tuesday := paid("PAY-2", 20_000)
		tuesday.Day = exampleDay.AddDate(0, 0, 1)
		if err := show(ctx, l, paid("PAY-1", 100_000)); err != nil {
			return err
		}
		*clock = clock.AddDate(0, 0, 1)
		if err := show(ctx, l, tuesday, late); err != nil {
			return err
		}
		for _, q := range []ledger.Query{{}, {At: morning}, {Through: exampleDay}, {At: morning, Through: exampleDay}} {
			q.Book, q.Prefix = "A01", "assets:"
			balances, err := l.Balances(ctx, q)
			if err != nil {
				return err
			}
			fmt.Println(balances[0].Net())
		}
		return nil
	})
	// Output:
	// PAY-1 posted
	// PAY-2 posted
	// PAY-3 posted
	// 121000
	// 100000
	// 101000
	// 100000
}

// Where the connection is lost and the server cannot be asked, the same references are sent again: what stands is a
// duplicate, what does not is posted now.
func ExampleOutcomeUnknownError() {
	example(func(ctx context.Context, l *ledger.Ledger, _ *pgxpool.Pool, _ *time.Time) error {
		batch := []ledger.Transaction{paid("PAY-1", 100_000)}
		var results []ledger.Result
		var err error
		for range 3 {
			results, err = l.Post(ctx, batch)
			if _, unknown := errors.AsType[*ledger.OutcomeUnknownError](err); !unknown {
				break
			}
		}
		if err != nil {
			return err
		}
		fmt.Println("stands:", results[0].OK())
		return nil
	})
	// Output:
	// stands: true
}

// An account's definition never changes once it is open; opening it again is nothing, with another one is refused.
func ExampleLedger_OpenAccountsTx() {
	example(func(ctx context.Context, l *ledger.Ledger, pool *pgxpool.Pool, _ *time.Time) error {
		bank := ledger.Account{Book: "A01", Code: "assets:bank", Currency: "VND", Normal: ledger.Debit, Limits: ledger.NeverBelowZero}
		unlimited := bank
		unlimited.Limits = 0
		for _, a := range []ledger.Account{bank, unlimited} {
			err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return l.OpenAccountsTx(ctx, tx, []ledger.Account{a}) })
			_, refused := errors.AsType[*ledger.AccountError](err)
			fmt.Println("refused:", refused)
		}
		return show(ctx, l, payout("OUT-1", 1))
	})
	// Output:
	// refused: false
	// refused: true
	// OUT-1 limit postings[0].amount assets:bank
}
