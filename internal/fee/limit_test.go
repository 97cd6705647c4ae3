package fee_test

import (
	"errors"
	"strings"
	"testing"

	"exchequer/internal/fee"
	"exchequer/internal/problem"
)

const (
	parts        = "- {name: parts, type: set, values: [theory, practical], default: theory}"
	secondCharge = `  - {id: more, charge: more, code: more, by: date, versions: [{version: V1, from: 2000-01-01, act: Law 1, source: read, confidence: high, rules: [{rule: R, fixed: "1"}]}]}
`
)

// overLimit reports whether a request was refused at a field because of the limit.
func overLimit(err error, field string) bool {
	refusal, ok := errors.AsType[*problem.Error](err)
	return ok && refusal.Code == problem.Invalid && refusal.Field == field && (strings.Contains(refusal.Detail, "the limit of") || strings.Contains(refusal.Detail, "to 1000000000000000"))
}

// TestNoAmountOverTheLimit: 10^15 đồng is the most, wherever the amount arises; at the limit it is taken.
func TestNoAmountOverTheLimit(t *testing.T) {
	const inputs = `- {name: paid, type: decimal, places: 2, default: "0"}
- {name: n, type: int, default: "1"}` + province
	const most, over = "1000000000000000", "1000000000000001"
	for _, c := range []struct{ name, component, ask, field string }{
		{"an input", ruled("code: fee", `fixed: paid`), `{"paid": ` + over + `}`, "paid"},
		{"an input by a fraction", ruled("code: fee", `fixed: paid`), `{"paid": ` + most + `.01}`, "paid"},
		{"an input below 0", ruled("code: fee", `fixed: "1"`), `{"paid": -` + over + `}`, "paid"},
		{"an input with an exponent", ruled("code: fee", `fixed: paid`), `{"paid": 1.1e15}`, "paid"},
		{"a whole number", ruled("code: fee", `fixed: "1"`), `{"n": ` + over + `}`, "n"},
		{"an amount by an expression", ruled("code: fee", `fixed: 'paid + dec("1")'`), `{"paid": ` + most + `}`, "inputs"},
		{"an expression that CEL runs", ruled("code: fee", `fixed: '(n > 0 ? paid : dec("0")) + dec("1")'`), `{"paid": ` + most + `}`, "inputs"},
		{"an expression of whole numbers", ruled("code: fee", `fixed: 'dec(n * n)'`), `{"n": ` + most + `}`, "inputs"},
		{"an expression made small again", ruled("code: fee", `percentage: {rate: "0.1", of: 'paid * dec("2")', rounding: down}`), `{"paid": ` + most + `}`, "inputs"},
		{"units", ruled("code: fee", `per_unit: {quantity: n, price: "2"}`), `{"n": ` + most + `}`, "inputs"},
		{"a tier", ruled("code: fee", `graduated: {quantity: n, tiers: [{width: "1", price: "1"}, {price: "2"}]}`), `{"n": ` + most + `}`, "inputs"},
		{"tiers together", ruled("code: fee", `graduated: {quantity: n, tiers: [{width: "500000000000000", price: "1"}, {width: "400000000000000", price: "2"}, {price: "1"}]}`), `{"n": ` + most + `}`, "inputs"},
		{"a volume", ruled("code: fee", `volume: {quantity: n, tiers: [{price: "2"}]}`), `{"n": ` + most + `}`, "inputs"},
		{"a rate that a maximum hides", ruled("code: fee", `percentage: {rate: "2", of: paid, max: "5", rounding: down}`), `{"paid": ` + most + `}`, "inputs"},
		{"a least amount", ruled("code: fee", `percentage: {rate: "0", of: paid, min: 'paid * dec("2")', rounding: down}`), `{"paid": ` + most + `}`, "inputs"},
		{"a discount that a maximum hides", ruled("code: fee", `discount: {rate: "1", of: 'paid * dec("2")', max: "5", rounding: down}`), `{"paid": ` + most + `}`, "inputs"},
		{"people", ruled("code: fee", `ordinal: {count: n, base: paid, shares: ["1"], then: "1", rounding: down}`), `{"n": 2, "paid": ` + most + `}`, "inputs"},
		{"days", ruled("code: fee", `per_day: {rate: "1", of: paid, from: since, to: date, count: after_first_to_last, rounding: down}`), `{"since": "2025-07-01", "paid": ` + most + `}`, "inputs"},
		{"a split", ruled("", `split: {of: 'paid * dec("2")', rounding: down, parts: [{code: a, rest: true}]}`), `{"paid": ` + most + `}`, "inputs"},
		{"an instalment", ruled("code: fee", `instalments: {of: 'paid * dec("2")', number: n, count: n, first: "0.4", rounding: up}`), `{"paid": ` + most + `}`, "inputs"},
		{"the total of each of a set", strings.Replace(eachParts, `"60000"`, "paid", 1), `{"parts": ["theory", "practical"], "paid": ` + most + `}`, "inputs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ask(one(t, inputs+"\n- {name: since, type: date, default_from: date}\n"+parts, c.component), "thing", "2025-07-25", c.ask)
			if !overLimit(err, c.field) {
				t.Errorf("got %#v", err)
			}
		})
	}
	files := oneFile(inputs, ruled("code: fee", `fixed: paid`))
	text := strings.Replace(string(files["thing.yaml"].Data), "examples:", secondCharge+"examples:", 1)
	files["thing.yaml"].Data = []byte(text)
	two, err := fee.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ask(two, "thing", "2025-07-25", `{"paid": `+most+`}`); !overLimit(err, "inputs") {
		t.Errorf("the total of two charges: got %#v", err)
	}
	for _, rule := range []string{`fixed: paid`, `fixed: 'paid + dec("0")'`, `percentage: {rate: "1", of: paid, rounding: up}`,
		`per_unit: {quantity: paid, price: "1"}`, `volume: {quantity: paid, tiers: [{price: "1"}]}`, `graduated: {quantity: paid, tiers: [{width: "7", price: "1"}, {price: "1"}]}`} {
		if q := mustAsk(t, one(t, inputs, ruled("code: fee", rule)), "thing", "2025-07-25", `{"paid": `+most+`}`); q.TotalVND != 1e15 {
			t.Errorf("%s: got %d", rule, q.TotalVND)
		}
	}
}
