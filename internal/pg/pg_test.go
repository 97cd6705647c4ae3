package pg_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestConnectionsActAsTheProgramInUTC(t *testing.T) {
	pool := pgtest.New(t)
	for _, statement := range []string{"SELECT 1", "RESET ROLE", "RESET ALL", "DISCARD ALL"} {
		conn, err := pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
		var user, zone string
		if err := conn.QueryRow(t.Context(), "SELECT current_user, current_setting('timezone')", pgx.QueryExecModeSimpleProtocol).Scan(&user, &zone); err != nil {
			t.Fatal(err)
		}
		conn.Release()
		if user != pg.AppRole || zone != "UTC" {
			t.Errorf("after %s: user %s, zone %s; want %s, UTC", statement, user, zone, pg.AppRole)
		}
	}
}

func TestProgramOwnsNothing(t *testing.T) {
	pool := pgtest.New(t)
	if _, err := pool.Exec(t.Context(), "CREATE TABLE mine (id int)"); err == nil {
		t.Fatal("the program's role may create tables: it would own them, and could change what is append-only")
	}
	if _, err := pgtest.Owner(t, pool).Exec(t.Context(), "CREATE TABLE mine (id int)"); err != nil {
		t.Fatalf("the owner may not create tables: %v", err)
	}
}

func TestAddressMayNotChooseTheRole(t *testing.T) {
	pool, err := pg.Open(t.Context(), pgtest.URL(t, pgtest.New(t))+"&role=postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var user string
	if err := pool.QueryRow(t.Context(), "SELECT current_user").Scan(&user); err != nil || user != pg.AppRole {
		t.Errorf("acts as %s, %v", user, err)
	}
}

func TestUnreachableServerNamesTheSetting(t *testing.T) {
	for _, dsn := range []string{"postgres://nobody@127.0.0.1:1/none", "::not an address"} {
		if _, err := pg.Open(t.Context(), dsn); err == nil || !strings.Contains(err.Error(), "EXCHEQUER_DATABASE_URL") {
			t.Errorf("%s: error %v must name the setting to check", dsn, err)
		}
		if err := pg.Migrate(t.Context(), dsn); err == nil || !strings.Contains(err.Error(), "EXCHEQUER_MIGRATE_DATABASE_URL") {
			t.Errorf("%s: error %v must name the setting to check", dsn, err)
		}
	}
}

func TestInTx(t *testing.T) {
	pool := pgtest.New(t)
	if _, err := pgtest.Owner(t, pool).Exec(t.Context(), "CREATE TABLE item (id int CONSTRAINT item_pkey PRIMARY KEY); GRANT SELECT, INSERT ON item TO exchequer_app"); err != nil {
		t.Fatal(err)
	}
	insert := func(id int, then error) error {
		return pg.InTx(t.Context(), pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "INSERT INTO item (id) VALUES ($1)", id); err != nil {
				return err
			}
			return then
		})
	}
	refused := errors.New("refused")
	if err := insert(1, nil); err != nil {
		t.Fatal(err)
	}
	if err := insert(2, refused); !errors.Is(err, refused) {
		t.Errorf("error of the work is lost: %v", err)
	}
	err := insert(1, nil)
	if !pg.IsUnique(err, "item_pkey") || pg.IsUnique(err, "other_key") || pg.IsSerialization(err) {
		t.Errorf("a repeated key is not told apart: %v", err)
	}
	var n int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM item").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v; only the committed one may be there", n, err)
	}
}

func TestIsSerialization(t *testing.T) {
	pool := pgtest.New(t)
	for _, state := range []string{"40001", "40P01"} {
		_, err := pool.Exec(t.Context(), "DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '"+state+"'; END $$")
		if !pg.IsSerialization(err) {
			t.Errorf("SQLSTATE %s is not seen: %v", state, err)
		}
	}
	if pg.IsSerialization(errors.New("lost")) || pg.IsSerialization(nil) {
		t.Error("an error without SQLSTATE is no serialization failure")
	}
}

func TestProgramsStartedAtOnceMigrateOnce(t *testing.T) {
	dsn := emptyDatabase(t)
	var starters sync.WaitGroup
	for range 3 {
		starters.Go(func() {
			if err := pg.Migrate(context.Background(), dsn); err != nil {
				t.Error(err)
			}
		})
	}
	starters.Wait()
	pool, err := pg.Open(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var tables int
	if err := pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'ledger'").Scan(&tables); err != nil || tables == 0 {
		t.Errorf("%d tables of the ledger, %v", tables, err)
	}
}

func TestASchemaOfAnotherVersionIsRefused(t *testing.T) {
	pool := pgtest.New(t)
	if err := pg.CheckVersion(t.Context(), pool); err != nil {
		t.Fatalf("the schema that was just made: %v", err)
	}
	owner := pgtest.Owner(t, pool)
	for _, c := range []struct{ change, want string }{
		{"INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)", "newer"},
		{"DELETE FROM goose_db_version WHERE version_id > 5", "exchequer migrate"},
		{"REVOKE SELECT ON goose_db_version FROM exchequer_app", "exchequer migrate"},
		{"DROP TABLE ledger_goose_version, goose_db_version", "exchequer migrate"},
	} {
		if _, err := owner.Exec(t.Context(), c.change); err != nil {
			t.Fatal(err)
		}
		if err := pg.CheckVersion(t.Context(), pool); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("after %s: %v, must say %q", c.change, err, c.want)
		}
	}
}
