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

// What would leave a day of a real service without a payee, a share or an open code is refused.
func TestAGapInTheCompiledInDataIsFound(t *testing.T) {
	law, err := fee.Load(schedules.FS)
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ file, row, from, to, want string }{
		"no procedure":      {"procedures.csv", "EX.1009,passport", "", "", "no procedure offers passport, which has a schedule"},
		"passport line":     {"budget_lines.csv", "passport_fee,XNC-A08", "2009-01-01,,", "2009-01-01,2026-12-31,", "XNC-A08 has no line for the part central_budget of the charge passport_fee on 2027-01-01"},
		"passport account":  {"accounts.csv", "XNC-A08,CENTRAL", "2009-01-01", "2027-01-01", "no account CENTRAL of XNC-A08 or of a successor is open on 2009-01-01"},
		"chapter 754":       {"chapters.csv", "754,", "2018-01-01,,", "2018-01-01,2026-12-31,", "the chapter 754 of the budget index, to which THUE-HNI books the charge corporate_income_tax, is not open on 2027-01-01"},
		"regime of PC08":    {"regimes.csv", "PC08-BDG,", "", "", "whether PC08-BDG is allotted costs of the charge driving_test_fee on 2025-03-01 is not known"},
		"regime of records": {"regimes.csv", "HSNV-HCM,", "", "", "whether HSNV-HCM is allotted costs of the charge judicial_record_fee on 2025-03-01 is not known"},
	} {
		docs, err := catalog.Included()
		if err != nil {
			t.Fatal(err)
		}
		rows := strings.SplitAfter(string(docs[tc.file]), "\n")
		for i, row := range rows {
			if strings.HasPrefix(row, tc.row) && tc.from == "" {
				rows[i] = ""
			} else if strings.HasPrefix(row, tc.row) {
				rows[i] = strings.Replace(row, tc.from, tc.to, 1)
			}
		}
		docs[tc.file] = []byte(strings.Join(rows, ""))
		c, err := catalog.Parse(docs)
		if err == nil {
			err = c.CheckAgainst(law)
		}
		if problem.CodeOf(err) != problem.Invalid || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: wanted %q, got %v", name, tc.want, err)
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

// collected is the sample without seals, of which small has no schedule, and with a sub-item that stays open.
func collected() catalog.Documents {
	docs := maps.Clone(sample)
	docs["procedures.csv"] = []byte(strings.Split(string(sample["procedures.csv"]), "P3")[0])
	docs["sub_items.csv"] = []byte(strings.Replace(string(sample["sub_items.csv"]), "2024-12-31", "", 1))
	return docs
}

func compiled(t *testing.T, docs fee.Documents) *fee.Schedules {
	t.Helper()
	law, err := fee.Compile(docs)
	if err != nil {
		t.Fatal(err)
	}
	return law
}

func TestTheCatalogueIsHeldAgainstTheSchedules(t *testing.T) {
	law := compiled(t, small)
	if err := parse(t, collected()).CheckAgainst(law); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ file, from, to, want string }{
		"another kind":           {"procedures.csv", "Stamp,ministry", "Stamp,office", "procedures.csv line 3, column body_kind: the schedule of stamp says ministry"},
		"no procedure":           {"procedures.csv", "P2,stamp,Dấu,Stamp,ministry,2020-01-01,,example,test\n", "", "procedures.csv, column service: no procedure offers stamp, which has a schedule"},
		"procedure ends":         {"procedures.csv", "ministry,2020-01-01,", "ministry,2020-01-01,2026-12-31", "procedures.csv line 3, column until: no procedure offers stamp on 2027-01-01, and its schedule goes on"},
		"nobody collects":        {"bodies.csv", "One,,2020-01-01,", "One,,2020-01-01,2026-12-31", "procedures.csv line 3, column body_kind: no ministry collects for stamp on 2027-01-01"},
		"nobody collects yet":    {"bodies.csv", "One,,2020-01-01,", "One,,2024-01-01,", "procedures.csv line 3, column body_kind: no ministry collects for stamp on 2020-01-01"},
		"no split schedule":      {"charges.csv", "visit_split", "other_split", "charges.csv line 2, column split: there is no schedule other_split"},
		"another split":          {"charges.csv", "fee,visit_split", "fee,stamp", "charges.csv, column split: stamp does not share out the charge visit_fee"},
		"charge ends":            {"charges.csv", "charge,,2020-01-01,", "charge,,2020-01-01,2026-12-31", "charges.csv, column from: charge: there is no charge stamp_charge on 2027-01-01"},
		"charge too late":        {"charges.csv", "charge,,2020-01-01", "charge,,2027-01-01", "charges.csv, column from: charge: there is no charge stamp_charge on 2020-01-01"},
		"no regime":              {"regimes.csv", "NEW,visit_fee,not_allotted,2020-01-01,,example,test\n", "", "regimes.csv, column regime: charge: whether NEW is allotted costs of the charge visit_fee on 2020-01-01 is not known"},
		"regime ends":            {"regimes.csv", "not_allotted,2020-01-01,,", "not_allotted,2020-01-01,2026-12-31,", "whether NEW is allotted costs of the charge visit_fee on 2027-01-01 is not known"},
		"no line for a part":     {"budget_lines.csv", "visit_fee,OLD,retained,FUND,,,,OWN,2020-01-01,,example,test\n", "", "budget_lines.csv, column part: OLD has no line for the part retained of the charge visit_fee on 2024-01-01"},
		"no line in time":        {"budget_lines.csv", "OLD,retained,FUND,,,,OWN,2020-01-01", "OLD,retained,FUND,,,,OWN,2024-01-02", "OLD has no line for the part retained of the charge visit_fee on 2024-01-01"},
		"no line for a whole":    {"budget_lines.csv", "stamp_charge,ONE,whole,EX1,754,,,BUDGET,2020-01-01,2023-12-31,example,test\nstamp_charge,ONE,whole,EX2,754,,,BUDGET,2024-01-01,,example,test\n", "", "ONE has no line for the part whole of the charge stamp_charge"},
		"line ends":              {"budget_lines.csv", "BUDGET,2024-01-01,", "BUDGET,2024-01-01,2026-12-31", "ONE has no line for the part whole of the charge stamp_charge on 2027-01-01"},
		"days between two lines": {"budget_lines.csv", "2023-12-31", "2023-06-30", "ONE has no line for the part whole of the charge stamp_charge on 2023-07-01"},
		"chapter closes":         {"chapters.csv", "2018-01-01,", "2018-01-01,2026-12-31", "budget_lines.csv, column part: charge: the chapter 754 of the budget index, to which ONE books the charge stamp_charge, is not open on 2027-01-01"},
		"chapter opens late":     {"chapters.csv", "2018-01-01", "2021-01-01", "the chapter 754 of the budget index, to which ONE books the charge stamp_charge, is not open on 2020-01-01"},
		"sub-item closes":        {"sub_items.csv", "2018-01-01,", "2018-01-01,2026-12-31", "the sub-item 2632 of the budget index, to which NEW books the charge visit_fee, is not open on 2027-01-01"},
	} {
		docs := collected()
		docs[tc.file] = []byte(strings.Replace(string(docs[tc.file]), tc.from, tc.to, 1))
		c, err := catalog.Parse(docs)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := c.CheckAgainst(law); problem.CodeOf(err) != problem.Invalid || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: wanted %q, got %v", name, tc.want, err)
		}
	}
	docs := maps.Clone(small)
	docs["visit.yaml"] = []byte(strings.Replace(string(small["visit.yaml"]), "visit_fee", "entry_fee", 1))
	wants(t, parse(t, collected()).CheckAgainst(compiled(t, docs)), problem.Invalid, "charges.csv, column charge: the charge entry_fee of visit is missing")
	delete(docs, "visit.yaml")
	wants(t, parse(t, collected()).CheckAgainst(compiled(t, docs)), problem.Invalid, "procedures.csv line 2, column service: there is no schedule of visit")
}

// What ends with its law needs nothing more: no procedure, nobody who collects, no line.
func TestAKnownEndIsNoFault(t *testing.T) {
	tariffs := maps.Clone(small)
	tariffs["stamp.yaml"] = []byte(strings.Replace(string(small["stamp.yaml"]), "from: 2020-01-01,", "from: 2020-01-01, to: 2026-12-31,", 1))
	law := compiled(t, tariffs)
	for name, tc := range map[string]struct{ file, from, to string }{
		"procedure": {"procedures.csv", "ministry,2020-01-01,", "ministry,2020-01-01,2026-12-31"},
		"body":      {"bodies.csv", "One,,2020-01-01,", "One,,2020-01-01,2026-12-31"},
		"line":      {"budget_lines.csv", "BUDGET,2024-01-01,", "BUDGET,2024-01-01,2026-12-31"},
		"charge":    {"charges.csv", "charge,,2020-01-01,", "charge,,2020-01-01,2026-12-31"},
	} {
		docs := collected()
		docs[tc.file] = []byte(strings.Replace(string(docs[tc.file]), tc.from, tc.to, 1))
		if err := parse(t, docs).CheckAgainst(law); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		tc.to = strings.Replace(tc.to, "2026-12-31", "2026-12-30", 1)
		docs = collected()
		docs[tc.file] = []byte(strings.Replace(string(docs[tc.file]), tc.from, tc.to, 1))
		if err := parse(t, docs).CheckAgainst(law); problem.CodeOf(err) != problem.Invalid {
			t.Errorf("%s ends a day before its law: %v", name, err)
		}
	}
}

// What was charged for a day before the law ended can be paid long after it.
func TestWhatIsOwedForAnEarlierDayIsCollectedAfterItsLaw(t *testing.T) {
	tariffs := maps.Clone(small)
	text := strings.Replace(string(small["stamp.yaml"]), "from: 2020-01-01,", "from: 2020-01-01, to: 2026-12-31,", 1)
	text = strings.Replace(text, "components:", "inputs:\n  - {name: owed, label: {vi: Ngày, en: Day}, type: date, default_from: date}\ncomponents:", 1)
	tariffs["stamp.yaml"] = []byte(strings.Replace(text, "by: date", "by: owed", 1))
	docs := collected()
	docs["budget_lines.csv"] = []byte(strings.Replace(string(docs["budget_lines.csv"]), "BUDGET,2024-01-01,", "BUDGET,2024-01-01,2026-12-31", 1))
	wants(t, parse(t, docs).CheckAgainst(compiled(t, tariffs)), problem.Invalid, "ONE has no line for the part whole of the charge stamp_charge on 2027-01-01")
}

// Of what is no fee (phí) nothing is left to the collector, so its shares cannot depend on the regime.
func TestOnlyAFeeIsSharedOutByTheRegime(t *testing.T) {
	docs := collected()
	docs["charges.csv"] = []byte(strings.Replace(string(docs["charges.csv"]), "Visit fee,fee", "Visit fee,charge", 1))
	docs["regimes.csv"] = []byte("body,charge,regime,from,until,mark,source\n")
	wants(t, parse(t, docs).CheckAgainst(compiled(t, small)), problem.Invalid,
		"charges.csv, column nature: visit_split shares out the charge visit_fee by the regime of who collects it: that is for a fee")
}
