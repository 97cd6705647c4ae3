// Package booking is the accountant's page: what each business event debits and credits, and nothing else.
//
// It owns the chart of accounts (account.go) and one type a money event (payment.go, settlement.go, payout.go,
// house.go). It guarantees that an event's postings add up to the event's amounts, that money between two books stands
// in a due-from/due-to pair, and that the same event always gives the same transactions and references. It is pure: it
// reads no clock and no database, decides nothing about whether an event may happen, and posts nothing itself.
package booking

import (
	"fmt"
	"time"

	"exchequer/internal/calendar"
	"exchequer/ledger"
)

// Currency is the currency of every booking: amounts are whole đồng.
const Currency = "VND"

// The kinds of transaction, as the ledger keeps them.
const (
	KindPaymentConfirmed = "payment-confirmed"
	KindSettled          = "settled"
	KindFeeBorne         = "fee-borne"
	KindFeeMadeGood      = "fee-made-good"
	KindPayoutInstructed = "payout-instructed"
	KindPayoutExecuted   = "payout-executed"
	KindPayoutRejected   = "payout-rejected"
	KindUnknownCredit    = "unknown-credit"
	KindPlaced           = "placed"
	KindHouseFunded      = "house-funded"
)

// Event is a money event that can say what it books.
type Event interface {
	// Transactions gives the event's ledger transactions, one a book. All of them belong into one database
	// transaction. An error is an event that contradicts itself (*ImpossibleError): nothing of it may be booked.
	Transactions() ([]ledger.Transaction, error)
}

// Head is what every event carries.
type Head struct {
	// Reference is the caller's own and unique per event. The collecting book's transaction carries it as it is; the
	// house's counterpart carries it followed by ":" and the collecting book, so that one event may touch many books.
	Reference string
	// Occurred is when it happened by the word of whoever says so.
	Occurred time.Time
	// Day is the business day of the occurrence.
	Day calendar.Date
	// Link joins the event's transactions over books, e.g. a statement line. Empty means the reference.
	Link string
}

// PayableLine is an amount owed to a collecting body under a budget code.
type PayableLine struct {
	Body   string
	Budget string
	Amount int64 // đồng, above zero
}

// ImpossibleError is an event whose own amounts contradict each other.
type ImpossibleError struct {
	Kind   string // the event
	Reason string // what to correct
}

// Error says which event cannot be booked and why.
func (e *ImpossibleError) Error() string {
	return fmt.Sprintf("%s cannot be booked: %s", e.Kind, e.Reason)
}

// transaction makes the event's transaction in one book; postings of zero are left out.
func (h Head) transaction(book, reference, kind string, postings ...ledger.Posting) ledger.Transaction {
	link := h.Link
	if link == "" {
		link = h.Reference
	}
	kept := make([]ledger.Posting, 0, len(postings))
	for _, p := range postings {
		if p.Amount != 0 {
			p.Currency = Currency
			kept = append(kept, p)
		}
	}
	return ledger.Transaction{
		Book: book, Reference: reference, Kind: kind, Occurred: h.Occurred, Day: h.Day.UTC(), Postings: kept, Link: link,
	}
}

// counterpart names the house's half of an event of a collecting book.
func (h Head) counterpart(book string) string { return h.Reference + ":" + book }

// total adds up lines after checking each.
func total(kind string, lines []PayableLine) (int64, error) {
	var sum int64
	for _, l := range lines {
		if l.Amount <= 0 {
			return 0, &ImpossibleError{kind, fmt.Sprintf("the line of %s:%s is not above zero", l.Body, l.Budget)}
		}
		if sum += l.Amount; sum < 0 {
			return 0, &ImpossibleError{kind, "the lines add up to more than any amount of money"}
		}
	}
	return sum, nil
}

func positive(kind, name string, amount int64) error {
	if amount <= 0 {
		return &ImpossibleError{kind, name + " is not above zero"}
	}
	return nil
}

func collecting(kind, book string) error {
	if book == "" || book == House {
		return &ImpossibleError{kind, "it needs a collecting body's book, not the house's"}
	}
	return nil
}
