package simulator

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// State is where a payment stands at the simulator.
type State string

// The states of a payment.
const (
	Open      State = "open"
	Paid      State = "paid"
	Cancelled State = "cancelled"
	Expired   State = "expired"
)

// IPNCall is one notification that was sent.
type IPNCall struct {
	At           time.Time `json:"at"`
	Amount       int64     `json:"amount"` // đồng, as it said
	BadSignature bool      `json:"bad_signature,omitempty"`
	Status       int       `json:"status,omitempty"`   // HTTP
	RspCode      string    `json:"rsp_code,omitempty"` // the answer
	Error        string    `json:"error,omitempty"`
	Next         time.Time `json:"next"` // when the next one is due, should the answer not end the calls
}

// Line is one payment in a settlement file.
type Line struct {
	Key           string    `json:"key"`
	TxnRef        string    `json:"txn_ref"`
	TransactionNo string    `json:"transaction_no"`
	Paid          time.Time `json:"paid"`
	Amount        int64     `json:"amount"` // as the file says, which a fault may make too low
	Fee           int64     `json:"fee"`    // kept back
}

// Batch is what a terminal is paid over in one credit.
type Batch struct {
	ID       string `json:"id"`
	Day      string `json:"day"`
	Terminal string `json:"terminal"`
	Account  string `json:"account"`
	Amount   int64  `json:"amount"`
	Fee      int64  `json:"fee"`
	Net      int64  `json:"net"` // the credit
	Lines    []Line `json:"lines"`
	Credited bool   `json:"credited"` // the bank has it
}

// Payment is one payment as the simulator knows it.
type Payment struct {
	Terminal      string    `json:"terminal"`
	TxnRef        string    `json:"txn_ref"`
	Amount        int64     `json:"amount"` // what the payer paid or was to pay
	State         State     `json:"state"`
	TransactionNo string    `json:"transaction_no,omitempty"`
	Created       time.Time `json:"created"`
	Expires       time.Time `json:"expires"`
	Decided       time.Time `json:"decided,omitzero"`
	Fee           int64     `json:"fee"` // VNPAY's, kept back or invoiced
	FeeKeptBack   bool      `json:"fee_kept_back"`
	Batch         string    `json:"batch,omitempty"`
	SettledAmount int64     `json:"settled_amount,omitempty"` // as the settlement file says
	Calls         []IPNCall `json:"calls,omitempty"`
	CallsEnded    bool      `json:"calls_ended"`
	Faults        []Fault   `json:"faults,omitempty"`
}

// Book is everything the simulator knows.
type Book struct {
	Now      time.Time `json:"now"`
	Payments []Payment `json:"payments"`
	Batches  []Batch   `json:"batches"`
	Faults   []Fault   `json:"faults"` // all that stand, also for payments not made yet
}

// Book gives a copy of the whole book: payments in the order in which they were opened, batches and faults sorted.
func (s *Simulator) Book() Book {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := Book{Now: s.config.Now(), Payments: make([]Payment, 0, len(s.book.inOrder))}
	for _, p := range s.book.inOrder {
		out.Payments = append(out.Payments, Payment{
			Terminal: p.Terminal, TxnRef: p.TxnRef, Amount: p.Amount, State: p.State, TransactionNo: p.TransactionNo,
			Created: p.Created, Expires: p.Expires, Decided: p.decidedAt, Fee: p.Fee,
			FeeKeptBack: s.terminals[p.Terminal].Fee.KeptBack, Batch: p.batch, SettledAmount: p.line,
			Calls: slices.Clone(p.calls), CallsEnded: p.stopped, Faults: s.faultsOf(p.TxnRef),
		})
	}
	for _, d := range s.book.days {
		out.Batches = append(out.Batches, d.Batches...)
	}
	slices.SortFunc(out.Batches, func(a, b Batch) int { return strings.Compare(a.ID, b.ID) })
	for ref := range s.book.faults {
		out.Faults = append(out.Faults, s.faultsOf(ref)...)
	}
	slices.SortFunc(out.Faults, compareFaults)
	return out
}

func (s *Simulator) faultsOf(ref string) []Fault {
	var out []Fault
	for _, f := range s.book.faults[ref] {
		out = append(out, f)
	}
	slices.SortFunc(out, compareFaults)
	return out
}

func compareFaults(a, b Fault) int {
	return strings.Compare(a.TxnRef+"/"+string(a.Kind), b.TxnRef+"/"+string(b.Kind))
}

func (s *Simulator) serveBook(w http.ResponseWriter, _ *http.Request) {
	book := s.Book()
	if err := s.journal.Sync(); err != nil {
		s.fail(w, err)
		return
	}
	writeJSON(w, book)
}
