package ledger

import (
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Ledger posts to and reads from one database. It keeps nothing outside it but what waits to be
// posted, and is safe for concurrent use.
type Ledger struct {
	pool  *pgxpool.Pool
	now   func() time.Time
	queue *committer
}

// New makes a Ledger on a pool whose role may do what ledger/migrations grants. now tells the recorded time.
func New(pool *pgxpool.Pool, now func() time.Time) *Ledger {
	return &Ledger{pool: pool, now: now, queue: newCommitter()}
}

func fault(doing string, err error) error { return fmt.Errorf("ledger: %s: %w", doing, err) }
