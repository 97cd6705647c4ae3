package quote_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/internal/catalog"
	"exchequer/internal/publication"
	"exchequer/internal/quote"
	"exchequer/internal/quote/quotetest"
)

// withRows is the program's law with parts of tables written anew: for each file, what stood there and what stands there.
func withRows(t *testing.T, edits map[string][]string) *publication.Law {
	t.Helper()
	tables, err := catalog.Included()
	if err != nil {
		t.Fatal(err)
	}
	for file, pairs := range edits {
		for pair := range slices.Chunk(pairs, 2) {
			if !strings.Contains(string(tables[file]), pair[0]) {
				t.Fatalf("%s has no %q", file, pair[0])
			}
		}
		tables[file] = []byte(strings.NewReplacer(pairs...).Replace(string(tables[file])))
	}
	law := *quotetest.Bundled(t).Law
	if law.Catalog, err = catalog.Read(tables); err != nil {
		t.Fatal(err)
	}
	return &law
}

// What a signed quote says of body, account and budget line is true as long as it holds. A fine of these days would hold
// for 30 days.
func TestAQuoteHoldsNoLongerThanWhatItNames(t *testing.T) {
	const ends = ",2009-01-01,2025-06-20,example"
	line := "fine,KBNN-HNI,local_budget,4252,EX41,4252,01,LOCAL"
	var chapter string
	asked := fine("2025-06-10")
	asked.Inputs = []byte(`{"fine": 5000000, "violation_date": "2025-05-20", "deadline": "2025-08-10"}`)
	tables, err := catalog.Included()
	if err != nil {
		t.Fatal(err)
	}
	for row := range strings.SplitSeq(string(tables["chapters.csv"]), "\n") {
		if strings.HasPrefix(row, "EX41,") {
			chapter = row
		}
	}
	elsewhere := "KBNN-HNI,LOCAL,treasury,EX7111LKBNNHNI,EXKBNN-01"
	for name, c := range map[string]struct {
		edits map[string][]string
		until string
	}{
		"nothing ends":  {nil, "2025-07-11"},
		"the body":      {map[string][]string{"bodies.csv": {"State Treasury of Hanoi,,2009-01-01,,example", "State Treasury of Hanoi," + ends}}, "2025-06-21"},
		"the procedure": {map[string][]string{"procedures.csv": {"Payment of a traffic fine,state_treasury,2018-01-01,,", "Payment of a traffic fine,state_treasury,2018-01-01,2025-06-20,"}}, "2025-06-21"},
		"the account": {map[string][]string{"accounts.csv": {elsewhere + ",2009-01-01,,example",
			elsewhere + ends + ",x\n" + strings.Replace(elsewhere, "HNI,EX", "HNI2,EX", 1) + ",2025-06-21,,example"}}, "2025-06-21"},
		"the budget line": {map[string][]string{"budget_lines.csv": {line + ",2009-01-01,,example", line + ends}}, "2025-06-21"},
		"the sub-item":    {map[string][]string{"sub_items.csv": {"Traffic fines,2018-01-01,,", "Traffic fines,2018-01-01,2025-06-20,"}}, "2025-06-21"},
		"the chapter":     {map[string][]string{"chapters.csv": {chapter, strings.Replace(chapter, ",,", ",2025-06-20,", 1)}}, "2025-06-21"},
		"the area": {map[string][]string{
			"areas.csv":           {"Ha Noi,2008-08-01,,read", "Ha Noi,2008-08-01,2025-06-20,read"},
			"area_successors.csv": {"old,new,on,mark,source\n", "old,new,on,mark,source\n01,79,2025-06-21,example,x\n"}}, "2025-06-21"},
		"an area whose code stands for another from then on": {map[string][]string{
			"areas.csv":           {"Ha Noi,2008-08-01,,read", "Ha Noi,2008-08-01,2025-06-20,read,x\n01,province,Hà Nội mới,New Ha Noi,2025-06-21,,read"},
			"area_successors.csv": {"old,new,on,mark,source\n", "old,new,on,mark,source\n01,01,2025-06-21,example,x\n"}}, "2025-07-11"},
	} {
		q := mustMake(t, withRows(t, c.edits), asked)
		if got := q.ValidUntil.Add(7 * time.Hour).Format(time.DateOnly); got != c.until {
			t.Errorf("where %s ends the quote holds until %s, want %s", name, got, c.until)
		}
	}
	asked.Body = "KBNN-BDG"
	if q, err := quote.Make(quotetest.Bundled(t).Law, asked); err != nil || q.ValidUntil.Format(time.RFC3339) != "2025-06-30T17:00:00Z" {
		t.Errorf("at a body that is merged on 1 July: %+v, %v", q, err)
	}
}
