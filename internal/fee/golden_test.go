package fee_test

import (
	"os"
	"path/filepath"
	"testing"

	"exchequer/internal/fee"
	"exchequer/schedules"
)

func load(t testing.TB) *fee.Schedules {
	t.Helper()
	s, err := fee.Load(schedules.FS)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestGoldenCases runs the worked cases of people who did not write the schedules. They lie beside the repository.
func TestGoldenCases(t *testing.T) {
	file, err := os.Open(filepath.Join("..", "..", "..", "shared", "facts", "golden-fees.csv"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED, the golden cases are not there: ", err)
	}
	defer file.Close()
	results, err := fee.CheckCases(file, load(t), []string{
		"electricity_household", "driving_licence", "traffic_fine",
		"driving_test", "international_driving_permit", "promotion_notice", "health_insurance_card_reissue", "low_voltage_supply",
		"certificate_of_origin", "business_tax_late", "business_licence_tax", "traffic_fine_instalment",
		"voluntary_social_insurance", "health_insurance_household",
		"passport", "vehicle_plate_first", "vehicle_plate_change", "registration_fee_vehicle_or_house", "judicial_record",
		"id_card", "residence_registration", "business_registration",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(results) < 96 {
		t.Errorf("only %d cases were found", len(results))
	}
	for _, c := range results {
		if !c.OK {
			t.Errorf("%s %s on %s: want %s, got %s: %s", c.ID, c.Service, c.Date, c.Want, c.Got, c.Reason)
		}
	}
}
