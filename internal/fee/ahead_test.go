package fee

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// TestNothingIsChargedByADayToCome: in no schedule may a day that chooses the law lie after the quote's.
func TestNothingIsChargedByADayToCome(t *testing.T) {
	seen := 0
	for _, of := range everyTariff(t) {
		for _, slot := range of.choosing {
			in, refused := &of.inputs[slot], false
			seen++
			for _, e := range of.examples {
				if e.Total == "" {
					continue
				}
				_, err := of.quote(Request{Service: of.service, Date: e.On.Date, Inputs: instead(t, e.Inputs, in, e.On.AddDays(1))})
				p, ok := errors.AsType[*problem.Error](err)
				if !ok || p.Code != problem.Invalid {
					t.Errorf("%s: %s lies ahead of %s: %v", of.service, in.name, e.On, err)
				}
				refused = refused || ok && p.Field == in.name
			}
			if !refused {
				t.Errorf("%s: no example is refused at %s", of.service, in.name)
			}
		}
	}
	if seen < 4 { // reading, prev_reading, violation_date, owed_for
		t.Errorf("only %d dates were tried", seen)
	}
}

// TestALawOfADayToComeIsRefused by the language itself: no schedule has to say so.
func TestALawOfADayToComeIsRefused(t *testing.T) {
	const versions = `    versions:
      - {version: V1, from: 2020-01-01, act: Law 1, source: read, confidence: high, rules: [{rule: R, %s}]}
`
	tiers := fmt.Sprintf(versions, `graduated: {quantity: "10", tiers: [{price: "1"}]}`)
	for name, c := range map[string]struct{ input, parameter, component string }{
		"a version":        {"", "", "    by: day\n" + fmt.Sprintf(versions, `fixed: "1"`)},
		"a parameter":      {"", "parameters: [{name: price, parameter: price, by: day}]\n", "    by: date\n" + fmt.Sprintf(versions, "fixed: price")},
		"a period":         {"", "", "    by: date\n    across: {since: day, old: A, new: B, rounding: half_up, act: Law 1, source: read, confidence: high}\n" + tiers},
		"a day of payment": {", payment_day: true", "", "    by: day\n" + fmt.Sprintf(versions, `fixed: "1"`)},
	} {
		s, err := Compile(Documents{"thing.yaml": []byte("service: thing\nname: {vi: Vật, en: Thing}\nbody: office\nvalid_days: 30\ninputs:\n  - {name: day, type: date, required: true" +
			c.input + "}\n" + c.parameter + "components:\n  - id: charge\n    charge: charge\n    code: fee\n" + c.component +
			"examples:\n  - {on: 2025-01-01, inputs: {day: 2025-01-01}, total: \"" + map[bool]string{true: "10", false: "1"}[name == "a period"] + "\"}\n"),
			"parameters/price.yaml": []byte("parameter: price\nname: {vi: Giá, en: Price}\nversions:\n  - {version: V1, from: 2020-01-01, value: \"1\", act: Law 1, source: read, confidence: high}\n")})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err = s.Quote(Request{Service: "thing", Date: calendar.MustDate("2025-01-01"), Inputs: []byte(`{"day": "2025-01-02"}`)})
		if p, ok := errors.AsType[*problem.Error](err); c.input == "" && (!ok || p.Code != problem.Invalid || p.Field != "day" || p.DetailVi == "") {
			t.Errorf("%s: %v", name, err)
		} else if c.input != "" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAnAmountOfADayHoldsOnIt: a rule that looks at the quote's day itself can give another amount on the next one. A check
// that looks at it changes no amount.
func TestAnAmountOfADayHoldsOnIt(t *testing.T) {
	for name, c := range map[string]struct{ check, when, until string }{
		"a rule":        {"n > 0", `date < date("2025-01-15")`, "2025-01-02"},
		"through CEL":   {"n > 0", `date < (n > 0 ? date("2025-01-15") : date("2025-01-16"))`, "2025-01-02"},
		"a check":       {`n > 0 && date < date("2025-01-15")`, "n > 0", "2025-01-31"},
		"not looked at": {"n > 0", `n > 0 || date < date("2025-01-15")`, "2025-01-31"},
	} {
		s, err := Compile(Documents{"thing.yaml": []byte(`service: thing
name: {vi: Vật, en: Thing}
body: office
valid_days: 29
inputs:
  - {name: n, type: int, required: true}
checks:
  - {that: '` + c.check + `', field: n, say: {vi: sai, en: wrong}}
components:
  - id: charge
    charge: charge
    code: fee
    by: date
    versions:
      - version: V1
        from: 2020-01-01
        act: Law 1
        source: read
        confidence: high
        rules:
          - {rule: R, when: '` + c.when + `', fixed: "1"}
          - {rule: R, fixed: "2"}
examples:
  - {on: 2025-01-01, inputs: {n: 1}, total: "1"}
`)})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		q, err := s.Quote(Request{Service: "thing", Date: calendar.MustDate("2025-01-01"), Inputs: []byte(`{"n": 1}`)})
		if err != nil || calendar.DayOf(q.ValidUntil).String() != c.until {
			t.Errorf("%s: %+v, %v; want it to hold until %s", name, q, err, c.until)
		}
	}
}

// TestADayThatCannotBeWritten is refused: the end of the quote would have no date.
func TestADayThatCannotBeWritten(t *testing.T) {
	s, err := onFile()
	if err != nil {
		t.Fatal(err)
	}
	for on, refused := range map[string]bool{"9000-12-31": false, "9001-01-01": true, "9999-12-31": true} {
		_, err := s.Quote(Request{Service: "promotion_notice", Date: calendar.MustDate(on)})
		if p, ok := errors.AsType[*problem.Error](err); refused != (ok && p.Field == "date") {
			t.Errorf("%s: %v", on, err)
		}
	}
}

// instead gives inputs with another day under a name.
func instead(t *testing.T, inputs []byte, in *input, on calendar.Date) json.RawMessage {
	t.Helper()
	given := map[string]any{}
	if err := json.Unmarshal(inputs, &given); err != nil {
		t.Fatal(err)
	}
	for _, name := range in.spellings {
		delete(given, name)
	}
	given[in.name] = on.String()
	text, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestAForecastNamesItsInput: on the day itself, and where no day is given, a quote is none.
func TestAForecastNamesItsInput(t *testing.T) {
	s, err := onFile()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ service, inputs, forecast string }{
		{"business_tax_late", `{"tax": 100000000, "due": "2025-05-20", "paid": "2025-12-31"}`, "paid"},
		{"business_tax_late", `{"tax": 100000000, "due": "2025-05-20", "paid": "2025-06-04"}`, "paid"},
		{"business_tax_late", `{"tax": 100000000, "due": "2025-05-20", "paid": "2025-06-05"}`, ""},
		{"business_tax_late", `{"tax": 100000000, "due": "2025-05-20"}`, ""},
		{"traffic_fine", `{"fine": 1000000, "deadline": "2025-06-20", "paid": "2025-06-06"}`, "paid"},
		{"traffic_fine", `{"fine": 1000000, "deadline": "2025-06-20"}`, ""},
		{"electricity_household", `{"kwh": 100, "reading": "2025-06-01"}`, ""},
	} {
		q, err := s.Quote(Request{Service: c.service, Date: calendar.MustDate("2025-06-05"), Inputs: []byte(c.inputs)})
		if err != nil {
			t.Fatal(err)
		}
		p, refused := errors.AsType[*problem.Error](q.Payable())
		if q.Forecast != c.forecast || refused != (c.forecast != "") || refused && (p.Field != "paid" || p.DetailVi == "") {
			t.Errorf("%s %s: forecast %q, %v", c.service, c.inputs, q.Forecast, q.Payable())
		}
	}
}
