package order_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/bill"
	"exchequer/internal/booking"
	"exchequer/internal/finding"
	"exchequer/internal/order"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/providers"
)

var success = providers.Observation{Kind: providers.Succeeded, Amount: 100_000, ProviderID: "1"}

func TestACalendarThatDoesNotSayStopsNoBooking(t *testing.T) {
	for name, tc := range map[string]struct {
		at       time.Time
		day, due string
	}{
		"due day marked unknown": {time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC), "2026-11-23", "none"},
		"day marked unknown":     {time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC), "2026-11-24", "none"},
		"last day of the file":   {time.Date(2026, 12, 31, 3, 0, 0, 0, time.UTC), "2026-12-31", "none"},
		"year not on file":       {time.Date(2027, 3, 1, 3, 0, 0, 0, time.UTC), "2027-03-01", "none"},
		"known":                  {time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC), "2026-11-20", "2026-11-23"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.clock.advance(tc.at.Sub(r.clock.Now()))
			o := r.open(r.bill("D1", 100_000, 0))
			a := r.start(o, "k")
			r.choose(a, "pay")
			r.notify()
			if s := r.attempt(o, 0).State; s != order.Succeeded {
				t.Fatalf("attempt is %s", s)
			}
			var day, due string
			r.must(r.pool.QueryRow(ctx, `SELECT day::text, coalesce(due_day::text, 'none') FROM gateway.expectation`).Scan(&day, &due))
			if day != tc.day || due != tc.due {
				t.Errorf("day %s, due %s; want %s, %s", day, due, tc.day, tc.due)
			}
			if got, want := r.findings(finding.CalendarGap) == 1, tc.due == "none"; got != want {
				t.Errorf("a person is asked to complete the calendar: %v, want %v", got, want)
			}
			r.verified()
		})
	}
}

func TestATimeThatCannotBeIsTakenAsNow(t *testing.T) {
	for name, tc := range map[string]struct {
		off  time.Duration
		kept bool
	}{
		"a little ahead":     {20 * time.Minute, true},
		"years ahead":        {26 * 365 * 24 * time.Hour, false},
		"before its attempt": {-48 * time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			b := r.bill("D1", 100_000, 0)
			o := r.open(b)
			a := r.willed(o, "k")
			said := success
			said.Occurred = r.clock.Now().Add(tc.off)
			r.says(a, said)
			r.notify()
			want := r.clock.Now()
			if tc.kept {
				want = said.Occurred
			}
			got := r.attempt(o, 0)
			if got.State != order.Succeeded || !got.OccurredAt.Equal(want) {
				t.Errorf("%s at %s, want %s", got.State, got.OccurredAt, want)
			}
			if n := r.findings(finding.OddTime); (n == 0) != tc.kept {
				t.Errorf("%d findings", n)
			}
			if paid, _ := r.bills.Get(ctx, portal, b.Ref); paid.State != bill.Paid {
				t.Errorf("bill is %s", paid.State)
			}
		})
	}
}

func TestApplyingAndStartingNeverWaitForEachOther(t *testing.T) {
	r := newRig(t)
	b := r.bill("D1", 100_000, 0)
	a := r.willed(r.open(b), "k")
	other := r.open(b)
	r.says(a, success)

	tx, err := r.pool.Begin(ctx) // another order's start: it locks its bills, then claims them
	r.must(err)
	defer tx.Rollback(ctx)
	_, err = bill.LockTx(ctx, tx, []string{b.Ref})
	r.must(err)
	applied := make(chan error, 1)
	go func() {
		_, err := r.orders.ApplyWaiting(ctx, "HNI")
		applied <- err
	}()
	for r.count(`SELECT count(*) FROM pg_locks WHERE NOT granted`) == 0 {
		select {
		case err := <-applied:
			r.Fatalf("applying did not wait for the bill: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	_, err = tx.Exec(ctx, `INSERT INTO gateway.claim (book, bill, attempt_book, attempt) VALUES ('HNI', $1, 'HNI', $2)`, b.Ref, other.Ref+"A")
	if !pg.IsUnique(err, "claim_one_live_attempt") {
		t.Errorf("claiming a bill that is being booked: %v", err)
	}
	r.must(tx.Rollback(ctx))
	if err := <-applied; err != nil {
		t.Errorf("applying: %v", err)
	}
}

func TestAReversalThatIsTakenBackIsBooked(t *testing.T) {
	r := newRig(t)
	o := r.open(r.bill("D1", 100_000, 0))
	a := r.willed(o, "k")
	r.says(a, providers.Observation{Kind: providers.Reversed, Amount: 100_000})
	r.notify()
	if s := r.attempt(o, 0).State; s != order.AttemptReversed {
		t.Fatalf("attempt is %s", s)
	}
	if v := r.says(a, success); v != string(providers.Accepted) {
		t.Errorf("the success is %s", v)
	}
	r.notify()
	if n := r.net("HNI", booking.Clearing("willed")); n != 100_000 {
		t.Errorf("clearing %d", n)
	}
}

func TestAuthorisedMoneyCanNoLongerBeAbandoned(t *testing.T) {
	r := newRig(t)
	o := r.open(r.bill("D1", 100_000, 0))
	a := r.willed(o, "k")
	r.told(a, providers.Observation{Kind: providers.Authorised, Amount: 100_000}, nil)
	if s := r.attempt(o, 0).State; s != order.Authorised {
		t.Fatalf("attempt is %s", s)
	}
	if _, err := r.orders.Abandon(ctx, portal, a.Ref); problem.CodeOf(err) != problem.Conflict {
		t.Errorf("abandon: %v", err)
	}
}

func TestAPaymentThatIsNeverFinishedIsOverWithItsWindow(t *testing.T) {
	r := newRig(t)
	b := r.bill("D1", 100_000, 0)
	o := r.open(b)
	a := r.willed(o, "k")
	for _, step := range []struct {
		later time.Duration
		says  providers.Kind
		want  order.AttemptState
	}{
		{20 * time.Minute, providers.Pending, order.Pending}, // past the window, within its grace
		{20 * time.Minute, providers.Uncertain, order.Pending},
		{0, providers.Pending, order.AttemptExpired},
	} {
		r.clock.advance(step.later)
		r.told(a, providers.Observation{Kind: step.says}, nil)
		if s := r.attempt(o, 0).State; s != step.want {
			t.Fatalf("attempt is %s after %q, want %s", s, step.says, step.want)
		}
	}
	// A late success is still possible.
	r.says(a, success)
	r.notify()
	if got, _ := r.bills.Get(ctx, portal, b.Ref); got.State != bill.Paid {
		t.Errorf("bill is %s", got.State)
	}
}

func TestAnAnswerIsBelievedOnlyAboutTheAttemptAsked(t *testing.T) {
	r := newRig(t)
	o := r.open(r.bill("D1", 100_000, 0))
	a := r.willed(o, "k")
	for name, change := range map[string]func(*providers.Observation){
		"currency":  func(o *providers.Observation) { o.Currency = "USD" },
		"reference": func(o *providers.Observation) { o.Reference = a.Order + "Z" },
		"merchant":  func(o *providers.Observation) { o.Merchant = "x" },
	} {
		said := success
		change(&said)
		r.told(a, said, nil)
		if s := r.attempt(o, 0).State; s != order.Pending {
			t.Errorf("another %s: attempt is %s", name, s)
		}
	}
	if n := r.count(`SELECT count FROM gateway.finding WHERE kind = $1 AND subject = $2`, finding.WrongAnswer, a.Ref); n != 3 {
		t.Errorf("counted %d wrong answers", n)
	}
	r.told(a, providers.Observation{Kind: providers.Succeeded}, nil)
	if s := r.attempt(o, 0).State; s != order.Pending || r.findings(finding.WrongAmount) != 1 {
		t.Errorf("paid without an amount: %s, %d findings", s, r.findings(finding.WrongAmount))
	}
}

func TestAbandonAsksFirst(t *testing.T) {
	for name, tc := range map[string]struct {
		says providers.Observation
		err  error
		want order.AttemptState
	}{
		"paid":            {success, nil, order.Succeeded},
		"failed":          {providers.Observation{Kind: providers.Failed}, nil, order.Failed},
		"not finished":    {providers.Observation{Kind: providers.Pending}, nil, order.Abandoned},
		"not to be asked": {providers.Observation{}, providers.ErrUnknown, order.Abandoned},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			o := r.open(r.bill("D1", 100_000, 0))
			a := r.willed(o, "k")
			r.bank.query = func() (providers.Observation, error) { return about(a, tc.says), tc.err }
			got, err := r.orders.Abandon(ctx, portal, a.Ref)
			if err != nil || got.State != tc.want {
				t.Fatalf("%s, %v; want %s", got.State, err, tc.want)
			}
			if s := r.attempt(o, 0).State; s != tc.want {
				t.Errorf("stored as %s", s)
			}
			if n := r.count(`SELECT count(*) FROM gateway.claim`); n != 0 {
				t.Errorf("%d claims are left", n)
			}
			due := r.count(`SELECT count(*) FROM gateway.outbox WHERE kind = $1 AND ref = $2 AND state = 'waiting' AND due <= $3`,
				order.AskJob, a.Ref, r.clock.Now())
			if (due == 1) != (tc.want == order.Abandoned) {
				t.Errorf("%d questions are due", due)
			}
		})
	}
}

func TestARefusedStartIsRefusedAgain(t *testing.T) {
	r := newRig(t)
	o := r.open(r.bill("D1", 100_000, 0))
	r.bank.start = errors.Join(providers.ErrNotDone, errors.New("closed"))
	for range 2 {
		_, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "willed", Key: "k"})
		if problem.CodeOf(err) != problem.Unavailable {
			t.Errorf("start: %v", err)
		}
		r.bank.start = nil
	}
	if n := r.count(`SELECT count(*) FROM gateway.attempt`); n != 1 {
		t.Errorf("%d attempts", n)
	}
	r.willed(o, "k2")
}

func TestAFaultOfEverybodysBlamesNoNotification(t *testing.T) {
	r := newRig(t)
	b := r.bill("D1", 100_000, 0)
	r.says(r.willed(r.open(b), "k"), success)
	r.must(pg.InTx(ctx, r.pool, func(tx pgx.Tx) error {
		_, err := bill.LockTx(ctx, tx, []string{b.Ref}) // held until applying is given up
		r.must(err)
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if _, err := r.orders.ApplyWaiting(short, "HNI"); err == nil {
			t.Error("no error")
		}
		return nil
	}))
	if n := r.findings(finding.NotApplied); n != 0 {
		t.Errorf("%d findings", n)
	}
}
