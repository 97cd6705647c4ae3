package order_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"exchequer/internal/booking"
	"exchequer/internal/finding"
	"exchequer/internal/order"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
	"exchequer/ledger"
	"exchequer/providers"
	"exchequer/providers/vnpay/simulator"
)

func newOrderRef(book string) string { return reference.New(book) }

func TestAPaymentIsBookedOnceHoweverOftenItIsNotified(t *testing.T) {
	r := newRig(t)
	b := r.bill("D1", 500_000, 2_750)
	o := r.open(b)
	a := r.start(o, "k1")
	r.fault(simulator.Fault{TxnRef: a.Ref, Kind: simulator.IPNDuplicated})
	r.choose(a, "pay")
	r.notify()
	if got := r.attempt(o, 0); got.State != order.Succeeded || got.ProviderID == "" || got.OccurredAt == nil {
		t.Fatalf("attempt is %+v", got)
	}
	got, _ := r.orders.Get(ctx, portal, o.Ref)
	paid, _ := r.bills.Get(ctx, portal, b.Ref)
	if got.State != order.Paid || paid.Paid != 502_750 {
		t.Errorf("order %s, bill paid %d", got.State, paid.Paid)
	}
	for code, want := range map[string]int64{
		booking.Clearing("vnpay"): 502_750, booking.Payable("KBNN-HNI", "4252"): 500_000,
		booking.Payable("KBNN-HNI", "EX4299"): 2_750, booking.Excess: 0,
	} {
		if n := r.net("HNI", code); n != want {
			t.Errorf("%s = %d, want %d", code, n, want)
		}
	}
	if n := r.count(`SELECT count(*) FROM gateway.claim`); n != 0 {
		t.Errorf("%d claims are left", n)
	}
	if n := r.count(`SELECT count(*) FROM gateway.expectation WHERE amount = 502750 AND day = '2025-06-02' AND due_day = '2025-06-03'`); n != 1 {
		t.Errorf("%d expectations", n)
	}
	if n := r.count(`SELECT count(*) FROM gateway.notification WHERE state IN ('applied', 'duplicate')`); n != 2 {
		t.Errorf("%d notifications handled, want 2", n)
	}
	r.verified()
}

func TestBothAttemptsSucceedAndTheSecondIsExcess(t *testing.T) {
	r := newRig(t)
	o := r.open(r.bill("D1", 900_000, 0))
	first := r.start(o, "k1")
	r.fault(simulator.Fault{TxnRef: first.Ref, Kind: simulator.IPNLate})
	if _, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "vnpay", Key: "k2"}); problem.CodeOf(err) != problem.Conflict {
		t.Fatalf("a second attempt beside a live one: %v", err)
	}
	if _, err := r.orders.Abandon(ctx, portal, first.Ref); err != nil {
		t.Fatal(err)
	}
	second := r.start(o, "k2")
	r.choose(second, "pay")
	r.choose(first, "pay") // its page is still open in another tab
	r.notify()
	// The first attempt is still watched: the janitor finds that it was paid.
	r.ask(first)
	if a, b := r.attempt(o, 0).State, r.attempt(o, 1).State; a != order.Succeeded || b != order.Succeeded {
		t.Fatalf("attempts are %s and %s", a, b)
	}
	if n := r.net("HNI", booking.Excess); n != 900_000 {
		t.Errorf("excess %d, want 900000", n)
	}
	if n := r.net("HNI", booking.Payable("KBNN-HNI", "4252")); n != 900_000 {
		t.Errorf("payable %d, want 900000", n)
	}
	if n := r.count(`SELECT count(*) FROM gateway.payment WHERE excess = 900000`); n != 1 {
		t.Errorf("%d payments to be refunded", n)
	}
	r.verified()
}

func TestALyingAmountIsRefusedAndTheQuestionSettlesIt(t *testing.T) {
	r := newRig(t)
	o := r.open(r.bill("D1", 300_000, 0))
	a := r.start(o, "k1")
	r.fault(simulator.Fault{TxnRef: a.Ref, Kind: simulator.IPNWrongAmount, Amount: 1})
	r.choose(a, "pay")
	r.notify()
	if s := r.attempt(o, 0).State; s != order.Pending {
		t.Fatalf("attempt is %s after a lying notification", s)
	}
	r.ask(a)
	if s := r.attempt(o, 0).State; s != order.Succeeded {
		t.Errorf("attempt is %s after the question", s)
	}
	if n := r.count(`SELECT count(*) FROM gateway.finding WHERE kind = 'wrong_amount'`); n != 1 {
		t.Errorf("%d findings", n)
	}
	if n := r.count(`SELECT count(*) FROM gateway.notification WHERE state = 'refused' AND verdict = 'amount_differs'`); n != 1 {
		t.Errorf("%d refused notifications", n)
	}
}

func TestAForgedNotificationChangesNothingAndItsRepeatsAreOneFinding(t *testing.T) {
	r := newRig(t)
	o := r.open(r.bill("D1", 300_000, 0))
	a := r.start(o, "k1")
	r.fault(simulator.Fault{TxnRef: a.Ref, Kind: simulator.IPNBadSignature})
	r.choose(a, "pay")
	for range 3 {
		r.notify()
		r.clock.advance(6 * time.Minute)
	}
	if n := r.count(`SELECT coalesce(sum(count), 0) FROM gateway.finding WHERE kind = 'bad_signature'`); n < 2 {
		t.Errorf("seen %d times", n)
	}
	if n := r.count(`SELECT count(*) FROM gateway.finding`); n != 1 {
		t.Errorf("%d findings", n)
	}
	if n := r.count(`SELECT count(*) FROM ledger.transactions`); n != 0 {
		t.Errorf("%d ledger transactions", n)
	}
	if s := r.attempt(o, 0).State; s != order.Pending {
		t.Errorf("attempt is %s", s)
	}
}

func TestNotificationsOfUnknownAndOthersOrders(t *testing.T) {
	r := newRig(t)
	reply, err := r.orders.Receive(ctx, "vnpay", providers.Notification{Method: "GET", RawQuery: "vnp_TxnRef=NOPE"})
	if err != nil || reply.Status != 200 {
		t.Fatalf("%v %v", reply, err)
	}
	if _, err := r.orders.Receive(ctx, "nobody", providers.Notification{}); problem.CodeOf(err) != problem.NotFound {
		t.Errorf("unknown provider: %v", err)
	}
	if n := r.count(`SELECT count(*) FROM gateway.notification WHERE state = 'refused' AND book = '000'`); n != 1 {
		t.Errorf("%d refused notifications", n)
	}
}

func TestNotKnowingIsNeverAFailure(t *testing.T) {
	r := newRig(t)
	b := r.bill("D1", 100_000, 0)
	o := r.open(b)
	r.bank.start = errors.Join(providers.ErrUnknown, errors.New("time-out"))
	a, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "willed", Key: "k"})
	if err != nil || a.State != order.Unknown {
		t.Fatalf("%s %v", a.State, err)
	}
	for _, answer := range []error{providers.ErrUnknown, nil} {
		r.told(a, providers.Observation{Kind: providers.NotKnown}, answer)
		if s := r.attempt(o, 0).State; s != order.Unknown {
			t.Fatalf("attempt is %s inside its window", s)
		}
	}
	if _, err := r.orders.Start(ctx, portal, order.StartRequest{Order: r.open(b).Ref, Provider: "vnpay", Key: "k"}); problem.CodeOf(err) != problem.Conflict {
		t.Errorf("another order claims the bill: %v", err)
	}
	r.clock.advance(time.Hour)
	r.told(a, providers.Observation{}, providers.ErrUnknown)
	if s := r.attempt(o, 0).State; s != order.Unknown {
		t.Fatalf("attempt is %s though the provider could not be asked", s)
	}
	r.told(a, providers.Observation{Kind: providers.NotKnown}, nil)
	if s := r.attempt(o, 0).State; s != order.AttemptExpired {
		t.Fatalf("attempt is %s past its window", s)
	}
	r.start(r.open(b), "k3")
}

func TestALateSuccessAfterExpiryPaysTheBillThatIsStillOwed(t *testing.T) {
	r := newRig(t)
	b := r.bill("D1", 100_000, 0)
	o := r.open(b)
	a, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "willed", Key: "k"})
	r.must(err)
	taken := r.clock.Now().Add(time.Minute)
	r.clock.advance(time.Hour)
	r.told(a, providers.Observation{Kind: providers.NotKnown}, nil)
	r.bank.read = providers.Observation{Reference: a.Ref, Merchant: "w", Kind: providers.Succeeded, Amount: 100_000, Currency: "VND", Occurred: taken}
	_, err = r.orders.Receive(ctx, "willed", providers.Notification{Method: "POST"})
	r.must(err)
	r.notify()
	if got, _ := r.bills.Get(ctx, portal, b.Ref); got.Due() != 0 {
		t.Errorf("the bill still owes %d", got.Due())
	}
	if n := r.net("HNI", booking.Excess); n != 0 {
		t.Errorf("excess %d", n)
	}
}

func TestWhatDoesNotFitTheBillIsExcess(t *testing.T) {
	for name, tc := range map[string]struct {
		took            int64
		late            time.Duration
		payable, excess int64
	}{
		"exact":             {100_000, 0, 100_000, 0},
		"under-payment":     {60_000, 0, 0, 60_000},
		"over-payment":      {120_000, 0, 100_000, 20_000},
		"bill expired":      {100_000, 3 * time.Hour, 0, 100_000},
		"expired and above": {120_000, 3 * time.Hour, 0, 120_000},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			o := r.open(r.bill("D1", 100_000, 0))
			a, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "willed", Key: "k"})
			r.must(err)
			r.clock.advance(tc.late)
			r.told(a, providers.Observation{Kind: providers.Succeeded, Amount: tc.took, Occurred: r.clock.Now()}, nil)
			if n := r.findings(finding.WrongAmount); n != map[bool]int{true: 1}[tc.took != 100_000] {
				t.Errorf("%d findings of a wrong amount", n)
			}
			if n := r.net("HNI", booking.Payable("KBNN-HNI", "4252")); n != tc.payable {
				t.Errorf("payable %d, want %d", n, tc.payable)
			}
			if n := r.net("HNI", booking.Excess); n != tc.excess {
				t.Errorf("excess %d, want %d", n, tc.excess)
			}
			r.verified()
		})
	}
}

func TestManyOrdersOnOneBillGiveOneLiveAttempt(t *testing.T) {
	r := newRig(t)
	b := r.bill("D1", 100_000, 0)
	var orders []order.Order
	for range 8 {
		orders = append(orders, r.open(b))
	}
	var wg sync.WaitGroup
	won := make(chan string, len(orders))
	for i, o := range orders {
		wg.Go(func() {
			a, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "vnpay", Key: fmt.Sprint(i)})
			switch {
			case err == nil:
				won <- a.Ref
			case problem.CodeOf(err) != problem.Conflict:
				t.Errorf("start: %v", err)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d attempts are live on one bill", len(won))
	}
}

func TestTheSameRequestNeverStartsASecondAttempt(t *testing.T) {
	r := newRig(t)
	o := r.open(r.bill("D1", 100_000, 0))
	a := r.start(o, "k1")
	if again := r.start(o, "k1"); again.Ref != a.Ref || again.Action.URL != a.Action.URL {
		t.Errorf("the same request gave %s after %s", again.Ref, a.Ref)
	}
	r.choose(a, "cancel")
	r.notify()
	if s := r.attempt(o, 0).State; s != order.AttemptCancelled {
		t.Errorf("attempt is %s", s)
	}
	if b := r.start(o, "k2"); b.Ref != reference.Attempt(o.Ref, 1) {
		t.Errorf("the next attempt is %s", b.Ref)
	}
}

func TestOneBadNotificationDoesNotHoldUpItsNeighbours(t *testing.T) {
	r := newRig(t)
	var attempts []order.Attempt
	for i := range 3 {
		a := r.start(r.open(r.bill(fmt.Sprint(i), 100_000, 0)), "k")
		r.choose(a, "pay")
		attempts = append(attempts, a)
	}
	// Somebody posted something else under the second one's reference: the ledger refuses it.
	bad := ledger.Transaction{Book: "HNI", Reference: attempts[1].Ref, Kind: "other", Occurred: r.clock.Now(),
		Day: time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC), Postings: []ledger.Posting{{
			Debit: booking.Clearing("other"), Credit: booking.Excess, Amount: 1, Currency: "VND"}}}
	tx, err := r.pool.Begin(ctx)
	r.must(err)
	r.must(r.ledger.OpenAccountsTx(ctx, tx, booking.AccountsFor([]ledger.Transaction{bad})))
	res, err := r.ledger.PostTx(ctx, tx, []ledger.Transaction{bad})
	r.must(err)
	r.must(ledger.FirstRefusal(res))
	r.must(tx.Commit(ctx))

	r.must(r.sim.Tick(ctx))
	if _, err := r.orders.ApplyWaiting(ctx, "HNI"); err != nil {
		t.Fatal(err)
	}
	var states []order.AttemptState
	for _, a := range attempts {
		got, err := r.orders.Get(ctx, portal, a.Order)
		r.must(err)
		states = append(states, got.Attempts[0].State)
	}
	if states[0] != order.Succeeded || states[1] != order.Pending || states[2] != order.Succeeded {
		t.Errorf("attempts are %v", states)
	}
	if n := r.count(`SELECT count(*) FROM gateway.notification WHERE state = 'failed'`); n != 1 {
		t.Errorf("%d notifications are put aside", n)
	}
	if n := r.count(`SELECT count(*) FROM gateway.notification WHERE state = 'received'`); n != 0 {
		t.Errorf("%d notifications hold up the book", n)
	}
	if n := r.findings(finding.NotApplied); n != 1 {
		t.Errorf("%d findings of what could not be applied", n)
	}
}

func TestBillsThatCannotBePaid(t *testing.T) {
	r := newRig(t)
	zero := r.bill("D0", 0, 0)
	paid := r.bill("D1", 1_000, 0)
	o := r.open(paid)
	r.choose(r.start(o, "k"), "pay")
	r.notify()
	old := r.bill("D2", 1_000, 0)
	for name, tc := range map[string]struct {
		bills []string
		want  problem.Code
	}{
		"nothing due": {[]string{zero.Ref}, problem.Conflict},
		"paid":        {[]string{paid.Ref}, problem.Conflict},
		"unknown":     {[]string{reference.New("HNI")}, problem.NotFound},
		"mistyped":    {[]string{"HNI"}, problem.Invalid},
		"named twice": {[]string{old.Ref, old.Ref}, problem.Invalid},
		"no bill":     {nil, problem.Invalid},
	} {
		if _, err := order.Home(tc.bills); err != nil {
			if problem.CodeOf(err) != tc.want {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		_, err := r.orders.Open(ctx, portal, reference.New("HNI"), tc.bills)
		if problem.CodeOf(err) != tc.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.clock.advance(3 * time.Hour)
	if _, err := r.orders.Open(ctx, portal, reference.New("HNI"), []string{old.Ref}); problem.CodeOf(err) != problem.Conflict {
		t.Errorf("expired: %v", err)
	}
	if n := r.count(`SELECT count(*) FROM gateway.payment_order`); n != 1 {
		t.Errorf("%d orders were written", n)
	}
}

func TestAPayerHasNoLongerThanTheBillHolds(t *testing.T) {
	r := newRig(t)
	b := r.bill("D1", 1_000, 0)
	r.clock.advance(b.ValidUntil.Sub(r.clock.Now()) - 5*time.Minute)
	o := r.open(b)
	if a := r.start(o, "k"); !a.ExpiresAt.Equal(b.ValidUntil) {
		t.Errorf("the provider may take money until %s, the bill holds until %s", a.ExpiresAt, b.ValidUntil)
	}
	other := r.bill("D2", 1_000, 0)
	o = r.open(other)
	r.clock.advance(other.ValidUntil.Sub(r.clock.Now()) - time.Minute)
	if _, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "vnpay", Key: "k2"}); problem.CodeOf(err) != problem.Conflict {
		t.Errorf("a minute before the end: %v", err)
	}
}

func TestAWordThatDecidesNothingIsTakenAndAskedAbout(t *testing.T) {
	r := newRig(t)
	o := r.open(r.bill("D1", 100_000, 0))
	a, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "willed", Key: "k"})
	r.must(err)
	r.bank.read = providers.Observation{Reference: a.Ref, Merchant: "w", Kind: providers.Uncertain, Amount: 100_000, Currency: "VND"}
	r.clock.advance(10 * time.Second)
	_, err = r.orders.Receive(ctx, "willed", providers.Notification{Method: "POST"})
	r.must(err)
	if n := r.count(`SELECT count(*) FROM gateway.notification WHERE verdict = 'accepted'`); n != 1 {
		t.Errorf("%d notifications are taken", n)
	}
	if n := r.count(`SELECT count(*) FROM gateway.outbox WHERE kind = $1 AND ref = $2 AND due <= $3`, order.AskJob, a.Ref, r.clock.Now()); n != 1 {
		t.Errorf("%d questions are due", n)
	}
}
