package fee_test

import (
	"os"
	"path/filepath"
	"testing"

	"exchequer/internal/fee"
)

func load(t testing.TB) *fee.Schedules {
	t.Helper()
	s, err := fee.OnFile()
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
	results, err := fee.CheckCases(file, load(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) < 99 {
		t.Errorf("only %d cases were found", len(results))
	}
	for _, c := range results {
		if !c.OK {
			t.Errorf("%s %s on %s: want %s, got %s: %s", c.ID, c.Service, c.Date, c.Want, c.Got, c.Reason)
		}
	}
}
