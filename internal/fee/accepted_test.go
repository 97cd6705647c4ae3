package fee_test

import (
	"os"
	"strings"
	"testing"

	"exchequer/internal/fee"
	"exchequer/internal/problem"
)

func accepted(t *testing.T) fee.Documents {
	t.Helper()
	docs, err := fee.ReadDocuments(os.DirFS("testdata/accepted"))
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// TestWhatWasAcceptedIsReadAgain: documents kept from milder days, which today's rules refuse, quote as they always did.
func TestWhatWasAcceptedIsReadAgain(t *testing.T) {
	docs := accepted(t)
	if _, err := fee.Compile(docs); err == nil {
		t.Error("today's rules accept them: they prove nothing")
	}
	law, err := fee.Read(docs)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		on, ask string
		total   int64
	}{
		{"2020-02-01", `{"km": 10}`, 16500},
		{"2020-02-01", `{"km": 0.5}`, 0},
		{"2020-06-30", `{"km": 10, "class": "truck"}`, 9900},
		{"2021-01-01", `{"km": 10.5}`, 12100},
	} {
		if q := mustAsk(t, law, "toll", c.on, c.ask); q.TotalVND != c.total {
			t.Errorf("%s on %s: %d, and it was %d", c.ask, c.on, q.TotalVND, c.total)
		}
	}
	if _, err := ask(law, "toll", "2020-07-01", `{"km": 10}`); problem.CodeOf(err) != problem.Refused {
		t.Errorf("in the gap: %v", err)
	}
	if q := mustAsk(t, law, "toll", "2021-01-01", `{"km": 1}`); !q.Provisional {
		t.Error("what has no mark is taken for certain")
	}
}

// TestRulesThatNoAmountDependsOn refuse a new document and do not make one that was accepted unreadable.
func TestRulesThatNoAmountDependsOn(t *testing.T) {
	for old, c := range map[string]struct{ new, says string }{
		"{vi: Phí, en: Toll}":                            {"{en: Toll}", "its name in vi and en"},
		"{vi: Thuế, en: VAT}":                            {"{en: VAT}", "its name in vi and en"},
		"{vi: phải từ 2 trở lên, en: must be 2 or more}": {"must be 2 or more", "has words"},
		"rule: TRUCKS":                                   {"rule: a truck", "has words"},
		"rule: KM,":                                      {"rule: KM],", "has a bracket too many"},
		"{rule: SHORT, exempt":                           {"{exempt", "a rule needs a name"},
		"code: VAT":                                      {"code: VAT\n    label: {en: VAT}", "a label is written in both languages"},
		"version: V1":                                    {"version: ''", "a version needs a name"},
		"act: Law 1":                                     {"act: Rules of the road", "needs its Vietnamese name"},
		"        act: Law 2\n":                           {"", "legal basis"},
		", act: Law 9":                                   {"", "legal basis"},
		"source: read\n        confidence: medium":       {"source: hearsay\n        confidence: medium", "`source` must be"},
		"confidence: medium":                             {"confidence: some", "`confidence` must be"},
		"from: 2020-01-01":                               {"from: 2020-01-01\n        to: 2020-12-30", "no version is in force"},
		`total: "16665"`:                                 {`total: "1"`, "does not hold"},
	} {
		docs := fee.Documents{
			"toll.yaml":           []byte(strings.Replace(sound, old, c.new, 1)),
			"parameters/vat.yaml": []byte(strings.Replace(soundParameter, old, c.new, 1)),
		}
		if _, err := fee.Compile(docs); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s instead of %s: %v; want %q", c.new, old, err, c.says)
		}
		law, err := fee.Read(docs)
		if err != nil {
			t.Errorf("%s instead of %s cannot be read: %v", c.new, old, err)
			continue
		}
		if q := mustAsk(t, law, "toll", "2020-06-01", `{"km": 10.1}`); q.TotalVND != 16665 {
			t.Errorf("%s instead of %s: %d", c.new, old, q.TotalVND)
		}
	}
}

// TestWhatNoAmountFollowsFromIsNotReadEither, whoever accepted it.
func TestWhatNoAmountFollowsFromIsNotReadEither(t *testing.T) {
	for name, c := range map[string]struct{ old, new, says string }{
		"an unknown key":    {"exempt: true", "waived: true", "waived"},
		"no kind of amount": {", exempt: true", "", "exactly one kind"},
		"versions at once":  {"2020-06-30", "2021-06-30", "overlaps"},
		"an expression":     {"km > dec", "kg > dec", "kg"},
		"no charge":         {"charge: toll_vat", "", "needs `charge`"},
		"no rounding":       {"of: toll, rounding: half_up", "of: toll", "rounding"},
	} {
		docs := accepted(t)
		docs["crossing.yaml"] = []byte(strings.Replace(string(docs["crossing.yaml"]), c.old, c.new, 1))
		if _, err := fee.Read(docs); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want %q", name, err, c.says)
		}
	}
}
