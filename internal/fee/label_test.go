package fee_test

import (
	"strings"
	"testing"

	"exchequer/internal/fee"
)

// TestLinesAreCalledByWords: the schedule's own where it has some, never the code.
func TestLinesAreCalledByWords(t *testing.T) {
	const inputs = "- {name: n, type: int, default: \"3\"}\n- {name: parts, type: set, values: [theory, practical], default: theory}" + province
	for _, c := range []struct{ name, component, vi, en string }{
		{"nothing said: the rule", ruled("code: fee", `fixed: "1"`), "R", "R"},
		{"the component's", ruled("code: fee\nlabel: {vi: Phí, en: Fee}", `fixed: "1"`), "Phí", "Fee"},
		{"the rule's own", ruled("code: fee\nlabel: {vi: Phí, en: Fee}", `label: {vi: Lệ phí, en: Charge}, fixed: "1"`), "Lệ phí", "Charge"},
		{"tiers", ruled("code: T\nlabel: {vi: Mức, en: Step}", `graduated: {quantity: n, tiers: [{width: "2", price: "5"}, {price: "7"}]}`), "Mức, bậc 1, Mức, bậc 2", "Step, tier 1, Step, tier 2"},
		{"tiers without a word", ruled("code: T", `graduated: {quantity: n, tiers: [{width: "2", price: "5"}, {price: "7"}]}`), "Bậc 1, Bậc 2", "Tier 1, Tier 2"},
		{"people without a word", ruled("code: m", `ordinal: {count: n, base: "10", shares: ["1"], then: "0.5", rounding: down}`),
			"Người thứ 1, Người thứ 2, Người thứ 3", "Person 1, Person 2, Person 3"},
		{"an instalment without a word", ruled("code: i", `instalments: {of: "1000", number: n, count: n, first: "0.4", rounding: up}`), "Kỳ 3", "Instalment 3"},
		{"a cap", ruled("code: fee\nlabel: {vi: Phí, en: Fee}", `percentage: {rate: "1", of: "9", cap: {at: "5", code: cap}, rounding: down}`),
			"Phí, Giảm theo mức tối đa", "Fee, Reduction to the maximum"},
		{"a cap with words", ruled("code: fee", `percentage: {rate: "1", of: "9", cap: {at: "5", code: cap, label: {vi: Vượt, en: Above}}, rounding: down}`), "R, Vượt", "R, Above"},
		{"parts", ruled("label: {vi: Phần, en: Part}", `split: {of: "9", rounding: down, parts: [{code: a, share: "0.5", label: {vi: Nửa, en: Half}}, {code: b, rest: true}]}`),
			"Nửa, Phần", "Half, Part"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var vi, en []string
			for _, l := range mustAsk(t, one(t, inputs, c.component), "thing", "2025-07-25", `{}`).Lines {
				vi, en = append(vi, l.Label.Vi), append(en, l.Label.En)
			}
			if got := strings.Join(vi, ", "); got != c.vi {
				t.Errorf("got %s, want %s", got, c.vi)
			}
			if got := strings.Join(en, ", "); got != c.en {
				t.Errorf("got %s, want %s", got, c.en)
			}
		})
	}
	if _, err := fee.Load(oneFile(inputs, ruled("code: fee\nlabel: {vi: Phí}", `fixed: "1"`))); err == nil || !strings.Contains(err.Error(), "both languages") {
		t.Errorf("a label in one language: got %v", err)
	}
}

func TestTiersOfTwoVersionsAreToldApart(t *testing.T) {
	q := mustAsk(t, load(t), "electricity_household", "2025-05-25", `{"kwh": 300, "prev_reading": "2025-04-25", "reading": "2025-05-25"}`)
	if first, last := q.Lines[0].Label, q.Lines[len(q.Lines)-1].Label; first != (fee.Text{Vi: "Tiền điện, bậc 1 (2699/QĐ-BCT)", En: "Energy, tier 1 (2699/QD-BCT)"}) ||
		last != (fee.Text{Vi: "Thuế giá trị gia tăng", En: "VAT"}) {
		t.Errorf("got %+v and %+v", first, last)
	}
}
