package fee_test

import (
	"strings"
	"testing"

	"exchequer/internal/fee"
)

// TestAnExpressionSaysItsFactors: what a rate is taken of can be followed with a calculator, in both languages.
func TestAnExpressionSaysItsFactors(t *testing.T) {
	const inputs = `- {name: n, label: {vi: Số lượng, en: Number}, type: int, default: "3"}
- {name: paid, type: decimal, default: "100"}` + province
	for _, c := range []struct{ name, rule, vi, en string }{
		{"a product of a parameter, a rate and an input", `ordinal: {count: "1", base: 'base_salary * dec("0.045") * dec(n)', shares: ["1"], rounding: half_up}`,
			"2.340.000 (Lương cơ sở) × 4,5% × 3 (Số lượng) = 315.900", "2,340,000 (Base salary) × 4.5% × 3 (Number) = 315,900"},
		{"an input without words", `fixed: paid + dec("1")`, "100 (paid) + 1 = 101", "100 (paid) + 1 = 101"},
		{"a sum in a product", `fixed: '(paid + dec("2")) * dec(n - 1)'`, "(100 (paid) + 2) × (3 (Số lượng) − 1) = 204", "(100 (paid) + 2) × (3 (Number) − 1) = 204"},
		{"a sum that is taken away", `fixed: 'paid - (dec("2") + dec(n))'`, "100 (paid) − (2 + 3 (Số lượng)) = 95", "100 (paid) − (2 + 3 (Number)) = 95"},
		{"a product in a sum", `fixed: 'paid * dec("2") + dec("1")'`, "100 (paid) × 2 + 1 = 201", "100 (paid) × 2 + 1 = 201"},
		{"a choice", `fixed: 'paid * dec(n > 2 ? n - 1 : 9)'`, "100 (paid) × 2 (theo Số lượng 3) = 200", "100 (paid) × 2 (by Number 3) = 200"},
		{"a choice of constants", `fixed: 'paid * (province == "Hue" ? dec("2") : dec("3"))'`, "100 (paid) × 3 = 300", "100 (paid) × 3 = 300"},
		{"a rate over the whole", `percentage: {rate: 'rate * dec("15")', of: paid, rounding: up}`, "12% (Mức thu) × 15 = 1,8", "12% (Rates) × 15 = 1.8"},
		{"a rate", `percentage: {rate: 'rate * dec("0.5")', of: paid, rounding: up}`, "12% (Mức thu) × 50% = 6%", "12% (Rates) × 50% = 6%"},
		{"a most that decides", `percentage: {rate: "1", of: paid, max: 'dec(n) * dec("2")', rounding: up}`, "3 (Số lượng) × 2 = 6", "3 (Number) × 2 = 6"},
		{"a cap that decides", `percentage: {rate: "1", of: paid, cap: {at: 'dec(n) * dec("2")', code: cap}, rounding: up}`, "3 (Số lượng) × 2 = 6", "3 (Number) × 2 = 6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := mustAsk(t, one(t, inputs, ruled("code: fee", c.rule)), "thing", "2025-07-25", `{"province": "Ha Noi"}`)
			if vi, en := told(q); !strings.Contains(vi, "\n"+c.vi+"\n") || !strings.Contains(en, "\n"+c.en+"\n") {
				t.Errorf("%s%s", vi, en)
			}
		})
	}
	for name, rule := range map[string]string{
		"a most that does not decide": `percentage: {rate: "0.1", of: paid, max: 'dec(n) * dec("20")', rounding: up}`,
		"a value alone":               `per_unit: {quantity: dec(n), price: "5"}`,
	} {
		if _, en := told(mustAsk(t, one(t, inputs, ruled("code: fee", rule)), "thing", "2025-07-25", `{}`)); strings.Contains(en, "Number") {
			t.Errorf("%s: %s", name, en)
		}
	}
	if _, en := told(mustAsk(t, load(t), "traffic_fine", "2025-06-12", `{"fine": 5000000, "deadline": "2025-06-01"}`)); strings.Contains(en, "+") {
		t.Errorf("a fine that was not charged is added: %s", en)
	}
}

// TestTellingHowAsksForNothing: the side of a choice that does not decide needs neither an input nor a parameter on file, and
// names neither.
func TestTellingHowAsksForNothing(t *testing.T) {
	const inputs = `- {name: paid, type: decimal, default: "100"}
- {name: extra, type: decimal}` + province
	for _, c := range []struct{ name, rule, inputs, en string }{
		{"an input that was not sent", `fixed: 'paid + (given(extra) ? extra : dec("7"))'`, `{}`, "100 (paid) + 7 = 107"},
		{"one that was", `fixed: 'paid + (given(extra) ? extra : dec("7"))'`, `{"extra": 9}`, "100 (paid) + 9 (by extra 9) = 109"},
		{"a parameter that is not on file", `fixed: 'paid * (province == "Vinh" ? dec("2") : rate)'`, `{"province": "Vinh"}`, "100 (paid) × 2 = 200"},
	} {
		q := mustAsk(t, one(t, inputs, ruled("code: fee", c.rule)), "thing", "2025-07-25", c.inputs)
		if _, en := told(q); !strings.Contains(en, "\n"+c.en+"\n") || strings.Contains(en, "Rates") {
			t.Errorf("%s: %s", c.name, en)
		}
	}
}

// TestALongExpressionIsNotTold: the steps of a bill are read by people, and are kept with it.
func TestALongExpressionIsNotTold(t *testing.T) {
	for n, want := range map[int]bool{20: true, 21: false, 200: false} {
		q := mustAsk(t, one(t, `- {name: paid, type: decimal, default: "100"}`+province, ruled("code: fee", "fixed: "+strings.Repeat("paid + ", n-1)+"paid")), "thing", "2025-07-25", `{}`)
		if _, en := told(q); strings.Contains(en, "(paid) + 100") != want {
			t.Errorf("%d values: %s", n, en)
		}
	}
}

// told gives all steps of a quote, one a line, in each language.
func told(q *fee.Quote) (vi, en string) {
	vi, en = "\n", "\n"
	for _, l := range q.Lines {
		for _, s := range l.Steps {
			vi, en = vi+s.Vi+"\n", en+s.En+"\n"
		}
	}
	return vi, en
}
