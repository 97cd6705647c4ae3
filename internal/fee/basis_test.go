package fee_test

import (
	"strings"
	"testing"
)

// TestChargesAndEvidence looks at what the examples of a schedule cannot say: the budget key of each line, and
// whether the quote is marked as provisional.
func TestChargesAndEvidence(t *testing.T) {
	s := load(t)
	for _, c := range []struct {
		service, date, inputs string
		charges               string
		provisional           bool
	}{
		{"driving_test", "2026-03-02", `{"class": "A1", "parts": ["theory", "practical"]}`, "driving_test_fee driving_test_fee", false},
		{"international_driving_permit", "2024-06-03", `{"channel": "online", "action": "new"}`, "licence_fee", false},
		{"promotion_registration", "2026-07-01", `{}`, "promotion_registration_fee", true},
		{"low_voltage_supply", "2026-07-01", `{}`, "power_supply_fee", true},
		{"certificate_of_origin", "2023-07-20", `{"action": "issue", "sets": 1}`, "co_fee", true},
		{"certificate_of_origin", "2023-07-21", `{"action": "issue", "sets": 1}`, "co_fee", false},
		{"certificate_of_origin", "2023-07-21", `{"action": "correction", "sets": 1}`, "co_fee", true},
		{"business_tax_late", "2026-06-30", `{"tax": 1000000, "due": "2026-06-22"}`, "domestic_vat late_interest_vat", false},
		{"business_tax_late", "2026-07-01", `{"tax": 1000000, "due": "2026-06-22", "tax_kind": "corporate_income"}`,
			"corporate_income_tax late_interest_corporate_income", true},
		{"business_tax_late", "2025-02-24", `{"tax": 1000000, "due": "2025-02-20", "tax_kind": "employment_income"}`,
			"employment_income_tax late_interest_personal_income", false},
		{"business_tax_late", "2026-07-01", `{"tax": 1000000, "due": "2026-07-20"}`, "domestic_vat", false},
		{"business_licence_tax", "2025-01-30", `{"kind": "company", "capital": 10000000001}`, "licence_tax_level_1", false},
		{"business_licence_tax", "2025-01-30", `{"kind": "company", "capital": 10000000000}`, "licence_tax_level_2", false},
		{"business_licence_tax", "2025-01-30", `{"kind": "branch"}`, "licence_tax_level_3", false},
		{"business_licence_tax", "2025-01-30", `{"kind": "household", "revenue": 300000001}`, "licence_tax_level_2", false},
		{"business_licence_tax", "2026-01-30", `{"kind": "branch"}`, "licence_tax", false},
		{"traffic_fine_instalment", "2025-04-01", `{"fine": 19000000, "instalment": 1, "of": 3}`, "fine", true},
		{"voluntary_social_insurance", "2025-12-31", `{"income": 1500000, "group": "other", "months": 1}`,
			"voluntary_social_insurance voluntary_social_insurance", false},
		{"voluntary_social_insurance", "2026-01-01", `{"income": 1500000, "group": "other", "months": 1}`,
			"voluntary_social_insurance voluntary_social_insurance", true},
		{"health_insurance_household", "2025-06-30", `{"members": 1, "months": 12}`, "health_insurance_household", false},
		{"health_insurance_household", "2025-07-01", `{"members": 1, "months": 12}`, "health_insurance_household", true},
	} {
		q, err := ask(s, c.service, c.date, c.inputs)
		if err != nil {
			t.Errorf("%s on %s %s: %v", c.service, c.date, c.inputs, err)
			continue
		}
		var charges []string
		for _, line := range q.Lines {
			charges = append(charges, line.Charge)
		}
		if got := strings.Join(charges, " "); got != c.charges {
			t.Errorf("%s on %s %s has the charges %q, want %q", c.service, c.date, c.inputs, got, c.charges)
		}
		if q.Provisional != c.provisional {
			t.Errorf("%s on %s %s: provisional is %t", c.service, c.date, c.inputs, q.Provisional)
		}
	}
}
