package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// warmUp is the part of a round's length that is run before it and not counted: connections and plans are made then.
const warmUp = 10

// round has one way write once, on a new database, and verifies the book.
func (o LedgerOptions) round(ctx context.Context, s *server, name string, w way, p *progress) (LedgerRun, error) {
	p.tell(name, 0)
	pool, err := s.open(ctx, w.connections)
	if err != nil {
		return LedgerRun{}, err
	}
	defer pool.Close()
	database := databaseURL(s.url, s.fresh, 0)
	on, err := w.open(ctx, database, pool, o.Wall)
	if err != nil {
		return LedgerRun{}, err
	}
	run, err := o.measure(ctx, s, w.load, on, pool, func(took time.Duration) { p.tell(name, took) })
	if on.close != nil {
		err = errors.Join(err, on.close())
	}
	if err != nil {
		return LedgerRun{}, err
	}
	// The statistics are those of an empty book, and plans made for one take hours on a full one.
	if err := s.asOwner(ctx, database, "ANALYZE"); err != nil {
		return LedgerRun{}, err
	}
	run.Name = name
	run.PerCommit, err = s.checkBook(ctx, pool, name, run.Postings, o.Wall)
	p.finished(name)
	return run, err
}

// measure calls a way for the length of a round.
func (o LedgerOptions) measure(ctx context.Context, s *server, l load, on *poster, pool *pgxpool.Pool, tick func(time.Duration)) (LedgerRun, error) {
	if _, err := l.run(ctx, o, 1, o.Round/warmUp, on.post, func(time.Duration) {}); err != nil {
		return LedgerRun{}, err
	}
	runtime.GC() // what the round before left behind is not this one's to clear
	before, err := readSpent(ctx, pool, s, on)
	if err != nil {
		return LedgerRun{}, err
	}
	m, err := l.run(ctx, o, 2, o.Round, on.post, tick)
	if err != nil {
		return LedgerRun{}, err
	}
	after, err := readSpent(ctx, pool, s, on)
	if err != nil {
		return LedgerRun{}, err
	}
	n := float64(m.postings)
	each := func(before, after int64) float64 { return float64(after-before) / n }
	return LedgerRun{
		PerSecond: n / m.took.Seconds(), Seconds: m.took.Seconds(), Postings: m.postings,
		P50: milliseconds(m.times.quantile(50)), P99: milliseconds(m.times.quantile(99)),
		WALBytes: each(before.wal, after.wal), TableBytes: each(before.tables, after.tables),
		CPU: each(before.cpu, after.cpu), ServerCPU: each(before.serverCPU, after.serverCPU), APICPU: each(before.apiCPU, after.apiCPU),
	}, nil
}

// spent is what has been written and taken so far, in bytes and microseconds.
type spent struct{ wal, tables, cpu, serverCPU, apiCPU int64 }

func readSpent(ctx context.Context, pool *pgxpool.Pool, s *server, on *poster) (n spent, err error) {
	n.cpu, n.serverCPU, n.apiCPU = usage().cpu/int64(time.Microsecond), s.cpu(), processCPU(on.process)
	return n, pool.QueryRow(ctx, sqlReadWritten).Scan(&n.wal, &n.tables)
}

// checkBook verifies the book and that what was answered stands in it, and gives how many postings shared a commit.
func (s *server) checkBook(ctx context.Context, pool *pgxpool.Pool, run string, answered int64, now func() time.Time) (perCommit float64, err error) {
	var there, commits int64
	if err := pool.QueryRow(ctx, sqlReadCommits, book, s.firstID).Scan(&there, &commits); err != nil {
		return 0, err
	}
	report, err := ledger.New(pool, now).Verify(ctx, ledger.VerifyOptions{})
	if err != nil {
		return 0, err
	}
	if !report.OK {
		return 0, &FaultyBook{run, report.Findings}
	}
	if there < answered {
		return 0, &FaultyBook{run, []ledger.Finding{{Kind: ledger.IncompletePostings, Book: book, Detail: fmt.Sprintf("%d transactions were answered, %d stand", answered, there)}}}
	}
	return float64(there) / float64(commits), nil
}
