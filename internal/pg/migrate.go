package pg

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	ledgermigrations "exchequer/ledger/migrations"
	"exchequer/migrations"
)

// migrationLock is the advisory lock under which migrations run, so that programs started together wait for each other.
const migrationLock int64 = 0x65786368 // "exch"

// roleMigration is the number of the migration that creates AppRole: the ledger's own migrations grant to it, so it goes first.
const roleMigration = 1

// Version tables, one a set. The ledger's stands in schema public too, because schema ledger is made by its first file.
const (
	versionTable       = "goose_db_version"
	ledgerVersionTable = "ledger_goose_version"
)

// Migrate brings the schema at dsn up to date: the program's role first, then the ledger's set, then the rest. It must
// log in as the owner (EXCHEQUER_MIGRATE_DATABASE_URL). Programs that start at once wait for each other, and a second
// call does nothing.
func Migrate(ctx context.Context, dsn string) error {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return fmt.Errorf("the database address cannot be read, check EXCHEQUER_MIGRATE_DATABASE_URL: %w", err)
	}
	cfg.RuntimeParams["timezone"] = "UTC"
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("the database does not answer, check EXCHEQUER_MIGRATE_DATABASE_URL and that the server runs: %w", err)
	}
	// Closing the session gives the lock back, also when this program is killed in the middle.
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return fmt.Errorf("waiting for another migration to end: %w", err)
	}
	db := stdlib.OpenDB(*cfg)
	defer db.Close()
	return applyAll(ctx, db)
}

func applyAll(ctx context.Context, db *sql.DB) error {
	own, err := newSet(db, migrations.FS, versionTable)
	if err != nil {
		return err
	}
	if _, err := own.UpTo(ctx, roleMigration); err != nil {
		return fmt.Errorf("creating role %s: %w", AppRole, err)
	}
	ledger, err := newSet(db, ledgermigrations.FS, ledgerVersionTable)
	if errors.Is(err, goose.ErrNoMigrations) {
		err = nil
	} else if err == nil {
		_, err = ledger.Up(ctx)
	}
	if err != nil {
		return fmt.Errorf("migrating the ledger: %w", err)
	}
	if _, err := own.Up(ctx); err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	return nil
}

func newSet(db *sql.DB, files fs.FS, table string) (*goose.Provider, error) {
	set, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(table), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("reading migrations of %s: %w", table, err)
	}
	return set, nil
}
