package pg

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"

	"exchequer/internal/problem"
	ledgermigrations "exchequer/ledger/migrations"
	"exchequer/migrations"
)

// CheckVersion refuses a database whose schema is not the one this program was written for: Unavailable, with what to
// do. It changes nothing.
func CheckVersion(ctx context.Context, pool *pgxpool.Pool) error {
	for _, set := range []struct {
		table string
		files fs.FS
	}{{versionTable, migrations.FS}, {ledgerVersionTable, ledgermigrations.FS}} {
		want, err := newest(set.files)
		if err != nil {
			return err
		}
		var has int64
		err = pool.QueryRow(ctx, `SELECT coalesce(max(version_id), 0) FROM public.`+set.table+` WHERE is_applied`).Scan(&has)
		switch state := code(err); {
		case state == undefinedTable || state == insufficientPrivilege: // the step that grants reading is not made yet
			has = 0
		case err != nil:
			return fmt.Errorf("reading the schema's version: %w", err)
		}
		if has > want {
			return problem.New(problem.Unavailable, "the database's schema is newer than this program: start the newer exchequer")
		}
		if has < want {
			return problem.New(problem.Unavailable, "the database's schema is older than this program, run: exchequer migrate")
		}
	}
	return nil
}

// newest is the highest number of a set's files.
func newest(files fs.FS) (int64, error) {
	names, err := fs.Glob(files, "*.sql")
	var out int64
	for _, name := range names {
		n, err := goose.NumericComponent(name)
		if err != nil {
			return 0, fmt.Errorf("migration %s: %w", name, err)
		}
		out = max(out, n)
	}
	return out, err
}
