package fee_test

import (
	"testing"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
)

// TestChargeOfARule sees to it that a rule's own charge stands on the line, and elsewhere the component's.
func TestChargeOfARule(t *testing.T) {
	s := one(t, `- {name: kind, type: enum, values: [vat, other], required: true}
- {name: province, type: enum, values: [Ha Noi, Hue, Can Tho, Vinh], default: Ha Noi}`, `code: tax
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

// TestARegistrationFeeHasTheChargeOfItsAsset: the budget index has an item each for houses and land, cars, motorbikes and
// other assets. What is charged, taken off and exempted of an asset stands under its own.
func TestARegistrationFeeHasTheChargeOfItsAsset(t *testing.T) {
	const vehicle, motorbike, house, other = "registration_fee_vehicle", "registration_fee_motorbike", "registration_fee_house_land", "registration_fee_other"
	s := load(t)
	for asset, want := range map[string]string{"house_land": house, "car_le9": vehicle, "ev_car_le9": vehicle, "ev_car_other": vehicle,
		"pickup_lt1500kg": vehicle, "van_lt1500kg": vehicle, "truck": vehicle, "car_other": vehicle, "trailer": vehicle,
		"motorbike": motorbike, "ship": other, "yacht": other, "aircraft": other, "gun": other} {
		for on, more := range map[string]string{
			"2020-03-01": `"exemption": "finance_lease_end"`,
			"2022-02-28": `"exemption": "moved_same_owner"`,
			"2021-12-01": `"exemption": "none"`,
			"2026-09-01": `"digital_citizen": true`,
		} {
			q := mustAsk(t, s, "registration_fee_vehicle_or_house", on, `{"asset": "`+asset+`", "turn": "later", "from_area": "A", "to_area": "B", "value": 60000000, `+more+`}`)
			if len(q.Lines) == 0 {
				t.Errorf("%s on %s has no line", asset, on)
			}
			for _, line := range q.Lines {
				if line.Charge != want {
					t.Errorf("%s on %s: the line %s has the charge %s, want %s", asset, on, line.Code, line.Charge, want)
				}
			}
		}
	}
}
