package simulator

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// The kinds of event in the journal.
const (
	started  = "started"
	opened   = "opened"   // a payer came with a valid address
	decided  = "decided"  // paid, cancelled or expired
	called   = "called"   // one notification was sent
	ordered  = "fault"    // a fault was ordered
	released = "released" // a fault was taken back
	settled  = "settled"  // a settlement day
	credited = "credited" // the bank has a batch's credit
)

// event is one line of the journal. Which part is set follows from Kind.
type event struct {
	Kind    string      `json:"kind"`
	At      time.Time   `json:"at"`
	Key     string      `json:"key,omitempty"` // of the payment
	Opening *opening    `json:"opening,omitempty"`
	Outcome *outcome    `json:"outcome,omitempty"`
	Call    *IPNCall    `json:"call,omitempty"`
	Fault   *Fault      `json:"fault,omitempty"`
	Day     *settlement `json:"day,omitempty"`
	Batch   string      `json:"batch,omitempty"`
}

// opening is the pay request, as signed by the merchant.
type opening struct {
	Terminal  string    `json:"terminal"`
	TxnRef    string    `json:"txn_ref"`
	Amount    int64     `json:"amount"` // đồng
	OrderInfo string    `json:"order_info"`
	ReturnURL string    `json:"return_url"`
	Created   time.Time `json:"created"`
	Expires   time.Time `json:"expires"`
	Hash      string    `json:"hash"` // of the request: another one under the same vnp_TxnRef is refused
}

// key is how VNPAY tells payments apart: a vnp_TxnRef is unique per terminal and day.
func (o opening) key() string { return paymentKey(o.Terminal, o.TxnRef, o.Created) }

func paymentKey(terminal, txnRef string, created time.Time) string {
	return terminal + "/" + dayOf(created) + "/" + txnRef
}

// dayOf is the date of an instant at VNPAY, YYYY-MM-DD.
func dayOf(t time.Time) string { return t.In(zone).Format(time.DateOnly) }

// outcome is how a payment ended.
type outcome struct {
	State         State  `json:"state"`
	TransactionNo string `json:"transaction_no,omitempty"`
	Fee           int64  `json:"fee,omitempty"` // kept back or invoiced
}

// payment is one vnp_TxnRef of a terminal and day.
type payment struct {
	opening
	outcome
	decidedAt time.Time
	calls     []IPNCall
	stopped   bool      // no more notifications
	next      time.Time // when the next one is due
	batch     string
	line      int64 // amount in the settlement file
}

// book is the simulator's whole memory; it follows from the journal alone.
type book struct {
	started  time.Time
	payments map[string]*payment
	inOrder  []*payment
	open     map[*payment]bool // nobody has decided yet
	calling  map[*payment]bool // notifications are still to be sent
	unpaid   map[*payment]bool // paid by the payer, not settled to the merchant
	paid     int64             // number of payments made, from which transaction numbers are given
	faults   map[string]map[FaultKind]Fault
	days     map[string]*settlement
	lastDay  string // last settlement day
	owed     []*Batch
}

func newBook() *book {
	return &book{
		payments: make(map[string]*payment), open: make(map[*payment]bool), calling: make(map[*payment]bool),
		unpaid: make(map[*payment]bool), faults: make(map[string]map[FaultKind]Fault), days: make(map[string]*settlement),
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

// apply changes the book by one event. It decides nothing: whoever wrote the event has, so that a replay under another
// configuration or clock gives the same book.
func (b *book) apply(e event) error {
	p := b.payments[e.Key]
	if e.Key != "" && p == nil && e.Kind != opened {
		return fmt.Errorf("event %q is about a payment that was never opened", e.Kind)
	}
	switch e.Kind {
	case started:
		b.started = e.At
	case opened:
		p = &payment{opening: *e.Opening, outcome: outcome{State: Open}}
		b.payments[e.Key] = p
		b.inOrder = append(b.inOrder, p)
		b.open[p] = true
	case decided:
		b.decide(p, e)
	case called:
		b.countCall(p, *e.Call)
	case ordered:
		if b.faults[e.Fault.TxnRef] == nil {
			b.faults[e.Fault.TxnRef] = make(map[FaultKind]Fault)
		}
		b.faults[e.Fault.TxnRef][e.Fault.Kind] = *e.Fault
	case released:
		delete(b.faults[e.Fault.TxnRef], e.Fault.Kind)
	case settled:
		b.settle(e.Day)
	case credited:
		b.credit(e.Batch)
	default:
		return fmt.Errorf("event %q is not known", e.Kind)
	}
	return nil
}

func (b *book) decide(p *payment, e event) {
	p.outcome, p.decidedAt, p.next = *e.Outcome, e.At, e.At
	delete(b.open, p)
	b.calling[p] = true
	if p.State == Paid {
		b.paid++
		b.unpaid[p] = true
	}
}

// countCall keeps VNPAY's rule: 00 and 02 end the calls, the tenth call is the last one.
func (b *book) countCall(p *payment, c IPNCall) {
	p.calls = append(p.calls, c)
	p.next = c.Next
	if c.RspCode == "00" || c.RspCode == "02" || len(p.calls) >= maxCalls {
		p.stopped = true
		delete(b.calling, p)
	}
}

func (b *book) settle(day *settlement) {
	b.days[day.Day], b.lastDay = day, day.Day
	for i := range day.Batches {
		batch := &day.Batches[i]
		for _, line := range batch.Lines {
			p := b.payments[line.Key]
			p.batch, p.line = batch.ID, line.Amount
			delete(b.unpaid, p)
		}
		if batch.Net > 0 {
			b.owed = append(b.owed, batch)
		}
	}
}

func (b *book) credit(id string) {
	for i, batch := range b.owed {
		if batch.ID == id {
			batch.Credited = true
			b.owed = append(b.owed[:i:i], b.owed[i+1:]...)
			return
		}
	}
}

// fault gives the fault of a kind ordered for a payment.
func (b *book) fault(txnRef string, kind FaultKind) (Fault, bool) {
	f, ok := b.faults[txnRef][kind]
	return f, ok
}

// nextTransactionNo numbers payments in the order in which they were made.
func (b *book) nextTransactionNo() string { return strconv.FormatInt(14_000_001+b.paid, 10) }
