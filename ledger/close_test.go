package ledger_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// TestTodayGoesOnBesideAClosing holds the closing of yesterday open: today is posted to and accounts are opened, in that
// book too; who asks for yesterday waits and is entered today.
func TestTodayGoesOnBesideAClosing(t *testing.T) {
	b := start(t)
	// A posting that waits for the closing would wait for ever: this ends the test instead.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b.open("A01", "assets:a", "l:b")
	b.closeDay("A01", monday.AddDate(0, 0, -1))
	closing, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer closing.Rollback(context.Background())
	if err := b.CloseDayTx(ctx, closing, "A01", monday, "tester"); err != nil {
		t.Fatal(err)
	}
	today := monday.AddDate(0, 0, 1)
	err = pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
		if err := b.OpenAccountsTx(ctx, tx, []ledger.Account{definition("A01", "l:new")}); err != nil {
			return err
		}
		post := move("TODAY", "assets:a", "l:new", 1)
		post.Day = today
		results, err := b.PostTx(ctx, tx, []ledger.Transaction{post})
		if err == nil {
			err = ledger.FirstRefusal(results)
		}
		return err
	})
	if err != nil {
		t.Fatal("posting to today:", err)
	}
	late := make(chan ledger.Result)
	go func() {
		results, err := b.Post(ctx, []ledger.Transaction{move("LATE", "assets:a", "l:b", 1)})
		if err != nil {
			t.Error(err)
			results = []ledger.Result{{}}
		}
		late <- results[0]
	}()
	b.waitForLockWait()
	post := move("TODAY-2", "assets:a", "l:b", 1) // on what LATE is to move, and in the same process
	post.Day = today
	if r, err := b.Post(ctx, []ledger.Transaction{post}); err != nil || r[0].Code != ledger.Posted {
		t.Errorf("posting to today beside one that waits: %+v (%v)", r, err)
	}
	if err := closing.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if r := <-late; !r.Day.Equal(today) {
		t.Errorf("what was late was entered on %s, want %s", r.Day, today)
	}
	b.mustVerify()
}

// TestLateOneWaitsAlone: of a batch that is taken together, those that ask for a day being closed wait for the closing, and
// the others do not.
func TestLateOneWaitsAlone(t *testing.T) {
	b := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	b.open("A01", "assets:a", "l:b", "l:busy")
	b.closeDay("A01", monday.AddDate(0, 0, -1))
	busy, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Rollback(context.Background())
	tomorrow := func(reference, credit string) ledger.Transaction {
		tx := move(reference, "assets:a", credit, 1)
		tx.Day = monday.AddDate(0, 0, 1)
		return tx
	}
	if _, err := b.PostTx(ctx, busy, []ledger.Transaction{tomorrow("BUSY", "l:busy")}); err != nil {
		t.Fatal(err)
	}
	answers := make(chan string, 5)
	send := func(tx ledger.Transaction) {
		r, err := b.Post(ctx, []ledger.Transaction{tx})
		if err != nil || !r[0].Day.Equal(monday.AddDate(0, 0, 1)) {
			t.Errorf("%s: %+v (%v)", tx.Reference, r, err)
		}
		answers <- tx.Reference
	}
	go send(tomorrow("FIRST", "l:busy"))
	b.waitForLockWait()
	closing, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer closing.Rollback(context.Background())
	if err := b.CloseDayTx(ctx, closing, "A01", monday, "tester"); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		go send(move(fmt.Sprint("LATE-", i), "assets:a", "l:b", 1))
		go send(tomorrow(fmt.Sprint("TOMORROW-", i), "l:b"))
	}
	b.until("four wait to be taken together", func() bool { return b.Queued("A01") == 4 })
	if err := busy.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if who := <-answers; strings.HasPrefix(who, "LATE") {
			t.Errorf("%s was answered before the closing was over", who)
		}
	}
	if err := closing.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		<-answers
	}
	b.mustVerify()
}

// TestClosingWaitsForItsDaysAlone: a posting under way of a later day does not keep a closing waiting, one of the day
// does, and one that is late and entered on the day does too.
func TestClosingWaitsForItsDaysAlone(t *testing.T) {
	b := start(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // else a closing kept waiting would wait for ever
	defer cancel()
	b.open("A01", "assets:a", "l:b")
	b.closeDay("A01", monday.AddDate(0, 0, -1))
	for i, c := range []struct {
		name         string
		asked, close int
		waits        bool
	}{{"a later day", 7, 0, false}, {"the day", 2, 2, true}, {"a closed day", -400, 3, true}} {
		posting, err := b.pool.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		tx := move(fmt.Sprint("R", i), "assets:a", "l:b", 1)
		tx.Day = monday.AddDate(0, 0, c.asked)
		if _, err := b.PostTx(ctx, posting, []ledger.Transaction{tx}); err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 1)
		go func() { closed <- b.CloseDay(ctx, "A01", monday.AddDate(0, 0, c.close), "tester") }()
		if c.waits {
			b.waitForLockWait()
		} else if err := <-closed; err != nil {
			t.Error(c.name, err)
		}
		if err := posting.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		if c.waits {
			if err := <-closed; err != nil {
				t.Error(c.name, err)
			}
		}
	}
	b.mustVerify()
}

// TestClosingsOverManyMidnights closes days of two books while callers post to both at once, batches of days behind, now
// and ahead. What is counted up to a day when it has been closed is all there ever is; nobody is given up for the sake of
// another, as PostTx is not repeated.
func TestClosingsOverManyMidnights(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	books := []string{"A01", "A02"}
	for _, book := range books {
		b.open(book, "assets:a", "l:b", "l:c")
	}
	type count struct {
		book string
		day  time.Time
		n    int
	}
	var counted []count
	upTo := func(book string, day time.Time) (n int) {
		err := b.pool.QueryRow(ctx, `SELECT count(*) FROM ledger.transactions WHERE book = $1 AND effective_day <= $2`, book, day).Scan(&n)
		if err != nil {
			t.Error(err)
		}
		return n
	}
	var posting, closing sync.WaitGroup
	done := make(chan struct{})
	for c := range 4 {
		posting.Go(func() {
			rng := rand.New(rand.NewPCG(2, uint64(c)))
			for i := 0; ; i++ {
				select {
				case <-done:
					return
				default:
				}
				var batch []ledger.Transaction
				for k := range 4 {
					tx := move(fmt.Sprintf("R%d-%d-%d", c, i, k), "assets:a", []string{"l:b", "l:c"}[k/2], 1)
					tx.Book, tx.Day = books[k%2], monday.AddDate(0, 0, rng.IntN(20)-2)
					batch = append(batch, tx)
				}
				err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
					results, err := b.PostTx(ctx, tx, batch)
					if err == nil {
						err = ledger.FirstRefusal(results)
					}
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	closing.Go(func() {
		for day := monday; day.Before(monday.AddDate(0, 0, 18)); day = day.AddDate(0, 0, 1+day.Day()%3) {
			err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
				for _, book := range books {
					if err := b.CloseDayTx(ctx, tx, book, day, "tester"); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			for _, book := range books {
				counted = append(counted, count{book, day, upTo(book, day)})
			}
		}
	})
	closing.Wait()
	close(done)
	posting.Wait()
	for _, c := range counted {
		if n := upTo(c.book, c.day); n != c.n {
			t.Errorf("book %s had %d transactions up to %s when it was closed, and has %d now", c.book, c.n, c.day, n)
		}
	}
	b.mustVerify()
}

func TestClosingNeedsReadCommitted(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a")
	err := pgx.BeginTxFunc(context.Background(), b.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		return b.CloseDayTx(context.Background(), tx, "A01", monday, "tester")
	})
	if err == nil {
		t.Error("a closing was taken on a view that does not see what it waited for")
	}
}
