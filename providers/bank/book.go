package bank

import (
	"encoding/json"
	"fmt"
	"time"
)

// The kinds of event in the journal.
const (
	started  = "started"
	booked   = "booked"  // entries of one credit or payout
	rejected = "refused" // a payout the bank will never carry out
)

// event is one line of the journal. Which part is set follows from Kind.
type event struct {
	Kind    string  `json:"kind"`
	Day     string  `json:"day,omitempty"`
	Entries []Entry `json:"entries,omitempty"` // two where both accounts are of this bank
	Credit  *Credit `json:"credit,omitempty"`
	Payout  *Payout `json:"payout,omitempty"`
	Reason  string  `json:"reason,omitempty"`
}

// Credit is money that comes in from outside. ID is the sender's and stands on the statement as EndToEndId.
type Credit struct {
	ID         string `json:"id"`
	Account    string `json:"account"`
	Amount     int64  `json:"amount"` // đồng
	Currency   string `json:"currency"`
	Remittance string `json:"remittance"`
	Debtor     string `json:"debtor"`
}

// Payout is an instruction to pay from an account of this bank.
type Payout struct {
	EndToEndID      string `json:"end_to_end_id"`
	DebtorAccount   string `json:"debtor_account"`
	CreditorAccount string `json:"creditor_account"`
	CreditorAgent   string `json:"creditor_agent,omitempty"` // treasury unit or bank that keeps it; empty: this bank finds it
	Amount          int64  `json:"amount"`                   // đồng
	Currency        string `json:"currency"`
	Remittance      string `json:"remittance"`
}

// Entry is one booking on an account.
type Entry struct {
	Account    string    `json:"account"`
	Number     string    `json:"number"` // the bank's own, unique: AcctSvcrRef
	Day        string    `json:"day"`    // booking and value date, a business day
	Received   time.Time `json:"received"`
	Credit     bool      `json:"credit"`
	Amount     int64     `json:"amount"` // đồng, above 0
	EndToEndID string    `json:"end_to_end_id"`
	Remittance string    `json:"remittance"`
	Party      string    `json:"party"` // who paid, or which account was paid
}

// The states of a payout.
const (
	Accepted = "accepted" // taken and funded, waits for its business day
	Executed = "executed"
	Refused  = "refused" // for ever: instruct again under another id
)

// PayoutState is what the bank says of a payout.
type PayoutState struct {
	Payout
	State  string `json:"state"`
	Day    string `json:"day,omitempty"`    // business day on which it is executed
	Reason string `json:"reason,omitempty"` // ISO 20022 external code, e.g. AM04 insufficient funds
}

// book is the bank's whole memory; it follows from the journal alone.
type book struct {
	started  string // first business day
	lastDay  string // the latest booking day; bookings never go back before it
	entries  map[string][]Entry
	balances map[string]int64 // with everything booked, also on a business day to come
	credits  map[string]Credit
	payouts  map[string]PayoutState
	number   int64
}

func newBook() *book {
	return &book{
		entries: make(map[string][]Entry), balances: make(map[string]int64), credits: make(map[string]Credit),
		payouts: make(map[string]PayoutState),
	}
}

// replay applies one line of the journal.
func (b *book) replay(line []byte) error {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		return err
	}
	return b.apply(e)
}

// apply changes the book by one event. It decides nothing: whoever wrote the event has.
func (b *book) apply(e event) error {
	switch e.Kind {
	case started:
		b.started, b.lastDay = e.Day, e.Day
	case booked:
		for _, entry := range e.Entries {
			b.enter(entry)
		}
		if e.Credit != nil {
			b.credits[e.Credit.ID] = *e.Credit
		}
		if e.Payout != nil {
			b.payouts[e.Payout.EndToEndID] = PayoutState{Payout: *e.Payout, State: Accepted, Day: e.Entries[0].Day}
		}
	case rejected:
		b.payouts[e.Payout.EndToEndID] = PayoutState{Payout: *e.Payout, State: Refused, Reason: e.Reason}
	default:
		return fmt.Errorf("event %q is not known", e.Kind)
	}
	return nil
}

// enter puts an entry on its account.
func (b *book) enter(e Entry) {
	b.number++
	b.lastDay = e.Day
	b.entries[e.Account] = append(b.entries[e.Account], e)
	if e.Credit {
		b.balances[e.Account] += e.Amount
	} else {
		b.balances[e.Account] -= e.Amount
	}
}

// entryNumber is the bank's reference of its nth entry.
func entryNumber(n int64) string { return fmt.Sprintf("FT%012d", n) }
