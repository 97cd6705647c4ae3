// Package bill owns what is owed: one bill from one quote, with the law that made its amount and its budget lines.
//
// It guarantees that a bill keeps its quote, the schedule's hash and its split over budget lines, which add up to it;
// that the issuer's own number makes one bill that can be paid, however often it is sent and whichever body has taken
// over since (once its amount no longer holds, a new edition takes its place); and that a bill never takes more than it owes (a CHECK on its row is the last
// guard). It does not take money: internal/order does, and marks the bill with PayTx in its transaction.
package bill

import (
	"encoding/json"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/publication"
	"exchequer/internal/quote"
)

// State is how far a bill is. Expiry is no state: it is ValidUntil against the clock.
type State string

// Open: something is owed. Paid: in full. NothingDue: the law asks for 0; nothing is booked.
const (
	Open       State = "open"
	Paid       State = "paid"
	NothingDue State = "nothing_due"
)

// Line is the part of a bill for one budget line of its body, whole đồng.
type Line struct {
	No     int    `json:"no"`
	Charge string `json:"charge"`
	Budget string `json:"budget"`
	Amount int64  `json:"amount"`
}

// Bill is what one payer owes one collecting body. Amounts are whole đồng. Payer is a subject id. Edition counts from
// 1 the bills of one issuer's number; ReplacedBy is the reference of the next one, where there is one.
type Bill struct {
	Book         string          `json:"book"`
	Ref          string          `json:"ref"`
	Body         string          `json:"body"`
	Service      string          `json:"service"`
	SourceRef    string          `json:"source_ref"`
	Edition      int             `json:"edition"`
	ReplacedBy   string          `json:"replaced_by,omitempty"`
	Payer        string          `json:"-"`
	IssuedBy     string          `json:"-"` // id of the actor that issued it
	QuoteDate    calendar.Date   `json:"quote_date"`
	Inputs       json.RawMessage `json:"inputs"`
	Quote        quote.Quote     `json:"quote"`
	ScheduleHash string          `json:"schedule_hash"`
	Amount       int64           `json:"amount"`
	Paid         int64           `json:"paid"`
	State        State           `json:"state"`
	ValidUntil   time.Time       `json:"valid_until"`
	CreatedAt    time.Time       `json:"created_at"`
	Lines        []Line          `json:"lines"`
	// Claimed: an attempt to pay it was under way when it was read.
	Claimed bool `json:"-"`
}

// Due is what is still owed, whole đồng.
func (b Bill) Due() int64 { return b.Amount - b.Paid }

// Expired reports whether the amount no longer holds at an instant. A bill with a later edition holds at none: money
// that was taken for it in time but is heard of late is the payer's excess, because the later edition asks for it again.
func (b Bill) Expired(at time.Time) bool { return b.ReplacedBy != "" || !at.Before(b.ValidUntil) }

// Under is the bill as law lets it stand that was published since it was made. Its amount stays what it is, but no longer
// than the law lets the same quote hold: where another version begins meanwhile, or its body, an account or a budget line
// ends, the bill ends there too. What that law no longer answers changes nothing. An account that was corrected since is the
// one to pay to.
func (b Bill) Under(law *publication.Law) Bill {
	if b.State != Open || law.Revision == b.Quote.Revision {
		return b
	}
	b.Quote = b.Quote.PaidBy(law.Catalog)
	q, err := quote.Make(law, quote.Request{Service: b.Service, Body: b.Body, Date: b.QuoteDate, Inputs: b.Inputs})
	if err == nil && q.ValidUntil.Before(b.ValidUntil) {
		b.ValidUntil, b.Quote.ValidUntil = q.ValidUntil, q.ValidUntil
	}
	return b
}

// Request asks for a bill. SourceRef is the issuer's own number (decision, meter reading, file) and Payer a subject id,
// each 1 to 64 characters; Body may be left out where one body collects for the service.
type Request struct {
	Service   string
	Body      string
	SourceRef string
	Payer     string
	Date      calendar.Date
	Inputs    json.RawMessage
}
