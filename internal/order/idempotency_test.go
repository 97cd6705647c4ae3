package order_test

import (
	"testing"
	"time"

	"exchequer/internal/order"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
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
	r.must(r.keys.Finish(ctx, key, 201, []byte("answer")))
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
		_, err := r.keys.Begin(ctx, key, nil, func() string { return "x" })
		r.must(err)
		r.must(r.keys.Finish(ctx, key, status, []byte("no")))
		c, err := r.keys.Begin(ctx, key, nil, func() string { return "y" })
		r.must(err)
		if (c.Status != 0) != kept || c.Reference != "x" {
			t.Errorf("status %d: %+v", status, c)
		}
	}
	r := newRig(t)
	for _, bad := range []string{"", string(make([]byte, 65))} {
		if _, err := r.keys.Begin(ctx, order.Key{Client: "p", Operation: "o", Key: bad}, nil, func() string { return "x" }); problem.CodeOf(err) != problem.Invalid {
			t.Errorf("key of %d characters: %v", len(bad), err)
		}
	}
}

func TestOldAnswersAreForgottenAndOpenRequestsAreNot(t *testing.T) {
	r := newRig(t)
	for _, k := range []string{"answered", "open"} {
		key := order.Key{Client: "p", Operation: "o", Key: k}
		_, err := r.keys.Begin(ctx, key, nil, func() string { return k })
		r.must(err)
		if k == "answered" {
			r.must(r.keys.Finish(ctx, key, 200, []byte("x")))
		}
	}
	r.clock.advance(25 * time.Hour)
	n, err := r.keys.Expire(ctx)
	if err != nil || n != 1 {
		t.Errorf("forgot %d: %v", n, err)
	}
}
