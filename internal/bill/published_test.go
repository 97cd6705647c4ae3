package bill_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/problem"
	"exchequer/internal/quote/quotetest"
)

// dated is a law whose fine is 1,800 from 5 June 2025 on, where `by` lies on such a day.
func dated(by string) func() (quotetest.Law, error) {
	return func() (quotetest.Law, error) {
		l, err := quotetest.Tariffs(fee.Documents{"traffic_fine.yaml": []byte(`service: traffic_fine
name: {vi: Tiền phạt, en: Fine}
body: state_treasury
valid_days: 6
inputs:
  - {name: fine, type: int, min: "0", default: "0"}
  - {name: violated, type: date, default: 2025-06-01}
components:
  - id: imposed
    charge: fine
    code: imposed
    by: ` + by + `
    versions:
      - {version: 1/2020, from: 2020-01-01, act: Decree 1/2020/ND-CP, source: read, confidence: high, rules: [{rule: {vi: quy định, en: rule}, fixed: fine}]}
      - {version: 2/2025, from: 2025-06-05, act: Decree 2/2025/ND-CP, source: read, confidence: high, rules: [{rule: {vi: quy định, en: rule}, fixed: "1800"}]}
examples:
  - {why: before it, on: 2025-06-02, inputs: {fine: 5}, total: "5"}
`)})
		if err == nil {
			l.Revision = 2
		}
		return l, err
	}
}

func TestABillEndsWhereAPublishedVersionBegins(t *testing.T) {
	r := newRig(t)
	first := r.issue(fine("2025-06-02", `{"fine": 900}`))
	r.follow(dated("date"))
	last := calendar.MustDate("2025-06-05").At(0)
	if b := r.get(first.Ref); !b.ValidUntil.Equal(last) || !b.Quote.ValidUntil.Equal(last) || b.Amount != 900 {
		t.Errorf("it holds until %s, want %s: %+v", b.ValidUntil, last, b)
	}
	r.clock.at = last.Add(-time.Second)
	r.refuses(fine("2025-06-04", `{"fine": 900}`), problem.Conflict, first.Ref)
	r.clock.at = last
	if same := r.issue(fine("2025-06-02", `{"fine": 900}`)); same.Ref != first.Ref || !same.Expired(last) {
		t.Errorf("%+v", same)
	}
	next := r.issue(fine("2025-06-05", `{"fine": 900}`))
	if next.Edition != 2 || next.Amount != 1_800 || r.get(first.Ref).ReplacedBy != next.Ref {
		t.Errorf("%+v", next)
	}
}

// TestAnAccountThatIsCorrectedIsTheOneToPayTo: whoever takes money by the signed bill pays to the accounts in it.
func TestAnAccountThatIsCorrectedIsTheOneToPayTo(t *testing.T) {
	r := newRig(t)
	first := r.issue(fine("2025-06-02", `{"fine": 900}`))
	const wrong, right = "EX7111LKBNNHNI", "EX7111LKBNNHNI9"
	tables, err := catalog.Included()
	r.must(err)
	tables["accounts.csv"] = bytes.Replace(tables["accounts.csv"], []byte(wrong), []byte(right), 1)
	corrected := *r.law.known
	corrected.Revision++
	corrected.Catalog, err = catalog.Read(tables)
	r.must(err)
	r.law.known = &corrected
	b := r.get(first.Ref)
	if was, is := first.Quote.Payee.Account("LOCAL").Number, b.Quote.Payee.Account("LOCAL").Number; was != wrong || is != right {
		t.Errorf("to be paid to %s before and to %s after", was, is)
	}
	if b.Amount != 900 || len(b.Quote.Payee.Accounts) != 1 || !slices.Equal(b.Quote.Budget, first.Quote.Budget) || !b.ValidUntil.Equal(first.ValidUntil) {
		t.Errorf("what else it says changed: %+v", b)
	}
}

func TestABillStaysWhereADayThatIsOverChoosesTheVersion(t *testing.T) {
	r := newRig(t)
	first := r.issue(fine("2025-06-02", `{"fine": 900}`))
	r.follow(dated("violated"))
	r.clock.at = calendar.MustDate("2025-06-05").At(0)
	if b := r.get(first.Ref); !b.ValidUntil.Equal(first.ValidUntil) {
		t.Errorf("it holds until %s", b.ValidUntil)
	}
	r.follow(inDoubt)
	later := *r.law.known
	later.Revision = 3
	r.law.known = &later
	if b := r.get(first.Ref); !b.ValidUntil.Equal(first.ValidUntil) {
		t.Errorf("what is in doubt since ends it on %s", b.ValidUntil)
	}
}
