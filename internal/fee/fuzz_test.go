package fee_test

import (
	"regexp"
	"strings"
	"testing"

	"exchequer/internal/fee"
	"exchequer/schedules"
)

// placed is a fault with file, line and reason, or the line after the last one that is told.
var placed = regexp.MustCompile(`^((toll|parameters/vat)\.yaml:[1-9][0-9]*: .|and at least [1-9][0-9]* more faults$)`)

// FuzzCompile looks for the texts of a schedule and a parameter that make the compiler panic, hang, or refuse without
// saying where.
func FuzzCompile(f *testing.F) {
	for _, change := range [][2]string{
		{"", ""}, {`km > dec("1")`, "given(km"}, {"components:", "components: [{versions: [{rules: [{}]}]}]\nrest:"}, {"body: ", "a: &a [*a]\nbody: "},
		{`fixed: "9000"`, `ordinal: {count: axles, base: km, shares: ["1", "2"], rounding: up}`},
		{`fixed: "9000"`, `split: {of: km, rounding: down, parts: [{code: a, rest: true}, {code: b, share: "0.5", within: ""}]}`},
		{`fixed: "9000"`, `volume: {quantity: km, tiers: [{up_to: "5", price: "1"}, {up_to: "4", price: "2"}, {amount: "3"}]}`},
		{`fixed: "9000"`, `unknown: {vi: chưa rõ, en: not clear}, label: {vi: Phí, en: Fee}`},
		{"rule: TRUCKS", "rule: >-\n            on\n            two lines"},
		{"follows: vat_rate", "by: date\n    across: {since: paid, old: o, new: n, rounding: up, act: Law 1, source: read, confidence: high}"},
	} {
		f.Add(strings.Replace(sound, change[0], change[1], 1), soundParameter)
	}
	f.Add("components:\n"+strings.Repeat("- {}\n", 20_000), soundParameter)
	f.Add(strings.Repeat("[", 1<<20), soundParameter)
	f.Add(sound, rates)
	f.Add(sound, strings.Replace(rates, "parameter: rates", "parameter: vat", 1))
	docs, err := fee.ReadDocuments(schedules.FS)
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{"promotion_notice", "certificate_of_origin", "traffic_fine_instalment", "judicial_record_split", "driving_test"} {
		f.Add(strings.Replace(string(docs[name+".yaml"]), "service: "+name, "service: toll", 1), string(docs["parameters/vat_electricity.yaml"]))
	}
	f.Fuzz(func(t *testing.T, schedule, parameter string) {
		s, err := fee.Compile(fee.Documents{"toll.yaml": []byte(schedule), "parameters/vat.yaml": []byte(parameter)})
		if err != nil {
			for fault := range strings.SplitSeq(err.Error(), "\n") {
				if !placed.MatchString(fault) {
					t.Errorf("a fault without a place or a reason: %q", fault)
				}
			}
			return
		}
		for _, e := range s.Entries() {
			if len(e.Digest) != 64 || e.From.IsZero() || e.Name.En == "" {
				t.Errorf("an entry lacks something: %+v", e)
			}
		}
	})
}
