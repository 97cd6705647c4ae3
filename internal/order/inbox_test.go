package order_test

import (
	"fmt"
	"net/http"
	"testing"

	"exchequer/internal/authn"
	"exchequer/internal/bill"
	"exchequer/internal/booking"
	"exchequer/internal/finding"
	"exchequer/internal/order"
	"exchequer/internal/problem"
	"exchequer/providers"
)

func TestAMessageIsKeptAsItCameWithoutWhatNamesAPerson(t *testing.T) {
	r := newRig(t)
	raw := "vnp_TxnRef=\xff\x00&x=%zz"
	_, err := r.orders.Receive(ctx, "vnpay", providers.Notification{Method: "GET", RawQuery: raw, Header: http.Header{
		"Content-Type": {"text/plain"}, "X-Signature": {"s"}, "True-Client-Ip": {"203.0.113.7"}, "Cookie": {"c"}, "Proxy-Authorization": {"p"}}})
	r.must(err)
	var kept []byte
	var header map[string][]string
	r.must(r.pool.QueryRow(ctx, `SELECT raw_query, header FROM gateway.notification`).Scan(&kept, &header))
	if string(kept) != raw {
		t.Errorf("kept %q, came %q", kept, raw)
	}
	if len(header) != 2 || header["Content-Type"] == nil || header["X-Signature"] == nil {
		t.Errorf("kept the headers %v", header)
	}
}

func TestAPaymentThatWasNotMadeNeedsNoAmount(t *testing.T) {
	r := newRig(t)
	for name, tc := range map[string]struct {
		says providers.Observation
		want providers.Verdict
	}{
		"cancelled":                     {providers.Observation{Kind: providers.Cancelled}, providers.Accepted},
		"failed":                        {providers.Observation{Kind: providers.Failed}, providers.Accepted},
		"failed with another amount":    {providers.Observation{Kind: providers.Failed, Amount: 1}, providers.AmountDiffers},
		"succeeded without amount":      {providers.Observation{Kind: providers.Succeeded}, providers.AmountDiffers},
		"succeeded in another currency": {providers.Observation{Kind: providers.Succeeded, Amount: 100_000, Currency: "USD"}, providers.AmountDiffers},
	} {
		a := r.willed(r.open(r.bill(name, 100_000, 0)), "k")
		if got := r.says(a, tc.says); got != string(tc.want) {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestReadingAndJunkDoNotPileUpWork(t *testing.T) {
	r := newRig(t)
	a := r.willed(r.open(r.bill("D1", 100_000, 0)), "k")
	for range 20 {
		_, err := r.orders.ReadReturn(ctx, a.Ref)
		r.must(err)
	}
	if n := r.count(`SELECT count(*) FROM gateway.outbox WHERE kind = $1`, order.AskJob); n != 2 {
		t.Errorf("%d questions wait, want the first one of the start and one more", n)
	}
	for i := range finding.Cap + 5 {
		_, err := r.orders.Receive(ctx, "vnpay", providers.Notification{Method: "GET", RawQuery: fmt.Sprintf("vnp_TxnRef=%d", i)})
		r.must(err)
	}
	if n := r.count(`SELECT count(*) FROM gateway.finding`); n != finding.Cap+1 {
		t.Errorf("%d findings", n)
	}
}

func TestAReturnUnderAMalformedReference(t *testing.T) {
	r := newRig(t)
	for _, ref := range []string{"", "ab", "HNI", "HNI4567890123457A"} {
		if _, err := r.orders.ReadReturn(ctx, ref); problem.CodeOf(err) != problem.Invalid {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

func TestBillsOfSeveralBooksNeedOneTerminalAndTheSameTerms(t *testing.T) {
	r := newRig(t)
	fine, licence, power := r.bill("D1", 100_000, 0), r.billFor("driving_licence", "D2", 50_000, 0), r.billFor("electricity_household", "D3", 70_000, 0)
	for name, tc := range map[string]struct {
		provider string
		bills    []bill.Bill
		want     problem.Code
	}{
		"no contract for the second book": {"willed", []bill.Bill{fine, licence}, problem.Conflict},
		"no contract for the first book":  {"willed", []bill.Bill{licence, fine}, problem.NotFound},
		"another terminal and terms":      {"vnpay", []bill.Bill{licence, power}, problem.Conflict},
	} {
		_, err := r.orders.Start(ctx, portal, order.StartRequest{Order: r.open(tc.bills...).Ref, Provider: tc.provider, Key: "k"})
		if problem.CodeOf(err) != tc.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := r.count(`SELECT count(*) FROM gateway.attempt`); n != 0 {
		t.Errorf("%d attempts were made", n)
	}
	both := r.open(licence, fine)
	r.choose(r.start(both, "k"), "pay")
	r.must(r.sim.Tick(ctx))
	_, err := r.orders.ApplyWaiting(ctx, both.Book)
	r.must(err)
	if got, _ := r.orders.Get(ctx, portal, both.Ref); got.State != order.Paid {
		t.Errorf("order is %s", got.State)
	}
	for book, want := range map[string]int64{"BCA": 50_000, "HNI": 100_000} {
		if n := r.net(book, booking.Clearing("vnpay")); n != want {
			t.Errorf("clearing of %s is %d, want %d", book, n, want)
		}
	}
	r.verified()
}

func TestAnOrderKeepsItsClientsOrderAndIsPaidByItsOwnMoney(t *testing.T) {
	r := newRig(t)
	a, b := r.bill("D1", 30_000, 0), r.bill("D2", 70_000, 0)
	if a.Ref < b.Ref {
		a, b = b, a // the client's order is not that of the references
	}
	first, second := r.open(a, b), r.open(a, b)
	if first.Items[0].Bill != a.Ref || first.Items[1].Bill != b.Ref {
		t.Fatalf("items are %+v", first.Items)
	}
	left := r.willed(first, "k")
	r.told(left, providers.Observation{Kind: providers.Failed}, nil)
	r.told(r.willed(second, "k"), providers.Observation{Kind: providers.Succeeded, Amount: 100_000}, nil)
	// The first order's attempt was paid after all: all of it is excess.
	r.says(left, success)
	r.notify()
	for _, tc := range []struct {
		order order.Order
		want  order.State
	}{{first, order.Open}, {second, order.Paid}} {
		if got, _ := r.orders.Get(ctx, portal, tc.order.Ref); got.State != tc.want || got.Attempts[0].State != order.Succeeded {
			t.Errorf("order is %s, want %s; its attempt is %s", got.State, tc.want, got.Attempts[0].State)
		}
	}
}

func TestWhoMaySeeAndWhoMayDecide(t *testing.T) {
	r := newRig(t)
	o := r.open(r.bill("D1", 100_000, 0))
	a := r.start(o, "k")
	actor := func(id string, role authn.Role, books ...string) authn.Actor {
		return authn.Actor{ID: id, Role: role, Books: books}
	}
	for name, tc := range map[string]struct {
		actor      authn.Actor
		see, drive problem.Code // Internal: no refusal
	}{
		"its client":                  {portal, problem.Internal, problem.Internal},
		"its client without the book": {actor("portal", authn.Client, "BCA"), problem.NotFound, problem.NotFound},
		"another client":              {actor("other", authn.Client, "*"), problem.NotFound, problem.NotFound},
		"an officer of the book":      {actor("o", authn.Officer, "HNI"), problem.Internal, problem.Forbidden},
		"an officer of another book":  {actor("o", authn.Officer, "BCA"), problem.NotFound, problem.NotFound},
		"treasury of the book":        {actor("t", authn.Treasury, "*"), problem.Internal, problem.Forbidden},
		"the program":                 {authn.Exchequer("x"), problem.Internal, problem.Internal},
		"nobody":                      {authn.Actor{}, problem.Unauthenticated, problem.Unauthenticated},
	} {
		_, err := r.orders.Get(ctx, tc.actor, o.Ref)
		if (err != nil) != (tc.see != problem.Internal) || problem.CodeOf(err) != tc.see {
			t.Errorf("%s sees: %v", name, err)
		}
		_, err = r.orders.Start(ctx, tc.actor, order.StartRequest{Order: o.Ref, Provider: "vnpay", Key: "other"})
		want := tc.drive
		if want == problem.Internal {
			want = problem.Conflict // an attempt is live
		}
		if problem.CodeOf(err) != want {
			t.Errorf("%s starts: %v", name, err)
		}
		if tc.drive == problem.Internal {
			continue
		}
		if _, err = r.orders.Abandon(ctx, tc.actor, a.Ref); problem.CodeOf(err) != tc.drive {
			t.Errorf("%s abandons: %v", name, err)
		}
	}
}
