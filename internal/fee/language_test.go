package fee_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"exchequer/internal/fee"
	"exchequer/internal/problem"
)

// salary, line and rates are parameters as the real ones are written.
const salary = `parameter: salary
name: {vi: Lương cơ sở, en: Base salary}
versions:
  - {version: 38/2019, from: 2019-07-01, value: "1490000", act: Decree 38/2019/ND-CP, source: recalled, confidence: high}
  - {version: 73/2024, from: 2024-07-01, value: "2340000", act: Decree 73/2024/ND-CP, source: read, confidence: high}
`

const rates = `parameter: rates
name: {vi: Mức thu, en: Rates}
key: {vi: Tỉnh, en: province}
versions:
  - version: 10/2022
    from: 2022-03-01
    act: Decree 10/2022/ND-CP
    source: read
    confidence: high
    values:
      - {keys: [Ha Noi], value: "0.12", source: recalled, confidence: high}
      - {keys: [Hue, Can Tho], value: "0.11", act: Resolution 7/2022}
      - {keys: [Vinh], unknown: {vi: nguồn khác nhau, en: sources conflict}}
  - version: 51/2025
    from: 2025-03-01
    act: Decree 51/2025/ND-CP
    source: read
    confidence: high
    values:
      - {keys: [Ha Noi], value: "0.12"}
    otherwise: {value: "0.10", source: recalled, confidence: medium}
`

// one makes a schedule of one component from its inputs and rules, which are written at the margin.
func one(t testing.TB, inputs, component string) *fee.Schedules {
	t.Helper()
	s, err := fee.Load(oneFile(inputs, component))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func oneFile(inputs, component string) fstest.MapFS {
	indent := func(by, text string) string {
		return by + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by) + "\n"
	}
	schedule := `service: thing
name: {vi: Vật, en: Thing}
body: office
valid_days: 30
inputs:
` + indent("  ", inputs) + `parameters:
  - {name: base_salary, parameter: salary, by: date}
  - {name: rate, parameter: rates, by: date, key: province}
components:
  - id: charge
    charge: charge
` + indent("    ", component) + `examples:
  - {on: 2026-01-01, inputs: {nothing: 1}, invalid: inputs}
`
	return fstest.MapFS{"thing.yaml": {Data: []byte(schedule)}, "parameters/salary.yaml": {Data: []byte(salary)},
		"parameters/rates.yaml": {Data: []byte(rates)}}
}

const province = "\n- {name: province, type: enum, values: [Ha Noi, Hue, Can Tho, Vinh, Lai Chau]}"

// ruled is a component of one version with one rule.
func ruled(code, rule string) string {
	return code + `
by: date
versions:
  - version: V1
    from: 2000-01-01
    act: Law 1
    source: read
    confidence: high
    rules:
      - {rule: R, ` + rule + `}`
}

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		name, inputs, code, rule, ask string
		lines                         string // code amount, code amount, …
		steps                         string // the last step of the last line, in both languages
	}{
		{"volume: the tier of the whole quantity", `- {name: n, type: int, required: true}`, "code: fee",
			`volume: {quantity: n, tiers: [{up_to: "10", price: "300"}, {up_to: "100", price: "200"}, {price: "100"}]}`,
			`{"n": 10}`, "fee 3000", "10 × 300 = 3.000 | 10 × 300 = 3,000"},
		{"volume: the next tier", `- {name: n, type: int, required: true}`, "code: fee",
			`volume: {quantity: n, tiers: [{up_to: "10", price: "300"}, {up_to: "100", price: "200"}, {price: "100"}]}`,
			`{"n": 11}`, "fee 2200", "11 × 200 = 2.200 | 11 × 200 = 2,200"},
		{"volume: an amount for a band, its end included", `- {name: value, type: decimal, required: true}`, "code: plate",
			`volume: {quantity: value, tiers: [{up_to: "15000000", amount: "1000000"}, {up_to: "40000000", amount: "2000000"}, {amount: "4000000"}]}`,
			`{"value": 40000000}`, "plate 2000000", "mức ấn định 2.000.000 | fixed at 2,000,000"},
		{"volume: over the last end", `- {name: value, type: decimal, required: true}`, "code: plate",
			`volume: {quantity: value, tiers: [{up_to: "15000000", amount: "1000000"}, {up_to: "40000000", amount: "2000000"}, {amount: "4000000"}]}`,
			`{"value": 40000001}`, "plate 4000000", "mức ấn định 4.000.000 | fixed at 4,000,000"},
		{"ordinal: members of a household", "- {name: members, type: int, required: true}\n- {name: months, type: int, default: \"12\"}", "code: member",
			`ordinal: {count: members, base: 'base_salary * dec("0.045") * dec(months)', shares: ["1", "0.70", "0.60", "0.50"], then: "0.40", rounding: half_up}`,
			`{"members": 6}`, "member1 1263600, member2 884520, member3 758160, member4 631800, member5 505440, member6 505440",
			"người thứ 6: 40% × 1.263.600 = 505.440 | number 6: 40% × 1,263,600 = 505,440"},
		{"ordinal: two more join", "- {name: members, type: int, required: true}\n- {name: before, type: int, default: \"0\"}", "code: member",
			`ordinal: {count: members, after: before, base: "1000", shares: ["1", "0.70", "0.60"], then: "0.50", rounding: half_up}`,
			`{"members": 2, "before": 2}`, "member3 600, member4 500", "người thứ 4: 50% × 1.000 = 500 | number 4: 50% × 1,000 = 500"},
		{"percentage with a cap as a line of its own", `- {name: value, type: decimal, required: true}`, "code: fee",
			`percentage: {rate: "0.02", of: value, cap: {at: "500000000", code: cap_adjustment}, rounding: half_up}`,
			`{"value": 30000000000}`, "fee 600000000, cap_adjustment -100000000", "tối đa 500.000.000: 500.000.000 − 600.000.000 | at most 500,000,000: 500,000,000 − 600,000,000"},
		{"percentage at its cap", `- {name: value, type: decimal, required: true}`, "code: fee",
			`percentage: {rate: "0.02", of: value, cap: {at: "500000000", code: cap_adjustment}, rounding: half_up}`,
			`{"value": 25000000000}`, "fee 500000000", "2% × 25.000.000.000 = 500.000.000 | 2% × 25,000,000,000 = 500,000,000"},
		{"percentage with least and most", `- {name: value, type: decimal, required: true}`, "code: fee",
			`percentage: {rate: "0.02", of: value, min: "100", max: "200", rounding: half_up}`,
			`{"value": 100}`, "fee 100", "ít nhất 100 | at least 100"},
		{"a bool that a rule asks for", `- {name: digital, type: bool, default: "false"}`, "code: fee",
			`is: {digital: true}, exempt: true}
      - {rule: R2, is: {digital: false}, fixed: "7"`, `{"digital": true}`, "fee 0", "được miễn | exempt"},
		{"a rate of 0 has its line", `- {name: value, type: decimal, required: true}`, "code: fee",
			`percentage: {rate: "0", of: value, rounding: half_up}`, `{"value": 900000000}`, "fee 0", "0 × 900.000.000 = 0 | 0 × 900,000,000 = 0"},
		{"a keyed rate", `- {name: value, type: decimal, required: true}` + province, "code: fee",
			`percentage: {rate: 'rate * dec("0.6")', of: value, rounding: half_up}`, `{"value": 1000, "province": "Hue"}`, "fee 60",
			"Mức thu: 10% (Nghị định 51/2025/NĐ-CP) | Rates: 10% (Decree 51/2025/ND-CP)"},
		{"a split rounded at each step", `- {name: paid, type: decimal, required: true, min: "0"}`, "",
			`split: {of: paid, rounding: half_up, parts: [{code: centre, share: "0.04"}, {code: budget, share: "0.15"}, {code: police, share: "0.60", within: "0.81"}, {code: collector, rest: true}]}`,
			`{"paid": 200000}`, "centre 8000, budget 30000, police 97200, collector 64800", "phần còn lại của 200.000 | the rest of 200,000"},
		{"a split of little", `- {name: paid, type: decimal, required: true, min: "0"}`, "",
			`split: {of: paid, rounding: half_up, parts: [{code: rest, rest: true}, {code: a, share: "0.5"}, {code: b, share: "0.5"}]}`,
			`{"paid": 1}`, "rest 0, a 1, b 0", "50% × 1 = 0,5 | 50% × 1 = 0.5"},
		{"the first instalment", "- {name: fine, type: decimal, required: true}\n- {name: k, type: int, required: true}\n- {name: of, type: int, required: true}", "code: instalment",
			`instalments: {of: fine, number: k, count: of, first: "0.40", rounding: up}`, `{"fine": 19000000, "k": 1, "of": 3}`, "instalment1 7600000",
			"40% × 19.000.000 = 7.600.000 | 40% × 19,000,000 = 7,600,000"},
		{"a later instalment takes an odd đồng", "- {name: fine, type: decimal, required: true}\n- {name: k, type: int, required: true}\n- {name: of, type: int, required: true}", "code: instalment",
			`instalments: {of: fine, number: k, count: of, first: "0.40", rounding: up}`, `{"fine": 1002, "k": 2, "of": 3}`, "instalment2 301",
			"(1.002 − 401) chia đều 2 kỳ, đồng lẻ vào các kỳ đầu: 301 | (1,002 − 401) in 2 equal parts, odd đồng to the first ones: 301"},
		{"days late from the next working day", "- {name: due, type: date, required: true}\n- {name: tax, type: decimal, required: true}", "code: interest",
			`per_day: {rate: "0.0003", of: tax, from: due, moves: next_working_day, to: date, count: after_first_to_before_last, rounding: half_up}`,
			`{"due": "2025-07-20", "tax": 1000000}`, "interest 900", "0,03% × 1.000.000 × 3 = 900 | 0.03% × 1,000,000 × 3 = 900"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inputs := c.inputs
			if !strings.Contains(inputs, "province") {
				inputs += province
			}
			q := mustAsk(t, one(t, inputs, ruled(c.code, c.rule)), "thing", "2025-07-25", c.ask)
			var lines []string
			for _, l := range q.Lines {
				lines = append(lines, l.Code+" "+strconv.FormatInt(l.Amount, 10))
			}
			if got := strings.Join(lines, ", "); got != c.lines {
				t.Errorf("got  %s\nwant %s", got, c.lines)
			}
			steps := q.Lines[len(q.Lines)-1].Steps
			if last := steps[len(steps)-1]; last.Vi+" | "+last.En != c.steps {
				t.Errorf("got  %s | %s\nwant %s", last.Vi, last.En, c.steps)
			}
		})
	}
}

func TestASetIsChargedForEachOfItsValues(t *testing.T) {
	s := one(t, `- {name: parts, type: set, values: [theory, practical], required: true}`+province, eachParts)
	for inputs, want := range map[string]string{
		`{"parts": ["practical", "theory"]}`: "theory 60000, practical 70000",
		`{"parts": ["practical"]}`:           "practical 70000",
	} {
		var lines []string
		for _, l := range mustAsk(t, s, "thing", "2026-03-02", inputs).Lines {
			lines = append(lines, l.Code+" "+strconv.FormatInt(l.Amount, 10))
		}
		if got := strings.Join(lines, ", "); got != want {
			t.Errorf("%s: got %s", inputs, got)
		}
	}
	for _, inputs := range []string{`{}`, `{"parts": []}`, `{"parts": "theory"}`, `{"parts": ["theory", "theory"]}`, `{"parts": ["swimming"]}`, `{"parts": [1]}`} {
		if _, err := ask(s, "thing", "2026-03-02", inputs); problem.CodeOf(err) != problem.Invalid {
			t.Errorf("%s: got %v", inputs, err)
		}
	}
}

const eachParts = `each: parts
by: date
versions:
  - version: 37/2023
    from: 2023-08-01
    act: Law 1
    source: read
    confidence: high
    rules:
      - {rule: R1, is: {parts: theory}, fixed: "60000"}
      - {rule: R2, is: {parts: practical}, when: '"practical" in parts', fixed: "70000"}`

func TestBoundsThatDependOnAParameter(t *testing.T) {
	s := one(t, `- {name: income, type: decimal, required: true, min: base_salary, max: 'base_salary * dec("20")'}`+province,
		ruled("code: fee", `percentage: {rate: "0.22", of: income, rounding: half_up}`))
	for income, act := range map[string]string{"2340000": "", "46800000": "", "2339999": "Decree 73/2024", "46800001": "Decree 73/2024"} {
		_, err := ask(s, "thing", "2025-08-01", `{"income": `+income+`}`)
		if act == "" && err == nil {
			continue
		}
		refusal, ok := errors.AsType[*problem.Error](err)
		if !ok || act == "" || refusal.Code != problem.Invalid || refusal.Field != "income" || !strings.Contains(refusal.Act, act) ||
			!strings.Contains(refusal.Detail, "allowed, ") {
			t.Errorf("%s: got %v", income, err)
		}
	}
}

func TestKeyedParameters(t *testing.T) {
	s := one(t, `- {name: value, type: decimal, default: "1000"}`+province, ruled("code: fee", `percentage: {rate: rate, of: value, rounding: half_up}`))
	for _, c := range []struct {
		on, province string
		total        int64
		provisional  bool
		refused      string
	}{
		{"2022-03-01", "Ha Noi", 120, false, ""},
		{"2022-03-01", "Can Tho", 110, false, ""},
		{"2022-03-01", "Lai Chau", 0, false, "Decree 10/2022"},
		{"2022-03-01", "Vinh", 0, false, "Decree 10/2022"},
		{"2022-02-28", "Ha Noi", 0, false, "Decree 10/2022"},
		{"2025-03-01", "Lai Chau", 100, true, ""},
		{"2025-03-01", "Ha Noi", 120, false, ""},
	} {
		q, err := ask(s, "thing", c.on, `{"province": "`+c.province+`"}`)
		if c.refused != "" {
			if refusal, ok := errors.AsType[*problem.Error](err); !ok || refusal.Code != problem.Refused || !strings.Contains(refusal.Act, c.refused) {
				t.Errorf("%+v: got %v", c, err)
			}
			continue
		}
		if err != nil || q.TotalVND != c.total || q.Provisional != c.provisional {
			t.Errorf("%+v: got %+v, %v", c, q, err)
		}
	}
	if _, err := ask(s, "thing", "2025-03-01", `{}`); problem.CodeOf(err) != problem.Invalid {
		t.Errorf("without a province: %v", err)
	}
}

func TestADeadlineIsNotMovedByACalendarThatIsNotThere(t *testing.T) {
	s := one(t, "- {name: due, type: date, required: true}"+province, ruled("code: interest",
		`per_day: {rate: "0.0003", of: "1000000", from: due, moves: next_working_day, to: date, count: after_first_to_before_last, rounding: half_up}`))
	_, err := ask(s, "thing", "2031-07-25", `{"due": "2031-07-20"}`)
	if refusal, ok := errors.AsType[*problem.Error](err); !ok || refusal.Code != problem.Refused || refusal.Act != "Law 1" {
		t.Errorf("got %v", err)
	}
}
