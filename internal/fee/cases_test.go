package fee_test

import (
	"strings"
	"testing"

	"exchequer/internal/fee"
	"exchequer/internal/problem"
)

const head = "id,service,date,inputs,total_vnd,lines\n"

func TestCheckCases(t *testing.T) {
	s := load(t)
	for _, c := range []struct {
		name, row string
		ok        bool
		got       string
		reason    string
	}{
		{"the total and the lines hold",
			`1,traffic_fine,2025-03-15,"{""fine"": 5000000, ""deadline"": ""2025-03-13""}",5002500,"[{""code"": ""a"", ""amount"": 5000000}, {""amount"": 2500, ""rate"": 0.0005}]"`,
			true, "5002500", ""},
		{"the lines may be missing", `1,driving_licence,2025-03-15,"{""channel"": ""online"", ""action"": ""new""}",115000,`, true, "115000", ""},
		{"another total", `1,driving_licence,2025-03-15,"{""channel"": ""online"", ""action"": ""new""}",135000,`, false, "115000", "the total differs"},
		{"another line", `1,driving_licence,2025-03-15,"{""channel"": ""online"", ""action"": ""new""}",115000,"[{""code"": ""a"", ""amount"": 1}]"`,
			false, "115000", "line 1 (a) should be 1"},
		{"a line more", `1,driving_licence,2025-03-15,"{""channel"": ""online"", ""action"": ""new""}",115000,"[{""amount"": 115000}, {""amount"": 0}]"`,
			false, "115000", "2 lines, the quote 1"},
		{"lines that are no lines", `1,driving_licence,2025-03-15,"{""channel"": ""online"", ""action"": ""new""}",115000,x`, false, "115000", "not a JSON list"},
		{"a refusal that is expected", `1,driving_licence,2026-03-15,"{""channel"": ""online"", ""action"": ""new""}",refused,`, true, "refused", "154/2025"},
		{"a refusal that is not", `1,driving_licence,2026-03-15,"{""channel"": ""online"", ""action"": ""new""}",135000,`, false, "refused", "154/2025"},
		{"an amount where a refusal is expected", `1,driving_licence,2025-03-15,"{""channel"": ""online"", ""action"": ""new""}",refused,`, false, "115000", ""},
		{"a misspelt input is no refusal", `1,driving_licence,2026-03-15,"{""chanel"": ""online"", ""action"": ""new""}",refused,`, false, "invalid", "does not have"},
		{"a faulty input that is expected", `1,driving_licence,2026-03-15,"{""channel"": ""post"", ""action"": ""new""}",invalid,`, true, "invalid", "is not allowed"},
		{"a refusal is no faulty input", `1,driving_licence,2026-03-15,"{""channel"": ""online"", ""action"": ""new""}",invalid,`, false, "refused", "154/2025"},
		{"beyond a bound of the law", `1,voluntary_social_insurance,2025-07-15,"{""income"": 1499999, ""group"": ""other"", ""months"": 1}",refused,`, true, "refused", "is below the least allowed"},
		{"a service without a schedule is no refused amount", `1,dog_licence,2025-03-15,{},refused,`, false, "", "no fee schedule"},
		{"a date that is none", `1,driving_licence,15/03/2025,{},refused,`, false, "", "is not a date"},
	} {
		results, err := fee.CheckCases(strings.NewReader(head+c.row+"\n"), s, nil)
		if err != nil || len(results) != 1 {
			t.Errorf("%s: %v, %d results", c.name, err, len(results))
			continue
		}
		if r := results[0]; r.OK != c.ok || r.Got != c.got || !strings.Contains(r.Reason, c.reason) {
			t.Errorf("%s: got %+v", c.name, r)
		}
	}
}

func TestCheckCasesLooksAtTheNamedServices(t *testing.T) {
	rows := head + "1,driving_licence,2025-03-15,{},refused,\n2,traffic_fine,2025-03-15,{},refused,\n"
	results, err := fee.CheckCases(strings.NewReader(rows), load(t), []string{"traffic_fine"})
	if err != nil || len(results) != 1 || results[0].ID != "2" {
		t.Errorf("got %+v, %v", results, err)
	}
	if _, err := fee.CheckCases(strings.NewReader(rows), load(t), []string{"trafic_fine"}); problem.CodeOf(err) != problem.NotFound {
		t.Errorf("a misspelt service: %v", err)
	}
}

func TestCheckCasesRefusesWhatIsNoTableOfCases(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "a column missing": "id,service,date,inputs\n", "a short row": head + "1,driving_licence\n", "broken quotes": head + "\"1,\n",
	} {
		if _, err := fee.CheckCases(strings.NewReader(text), load(t), nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
