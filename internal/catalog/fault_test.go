package catalog_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"exchequer/internal/catalog"
	"exchequer/internal/problem"
)

// Each fault is named by file, line, column and reason.
func TestFaultsAreNamed(t *testing.T) {
	for name, tc := range map[string]struct{ file, from, to, want string }{
		"unknown column":       {"books.csv", "key,name", "key,nom", "books.csv line 1, column nom: the table has no such column"},
		"missing column":       {"books.csv", "key,name", "key,nom", "books.csv line 1, column name: the column is missing"},
		"column twice":         {"books.csv", "key,name,mark", "key,name,name", "books.csv line 1, column name: the column stands there twice"},
		"other separator":      {"books.csv", "key,name,mark,source", "key;name;mark;source", "books.csv line 1, column key: the column is missing"},
		"empty file":           {"books.csv", string(sample["books.csv"]), "", "books.csv line 1: the header row is missing"},
		"not UTF-8":            {"books.csv", "house", "\xff", "books.csv: the file is not UTF-8"},
		"missing cell":         {"books.csv", "AAA,A,example,test", "AAA,A,example", "books.csv line 3: wrong number of fields"},
		"open quote":           {"books.csv", "AAA,A", `AAA,"A`, `books.csv line 4: extraneous or missing " in quoted-field`},
		"book key":             {"books.csv", "AAA,A", "aaa,A", "books.csv line 3, column key: give 3 characters"},
		"book twice":           {"books.csv", "BBB,B", "AAA,B", "books.csv line 4: line 3 is about the same: AAA"},
		"no house":             {"books.csv", "000,house", "001,house", "books.csv, column key: the house book 000 is missing"},
		"blank":                {"books.csv", "AAA,A", "AAA,", "books.csv line 3, column name: give a text"},
		"blanks around":        {"books.csv", "AAA,A", "AAA,A ", "books.csv line 3, column name: there are blanks around"},
		"control character":    {"books.csv", "AAA,A", "AAA,A\x00B", "books.csv line 3, column name: there is a control character"},
		"line break":           {"books.csv", "AAA,A", "AAA,\"A\nB\"", "books.csv line 3, column name: there is a control character"},
		"long":                 {"books.csv", "AAA,A", "AAA," + strings.Repeat("ố", 201), "books.csv line 3, column name: the text has more than 200 characters"},
		"no mark":              {"books.csv", "A,example,test", "A,,test", "books.csv line 3, column mark: give read, recalled, example"},
		"no source":            {"books.csv", "A,example,test", "A,example,", "books.csv line 3, column source: give a text"},
		"body code":            {"bodies.csv", "\nONE", "\nMột", "bodies.csv line 4, column code: give 1 to 64 letters"},
		"body of no book":      {"bodies.csv", "OLD,AAA", "OLD,ZZZ", "bodies.csv line 2, column book: there is no ZZZ"},
		"body of the house":    {"bodies.csv", "ONE,BBB", "ONE,000", "bodies.csv line 4, column book: 000 is the gateway's own book"},
		"turned round":         {"bodies.csv", "Một,One", "Một,One \u202eenO", "bodies.csv line 4: there is a character in the text that cannot be seen"},
		"of no width":          {"bodies.csv", "Một,One", "Một,O\u200bne", "bodies.csv line 4: there is a character in the text that cannot be seen"},
		"body twice":           {"bodies.csv", "ONE,BBB,ministry,,central,Một,One,,2020-01-01,", "NEW,BBB,ministry,,central,Một,One,,2019-01-01,2019-12-31", "bodies.csv line 4, column code: line 3 is about the same: NEW"},
		"kind":                 {"bodies.csv", "ministry", "Ministry", "bodies.csv line 4, column kind: give a name"},
		"level":                {"bodies.csv", "central", "middle", "bodies.csv line 4, column level: give central, local"},
		"body's area":          {"bodies.csv", "office,10", "office,11", "bodies.csv line 2, column area: there is no 11"},
		"no from":              {"bodies.csv", "One,,2020-01-01", "One,,", "bodies.csv line 4, column from: give a text"},
		"from":                 {"bodies.csv", "One,,2020-01-01", "One,,1/1/2020", `bodies.csv line 4, column from: "1/1/2020" is not a date`},
		"until before from":    {"bodies.csv", "2025-06-30", "2019-12-31", "bodies.csv line 2, column until: the last day lies before the first"},
		"no such successor":    {"bodies.csv", "Old,NEW", "Old,NEXT", "bodies.csv line 2, column successor: there is no NEXT"},
		"successor, no end":    {"bodies.csv", "2025-06-30", "", "bodies.csv line 2, column successor: a body without a last day has none"},
		"successor's kind":     {"bodies.csv", "Old,NEW", "Old,ONE", "bodies.csv line 2, column successor: ONE is a ministry"},
		"successor's day":      {"bodies.csv", "New,,2020-01-01", "New,,2025-07-02", "bodies.csv line 2, column successor: NEW does not collect on 2025-07-01"},
		"body's area ends":     {"bodies.csv", "NEW,2020-01-01,2025-06-30", ",2020-01-01,", "bodies.csv line 2, column area: the area 10 went into 20 on 2025-07-01: give the body a last day before it, and a successor"},
		"body before its area": {"bodies.csv", "Old,NEW,2020", "Old,NEW,2000", "bodies.csv line 2, column area: there is no area 10 on 2000-01-01"},
		"own successor":        {"bodies.csv", "Old,NEW", "Old,OLD", "bodies.csv line 2, column successor: OLD does not collect on 2025-07-01"},
		"successor's area":     {"bodies.csv", "office,20", "office,10", "bodies.csv line 2, column successor: NEW is of the area 10, and the area 10 went into 20"},
		"account of nobody":    {"accounts.csv", "ONE,BUDGET", "TWO,BUDGET", "accounts.csv line 7, column body: there is no TWO"},
		"account number":       {"accounts.csv", "1001", "10 01", "accounts.csv line 2, column number: give 1 to 34"},
		"account kind":         {"accounts.csv", "OLD,OWN,bank", "OLD,OWN,purse", "accounts.csv line 3, column kind: give treasury, bank"},
		"accounts overlap":     {"accounts.csv", "2024-12-31", "2025-01-01", "accounts.csv line 5, column from: line 4 is about the same on a same day: NEW BUDGET"},
		"open account overlap": {"accounts.csv", "2024-12-31", "", "accounts.csv line 5, column from: line 4 is about the same on a same day: NEW BUDGET"},
		"gateway's account":    {"accounts.csv", "1001", "9000", "accounts.csv line 2, column number: this is the account into which providers pay"},
		"account of two books": {"accounts.csv", "2002,bank", "1002,bank", "accounts.csv line 6, column number: line 3 gives this account to a body of another book on a same day: OLD"},
		"account too late":     {"accounts.csv", "3001,unit 0,2020-01-01", "3001,unit 0,2027-01-01", "budget_lines.csv line 6, column account: account: no account BUDGET of ONE or of a successor is open on 2020-01-01"},
		"successor's account":  {"accounts.csv", "2002,bank,2020-01-01,", "2002,bank,2020-01-01,2026-12-31", "accounts.csv line 6, column until: no account takes over"},
		"no account after":     {"accounts.csv", "2025-01-01,", "2025-07-04,", "accounts.csv line 2, column until: no account takes over"},
		"gap of an account":    {"accounts.csv", "unit 20,2025-01-01", "unit 20,2025-01-02", "accounts.csv line 4, column until: no account takes over"},
		"procedure for nobody": {"procedures.csv", "Stamp,ministry", "Stamp,court", "procedures.csv line 3, column body_kind: there is no court"},
		"procedures overlap":   {"procedures.csv", "P4,seal", "P2,seal", "procedures.csv line 5, column from: line 3 is about the same on a same day: P2"},
		"two procedures":       {"procedures.csv", "P2,stamp", "P2,visit", "procedures.csv line 3, column service: line 2 offers visit on a same day"},
		"service":              {"procedures.csv", "P1,visit", "P1,Visit", "procedures.csv line 2, column service: give a name"},
		"nature":               {"charges.csv", ",charge,", ",gift,", "charges.csv line 3, column nature: give fee, charge, fine"},
		"charge twice":         {"charges.csv", "stamp_charge", "visit_fee", "charges.csv line 3, column from: line 2 is about the same on a same day: visit_fee"},
		"regime of no fee":     {"regimes.csv", "NEW,visit_fee", "ONE,stamp_charge", "regimes.csv line 5, column charge: stamp_charge is no fee: nothing of it is kept"},
		"regime":               {"regimes.csv", ",allotted,", ",half,", "regimes.csv line 3, column regime: give allotted"},
		"regime of no charge":  {"regimes.csv", "visit_fee", "none", "regimes.csv line 2, column charge: there is no none"},
		"regime of no body":    {"regimes.csv", "OLD,", "ELD,", "regimes.csv line 2, column body: there is no ELD"},
		"area's level":         {"areas.csv", "10,province", "10,village", "areas.csv line 2, column level: give province"},
		"areas overlap":        {"areas.csv", "Thirty,2025-07-01", "Thirty,2025-06-30", "areas.csv line 4, column from: line 3 is about the same on a same day: 20"},
		"area without heir":    {"area_successors.csv", "10,20,2025-07-01", "10,20,2025-07-02", "areas.csv line 2, column until: area_successors.csv does not say"},
		"heir too early":       {"area_successors.csv", "20,20,2025-07-01", "20,20,2025-06-01", "area_successors.csv line 3, column on: the last day of the area 20 is not the day before"},
		"heir not there":       {"areas.csv", "Thirty,2025-07-01", "Thirty,2025-07-02", "area_successors.csv line 2, column new: there is no area 20 on 2025-07-01"},
		"heir of nobody":       {"area_successors.csv", "\n10,20", "\n11,20", "area_successors.csv line 2, column old: there is no 11"},
		"no such heir":         {"area_successors.csv", "\n10,20", "\n10,21", "area_successors.csv line 2, column new: there is no 21"},
		"line of no charge":    {"budget_lines.csv", "\nstamp_charge,ONE,whole,EX1", "\nstump,ONE,whole,EX1", "budget_lines.csv line 6, column charge: there is no stump"},
		"line of no body":      {"budget_lines.csv", "stamp_charge,ONE,whole,EX1", "stamp_charge,TWO,whole,EX1", "budget_lines.csv line 6, column body: there is no TWO"},
		"line's chapter":       {"budget_lines.csv", "EX1,754", "EX1,755", "budget_lines.csv line 6, column chapter: there is no 755"},
		"line's sub-item":      {"budget_lines.csv", "EX1,754,", "EX1,754,2663", "budget_lines.csv line 6, column sub_item: there is no 2663"},
		"line's area":          {"budget_lines.csv", "2632,10", "2632,11", "budget_lines.csv line 3, column area: there is no 11"},
		"line's account":       {"budget_lines.csv", "EX1,754,,,BUDGET", "EX1,754,,,OWN", "budget_lines.csv line 6, column account: there is no ONE OWN"},
		"lines overlap":        {"budget_lines.csv", "2023-12-31", "2024-01-01", "budget_lines.csv line 7, column from: line 6 is about the same on a same day: ONE stamp_charge whole"},
		"budget of an account": {"budget_lines.csv", "OLD,retained,FUND", "OLD,retained,a:b", "budget_lines.csv line 2, column budget: give 1 to 64 letters"},
		"budget of two codes":  {"budget_lines.csv", "visit_fee,NEW,retained,FUND,,,,OWN", "visit_fee,NEW,retained,2632,754,,20,BUDGET", "budget_lines.csv line 5, column budget: line 4 has another chapter, sub-item or area for the budget 2632 of NEW on a same day"},
		"another area":         {"budget_lines.csv", "2632,10", "2632,20", "budget_lines.csv line 3, column area: OLD is of the area 10"},
		"budget to two":        {"budget_lines.csv", "OLD,retained,FUND", "OLD,retained,2632", "budget_lines.csv line 3, column account: the budget 2632 of OLD goes to the account OWN elsewhere"},
		"whole of a split":     {"budget_lines.csv", "OLD,retained", "OLD,whole", "budget_lines.csv line 2, column part: the charge visit_fee is shared out by visit_split"},
		"part of a whole":      {"budget_lines.csv", "ONE,whole,EX1", "ONE,retained,EX1", "budget_lines.csv line 6, column part: the charge stamp_charge is not shared out"},
		"provider":             {"contracts.csv", "pay,AAA", ",AAA", "contracts.csv line 2, column provider: give 1 to 64"},
		"contract's book":      {"contracts.csv", "pay,AAA", "pay,ZZZ", "contracts.csv line 2, column book: there is no ZZZ"},
		"two contracts":        {"contracts.csv", "pay,BBB", "pay,AAA", "contracts.csv line 3: line 2 is about the same: pay AAA"},
		"terms":                {"contracts.csv", "m,net", "m,some", "contracts.csv line 2, column settlement: give gross, net"},
		"merchant":             {"contracts.csv", "m,net", ",net", "contracts.csv line 2, column merchant: give a text"},
		"days":                 {"contracts.csv", "net,1", "net,-1", "contracts.csv line 2, column due_business_days: give a whole number"},
		"days in words":        {"contracts.csv", "net,1", "net,01", "contracts.csv line 2, column due_business_days: give a whole number"},
		"collection account":   {"collection_accounts.csv", "9000", "9 0", "collection_accounts.csv line 2, column account: give 1 to 64"},
		"two accounts":         {"collection_accounts.csv", "9000,bank,VND,example,test\n", "9000,bank,VND,example,test\n9001,bank,VND,example,test\n", "collection_accounts.csv, column account: there are 2 collection accounts"},
		"other money":          {"collection_accounts.csv", "VND", "USD", "collection_accounts.csv line 2, column currency: give VND"},
	} {
		docs := maps.Clone(sample)
		docs[tc.file] = []byte(strings.Replace(string(docs[tc.file]), tc.from, tc.to, 1))
		_, err := catalog.Parse(docs)
		if problem.CodeOf(err) != problem.Invalid || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryTableIsThereAndNoOther(t *testing.T) {
	for file := range sample {
		docs := maps.Clone(sample)
		delete(docs, file)
		_, err := catalog.Parse(docs)
		wants(t, err, problem.Invalid, file+": the file is missing")
	}
	docs := maps.Clone(sample)
	docs["tariffs.csv"] = nil
	_, err := catalog.Parse(docs)
	wants(t, err, problem.Invalid, "tariffs.csv: the catalogue has no such table")
}

func TestManyFaultsAreCut(t *testing.T) {
	docs := maps.Clone(sample)
	for i := range 30 {
		docs["books.csv"] = fmt.Appendf(docs["books.csv"], "b%02d,B,example,test\n", i)
	}
	_, err := catalog.Parse(docs)
	wants(t, err, problem.Invalid, "\nand 10 more")
	same := []byte(strings.Repeat("AAA,A,example,test\n", 50_000))
	docs["books.csv"] = append(slices.Clone(sample["books.csv"]), same...)
	_, err = catalog.Parse(docs)
	wants(t, err, problem.Invalid, "\nand at least 980 more")
}

func FuzzParse(f *testing.F) {
	for file, text := range sample {
		f.Add(file, text)
	}
	f.Fuzz(func(t *testing.T, file string, text []byte) {
		docs := maps.Clone(sample)
		docs[file] = text
		c, err := catalog.Parse(docs)
		if err != nil {
			return
		}
		written := c.Documents()
		again, err := catalog.Parse(written)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		for name, text := range again.Documents() {
			if string(text) != string(written[name]) {
				t.Errorf("%s is written otherwise the second time", name)
			}
		}
	})
}
