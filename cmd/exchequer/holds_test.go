package main

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
	"exchequer/ledger"
)

type fixedClock time.Time

func (c fixedClock) Now() time.Time { return time.Time(c) }

// TestHoldsEndByThemselves: the running program releases what is over in every book; one that cannot be released keeps
// none of another book waiting.
func TestHoldsEndByThemselves(t *testing.T) {
	noon := time.Date(2025, 6, 2, 5, 0, 0, 0, time.UTC)
	pool := pgtest.New(t)
	l := ledger.New(pool, func() time.Time { return noon })
	post := func(book, reference string, phase ledger.Phase, expires time.Time) {
		t.Helper()
		results, err := l.Post(t.Context(), []ledger.Transaction{{
			Book: book, Reference: reference, Kind: "test", Occurred: noon, Day: noon.Truncate(24 * time.Hour), Phase: phase, Expires: expires,
			Postings: []ledger.Posting{{Debit: "a", Credit: "b", Amount: 1, Currency: "VND"}},
		}})
		if err == nil {
			err = ledger.FirstRefusal(results)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, book := range []string{"one", "two"} {
		err := pg.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			return l.OpenAccountsTx(context.Background(), tx, []ledger.Account{
				{Book: book, Code: "a", Currency: "VND", Normal: ledger.Debit}, {Book: book, Code: "b", Currency: "VND", Normal: ledger.Credit}})
		})
		if err != nil {
			t.Fatal(err)
		}
		post(book, "OVER", ledger.Hold, noon.Add(time.Minute))
		post(book, "RUNS", ledger.Hold, noon.Add(time.Hour))
		post(book, "STAYS", ledger.Hold, time.Time{})
	}
	post("one", "OVER/expired", ledger.Post, time.Time{}) // the reference of its release is taken
	then := noon.Add(time.Minute)
	g := &gateway{gatewayConfig: gatewayConfig{pool: pool, clock: fixedClock(then)}, ledger: ledger.New(pool, func() time.Time { return then })}
	if err := g.releaseDue(t.Context()); err == nil {
		t.Error("nobody is told of a hold that cannot be released")
	}
	for book, want := range map[string]int64{"one": 3, "two": 2} {
		balances, err := l.Balances(t.Context(), ledger.Query{Book: book, Prefix: "a"})
		if err != nil || len(balances) != 1 || balances[0].DebitsPending != want {
			t.Errorf("book %s holds %+v (%v), want %d", book, balances, err, want)
		}
	}
}
