package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Ledger posts to and reads from one database. It keeps nothing outside it and is safe for concurrent use.
type Ledger struct {
	pool *pgxpool.Pool
	now  func() time.Time
}

// New makes a Ledger on a pool whose role may do what ledger/migrations grants. now tells the recorded time.
func New(pool *pgxpool.Pool, now func() time.Time) *Ledger {
	return &Ledger{pool: pool, now: now}
}

// attempts is how often Post repeats a database transaction that PostgreSQL gave up for the sake of another.
const attempts = 8

// Post writes transactions in a database transaction of its own: each stands or is refused by itself, and its result
// is at its index. A deadlock or serialization failure is retried whole. An error is a fault, after which nothing is
// known to be written; sending the same references again is safe.
func (l *Ledger) Post(ctx context.Context, txs []Transaction) ([]Result, error) {
	var results []Result
	var err error
	for range attempts {
		err = pgx.BeginTxFunc(ctx, l.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
			results, err = l.PostTx(ctx, tx, txs)
			return err
		})
		if !givenUp(err) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	return results, nil
}

// givenUp reports that PostgreSQL rolled the whole transaction back so that another could go on.
func givenUp(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "40001" || pg.Code == "40P01")
}

func fault(doing string, err error) error { return fmt.Errorf("ledger: %s: %w", doing, err) }
