package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"exchequer/internal/authn"
	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/publication"
	"exchequer/internal/story"
)

// done runs a command that must end with 0 and prints one JSON document, which is read into v.
func (d *desk) done(v any, args ...string) {
	d.Helper()
	out, stderr, status := d.run(append(args, "--json")...)
	if status != 0 {
		d.Fatalf("%s ended with %d: %s", args, status, stderr)
	}
	if err := json.Unmarshal([]byte(out), v); err != nil {
		d.Fatalf("%s: %v in %s", args, err, out)
	}
}

// says runs a command that must end with a status and print each of the words.
func (d *desk) says(status int, words []string, args ...string) {
	d.Helper()
	out, stderr, got := d.run(args...)
	if got != status {
		d.Fatalf("%s ended with %d, want %d: %s", args, got, status, stderr)
	}
	for _, w := range words {
		if !strings.Contains(out+stderr, w) {
			d.Errorf("%s: no %q in\n%s%s", args, w, out, stderr)
		}
	}
}

// edit replaces a text in a file that was exported.
func (d *desk) edit(path, old, with string) {
	d.Helper()
	text, err := os.ReadFile(path)
	if err == nil && strings.Count(string(text), old) != 1 {
		d.Fatalf("%q stands %d times in %s", old, strings.Count(string(text), old), path)
	}
	if err == nil {
		err = os.WriteFile(path, []byte(strings.Replace(string(text), old, with, 1)), 0o600)
	}
	if err != nil {
		d.Fatal(err)
	}
}

// notice gives what a promotion notice costs on a day, by what is known then.
func (d *desk) notice(on, known string) int64 {
	d.Helper()
	var q fee.Quote
	d.done(&q, "fees", "quote", "--service", "promotion_notice", "--on", on, "--known", known)
	return q.TotalVND
}

// another is a second person beside the operator of the commands.
var another = authn.Actor{ID: "another", Role: authn.Treasury, Books: []string{"*"}}

// approved lets the second person publish a draft of the operator's.
func (d *desk) approved(id int64) {
	d.Helper()
	if _, err := publication.New(d.pool, story.Machine{}).Approve(d.Context(), another, id); err != nil {
		d.Fatal(err)
	}
}

// oldNotice is the last version of the promotion notice's tariff as it comes with the program, and newNotice one after it.
const (
	oldNotice = `          - {rule: {vi: danh mục phí và lệ phí không có khoản thu cho thủ tục này, en: the list of fees and charges has none for this procedure}, fixed: "0"}
`
	newNotice = `      - {version: 1/2030, from: 2030-01-01, act: Circular 1/2030/TT-BTC, source: read, confidence: high, rules: [{rule: {vi: mỗi thông báo, en: each notice}, fixed: "50000"}]}
`
	lateNotice = `      - {version: 2/2024, from: 2024-01-01, act: Circular 2/2024/TT-BTC, source: read, confidence: high, rules: [{rule: {vi: mỗi thông báo, en: each notice}, fixed: "20000"}]}
      - {version: 3/2024, from: 2024-07-01, act: Circular 3/2024/TT-BTC, source: read, confidence: high, rules: [{rule: {vi: không thu, en: no charge}, fixed: "0"}]}
`
	oldExample = "  - {why: it has no inputs,"
	newExample = "  - {why: the first day of the fee, on: 2030-01-01, inputs: {}, total: \"50000\"}\n"
)

// TestATariffIsChangedByCommands from the export to the approval by a second person, and corrected when the news comes late.
func TestATariffIsChangedByCommands(t *testing.T) {
	d := newDeskOf(t, "promotion_notice", "electricity_household")
	folder := filepath.Join(d.dir, "law")
	file := filepath.Join(folder, "schedules", "promotion_notice.yaml")
	var paths []string
	d.done(&paths, "fees", "export", "--to", folder)
	if !slices.Contains(paths, file) || !slices.Contains(paths, filepath.Join(folder, "catalog", "bodies.csv")) {
		t.Errorf("exported %s", paths)
	}
	d.says(2, []string{"is there already"}, "fees", "export", "--to", folder)
	d.says(2, []string{"nothing to change"}, "fees", "draft", file)
	var before []publication.Version
	d.done(&before, "fees", "law", "promotion_notice")

	d.edit(file, oldNotice, oldNotice+newNotice)
	d.edit(file, oldExample, newExample+oldExample)
	var draft, again publication.Draft
	d.done(&draft, "fees", "draft", file)
	if d.done(&again, "fees", "draft", file); again.ID != draft.ID || again.State != publication.Drafted {
		t.Errorf("drafted again: %+v", again)
	}
	want := []string{"ended 2017-01-01 2029-12-31 false", "added 2030-01-01  false"}
	if got := told(draft.Changes); !slices.Equal(got, want) {
		t.Errorf("changes %q, want %q", got, want)
	}
	id := strconv.FormatInt(draft.ID, 10)
	d.says(0, []string{"0 bills"}, "fees", "rehearse", "--draft", id, "--from", "2029-12-01", "--to", "2030-01-31")
	d.says(2, []string{"drafted"}, "fees", "approve", id)
	d.says(0, []string{"Circular 1/2030/TT-BTC", "2 changes, 0 of them", "fees approve " + id}, "fees", "propose", id)
	d.says(2, []string{"another person"}, "fees", "approve", id)
	if got := d.notice("2030-01-01", today()); got != 0 {
		t.Errorf("before it is approved it costs %d", got)
	}
	d.approved(draft.ID)
	d.says(2, []string{"published"}, "fees", "approve", id)

	for _, c := range []struct {
		on, known string
		want      int64
	}{
		{"2029-12-31", today(), 0}, {"2030-01-01", today(), 50_000},
		{"2030-01-01", before[0].KnownFrom.Format(time.RFC3339Nano), 0},
	} {
		if got := d.notice(c.on, c.known); got != c.want {
			t.Errorf("on %s as known at %s it costs %d, want %d", c.on, c.known, got, c.want)
		}
	}
	quoted := []string{"fees", "quote", "--service", "promotion_notice", "--on", "2030-01-01"}
	d.says(0, []string{"come with this program", " 0 VND"}, quoted...)
	d.says(0, []string{"as published here, revision 2, known since", " 50,000 VND"}, append(quoted, "--known", today())...)
	d.says(0, []string{"1/2030", "2030-01-01", "Circular 1/2030/TT-BTC"}, "fees", "law", "promotion_notice", "--on", "2030-01-01")
	d.corrected(file)
}

// corrected: it turns out that there was a fee in the first half of 2024. The other person drafts that, the operator approves it.
func (d *desk) corrected(file string) {
	d.Helper()
	d.edit(file, newNotice, lateNotice+newNotice)
	d.edit(file, newExample, newExample+"  - {why: it was paid in 2024, on: 2024-06-30, inputs: {}, total: \"20000\"}\n")
	docs, err := readDocuments([]string{file})
	if err != nil {
		d.Fatal(err)
	}
	store := publication.New(d.pool, story.Machine{})
	draft, err := store.Draft(d.Context(), another, docs)
	if err == nil {
		draft, err = store.Propose(d.Context(), another, draft.ID)
	}
	want := []string{"ended 2017-01-01 2023-12-31 true", "added 2024-01-01 2024-06-30 true", "added 2024-07-01 2029-12-31 true"}
	if got := told(draft.Changes); err != nil || !slices.Equal(got, want) {
		d.Errorf("changes %q, %v; want %q", got, err, want)
	}
	before := time.Now()
	d.says(0, []string{"3 of them of days that are past, or of today", "quotes can change of: promotion_notice", "as revision 3, known since"}, "fees", "approve", strconv.FormatInt(draft.ID, 10))
	if was, is := d.notice("2024-06-30", before.Format(time.RFC3339Nano)), d.notice("2024-06-30", today()); was != 0 || is != 20_000 {
		d.Errorf("in 2024 it cost %d as known before, %d as known now", was, is)
	}
	var history []publication.Version
	d.done(&history, "fees", "law", "promotion_notice", "--history", "--on", "2024-06-30")
	if len(history) != 3 || history[0].KnownUntil == nil || history[2].KnownUntil != nil || history[2].Name.En != "2/2024" {
		d.Errorf("all that was known of that day: %+v", history)
	}
	d.says(0, []string{"known since", "until", "2/2024"}, "fees", "law", "promotion_notice", "--history")
	var published []publication.Draft
	if d.done(&published, "fees", "drafts", "--state", "published"); len(published) != 2 || published[0].ID != draft.ID {
		d.Errorf("published drafts %+v", published)
	}
}

func today() string { return calendar.DayOf(time.Now()).String() }

func told(changes []publication.Change) []string {
	var out []string
	for _, c := range changes {
		out = append(out, fmt.Sprintf("%s %s %s %v", c.Kind, c.From, c.To, c.Past))
	}
	return out
}

// TestTheCatalogueIsChangedByCommands, and what is no draft is refused.
func TestTheCatalogueIsChangedByCommands(t *testing.T) {
	d := newDeskOf(t, "promotion_notice", "electricity_household")
	folder := filepath.Join(d.dir, "tables")
	bodies := filepath.Join(folder, "bodies.csv")
	d.says(0, []string{bodies}, "catalog", "export", "--to", folder)
	d.edit(bodies, "Hanoi Power Corporation", "Power Corporation of Hanoi")
	var draft publication.Draft
	d.done(&draft, "catalog", "import", bodies)
	if len(draft.Changes) != 1 || draft.Changes[0].Kind != publication.Corrected || draft.Changes[0].Is != "name_en Power Corporation of Hanoi" {
		t.Errorf("changes %+v", draft.Changes)
	}
	id := strconv.FormatInt(draft.ID, 10)
	texts := filepath.Join(d.dir, "draft")
	d.says(0, []string{"bodies.csv"}, "fees", "export", "--draft", id, "--to", texts)
	raw, err := os.ReadFile(bodies)
	if kept, read := os.ReadFile(filepath.Join(texts, "catalog", "bodies.csv")); err != nil || read != nil || string(kept) != string(raw) {
		t.Errorf("the draft's table: %v, %v, %s", err, read, kept)
	}
	d.says(0, []string{"EVNHANOI", "name_en Hanoi Power Corporation → name_en Power Corporation of Hanoi", "past or today", "quotes can change of: no service"}, "fees", "propose", id)
	d.says(0, []string{"catalog/bodies.csv\n@@ line 1, was 1", ",Hanoi Power Corporation,,", "+ EVNHANOI,EHN,"}, "fees", "drafts", id)
	d.approved(draft.ID)
	d.says(0, []string{"Power Corporation of Hanoi"}, "catalog", "show", "bodies", "--on", "2025-06-02")
	d.says(0, []string{"bodies", "rows"}, "catalog", "show")
	var rows []map[string]string
	if d.done(&rows, "catalog", "show", "bodies", "--on", "1999-01-01"); len(rows) != 0 {
		t.Errorf("before the first day: %v", rows)
	}
	d.refusals(folder)
}

func (d *desk) refusals(folder string) {
	d.Helper()
	write := func(name, text string) string {
		path := filepath.Join(d.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			d.Fatal(err)
		}
		return path
	}
	broken := write("broken.yaml", "service: promotion_notice\nname: {vi: Thông báo, en: Notice}\ncolour: red\n")
	for name, c := range map[string]struct {
		args  []string
		words string
	}{
		"a fault in it":      {[]string{"fees", "draft", broken}, "promotion_notice.yaml:3:"},
		"no document":        {[]string{"fees", "draft", write("x.yaml", "colour: red\n")}, "it is no schedule"},
		"an unknown table":   {[]string{"catalog", "import", write("taxes.csv", "a,b\n")}, "taxes.csv"},
		"no table":           {[]string{"catalog", "import", broken}, ".csv"},
		"a lost column":      {[]string{"catalog", "import", write("books.csv", "key,name\n000,House\n")}, "books.csv line 1, column mark"},
		"twice":              {[]string{"fees", "draft", broken, broken}, "given twice"},
		"no file":            {[]string{"fees", "draft", filepath.Join(folder, "none.yaml")}, "none.yaml"},
		"no draft":           {[]string{"fees", "drafts", "77"}, "no draft 77"},
		"no reason":          {[]string{"fees", "reject", "1"}, "--reason"},
		"a broken reason":    {[]string{"fees", "reject", "1", "--reason", "one\ntwo"}, "in one line"},
		"no such state":      {[]string{"fees", "drafts", "--state", "lost"}, "--state"},
		"no such service":    {[]string{"fees", "law", "water"}, "nothing is published"},
		"no such day":        {[]string{"fees", "law", "passport", "--on", "2025-02-30"}, "--on"},
		"no instant":         {[]string{"fees", "law", "passport", "--known", "soon"}, "--known"},
		"known ahead":        {[]string{"fees", "quote", "--service", "passport", "--on", "2025-06-02", "--known", "2999-01-01"}, "lies ahead"},
		"before the first":   {[]string{"catalog", "show", "--known", "2001-01-01"}, "nothing was published before"},
		"both times":         {[]string{"fees", "law", "passport", "--history", "--known", "2025-01-01"}, "--known"},
		"no such table":      {[]string{"catalog", "show", "taxes"}, "bodies"},
		"both sources":       {[]string{"fees", "export", "--draft", "1", "--known", "2025-01-01", "--to", "x"}, "--draft"},
		"exported before it": {[]string{"fees", "export", "--known", "2001-01-01", "--to", filepath.Join(folder, "none")}, "nothing was published by then"},
	} {
		out, stderr, status := d.run(c.args...)
		if status != 2 || !strings.Contains(stderr, c.words) {
			d.Errorf("%s: status %d, %s%s; want %q", name, status, out, stderr, c.words)
		}
	}
	if list, _, _ := d.run("fees", "drafts", "--state", "drafted"); strings.Count(list, "\n") != 1 {
		d.Errorf("something of a refused draft was kept: %s", list)
	}
}
