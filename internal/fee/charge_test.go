package fee_test

import (
	"testing"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
)

// TestChargeOfARule sees to it that a rule's own charge stands on the line, and elsewhere the component's.
func TestChargeOfARule(t *testing.T) {
	s := one(t, `- {name: kind, type: enum, values: [vat, other], required: true}
- {name: province, type: enum, values: [Ha Noi], default: Ha Noi}`, `code: tax
by: date
versions:
  - version: V1
    from: 2000-01-01
    act: Law 1
    source: read
    confidence: high
    rules:
      - {rule: R, is: {kind: vat}, charge: domestic_vat, fixed: "1000"}
      - {rule: R, fixed: "2000"}`)
	for kind, want := range map[string]string{"vat": "domestic_vat", "other": "charge"} {
		q, err := s.Quote(fee.Request{Service: "thing", Date: calendar.MustDate("2026-01-01"), Inputs: []byte(`{"kind": "` + kind + `"}`)})
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Lines[0].Charge; got != want {
			t.Errorf("%s: the line has the charge %q, want %q", kind, got, want)
		}
	}
}
