package ledger_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// TestConcurrentPosting has several callers post batches over three books and one hot account, each batch sent twice
// by different callers: every reference stands once, and the books balance.
func TestConcurrentPosting(t *testing.T) {
	b := start(t)
	books := []string{"A01", "A02", "A03"}
	for _, book := range books {
		b.open(book, "assets:hot", "l:0", "l:1", "l:2", "l:3")
	}
	const callers, rounds, size = 8, 6, 10
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(c)))
			for round := range rounds {
				batch := make([]ledger.Transaction, size)
				for i := range batch {
					// Two callers send each reference, with the same content, in batches of their own order.
					reference := fmt.Sprintf("R%d-%d-%d", c/2, round, i)
					batch[i] = move(reference, "assets:hot", fmt.Sprintf("l:%d", i%4), int64(i+1))
					batch[i].Book = books[i%3]
				}
				rng.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
				results, err := b.Post(context.Background(), batch)
				if err == nil {
					err = ledger.FirstRefusal(results)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.mustVerify()
	report, err := b.Verify(context.Background(), mirror)
	if want := int64(callers / 2 * rounds * size); err != nil || report.Transactions != want {
		t.Errorf("%d transactions stand (%v), want %d", report.Transactions, err, want)
	}
}

// TestReferenceRaceOnOtherAccounts has two callers use one reference on accounts of their own, so that only the unique
// key stands between them: one is posted, the other told so, and its neighbour is posted.
func TestReferenceRaceOnOtherAccounts(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:a", "assets:b", "l:b")
	ctx := context.Background()
	first, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Rollback(ctx)
	if _, err := b.PostTx(ctx, first, []ledger.Transaction{move("R", "assets:a", "l:a", 1)}); err != nil {
		t.Fatal(err)
	}
	answered := make(chan []ledger.Result)
	go func() {
		results, err := b.Post(ctx, []ledger.Transaction{move("R", "assets:b", "l:b", 2), move("N", "assets:b", "l:b", 3)})
		if err != nil {
			t.Error(err)
		}
		answered <- results
	}()
	b.waitForLockWait()
	if err := first.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	r := <-answered
	if len(r) != 2 || shown(r[0]) != "reference_reused postings[0].debit" || r[1].Code != ledger.Posted {
		t.Errorf("results %+v, want reference_reused and posted", r)
	}
	if got := b.balances(ledger.Query{}); got != "assets:a 1; assets:b 3; l:a 1; l:b 3" {
		t.Errorf("balances %s", got)
	}
	b.mustVerify()
}

// waitForLockWait returns when somebody in this database waits for a lock.
func (b *bench) waitForLockWait() {
	b.t.Helper()
	b.until("somebody waits for a lock", func() bool { return b.lockWaits() > 0 })
}

// lockWaits is how many wait for a lock.
func (b *bench) lockWaits() (n int) {
	b.t.Helper()
	err := b.pool.QueryRow(context.Background(), `SELECT count(*) FROM pg_locks l
		JOIN pg_stat_activity a ON a.pid = l.pid WHERE a.datname = current_database() AND NOT l.granted`).Scan(&n)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func TestClosingWaitsForPostingUnderWay(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b", "assets:c", "l:d")
	ctx := context.Background()
	posting, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer posting.Rollback(ctx)
	if _, err := b.PostTx(ctx, posting, []ledger.Transaction{move("R1", "assets:a", "l:b", 1)}); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error)
	go func() {
		closed <- pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error { return b.CloseDayTx(ctx, tx, "A01", monday, "tester") })
	}()
	b.waitForLockWait()
	select {
	case <-closed:
		t.Error("the day was closed with a posting under way")
	default:
	}
	if err := posting.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	b.mustVerify()
}

// TestClosingWaitsForAccountUnderWay: a posting on accounts that only its own transaction sees yet must not be missed.
func TestClosingWaitsForAccountUnderWay(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b")
	ctx := context.Background()
	posting, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer posting.Rollback(ctx)
	fresh := []ledger.Account{definition("A01", "assets:new"), definition("A01", "l:new")}
	if err := b.OpenAccountsTx(ctx, posting, fresh); err != nil {
		t.Fatal(err)
	}
	if _, err := b.PostTx(ctx, posting, []ledger.Transaction{move("R1", "assets:new", "l:new", 1)}); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error)
	go func() {
		closed <- pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error { return b.CloseDayTx(ctx, tx, "A01", monday, "tester") })
	}()
	b.waitForLockWait()
	if err := posting.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-closed; err != nil {
		t.Fatal(err)
	}
	b.mustVerify()
}

func TestPostingWaitsForClosingUnderWay(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b")
	ctx := context.Background()
	closing, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer closing.Rollback(ctx)
	if err := b.CloseDayTx(ctx, closing, "A01", monday, "tester"); err != nil {
		t.Fatal(err)
	}
	answered := make(chan ledger.Result)
	go func() {
		results, err := b.Post(ctx, []ledger.Transaction{move("R1", "assets:a", "l:b", 1)})
		if err != nil {
			t.Error(err)
		}
		answered <- results[0]
	}()
	b.waitForLockWait()
	if err := closing.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if r := <-answered; !r.Day.Equal(monday.AddDate(0, 0, 1)) {
		t.Errorf("posted on %s, want the day after the closed one", r.Day)
	}
	b.mustVerify()
}

// TestClosingRace closes days while callers post to them and open accounts: no entry may be behind a closing.
func TestClosingRace(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b")
	ctx := context.Background()
	var wg sync.WaitGroup
	for c := range 4 {
		wg.Go(func() {
			for i := range 25 {
				tx := move(fmt.Sprintf("R%d-%d", c, i), "assets:a", "l:b", 1)
				tx.Day = monday.AddDate(0, 0, i/4)
				fresh := []ledger.Account{definition("A01", fmt.Sprintf("assets:%d-%d", c, i)), definition("A01", fmt.Sprintf("l:%d-%d", c, i))}
				if i%2 == 0 {
					tx.Postings[0].Debit, tx.Postings[0].Credit = fresh[0].Code, fresh[1].Code
				}
				err := pgx.BeginFunc(ctx, b.pool, func(dbtx pgx.Tx) error {
					if err := b.OpenAccountsTx(ctx, dbtx, fresh); err != nil {
						return err
					}
					results, err := b.PostTx(ctx, dbtx, []ledger.Transaction{tx})
					if err == nil {
						err = ledger.FirstRefusal(results)
					}
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for day := range 6 {
			err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
				return b.CloseDayTx(ctx, tx, "A01", monday.AddDate(0, 0, day), "tester")
			})
			if err != nil {
				t.Error(err)
			}
			time.Sleep(15 * time.Millisecond) // lets postings in between; the outcome does not depend on it
		}
	})
	wg.Wait()
	b.mustVerify()
}
