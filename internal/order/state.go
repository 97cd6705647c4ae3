package order

import (
	"context"

	"github.com/jackc/pgx/v5"

	"exchequer/providers"
)

// AttemptState is how far an attempt is.
type AttemptState string

// The states of an attempt. AttemptExpired is our word and never a provider's: it is set only after the provider was
// asked past the window and knew no payment, or one that nobody had finished.
const (
	Created          AttemptState = "created"
	Pending          AttemptState = "pending"
	Unknown          AttemptState = "unknown"
	Authorised       AttemptState = "authorised"
	Succeeded        AttemptState = "succeeded"
	Failed           AttemptState = "failed"
	AttemptCancelled AttemptState = "cancelled"
	Abandoned        AttemptState = "abandoned"
	AttemptExpired   AttemptState = "expired"
	AttemptReversed  AttemptState = "reversed"
)

// event is what can happen to an attempt: our own acts and a provider's words.
type event string

const (
	started    event = "started"     // the provider took the request
	refused    event = "refused"     // the provider certainly did not take it
	unclear    event = "unclear"     // it may have
	abandon    event = "abandon"     // the payer turned to another provider
	windowOver event = "window_over" // asked past the window: the provider knows no payment, or one that was never finished
	authorised event = event(providers.Authorised)
	pending    event = event(providers.Pending)
	succeeded  event = event(providers.Succeeded)
	failed     event = event(providers.Failed)
	cancelled  event = event(providers.Cancelled)
	reversed   event = event(providers.Reversed)
)

// effect is what a change of state does besides.
type effect int

const (
	keep     effect = iota // nothing
	book                   // books rows 1, 10 and 11 of the accountant's table, releases the claims
	release                // releases the claims: another attempt may be made
	escalate               // the money moved against a booked payment: a finding reaches a person
)

type change struct {
	to AttemptState
	do effect
}

// changes is every pair of state and event that means something; any other pair changes nothing.
//
// failed, cancelled, abandoned and expired go to succeeded on the provider's proof: the money is there. What it pays
// for is decided when it is booked: the bill if it is still owed, the payer's excess otherwise.
var changes = map[AttemptState]map[event]change{
	Created: {
		started: {Pending, keep}, refused: {Failed, release}, unclear: {Unknown, keep}, pending: {Pending, keep},
		authorised: {Authorised, keep}, succeeded: {Succeeded, book}, failed: {Failed, release}, cancelled: {AttemptCancelled, release},
		reversed: {AttemptReversed, release}, abandon: {Abandoned, release}, windowOver: {AttemptExpired, release},
	},
	Pending: {
		unclear: {Unknown, keep}, authorised: {Authorised, keep}, succeeded: {Succeeded, book}, failed: {Failed, release},
		cancelled: {AttemptCancelled, release}, reversed: {AttemptReversed, release},
		abandon: {Abandoned, release}, windowOver: {AttemptExpired, release},
	},
	Unknown: {
		started: {Pending, keep}, pending: {Pending, keep}, authorised: {Authorised, keep}, succeeded: {Succeeded, book}, failed: {Failed, release},
		cancelled: {AttemptCancelled, release}, reversed: {AttemptReversed, release},
		abandon: {Abandoned, release}, windowOver: {AttemptExpired, release},
	},
	// Authorised money is the payer's no longer: it can only be captured or come back, not be abandoned.
	Authorised: {
		succeeded: {Succeeded, book}, failed: {Failed, release}, cancelled: {AttemptCancelled, release},
		reversed: {AttemptReversed, release},
	},
	// Abandoned is still watched until the provider's word is certain. Its claims are given back, so being authorised
	// does not bring it back to life.
	Abandoned: {
		succeeded: {Succeeded, book}, failed: {Failed, keep}, cancelled: {AttemptCancelled, keep},
		reversed: {AttemptReversed, keep}, windowOver: {AttemptExpired, keep},
	},
	Failed:           {succeeded: {Succeeded, book}},
	AttemptCancelled: {succeeded: {Succeeded, book}},
	AttemptExpired:   {succeeded: {Succeeded, book}},
	Succeeded:        {reversed: {Succeeded, escalate}},
	// A provider may take a reversal back: the money is there, and nothing of it is booked.
	AttemptReversed: {succeeded: {Succeeded, book}},
}

// next gives the change an event makes, false when it makes none.
func next(from AttemptState, e event) (change, bool) {
	c, ok := changes[from][e]
	return c, ok
}

// orderEvent is what can happen to an order.
type orderEvent string

// allPaid: each of the order's bills was paid in full by this order's own attempts. What came for bills that others had
// paid is excess and pays no order.
const allPaid orderEvent = "all_paid"

// orderChanges is every pair of order state and event that means something. Refunds and reversals of booked payments
// will lead on from paid.
var orderChanges = map[State]map[orderEvent]State{
	Open:      {allPaid: Paid},
	Cancelled: {allPaid: Paid}, // a late success, as with an attempt
	Expired:   {allPaid: Paid},
}

// changeOrderTx brings an order whose row is locked on by an event. One that the event does not concern stays as it is.
func (s *Service) changeOrderTx(ctx context.Context, tx pgx.Tx, book, ref string, e orderEvent) error {
	var state State
	err := tx.QueryRow(ctx, `SELECT state FROM gateway.payment_order WHERE book = $1 AND ref = $2`, book, ref).Scan(&state)
	if err != nil {
		return err
	}
	to, ok := orderChanges[state][e]
	if !ok {
		return nil
	}
	_, err = tx.Exec(ctx, `UPDATE gateway.payment_order SET state = $3, updated_at = $4 WHERE book = $1 AND ref = $2`, book, ref, to, s.now())
	return err
}

// Certain reports whether a state needs no more asking.
func (s AttemptState) Certain() bool {
	switch s {
	case Succeeded, Failed, AttemptCancelled, AttemptExpired, AttemptReversed:
		return true
	}
	return false
}

// live reports whether an attempt in this state holds the claims on its bills.
func (s AttemptState) live() bool { return !s.Certain() && s != Abandoned }
