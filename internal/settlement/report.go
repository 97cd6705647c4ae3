package settlement

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"exchequer/internal/calendar"
)

// Close is the close of a business day over all books: what was proven, or why it was not. Amounts are whole đồng.
type Close struct {
	Day       calendar.Date  `json:"day"`
	Closed    bool           `json:"closed"`
	House     HouseReport    `json:"house"`
	Books     []BookReport   `json:"books"`    // all books, the house first
	Findings  []CloseFinding `json:"findings"` // why it is not closed; empty when it is
	Digest    string         `json:"digest"`   // of what is signed in the house's row, which binds every book's report
	Signature string         `json:"signature,omitempty"`
	ClosedAt  time.Time      `json:"closed_at,omitzero"`
	ClosedBy  string         `json:"closed_by,omitempty"`
}

// CloseFinding is one thing that does not agree. Ledger is what the ledger says, Items what the other source says.
type CloseFinding struct {
	Code    string `json:"code"`    // e.g. clearing_closing
	Book    string `json:"book"`    // the house's for what concerns an account as a whole
	Subject string `json:"subject"` // partner, account, or reference
	Ledger  int64  `json:"ledger"`
	Items   int64  `json:"items"`
	Detail  string `json:"detail"` // what to do or look at
}

// HouseReport is what is proven once for all books. It is signed in the house's row.
type HouseReport struct {
	Day      calendar.Date `json:"day"`
	After    calendar.Date `json:"after"` // the day closed before; none: this is the first
	Banks    []BankRoll    `json:"banks"`
	Breaks   []OpenBreak   `json:"breaks"`   // open, found until this day
	Funding  []OpenItem    `json:"funding"`  // announced by the treasury and not yet there
	Excess   ExcessToGive  `json:"excess"`   // to be refunded, over all books
	Unplaced int64         `json:"unplaced"` // money nobody can place yet
	Books    []BookDigest  `json:"books"`
}

// ExcessToGive is the payers' money that waits to be refunded.
type ExcessToGive struct {
	Payments int64 `json:"payments"`
	Amount   int64 `json:"amount"`
}

// BookDigest binds a book's report.
type BookDigest struct {
	Book   string `json:"book"`
	Digest string `json:"digest"`
}

// BookReport is what is proven for one book.
type BookReport struct {
	Book     string         `json:"book"`
	Day      calendar.Date  `json:"day"`
	After    calendar.Date  `json:"after"`
	Clearing []ClearingRoll `json:"clearing"` // one a partner
	Payable  PayableRoll    `json:"payable"`
	Payout   PayoutRoll     `json:"payout"`
	Excess   ExcessRoll     `json:"excess"`
	Bank     int64          `json:"bank"`      // its share of the collection account
	FeesOwed int64          `json:"fees_owed"` // kept back by providers, not yet made good by the house
}

// ClearingRoll is a partner's money on the way: opening + confirmed = settled net + fee + refunded + reversed + written
// off + closing, and closing = not yet due + overdue, item by item.
type ClearingRoll struct {
	Partner    string     `json:"partner"`
	Opening    int64      `json:"opening"`
	Confirmed  int64      `json:"confirmed"`
	SettledNet int64      `json:"settled_net"`
	Fee        int64      `json:"fee"`
	Refunded   int64      `json:"refunded"`
	Reversed   int64      `json:"reversed"`
	WrittenOff int64      `json:"written_off"`
	Closing    int64      `json:"closing"`
	NotYetDue  int64      `json:"not_yet_due"`
	Overdue    int64      `json:"overdue"`
	Open       []OpenItem `json:"open"`
}

// OpenItem is one awaited amount that has not come, or not in full.
type OpenItem struct {
	Ref     string        `json:"ref"`
	Amount  int64         `json:"amount"`  // what is missing; below zero: it came before the payment was effective
	DueDay  calendar.Date `json:"due_day"` // none: the calendar is not on file, so it is never overdue
	Overdue bool          `json:"overdue"` // the due day has passed
}

// PayableRoll is what is owed to the bodies: opening + confirmed + other = instructed - rejected + refunded + closing.
type PayableRoll struct {
	Opening    int64 `json:"opening"`
	Confirmed  int64 `json:"confirmed"`
	Instructed int64 `json:"instructed"`
	Rejected   int64 `json:"rejected"` // instructions the bank refused
	Refunded   int64 `json:"refunded"` // asked back before payout, reversed before payout
	Other      int64 `json:"other"`    // placed by hand, returned by a body's bank
	Closing    int64 `json:"closing"`
}

// PayoutRoll is what is instructed and not yet certain: opening + instructed = executed + rejected + closing.
type PayoutRoll struct {
	Opening    int64      `json:"opening"`
	Instructed int64      `json:"instructed"`
	Executed   int64      `json:"executed"`
	Rejected   int64      `json:"rejected"`
	Closing    int64      `json:"closing"`
	Open       []OpenItem `json:"open"`
}

// ExcessRoll is the payers' money: opening + confirmed + other = refunded + closing.
type ExcessRoll struct {
	Opening   int64 `json:"opening"`
	Confirmed int64 `json:"confirmed"`
	Other     int64 `json:"other"` // placed by hand
	Refunded  int64 `json:"refunded"`
	Closing   int64 `json:"closing"`
	Payments  int64 `json:"payments"` // that brought some, from the first day on
}

// BankRoll is a collection account: the statement's opening + credits - debits = its closing, and the ledger's balance
// over all books = that closing with the open lines put right.
type BankRoll struct {
	Account string      `json:"account"`
	Opening int64       `json:"opening"`
	Credits int64       `json:"credits"`
	Debits  int64       `json:"debits"`
	Closing int64       `json:"closing"`
	Lines   int64       `json:"lines"` // of the statements of this day
	Ledger  int64       `json:"ledger"`
	Shares  []BookShare `json:"shares"`
	Open    []OpenLine  `json:"open"`    // of any day, not in the ledger
	Brought int64       `json:"brought"` // on the account before the first statement, in no book
}

// BookShare is a book's part of a collection account.
type BookShare struct {
	Book   string `json:"book"`
	Amount int64  `json:"amount"`
}

// OpenLine is a statement line that the ledger does not hold.
type OpenLine struct {
	Day    calendar.Date `json:"day"`
	No     int64         `json:"no"`
	Kind   string        `json:"kind"`
	Credit bool          `json:"credit"`
	Amount int64         `json:"amount"`
}

// OpenBreak is a difference between a partner's books and ours that nobody has settled.
type OpenBreak struct {
	Book     string        `json:"book"`
	Kind     string        `json:"kind"`
	Partner  string        `json:"partner"`
	Ref      string        `json:"ref"`
	Day      calendar.Date `json:"day"`
	Expected int64         `json:"expected"`
	Found    int64         `json:"found"`
}

// canonical is the one JSON of a report: fields in the order of its type, no blanks. Stored as jsonb it loses its order
// and gets it back when it is read into its type.
func canonical(report any) (text []byte, digest string, err error) {
	text, err = json.Marshal(report)
	sum := sha256.Sum256(text)
	return text, hex.EncodeToString(sum[:]), err
}
