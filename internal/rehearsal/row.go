package rehearsal

import (
	"encoding/json"

	"exchequer/internal/bill"
	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// Bill is a stored bill as far as a rehearsal needs it. Amounts are whole đồng; Payer is a subject id.
type Bill struct {
	Book, Body, Service   string
	Ref, SourceRef, Payer string
	Date                  calendar.Date
	State                 bill.State
	Charged, Paid         int64
	Inputs                json.RawMessage
}

// Result is what a law says about a bill: an amount in whole đồng, or a refusal.
type Result struct {
	Amount  int64
	Refusal *problem.Error
}

// Outcome is what a draft does to a bill.
type Outcome string

// The outcomes. Refused: the draft has no certain amount for the case. Invalid: it asks for other inputs.
const (
	Same    Outcome = "same"
	More    Outcome = "more"
	Less    Outcome = "less"
	Refused Outcome = "refused"
	Invalid Outcome = "invalid"
)

// Row is one bill under the law in force and under the draft; of a Moved one both are for another day than its own.
type Row struct {
	Bill
	Moved   bool
	InForce Result
	Draft   Result
}

// Before is what the draft is held against, in đồng: what was charged, and of a moved bill what the law in force asks on
// its new day, where it gives an amount.
func (r *Row) Before() int64 {
	if r.Moved && r.InForce.Refusal == nil {
		return r.InForce.Amount
	}
	return r.Charged
}

// Outcome says what the draft does.
func (r *Row) Outcome() Outcome {
	switch d := r.Difference(); {
	case r.Draft.Refusal != nil && r.Draft.Refusal.Code == problem.Invalid:
		return Invalid
	case r.Draft.Refusal != nil:
		return Refused
	case d > 0:
		return More
	case d < 0:
		return Less
	}
	return Same
}

// Difference is by how many đồng the draft asks for more than Before; 0 where it gives no amount.
func (r *Row) Difference() int64 {
	if r.Draft.Refusal != nil {
		return 0
	}
	return r.Draft.Amount - r.Before()
}

// Overpaid is by how many đồng the payment of the bill is above what the draft asks; 0 where it gives no amount.
func (r *Row) Overpaid() int64 { return max(0, r.paidAbove()) }

// Underpaid is by how many đồng it is below.
func (r *Row) Underpaid() int64 { return max(0, -r.paidAbove()) }

func (r *Row) paidAbove() int64 {
	if r.State != bill.Paid || r.Moved || r.Draft.Refusal != nil {
		return 0
	}
	return r.Paid - r.Draft.Amount
}
