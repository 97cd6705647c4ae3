package fee_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"exchequer/internal/fee"
)

// sound is a small schedule that loads. The faults below are made by replacing a part of it.
const sound = `service: toll
name: {vi: Phí, en: Toll}
body: road_authority
valid_days: 30
inputs:
  - {name: km, type: decimal, places: 1, min: "0", required: true}
  - {name: axles, type: int, default: "2"}
  - {name: class, type: enum, values: [car, truck], default: car}
  - {name: paid, type: date, default_from: date, payment_day: true}
parameters:
  - {name: vat_rate, parameter: vat, by: paid}
checks:
  - {that: axles >= 2, field: axles, say: {vi: phải từ 2 trở lên, en: must be 2 or more}}
components:
  - id: toll
    charge: toll
    code: toll
    by: paid
    versions:
      - version: V1
        from: 2020-01-01
        act: Law 1
        source: read
        confidence: high
        rules:
          - {rule: TRUCKS, is: {class: truck}, fixed: "9000"}
          - {rule: KM, when: km > dec("1"), per_unit: {quantity: km, price: "1500", rounding: half_up}}
          - {rule: SHORT, exempt: true}
      - version: V2
        from: 2021-01-01
        to: 2021-12-31
        act: Law 2
        source: read
        confidence: medium
        rules:
          - {rule: ALL, fixed: "5000"}
  - id: vat
    charge: toll_vat
    code: VAT
    follows: vat_rate
    rules:
      - {rule: VAT, percentage: {rate: vat_rate, of: toll, rounding: half_up}}
examples:
  - {on: 2020-06-01, inputs: {km: 10.1}, lines: [{code: toll, amount: "15150"}, {code: VAT, amount: "1515"}], total: "16665"}
`

const soundParameter = `parameter: vat
name: {vi: Thuế, en: VAT}
versions:
  - {version: "10%", from: 2000-01-01, value: "0.10", act: Law 9, source: read, confidence: high}
`

func folder(schedule, parameter string) fstest.MapFS {
	return fstest.MapFS{
		"toll.yaml":           {Data: []byte(schedule)},
		"parameters/vat.yaml": {Data: []byte(parameter)},
	}
}

func TestASoundScheduleLoads(t *testing.T) {
	s, err := fee.Load(folder(sound, soundParameter))
	if err != nil {
		t.Fatal(err)
	}
	services := s.Services()
	if len(services) != 1 || services[0].Service != "toll" || services[0].Examples != 1 || len(services[0].Inputs) != 4 {
		t.Errorf("got %+v", services)
	}
}

func TestAFaultIsRefusedWithFileLineVersionAndReason(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new string // replaced in the schedule
		line     string
		owner    string // the version or component; what belongs to all of them has none
		reason   string
	}{
		{"overlapping versions", "from: 2020-01-01", "from: 2020-01-01\n        to: 2021-01-01", "toll.yaml:22", "version V1 of toll", "overlaps version V2"},
		{"a gap", "from: 2020-01-01", "from: 2020-01-01\n        to: 2020-11-30", "toll.yaml:22", "version V1 of toll", "from 2020-12-01 to 2020-12-31 no version is in force"},
		{"versions out of order", "from: 2021-01-01", "from: 2019-01-01", "toll.yaml:30", "version V2 of toll", "stand in order"},
		{"an end before the beginning", "to: 2021-12-31", "to: 2020-12-31", "toll.yaml:31", "version V2 of toll", "ends before it begins"},
		{"a failing example", `total: "16665"`, `total: "16666"`, "toll.yaml:44", "", "the total should be 16666, the quote has: toll 15150 by V1, VAT 1515 by 10%"},
		{"a failing line", `amount: "1515"`, `amount: "1516"`, "toll.yaml:44", "", "line 2 should be VAT 1516, the quote has: toll 15150 by V1, VAT 1515 by 10%"},
		{"an example that should be refused", `lines: [{code: toll, amount: "15150"}, {code: VAT, amount: "1515"}], total: "16665"`, `refused: Law 1`, "toll.yaml:44", "", "should be refused, the quote has: toll 15150 by V1"},
		{"inputs that nobody can send", `{km: 10.1}`, `{km: 0x10}`, "toll.yaml:44", "", "the inputs cannot be read: json: invalid number"},
		{"a nested input", `{km: 10.1}`, `{km: {of: [10.10, "a", ~, true]}}`, "toll.yaml:44", "", "km"},
		{"more places than a float has", `{km: 10.1}`, `{km: 10.1000000000000000000000001}`, "toll.yaml:44", "", "km"},
		{"no examples", sound[strings.Index(sound, "examples:"):], "examples: []\n", "toll.yaml:1", "", "needs examples"},
		{"an unknown key", "valid_days: 30", "valid_days: 30\ncolour: red", "toll.yaml:5", "", "colour"},
		{"a kind that does not exist", `fixed: "9000"`, `surcharge: "9000"`, "toll.yaml:26", "version V1 of toll", "surcharge"},
		{"a repeated key", "body: road_authority", "body: road_authority\nbody: other", "toll.yaml:4", "", "body"},
		{"a day of payment that is no date", `default: "2"}`, `default: "2", payment_day: true}`, "toll.yaml:7", "", "only a date can be the day of payment"},
		{"two kinds", `fixed: "9000"`, `fixed: "9000", exempt: true`, "toll.yaml:26", "version V1 of toll", "exactly one kind"},
		{"no kind", `, fixed: "9000"`, ``, "toll.yaml:26", "version V1 of toll", "exactly one kind"},
		{"a bare number", `fixed: "9000"`, `fixed: 9000`, "toll.yaml:26", "version V1 of toll", "must stand in quotes"},
		{"an amount that is no number and no expression", `fixed: "9000"`, `fixed: "9 000"`, "toll.yaml:26", "version V1 of toll", "Syntax error"},
		{"no act", "act: Law 1", `act: ""`, "toll.yaml:20", "version V1 of toll", "legal basis"},
		{"no source mark", "source: read\n        confidence: high", "confidence: high", "toll.yaml:20", "version V1 of toll", "`source` must be"},
		{"no rules and not unknown", "rules:\n          - {rule: ALL, fixed: \"5000\"}", "rules: []", "toll.yaml:29", "version V2 of toll", "either rules or"},
		{"decimal against int", `km > dec("1")`, `km > 1`, "toll.yaml:27", "version V1 of toll", "no matching overload"},
		{"decimal against float", `km > dec("1")`, `km > 1.5`, "toll.yaml:27", "version V1 of toll", "no matching overload"},
		{"decimal made of a float", `km > dec("1")`, `km > dec(1.5)`, "toll.yaml:27", "version V1 of toll", "no matching overload"},
		{"plain division", `km > dec("1")`, `km / dec("2") > dec("1")`, "toll.yaml:27", "version V1 of toll", "no matching overload"},
		{"a decimal literal that is none", `km > dec("1")`, `km > dec("one")`, "toll.yaml:27", "version V1 of toll", "not a decimal"},
		{"a decimal made at run time", `km > dec("1")`, `km > dec(class)`, "toll.yaml:27", "version V1 of toll", "takes a literal"},
		{"a date literal that is none", `km > dec("1")`, `paid > date("2020-13-01")`, "toll.yaml:27", "version V1 of toll", "not a date"},
		{"division without a rounding", `km > dec("1")`, `'div(km, dec("3"), 2, "") > dec("1")'`, "toll.yaml:27", "version V1 of toll", "named rounding"},
		{"an unknown variable", `km > dec("1")`, `miles > dec("1")`, "toll.yaml:27", "version V1 of toll", "undeclared reference"},
		{"given() of no input", `km > dec("1")`, `given(miles)`, "toll.yaml:27", "version V1 of toll", "undeclared reference"},
		{"a condition that is no condition", `km > dec("1")`, `km + dec("1")`, "toll.yaml:27", "version V1 of toll", "gives a decimal where a bool is needed"},
		{"a loop", `km > dec("1")`, `'[1, 2, 3].exists(x, x > 2)'`, "toll.yaml:27", "version V1 of toll", "undeclared reference"},
		{"too expensive", `km > dec("1")`, `'"` + strings.Repeat("a", 300) + `".matches("` + strings.Repeat("(a+)+", 100) + `")'`, "toll.yaml:27", "version V1 of toll", "may cost"},
		{"an enum value nobody declared", "class: truck", "class: lorry", "toll.yaml:26", "version V1 of toll", `"lorry" is no value`},
		{"a check of no input", "field: axles", "field: wheels", "toll.yaml:13", "", "a check needs"},
		{"a rate without rounding", "of: toll, rounding: half_up", "of: toll", "toll.yaml:42", "component vat", "needs a rounding"},
		{"a rounding that is none", "rounding: half_up}}\n          - {rule: SHORT", "rounding: nearest}}\n          - {rule: SHORT", "toll.yaml:27", "version V1 of toll", "not a rounding"},
		{"a parameter that is not there", "parameter: vat,", "parameter: salary,", "toll.yaml:11", "", `no parameter "salary"`},
		{"a date that is no date input", "by: paid\n    versions", "by: km\n    versions", "toll.yaml:18", "component toll", "neither `date` nor a date input"},
		{"a date that is none", "from: 2021-01-01", "from: 2021-02-30", "toll.yaml:30", "version V2 of toll", "is not a date"},
		{"a name used twice", "id: vat", "id: toll", "toll.yaml:37", "component toll", "used twice"},
		{"an input type nobody knows", "type: int", "type: float", "toll.yaml:7", "", "none of decimal"},
		{"a default outside the values", "default: car", "default: bus", "toll.yaml:8", "", "not allowed"},
		{"a component used before its turn", "of: toll,", "of: vat,", "toll.yaml:44", "", "version 10% of vat: the schedule of toll uses vat before it is charged"},
		{"two documents", "service: toll", "a: b\n---\nservice: toll", "toll.yaml:1", "", "exactly one YAML document"},
		{"an alias", "body: road_authority", "body: &b road_authority\nconfusion: *b", "toll.yaml:3", "", "aliases"},
		{"a tag without a value", "      - {rule: VAT", "      !- {rule: VAT", "toll.yaml:42", "component vat", "tags"},
		{"no YAML at all", "service: toll", "service: [toll", "toll.yaml:6", "", "within the bracket of line 1, which is not closed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			broken := strings.Replace(sound, c.old, c.new, 1)
			if broken == sound {
				t.Fatalf("the schedule has no %q to break", c.old)
			}
			_, err := fee.Load(folder(broken, soundParameter))
			if err == nil {
				t.Fatal("it loaded")
			}
			want := c.line + ": "
			if c.owner != "" {
				want += c.owner + ": "
			}
			if first, _, _ := strings.Cut(err.Error(), "\n"); !strings.HasPrefix(first, want) || !strings.Contains(first, c.reason) {
				t.Errorf("want %s… %s\ngot  %v", want, c.reason, err)
			}
		})
	}
}

func TestOneServiceHasOneDocument(t *testing.T) {
	files := folder(sound, soundParameter)
	files["again.yaml"] = files["toll.yaml"]
	if _, err := fee.Load(files); err == nil || !strings.Contains(err.Error(), "a document of its own name") {
		t.Errorf("got %v", err)
	}
	if _, err := fee.Load(fstest.MapFS{}); err == nil {
		t.Error("an empty folder loaded")
	}
}

func TestADocumentWithoutContentIsRefused(t *testing.T) {
	for text, reason := range map[string]string{"": "is empty", "\n\n": "is empty", "# nothing\n": "is empty", "---\n": "is empty",
		"null": "where mapping is expected", "3": "where mapping is expected", "- a": "where mapping is expected"} {
		if _, err := fee.Load(folder(text, soundParameter)); err == nil || !strings.HasPrefix(err.Error(), "toll.yaml:1: ") || !strings.Contains(err.Error(), reason) {
			t.Errorf("%q: got %v", text, err)
		}
		if _, err := fee.Load(folder(sound, text)); err == nil || !strings.HasPrefix(err.Error(), "parameters/vat.yaml:1: ") || !strings.Contains(err.Error(), reason) {
			t.Errorf("parameter %q: got %v", text, err)
		}
	}
}

func TestEveryFaultIsReported(t *testing.T) {
	broken := strings.Replace(strings.Replace(sound, "class: truck", "class: lorry", 1), "act: Law 1", `act: ""`, 1)
	_, err := fee.Load(folder(broken, soundParameter))
	if err == nil || !strings.Contains(err.Error(), "toll.yaml:20:") || !strings.Contains(err.Error(), "toll.yaml:26:") {
		t.Errorf("want both faults, got %v", err)
	}
}
