package order_test

import (
	"strings"
	"testing"
	"time"

	"exchequer/internal/bill"
	"exchequer/internal/booking"
	"exchequer/internal/fee"
	"exchequer/internal/order"
	"exchequer/internal/problem"
	"exchequer/internal/quote/quotetest"
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

// A version that was published since the bill was made begins today: the bill's amount is not asked for any more.
func TestABillThatAPublishedVersionEndedIsNotPaid(t *testing.T) {
	r := newRig(t)
	b := r.bill("d-1", 100_000, 0)
	o := r.open(b)
	text := string(tariff("traffic_fine", "state_treasury", line("fine", "amount"), line("late_charge", "late")))
	later, err := quotetest.Tariffs(fee.Documents{"traffic_fine.yaml": []byte(
		strings.NewReplacer("from: 2020-01-01,", "from: 2020-01-01, to: 2025-06-01,", "on: 2025-06-02", "on: 2025-06-01").Replace(text))})
	r.must(err)
	later.Revision = 2
	r.orders.Law = later
	if _, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "vnpay", Key: "k"}); problem.CodeOf(err) != problem.Conflict {
		t.Errorf("an attempt was started: %v", err)
	}
	if _, err := r.orders.Open(ctx, portal, newOrderRef(b.Book), []string{b.Ref}); problem.CodeOf(err) != problem.Conflict {
		t.Errorf("an order was opened: %v", err)
	}
	if n := r.count(`SELECT count(*) FROM gateway.claim`); n != 0 {
		t.Errorf("%d claims", n)
	}
}
