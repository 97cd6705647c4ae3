// Package providers is the contract between Exchequer and the banks and wallets that collect money for it.
//
// It owns the words both sides share: a payment to start, what a provider says of it (an observation), the verdicts
// with which a notification is answered, and the lines of a provider's settlement file. An adapter (one folder a
// provider) guarantees that an observation it returns was authenticated by the provider's own rule. It is not a
// place for state or decisions: an adapter keeps nothing, and never decides what an observation means for an order.
package providers

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// Errors an adapter returns; callers branch on them with errors.Is.
var (
	// ErrBadSignature: the message was not made by the provider, or was altered. Record it, change nothing.
	ErrBadSignature = errors.New("signature does not verify")
	// ErrMalformed: a required field is missing or unreadable. Record it, change nothing.
	ErrMalformed = errors.New("message is not in the provider's form")
	// ErrNotDone: the provider certainly did nothing (refused, or never reached). The call may be made again.
	ErrNotDone = errors.New("provider did not take the request")
	// ErrUnknown: the request may or may not have been carried out. Ask later; never assume either.
	ErrUnknown = errors.New("outcome at the provider is unknown")
)

// Doer sends an HTTP request; *http.Client is one.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// Payment is what a provider is asked to collect.
type Payment struct {
	Reference   string // the attempt's reference; unique for ever, never reused
	Merchant    string // the provider's id of the collecting account (terminal), from the contract
	Amount      int64  // minor units of Currency
	Currency    string // ISO 4217
	Description string // ASCII letters, digits, spaces
	PayerIP     string // may be empty
	ReturnURL   string // where the browser comes back
	Locale      string // "vi" or "en"
	Created     time.Time
	Expires     time.Time
}

// ActionKind is the way in which the payer goes on.
type ActionKind string

// The three ways a started payment continues.
const (
	Redirect     ActionKind = "redirect"     // open URL in the payer's browser
	QR           ActionKind = "qr"           // show Payload as a QR code
	Instructions ActionKind = "instructions" // show Payload as text
)

// Action tells the payer how to go on.
type Action struct {
	Kind    ActionKind `json:"kind"`
	URL     string     `json:"url,omitempty"`
	Payload string     `json:"payload,omitempty"`
}

// Kind is what a provider says of a payment.
type Kind string

// The kinds of observation. Authorised means that the money is reserved at the payer's bank and not yet taken. NotKnown
// is the provider's certain word that it has no such payment; Uncertain means that it could not say (its own error, or a
// case it has still to decide): ask again.
const (
	Succeeded  Kind = "succeeded"
	Authorised Kind = "authorised"
	Pending    Kind = "pending"
	Failed     Kind = "failed"
	Cancelled  Kind = "cancelled"
	Reversed   Kind = "reversed"
	NotKnown   Kind = "not_known"
	Uncertain  Kind = "uncertain"
)

// Observation is one authenticated word of a provider about one payment.
type Observation struct {
	Reference  string // the attempt's reference
	Merchant   string
	Kind       Kind
	Amount     int64 // minor units; 0 where the provider gives none
	Currency   string
	ProviderID string    // the provider's own transaction number
	Occurred   time.Time // when it happened there; zero where it does not say
	Code       string    // the provider's own result code, for people
}

// Notification is a provider's message as it came in, unread.
type Notification struct {
	Method   string
	RawQuery string
	Header   http.Header
	Body     []byte
}

// Verdict is how a notification is answered. The set is closed; each adapter renders it in its provider's form.
type Verdict string

// The verdicts.
const (
	Accepted      Verdict = "accepted"       // recorded, and it will be applied
	AlreadyFinal  Verdict = "already_final"  // the same word was handled before
	UnknownOrder  Verdict = "unknown_order"  // no attempt has this reference
	AmountDiffers Verdict = "amount_differs" // another amount than asked for
	BadSignature  Verdict = "bad_signature"
	Malformed     Verdict = "malformed"
	Fault         Verdict = "fault" // ours: please send it again
)

// Reply is the answer to a notification in the provider's own form.
type Reply struct {
	Status      int
	ContentType string
	Body        []byte
}

// Provider is what every adapter can do.
type Provider interface {
	// Name is the provider's key: lower case, stable, used in URLs, accounts and files.
	Name() string
	// Start begins collecting. ErrNotDone when it certainly did not begin, ErrUnknown when it may have.
	Start(ctx context.Context, p Payment) (Action, error)
	// Read authenticates and reads a notification: ErrBadSignature, ErrMalformed.
	Read(n Notification) (Observation, error)
	// Answer renders a verdict.
	Answer(v Verdict) Reply
}

// Inquiry names a payment a provider is asked about.
type Inquiry struct {
	Reference  string
	Merchant   string
	ProviderID string // where already known
	Created    time.Time
}

// Querier is a provider that can be asked what it knows of a payment.
type Querier interface {
	// Query returns the payment's state: Kind NotKnown when the provider has none; ErrUnknown when it could not be asked.
	Query(ctx context.Context, q Inquiry) (Observation, error)
}

// SettlementLine is one payment in a provider's settlement file. Net = Amount - Fee where the fee is kept back.
type SettlementLine struct {
	Reference  string
	ProviderID string
	Paid       time.Time
	Amount     int64
	Fee        int64 // kept back by the provider; 0 where it is invoiced
}

// Settlement is one provider's account of what it pays over in one credit.
type Settlement struct {
	Batch    string // appears in the remittance text of the bank credit
	Merchant string
	Day      time.Time // settlement day, 00:00 UTC
	Currency string
	Lines    []SettlementLine
	Net      int64 // the credit's amount as the file states it
}

// SettlementSource is a provider whose settlement files can be fetched and read.
type SettlementSource interface {
	// FetchSettlement gets the file of a day; ErrNotDone when it is not there yet.
	FetchSettlement(ctx context.Context, day time.Time) ([]byte, error)
	// ReadSettlement reads a file: one Settlement a batch. A file that does not foot is read and says so by an error joined with ErrMalformed.
	ReadSettlement(r io.Reader) ([]Settlement, error)
}
