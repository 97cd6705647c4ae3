package schedules_test

import (
	"bytes"
	"maps"
	"os"
	"regexp"
	"strings"
	"testing"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/schedules"
)

// baseSalary is the entry that docs/tariffs.md shows.
const (
	baseSalary      = `  - {version: 161/2026, from: 2026-07-01, value: "2530000", act: Decree 161/2026/ND-CP, source: read, confidence: medium}` + "\n"
	baseSalaryFirst = "2026-07-01"
)

// The base salary of July 2026 is one line. Without it, and without the examples of its time, the tariffs that use it
// answer as before; with it they have their new amounts from that day on and the old ones until the day before.
func TestOneDatedEntryIsTheWholeChange(t *testing.T) {
	page, err := os.ReadFile("../docs/tariffs.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "\n+"+baseSalary) {
		t.Errorf("docs/tariffs.md no longer shows the entry %s", baseSalary)
	}
	docs, err := fee.ReadDocuments(schedules.FS)
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(docs, func(name string, text []byte) bool {
		return !strings.HasPrefix(name, "parameters/") && !bytes.Contains(text, []byte("parameter: base_salary"))
	})
	for name, text := range docs {
		docs[name] = withExamplesBefore(baseSalaryFirst, text)
	}
	const file = "parameters/base_salary.yaml"
	without := maps.Clone(docs)
	without[file] = bytes.Replace(docs[file], []byte(baseSalary), nil, 1)
	if len(without[file]) == len(docs[file]) {
		t.Fatalf("%s no longer has the entry %s", file, baseSalary)
	}
	before, after := compile(t, without), compile(t, docs)
	for _, c := range []struct {
		service, inputs string
		on              calendar.Date
		old, new        int64
	}{
		{"health_insurance_household", `{"members": 2, "months": 12}`, calendar.NewDate(2026, 6, 30), 2148120, 2148120},
		{"health_insurance_household", `{"members": 2, "months": 12}`, calendar.NewDate(2026, 7, 1), 2148120, 2322540},
		{"voluntary_social_insurance", `{"income": 46800001, "group": "other", "months": 1}`, calendar.NewDate(2026, 6, 30), refused, refused},
		{"voluntary_social_insurance", `{"income": 46800001, "group": "other", "months": 1}`, calendar.NewDate(2026, 7, 1), refused, 10230000},
		{"registration_fee_vehicle_or_house", `{"asset": "car_le9", "turn": "later", "value": 2000000000, "digital_citizen": true}`,
			calendar.NewDate(2026, 6, 30), 40000000, 40000000},
		{"registration_fee_vehicle_or_house", `{"asset": "car_le9", "turn": "later", "value": 2000000000, "digital_citizen": true}`,
			calendar.NewDate(2026, 9, 1), 28300000, 27350000},
	} {
		if got := total(before, c.service, c.inputs, c.on); got != c.old {
			t.Errorf("%s costs %d on %s without the entry, want %d", c.service, got, c.on, c.old)
		}
		if got := total(after, c.service, c.inputs, c.on); got != c.new {
			t.Errorf("%s costs %d on %s with the entry, want %d", c.service, got, c.on, c.new)
		}
	}
}

var exampleDay = regexp.MustCompile(`\bon: (\d{4}-\d\d-\d\d)`)

// withExamplesBefore leaves those examples out that were written for a day or for what comes after it.
func withExamplesBefore(day string, text []byte) []byte {
	head, examples, ok := strings.Cut(string(text), "\nexamples:\n")
	if !ok {
		return text
	}
	kept := head + "\nexamples:\n"
	for _, example := range strings.Split(strings.TrimPrefix(examples, "  - "), "\n  - ") {
		if on := exampleDay.FindStringSubmatch(example); on != nil && on[1] < day {
			kept += "  - " + strings.TrimRight(example, "\n") + "\n"
		}
	}
	return []byte(kept)
}

const refused = -1

func total(s *fee.Schedules, service, inputs string, on calendar.Date) int64 {
	q, err := s.Quote(fee.Request{Service: service, Date: on, Inputs: []byte(inputs)})
	if err != nil {
		return refused
	}
	return q.TotalVND
}

func compile(t *testing.T, docs fee.Documents) *fee.Schedules {
	t.Helper()
	s, err := fee.Compile(docs)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
