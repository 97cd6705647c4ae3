package reconciliation

import (
	"strings"
	"unicode"
)

// Entry is one line of a bank statement. Amount is in minor units, above zero.
type Entry struct {
	Credit     bool
	Amount     int64
	EndToEndID string // as the payer's bank, or ours, was given it
	Remittance string // free text
	Reversal   bool   // the bank takes back what it booked
}

// Match is what an entry turns out to be.
type Match string

// What an entry can be. A broken one has a BreakKind instead.
const (
	Settlement Match = "settlement" // a provider pays a batch over
	Payout     Match = "payout"     // the bank has paid what we instructed
	Funding    Match = "funding"    // the gateway's own money
)

// Owed is one amount that a statement is expected to show, under its name: a batch, a payout, a funding transfer.
type Owed struct {
	Match  Match
	Name   string
	Amount int64
	Book   string // whose it is
	From   string // the provider of a batch
	Done   bool   // an earlier entry showed it
}

// Verdict is what an entry is: it shows what is owed, or it is a break, or (a transfer of the gateway's own money in
// another amount) both.
type Verdict struct {
	Owed  Owed // zero where the entry names nothing we know
	Break BreakKind
}

// MatchEntry decides what an entry is, given everything owed whose name the entry mentions (Mentions). It is a break
// where it names nothing, several things, or something with another amount. A reversal never meets anything: whoever
// takes money back is not paying what he owes.
func MatchEntry(e Entry, mentioned []Owed) Verdict {
	unknown := UnknownDebit
	if e.Credit {
		unknown = UnknownCredit
	}
	if e.Reversal {
		return Verdict{Break: unknown}
	}
	var open, done []Owed
	for _, o := range mentioned {
		switch {
		case (o.Match == Payout) == e.Credit:
		case o.Done:
			done = append(done, o)
		default:
			open = append(open, o)
		}
	}
	switch {
	case len(open) == 1:
		return Verdict{Owed: open[0], Break: compare(e, open[0])}
	case len(open) == 0 && len(done) == 1:
		return Verdict{Owed: done[0], Break: Duplicate}
	default:
		return Verdict{Break: unknown}
	}
}

func compare(e Entry, o Owed) BreakKind {
	switch {
	case e.Amount == o.Amount:
		return Matched
	case o.Match == Settlement:
		return CreditDiffers
	default:
		return AmountDiffers
	}
}

// Mentions gives the names that an entry may mention: a debit's EndToEndId; of a credit also each word of the
// remittance text, since few banks hand the payer's EndToEndId on. What ends a sentence or a bracket is no part of a
// word.
func Mentions(e Entry) []string {
	var names []string
	if e.EndToEndID != "" {
		names = append(names, e.EndToEndID)
	}
	if !e.Credit {
		return names
	}
	words := strings.FieldsFunc(e.Remittance, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./", r)
	})
	for _, w := range words {
		if w = strings.Trim(w, "-_./"); w != "" {
			names = append(names, w)
		}
	}
	return names
}
