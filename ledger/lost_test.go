package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"exchequer/ledger"
)

// TestLostAtCommit cuts the connection at the COMMIT: the caller is told what is true, and it is written once.
func TestLostAtCommit(t *testing.T) {
	for name, cuts := range map[string][]cut{
		"before the server got it":       {before},
		"after the server had committed": {after},
		"both":                           {after, before},
		"before, twice, and then after":  {before, before, after},
		"and nobody knows":               {inBetween, inBetween, inBetween},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t)
			b.open("A01", "assets:a>0", "l:b")
			b.mustPost(move("START", "assets:a", "l:b", 10), held("H", "l:b", "assets:a", 2, noon.AddDate(1, 0, 0)), held("I", "l:b", "assets:a", 1, noon.AddDate(1, 0, 0)))
			p, cfg := startProxy(t, b.pool)
			l := ledger.New(b.connect(cfg), b.now)
			batch := []ledger.Transaction{
				move("R1", "l:b", "assets:a", 7), move("R2", "l:b", "assets:a", 1), resolving("C", ledger.Capture, "H"),
				resolving("V", ledger.Void, "I"), held("J", "l:b", "assets:a", 1, noon.AddDate(1, 0, 0)), move("START", "assets:a", "l:b", 10),
				move("R1", "l:b", "assets:a", 7), // the same again
			}
			want := []ledger.Code{ledger.Posted, ledger.Limit, ledger.Posted, ledger.Posted, ledger.Posted, ledger.Duplicate, ledger.Duplicate}
			p.cutNext(cuts...)
			results, err := l.Post(context.Background(), batch)
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range results {
				if r.Code != want[i] {
					t.Errorf("%s was answered %s, want %s", batch[i].Reference, r.Code, want[i])
				}
			}
			if n := p.cutSoFar(); n == 0 {
				t.Error("no connection was cut")
			}
			if got := b.standing("A01"); got != "assets:a 1 -1, l:b 1 -1" {
				t.Errorf("left %s", got)
			}
			if r := b.post(batch[0]); r[0].Code != ledger.Duplicate || r[0].ID != results[0].ID {
				t.Errorf("again: %+v, the first was %+v", r[0], results[0])
			}
			b.mustStand()
		})
	}
}

// TestServerGone: the server cannot be asked any more. Where it may have committed the caller is told so; what was never
// sent is certain not to be written.
func TestServerGone(t *testing.T) {
	t.Parallel() // it waits as long as the ledger is patient
	var all sync.WaitGroup
	for _, c := range []struct {
		where cut // nowhere: before anything was sent
		want  ledger.Code
	}{{nowhere, ledger.Posted}, {before, ledger.Posted}, {after, ledger.Duplicate}} {
		b := start(t)
		b.open("A01", "assets:a", "l:b")
		p, cfg := startProxy(t, b.pool)
		l := ledger.New(b.connect(cfg), b.now)
		p.cutBy(func() cut { p.listener.Close(); return c.where })
		if c.where == nowhere {
			p.close()
		}
		all.Go(func() {
			tx := move("R", "assets:a", "l:b", 1)
			r, err := l.Post(context.Background(), []ledger.Transaction{tx})
			unknown, ok := errors.AsType[*ledger.OutcomeUnknownError](err)
			if err == nil || ok != (c.where != nowhere) || ok && unknown.Book != "A01" {
				t.Errorf("cut %d: answered %+v (%v)", c.where, r, err)
			}
			r, err = b.Post(context.Background(), []ledger.Transaction{tx})
			if err != nil || r[0].Code != c.want {
				t.Errorf("cut %d: sent again it was %+v (%v), want %s", c.where, r, err, c.want)
			}
			b.mustStand()
		})
	}
	all.Wait()
}

// TestCallersOnABadLine has many callers post while every few commits are cut somewhere: all are answered, nothing is
// written twice, and who was answered posted is the only one of his reference.
func TestCallersOnABadLine(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a>0", "l:b")
	p, cfg := startProxy(t, b.pool)
	rng := rand.New(rand.NewPCG(4, 2))
	p.cutBy(func() cut { return []cut{nowhere, nowhere, nowhere, before, after, inBetween}[rng.IntN(6)] })
	l := ledger.New(b.connect(cfg), b.now)
	const callers, each = 16, 15
	var mu sync.Mutex
	posted := map[string]int{}
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				tx := move(fmt.Sprintf("R%d-%d", c/2, i), "assets:a", "l:b", 1) // two send each
				r, err := l.Post(context.Background(), []ledger.Transaction{tx})
				if err != nil || !r[0].OK() {
					t.Errorf("%s: %+v (%v)", tx.Reference, r, err)
					return
				}
				if r[0].Code == ledger.Posted {
					mu.Lock()
					posted[tx.Reference]++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	for reference, n := range posted {
		if n != 1 {
			t.Errorf("%s was answered posted %d times", reference, n)
		}
	}
	if want := callers / 2 * each; len(posted) != want || b.rows("A01").transactions != want {
		t.Errorf("%d were answered posted and %d stand, want %d", len(posted), b.rows("A01").transactions, want)
	}
	if p.cutSoFar() == 0 {
		t.Error("no connection was cut")
	}
	b.mustStand()
}
