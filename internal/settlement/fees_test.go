package settlement_test

import (
	"sync"
	"testing"

	"exchequer/internal/problem"
	"exchequer/internal/settlement"
)

func TestFeesAreMadeGoodAsFarAsTheHouseHasMoney(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(w.pay("NET", 100_000, 0), 1_100)
	make := func() settlement.FeesReport {
		t.Helper()
		r, err := w.MakeFeesGood(t.Context(), asking, monday)
		w.ok(err)
		return r
	}
	if r := make(); len(r.MadeGood) != 0 || r.Waiting != 1_100 {
		t.Fatalf("without funding: %+v", r)
	}
	w.strange(50_000) // on the account, but nobody's money to spend
	if r := make(); len(r.MadeGood) != 0 {
		t.Fatalf("a stranger's money paid the fee: %+v", r)
	}
	w.fund(1_000)
	if r := make(); len(r.MadeGood) != 1 || r.MadeGood[0].Amount != 1_000 || r.Waiting != 100 {
		t.Fatalf("with 1,000: %+v", r)
	}
	w.fund(1_000)
	if r := make(); len(r.MadeGood) != 1 || r.MadeGood[0].Amount != 100 || r.Waiting != 0 {
		t.Fatalf("with 1,000 more: %+v", r)
	}
	w.settle(w.pay("NET", 100_000, 0), 700) // a later fee on the same day
	if r := make(); len(r.MadeGood) != 1 || r.MadeGood[0].Amount != 700 {
		t.Fatalf("a later fee: %+v", r)
	}
	if r := make(); len(r.MadeGood) != 0 || w.net("NET", "assets:bank") != 200_000 {
		t.Fatalf("again: %+v, bank %d", r, w.net("NET", "assets:bank"))
	}
	w.sound()
}

func TestFeesMadeGoodAtOnceArePaidOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(w.pay("NET", 100_000, 0), 1_100)
	w.fund(50_000)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := w.MakeFeesGood(t.Context(), asking, monday); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if own := w.net("000", "assets:bank"); own != 48_900 {
		t.Errorf("the house has %d left, want 48,900", own)
	}
	w.sound()
}

func TestFundingIsAnnouncedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 2 {
		f, err := w.AnnounceFunding(t.Context(), asking, settlement.Funding{Ref: "FUND-000001", Amount: 5_000})
		if err != nil || f.DueDay != tuesday {
			t.Fatalf("%+v, %v", f, err)
		}
	}
	for name, tc := range map[string]struct {
		f    settlement.Funding
		want problem.Code
	}{
		"another amount": {settlement.Funding{Ref: "FUND-000001", Amount: 6_000}, problem.Conflict},
		"nothing":        {settlement.Funding{Ref: "FUND-000002"}, problem.Invalid},
		"no reference":   {settlement.Funding{Amount: 1}, problem.Invalid},
		"too short":      {settlement.Funding{Ref: "FUND-01", Amount: 1}, problem.Invalid},
		"a plain word":   {settlement.Funding{Ref: "TRANSFER", Amount: 1}, problem.Invalid},
		"blank in it":    {settlement.Funding{Ref: "A B", Amount: 1}, problem.Invalid},
	} {
		if _, err := w.AnnounceFunding(t.Context(), asking, tc.f); problem.CodeOf(err) != tc.want {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.AnnounceFunding(t.Context(), officer, settlement.Funding{Ref: "F", Amount: 1}); problem.CodeOf(err) != problem.Forbidden {
		t.Errorf("an officer announced: %v", err)
	}
}

func TestRunPaysOutWhatItMadeGood(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(w.pay("NET", 100_000, 0), 1_100)
	w.fund(1_100)
	r, err := w.Run(t.Context(), asking, monday)
	if err != nil || len(r.Fees.MadeGood) != 1 || len(r.Payouts) != 1 || r.Payouts[0].Amount != 100_000 {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := w.Run(t.Context(), asking, monday); err != nil || len(r.Fees.MadeGood)+len(r.Payouts) != 0 {
		t.Errorf("again: %+v, %v", r, err)
	}
	if _, err := w.Run(t.Context(), asking, tuesday); problem.CodeOf(err) != problem.Invalid {
		t.Errorf("a day that has not begun was settled: %v", err)
	}
	if _, err := w.Run(t.Context(), officer, monday); problem.CodeOf(err) != problem.Forbidden {
		t.Errorf("an officer settled: %v", err)
	}
}
