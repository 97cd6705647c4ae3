package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"exchequer/ledger"
)

// modelBook is one book in memory, deciding by the rules alone.
type modelBook struct {
	accounts map[string]*modelAccount
	entries  map[string]*modelEntry // by reference
	closed   time.Time              // the last closed day
}

type modelAccount struct {
	debit, limited, closed bool
	posted, pending        [2]int64 // debits, credits
}

type modelEntry struct {
	tx       ledger.Transaction
	id       int64
	day      time.Time
	resolved bool
}

var modelAccounts = []string{"assets:a>0", "assets:b", "l:c>0", "l:d"}

func newModelBook() *modelBook {
	m := &modelBook{accounts: map[string]*modelAccount{}, entries: map[string]*modelEntry{}}
	for _, spec := range modelAccounts {
		d := definition("", spec)
		m.accounts[d.Code] = &modelAccount{debit: d.Normal == ledger.Debit, limited: d.Limits != 0}
	}
	return m
}

// free is what an account has, less what is set aside.
func (a *modelAccount) free() int64 {
	if a.debit {
		return a.posted[0] - a.posted[1] - a.pending[1]
	}
	return a.posted[1] - a.posted[0] - a.pending[0]
}

// decide gives the code, and the entry that stands for it.
func (m *modelBook) decide(tx ledger.Transaction, now time.Time) (ledger.Code, *modelEntry) {
	of := m.entries[tx.Of]
	if tx.Phase == ledger.Capture && len(tx.Postings) == 0 && of != nil && of.tx.Phase == ledger.Hold {
		tx.Postings = of.tx.Postings
	}
	if first := m.entries[tx.Reference]; first != nil {
		same := first.tx.Phase == tx.Phase && first.tx.Of == tx.Of && first.tx.Expires.Equal(tx.Expires) &&
			first.tx.Day.Equal(tx.Day) && fmt.Sprint(first.tx.Postings) == fmt.Sprint(tx.Postings)
		if same {
			return ledger.Duplicate, first
		}
		return ledger.ReferenceReused, nil
	}
	day := tx.Day
	if !day.After(m.closed) {
		day = m.closed.AddDate(0, 0, 1)
		if tx.FixedDay {
			return ledger.PeriodClosed, nil
		}
	}
	code := ledger.Posted
	switch {
	case tx.Phase == ledger.Capture || tx.Phase == ledger.Void:
		code = m.resolve(tx, of, now)
	case tx.Of != "" && of == nil:
		code = ledger.UnknownOf
	case tx.Of != "" && of.tx.Phase != ledger.Post && of.tx.Phase != ledger.Capture:
		code = ledger.NotPosted
	default:
		code = m.take(tx)
	}
	if code != ledger.Posted {
		return code, nil
	}
	e := &modelEntry{tx: tx, day: day}
	m.entries[tx.Reference] = e
	return code, e
}

// take posts, or sets aside.
func (m *modelBook) take(tx ledger.Transaction) ledger.Code {
	for _, p := range tx.Postings {
		for _, code := range []string{p.Debit, p.Credit} {
			if m.accounts[code] == nil {
				return ledger.UnknownAccount
			}
			if m.accounts[code].closed {
				return ledger.ClosedAccount
			}
		}
	}
	m.move(tx.Postings, tx.Phase == ledger.Hold, 1)
	for _, p := range tx.Postings {
		for _, a := range []*modelAccount{m.accounts[p.Debit], m.accounts[p.Credit]} {
			if a.limited && a.free() < 0 {
				m.move(tx.Postings, tx.Phase == ledger.Hold, -1)
				return ledger.Limit
			}
		}
	}
	return ledger.Posted
}

func (m *modelBook) resolve(tx ledger.Transaction, of *modelEntry, now time.Time) ledger.Code {
	switch {
	case of == nil:
		return ledger.UnknownOf
	case of.tx.Phase != ledger.Hold:
		return ledger.NotHeld
	case of.resolved:
		return ledger.HoldResolved
	case tx.Phase == ledger.Capture && !of.tx.Expires.IsZero() && !now.Before(of.tx.Expires):
		return ledger.HoldExpired
	}
	left := map[[2]string]int64{}
	for _, p := range of.tx.Postings {
		left[[2]string{p.Debit, p.Credit}] += p.Amount
	}
	for _, p := range tx.Postings {
		k := [2]string{p.Debit, p.Credit}
		if _, ok := left[k]; !ok {
			return ledger.NotHeld
		}
		if left[k] -= p.Amount; left[k] < 0 {
			return ledger.HoldExceeded
		}
	}
	m.move(of.tx.Postings, true, -1)
	m.move(tx.Postings, false, 1)
	of.resolved = true
	return ledger.Posted
}

func (m *modelBook) move(postings []ledger.Posting, pending bool, sign int64) {
	for _, p := range postings {
		debit, credit := &m.accounts[p.Debit].posted, &m.accounts[p.Credit].posted
		if pending {
			debit, credit = &m.accounts[p.Debit].pending, &m.accounts[p.Credit].pending
		}
		debit[0] += sign * p.Amount
		credit[1] += sign * p.Amount
	}
}

// expire releases the holds whose time is over, and says how many.
func (m *modelBook) expire(now time.Time) (n int) {
	for reference, e := range m.entries {
		if e.tx.Phase != ledger.Hold || e.resolved || e.tx.Expires.IsZero() || now.Before(e.tx.Expires) {
			continue
		}
		m.move(e.tx.Postings, true, -1)
		e.resolved = true
		m.entries[reference+"/expired"] = &modelEntry{tx: ledger.Transaction{Phase: "expiry", Of: reference}}
		n++
	}
	return n
}

// close closes an account, if it may be.
func (m *modelBook) close(code string) bool {
	a := m.accounts[code]
	if a.posted[0] != a.posted[1] || a.pending != [2]int64{} {
		return false
	}
	a.closed = true
	return true
}

// play is one random run: a ledger and a model of two books with one clock.
type play struct {
	*rapid.T
	b     *bench
	l     *ledger.Ledger
	books [2]string
	model map[string]*modelBook
	now   time.Time
	sent  []ledger.Transaction
}

// TestModel plays random batches, repetitions, refusals, holds, corrections, expiries and closings on the ledger and on
// the model, by Post and by PostTx: results and balances are equal after each step, and the whole still verifies.
func TestModel(t *testing.T) {
	t.Parallel()
	b := start(t)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		p := &play{T: rt, b: b, books: [2]string{fmt.Sprintf("M%d", runs), fmt.Sprintf("N%d", runs)}, model: map[string]*modelBook{}, now: noon}
		p.l = ledger.New(b.pool, func() time.Time { return p.now })
		for _, book := range p.books {
			b.open(book, modelAccounts...)
			p.model[book] = newModelBook()
			for i, pair := range [][2]string{{"assets:a", "l:d"}, {"assets:b", "l:c"}} {
				first := move(fmt.Sprintf("START%d", i), pair[0], pair[1], 20)
				first.Book = book
				p.send([]ledger.Transaction{first})
			}
		}
		for range rapid.IntRange(3, 9).Draw(rt, "steps") {
			p.step()
			p.compare()
		}
	})
	b.mustStand()
}

func (p *play) step() {
	ctx := context.Background()
	book := rapid.SampledFrom(p.books[:]).Draw(p.T, "book")
	m := p.model[book]
	switch rapid.IntRange(0, 12).Draw(p.T, "step") { // small numbers are drawn more often
	case 11:
		day := monday.AddDate(0, 0, rapid.IntRange(0, 3).Draw(p.T, "closed day"))
		p.b.inTx(func(tx pgx.Tx) error { return p.b.CloseDayTx(ctx, tx, book, day, "tester") })
		if day.After(m.closed) {
			m.closed = day
		}
	case 9:
		code := definition(book, rapid.SampledFrom(modelAccounts).Draw(p.T, "closed account")).Code
		err := pgx.BeginFunc(ctx, p.b.pool, func(tx pgx.Tx) error { return p.b.CloseAccountTx(ctx, tx, book, code) })
		if _, refused := errors.AsType[*ledger.AccountError](err); refused == m.close(code) || !refused && err != nil {
			p.Fatalf("closing %s: %v", code, err)
		}
	case 7, 8:
		p.now = p.now.Add(time.Hour)
		n, err := p.l.ExpireHolds(ctx, book, monday, 1000)
		if want := m.expire(p.now); err != nil || n != want {
			p.Fatalf("%d holds expired (%v), in the model %d", n, err, want)
		}
	default:
		p.post()
	}
}

// post sends a batch and compares each result.
func (p *play) post() {
	var batch []ledger.Transaction
	for range rapid.IntRange(1, 8).Draw(p.T, "batch") {
		if len(p.sent) > 0 && rapid.IntRange(0, 4).Draw(p.T, "again") == 3 {
			batch = append(batch, rapid.SampledFrom(p.sent).Draw(p.T, "which"))
		} else {
			batch = append(batch, p.transaction())
		}
		p.sent = append(p.sent, batch[len(batch)-1])
	}
	p.send(batch)
}

func (p *play) send(batch []ledger.Transaction) {
	var results []ledger.Result
	var err error
	if rapid.Bool().Draw(p.T, "in a transaction of the caller") {
		err = pgx.BeginFunc(context.Background(), p.b.pool, func(tx pgx.Tx) (err error) {
			results, err = p.l.PostTx(context.Background(), tx, batch)
			return err
		})
	} else {
		results, err = p.l.Post(context.Background(), batch)
	}
	if err != nil {
		p.Fatal(err)
	}
	for i, tx := range batch {
		r := results[i]
		code, e := p.model[tx.Book].decide(tx, p.now)
		if code == ledger.Posted {
			e.id = r.ID
		}
		if r.Code != code || e != nil && (r.ID != e.id || !r.Day.Equal(e.day)) {
			p.Fatalf("%+v gave %+v, the model %s %+v", tx, r, code, e)
		}
	}
}

func (p *play) transaction() ledger.Transaction {
	tx := drawTransaction(p.T, rapid.SampledFrom(p.books[:]).Draw(p.T, "book"))
	tx.FixedDay = rapid.IntRange(0, 3).Draw(p.T, "fixed") == 2
	switch tx.Phase = rapid.SampledFrom([]ledger.Phase{ledger.Capture, ledger.Hold, ledger.Post, ledger.Void}).Draw(p.T, "phase"); tx.Phase {
	case ledger.Hold:
		if rapid.Bool().Draw(p.T, "ends") {
			tx.Expires = noon.Add(time.Duration(rapid.IntRange(0, 4).Draw(p.T, "hours")) * time.Hour)
		}
	case ledger.Capture:
		tx.Of = p.of(tx.Book, ledger.Hold)
		of := p.model[tx.Book].entries[tx.Of]
		switch rapid.IntRange(0, 2).Draw(p.T, "captures") {
		case 0:
			tx.Postings = nil // in full
		case 1:
			if of != nil && of.tx.Phase == ledger.Hold {
				tx.Postings = slices.Clone(of.tx.Postings)
				tx.Postings[0].Amount += rapid.Int64Range(1-tx.Postings[0].Amount, 1).Draw(p.T, "more or less")
			}
		}
	case ledger.Void:
		tx.Of, tx.Postings = p.of(tx.Book, ledger.Hold), nil
	default:
		if rapid.Bool().Draw(p.T, "corrects") {
			tx.Of = p.of(tx.Book, ledger.Post)
		}
	}
	return tx
}

// drawTransaction gives a posting between the accounts of the model, now and then one that is not open.
func drawTransaction(rt *rapid.T, book string) ledger.Transaction {
	accounts := []string{"assets:a", "assets:b", "l:c", "l:d"}
	if rapid.IntRange(0, 9).Draw(rt, "names an account that is not open") == 7 {
		accounts = append(accounts, "l:none")
	}
	tx := move(fmt.Sprintf("R%d", rapid.IntRange(0, 40).Draw(rt, "reference")), "", "", 0)
	tx.Book, tx.Postings = book, nil
	tx.Day = monday.AddDate(0, 0, rapid.IntRange(0, 4).Draw(rt, "day"))
	for range rapid.IntRange(1, 3).Draw(rt, "postings") {
		pair := rapid.Permutation(accounts).Draw(rt, "accounts")
		tx.Postings = append(tx.Postings, ledger.Posting{Debit: pair[0], Credit: pair[1], Currency: "VND",
			Amount: rapid.Int64Range(1, 20).Draw(rt, "amount")})
	}
	return tx
}

// of names a transaction of the phase that stands in the book, or anything.
func (p *play) of(book string, phase ledger.Phase) string {
	var all []string
	for reference, e := range p.model[book].entries {
		if e.tx.Phase == phase {
			all = append(all, reference)
		}
	}
	if len(all) == 0 || rapid.IntRange(0, 9).Draw(p.T, "of anything") == 7 {
		return fmt.Sprintf("R%d", rapid.IntRange(0, 40).Draw(p.T, "anything"))
	}
	slices.Sort(all)
	return rapid.SampledFrom(all).Draw(p.T, "of")
}

func (p *play) compare() {
	for _, book := range p.books {
		balances, err := p.l.Balances(context.Background(), ledger.Query{Book: book})
		if err != nil {
			p.Fatal(err)
		}
		for _, x := range balances {
			a := p.model[book].accounts[x.Account]
			got := [2][2]int64{{x.DebitsPosted, x.CreditsPosted}, {x.DebitsPending, x.CreditsPending}}
			if want := [2][2]int64{a.posted, a.pending}; got != want {
				p.Fatalf("%s of %s stands at %v, in the model at %v", x.Account, book, got, want)
			}
		}
		if len(balances) != len(modelAccounts) {
			p.Fatalf("%d accounts, want %d", len(balances), len(modelAccounts))
		}
	}
}
