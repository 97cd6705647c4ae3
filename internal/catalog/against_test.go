package catalog_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/problem"
	"exchequer/schedules"
)

// What the program brings fits together, and every service of the schedules can be collected by somebody.
func TestTheCompiledInDataFitsTheSchedules(t *testing.T) {
	law, err := fee.Load(schedules.FS)
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CheckAgainst(law); err != nil {
		t.Error(err)
	}
	var offered []string
	for _, p := range c.Procedures() {
		offered = append(offered, p.Service)
		if law.BodyKind(p.Service) == "" {
			t.Errorf("procedure %s has no schedule of %s", p.Code, p.Service)
		}
	}
	for _, s := range law.Services() {
		if !slices.Contains(offered, s.Service) && !strings.HasSuffix(s.Service, "_split") {
			t.Errorf("no procedure offers %s", s.Service)
		}
	}
	for _, b := range c.Bodies() {
		if _, err := c.Contract("vnpay", b.Book); err != nil {
			t.Errorf("body %s cannot be paid: %v", b.Code, err)
		}
	}
}

// small is the law of the sample: visits cost 10, of which a collector with allotted costs keeps 4 from 2024 on.
var small = fee.Documents{
	"visit.yaml": []byte(tariff("visit", "office", "visit_fee", `fixed: "10"`) + `examples: [{why: one, on: 2024-01-01, inputs: {}, total: "10"}]` + "\n"),
	"stamp.yaml": []byte(tariff("stamp", "ministry", "stamp_charge", `fixed: "5"`) + `examples: [{why: one, on: 2024-01-01, inputs: {}, total: "5"}]` + "\n"),
	"visit_split.yaml": []byte(`service: visit_split
name: {vi: Chia, en: Split}
body: office
valid_days: 30
inputs:
  - {name: charge, label: {vi: Khoản, en: Charge}, type: enum, values: [visit_fee], required: true}
  - {name: paid, label: {vi: Tiền, en: Paid}, type: decimal, min: "0", required: true}
  - {name: regime, label: {vi: Cơ chế, en: Regime}, type: enum, values: [allotted, allotted_difficult_area, not_allotted], required: true}
  - {name: level, label: {vi: Cấp, en: Level}, type: enum, values: [central, local], required: true}
components:
  - id: shares
    charge: local_budget
    by: date
    versions:
      - version: "1"
        from: 2020-01-01
        act: Decree 1/2020/ND-CP
        source: read
        confidence: high
        rules:
          - {rule: {vi: Toàn bộ, en: All}, is: {regime: not_allotted}, split: {of: paid, rounding: half_up, parts: [{code: all, rest: true}]}}
          - {rule: {vi: Một phần, en: Part}, is: {regime: allotted}, split: {of: paid, rounding: half_up, parts: [{code: kept, charge: retained, share: "0.4"}, {code: rest, rest: true}]}}
examples:
  - {why: part, on: 2024-01-01, inputs: {charge: visit_fee, paid: 10, regime: allotted, level: local}, total: "10"}
`),
}

func tariff(service, kind, charge, amount string) string {
	return `service: ` + service + `
name: {vi: Tên, en: Name}
body: ` + kind + `
valid_days: 30
components:
  - id: it
    charge: ` + charge + `
    code: it
    by: date
    versions:
      - {version: "1", from: 2020-01-01, act: Decree 1/2020/ND-CP, source: read, confidence: high, rules: [{rule: {vi: Một, en: One}, ` + amount + `}]}
`
}

func TestTheCatalogueIsHeldAgainstTheSchedules(t *testing.T) {
	law, err := fee.Compile(small)
	if err != nil {
		t.Fatal(err)
	}
	sample := maps.Clone(sample)
	sample["procedures.csv"] = []byte(strings.Split(string(sample["procedures.csv"]), "P3")[0]) // no seals
	if err := parse(t, sample).CheckAgainst(law); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ file, from, to, want string }{
		"another kind":        {"procedures.csv", "Stamp,ministry", "Stamp,office", "procedures.csv line 3, column body_kind: the schedule of stamp says ministry"},
		"no split schedule":   {"charges.csv", "visit_split", "other_split", "charges.csv line 2, column split: there is no schedule other_split"},
		"another split":       {"charges.csv", "fee,visit_split", "fee,stamp", "charges.csv line 2, column split: stamp does not share out the charge visit_fee"},
		"no line for a part":  {"budget_lines.csv", "visit_fee,OLD,retained,FUND,,,,OWN,2020-01-01,,example,test\n", "", "budget_lines.csv, column part: OLD has no line for the part retained of the charge visit_fee on 2024-01-01"},
		"no line in time":     {"budget_lines.csv", "OLD,retained,FUND,,,,OWN,2020-01-01", "OLD,retained,FUND,,,,OWN,2024-01-02", "OLD has no line for the part retained of the charge visit_fee on 2024-01-01"},
		"no line for a whole": {"budget_lines.csv", "stamp_charge,ONE,whole,EX1,754,,,BUDGET,2020-01-01,2023-12-31,example,test\nstamp_charge,ONE,whole,EX2,754,,,BUDGET,2024-01-01,,example,test\n", "", "ONE has no line for the part whole of the charge stamp_charge"},
	} {
		docs := maps.Clone(sample)
		docs[tc.file] = []byte(strings.Replace(string(docs[tc.file]), tc.from, tc.to, 1))
		c, err := catalog.Parse(docs)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		wants(t, c.CheckAgainst(law), problem.Invalid, tc.want)
	}
	docs := maps.Clone(small)
	docs["visit.yaml"] = []byte(strings.Replace(string(small["visit.yaml"]), "visit_fee", "entry_fee", 1))
	if law, err = fee.Compile(docs); err != nil {
		t.Fatal(err)
	}
	wants(t, parse(t, sample).CheckAgainst(law), problem.Invalid, "charges.csv, column charge: the charge entry_fee of visit is missing")
	delete(docs, "visit.yaml")
	if law, err = fee.Compile(docs); err != nil {
		t.Fatal(err)
	}
	wants(t, parse(t, sample).CheckAgainst(law), problem.Invalid, "procedures.csv line 2, column service: there is no schedule of visit")
}
