package expectation_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/calendar"
	"exchequer/internal/expectation"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var (
	noon   = time.Date(2025, 6, 2, 5, 0, 0, 0, time.UTC)
	monday = calendar.MustDate("2025-06-02")
)

func awaited(ref string) expectation.Expectation {
	return expectation.Expectation{Book: "HNI", Kind: expectation.Settlement, Ref: ref, Partner: "vnpay", Amount: 1_000, Day: monday, DueDay: monday.AddDays(1)}
}

func inTx(t *testing.T, pool *pgxpool.Pool, fn func(pgx.Tx) error) {
	t.Helper()
	if err := pg.InTx(t.Context(), pool, fn); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, pool *pgxpool.Pool, list ...expectation.Expectation) {
	t.Helper()
	inTx(t, pool, func(tx pgx.Tx) error { return expectation.WriteTx(t.Context(), tx, noon, list) })
}

func TestOneThatIsThereIsLeftAsItIs(t *testing.T) {
	pool := pgtest.New(t)
	open, again, undated := awaited("a"), awaited("a"), awaited("b")
	again.Amount = 5
	undated.DueDay = calendar.Date{} // the calendar did not say
	write(t, pool, open, undated)
	write(t, pool, again)
	open.State, undated.State = expectation.Open, expectation.Open
	got, err := expectation.List(t.Context(), pool, "HNI", expectation.Settlement, "vnpay", monday)
	if err != nil || len(got) != 2 || got[0] != open || got[1] != undated {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err = expectation.List(t.Context(), pool, "HNI", expectation.Settlement, "vnpay", monday.AddDays(-1)); err != nil || len(got) != 0 {
		t.Errorf("before its day: %+v, %v", got, err)
	}
}

func TestHowItWasMetIsKept(t *testing.T) {
	pool := pgtest.New(t)
	write(t, pool, awaited("a"), awaited("b"))
	for _, step := range []struct {
		met   int64
		state expectation.State
	}{{400, expectation.PartMet}, {1_000, expectation.Met}, {1_000, expectation.Met}} {
		inTx(t, pool, func(tx pgx.Tx) error {
			list, err := expectation.LockTx(t.Context(), tx, "HNI", expectation.Settlement, []string{"b", "a", "none"})
			if err != nil || len(list) != 2 || list[0].Ref != "a" {
				t.Fatalf("locked %+v, %v", list, err)
			}
			e := list[0]
			e.State, e.Batch, e.Announced, e.Fee, e.Met, e.MetBy, e.MetDay = step.state, "B1", 1_000, 10, step.met, "line", monday
			return expectation.UpdateTx(t.Context(), tx, noon, []expectation.Expectation{e})
		})
	}
	inTx(t, pool, func(tx pgx.Tx) error {
		list, err := expectation.BatchTx(t.Context(), tx, "HNI", "B1")
		if err != nil || len(list) != 1 || list[0].State != expectation.Met || list[0].Met != 1_000 || list[0].MetDay != monday {
			t.Errorf("of the batch: %+v, %v", list, err)
		}
		return err
	})
	var steps int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM gateway.expectation_met WHERE ref = 'a'`).Scan(&steps); err != nil || steps != 2 {
		t.Errorf("%d steps are kept, %v", steps, err)
	}
}

func TestItNeverTakesMoreThanItWaitsFor(t *testing.T) {
	pool := pgtest.New(t)
	write(t, pool, awaited("a"))
	e := awaited("a")
	e.State, e.Met, e.MetDay = expectation.Met, 1_001, monday
	err := pg.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		return expectation.UpdateTx(t.Context(), tx, noon, []expectation.Expectation{e})
	})
	if err == nil {
		t.Error("1001 was taken for 1000")
	}
}
