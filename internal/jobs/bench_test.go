package jobs_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/jobs"
	"exchequer/internal/outbox"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
)

// BenchmarkJobs asks for jobs from eight callers, each in a transaction of its own, while a runner does them through
// redis-server. "spread" gives each its own ref, "hot" one ref to all: a burst of notifications of one book.
func BenchmarkJobs(b *testing.B) {
	for _, c := range []struct {
		name string
		refs int
	}{{"spread", 1 << 30}, {"hot", 1}} {
		b.Run(c.name, func(b *testing.B) {
			pool, clock := pgtest.New(b), &storyClock{now: noon}
			handler := func(ctx context.Context, j outbox.Job) error {
				return pg.InTx(ctx, pool, func(tx pgx.Tx) error { return outbox.DoneTx(ctx, tx, j, noon) })
			}
			runner, err := jobs.New(pool, clock, map[string]jobs.Handler{"apply": handler}, jobs.Config{RedisURL: realRedis(b).url()}, nil)
			if err != nil {
				b.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- runner.Run(ctx) }()
			b.ResetTimer()
			askFromMany(b, pool, c.refs)
			asked := b.Elapsed()
			for open := 1; open > 0; time.Sleep(2 * time.Millisecond) {
				if err := pool.QueryRow(ctx, `SELECT count(*) FROM gateway.outbox WHERE state <> 'done'`).Scan(&open); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/asked.Seconds(), "asked/s")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "done/s")
			cancel()
			<-ended
		})
	}
}

func askFromMany(b *testing.B, pool *pgxpool.Pool, refs int) {
	var wg sync.WaitGroup
	const callers = 8
	for caller := range callers {
		wg.Go(func() {
			for n := caller; n < b.N; n += callers {
				err := pg.InTx(context.Background(), pool, func(tx pgx.Tx) error {
					_, err := outbox.EnqueueTx(context.Background(), tx, outbox.Job{Kind: "apply", Book: "EVN", Ref: fmt.Sprint(n % refs), Due: noon})
					return err
				})
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
