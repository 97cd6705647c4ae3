package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// held is a hold of one posting in book A01; expires may be the zero time.
func held(reference, debit, credit string, amount int64, expires time.Time) ledger.Transaction {
	tx := move(reference, debit, credit, amount)
	tx.Phase, tx.Expires = ledger.Hold, expires
	return tx
}

// resolving is a capture in full or a void in book A01.
func resolving(reference string, phase ledger.Phase, of string) ledger.Transaction {
	tx := move(reference, "", "", 0)
	tx.Phase, tx.Of, tx.Postings = phase, of, nil
	return tx
}

// TestHoldEndsAtItsInstant: the last microsecond before it can be captured, the instant itself cannot.
func TestHoldEndsAtItsInstant(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b")
	end := noon.Add(time.Hour)
	at := func(now time.Time) *ledger.Ledger { return ledger.New(b.pool, func() time.Time { return now }) }
	for _, c := range []struct {
		hold string
		now  time.Time
		want string
	}{
		{"H1", end.Add(-time.Microsecond), "posted"},
		{"H2", end, "hold_expired of"},
		{"H3", end.Add(time.Hour), "hold_expired of"},
	} {
		b.mustPost(held(c.hold, "assets:a", "l:b", 1, end))
		r, err := at(c.now).Post(context.Background(), []ledger.Transaction{resolving("C"+c.hold, ledger.Capture, c.hold)})
		if err != nil || shown(r[0]) != c.want {
			t.Errorf("at %s: %+v (%v), want %s", c.now, r, err, c.want)
		}
	}
	for _, c := range []struct {
		now  time.Time
		want int
	}{{end.Add(-time.Microsecond), 0}, {end, 2}, {end, 0}} {
		if n, err := at(c.now).ExpireHolds(context.Background(), "A01", monday, 10); err != nil || n != c.want {
			t.Errorf("at %s: %d holds expired (%v), want %d", c.now, n, err, c.want)
		}
	}
	b.mustStand()
}

func TestExpireHolds(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	b.open("A01", "assets:a", "l:b")
	b.open("A02", "assets:a", "l:b")
	other := held("H", "assets:a", "l:b", 1, noon.Add(time.Minute))
	other.Book = "A02"
	b.mustPost(other, held("NEVER", "assets:a", "l:b", 1, time.Time{}))
	for i := range 5 { // the last is the first to end
		b.mustPost(held(fmt.Sprintf("H%d", i), "assets:a", "l:b", 1, noon.Add(time.Hour-time.Duration(i)*time.Minute)))
	}
	b.mustPost(resolving("C", ledger.Capture, "H4"))
	b.pass(2 * time.Hour)
	b.inTx(func(tx pgx.Tx) error { return b.CloseDayTx(ctx, tx, "A01", monday, "tester") })
	if n, err := b.ExpireHolds(ctx, "A01", monday, 2); err != nil || n != 2 {
		t.Errorf("%d expired (%v), want the two oldest", n, err)
	}
	if r := b.post(resolving("V2", ledger.Void, "H2"), resolving("V1", ledger.Void, "H1")); shown(r[0]) != "hold_resolved of" || r[1].Code != ledger.Posted {
		t.Errorf("results %+v: H3 and H2 were the oldest", r)
	}
	var released [2]int
	var wg sync.WaitGroup
	for i := range released {
		wg.Go(func() {
			var err error
			if released[i], err = b.ExpireHolds(ctx, "A01", monday, 10); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if released[0]+released[1] != 1 {
		t.Errorf("two at once expired %v holds, want one in all", released)
	}
	var day time.Time
	var kind string
	err := b.pool.QueryRow(ctx, `SELECT effective_day, kind FROM ledger.transactions WHERE book = 'A01' AND reference = 'H0/expired'`).Scan(&day, &kind)
	if err != nil || !day.Equal(monday.AddDate(0, 0, 1)) || kind != "test" {
		t.Errorf("the expiry stands on %s as %s (%v), want the first open day and the hold's kind", day, kind, err)
	}
	if got := b.standing("A02"); got != "assets:a 0 +1, l:b 0 +1" {
		t.Errorf("the other book holds %s", got)
	}
	if _, err := b.ExpireHolds(ctx, "A01", noon, 10); err == nil {
		t.Error("an instant was taken for a day")
	}
	b.mustStand()
}

// TestExpiredOnAnotherDay: two release one hold at the same moment, each on the day it has; who comes second finds it done.
func TestExpiredOnAnotherDay(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	b.open("A01", "assets:a", "l:b")
	b.mustPost(held("H", "assets:a", "l:b", 1, noon.Add(time.Minute)))
	b.pass(time.Hour)
	blocker, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer blocker.Rollback(ctx)
	if _, err := b.PostTx(ctx, blocker, []ledger.Transaction{move("P", "assets:a", "l:b", 1)}); err != nil {
		t.Fatal(err)
	}
	released := make(chan int, 2)
	for i, l := range []*ledger.Ledger{b.Ledger, ledger.New(b.pool, b.now)} {
		go func() {
			n, err := l.ExpireHolds(ctx, "A01", monday.AddDate(0, 0, i), 1)
			if err != nil {
				t.Error(err)
			}
			released <- n
		}()
	}
	b.until("both wait for the accounts", func() bool { return b.lockWaits() == 2 })
	if err := blocker.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if n := <-released + <-released; n != 1 {
		t.Errorf("%d were released, want one", n)
	}
	b.mustStand()
}

func TestAccountWithMoneyHeldStaysOpen(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b")
	b.mustPost(held("H", "assets:a", "l:b", 5, time.Time{}))
	shut := func(code string) error {
		return pgx.BeginFunc(context.Background(), b.pool, func(tx pgx.Tx) error {
			return b.CloseAccountTx(context.Background(), tx, "A01", code)
		})
	}
	for _, code := range []string{"assets:a", "l:b"} {
		if _, refused := errors.AsType[*ledger.AccountError](shut(code)); !refused {
			t.Errorf("%s was closed with money held", code)
		}
	}
	b.mustPost(resolving("V", ledger.Void, "H"))
	if err := errors.Join(shut("assets:a"), shut("l:b")); err != nil {
		t.Errorf("after the void: %v", err)
	}
}

// TestHoldIsResolvedOnce lets captures, voids and expiries from two ledgers race for each of many holds.
func TestHoldIsResolvedOnce(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b>0")
	end := noon.Add(time.Hour)
	const holds = 30
	var all []ledger.Transaction
	for i := range holds {
		all = append(all, held(fmt.Sprintf("H%d", i), "assets:a", "l:b", 3, end))
	}
	b.mustPost(all...)
	second := ledger.New(b.pool, func() time.Time { return end }) // its clock is ahead
	var mu sync.Mutex
	resolved := map[string]int{}
	var wg sync.WaitGroup
	for racer := range 4 {
		wg.Go(func() {
			l := []*ledger.Ledger{b.Ledger, second}[racer%2]
			for i := range holds {
				hold := fmt.Sprintf("H%d", i)
				phase := []ledger.Phase{ledger.Capture, ledger.Void}[racer/2]
				r, err := l.Post(context.Background(), []ledger.Transaction{resolving(fmt.Sprintf("R%d-%d", racer, i), phase, hold)})
				if err != nil {
					t.Error(err)
					return
				}
				switch r[0].Code {
				case ledger.Posted:
					mu.Lock()
					resolved[hold]++
					mu.Unlock()
				case ledger.HoldResolved, ledger.HoldExpired:
				default:
					t.Errorf("%s of %s: %+v", phase, hold, r[0])
				}
			}
		})
	}
	wg.Go(func() {
		for range 5 {
			if _, err := second.ExpireHolds(context.Background(), "A01", monday, holds/5); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	for hold, n := range resolved {
		if n != 1 {
			t.Errorf("%s was resolved %d times", hold, n)
		}
	}
	if got := b.standing("A01"); strings.ContainsAny(got, "+-") {
		t.Errorf("money is still held: %s", got)
	}
	b.mustStand()
}

// TestHoldCommittedBetweenLooks: a hold is looked for before its accounts are locked; one that another commits in between
// is unknown, and never captured on accounts that are not locked.
func TestHoldCommittedBetweenLooks(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	b.open("A01", "assets:a", "l:a", "assets:b", "l:b")
	blocker, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer blocker.Rollback(ctx)
	if _, err := b.PostTx(ctx, blocker, []ledger.Transaction{move("P", "assets:b", "l:b", 1), held("H", "assets:a", "l:a", 1, time.Time{})}); err != nil {
		t.Fatal(err)
	}
	answered := make(chan []ledger.Result, 1)
	go func() {
		err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
			r, err := b.PostTx(ctx, tx, []ledger.Transaction{resolving("C", ledger.Capture, "H"), move("N", "assets:b", "l:b", 1)})
			answered <- r
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}()
	b.waitForLockWait()
	if err := blocker.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if r := <-answered; len(r) != 2 || shown(r[0]) != "unknown_of of" || r[1].Code != ledger.Posted {
		t.Errorf("results %+v, want unknown_of and posted", r)
	}
	b.mustPost(resolving("C", ledger.Capture, "H"))
	b.mustStand()
}
