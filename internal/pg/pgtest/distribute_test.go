package pgtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestLedgerIsDistributedByBook watches what is asked of Citus by a function of its name: each of the ledger's tables once,
// after those its foreign keys lead to, by its book, and all with the first.
func TestLedgerIsDistributedByBook(t *testing.T) {
	pool := New(t)
	db, err := pgx.Connect(t.Context(), URL(t, pool))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	// Its own checks: the column is in every key, and what a foreign key leads to was there before.
	_, err = db.Exec(t.Context(), `
		CREATE TABLE public.asked (n serial, relation regclass, distributed_by text, colocated text);
		CREATE FUNCTION public.create_distributed_table(relation regclass, distribution_column text, colocate_with text)
		RETURNS void LANGUAGE plpgsql AS $$
		BEGIN
			IF EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = relation AND c.contype IN ('p', 'u') AND NOT
			           (SELECT attnum FROM pg_attribute WHERE attrelid = relation AND attname = distribution_column) = ANY (c.conkey))
			   OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = relation AND i.indisunique AND NOT
			           (SELECT attnum FROM pg_attribute WHERE attrelid = relation AND attname = distribution_column) = ANY (i.indkey))
			THEN RAISE EXCEPTION '% has a unique key without %', relation, distribution_column; END IF;
			IF EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = relation AND c.contype = 'f'
			           AND c.confrelid NOT IN (SELECT a.relation FROM public.asked a))
			THEN RAISE EXCEPTION '% leads to a table that is not distributed', relation; END IF;
			INSERT INTO public.asked (relation, distributed_by, colocated) VALUES (relation, distribution_column, colocate_with);
		END $$`)
	if err != nil {
		t.Fatal(err)
	}
	if err := distribute(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if asked := askedFor(t, db); len(asked) != 0 {
		t.Errorf("without the extension it asked for %v", asked)
	}
	if err := distributeLedger(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	asked := askedFor(t, db)
	if len(asked) == 0 || asked[0] != "ledger.books book default" {
		t.Fatalf("it asked for %v, want the books first", asked)
	}
	for _, one := range asked[1:] {
		if !strings.HasSuffix(one, " book ledger.books") {
			t.Errorf("it asked for %s, want all by book and with the books", one)
		}
	}
	var tables int
	if err := db.QueryRow(t.Context(), `SELECT count(*) FROM pg_tables WHERE schemaname = 'ledger'`).Scan(&tables); err != nil {
		t.Fatal(err)
	}
	if slices.Sort(asked); len(slices.Compact(asked)) != tables {
		t.Errorf("it asked for %d tables of %d", len(asked), tables)
	}
}

func askedFor(t *testing.T, db *pgx.Conn) []string {
	t.Helper()
	rows, err := db.Query(t.Context(), `SELECT relation || ' ' || distributed_by || ' ' || colocated FROM public.asked ORDER BY n`)
	if err != nil {
		t.Fatal(err)
	}
	asked, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return asked
}
