package order_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"exchequer/internal/order"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
	"exchequer/providers"
)

func TestAKeyAnswersTheSameAndRefusesAnotherBody(t *testing.T) {
	r := newRig(t)
	key := order.Key{Client: "portal", Operation: "orders.open", Key: "k1"}
	ref := func() string { return reference.New("HNI") }
	first, err := r.keys.Begin(ctx, key, []byte("a"), ref)
	r.must(err)
	if _, err := r.keys.Begin(ctx, key, []byte("a"), ref); problem.CodeOf(err) != problem.InProgress {
		t.Errorf("while it is worked on: %v", err)
	}
	if _, err := r.keys.Begin(ctx, key, []byte("b"), ref); problem.CodeOf(err) != problem.KeyReused {
		t.Errorf("with another body: %v", err)
	}
	r.clock.advance(2 * time.Minute)
	after, err := r.keys.Begin(ctx, key, []byte("a"), ref)
	r.must(err)
	if after.Reference != first.Reference {
		t.Errorf("after the lease the reference is %s, it was %s", after.Reference, first.Reference)
	}
	if err := r.keys.Finish(ctx, key, first.Lease, 201, []byte("late")); problem.CodeOf(err) != problem.InProgress {
		t.Errorf("the holder of a lease that was over stored its answer: %v", err)
	}
	r.must(r.keys.Finish(ctx, key, first.Lease, 503, nil))
	if _, err := r.keys.Begin(ctx, key, []byte("a"), ref); problem.CodeOf(err) != problem.InProgress {
		t.Errorf("the holder of a lease that was over gave another's lease back: %v", err)
	}
	r.must(r.keys.Finish(ctx, key, after.Lease, 201, []byte("answer")))
	again, err := r.keys.Begin(ctx, key, []byte("a"), ref)
	r.must(err)
	if again.Status != 201 || string(again.Answer) != "answer" {
		t.Errorf("replayed %d %q", again.Status, again.Answer)
	}
	other, err := r.keys.Begin(ctx, order.Key{Client: "another", Operation: key.Operation, Key: key.Key}, []byte("b"), ref)
	if err != nil || other.Reference == first.Reference {
		t.Errorf("another client's key collides: %v", err)
	}
}

func TestARefusalThatMayPassIsNotKept(t *testing.T) {
	for status, kept := range map[int]bool{400: false, 401: false, 403: false, 429: false, 500: false, 503: false, 409: true, 404: true, 422: true, 201: true} {
		r := newRig(t)
		key := order.Key{Client: "p", Operation: "o", Key: "k"}
		c, err := r.keys.Begin(ctx, key, nil, func() string { return "x" })
		r.must(err)
		r.must(r.keys.Finish(ctx, key, c.Lease, status, []byte("no")))
		c, err = r.keys.Begin(ctx, key, nil, func() string { return "y" })
		r.must(err)
		if (c.Status != 0) != kept || c.Reference != "x" {
			t.Errorf("status %d: %+v", status, c)
		}
	}
	r := newRig(t)
	for _, bad := range []string{"", strings.Repeat("k", 65), "a\x00b", "khoá", "a\xff"} {
		if _, err := r.keys.Begin(ctx, order.Key{Client: "p", Operation: "o", Key: bad}, nil, func() string { return "x" }); problem.CodeOf(err) != problem.Invalid {
			t.Errorf("key %q: %v", bad, err)
		}
	}
}

func TestOldKeysAreForgottenUnlessTheirRequestRuns(t *testing.T) {
	r := newRig(t)
	for _, k := range []string{"answered", "died", "runs"} {
		key := order.Key{Client: "p", Operation: "o", Key: k}
		c, err := r.keys.Begin(ctx, key, nil, func() string { return k })
		r.must(err)
		if k == "answered" {
			r.must(r.keys.Finish(ctx, key, c.Lease, 200, []byte("x")))
		}
	}
	r.clock.advance(25 * time.Hour)
	_, err := r.keys.Begin(ctx, order.Key{Client: "p", Operation: "o", Key: "runs"}, nil, func() string { return "" })
	r.must(err)
	n, err := r.keys.Expire(ctx)
	if err != nil || n != 2 {
		t.Errorf("forgot %d: %v", n, err)
	}
}

func TestALeaseDoesNotEndWhenTheProgramsClockJumps(t *testing.T) {
	r := newRig(t)
	machine := &clock{at: r.clock.Now()}
	r.keys.Leases = machine
	key := order.Key{Client: "p", Operation: "o", Key: "k"}
	begin := func() error {
		_, err := r.keys.Begin(ctx, key, nil, func() string { return "x" })
		return err
	}
	r.must(begin())
	r.clock.advance(time.Hour)
	if err := begin(); problem.CodeOf(err) != problem.InProgress {
		t.Errorf("after a jump: %v", err)
	}
	machine.advance(r.keys.Timing.KeyLease)
	if err := begin(); err != nil {
		t.Errorf("after the lease: %v", err)
	}
}

// Requests whose lease was over may meet: one makes the order, the others find it.
func TestTheReservedOrderIsMadeOnce(t *testing.T) {
	r := newRig(t)
	b := r.bill("d-1", 1_000, 0)
	ref := reference.New(b.Book)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			o, err := r.orders.Open(ctx, portal, ref, []string{b.Ref})
			if err != nil || o.Ref != ref || len(o.Items) != 1 {
				t.Errorf("%+v: %v", o, err)
			}
		})
	}
	wg.Wait()
	if n := r.count(`SELECT count(*) FROM gateway.payment_order`); n != 1 {
		t.Errorf("%d orders", n)
	}
}

func TestAStartThatWasNotTakenIsRefusedAgain(t *testing.T) {
	r := newRig(t)
	o := r.open(r.bill("d-1", 1_000, 0))
	r.bank.start = providers.ErrNotDone
	for range 2 {
		_, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "willed", Key: "k"})
		if problem.CodeOf(err) != problem.Unavailable {
			t.Errorf("the same request: %v", err)
		}
		r.bank.start = nil
	}
	a, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "willed", Key: "k-2"})
	if err != nil || a.State != order.Pending {
		t.Errorf("a new request: %s, %v", a.State, err)
	}
}
