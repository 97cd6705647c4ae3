package fee

import (
	"encoding/json"
	"errors"
	"testing"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// choosers are the date inputs that choose a version or begin a period. That which may be a day of payment is a
// forecast where it lies ahead, and refused for a bill.
func (t *tariff) choosers() map[int]bool {
	out := map[int]bool{}
	for _, c := range t.components {
		out[c.by] = true
		if c.across != nil {
			out[c.across.since] = true
		}
	}
	for _, u := range t.uses {
		out[u.by] = true
	}
	delete(out, fromRequest)
	return out
}

// TestNothingIsChargedByADayToCome: in no schedule may a day that chooses the law lie after the quote's.
func TestNothingIsChargedByADayToCome(t *testing.T) {
	seen := 0
	for _, of := range everyTariff(t) {
		for slot := range of.choosers() {
			in, refused := &of.inputs[slot], false
			if in.paymentDay {
				continue
			}
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
