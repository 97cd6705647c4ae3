package ledger

import (
	"fmt"
	"time"
)

// Side is a side of an account.
type Side string

// The two sides.
const (
	Debit  Side = "debit"
	Credit Side = "credit"
)

// Limits is a set of flags that say what an account refuses.
type Limits int32

// NeverBelowZero refuses a transaction that would leave the account below zero on its normal side. Money held against
// the account counts as gone.
const NeverBelowZero Limits = 1

// Account is the definition of an account. Book and Code name it; the rest never changes once it is open.
type Account struct {
	Book     string
	Code     string // parts joined by colons, e.g. assets:bank:1
	Currency string // ISO 4217
	Normal   Side   // the side on which it grows
	Limits   Limits
}

// Posting moves Amount, in minor units of Currency and above zero, from the debit to the credit account.
type Posting struct {
	Debit    string // account code
	Credit   string // account code
	Amount   int64
	Currency string // ISO 4217, that of both accounts
}

// Phase says what a transaction does. Most post at once; a hold sets money aside until another transaction resolves it.
type Phase string

// The phases. A hold is resolved once: by one capture, one void or its expiry.
const (
	Post    Phase = ""        // moves what is posted
	Hold    Phase = "hold"    // sets aside: moves only what is pending
	Capture Phase = "capture" // releases a hold and posts it, in full or in part
	Void    Phase = "void"    // releases a hold
	expiry  Phase = "expiry"  // releases a hold whose time is over; written by ExpireHolds alone
)

// Transaction is one or more postings in one book, written all or none. Limits are checked on the transaction as a
// whole, not between its postings.
type Transaction struct {
	Book      string
	Reference string // the caller's own, unique in the book
	Kind      string // what happened, in the caller's words
	// Occurred is when it happened by the word of whoever says so.
	Occurred time.Time
	// Day is the business day of the occurrence, at 00:00 UTC. It is the effective day while it is open in the book;
	// otherwise the day after the last closed one is.
	Day time.Time
	// FixedDay refuses the transaction with PeriodClosed where Day is closed, instead of entering it on another day.
	FixedDay bool
	// Postings move the amounts. A capture without any takes the hold in full; with some, they take no more between two
	// accounts than the hold has set aside between them, and the rest is released. A void has none.
	Postings []Posting
	Phase    Phase
	// Of is the reference of the hold that a Capture or Void resolves. On a Post it is that of the posted transaction
	// this one corrects, or empty.
	Of string
	// Expires is the instant from which a Hold cannot be captured. The zero time is never: a hold ends by itself only
	// where its creator asked for it.
	Expires time.Time
	// Link joins transactions of several books, e.g. the statement line they came from. May be empty.
	Link string
	// Metadata is ids for the reader; never personal data. May be nil.
	Metadata map[string]string
}

// Code says what became of a transaction. The set is closed.
type Code string

// The codes. Everything but Posted and Duplicate wrote nothing and left the book as it was.
const (
	Posted           Code = "posted"
	Duplicate        Code = "duplicate"          // same reference, equal content: ID and Day are the first result's
	ReferenceReused  Code = "reference_reused"   // same reference, other content: Field names the first that differs
	InvalidField     Code = "invalid_field"      // Field is empty, too long or not of its form
	NoPostings       Code = "no_postings"        // nothing to post
	TooManyPostings  Code = "too_many_postings"  // more than MaxPostings
	InvalidAmount    Code = "invalid_amount"     // not above zero
	SameAccount      Code = "same_account"       // debit and credit are one account
	UnknownAccount   Code = "unknown_account"    // Account is not open in the book
	ClosedAccount    Code = "closed_account"     // Account was closed
	CurrencyMismatch Code = "currency_mismatch"  // the posting's currency is not Account's
	Limit            Code = "limit"              // Account would go below zero
	Overflow         Code = "overflow"           // Account's total would pass int64
	MetadataTooLarge Code = "metadata_too_large" // over MaxMetadata
	PeriodClosed     Code = "period_closed"      // the fixed day is closed
	UnknownOf        Code = "unknown_of"         // Of names no transaction of the book
	NotPosted        Code = "not_posted"         // Of names a transaction that posted nothing: there is nothing to correct
	NotHeld          Code = "not_held"           // Of names no hold, or the posting is none of the hold's
	HoldExceeded     Code = "hold_exceeded"      // more than was held
	HoldResolved     Code = "hold_resolved"      // the hold was captured, voided or expired before
	HoldExpired      Code = "hold_expired"       // the hold's time is over: void it
)

// MaxPostings is the most postings one transaction may have.
const MaxPostings = 10_000

// MaxMetadata is the most bytes a transaction's metadata may have, as JSON.
const MaxMetadata = 16 << 10

// Result is what became of one transaction.
type Result struct {
	Code    Code
	ID      int64     // for Posted and Duplicate
	Day     time.Time // the effective day, at 00:00 UTC, for Posted and Duplicate
	Field   string    // the field at fault, e.g. postings[2].amount
	Account string    // the account at fault
}

// OK reports whether the transaction stands in the ledger, by this call or an earlier one.
func (r Result) OK() bool { return r.Code == Posted || r.Code == Duplicate }

// Err gives nil when the transaction stands in the ledger, otherwise a *RefusedError. For callers that roll back
// everything when one transaction is refused.
func (r Result) Err() error {
	if r.OK() {
		return nil
	}
	return &RefusedError{Result: r}
}

// RefusedError is a refusal as an error.
type RefusedError struct{ Result Result }

// Error names the code, the field and the account at fault.
func (e *RefusedError) Error() string {
	s := fmt.Sprintf("the ledger refused the transaction: %s", e.Result.Code)
	if e.Result.Field != "" {
		s += " at " + e.Result.Field
	}
	if e.Result.Account != "" {
		s += " on account " + e.Result.Account
	}
	return s
}

// FirstRefusal gives the first refusal among results as an error, nil when all stand.
func FirstRefusal(results []Result) error {
	for _, r := range results {
		if err := r.Err(); err != nil {
			return err
		}
	}
	return nil
}
