// Package publication owns what is published of the law and of the catalogue, and since when.
//
// Schedules, parameters and catalogue tables are documents. A publication is a set of documents that becomes known at one
// instant; revisions count them. It guarantees that
//   - what is published compiled as a whole when it was, with its examples, and every charge had its budget lines; rules that
//     became stricter since do not take it away (Law);
//   - a document, or a version of a component, that was published is never edited or removed: a correction closes the time
//     in which the old one was known, and what was known at an instant can be asked for good (KnownAt, Versions);
//   - two versions of one component never hold on one day, as known at one instant (law_version_one_a_day), and a
//     publication never takes away days on which the law was known or known to be unknown;
//   - nothing is published on one person's word, except what the program brings to an empty database (Begin).
//
// It is not the law itself (schedules, internal/catalog), works out no amount, and decides on no request but its own.
package publication

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/pg"
)

// Law is what was known of the law and of the catalogue from an instant on, compiled. It never changes and may be used by
// many goroutines. Revision and Since are zero where it is not published (LawWith).
type Law struct {
	Revision  int64
	Since     time.Time // UTC
	Schedules *fee.Schedules
	Catalog   *catalog.Catalog
}

// Store keeps publications and drafts in PostgreSQL.
type Store struct {
	pool  *pgxpool.Pool
	clock calendar.Clock

	newest shelf // the current law
	older  shelf // and what was known before
}

// New makes a store. Law is published at the clock's instants.
func New(pool *pgxpool.Pool, clock calendar.Clock) *Store {
	return &Store{pool: pool, clock: clock, newest: newShelf(keptNewest), older: newShelf(keptOlder)}
}

// now is the clock's instant as PostgreSQL keeps it.
func (s *Store) now() time.Time { return s.clock.Now().UTC().Truncate(time.Microsecond) }

// today is the business day by which what a draft changes is past, or to come.
func (s *Store) today() calendar.Date { return calendar.DayOf(s.now()) }

// publishLock is the advisory lock under which publications follow one after another. A row to lock would have to be one
// that the program may change; publications may not be changed.
const publishLock int64 = 0x65786c61 // "exla"

// inTurn runs fn in one transaction that no other publication runs beside.
func (s *Store) inTurn(ctx context.Context, fn func(pgx.Tx) error) error {
	return pg.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, publishLock); err != nil {
			return err
		}
		return fn(tx)
	})
}
