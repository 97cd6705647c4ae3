package catalog_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/problem"
)

// sample is a small country: province 10 goes into province 20 on 2025-07-01, and office OLD into office NEW.
var sample = catalog.Documents{
	"books.csv": []byte(`key,name,mark,source
000,house,example,test
AAA,A,example,test
BBB,B,example,test
`),
	"bodies.csv": []byte(`code,book,kind,area,level,name_vi,name_en,successor,from,until,mark,source
OLD,AAA,office,10,local,Cũ,Old,NEW,2020-01-01,2025-06-30,example,test
NEW,BBB,office,20,local,Mới,New,,2020-01-01,,example,test
ONE,BBB,ministry,,central,Một,One,,2020-01-01,,example,test
`),
	"accounts.csv": []byte(`body,code,kind,number,at,from,until,mark,source
OLD,BUDGET,treasury,1001,unit 10,2020-01-01,2025-07-02,example,test
OLD,OWN,bank,1002,bank,2020-01-01,2025-06-30,example,test
NEW,BUDGET,treasury,2001,unit 20,2020-01-01,2024-12-31,example,test
NEW,BUDGET,treasury,2003,unit 20,2025-01-01,,example,test
NEW,OWN,bank,2002,bank,2020-01-01,,example,test
ONE,BUDGET,treasury,3001,unit 0,2020-01-01,,example,test
`),
	"procedures.csv": []byte(`code,service,name_vi,name_en,body_kind,from,until,mark,source
P1,visit,Thăm,Visit,office,2020-01-01,,example,test
P2,stamp,Dấu,Stamp,ministry,2020-01-01,,example,test
P3,seal,Niêm,Seal,office,2020-01-01,2024-12-31,example,test
P4,seal,Niêm,Seal,ministry,2025-01-01,,example,test
`),
	"charges.csv": []byte(`charge,name_vi,name_en,nature,split,from,until,mark,source
visit_fee,Phí thăm,Visit fee,fee,visit_split,2020-01-01,,read,test
stamp_charge,Lệ phí dấu,Stamp charge,charge,,2020-01-01,,read,test
`),
	"regimes.csv": []byte(`body,charge,regime,from,until,mark,source
OLD,visit_fee,not_allotted,2020-01-01,2023-12-31,example,test
OLD,visit_fee,allotted,2024-01-01,2024-12-31,example,test
OLD,visit_fee,not_allotted,2025-01-01,2025-06-30,example,test
NEW,visit_fee,not_allotted,2020-01-01,,example,test
`),
	"areas.csv": []byte(`code,level,name_vi,name_en,from,until,mark,source
10,province,Mười,Ten,2008-08-01,2025-06-30,recalled,test
20,province,Hai mươi,Twenty,2008-08-01,2025-06-30,recalled,test
20,province,Ba mươi,Thirty,2025-07-01,,recalled,test
`),
	"area_successors.csv": []byte(`old,new,on,mark,source
10,20,2025-07-01,recalled,test
20,20,2025-07-01,recalled,test
`),
	"chapters.csv": []byte(`code,name_vi,name_en,from,until,mark,source
754,Chương,Chapter,2018-01-01,,recalled,test
`),
	"sub_items.csv": []byte(`code,name_vi,name_en,from,until,mark,source
2632,Mục,Item,2018-01-01,2024-12-31,read,test
`),
	"budget_lines.csv": []byte(`charge,body,part,budget,chapter,sub_item,area,account,from,until,mark,source
visit_fee,OLD,retained,FUND,,,,OWN,2020-01-01,,example,test
visit_fee,OLD,local_budget,2632,754,2632,10,BUDGET,2020-01-01,,example,test
visit_fee,NEW,retained,FUND,,,,OWN,2020-01-01,,example,test
visit_fee,NEW,local_budget,2632,754,2632,20,BUDGET,2020-01-01,,example,test
stamp_charge,ONE,whole,EX1,754,,,BUDGET,2020-01-01,2023-12-31,example,test
stamp_charge,ONE,whole,EX2,754,,,BUDGET,2024-01-01,,example,test
`),
	"contracts.csv": []byte(`provider,book,merchant,settlement,due_business_days,mark,source
pay,AAA,m,net,1,example,test
pay,BBB,m,gross,0,example,test
`),
	"collection_accounts.csv": []byte(`account,bank,currency,mark,source
9000,bank,VND,example,test
`),
}

func parse(t *testing.T, docs catalog.Documents) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Parse(docs)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func day(s string) calendar.Date { return calendar.MustDate(s) }

// wants checks a refusal by its code and what it must say.
func wants(t *testing.T, err error, code problem.Code, words string) {
	t.Helper()
	if err == nil || problem.CodeOf(err) != code || !strings.Contains(err.Error(), words) {
		t.Errorf("wanted %s %q, got %v", code, words, err)
	}
}

func TestWhoCollects(t *testing.T) {
	c := parse(t, sample)
	for _, tc := range []struct{ service, body, on, want string }{
		{"stamp", "", "2025-01-01", "ONE"},
		{"visit", "OLD", "2025-06-30", "OLD"},
		{"visit", "", "2025-07-01", "NEW"}, // the only one left
		{"seal", "OLD", "2024-12-31", "OLD"},
		{"seal", "", "2025-01-01", "ONE"}, // the procedure went to the ministry
	} {
		if b, err := c.BodyFor(tc.service, tc.body, day(tc.on)); err != nil || b.Code != tc.want {
			t.Errorf("%+v: %s, %v", tc, b.Code, err)
		}
	}
	for _, tc := range []struct {
		service, body, on string
		code              problem.Code
		words             string
	}{
		{"visit", "", "2025-06-30", problem.Invalid, "one of OLD, NEW"},
		{"visit", "OLD", "2025-07-01", problem.Refused, "collected until 2025-06-30: name its successor NEW"},
		{"visit", "OLD", "2019-12-31", problem.NotFound, "no procedure"},
		{"visit", "ONE", "2025-07-01", problem.Invalid, "name NEW"},
		{"visit", "nobody", "2025-07-01", problem.NotFound, "name NEW"},
		{"seal", "NEW", "2025-01-01", problem.Invalid, "name ONE"},
		{"nothing", "", "2025-01-01", problem.NotFound, "no procedure"},
	} {
		_, err := c.BodyFor(tc.service, tc.body, day(tc.on))
		wants(t, err, tc.code, tc.words)
		if strings.Contains(err.Error(), "nobody") || strings.Contains(err.Error(), "nothing") {
			t.Errorf("the refusal repeats what was given: %v", err)
		}
	}
	late := maps.Clone(sample)
	late["bodies.csv"] = []byte(strings.Replace(string(sample["bodies.csv"]), "One,,2020-01-01", "One,,2024-01-01", 1))
	_, err := parse(t, late).BodyFor("stamp", "ONE", day("2023-12-31"))
	wants(t, err, problem.Refused, "collects from 2024-01-01 on")
}

// A bill of a merged body that was issued before its last day is still paid out: to its own account while that is
// open, then to its successor's.
func TestWhatWasOwedToAMergedBodyStaysPayable(t *testing.T) {
	c := parse(t, sample)
	for _, tc := range []struct{ body, budget, on, number string }{
		{"OLD", "2632", "2025-06-20", "1001"},
		{"OLD", "2632", "2025-07-02", "1001"},
		{"OLD", "2632", "2025-07-03", "2003"},
		{"OLD", "FUND", "2025-07-01", "2002"},
		{"NEW", "2632", "2024-12-31", "2001"},
		{"NEW", "2632", "2025-01-01", "2003"},
		{"ONE", "EX1", "2025-01-01", "3001"}, // a line that is closed for new bills
	} {
		if a, err := c.PayTo(tc.body, tc.budget, day(tc.on)); err != nil || a.Number != tc.number {
			t.Errorf("%+v: %+v, %v", tc, a, err)
		}
	}
	_, err := c.PayTo("OLD", "none", day("2025-07-03"))
	wants(t, err, problem.NotFound, "no budget line")
	_, err = c.PayTo("OLD", "2632", day("2019-12-31"))
	wants(t, err, problem.Refused, "no account BUDGET of OLD")
}

func TestTheBudgetLineOfAPart(t *testing.T) {
	c := parse(t, sample)
	l, err := c.Budget("OLD", "visit_fee", "local_budget", day("2024-12-31"))
	if err != nil || l.Budget != "2632" || l.Chapter != "754" || l.Area != "10" || l.Account != "BUDGET" {
		t.Errorf("%+v, %v", l, err)
	}
	for on, want := range map[string]string{"2023-12-31": "EX1", "2024-01-01": "EX2"} {
		if l, err := c.Budget("ONE", "stamp_charge", catalog.Whole, day(on)); err != nil || l.Budget != want {
			t.Errorf("%s: %+v, %v", on, l, err)
		}
	}
	_, err = c.Budget("OLD", "visit_fee", "local_budget", day("2025-01-01"))
	wants(t, err, problem.Refused, "sub-item 2632")
	_, err = c.Budget("OLD", "visit_fee", "central_budget", day("2024-01-01"))
	wants(t, err, problem.Refused, "no budget line for the part central_budget of the charge visit_fee on 2024-01-01")
	_, err = c.Budget("OLD", "stamp_charge", catalog.Whole, day("2024-01-01"))
	wants(t, err, problem.Refused, "no budget line")
	_, err = c.Budget("ONE", "stamp_charge", catalog.Whole, day("2019-12-31"))
	wants(t, err, problem.Refused, "no budget line")

	moved := maps.Clone(sample)
	moved["sub_items.csv"] = []byte(strings.Replace(string(sample["sub_items.csv"]), "2024-12-31", "", 1))
	_, err = parse(t, moved).Budget("OLD", "visit_fee", "local_budget", day("2025-07-01"))
	wants(t, err, problem.Refused, "area 10")
	moved["chapters.csv"] = []byte(strings.Replace(string(sample["chapters.csv"]), "2018-01-01", "2024-01-01", 1))
	_, err = parse(t, moved).Budget("OLD", "visit_fee", "local_budget", day("2023-12-31"))
	wants(t, err, problem.Refused, "chapter 754")
}

func TestHowAChargeIsSharedOut(t *testing.T) {
	c := parse(t, sample)
	for charge, want := range map[string]string{"visit_fee": "visit_split", "stamp_charge": ""} {
		if got, err := c.SplitOf(charge, day("2024-01-01")); err != nil || got != want {
			t.Errorf("%s: %q, %v", charge, got, err)
		}
	}
	_, err := c.SplitOf("none", day("2024-01-01"))
	wants(t, err, problem.NotFound, `"none"`)
	_, err = c.SplitOf("visit_fee", day("2019-12-31"))
	wants(t, err, problem.Refused, "no charge visit_fee on 2019-12-31")
	for on, want := range map[string]string{"2023-12-31": catalog.NotAllotted, "2024-01-01": catalog.Allotted, "2025-01-01": catalog.NotAllotted} {
		if got, err := c.Regime("OLD", "visit_fee", day(on)); err != nil || got != want {
			t.Errorf("%s: %s, %v", on, got, err)
		}
	}
	if got, err := c.Regime("ONE", "stamp_charge", day("2024-01-01")); err != nil || got != catalog.NotAllotted {
		t.Errorf("of a charge nothing is kept, whoever collects it: %s, %v", got, err)
	}
	_, err = c.Regime("OLD", "visit_fee", day("2025-07-01"))
	wants(t, err, problem.Refused, "whether OLD is allotted costs of the charge visit_fee on 2025-07-01 is not known")
	_, err = c.Regime("OLD", "none", day("2024-01-01"))
	wants(t, err, problem.NotFound, `"none"`)
}

// A charge that is shared out in another way from a day on is shared out as before until then.
func TestAnotherSplitChangesNoPastDay(t *testing.T) {
	docs := maps.Clone(sample)
	docs["charges.csv"] = []byte(strings.Replace(string(sample["charges.csv"]), "visit_fee,Phí thăm,Visit fee,fee,visit_split,2020-01-01,",
		"visit_fee,Phí thăm,Visit fee,fee,new_split,2025-01-01,,read,test\nvisit_fee,Phí thăm,Visit fee,fee,visit_split,2020-01-01,2024-12-31", 1))
	c := parse(t, docs)
	for on, want := range map[string]string{"2020-01-01": "visit_split", "2024-12-31": "visit_split", "2025-01-01": "new_split"} {
		if got, err := c.SplitOf("visit_fee", day(on)); err != nil || got != want {
			t.Errorf("%s: %q, %v", on, got, err)
		}
	}
	if got := c.Splits("visit_fee"); len(got) != 2 || !slices.Contains(got, "new_split") {
		t.Errorf("%v", got)
	}
	// From the day on which it is no longer shared out its lines are for the whole.
	docs["charges.csv"] = []byte(strings.Replace(string(docs["charges.csv"]), "new_split", "", 1))
	_, err := catalog.Parse(docs)
	wants(t, err, problem.Invalid, "budget_lines.csv line 2, column part: the charge visit_fee is not shared out")
	lines := strings.ReplaceAll(string(docs["budget_lines.csv"]), "OWN,2020-01-01,", "OWN,2020-01-01,2024-12-31")
	lines = strings.ReplaceAll(lines, ",BUDGET,2020-01-01,,", ",BUDGET,2020-01-01,2024-12-31,")
	docs["budget_lines.csv"] = []byte(lines + "visit_fee,NEW,whole,2632,754,2632,20,BUDGET,2025-01-01,,example,test\n")
	parse(t, docs)
}

func TestRefusalsAreSaidInBothLanguages(t *testing.T) {
	c := parse(t, sample)
	_, noBody := c.Body("nobody")
	_, noService := c.BodyFor("visit", "", day("2019-12-31"))
	_, several := c.BodyFor("visit", "", day("2025-06-30"))
	_, other := c.BodyFor("visit", "ONE", day("2025-07-01"))
	_, over := c.BodyFor("visit", "OLD", day("2025-07-01"))
	_, noLine := c.Budget("OLD", "visit_fee", "central_budget", day("2024-01-01"))
	_, shut := c.Budget("OLD", "visit_fee", "local_budget", day("2025-01-01"))
	_, noRegime := c.Regime("OLD", "visit_fee", day("2025-07-01"))
	_, noAccount := c.PayTo("OLD", "2632", day("2019-12-31"))
	for want, err := range map[string]error{
		"không có cơ quan thu nào mang mã này":                                         noBody,
		"cổng không có thủ tục nào của dịch vụ này vào ngày 31/12/2019":                noService,
		"hãy nêu cơ quan thu: một trong OLD, NEW":                                      several,
		"ONE không thu cho visit: hãy nêu NEW":                                         other,
		"OLD đã thu đến hết ngày 30/06/2025: hãy nêu cơ quan kế thừa NEW":              over,
		"phần central_budget của khoản thu visit_fee vào ngày 01/01/2024":              noLine,
		"tiểu mục 2632 của mục lục ngân sách":                                          shut,
		"chưa rõ OLD có được khoán chi phí từ khoản thu visit_fee vào ngày 01/07/2025": noRegime,
		"không có tài khoản BUDGET nào của OLD":                                        noAccount,
	} {
		p, ok := errors.AsType[*problem.Error](err)
		if !ok || !strings.Contains(p.In("vi"), want) || p.In("en") == p.In("vi") {
			t.Errorf("wanted %q: %#v", want, err)
		}
	}
}

func TestTheProcedureOfAService(t *testing.T) {
	c := parse(t, sample)
	for on, want := range map[string]string{"2024-12-31": "P3", "2025-01-01": "P4"} {
		if p, err := c.Procedure("seal", day(on)); err != nil || p.Code != want {
			t.Errorf("%s: %+v, %v", on, p, err)
		}
	}
	_, err := c.Procedure("seal", day("2019-12-31"))
	wants(t, err, problem.NotFound, "no procedure of the portal offers this service on 2019-12-31")
}

func TestAreasAreFollowedThroughAMerger(t *testing.T) {
	c := parse(t, sample)
	for _, tc := range []struct{ code, then, on, name string }{
		{"10", "2025-06-30", "2025-06-30", "Ten"},
		{"10", "2025-06-30", "2025-07-01", "Thirty"},
		{"20", "2025-06-30", "2025-07-01", "Thirty"}, // the code stayed, the province is another
		{"20", "2025-07-01", "2025-07-01", "Thirty"},
	} {
		if a, err := c.AreaOn(tc.code, day(tc.then), day(tc.on)); err != nil || a.NameEN != tc.name {
			t.Errorf("%+v: %+v, %v", tc, a, err)
		}
	}
	for _, tc := range []struct{ code, then, on string }{
		{"10", "2025-07-01", "2025-07-01"}, {"10", "2025-06-30", "2000-01-01"}, {"30", "2025-07-01", "2025-07-01"},
	} {
		_, err := c.AreaOn(tc.code, day(tc.then), day(tc.on))
		wants(t, err, problem.NotFound, tc.code)
	}
	if n := len(c.Areas(day("2025-06-30"))); n != 2 {
		t.Errorf("%d areas before", n)
	}
}

func TestTablesAreWrittenAsTheyAreRead(t *testing.T) {
	included, err := catalog.Included()
	if err != nil {
		t.Fatal(err)
	}
	for name, docs := range map[string]catalog.Documents{"sample": sample, "included": included} {
		written := parse(t, docs).Documents()
		for file, text := range docs {
			if string(written[file]) != string(text) {
				t.Errorf("%s: %s is written otherwise:\n%s", name, file, written[file])
			}
		}
		if len(written) != len(docs) {
			t.Errorf("%s: %d files", name, len(written))
		}
	}
	// What a spreadsheet saves is the same table.
	saved := maps.Clone(sample)
	saved["charges.csv"] = []byte("\ufeff" + `source,mark,until,from,split,nature,name_en,name_vi,charge` + "\r\n" +
		`test,read,,2020-01-01,visit_split,fee,"Visit ""fee"", all",Phí thăm,visit_fee` + "\r\n" + `test,read,,2020-01-01,,charge,Stamp charge,Lệ phí dấu,stamp_charge`)
	once := parse(t, saved).Documents()
	if !strings.Contains(string(once["charges.csv"]), `visit_fee,Phí thăm,"Visit ""fee"", all",fee,visit_split,2020-01-01,,read,test`+"\n") {
		t.Errorf("%s", once["charges.csv"])
	}
	if again := parse(t, once).Documents(); !maps.EqualFunc(once, again, slices.Equal) {
		t.Error("what was written is read back otherwise")
	}
}

// Decision 19/2025/QD-TTg has 34 provinces; before the merger of 1 July 2025 there were 63.
func TestEveryProvinceIsFollowedThroughTheMerger(t *testing.T) {
	c, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	before, after := c.Areas(day("2025-06-30")), c.Areas(day("2025-07-01"))
	if len(before) != 63 || len(after) != 34 {
		t.Errorf("%d provinces before, %d after", len(before), len(after))
	}
	reached := map[string]int{}
	for _, a := range before {
		now, err := c.AreaOn(a.Code, day("2025-06-30"), day("2025-07-01"))
		if err != nil {
			t.Errorf("%s: %v", a.NameEN, err)
		}
		reached[now.NameEN]++
	}
	for _, a := range after {
		if reached[a.NameEN] == 0 {
			t.Errorf("nothing went into %s", a.NameEN)
		}
	}
	for code, want := range map[string]string{
		"01": "Ha Noi", "02": "Tuyen Quang", "24": "Bac Ninh", "27": "Bac Ninh", "46": "Hue", "74": "Ho Chi Minh", "77": "Ho Chi Minh", "89": "An Giang", "91": "An Giang",
	} {
		if a, err := c.AreaOn(code, day("2020-01-01"), day("2025-07-01")); err != nil || a.NameEN != want {
			t.Errorf("%s is in %s now: %v", code, a.NameEN, err)
		}
	}
	if a, err := c.AreaOn("46", day("2024-12-31"), day("2024-12-31")); err != nil || a.NameEN != "Thua Thien Hue" {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestBinhDuongIsCollectedForByHoChiMinhCity(t *testing.T) {
	c, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := c.BodyFor("traffic_fine", "KBNN-BDG", day("2025-06-20")); err != nil || b.Book != "BDG" {
		t.Errorf("%+v, %v", b, err)
	}
	_, err = c.BodyFor("traffic_fine", "KBNN-BDG", day("2025-07-01"))
	wants(t, err, problem.Refused, "KBNN-HCM")
	a, err := c.PayTo("KBNN-BDG", "4252", day("2025-07-03"))
	if err != nil || a.Body != "KBNN-HCM" {
		t.Errorf("%+v, %v", a, err)
	}
	// The transport department's licences went to the police, then to those of the city.
	if a, err = c.PayTo("SGTVT-BDG", "RETAINED", day("2025-07-03")); err != nil || a.Body != "PC08-HCM" {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestWrittenRowsAreKnownByWhatIdentifiesThem: their keys and days are those by which the tables are read, and no two rows
// have the same.
func TestWrittenRowsAreKnownByWhatIdentifiesThem(t *testing.T) {
	docs, err := catalog.Included()
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range docs {
		rows, err := catalog.WrittenRows(file, text)
		if err != nil || len(rows) == 0 {
			t.Fatalf("%s: %d rows, %v", file, len(rows), err)
		}
		seen := map[string]bool{}
		for _, r := range rows {
			id := r.Key + " " + r.From.String()
			if r.Key == "" || seen[id] || r.Dated == r.From.IsZero() {
				t.Errorf("%s: %+v", file, r)
			}
			seen[id] = true
		}
	}
	const accounts = "\ufefffrom,number,code,body\n2009-01-01,EX1,OWN,A\n,EX2,CENTRAL,A\n"
	rows, err := catalog.WrittenRows("accounts.csv", []byte(accounts))
	if err != nil || len(rows) != 2 || rows[0].Key != "A OWN" || rows[0].Cell("number") != "EX1" || rows[0].From != calendar.MustDate("2009-01-01") || rows[0].Dated || rows[1].Cell("at") != "" {
		t.Errorf("other columns in another order: %+v, %v", rows, err)
	}
	if _, err := catalog.WrittenRows("accounts.csv", []byte("a,b\n1\n")); err == nil || !strings.HasPrefix(err.Error(), "accounts.csv: ") {
		t.Errorf("no CSV: %v", err)
	}
	if rows, err := catalog.WrittenRows("accounts.csv", nil); err != nil || rows != nil {
		t.Errorf("no text: %v, %v", rows, err)
	}
}
