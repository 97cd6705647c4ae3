package ledger

import "math"

// writes is what deciding accepted, in order.
type writes struct {
	ids          []int64
	transactions []*entry
	postings     []written
}

// written is a posting with what both accounts stood at after it.
type written struct {
	entry                       *entry
	line                        int32
	debitDebits, debitCredits   int64
	creditDebits, creditCredits int64
}

// decide gives every item its result, in order, and moves the accounts on for those it accepts.
func (s *state) decide(items []item) *writes {
	w := &writes{}
	for _, it := range items {
		if first := s.known[it.tx.Reference]; first != nil {
			*it.result = repeated(first, it.tx)
			continue
		}
		id := s.ids[len(w.ids)]
		e := &entry{id: id, effective: effectiveDay(it.tx.Day.UTC(), s.closedThrough), tx: it.tx}
		before := len(w.postings)
		if refusal, ok := s.apply(e, w); !ok {
			w.postings = w.postings[:before]
			*it.result = refusal
			continue
		}
		w.ids = append(w.ids, id)
		w.transactions = append(w.transactions, e)
		s.known[it.tx.Reference] = e
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

// apply moves the accounts by every posting of a transaction, or by none and says why.
func (s *state) apply(e *entry, w *writes) (Result, bool) {
	for i, p := range e.tx.Postings {
		debit, credit := s.accounts[p.Debit], s.accounts[p.Credit]
		refusal, ok := admissible(i, p, debit, credit)
		if !ok {
			s.unapply(e.tx.Postings[:i])
			return refusal, false
		}
		debit.debitsPosted += p.Amount
		credit.creditsPosted += p.Amount
		w.postings = append(w.postings, written{
			entry: e, line: int32(i),
			debitDebits: debit.debitsPosted, debitCredits: debit.creditsPosted,
			creditDebits: credit.debitsPosted, creditCredits: credit.creditsPosted,
		})
	}
	for i, p := range e.tx.Postings {
		for _, code := range [...]string{p.Debit, p.Credit} {
			if s.accounts[code].belowLimit() {
				s.unapply(e.tx.Postings)
				return Result{Code: Limit, Field: postingField(i, "amount"), Account: code}, false
			}
		}
	}
	for _, p := range e.tx.Postings {
		s.accounts[p.Debit].touched, s.accounts[p.Credit].touched = true, true
	}
	return Result{}, true
}

func (s *state) unapply(postings []Posting) {
	for _, p := range postings {
		s.accounts[p.Debit].debitsPosted -= p.Amount
		s.accounts[p.Credit].creditsPosted -= p.Amount
	}
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
