package reconciliation

import (
	"cmp"
	"slices"

	"exchequer/internal/money"
)

// BreakKind says how their books and ours do not agree. The set is closed.
type BreakKind string

// The kinds of break.
const (
	MissingThere  BreakKind = "missing_there"  // we booked a payment that their file should name and does not
	MissingHere   BreakKind = "missing_here"   // their file names a payment we do not know
	AmountDiffers BreakKind = "amount_differs" // both know it, with different amounts
	Duplicate     BreakKind = "duplicate"      // named, or paid, a second time
	UnknownCredit BreakKind = "unknown_credit" // money arrived that names nothing we know
	UnknownDebit  BreakKind = "unknown_debit"  // money left that names nothing we know
	BatchDiffers  BreakKind = "batch_differs"  // a batch states another sum than its lines have
	CreditDiffers BreakKind = "credit_differs" // a credit names a batch but has another amount
)

// Matched is the outcome of a line or an entry without a break.
const Matched BreakKind = ""

// Awaited is one amount that we wait for, in minor units. A payment of several books is awaited once in each.
type Awaited struct {
	Book     string
	Ref      string // the payment's reference
	Amount   int64
	KeptBack bool // the contract lets the partner keep its fee back from what it pays over
	Named    bool // an earlier file named it
}

// Line is one payment in a partner's file. Amounts are minor units.
type Line struct {
	Ref    string
	Amount int64
	Fee    int64 // kept back
}

// Part is what of a line goes to one awaited amount: Amount leaves what the partner owes us, Fee of it never arrives.
type Part struct {
	Book   string
	Amount int64
	Fee    int64
	// Expected is the awaited amount, to see whether it is met in full.
	Expected int64
}

// Outcome is what became of a line.
type Outcome struct {
	Kind     BreakKind // Matched, MissingHere, AmountDiffers, Duplicate
	Expected int64     // what we wait for under this reference, in all books
	Parts    []Part    // by book; none where the line meets nothing
	// Rest is what the line brings (Amount - Fee) beyond its parts: nobody's so far. Below zero only where a line takes
	// a fee larger than its amount.
	Rest int64
}

// MatchPayments meets a file's lines with what is awaited, by exact reference. outcomes[i] is that of lines[i]: the
// first line of a reference meets it, later ones are duplicates. missing gives what no line named and no earlier file
// did, by reference and book. The order of awaited does not matter.
func MatchPayments(awaited []Awaited, lines []Line) (outcomes []Outcome, missing []Awaited) {
	byRef := make(map[string][]Awaited, len(awaited))
	for _, a := range awaited {
		byRef[a.Ref] = append(byRef[a.Ref], a)
	}
	for _, group := range byRef {
		slices.SortFunc(group, func(a, b Awaited) int { return cmp.Compare(a.Book, b.Book) })
	}
	outcomes = make([]Outcome, len(lines))
	seen := make(map[string]bool, len(lines))
	for i, l := range lines {
		group := byRef[l.Ref]
		named := slices.ContainsFunc(group, func(a Awaited) bool { return a.Named })
		switch {
		case seen[l.Ref] || named:
			outcomes[i] = Outcome{Kind: Duplicate, Expected: awaitedSum(group), Rest: l.Amount - l.Fee}
		case len(group) == 0:
			outcomes[i] = Outcome{Kind: MissingHere, Rest: l.Amount - l.Fee}
		default:
			outcomes[i] = meetLine(group, l)
		}
		seen[l.Ref] = true
	}
	for _, a := range awaited {
		if !seen[a.Ref] && !a.Named {
			missing = append(missing, a)
		}
	}
	slices.SortFunc(missing, func(a, b Awaited) int {
		return cmp.Or(cmp.Compare(a.Ref, b.Ref), cmp.Compare(a.Book, b.Book))
	})
	return outcomes, missing
}

// meetLine shares a line out over the books that wait for it. What is short is shared by largest remainder; what is over
// goes to nobody. A fee is borne where the contract says that it is kept back. Where no contract does, the partner
// simply pays less than it owes.
func meetLine(group []Awaited, l Line) Outcome {
	out := Outcome{Expected: awaitedSum(group), Rest: l.Amount - l.Fee}
	gross, fee := l.Amount, l.Fee
	if !slices.ContainsFunc(group, func(a Awaited) bool { return a.KeptBack }) {
		gross, fee = l.Amount-l.Fee, 0
	}
	if gross != out.Expected {
		out.Kind = AmountDiffers
	}
	if gross <= 0 || l.Amount <= 0 || l.Fee < 0 {
		out.Kind = AmountDiffers
		return out
	}
	parts, ok := shareOut(group, min(gross, out.Expected), fee)
	if !ok {
		out.Kind = AmountDiffers
		return out
	}
	out.Parts = parts
	for _, p := range parts {
		out.Rest -= p.Amount - p.Fee
	}
	return out
}

// shareOut gives false where the fee is more than what it can be kept back from.
func shareOut(group []Awaited, gross, fee int64) ([]Part, bool) {
	weights := make([]int64, len(group))
	for i, a := range group {
		weights[i] = a.Amount
	}
	amounts, err := money.Split(gross, weights)
	if err != nil {
		return nil, false
	}
	parts := make([]Part, len(group))
	var bearing int64
	for i, a := range group {
		parts[i] = Part{Book: a.Book, Amount: amounts[i], Expected: a.Amount}
		weights[i] = 0
		if a.KeptBack {
			weights[i] = amounts[i]
			bearing += amounts[i]
		}
	}
	if fee > bearing {
		return nil, false
	}
	if fee == 0 {
		return parts, true
	}
	fees, err := money.Split(fee, weights)
	if err != nil {
		return nil, false
	}
	for i := range parts {
		parts[i].Fee = fees[i]
	}
	return parts, true
}

func awaitedSum(group []Awaited) int64 {
	var sum int64
	for _, a := range group {
		sum += a.Amount
	}
	return sum
}
