package publication_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/internal/problem"
	"exchequer/internal/publication"
)

// withExtra is a permit of 100,000 with a second charge, whose keys, versions ("from", or "from to") and amount are given.
func withExtra(keys string, versions ...string) []byte {
	var b strings.Builder
	b.WriteString(strings.SplitN(string(tariff("2020-01-01 100000")), "examples:", 2)[0])
	total := 100000
	if len(versions) > 0 {
		fmt.Fprintf(&b, "  - {by: date, %s, versions: [", keys)
	}
	for i, v := range versions {
		from, to, ends := strings.Cut(v, " ")
		if ends {
			to = "to: " + to + ", "
		}
		fmt.Fprintf(&b, "{version: X%d/2020, from: %s, %sact: Circular 9%d/2020/TT-BTC, source: read, confidence: high, rules: [{rule: {vi: thêm, en: more}, fixed: \"7\"}]}, ",
			i, from, to, i)
	}
	if len(versions) > 0 {
		total += 7
		b.WriteString("]}\n")
	}
	b.WriteString("examples:\n")
	days := append([]string{"2020-01-01"}, versions...)
	for _, v := range days {
		from, _, _ := strings.Cut(v, " ")
		outcome := fmt.Sprintf("total: \"%d\"", total)
		if len(versions) > 0 && from < strings.SplitN(versions[0], " ", 2)[0] {
			outcome = `total: "100000"`
		}
		fmt.Fprintf(&b, "  - {why: its first day, on: %s, inputs: {}, %s}\n", from, outcome)
	}
	return []byte(b.String())
}

const (
	fixed    = "id: extra, charge: electricity, code: extra"
	optional = fixed + ", elsewhere: none"
	vat      = "id: supplement, charge: electricity_vat, code: extra"
)

// TestNoChargeIsTakenAwayFromDaysThatWere, on 2 June 2025: what may end is what could already end by the law in force, and
// from today on.
func TestNoChargeIsTakenAwayFromDaysThatWere(t *testing.T) {
	worlds := map[string]*world{}
	for _, c := range []struct {
		why       string
		published []byte
		drafted   []byte
		says      string // of the refusal; "": it is drafted
	}{
		{"made optional and ended at once", withExtra(fixed, "2020-01-01"), withExtra(optional, "2020-01-01 2024-12-31"), "permit, component extra: no version is left from 2025-01-01 on"},
		{"so from today on", withExtra(fixed, "2020-01-01"), withExtra(optional, "2020-01-01 2025-06-01"), "permit, component extra: no version is left from 2025-06-02 on"},
		{"optional, from yesterday on", withExtra(optional, "2020-01-01"), withExtra(optional, "2020-01-01 2025-05-31"), "permit, component extra: no version is left from 2025-06-01 on"},
		{"optional, from today on", withExtra(optional, "2020-01-01"), withExtra(optional, "2020-01-01 2025-06-01"), ""},
		{"optional, a day in between", withExtra(optional, "2020-01-01"), withExtra(optional, "2020-01-01 2024-12-30", "2025-01-01"), "permit, component extra: no version is left on 2024-12-31"},
		{"optional, a later first day", withExtra(optional, "2020-01-01"), withExtra(optional, "2020-07-01"), "permit, component extra: no version is left from 2020-01-01 to 2020-06-30"},
		{"gone", withExtra(fixed, "2020-01-01"), withExtra(""), ""}, // the permit fee has its charge on all its days
		{"gone with a charge of its own", withExtra(vat, "2020-01-01"), withExtra(""), "permit, component supplement is taken away, and no other has its charge electricity_vat from 2020-01-01 on"},
		{"optional, gone", withExtra(vat+", elsewhere: none", "2020-01-01"), withExtra(""), "permit, component supplement is taken away"},
		{"optional, gone before it began", withExtra(vat+", elsewhere: none", "2026-01-01"), withExtra(""), ""},
		{"under another name", withExtra(vat, "2020-01-01"), withExtra(strings.Replace(vat, "supplement", "extra", 1), "2020-01-01"), ""},
		{"under another name, later", withExtra(vat+", elsewhere: none", "2020-01-01"), withExtra(strings.Replace(vat, "supplement", "extra", 1)+", elsewhere: none", "2021-01-01"),
			"permit, component supplement is taken away, and no other has its charge electricity_vat from 2020-01-01 to 2020-12-31"},
		{"another name and charge", withExtra(vat, "2020-01-01"), withExtra(fixed, "2020-01-01"), "no other has its charge electricity_vat from 2020-01-01 on"},
	} {
		w := worlds[string(c.published)]
		if w == nil {
			w = newWorldOf(t, lawOf(t, c.published))
			worlds[string(c.published)] = w
		}
		_, err := w.Draft(t.Context(), lan, publication.Documents{permit: c.drafted})
		if c.says == "" {
			if err != nil {
				t.Errorf("%s: %v", c.why, err)
			}
			continue
		}
		wants(t, c.why, err, problem.Invalid, c.says)
	}
}

// TestWhatMayEndTodayMayNotTomorrow: a draft that waits over night for its second person is refused where its day has gone.
func TestWhatMayEndTodayMayNotTomorrow(t *testing.T) {
	w := newWorldOf(t, lawOf(t, withExtra(optional, "2020-01-01")))
	d, err := w.Draft(t.Context(), lan, publication.Documents{permit: withExtra(optional, "2020-01-01 2025-06-01")})
	if err == nil {
		d, err = w.Propose(t.Context(), lan, d.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.clock.set("2025-06-03")
	_, err = w.Approve(t.Context(), minh, d.ID)
	wants(t, "the day after", err, problem.Invalid, "no version is left from 2025-06-02 on")
}

// TestWhatHoldsOnAllDaysIsToldAsSuch: another validity, body, check or bound is no matter of words.
func TestWhatHoldsOnAllDaysIsToldAsSuch(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ old, new, want string }{
		{"valid_days: 30", "valid_days: 31", "head valid_days: 30 -> 31"},
		{"components:", "inputs:\n  - {name: sets, type: int, max: \"9\", default: \"1\"}\ncomponents:", `head input sets:  -> {"default":"1","max":"9","name":"sets","type":"int"}`},
		{"Giấy phép", "Giấy phép mới", "reworded :  -> "},
	} {
		d, err := w.Draft(t.Context(), lan, publication.Documents{permit: []byte(strings.Replace(string(tariff("2020-01-01 100000")), c.old, c.new, 1))})
		if err != nil {
			t.Errorf("%s: %v", c.new, err)
			continue
		}
		got := d.Changes[0]
		if said := fmt.Sprintf("%s %s: %s -> %s", got.Kind, got.Row, got.Was, got.Is); said != c.want || len(d.Changes) != 1 || got.Past != (got.Kind == publication.Head) {
			t.Errorf("%s: %+v, want %s", c.new, d.Changes, c.want)
		}
	}
}

// TestAVersionNeedsAnExampleOfItsOwnDays, also one that is corrected; the days before and after prove nothing.
func TestAVersionNeedsAnExampleOfItsOwnDays(t *testing.T) {
	w := newWorld(t)
	sound := string(tariff("2020-01-01 100000", "2026-01-01 120000"))
	const example = "  - {why: the first day, on: 2026-01-01, inputs: {}, total: \"120000\"}\n"
	for why, text := range map[string]string{
		"added":     strings.Replace(sound, example, "", 1),
		"corrected": strings.Replace(string(tariff("2020-01-01 100000")), `fixed: "100000"`, `exempt: true`, 1),
	} {
		if text == sound {
			t.Fatal(why)
		}
		if why == "corrected" {
			text = strings.Replace(text, "on: 2020-01-01, inputs: {}, total: \"100000\"", "on: 2019-12-31, inputs: {}, refused: Circular 1/2020", 1)
		}
		_, err := w.Draft(t.Context(), lan, publication.Documents{permit: []byte(text)})
		wants(t, why, err, problem.Invalid, "no example asks for it from 20")
		wants(t, why, err, problem.Invalid, "add one to "+permit)
	}
	// What nobody uses can be proved by nobody.
	_, err := w.Draft(t.Context(), lan, publication.Documents{"schedules/parameters/unused.yaml": []byte(`parameter: unused
name: {vi: Mức, en: Level}
versions:
  - {version: 1/2020, from: 2020-01-01, value: "1", act: Decree 1/2020/ND-CP, source: read, confidence: high}
`)})
	wants(t, "a parameter alone", err, problem.Invalid, "parameter unused, version 1/2020: no example asks for it from 2020-01-01 on: no schedule uses it")
}

// TestTheSecondPersonSeesAmounts: line by line, and which services are concerned, also by a parameter only.
func TestTheSecondPersonSeesAmounts(t *testing.T) {
	const rate, household = "schedules/parameters/vat_electricity.yaml", "schedules/electricity_household.yaml"
	included, err := publication.Included()
	if err != nil {
		t.Fatal(err)
	}
	docs := lawOf(t, tariff("2020-01-01 100000"))
	docs[rate], docs[household] = included[rate], included[household]
	docs[procedures] = offering(docs[procedures], "electricity_household")
	w := newWorldOf(t, docs)
	d, err := w.Draft(t.Context(), lan, publication.Documents{
		permit: tariff("2020-01-01 110000"),
		rate:   append(slices.Clone(docs[rate]), "# read again\n"...),
	})
	if err != nil {
		t.Fatal(err)
	}
	d, err = w.Get(t.Context(), minh, d.ID)
	if err != nil || strings.Join(d.Services, " ") != "electricity_household permit" {
		t.Fatalf("services %v, %v", d.Services, err)
	}
	if len(d.Diffs) != 2 || d.Diffs[0].Document != rate || !strings.HasSuffix(d.Diffs[0].Lines, "\n+ # read again\n") ||
		!strings.Contains(d.Diffs[1].Lines, `fixed: "100000"}]}`) || !strings.Contains(d.Diffs[1].Lines, `fixed: "110000"}]}`) ||
		!strings.Contains(d.Diffs[1].Lines, "\n- ") || !strings.Contains(d.Diffs[1].Lines, "\n+ ") {
		t.Errorf("diffs %+v", d.Diffs)
	}
	// The text that was replaced is told apart from it also when another stands there.
	w.publish(t, "2020-01-01 120000")
	if later, err := w.Get(t.Context(), minh, d.ID); err != nil || !slices.Equal(later.Diffs, d.Diffs) {
		t.Errorf("%+v, %v", later.Diffs, err)
	}
	const procedures = "catalog/procedures.csv"
	renamed := strings.Replace(string(docs[procedures]), "Giấy phép", "Giấy phép mới", 1)
	if d, err := w.Draft(t.Context(), lan, publication.Documents{procedures: []byte(renamed)}); err != nil || len(d.Services) != 0 || len(d.Changes) != 1 {
		t.Errorf("a table changes no quote's amount: %+v, %v", d, err)
	}
}

// TestCorrectionsOfTheCatalogue: a row is known by the columns that identify it, so that another account number is seen as
// what it is; a row whose days were cannot go.
func TestCorrectionsOfTheCatalogue(t *testing.T) {
	w := newWorld(t)
	published, err := w.Published(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	const accounts, lines = "catalog/accounts.csv", "catalog/budget_lines.csv"
	row := rowOf(t, string(published[accounts]), "EVNHANOI,")
	line := rowOf(t, string(published[lines]), "electricity,EVNHANOI,")
	cells := strings.Split(row, ",")
	number := cells[3]
	replace := func(name, old, with string) publication.Documents {
		return publication.Documents{name: []byte(strings.Replace(string(published[name]), old, with, 1))}
	}
	days := ",2009-01-01,,"
	for _, c := range []struct {
		why  string
		docs publication.Documents
		want string
	}{
		{"another number", replace(accounts, row, strings.Replace(row, number, "EX9999", 1)),
			"corrected number " + number + " -> number EX9999 since 2009-01-01 past=true"},
		{"another budget code", replace(lines, line, strings.Replace(line, ",whole,", ",whole,X", 1)), "corrected budget "},
		{"a last day", replace(accounts, row, strings.Replace(row, days, ",2009-01-01,2025-12-31,", 1)+"\n"+
			strings.Replace(strings.Replace(row, days, ",2026-01-01,,", 1), number, "EX9999", 1)), "ended until  -> until 2025-12-31 since 2026-01-01 past=false"},
		{"gone, but its days are kept", replace(accounts, row, strings.Replace(row, days, ",2008-01-01,,", 1)), "removed  ->  since 2009-01-01 past=true"},
	} {
		d, err := w.Draft(t.Context(), lan, c.docs)
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		var got []string
		for _, c := range d.Changes {
			got = append(got, fmt.Sprintf("%s %s -> %s since %s past=%t", c.Kind, c.Was, c.Is, c.Since, c.Past))
		}
		if !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, c.want) }) {
			t.Errorf("%s: %q, want %s", c.why, got, c.want)
		}
	}
	const items = "catalog/sub_items.csv" // of which no budget line makes use: those of others are missed by them first
	item := rowOf(t, string(published[items]), "2632,")
	_, err = w.Draft(t.Context(), lan, replace(items, item, strings.Replace(item, ",2018-01-01,,", ",2019-01-01,,", 1)))
	wants(t, "a later first day", err, problem.Invalid, "catalog/sub_items.csv: the row 2632 is taken away, and none is left from 2018-01-01 to 2018-12-31")
}

// TestWhatHasMoneyUnderItStays: a book, a contract and the collection account have no days on which they end.
func TestWhatHasMoneyUnderItStays(t *testing.T) {
	docs := lawOf(t, tariff("2020-01-01 100000"))
	docs["catalog/books.csv"] = append(docs["catalog/books.csv"], "ZZZ,Of nobody,read,test\n"...)
	accounts := string(docs["catalog/collection_accounts.csv"])
	for file, c := range map[string]struct{ row, key string }{
		"catalog/books.csv":     {rowOf(t, string(docs["catalog/books.csv"]), "ZZZ,"), "ZZZ"},
		"catalog/contracts.csv": {rowOf(t, string(docs["catalog/contracts.csv"]), "vnpay,BCA,"), "vnpay BCA"},
	} {
		w := newWorldOf(t, docs)
		_, err := w.Draft(t.Context(), lan, publication.Documents{file: []byte(strings.Replace(string(docs[file]), c.row+"\n", "", 1))})
		wants(t, file, err, problem.Invalid, file+": the row "+c.key+" is taken away")
	}
	for mark, refused := range map[string]bool{"read": true, "example": false} {
		docs["catalog/collection_accounts.csv"] = []byte(strings.Replace(accounts, ",example,", ","+mark+",", 1))
		other := publication.Documents{"catalog/collection_accounts.csv": []byte(strings.Replace(accounts, "1020304050,", "998877,", 1))}
		_, err := newWorldOf(t, docs).Draft(t.Context(), lan, other)
		if refused {
			wants(t, mark, err, problem.Invalid, "the row 1020304050 is taken away")
		} else if err != nil {
			t.Errorf("the made-up account cannot be replaced: %v", err)
		}
	}
}

// TestWhatIsPrintedIsSeen: a text that was accepted by milder rules does not turn the line of its change round.
func TestWhatIsPrintedIsSeen(t *testing.T) {
	was := strings.Replace(string(tariff("2020-01-01 100000")), "body: ", "body: \u202e", 1)
	got := publication.HeadChanges("schedules/permit.yaml", []byte(was), tariff("2020-01-01 100000"))
	if len(got) != 1 || !strings.HasPrefix(got[0].Was, `\u202e`) {
		t.Errorf("%+v", got)
	}
}

func rowOf(t *testing.T, table, begins string) string {
	t.Helper()
	for row := range strings.Lines(table) {
		if strings.HasPrefix(row, begins) {
			return strings.TrimSuffix(row, "\n")
		}
	}
	t.Fatalf("no row begins with %s", begins)
	return ""
}
