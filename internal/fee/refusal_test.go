package fee_test

import (
	"errors"
	"strings"
	"testing"

	"exchequer/internal/fee"
	"exchequer/internal/problem"
)

// TestRefusalsSpeakBothLanguages: each says the same to a citizen and to a program.
func TestRefusalsSpeakBothLanguages(t *testing.T) {
	inputs := `- {name: n, type: int, min: "1", max: "9", default: "3"}
- {name: income, type: decimal, max: base_salary}
- {name: of, type: date}` + province
	for _, c := range []struct{ name, rule, on, ask, vi, en string }{
		{"required in this case", `fixed: "1", when: 'of < date("2025-01-01")'`, "2025-07-25", `{}`, "cần có trong trường hợp này", "is required in this case"},
		{"below the least", `fixed: "1"`, "2025-07-25", `{"n": 0}`, "0 nhỏ hơn mức thấp nhất được nhận, 1", "0 is below the least allowed, 1"},
		{"over the most", `fixed: "1"`, "2025-07-25", `{"n": 10}`, "10 vượt mức cao nhất được nhận, 9", "10 is over the most allowed, 9"},
		{"over a bound by law", `fixed: "1"`, "2025-07-25", `{"income": 2340001}`, "2340001 vượt mức cao nhất được nhận, 2340000 (Nghị định 73/2024/NĐ-CP)",
			"2340001 is over the most allowed, 2340000 (Decree 73/2024/ND-CP)"},
		{"a number over the range", `fixed: "1"`, "2025-07-25", `{"n": "1e30"}`, "1e30 ngoài phạm vi được nhận, từ 1 đến 9", "1e30 is out of the range allowed, 1 to 9"},
		{"a number without an end", `fixed: "1"`, "2025-07-25", `{"income": 1e400000000}`, "1e400000000 ngoài phạm vi được nhận, từ -1000000000000000 đến 1000000000000000",
			"1e400000000 is out of the range allowed, -1000000000000000 to 1000000000000000"},
		{"an exponent that cannot be read", `fixed: "1"`, "2025-07-25", `{"n": 1e99999999999999999999}`, "1e99999999999999999999 ngoài phạm vi được nhận, từ 1 đến 9",
			"1e99999999999999999999 is out of the range allowed, 1 to 9"},
		{"an exponent below any place", `fixed: "1"`, "2025-07-25", `{"n": 1e-400000000}`, "số có hơn 12 chữ số thập phân", "the number has more than 12 decimal places"},
		{"an unreadable one", `fixed: "1"`, "2025-07-25", `{"n": 1e-99999999999999999999}`, "số có hơn 12 chữ số thập phân", "the number has more than 12 decimal places"},
		{"no number", `fixed: "1"`, "2025-07-25", `{"n": "x"}`, `"x" không phải số thập phân`, `"x" is not a decimal number`},
		{"no date", `fixed: "1"`, "2025-07-25", `{"of": "x"}`, `"x" không phải ngày theo dạng YYYY-MM-DD`, `"x" is not a date in the form YYYY-MM-DD`},
		{"another type", `fixed: "1"`, "2025-07-25", `{"of": true}`, "cần ngày theo dạng YYYY-MM-DD", "needs a date in the form YYYY-MM-DD"},
		{"an unknown input", `fixed: "1"`, "2025-07-25", `{"m": 1}`, "có dữ liệu mà thing không dùng: dữ liệu cần là n, income, of, province",
			"there is an input that thing does not have: its inputs are n, income, of, province"},
		{"an amount over the limit", `fixed: 'base_salary * dec("1000000000")'`, "2025-07-25", `{}`, "dẫn đến số tiền vượt giới hạn 1.000.000.000.000.000 ₫",
			"they lead to an amount over the limit of 1,000,000,000,000,000 VND"},
		{"a charge below 0", `fixed: 'dec("1") - dec(n)'`, "2025-07-25", `{}`, "với khoản “Phí” số phải thu thành -2 đồng, dưới 0", "with “Fee” the charge comes to -2 đồng, which is below 0"},
		{"part of a đồng", `fixed: 'dec(n) * dec("0.5")'`, "2025-07-25", `{}`, "Phí ra 1.5 đồng, có phần lẻ, mà chưa có quy định làm tròn", "Fee comes to 1.5 đồng, which is not whole, and no rounding is on file"},
		{"a split below 0", `split: {of: 'dec("1") - dec(n)', rounding: down, parts: [{code: a, rest: true}]}`, "2025-07-25", `{}`,
			"Phí: -2 không phải số nguyên đồng từ 0 trở lên, không chia được", "Fee: -2 is no whole amount of 0 or more, and cannot be shared out"},
		{"no rule", `fixed: "1", when: n > 5`, "2025-07-25", `{}`, "Luật 1: chưa có quy định cho trường hợp này của Phí", "Law 1 has no rule on file for this case of Fee"},
		{"before the first version", `fixed: "1"`, "1999-12-31", `{}`, "ngày 31/12/1999 ở trước quy định đầu tiên đã có về Phí, Luật 1 từ ngày 01/01/2000",
			"1999-12-31 lies before the first version of Fee on file, Law 1 from 2000-01-01"},
		{"unknown", `unknown: {vi: hai nguồn khác nhau, en: sources differ}`, "2025-07-25", `{}`, "chưa có mức thu chắc chắn cho Phí (Luật 1): hai nguồn khác nhau",
			"no certain amount is on file for Fee (Law 1): sources differ"},
		{"no value of a parameter", `fixed: rate`, "2021-01-01", `{"province": "Hue"}`, "không có Mức thu cho ngày 01/01/2021; văn bản đầu tiên là Nghị định 10/2022/NĐ-CP",
			"no value of Rates is on file for 2021-01-01; the first is Decree 10/2022/ND-CP"},
		{"no value of a key", `fixed: rate`, "2022-07-01", `{"province": "Lai Chau"}`, "không có Mức thu của Lai Chau ngày 01/07/2022", "no value of Rates is on file for Lai Chau on 2022-07-01"},
		{"an unknown value", `fixed: rate`, "2022-07-01", `{"province": "Vinh"}`, "chưa có mức thu chắc chắn cho Mức thu Vinh (Nghị định 10/2022/NĐ-CP): nguồn khác nhau",
			"no certain amount is on file for Rates Vinh (Decree 10/2022/ND-CP): sources conflict"},
		{"too many people", `ordinal: {count: dec("101"), base: "1", shares: ["1"], then: "1", rounding: up}`, "2025-07-25", `{}`,
			"dẫn đến 101 người sau 0 người; được nhận số nguyên đến 100", "they lead to 101 people after 0; whole numbers up to 100 are allowed"},
		{"no share of a person", `ordinal: {count: n, base: "1", shares: ["1", "1"], rounding: up}`, "2025-07-25", `{}`, "Luật 1: chưa có mức cho Phí, người thứ 3", "Law 1 has no share on file for Fee, person 3"},
		{"no such instalment", `instalments: {of: "9", number: n, count: m, first: "0.4", rounding: up}`, "2025-07-25", `{"n": 3, "m": 2}`, "phải từ 1 đến 2, là số kỳ", "must be 1 to 2, the number of payments"},
		{"too many instalments", `instalments: {of: "9", number: n, count: m, first: "0.4", rounding: up}`, "2025-07-25", `{"n": 3, "m": 999}`, "phải từ 1 đến 120", "must be 1 to 120"},
		{"no calendar", `per_day: {rate: "0.1", of: "9", from: of, moves: next_working_day, to: date, count: after_first_to_last, rounding: up}`, "2031-07-25", `{"of": "2031-07-20"}`,
			"chưa biết ngày 20/07/2031 có phải ngày làm việc không, và Phí tùy thuộc vào đó", "whether 2031-07-20 is a working day is not on file, and Fee depends on it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			declared := inputs
			if strings.Contains(c.rule, "count: m") {
				declared = "- {name: m, type: int, required: true}\n" + inputs
			}
			_, err := ask(one(t, declared, ruled("code: fee\nlabel: {vi: Phí, en: Fee}", c.rule)), "thing", c.on, c.ask)
			refusal, ok := errors.AsType[*problem.Error](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if refusal.DetailVi != c.vi || refusal.In("vi") != c.vi {
				t.Errorf("got  %s\nwant %s", refusal.DetailVi, c.vi)
			}
			if refusal.Detail != c.en || refusal.In("en") != c.en {
				t.Errorf("got  %s\nwant %s", refusal.Detail, c.en)
			}
		})
	}
}

func TestACheckSpeaksBothLanguages(t *testing.T) {
	s, err := fee.Load(folder(sound, soundParameter))
	if err != nil {
		t.Fatal(err)
	}
	_, err = ask(s, "toll", "2020-06-01", `{"km": 1, "axles": 1}`)
	refusal, ok := errors.AsType[*problem.Error](err)
	if !ok || refusal.Field != "axles" || refusal.DetailVi != "phải từ 2 trở lên" || refusal.Detail != "must be 2 or more" {
		t.Errorf("got %#v", err)
	}
}
