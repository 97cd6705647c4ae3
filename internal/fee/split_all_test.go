package fee

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
	"exchequer/schedules"
)

// The parts into which a charge is shared out. All but the budgets' are left to bodies for their costs.
var (
	budgets = []string{"central_budget", "local_budget", "state_budget"}
	kept    = []string{"retained", "national_centre", "police_records"}
)

var onFile = sync.OnceValues(func() (*Schedules, error) { return Load(schedules.FS) })

// splits lists the schedules that share a charge out, among all.
func splits(t *testing.T) (out []*tariff, s *Schedules) {
	t.Helper()
	s, err := onFile()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range s.names() {
		if strings.HasSuffix(name, "_split") {
			out = append(out, s.tariffs[name])
		}
	}
	return out, s
}

// TestSplitsTakeTheSameInputs: whoever shares a charge out asks every split in the same way.
func TestSplitsTakeTheSameInputs(t *testing.T) {
	all, _ := splits(t)
	for _, s := range all {
		var got []string
		for _, in := range s.inputs {
			got = append(got, fmt.Sprint(in.name, " ", in.kind, " ", in.required || in.preset != nil))
			switch {
			case in.name == "regime" && !slices.Equal(in.allowed, []string{"allotted", "allotted_difficult_area", "not_allotted"}),
				in.name == "level" && !slices.Equal(in.allowed, []string{"central", "local"}):
				t.Errorf("%s: %s is one of %v", s.service, in.name, in.allowed)
			}
		}
		if want := []string{"charge enum true", "paid decimal true", "regime enum true", "level enum true"}; !slices.Equal(got, want) {
			t.Errorf("%s takes %v", s.service, got)
		}
	}
}

// TestEverySplitAddsUp: whatever the charge, the collector, the day and the amount, the parts add up to what was paid
// and none is negative, or the act that leaves it open is named. Without allotted costs nothing is kept.
func TestEverySplitAddsUp(t *testing.T) {
	all, _ := splits(t)
	for _, s := range all {
		answered := false
		rapid.Check(t, func(t *rapid.T) {
			charge := rapid.SampledFrom(s.inputs[0].allowed).Draw(t, "charge")
			regime := rapid.SampledFrom(s.inputs[2].allowed).Draw(t, "regime")
			level := rapid.SampledFrom(s.inputs[3].allowed).Draw(t, "level")
			paid := rapid.Int64Range(0, 1e15).Draw(t, "paid")
			day := calendar.NewDate(2016, 1, 1).AddDays(rapid.IntRange(0, 5000).Draw(t, "days"))
			inputs := fmt.Sprintf(`{"charge": %q, "paid": %d, "regime": %q, "level": %q}`, charge, paid, regime, level)
			q, err := s.quote(Request{Service: s.service, Date: day, Inputs: json.RawMessage(inputs)})
			if err != nil {
				if refusal, ok := errors.AsType[*problem.Error](err); !ok || refusal.Code != problem.Refused || refusal.Act == "" {
					t.Fatalf("%s on %s with %s: %#v", s.service, day, inputs, err)
				}
				return
			}
			answered = true
			sum := int64(0)
			for _, l := range q.Lines {
				sum += l.Amount
				mayKeep := regime != "not_allotted" && slices.Contains(kept, l.Charge)
				if l.Amount < 0 || !mayKeep && !slices.Contains(budgets, l.Charge) {
					t.Fatalf("%s on %s with %s: %d to %s", s.service, day, inputs, l.Amount, l.Charge)
				}
			}
			if sum != paid || q.TotalVND != paid {
				t.Fatalf("%s on %s with %s: parts of %d, total %d", s.service, day, inputs, sum, q.TotalVND)
			}
		})
		if !answered {
			t.Errorf("%s was never answered: the test proved nothing of it", s.service)
		}
	}
}

// noBudgetMoney are the charges that go whole to who collects them: prices and contributions, which are no revenue of
// the budget, and fees for which the law has no amount, so that nothing is ever paid.
var noBudgetMoney = []string{
	"electricity", "electricity_vat", "health_insurance_household", "voluntary_social_insurance",
	"health_insurance_card_fee", "power_supply_fee", "promotion_notice_fee", "promotion_registration_fee",
}

// TestEveryChargeIsSharedOut: what any schedule charges has exactly one split that takes it, or is no money of the
// budget; and no split, and no name in that list, is about a charge that nobody owes.
func TestEveryChargeIsSharedOut(t *testing.T) {
	all, s := splits(t)
	shared := map[string][]string{} // charge -> who shares it out
	for _, charge := range noBudgetMoney {
		shared[charge] = append(shared[charge], "nobody")
	}
	for _, split := range all {
		for _, charge := range split.inputs[0].allowed {
			shared[charge] = append(shared[charge], split.service)
		}
	}
	owed := map[string]bool{}
	for _, service := range s.names() {
		if strings.HasSuffix(service, "_split") {
			continue
		}
		for _, charge := range s.Charges(service) {
			owed[charge] = true
			if len(shared[charge]) != 1 {
				t.Errorf("%s charges %s, which is shared out by %v", service, charge, shared[charge])
			}
		}
	}
	for charge, by := range shared {
		if !owed[charge] {
			t.Errorf("%v shares out %s, which no schedule charges", by, charge)
		}
	}
}
