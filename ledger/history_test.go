package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"exchequer/ledger"
)

// asked is what a caller did to a book: it posted the numbered transaction, or read the balances.
type asked struct {
	book   string
	number int // -1: read
	kind   string
	amount int64
	of     int
}

// told is what he was told: a code, or the balances of assets:a; neither when the outcome is unknown.
type told struct {
	code  ledger.Code
	stood [3]int64 // debits posted, credits posted, credits pending
}

// order is a book in an order of what was done: totals of assets:a, and a letter a transaction: 0 not there, p posted, h
// held, r resolved.
type order struct {
	stood [3]int64
	done  string
}

const perBook = 400

// TestHistoriesAreLinearizable lets callers of two ledgers post, hold, capture, void, repeat and read on few accounts, and
// some give up. What all were told must fit one order of the calls in each book, in which each takes effect between its
// beginning and its end.
func TestHistoriesAreLinearizable(t *testing.T) {
	b := start(t)
	h := &history{began: time.Now(), ledgers: []*ledger.Ledger{b.Ledger, ledger.New(b.pool, b.now)}}
	for i := range 4 {
		book := fmt.Sprintf("H%d", i)
		b.open(book, "assets:a>0", "l:b")
		h.books = append(h.books, &numbered{name: book})
	}
	var callers sync.WaitGroup
	for c := range 16 {
		callers.Go(func() { h.call(t, c) })
	}
	callers.Wait()
	if len(h.calls) < 2000 {
		t.Fatalf("only %d calls", len(h.calls))
	}
	t.Logf("%d calls, %d of them of unknown outcome", len(h.calls), h.unknown)
	checkHistory(t, h.calls, porcupine.Ok)
	// A read that saw one đồng that was not there, and a posting told as a repetition, fit no order.
	for _, falsify := range []func(*asked, *told) bool{
		func(a *asked, r *told) bool { r.stood[0]++; return a.number < 0 },
		func(a *asked, r *told) bool {
			posted := a.number >= 0 && r.code == ledger.Posted
			r.code = ledger.Duplicate
			return posted
		},
	} {
		calls := append([]porcupine.Operation(nil), h.calls...)
		for i := len(calls) / 2; ; i++ {
			a, r := calls[i].Input.(asked), calls[i].Output.(told)
			if falsify(&a, &r) {
				calls[i].Output = r
				break
			}
		}
		checkHistory(t, calls, porcupine.Illegal)
	}
	b.mustStand()
}

func checkHistory(t *testing.T, calls []porcupine.Operation, want porcupine.CheckResult) {
	t.Helper()
	seed := maphash.MakeSeed()
	model := porcupine.Model{
		Partition: byBook,
		Init:      func() any { return order{done: fmt.Sprintf("%0*d", perBook, 0)} },
		Step: func(state, input, output any) (bool, any) {
			after, fits := state.(order).step(input.(asked), output.(told))
			return fits, after
		},
		Hash: func(state any) uint64 { return maphash.Comparable(seed, state.(order)) },
	}
	if got := porcupine.CheckOperationsTimeout(model, calls, time.Minute); got != want {
		t.Errorf("the history is %s, want %s", got, want)
	}
}

func byBook(calls []porcupine.Operation) (parts [][]porcupine.Operation) {
	books := map[string][]porcupine.Operation{}
	for _, c := range calls {
		book := c.Input.(asked).book
		books[book] = append(books[book], c)
	}
	for _, part := range books {
		parts = append(parts, part)
	}
	return parts
}

// step decides one call, and reports whether its caller was told so.
func (o order) step(a asked, r told) (order, bool) {
	if a.number < 0 {
		return o, r.stood == o.stood
	}
	after, code := o.decide(a)
	return after, r.code == "" || r.code == code
}

func (o order) decide(a asked) (order, ledger.Code) {
	if o.done[a.number] != '0' {
		return o, ledger.Duplicate
	}
	free := o.stood[0] - o.stood[1] - o.stood[2]
	switch {
	case a.kind == "pay in":
		o.stood[0] += a.amount
		return o.mark(a.number, 'p'), ledger.Posted
	case (a.kind == "pay out" || a.kind == "hold") && free < a.amount:
		return o, ledger.Limit
	case a.kind == "pay out":
		o.stood[1] += a.amount
		return o.mark(a.number, 'p'), ledger.Posted
	case a.kind == "hold":
		o.stood[2] += a.amount
		return o.mark(a.number, 'h'), ledger.Posted
	}
	switch o.done[a.of] {
	case '0':
		return o, ledger.UnknownOf
	case 'r':
		return o, ledger.HoldResolved
	}
	o.stood[2] -= held100
	if a.kind == "capture" {
		o.stood[1] += a.amount
	}
	return o.mark(a.of, 'r').mark(a.number, 'p'), ledger.Posted
}

func (o order) mark(number int, letter byte) order {
	done := []byte(o.done)
	done[number] = letter
	o.done = string(done)
	return o
}

// held100 is what every hold of a history sets aside.
const held100 = 100

// numbered gives a book's transactions out, one after the other.
type numbered struct {
	name  string
	given []asked
	holds []int
}

// history is what was called and told so far.
type history struct {
	ledgers []*ledger.Ledger
	began   time.Time
	mu      sync.Mutex
	books   []*numbered
	calls   []porcupine.Operation
	unknown int
}

// call is one caller, until every book has given its transactions out.
func (h *history) call(t *testing.T, caller int) {
	rng := rand.New(rand.NewPCG(7, uint64(caller)))
	l := h.ledgers[caller%len(h.ledgers)]
	for {
		a, ok := h.next(rng)
		if !ok {
			return
		}
		ctx, cancel := context.WithCancel(context.Background())
		if rng.IntN(100) == 0 {
			time.AfterFunc(time.Duration(rng.IntN(5000))*time.Microsecond, cancel) // who gives up may never know
		}
		began := time.Since(h.began)
		r, err := ask(ctx, l, a)
		ended := time.Since(h.began)
		cancel()
		_, unknown := errors.AsType[*ledger.OutcomeUnknownError](err)
		switch {
		case unknown:
			ended = math.MaxInt64 // it may take effect at any time, or after everything: never
		case errors.Is(err, context.Canceled):
			continue // nothing is written
		case err != nil:
			t.Error(err)
			return
		}
		h.mu.Lock()
		h.calls = append(h.calls, porcupine.Operation{ClientId: caller, Input: a, Call: int64(began), Output: r, Return: int64(ended)})
		if unknown {
			h.unknown++
		}
		h.mu.Unlock()
	}
}

// next gives a new transaction of a random book, one of the last again, or a read.
func (h *history) next(rng *rand.Rand) (asked, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.books[rng.IntN(len(h.books))]
	n := len(b.given)
	if n == perBook {
		for _, other := range h.books {
			if len(other.given) < perBook {
				b, n = other, len(other.given)
			}
		}
	}
	chance := rng.IntN(10)
	switch {
	case n == perBook:
		return asked{}, false
	case chance < 3:
		return asked{book: b.name, number: -1}, true
	case chance == 3 && n > 0:
		return b.given[max(0, n-1-rng.IntN(6))], true
	}
	a := asked{book: b.name, number: n, amount: rng.Int64N(100) + 1}
	a.kind = []string{"pay in", "pay in", "pay out", "hold", "capture", "void"}[rng.IntN(6)]
	switch {
	case a.kind == "hold":
		a.amount = held100
		b.holds = append(b.holds, n)
	case a.kind != "capture" && a.kind != "void":
	case len(b.holds) == 0:
		a.kind = "pay in"
	default: // one of the last holds
		a.of = b.holds[max(0, len(b.holds)-1-rng.IntN(4))]
	}
	b.given = append(b.given, a)
	return a, true
}

func ask(ctx context.Context, l *ledger.Ledger, a asked) (told, error) {
	if a.number < 0 {
		balances, err := l.Balances(ctx, ledger.Query{Book: a.book, Prefix: "assets:"})
		if err != nil {
			return told{}, errors.Join(err, ctx.Err())
		}
		x := balances[0]
		return told{stood: [3]int64{x.DebitsPosted, x.CreditsPosted, x.CreditsPending}}, nil
	}
	reference := func(n int) string { return fmt.Sprintf("R%d", n) }
	tx := move(reference(a.number), "l:b", "assets:a", a.amount)
	switch a.kind {
	case "pay in":
		tx.Postings[0].Debit, tx.Postings[0].Credit = "assets:a", "l:b"
	case "hold":
		tx.Phase = ledger.Hold
	case "capture":
		tx.Phase, tx.Of = ledger.Capture, reference(a.of)
	case "void":
		tx = resolving(tx.Reference, ledger.Void, reference(a.of))
	}
	tx.Book = a.book
	results, err := l.Post(ctx, []ledger.Transaction{tx})
	if err != nil {
		return told{}, err
	}
	return told{code: results[0].Code}, nil
}
