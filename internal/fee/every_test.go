package fee

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"exchequer/internal/calendar"
	"exchequer/internal/money"
	"exchequer/internal/problem"
)

// everyTariff gives the schedules on file in the order of their names.
func everyTariff(t *testing.T) []*tariff {
	t.Helper()
	s, err := onFile()
	if err != nil {
		t.Fatal(err)
	}
	var out []*tariff
	for _, name := range s.names() {
		out = append(out, s.tariffs[name])
	}
	return out
}

// drawRequest makes a case of a service from its own declarations: from one of its examples with some inputs drawn
// anew, or wholly drawn; on the example's day, at the edge of a version, or on any day.
func drawRequest(t *rapid.T, of *tariff) Request {
	example := rapid.SampledFrom(of.examples).Draw(t, "example")
	on := example.On.Date
	switch rapid.IntRange(0, 2).Draw(t, "which day") {
	case 1:
		c := rapid.SampledFrom(of.components).Draw(t, "component")
		if len(c.periods) > 0 {
			on = rapid.SampledFrom(c.periods).Draw(t, "version").from.AddDays(rapid.IntRange(-1, 1).Draw(t, "beside its first day"))
		}
	case 2:
		on = calendar.NewDate(2015, 1, 1).AddDays(rapid.IntRange(0, 6000).Draw(t, "any day"))
	}
	given := map[string]json.RawMessage{}
	if rapid.Bool().Draw(t, "from the example") && json.Unmarshal(example.Inputs, &given) != nil {
		given = map[string]json.RawMessage{} // an example of inputs that are no object
	}
	for i := range of.inputs {
		in := &of.inputs[i]
		_, there := given[in.name]
		if !there && (in.required || rapid.Bool().Draw(t, "gives "+in.name)) || there && rapid.IntRange(0, 3).Draw(t, "changes "+in.name) == 0 {
			given[in.name] = drawInput(t, in, on)
		}
	}
	text, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	return Request{Service: of.service, Date: on, Inputs: text}
}

// drawInput draws a value that an input declares, and now and then a number just outside.
func drawInput(t *rapid.T, in *input, on calendar.Date) json.RawMessage {
	var v any
	switch in.kind {
	case kindDecimal, kindInt:
		return drawNumber(t, in)
	case kindDate:
		v = on.AddDays(rapid.IntRange(-1500, 400).Draw(t, in.name)).String()
	case kindEnum:
		v = rapid.SampledFrom(in.allowed).Draw(t, in.name)
	case kindBool:
		v = rapid.Bool().Draw(t, in.name)
	case kindSet:
		v = rapid.SliceOfNDistinct(rapid.SampledFrom(in.allowed), 1, len(in.allowed), rapid.ID[string]).Draw(t, in.name)
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func drawNumber(t *rapid.T, in *input) json.RawMessage {
	low, high := int64(0), int64(money.MaxAmount)
	if in.min != nil {
		low = in.min.coef / powers[in.min.scale]
	}
	if in.max != nil {
		high = in.max.coef / powers[in.max.scale]
	}
	size := rapid.IntRange(0, 15).Draw(t, "digits of "+in.name) // small numbers as often as large ones
	n := rapid.Int64Range(low, max(low, min(high, low+powers[size]))).Draw(t, in.name)
	switch rapid.IntRange(0, 20).Draw(t, "outside") {
	case 0:
		n = low - 1
	case 1:
		n = min(high, money.MaxAmount) + 1
	}
	text := strconv.FormatInt(n, 10)
	if in.places > 0 && rapid.Bool().Draw(t, "with a fraction") {
		text += ".5"
	}
	return json.RawMessage(text)
}

// TestEveryServiceAnswersOrRefuses: whatever its inputs, a service answers with lines that add up, or with a refusal a
// citizen can read; never with a fault of ours. The same question has the same answer, to the byte.
func TestEveryServiceAnswersOrRefuses(t *testing.T) {
	s, err := onFile()
	if err != nil {
		t.Fatal(err)
	}
	for _, of := range everyTariff(t) {
		answered, charges := 0, s.Charges(of.service)
		rapid.Check(t, func(t *rapid.T) {
			request := drawRequest(t, of)
			q, err := s.Quote(request)
			again, errAgain := s.Quote(request)
			if a, b := answer(q, err), answer(again, errAgain); a != b {
				t.Fatalf("the second answer differs:\n%s\n%s", a, b)
			}
			if err != nil {
				checkRefusal(t, of, err)
				return
			}
			answered++
			checkQuote(t, q, charges, of.validDays)
		})
		if answered == 0 {
			t.Errorf("no case of %s was answered", of.service)
		}
	}
}

func checkRefusal(t *rapid.T, of *tariff, err error) {
	t.Helper()
	refusal, ok := errors.AsType[*problem.Error](err)
	if !ok {
		t.Fatalf("a fault of ours: %v", err)
	}
	if refusal.Detail == "" || refusal.DetailVi == "" {
		t.Fatalf("a refusal in one language: %#v", refusal)
	}
	_, declared := of.spellings[refusal.Field]
	switch refusal.Code {
	case problem.Refused:
		if refusal.Act == "" {
			t.Fatalf("a refusal without an act: %#v", refusal)
		}
	case problem.Invalid:
		if !declared && refusal.Field != "inputs" {
			t.Fatalf("the field is no input: %#v", refusal)
		}
	default:
		t.Fatalf("another kind of refusal: %#v", refusal)
	}
}

func checkQuote(t *rapid.T, q *Quote, charges []string, validDays int) {
	t.Helper()
	var total int64
	for _, l := range q.Lines {
		total += l.Amount
		if l.Code == "" || l.Act == "" || l.ActVi == "" || len(l.Steps) == 0 ||
			l.Label.Vi == "" || l.Label.En == "" || l.Rule.Vi == "" || l.Rule.En == "" || l.Version.Vi == "" || l.Version.En == "" {
			t.Fatalf("a line lacks something: %+v", l)
		}
		if !slices.Contains(charges, l.Charge) {
			t.Fatalf("%q is none of the service's charges %v", l.Charge, charges)
		}
	}
	if total != q.TotalVND || total < 0 || total > money.MaxAmount {
		t.Fatalf("the lines make %d, the total is %d", total, q.TotalVND)
	}
	// A payment day that was given and lies in the past is over: such a quote holds no more.
	if last := calendar.DayOf(q.ValidUntil); !q.ValidUntil.Equal(last.At(0)) || last.After(q.Date.AddDays(validDays+1)) {
		t.Fatalf("a quote of %s holds until %s", q.Date, q.ValidUntil)
	}
}

// TestMoreIsNeverCheaper: wherever a schedule charges by tiers, a larger quantity is charged as much or more.
func TestMoreIsNeverCheaper(t *testing.T) {
	compared := map[string]int{}
	for _, of := range everyTariff(t) {
		for i := range of.components {
			slot := of.components[i].tieredBy()
			if slot == none {
				continue
			}
			quantity := of.inputs[slot].name
			rapid.Check(t, func(t *rapid.T) {
				request := drawRequest(t, of)
				less := rapid.Int64Range(0, 5000).Draw(t, "less")
				more := less + rapid.Int64Range(1, 500).Draw(t, "and more")
				a, errA := of.sumOf(i, with(t, request, quantity, less))
				b, errB := of.sumOf(i, with(t, request, quantity, more))
				if (errA == nil) != (errB == nil) {
					t.Fatalf("%d: %v, %d: %v", less, errA, more, errB)
				}
				if errA != nil {
					return
				}
				if compared[of.service]++; b.less(a) {
					t.Fatalf("%s on %s: %d cost %s, and %d only %s", request.Inputs, request.Date, less, a, more, b)
				}
			})
		}
	}
	if compared["electricity_household"] == 0 {
		t.Errorf("compared were %v", slices.Sorted(maps.Keys(compared)))
	}
}

// tieredBy gives the slot of the input whose tiers the component charges, none if it has no graduated rule.
func (c *component) tieredBy() int {
	for _, v := range c.versions {
		for _, r := range v.rules {
			if k, ok := r.kind.(*graduated); ok && k.quantity.how == amountSlot {
				return k.quantity.slot
			}
		}
	}
	return none
}

// sumOf works out a component and those before it.
func (t *tariff) sumOf(index int, req Request) (number, error) {
	r := t.begin(req.Date)
	defer t.end(r)
	if err := t.readInputs(req.Inputs, req.Date, r.slots); err != nil {
		return number{}, err
	}
	for i := range t.components[:index+1] {
		if err := t.components[i].charge(r); err != nil {
			return number{}, err
		}
	}
	return r.slots[t.components[index].slot].dec, nil
}

// with gives a request with another value of an input.
func with(t *rapid.T, request Request, name string, n int64) Request {
	var given map[string]json.RawMessage
	if err := json.NewDecoder(bytes.NewReader(request.Inputs)).Decode(&given); err != nil {
		t.Fatal(err)
	}
	given[name] = json.RawMessage(strconv.FormatInt(n, 10))
	request.Inputs, _ = json.Marshal(given)
	return request
}
