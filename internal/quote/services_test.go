package quote_test

import (
	"fmt"
	"strings"
	"testing"

	"exchequer/internal/calendar"
	"exchequer/internal/quote"
	"exchequer/internal/quote/quotetest"
)

// Every service that the portal offers has a payee and budget lines on a day its tariff is known, at each kind of
// collector. The shares are part, budget code, account and amount.
func TestEveryServiceHasItsPayeeAndBudgetLines(t *testing.T) {
	law := quotetest.Bundled(t).Law
	quoted := map[string]bool{}
	for _, tc := range []struct{ service, body, on, inputs, shares string }{
		{"electricity_household", "EVNHANOI", "2023-12-05", `{"kwh": 310, "prev_reading": "2023-11-05", "reading": "2023-12-05"}`,
			"whole SALES SALES 699733, whole VAT SALES 55979"},
		{"electricity_household", "EVNSPC", "2025-06-05", `{"kwh": 50, "prev_reading": "2025-05-12", "reading": "2025-06-05"}`, "whole SALES SALES 99200, whole VAT SALES 7936"},
		{"low_voltage_supply", "EVNCPC", "2025-06-05", `{}`, ""},
		{"medium_voltage_supply", "EVNNPC", "2025-06-05", `{}`, ""},
		{"health_insurance_household", "BHXH-VN", "2026-07-01", `{"members": 5, "months": 12}`, "whole HEALTH FUND 4371840"},
		{"health_insurance_card_reissue", "BHXH-VN", "2025-06-02", `{"reason": "lost"}`, ""},
		{"voluntary_social_insurance", "BHXH-VN", "2026-07-01", `{"income": 50600000, "group": "other", "months": 1}`, "whole SOCIAL FUND 11066000"},
		{"driving_licence", "CSGT-C08", "2025-12-31", `{"channel": "counter", "action": "exchange"}`, "central_budget EX2899 CENTRAL 135000"},
		{"driving_licence", "SGTVT-BDG", "2024-12-31", `{"channel": "online", "action": "exchange"}`, "local_budget EX2899 LOCAL 115000"},
		{"international_driving_permit", "PC08-HCM", "2025-06-03", `{"channel": "online", "action": "new"}`, "local_budget EX2899 LOCAL 115000"},
		{"driving_test", "SGTVT-HNI", "2024-05-06", `{"class": "A1", "parts": ["theory", "practical"]}`, "retained RETAINED OWN 97500, local_budget EX2599 LOCAL 32500"},
		{"driving_test", "CSGT-C08", "2025-05-06", `{"class": "A1", "parts": ["theory", "practical"]}`, "retained RETAINED OWN 97500, central_budget EX2599 CENTRAL 32500"},
		{"driving_test", "SGTVT-HCM", "2024-05-06", `{"class": "A1", "parts": ["theory"]}`, "local_budget EX2599 LOCAL 60000"},
		{"certificate_of_origin", "BCT-XNK", "2024-05-06", `{"action": "issue", "sets": 25}`, "retained RETAINED OWN 1245000, central_budget 2251 CENTRAL 255000"},
		{"promotion_registration", "BCT-XNK", "2024-05-06", `{}`, ""},
		{"promotion_notice", "SCT-BDG", "2024-05-06", `{}`, ""},
		{"passport", "XNC-A08", "2026-01-01", `{"channel": "online", "action": "new"}`, "central_budget 2752 CENTRAL 200000"},
		{"vehicle_plate_first", "CSGT-HCM", "2026-01-01", `{"zone": "II", "kind": "motorbike", "value": 45000000}`, "local_budget 2827 LOCAL 105000"},
		{"vehicle_plate_change", "CSGT-BDG", "2024-02-01", `{"kind": "car", "with_plate": true}`, "local_budget 2827 LOCAL 150000"},
		{"registration_fee_vehicle_or_house", "THUE-HNI", "2022-05-31", `{"asset": "car_le9", "turn": "first", "domestic": true, "value": 600000000, "province": "Da Nang"}`,
			"local_budget 2802 LOCAL 30000000"},
		{"registration_fee_vehicle_or_house", "THUE-BDG", "2024-03-01", `{"asset": "motorbike", "turn": "first", "area": "A", "value": 40000000}`, "local_budget 2824 LOCAL 2000000"},
		{"registration_fee_vehicle_or_house", "THUE-HCM", "2024-03-01", `{"asset": "house_land", "value": 3000000000}`, "local_budget 2801 LOCAL 15000000"},
		{"registration_fee_vehicle_or_house", "THUE-HCM", "2024-03-01", `{"asset": "ship", "value": 3000000000}`, "local_budget 2804 LOCAL 30000000"},
		{"traffic_fine", "KBNN-HCM", "2025-05-29", `{"violation_date": "2025-05-05", "deadline": "2025-05-22", "paid": "2025-05-29", "fine": 250001}`,
			"local_budget 4252 LOCAL 250001, local_budget EX4299 LOCAL 750"},
		{"traffic_fine_instalment", "KBNN-BDG", "2025-04-01", `{"fine": 19000000, "instalment": 1, "of": 3}`, "local_budget 4252 LOCAL 7600000"},
		{"business_tax_late", "THUE-HCM", "2025-02-10", `{"tax": 100000000, "due": "2025-01-20", "paid": "2025-02-10"}`,
			"state_budget 1701 STATE 100000000, state_budget 4931 STATE 600000"},
		{"business_licence_tax", "THUE-BDG", "2025-01-30", `{"kind": "household", "revenue": 100000001}`, "local_budget 2864 LOCAL 300000"},
		{"judicial_record", "STP-HNI", "2024-03-04", `{"group": "ordinary", "sheets": 1}`,
			"national_centre NATIONAL-CENTRE CENTRE 8000, local_budget EX2799 LOCAL 30000, police_records POLICE-RECORDS RECORDS 97200, retained RETAINED OWN 64800"},
		{"id_card", "CA-HNI", "2025-07-01", `{"action": "reissue", "channel": "counter"}`, "local_budget 2768 LOCAL 35000"},
		{"residence_registration", "CA-HCM", "2024-03-04", `{"action": "permanent", "channel": "online"}`, "local_budget 2767 LOCAL 10000"},
		{"business_registration", "DKKD-HNI", "2024-05-06", `{"action": "new", "channel": "counter"}`, "local_budget 2861 LOCAL 50000, local_budget 2266 LOCAL 100000"},
	} {
		q, err := quote.Make(law, quote.Request{Service: tc.service, Body: tc.body, Date: calendar.MustDate(tc.on), Inputs: []byte(tc.inputs)})
		if err != nil {
			t.Errorf("%s at %s: %v", tc.service, tc.body, err)
			continue
		}
		quoted[tc.service] = true
		if p, err := law.Catalog.Procedure(tc.service, q.Date); err != nil || q.Procedure != p.Code || !strings.HasPrefix(q.Procedure, "EX.10") {
			t.Errorf("%s is quoted for the procedure %q: %v", tc.service, q.Procedure, err)
		}
		var shares []string
		for _, l := range q.Budget {
			shares = append(shares, fmt.Sprintf("%s %s %s %d", l.Part, l.Budget, l.Account, l.Amount))
		}
		if got := strings.Join(shares, ", "); got != tc.shares {
			t.Errorf("%s at %s, %d đồng: %s, want %s", tc.service, tc.body, q.TotalVND, got, tc.shares)
		}
	}
	for _, p := range law.Catalog.Procedures() {
		if !quoted[p.Service] {
			t.Errorf("%s is not quoted here", p.Service)
		}
	}
}
