package ledger

import "math"

// writes is what deciding accepted, in order.
type writes struct {
	transactions []*entry
	postings     []written
	pending      []set
}

// written is a posting with what both accounts stood at after it.
type written struct {
	entry                       *entry
	line                        int32
	debitDebits, debitCredits   int64
	creditDebits, creditCredits int64
	debitPrev, creditPrev       int64 // the transactions that moved the accounts before this one did
}

// set is a posting of a hold.
type set struct {
	entry *entry
	line  int32
}

// move changes what is posted and what is pending on the debit side of one account and the credit side of another.
type move struct {
	debit, credit   *account
	posted, pending int64
}

func (m move) do() {
	m.debit.debitsPosted += m.posted
	m.debit.debitsPending += m.pending
	m.credit.creditsPosted += m.posted
	m.credit.creditsPending += m.pending
}

func (m move) undo() { move{m.debit, m.credit, -m.posted, -m.pending}.do() }

// decide gives every item its result, in order, and moves the accounts on for those it accepts.
func (s *state) decide(items []item) *writes {
	w := &writes{}
	for _, it := range items {
		tx := s.inFull(it.tx)
		if first := s.known[tx.Reference]; first != nil {
			*it.result = repeated(first, tx)
			continue
		}
		id := s.ids[len(w.transactions)]
		e := &entry{id: id, effective: effectiveDay(tx.Day.UTC(), s.closedThrough), tx: tx}
		if refusal, ok := s.accept(e, w); !ok {
			*it.result = refusal
			continue
		}
		w.transactions = append(w.transactions, e)
		s.known[tx.Reference] = e
		*it.result = Result{Code: Posted, ID: id, Day: e.effective}
	}
	return w
}

// repeated answers a reference that already stands.
func repeated(first *entry, again *Transaction) Result {
	if field := differs(first.tx, again); field != "" {
		return Result{Code: ReferenceReused, Field: field}
	}
	return Result{Code: Duplicate, ID: first.id, Day: first.effective}
}

// accept moves the accounts by a whole transaction and takes it to the writes, or changes nothing and says why.
func (s *state) accept(e *entry, w *writes) (Result, bool) {
	if e.tx.FixedDay && !e.effective.Equal(e.tx.Day) {
		return Result{Code: PeriodClosed, Field: "day"}, false
	}
	var refusal Result
	var ok bool
	s.moves = s.moves[:0]
	before := len(w.postings)
	switch e.tx.Phase {
	case Hold:
		refusal, ok = s.hold(e)
	case Capture, Void, expiry:
		refusal, ok = s.resolve(e, w)
	default:
		refusal, ok = s.post(e, w)
	}
	if ok {
		refusal, ok = s.withinLimits(e.tx)
	}
	if !ok {
		for _, m := range s.moves {
			m.undo()
		}
		w.postings = w.postings[:before]
		return refusal, false
	}
	for _, m := range s.moves {
		m.debit.touched, m.credit.touched = true, true
	}
	for i := range w.postings[before:] {
		p := &w.postings[before+i]
		posting := e.tx.Postings[p.line]
		p.debitPrev, p.creditPrev = s.accounts[posting.Debit].movedBy(e.id), s.accounts[posting.Credit].movedBy(e.id)
	}
	switch of := s.known[e.tx.Of]; {
	case e.tx.Phase == Hold:
		for i := range e.tx.Postings {
			w.pending = append(w.pending, set{e, int32(i)})
		}
	case e.tx.resolves():
		of.resolved = true
	}
	return Result{}, true
}

func (s *state) post(e *entry, w *writes) (Result, bool) {
	if e.tx.Of != "" {
		of := s.known[e.tx.Of]
		switch {
		case of == nil:
			return Result{Code: UnknownOf, Field: "of"}, false
		case of.tx.Phase != Post && of.tx.Phase != Capture:
			return Result{Code: NotPosted, Field: "of"}, false
		}
		e.of = of.id
	}
	for i, p := range e.tx.Postings {
		debit, credit := s.accounts[p.Debit], s.accounts[p.Credit]
		if refusal, ok := admissible(i, p, debit, credit); !ok {
			return refusal, false
		}
		s.write(e, i, move{debit, credit, p.Amount, 0}, w)
	}
	return Result{}, true
}

// write moves two accounts by what is posted, and keeps what they stand at.
func (s *state) write(e *entry, line int, m move, w *writes) {
	s.apply(m)
	w.postings = append(w.postings, written{
		entry: e, line: int32(line),
		debitDebits: m.debit.debitsPosted, debitCredits: m.debit.creditsPosted,
		creditDebits: m.credit.debitsPosted, creditCredits: m.credit.creditsPosted,
	})
}

func (s *state) apply(m move) {
	m.do()
	s.moves = append(s.moves, m)
}

// withinLimits checks the accounts a transaction moved, as it leaves them.
func (s *state) withinLimits(tx *Transaction) (Result, bool) {
	if tx.resolves() {
		return Result{}, true // what was held already counted as gone, and what is released only adds
	}
	for i, m := range s.moves {
		for _, a := range [...]*account{m.debit, m.credit} {
			if a.belowLimit() {
				return Result{Code: Limit, Field: postingField(i, "amount"), Account: a.code}, false
			}
		}
	}
	return Result{}, true
}

// admissible checks what a posting needs of its two accounts by themselves.
func admissible(i int, p Posting, debit, credit *account) (Result, bool) {
	legs := [...]struct {
		field   string
		code    string
		account *account
	}{{"debit", p.Debit, debit}, {"credit", p.Credit, credit}}
	for _, leg := range legs {
		switch a := leg.account; {
		case a == nil:
			return Result{Code: UnknownAccount, Field: postingField(i, leg.field), Account: leg.code}, false
		case a.closed:
			return Result{Code: ClosedAccount, Field: postingField(i, leg.field), Account: leg.code}, false
		case a.currency != p.Currency:
			return Result{Code: CurrencyMismatch, Field: postingField(i, "currency"), Account: leg.code}, false
		}
	}
	if p.Amount > math.MaxInt64-debit.debitsPosted-debit.debitsPending {
		return Result{Code: Overflow, Field: postingField(i, "amount"), Account: p.Debit}, false
	}
	if p.Amount > math.MaxInt64-credit.creditsPosted-credit.creditsPending {
		return Result{Code: Overflow, Field: postingField(i, "amount"), Account: p.Credit}, false
	}
	return Result{}, true
}

// movedBy gives the transaction that moved the account before this one.
func (a *account) movedBy(id int64) int64 {
	if a.last != id {
		a.last, a.before = id, a.last
	}
	return a.before
}

// belowLimit reports that an account has less than its limit allows, money held against it not counted. Totals are never
// negative, so no difference of two leaves int64.
func (a *account) belowLimit() bool {
	if a.limits&NeverBelowZero == 0 {
		return false
	}
	if a.normal == Debit {
		return a.debitsPosted-a.creditsPosted < a.creditsPending
	}
	return a.creditsPosted-a.debitsPosted < a.debitsPending
}
