package pg_test

import (
	"context"
	"database/sql"
	"io/fs"
	"net/url"
	"strconv"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
	ledgermigrations "exchequer/ledger/migrations"
	"exchequer/migrations"
)

// upTo brings an empty database to the step before a migration, with the versions kept where pg.Migrate keeps them.
func upTo(t *testing.T, dsn, file string) *sql.DB {
	t.Helper()
	step, err := goose.NumericComponent(file)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	for _, s := range []struct {
		files fs.FS
		table string
		step  int64
	}{{migrations.FS, "goose_db_version", 1}, {ledgermigrations.FS, "ledger_goose_version", 1 << 30}, {migrations.FS, "goose_db_version", step - 1}} {
		set, err := goose.NewProvider(goose.DialectPostgres, db, s.files, goose.WithTableName(s.table), goose.WithDisableGlobalRegistry(true))
		if err == nil {
			_, err = set.UpTo(t.Context(), s.step)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// emptyDatabase makes a database without any migration, gone when the test ends, and gives its address.
func emptyDatabase(t *testing.T) string {
	t.Helper()
	owner := pgtest.Owner(t, pgtest.New(t))
	cfg := owner.Config().ConnConfig
	name := "empty_" + cfg.Database
	if _, err := owner.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := owner.Exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return "postgres://" + cfg.User + ":" + url.QueryEscape(cfg.Password) + "@/" + name + "?host=" + url.QueryEscape(cfg.Host) + "&port=" + strconv.Itoa(int(cfg.Port))
}

// A payment was one item of a payout to a body; it becomes one a budget line, held or free as before.
func TestPayoutItemsOfBeforeAreSharedOutToLines(t *testing.T) {
	dsn := emptyDatabase(t)
	db := upTo(t, dsn, "0013_alter_payout_item.sql")
	for _, statement := range []string{
		`INSERT INTO gateway.payment (book, attempt, captured, provider, paid_at, recorded_at) VALUES ('AAA', 'P', 150, 'p', 'epoch', 'epoch')`,
		`INSERT INTO gateway.payment_line (book, attempt, no, bill, body, budget, amount)
			VALUES ('AAA', 'P', 1, 'b', 'ONE', 'X', 70), ('AAA', 'P', 2, 'b', 'TWO', 'Y', 50), ('AAA', 'P', 3, 'b', 'ONE', 'Z', 30)`,
		`INSERT INTO gateway.payout (book, ref, body, account_from, account_to, amount, day, state, approval, requested_by, requested_at, rejected_by, rejected_at)
			VALUES ('AAA', 'FREE', 'ONE', '9', '1', 100, '2025-06-02', 'rejected', 1, 'an', 'epoch', 'an', 'epoch'),
			       ('AAA', 'HELD', 'ONE', '9', '1', 100, '2025-06-02', 'proposed', 2, 'an', 'epoch', NULL, NULL)`,
		`INSERT INTO gateway.payout_item (book, payout, attempt, body, amount, held)
			VALUES ('AAA', 'FREE', 'P', 'ONE', 100, false), ('AAA', 'HELD', 'P', 'ONE', 100, true)`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := pg.Migrate(t.Context(), dsn); err != nil {
		t.Fatal(err)
	}
	var got string
	err := db.QueryRowContext(t.Context(), `SELECT string_agg(concat_ws(' ', payout, line, amount, held), ', ' ORDER BY payout, line) FROM gateway.payout_item`).Scan(&got)
	if want := "FREE 1 70 f, FREE 3 30 f, HELD 1 70 t, HELD 3 30 t"; err != nil || got != want {
		t.Errorf("items: %s, %v; want %s", got, err, want)
	}
	_, err = db.ExecContext(t.Context(), `INSERT INTO gateway.payout_item (book, payout, attempt, line, amount) VALUES ('AAA', 'FREE', 'P', 3, 30)`)
	if !pg.IsUnique(err, "payout_item_pk") {
		t.Errorf("the same line again in its payout: %v", err)
	}
	_, err = db.ExecContext(t.Context(), `UPDATE gateway.payout_item SET held = true WHERE payout = 'FREE'`)
	if !pg.IsUnique(err, "payout_item_once") {
		t.Errorf("a line held by two payouts: %v", err)
	}
}
