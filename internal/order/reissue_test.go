package order_test

import (
	"testing"
	"time"

	"exchequer/internal/bill"
	"exchequer/internal/booking"
	"exchequer/internal/order"
	"exchequer/internal/problem"
	"exchequer/providers"
)

// Money was taken in time for a bill whose next edition is out when the provider says so: it is the payer's, because
// the next edition asks for all of it again.
func TestALateWordOnABillThatWasIssuedAgainIsExcess(t *testing.T) {
	r := newRig(t)
	old := r.bill("d-1", 100_000, 0)
	o := r.open(old)
	a, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "willed", Key: "k"})
	r.must(err)
	said := providers.Observation{Reference: a.Ref, Merchant: a.Merchant, Kind: providers.Pending, Currency: "VND"}
	r.bank.query = func() (providers.Observation, error) { return said, nil }
	_, err = r.orders.Abandon(ctx, portal, a.Ref)
	r.must(err)
	paid := r.clock.Now()
	r.clock.advance(3 * time.Hour)
	next := r.bill("d-1", 100_000, 0)
	if next.Ref == old.Ref {
		t.Fatal("the bill was not issued again")
	}
	if _, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "willed", Key: "k-2"}); problem.CodeOf(err) != problem.Conflict {
		t.Errorf("the old edition can still be paid: %v", err)
	}

	said.Kind, said.Amount, said.Occurred = providers.Succeeded, 100_000, paid
	r.told(a, said, nil)
	for ref, due := range map[string]int64{old.Ref: 100_000, next.Ref: 100_000} {
		b, err := r.bills.Get(ctx, portal, ref)
		r.must(err)
		if b.State != bill.Open || b.Due() != due {
			t.Errorf("%+v", b)
		}
	}
	if got := r.net("HNI", booking.Excess); got != 100_000 {
		t.Errorf("excess %d", got)
	}
	r.verified()
}
