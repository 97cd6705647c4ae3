package pg_test

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"exchequer/internal/pg"
	"exchequer/ledger"
	ledgermigrations "exchequer/ledger/migrations"
)

// A ledger of the first version, closed days and an account on both sides of a transaction with it, is brought up with its
// histories chained: balances of its past, before and after a closing, are what its postings add up to.
func TestLedgerOfBeforeIsChained(t *testing.T) {
	dsn := emptyDatabase(t)
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	set, err := goose.NewProvider(goose.DialectPostgres, db, ledgermigrations.FS, goose.WithTableName("ledger_goose_version"), goose.WithDisableGlobalRegistry(true))
	if err == nil {
		_, err = set.UpTo(t.Context(), 1)
	}
	if err != nil {
		t.Fatal(err)
	}
	const posting = `INSERT INTO ledger.postings SELECT 'A01', i, %s, '2025-06-02'::date + i / 500, '2025-06-02'::timestamptz + i * interval '1 second' FROM generate_series(%s) i`
	for _, statement := range []string{
		`INSERT INTO ledger.books VALUES ('A01', '2025-01-01', '2025-06-02')`,
		`INSERT INTO ledger.accounts SELECT 'A01', c, 'VND', 'debit', 0, '2025-01-01', NULL FROM unnest(ARRAY['a', 'b', 'c', 'd']) c`,
		`INSERT INTO ledger.balances VALUES ('A01', 'a', 3000, 500, 0, 0), ('A01', 'b', 500, 2000, 0, 0), ('A01', 'c', 0, 1000, 0, 0), ('A01', 'd', 0, 0, 0, 0)`,
		`INSERT INTO ledger.transactions SELECT 'A01', nextval('ledger.transaction_id'), 'R' || i, 'k', '2025-06-02', '2025-06-02'::date + i / 500,
			'2025-06-02'::date + i / 500, '2025-06-02'::timestamptz + i * interval '1 second', '', NULL FROM generate_series(1, 1000) i`,
		fmt.Sprintf(posting, `0, 'a', 'b', 'VND', 2, 3*i-1, (i-1)/2, (i-1)/2, 2*i`, "1, 1000"),
		fmt.Sprintf(posting, `1, 'a', 'c', 'VND', 1, 3*i, (i-1)/2, 0, i`, "1, 1000"),
		fmt.Sprintf(posting, `2, 'b', 'a', 'VND', 1, i/2, 2*i, 3*i, i/2`, "2, 1000, 2"),
		`INSERT INTO ledger.periods VALUES ('A01', '2025-06-02', 500, '2025-06-02 00:08:19.5+00', 'x')`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := pg.Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	pool, err := pg.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	l := ledger.New(pool, time.Now)
	day := func(n int) time.Time { return time.Date(2025, 6, n, 0, 0, 0, 0, time.UTC) }
	for _, when := range []string{"brought up", "closed a day"} {
		if when == "closed a day" {
			if err := l.CloseDay(t.Context(), "A01", day(3), "x"); err != nil {
				t.Fatal(err)
			}
		}
		if v, err := l.Verify(t.Context(), ledger.VerifyOptions{}); err != nil || !v.OK {
			t.Fatalf("%s: %+v (%v)", when, v, err)
		}
		for _, c := range []struct {
			query ledger.Query
			want  [3]int64 // nets of a, b, c
		}{
			{ledger.Query{Through: day(2)}, [3]int64{1248, -749, -499}},
			{ledger.Query{Through: day(3)}, [3]int64{2498, -1499, -999}},
			{ledger.Query{At: day(2).Add(600 * time.Second)}, [3]int64{1500, -900, -600}},
		} {
			c.query.Book = "A01"
			got, err := l.Balances(t.Context(), c.query)
			if err != nil || len(got) != 4 || [3]int64{got[0].Net(), got[1].Net(), got[2].Net()} != c.want || got[3].Net() != 0 {
				t.Errorf("%s, %+v: %+v (%v), want %v", when, c.query, got, err, c.want)
			}
		}
	}
}
