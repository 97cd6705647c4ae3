// Package statement reads what banks say of an account: camt.053 today, one file a format.
//
// It owns the words for a statement (opening, entries, closing) and the rules by which a file is trusted. It guarantees
// exact amounts, and that anything doubtful in a file comes out as a Finding: a statement that does not foot is data,
// not an error. An error means that the file as a whole cannot be read and nothing of it may be used. It is no
// judge of what an entry is for, keeps no state, and never quotes names or remittance texts in findings or errors.
package statement

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Errors of a file that cannot be read; callers branch on them with errors.Is.
var (
	// ErrMalformed: not a well-formed file of this format, or a part without which an entry has no meaning.
	ErrMalformed = errors.New("file cannot be read as a statement")
	// ErrVersion: another message, or a version that was never tried.
	ErrVersion = errors.New("file is not a camt.053 of a version read here")
	// ErrTooLarge: over a limit of size or depth.
	ErrTooLarge = errors.New("file is too large")
	// ErrAmount: an amount that is no exact number of the currency's minor units.
	ErrAmount = errors.New("amount cannot be read exactly")
)

// Statement is one account's statement. Amounts are minor units of Currency (ISO 4217).
type Statement struct {
	Account      string    // IBAN, or the number in the bank's own form
	ID           string    // the bank's own, not to be trusted as a key: see Digest
	Sequence     int64     // electronic, else legal number; 0 where there is none
	Day          time.Time // the bank's day of the closing balance, 00:00 UTC; zero where unknown
	Currency     string
	Opening      int64 // below 0 where the account is overdrawn
	Closing      int64
	OpeningKnown bool // the file gives an opening balance
	ClosingKnown bool
	Entries      []Entry // booked entries only, in the file's order
	Digest       string  // lower-case hex SHA-256 of the content: the same for the same content, whatever the file is called
}

// Entry is one booking. Amount is above or equal to 0; Credit says its direction, also of a reversal.
type Entry struct {
	Ref        string // NtryRef
	BankRef    string // AcctSvcrRef, the bank's own reference
	Amount     int64
	Currency   string
	Credit     bool
	Reversal   bool      // takes an earlier entry back
	BookingDay time.Time // the bank's day, 00:00 UTC
	ValueDay   time.Time // 00:00 UTC; zero where the bank gives none
	EndToEndID string    // of the entry's only transaction; empty where it has none or several
	Remittance string    // all texts of the entry, joined with a space
	Details    []Detail
}

// Detail is one transaction of an entry. Amount is 0 where the bank gives none of its own.
type Detail struct {
	EndToEndID string
	BankRef    string
	Amount     int64
	Currency   string
	Remittance string
	Reference  string // structured creditor reference
}

// FindingKind names what is doubtful.
type FindingKind string

// The findings.
const (
	DoesNotFoot      FindingKind = "does_not_foot"         // opening + credits - debits is not the closing balance
	OpeningMissing   FindingKind = "opening_missing"       // so it cannot be said whether it foots
	ClosingMissing   FindingKind = "closing_missing"       // so it cannot be said whether it foots
	BalanceRepeated  FindingKind = "balance_repeated"      // the first of a kind is used
	SignMissing      FindingKind = "sign_missing"          // a balance without CdtDbtInd is read as a credit
	StatusMissing    FindingKind = "status_missing"        // an entry without Sts is read as booked
	NotBooked        FindingKind = "not_booked"            // an entry that is only announced is left out
	DateMissing      FindingKind = "booking_date_missing"  // the day of the closing balance is used
	CurrencyDiffers  FindingKind = "currency_differs"      // an entry or balance in another currency: it cannot foot
	DetailsDiffer    FindingKind = "details_do_not_add_up" // transactions do not add up to their entry
	SummaryDiffers   FindingKind = "summary_differs"       // the bank's own count or sum is another
	ReferenceTwice   FindingKind = "bank_reference_twice"  // two entries with one AcctSvcrRef
	PagesMissing     FindingKind = "pages_missing"         // the file says that more pages follow
	AccountMissing   FindingKind = "account_missing"
	StatementMissing FindingKind = "statement_missing" // the file holds none
)

// Finding is something a person must know of. Findings of one kind in one statement are told once, with their number.
type Finding struct {
	Kind      FindingKind
	Statement int    // index of the statement in the file
	Account   string // of it
	Ref       string // first entry concerned, where entries are
	Count     int
	Detail    string // for people, without personal data
}

// String is the finding in one line.
func (f Finding) String() string {
	s := fmt.Sprintf("account %s: %s", f.Account, f.Kind)
	if f.Detail != "" {
		s += ": " + f.Detail
	}
	if f.Ref != "" {
		s += fmt.Sprintf(" (first at entry %s)", f.Ref)
	}
	if f.Count > 1 {
		s += fmt.Sprintf(", %d times", f.Count)
	}
	return s
}

// Foots reports that both balances are known and the entries lead from one to the other.
func (s *Statement) Foots() bool {
	sum, ok := s.sum()
	return ok && s.OpeningKnown && s.ClosingKnown && sum == s.Closing
}

// sum gives opening + credits - debits; not ok if there is no such sum.
func (s *Statement) sum() (int64, bool) {
	sum := s.Opening
	for _, e := range s.Entries {
		if e.Currency != s.Currency {
			return 0, false
		}
		change := e.Amount
		if !e.Credit {
			change = -change
		}
		var ok bool
		if sum, ok = add(sum, change); !ok {
			return 0, false
		}
	}
	return sum, true
}

// add gives a + b; not ok where int64 cannot hold it.
func add(a, b int64) (sum int64, ok bool) {
	sum = a + b
	return sum, (b >= 0) == (sum >= a)
}

// digest is the statement's identity: account, day, balances and entries in canonical form. The order of entries, the
// file's name, message ids and times of writing do not matter; a repeated file has the same digest, a restated one not.
func (s *Statement) digest() string {
	// One hash an entry, not its text: a statement may have a million.
	lines := make([][sha256.Size]byte, len(s.Entries))
	for i, e := range s.Entries {
		lines[i] = sha256.Sum256(e.canonical())
	}
	slices.SortFunc(lines, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	h := sha256.New()
	_, _ = h.Write(canonical("statement v1", s.Account, s.Currency, day(s.Day), amountText(s.Opening, s.OpeningKnown),
		amountText(s.Closing, s.ClosingKnown), strconv.Itoa(len(lines)))) // a hash never fails to write
	for i := range lines {
		_, _ = h.Write(lines[i][:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// canonical writes fields so that no two lists of fields give the same text.
func canonical(fields ...string) []byte {
	var out []byte
	for _, f := range fields {
		out = strconv.AppendInt(out, int64(len(f)), 10)
		out = append(append(out, ':'), f...)
	}
	return append(out, '\n')
}

func (e Entry) canonical() []byte {
	fields := []string{
		e.Ref, e.BankRef, strconv.FormatInt(e.Amount, 10), e.Currency, strconv.FormatBool(e.Credit),
		strconv.FormatBool(e.Reversal), day(e.BookingDay), day(e.ValueDay), e.EndToEndID, e.Remittance,
		strconv.Itoa(len(e.Details)),
	}
	for _, d := range e.Details {
		fields = append(fields, d.EndToEndID, d.BankRef, strconv.FormatInt(d.Amount, 10), d.Currency, d.Remittance, d.Reference)
	}
	return canonical(fields...)
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

func amountText(amount int64, known bool) string {
	if !known {
		return ""
	}
	return strconv.FormatInt(amount, 10)
}
