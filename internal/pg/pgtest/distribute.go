package pgtest

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// distribute spreads the ledger's tables by book where the database has the extension citus, and does nothing elsewhere.
// A table comes after those its foreign keys lead to, and all stand with the first one, so that a book is on one server.
func distribute(ctx context.Context, db *pgx.Conn) error {
	var there bool
	if err := db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')`).Scan(&there); err != nil || !there {
		return err
	}
	return distributeLedger(ctx, db)
}

func distributeLedger(ctx context.Context, db *pgx.Conn) error {
	rows, err := db.Query(ctx, sqlLedgerTables)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	with := "default"
	for _, table := range tables {
		if _, err := db.Exec(ctx, `SELECT create_distributed_table($1::regclass, 'book', colocate_with => $2)`, table, with); err != nil {
			return fmt.Errorf("pgtest: distributing %s by book: %w", table, err)
		}
		if with == "default" {
			with = table
		}
	}
	return nil
}

// sqlLedgerTables gives the tables by how many foreign keys lie between them and one that has none.
const sqlLedgerTables = `
WITH RECURSIVE tables AS (
    SELECT oid FROM pg_class WHERE relnamespace = 'ledger'::regnamespace AND relkind = 'r'
), far AS (
    SELECT oid, 0 AS keys FROM tables
    UNION
    SELECT c.conrelid, f.keys + 1
    FROM far f JOIN pg_constraint c ON c.confrelid = f.oid AND c.contype = 'f' AND c.conrelid <> c.confrelid
)
SELECT 'ledger.' || quote_ident(relname) FROM far JOIN pg_class USING (oid)
GROUP BY relname ORDER BY max(keys), relname = 'books' DESC, relname`
