package settlement_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/booking"
	"exchequer/internal/finding"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
	"exchequer/internal/settlement"
)

// propose gives the payouts by book.
func propose(w *world) map[string]settlement.Payout {
	w.t.Helper()
	list, err := w.Propose(w.t.Context(), asking, w.today())
	w.ok(err)
	out := make(map[string]settlement.Payout)
	for _, p := range list {
		out[p.Book] = p
	}
	return out
}

func TestPayoutTakesWhatHasArrived(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.pay("GRO", 100_000, 0), w.pay("GRO", 60_000, 0)
	w.pay("GRO", 40_000, 0) // never settled
	excess := w.pay("GRO", 0, 30_000)
	w.on(tuesday)
	for _, ref := range []string{first, second, excess} {
		w.settle(ref, 0)
	}
	p := propose(w)["GRO"]
	want := []settlement.PayoutLine{{Budget: "B1", Amount: 120_000}, {Budget: "B2", Amount: 40_000}}
	if p.Amount != 160_000 || !slices.Equal(p.Lines, want) || len(p.Items) != 4 || p.To != "1001" {
		t.Fatalf("got %+v, want the two settled payments by budget line and nothing of the excess", p)
	}
	if again := propose(w); len(again) != 0 {
		t.Errorf("the same payments were proposed twice: %+v", again)
	}
}

func TestPayoutOfANetBookWaitsForItsFees(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b := w.pay("NET", 100_000, 0), w.pay("NET", 50_000, 0)
	strangers := w.pay("NET", 0, 5_000)
	w.on(tuesday)
	w.settle(a, 1_100)
	w.settle(b, 550)
	w.settle(strangers, 0) // covers the fees, but is the payer's
	p := propose(w)["NET"]
	if p.Amount == 150_000 {
		t.Fatal("a payout used a payer's excess")
	}
	if len(p.Items) != 2 {
		t.Fatalf("got %+v, want both lines of the one payment that fits", p)
	}
	w.fund(10_000)
	if _, err := w.MakeFeesGood(t.Context(), asking, w.today()); err != nil {
		t.Fatal(err)
	}
	if other := propose(w)["NET"]; other.Amount != 150_000-p.Amount {
		t.Fatalf("after the fees were made good: %+v, want the other payment", other)
	}
	w.sound()
}

func TestPayoutNeedsASecondPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(w.pay("GRO", 100_000, 0), 0)
	p := propose(w)["GRO"]
	for name, err := range map[string]error{
		"the one who asked": second(w.Approve(t.Context(), asking, p.Ref)),
		"an officer":        second(w.Approve(t.Context(), officer, p.Ref)),
	} {
		if problem.CodeOf(err) != problem.Forbidden {
			t.Errorf("%s approved: %v", name, err)
		}
	}
	if n := w.net("GRO", "liabilities:payout"); n != 0 {
		t.Fatalf("a refused approval booked %d", n)
	}
	got, err := w.Approve(t.Context(), deciding, p.Ref)
	if err != nil || got.State != settlement.Approved || w.net("GRO", "liabilities:payout") != 100_000 {
		t.Fatalf("approval: %+v, %v", got, err)
	}
	if again, err := w.Approve(t.Context(), deciding, p.Ref); err != nil || again.State != settlement.Approved {
		t.Errorf("the same approval again: %+v, %v", again, err)
	}
	if n := w.net("GRO", "liabilities:payout"); n != 100_000 {
		t.Errorf("instructed twice: %d", n)
	}
	_, err = w.Reject(t.Context(), asking, p.Ref, "late")
	if problem.CodeOf(err) != problem.Conflict {
		t.Errorf("an instructed payout was rejected: %v", err)
	}
}

func TestAlteredPayoutIsNotApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(w.pay("GRO", 100_000, 0), 0)
	p := propose(w)["GRO"]
	w.exec(pgtest.Owner(t, w.Pool), `UPDATE gateway.payout SET account_to = '6666'`)
	if _, err := w.Approve(t.Context(), deciding, p.Ref); problem.CodeOf(err) != problem.Conflict {
		t.Fatalf("a payout to another account than asked was approved: %v", err)
	}
}

func TestRejectedPayoutLetsItsPaymentsGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(w.pay("GRO", 100_000, 0), 0)
	p := propose(w)["GRO"]
	for _, reason := range []string{strings.Repeat("x", 201), "two\nlines", "a\x00", "\xff"} {
		if _, err := w.Reject(t.Context(), deciding, p.Ref, reason); problem.CodeOf(err) != problem.Invalid {
			t.Errorf("reason %q: %v", reason, err)
		}
	}
	got, err := w.Reject(t.Context(), deciding, p.Ref, "wrong_day")
	if err != nil || got.State != settlement.Rejected || got.Reason != "wrong_day" {
		t.Fatalf("%+v, %v", got, err)
	}
	if again := propose(w)["GRO"]; again.Amount != 100_000 || again.Ref == p.Ref {
		t.Fatalf("got %+v, want a new payout of the same payment", again)
	}
}

func TestProposedAtOnceTwiceIsOnePayout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(w.pay("GRO", 100_000, 0), 0)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := w.Propose(t.Context(), asking, monday); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, err := w.List(t.Context(), officer, "GRO", monday)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d payouts, %v", len(list), err)
	}
}

func TestSendingSurvivesFailures(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]wire{
		"failed and not done": {before: errors.New("no route")},
		"failed but done":     {after: errors.New("connection reset")},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.settle(w.pay("GRO", 100_000, 0), 0)
			p := propose(w)["GRO"]
			_, err := w.Approve(t.Context(), deciding, p.Ref)
			w.ok(err)
			*w.wire = fault
			if err := w.send(); err == nil {
				t.Fatal("an unknown outcome must be an error, so that the job is run again")
			}
			if got := state(w, p); got != settlement.Approved {
				t.Fatalf("not knowing made the payout %s", got)
			}
			*w.wire = wire{}
			w.ok(w.send())
			if got := state(w, p); got != settlement.Sent {
				t.Fatalf("the payout is %s", got)
			}
			if at := w.bank.Book().Balances[account]; at != 0 {
				t.Errorf("%d are left at the bank: it paid not at all or twice", at)
			}
			w.execute(p)
			if got := state(w, p); got != settlement.Executed {
				t.Fatalf("after the statement showed it the payout is %s", got)
			}
			w.sound()
		})
	}
}

func TestBankRefusalUndoesTheInstruction(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.pay("GRO", 100_000, 0)
	w.tx(func(ctx context.Context, tx pgx.Tx) { // booked, but the money is not at the bank simulator
		w.post(ctx, tx, booking.Settled{Head: booking.Head{Reference: "S", Occurred: w.clock.Now(), Day: monday},
			Book: "GRO", Channel: "pay", Provider: "pay", Account: account, Gross: 100_000})
		w.meet(ctx, tx, ref)
	})
	p := propose(w)["GRO"]
	_, err := w.Approve(t.Context(), deciding, p.Ref)
	w.ok(err)
	w.ok(w.send())
	got, err := w.Get(t.Context(), asking, p.Ref)
	if err != nil || got.State != settlement.Rejected || got.Reason != "422 AM04" {
		t.Fatalf("%+v, %v", got, err)
	}
	if w.net("GRO", "liabilities:payable") != 100_000 || w.net("GRO", "liabilities:payout") != 0 {
		t.Error("the money is not owed to the body again")
	}
	findings, err := finding.List(t.Context(), w.Pool, "GRO")
	if err != nil || len(findings) != 1 || findings[0].Kind != settlement.PayoutRefused {
		t.Errorf("findings %+v, %v", findings, err)
	}
	if again := propose(w)["GRO"]; again.Amount != 100_000 {
		t.Errorf("the payment did not come free: %+v", again)
	}
}

func TestIdOfAnotherPaymentIsNeverUndone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(w.pay("GRO", 100_000, 0), 0)
	p := propose(w)["GRO"]
	w.ok(w.Bank.Pay(t.Context(), settlement.Instruction{EndToEndID: p.Ref, DebtorAccount: account, CreditorAccount: "77",
		Amount: 1, Currency: "VND", Remittance: "x"}))
	_, err := w.Approve(t.Context(), deciding, p.Ref)
	w.ok(err)
	if err := w.send(); !errors.Is(err, settlement.ErrClash) {
		t.Fatalf("got %v", err)
	}
	if got := state(w, p); got != settlement.Approved {
		t.Errorf("the payout became %s", got)
	}
}

func state(w *world, p settlement.Payout) settlement.State {
	w.t.Helper()
	got, err := w.Get(w.t.Context(), asking, p.Ref)
	w.ok(err)
	return got.State
}

func second(_ settlement.Payout, err error) error { return err }
