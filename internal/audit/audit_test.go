package audit_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var (
	noon  = time.Date(2025, 6, 2, 5, 0, 0, 0, time.UTC)
	clerk = authn.Actor{ID: "clerk-1", Role: authn.Treasury, Books: []string{"EVN"}}
)

func TestAnActIsRecordedWithItsTransaction(t *testing.T) {
	pool := pgtest.New(t)
	write := func(act audit.Act, then error) error {
		return pg.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			if err := audit.WriteTx(t.Context(), tx, clerk, act, noon); err != nil {
				return err
			}
			return then
		})
	}
	if err := write(audit.Act{Action: "bill.create", Book: "EVN", Subject: "B1", Detail: map[string]string{"amount": "100000"}}, nil); err != nil {
		t.Fatal(err)
	}
	if err := write(audit.Act{Action: "bill.cancel", Book: "EVN", Subject: "B1"}, errors.New("refused after all")); err == nil {
		t.Fatal("the transaction was to fail")
	}
	if err := write(audit.Act{Action: "bill.create", Book: "HNI", Subject: "B1"}, nil); err != nil {
		t.Fatal(err)
	}
	err := pg.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		rows, err := audit.ListTx(t.Context(), tx, "EVN", "B1")
		if err != nil || len(rows) != 1 {
			t.Fatalf("rows %v, %v: want the one that committed in this book", rows, err)
		}
		r := rows[0]
		if r.Action != "bill.create" || r.Actor != "clerk-1" || r.Role != authn.Treasury || !r.At.Equal(noon) || r.Detail["amount"] != "100000" {
			t.Errorf("row %+v", r)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestNobodysActIsRefused(t *testing.T) {
	pool := pgtest.New(t)
	err := pg.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		return audit.WriteTx(t.Context(), tx, authn.Actor{}, audit.Act{Action: "bill.create"}, noon)
	})
	if problem.CodeOf(err) != problem.Unauthenticated {
		t.Errorf("error %v, want unauthenticated", err)
	}
	if err := pg.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		return audit.WriteTx(t.Context(), tx, clerk, audit.Act{Book: "EVN"}, noon)
	}); err == nil {
		t.Error("an act without a name was recorded")
	}
}

func TestTheProgramCannotChangeWhatIsRecorded(t *testing.T) {
	pool := pgtest.New(t)
	if err := pg.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		return audit.WriteTx(t.Context(), tx, clerk, audit.Act{Action: "bill.create", Book: "EVN", Subject: "B1"}, noon)
	}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"UPDATE gateway.audit SET actor = 'somebody else'",
		"DELETE FROM gateway.audit",
		"TRUNCATE gateway.audit",
		"DROP TABLE gateway.audit",
		"GRANT UPDATE ON gateway.audit TO exchequer_app",
		"SELECT id FROM gateway.audit FOR UPDATE",
	} {
		if _, err := pool.Exec(t.Context(), statement); err == nil {
			var can bool
			if err := pool.QueryRow(t.Context(), "SELECT has_table_privilege('gateway.audit', 'UPDATE')").Scan(&can); err != nil || can {
				t.Errorf("%s was allowed", statement)
			}
		}
	}
	var n int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM gateway.audit WHERE actor = 'clerk-1'").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows as written (%v), want 1", n, err)
	}
}
