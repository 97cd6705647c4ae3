package fee_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/schedules"
)

func entries(t *testing.T, folder fstest.MapFS) []fee.Entry {
	t.Helper()
	s, err := fee.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	return s.Entries()
}

func TestEntriesAreTheDatedVersions(t *testing.T) {
	parameter := soundParameter + `  - {version: "8%", from: 2021-07-01, value: "0.08", act: Law 10, source: recalled, confidence: medium}
  - {version: later, from: 2030-01-01, unknown: {vi: chưa ban hành, en: not passed yet}, act: Law 11, source: read, confidence: high}
`
	parameter = strings.Replace(parameter, "version: later", "version: {vi: sau, en: later}", 1)
	law := func(n string) fee.Text { return fee.Text{Vi: "Luật " + n, En: "Law " + n} }
	name := func(n string) fee.Text { return fee.Text{Vi: n, En: n} }
	later := fee.Text{Vi: "sau", En: "later"}
	want := []fee.Entry{
		{Document: "toll.yaml", Of: "toll", Component: "toll", Later: true, Charges: []string{"toll"}, Name: name("V1"), From: day("2020-01-01"), To: day("2020-12-31"), Act: law("1"), Proved: true},
		{Document: "toll.yaml", Of: "toll", Component: "toll", Later: true, Charges: []string{"toll"}, Name: name("V2"), From: day("2021-01-01"), To: day("2021-12-31"), Act: law("2"), Provisional: true},
		{Document: "toll.yaml", Of: "toll", Component: "vat", Later: true, Charges: []string{"toll_vat"}, Name: name("10%"), From: day("2000-01-01"), To: day("2021-06-30"), Act: law("9"), Proved: true},
		{Document: "toll.yaml", Of: "toll", Component: "vat", Later: true, Charges: []string{"toll_vat"}, Name: name("8%"), From: day("2021-07-01"), To: day("2029-12-31"), Act: law("10"), Provisional: true},
		{Document: "toll.yaml", Of: "toll", Component: "vat", Later: true, Charges: []string{"toll_vat"}, Name: later, From: day("2030-01-01"), Act: law("11"), Unknown: true},
		{Document: "parameters/vat.yaml", Of: "vat", Name: name("10%"), From: day("2000-01-01"), To: day("2021-06-30"), Act: law("9"), Proved: true},
		{Document: "parameters/vat.yaml", Of: "vat", Name: name("8%"), From: day("2021-07-01"), To: day("2029-12-31"), Act: law("10"), Provisional: true},
		{Document: "parameters/vat.yaml", Of: "vat", Name: later, From: day("2030-01-01"), Act: law("11"), Unknown: true},
	}
	got := entries(t, folder(sound, parameter))
	if len(got) != len(want) {
		t.Fatalf("got %d entries: %+v", len(got), got)
	}
	for i := range want {
		if len(got[i].Digest) != 64 {
			t.Errorf("the digest %q is no SHA-256", got[i].Digest)
		}
		want[i].Digest = got[i].Digest
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("got  %+v\nwant %+v", got[i], want[i])
		}
	}
}

func day(s string) calendar.Date { return calendar.MustDate(s) }

// TestADigestFollowsTheContent: changed are exactly the entries that say something else.
func TestADigestFollowsTheContent(t *testing.T) {
	const v1, v2, vat, all = "toll V1", "toll V2", "vat 10%", "toll V1, toll V2, vat 10%"
	for _, c := range []struct{ name, old, new, changed string }{
		{"an amount", `fixed: "5000"`, `fixed: "5001"`, v2},
		{"an act", "act: Law 1", "act: Law 3", v1},
		{"a mark", "confidence: medium", "confidence: low", v2},
		{"a condition", `km > dec("1")`, `km > dec("2")`, v1},
		{"a charge", "charge: toll\n", "charge: road_toll\n", "toll V1, toll V2"},
		{"the date that chooses", "by: paid\n    versions", "by: date\n    versions", "toll V1, toll V2"},
		{"a rule of what follows a parameter", "of: toll, rounding: half_up", "of: toll, rounding: down", vat},
		{"the default of an input that is named", "default: car", "default: truck", v1},
		{"the default of an input that is not named", `default: "2"`, `default: "3"`, ""},
		{"which version of a parameter", "parameter: vat, by: paid", "parameter: vat, by: date", vat},
		{"a later version", "  - id: vat", "      - {version: V3, from: 2022-01-01, act: Law 3, source: read, confidence: high, rules: [{rule: R, exempt: true}]}\n  - id: vat", ""},
		{"an end", "to: 2021-12-31", "to: 2022-12-31", ""},
		{"a comment", "act: Law 1", "# in force\n        act: Law 1 # still", ""},
		{"quotes and layout", "act: Law 1\n        source: read\n", "source: 'read'\n        act: \"Law 1\"\n", ""},
		{"a label", "code: toll", "code: toll\n    label: {vi: Phí, en: Toll}", ""},
		{"another example", `total: "16665"}`, `total: "16665", why: because}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(sound, c.old, c.new, 1)
			if text == sound {
				t.Fatalf("the schedule has no %q to change", c.old)
			}
			if c.name == "the default of an input that is named" { // the example must go on holding
				text = strings.Replace(text, "inputs: {km: 10.1}", "inputs: {km: 10.1, class: car}", 1)
			}
			before, after := entries(t, folder(sound, soundParameter)), entries(t, folder(text, soundParameter))
			var changed []string
			for _, e := range after {
				if i := slices.IndexFunc(before, func(b fee.Entry) bool { return b.Component == e.Component && b.From == e.From }); i >= 0 && before[i].Digest != e.Digest {
					changed = append(changed, e.Component+" "+e.Name.En)
				}
			}
			if got := strings.Join(changed, ", "); got != c.changed {
				t.Errorf("changed are %q, not %q", got, c.changed)
			}
		})
	}
}

// TestWhatAnInputDependsOnIsItsContent: an entry names an input, which takes its default from another, whose bound is a
// parameter.
func TestWhatAnInputDependsOnIsItsContent(t *testing.T) {
	text := func(most string) fstest.MapFS {
		return folder(strings.NewReplacer("default_from: date, payment_day: true}",
			"default_from: read, payment_day: true}", "  - {name: class", "  - {name: read, type: date, "+most+"}\n  - {name: class").Replace(sound), soundParameter)
	}
	before, after := entries(t, text("default_from: date")), entries(t, text("required: false, default_from: date"))
	for i := range before {
		if same := before[i].Digest == after[i].Digest; same != (before[i].Component == "") {
			t.Errorf("%+v: same digest %v", before[i], same)
		}
	}
}

// TestRealEntries: of every service each day on file belongs to one entry of a component, and nothing overlaps.
func TestRealEntries(t *testing.T) {
	s := load(t)
	all := s.Entries()
	for i, e := range all {
		if e.Document == "" || e.Of == "" || e.Name.Vi == "" || e.Name.En == "" || e.From.IsZero() || e.Act.Vi == "" || e.Act.En == "" {
			t.Errorf("%+v lacks something", e)
		}
		if !e.Proved {
			t.Errorf("%s %s, version %s from %s: no example asks for it", e.Of, e.Component, e.Name.En, e.From)
		}
		if i > 0 && all[i-1].Document == e.Document && all[i-1].Component == e.Component && (all[i-1].To.IsZero() || !all[i-1].To.Before(e.From)) {
			t.Errorf("%+v overlaps %+v", all[i-1], e)
		}
	}
	for _, one := range s.Services() {
		if !slices.ContainsFunc(all, func(e fee.Entry) bool { return e.Of == one.Service }) || s.BodyKind(one.Service) != one.Body || s.Name(one.Service).Vi != one.NameVi {
			t.Errorf("%s has no entry, or another kind of body", one.Service)
		}
	}
}

// TestAnExampleProvesTheVersionsItCameTo, and no other: those that a refused case came to, but none that its dates did
// not choose.
func TestAnExampleProvesTheVersionsItCameTo(t *testing.T) {
	for _, c := range []struct{ examples, want string }{
		{`{on: 2020-06-01, inputs: {km: 10}, total: "16500"}`, "toll V1, vat 10%,  10%"},
		{`{on: 2022-06-01, inputs: {km: 10, paid: 2020-06-01}, total: "16500"}`, "toll V1, vat 10%,  10%"},
		{`{on: 2021-06-01, inputs: {km: 10}, total: "5500"}`, "toll V2, vat 10%,  10%"},
		{`{on: 2021-06-01, inputs: {km: 10, axles: 1}, invalid: axles}`, ""},
		{`{on: 2019-06-01, inputs: {km: 10}, refused: Law 1}`, ""},
	} {
		var got []string
		for _, e := range entries(t, folder(sound[:strings.Index(sound, "examples:")]+"examples: ["+c.examples+"]\n", soundParameter)) {
			if e.Proved {
				got = append(got, e.Component+" "+e.Name.En)
			}
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", c.examples, strings.Join(got, ", "), c.want)
		}
	}
}

func TestDocumentsOfAService(t *testing.T) {
	s := load(t)
	want := []string{"electricity_household.yaml", "parameters/vat_electricity.yaml"}
	if got := s.Documents("electricity_household"); !slices.Equal(got, want) || s.Documents("no_such_service") != nil {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestChargesCoverEveryLine: no line has a charge that its service did not announce.
func TestChargesCoverEveryLine(t *testing.T) {
	s := load(t)
	for service, want := range map[string][]string{
		"electricity_household": {"electricity", "electricity_vat"},
		"traffic_fine":          {"fine", "late_charge"},
		"driving_test_split":    {"central_budget", "local_budget", "retained"},
		"no_such_service":       nil,
	} {
		if got := s.Charges(service); !slices.Equal(got, want) {
			t.Errorf("%s has the charges %v, not %v", service, got, want)
		}
	}
	if s.BodyKind("no_such_service") != "" || s.Name("no_such_service") != (fee.Text{}) {
		t.Error("an unknown service has a body")
	}
}

func TestDocumentNames(t *testing.T) {
	docs, err := fee.ReadDocuments(schedules.FS)
	if err != nil || docs["passport.yaml"] == nil || docs["parameters/base_salary.yaml"] == nil {
		t.Fatalf("got %d documents, %v", len(docs), err)
	}
	for _, name := range []string{"embed.go", "../passport.yaml", "parameters/deep/x.yaml", "Toll.yaml", "other/x.yaml", ""} {
		if _, err := fee.Compile(fee.Documents{"toll.yaml": []byte(sound), "parameters/vat.yaml": []byte(soundParameter), name: nil}); err == nil ||
			!strings.Contains(err.Error(), "a document is called") {
			t.Errorf("%q: got %v", name, err)
		}
	}
	if _, err := fee.Compile(nil); err == nil || !strings.Contains(err.Error(), "there is no schedule") {
		t.Errorf("nothing: got %v", err)
	}
}
