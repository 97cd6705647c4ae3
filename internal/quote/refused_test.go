package quote_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"slices"
	"strings"
	"testing"

	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
	"exchequer/internal/quote"
	"exchequer/internal/quote/quotetest"
)

// judicialRecord is a fee of 200,000 đồng, of which a department of justice keeps a part.
func judicialRecord() quote.Request {
	return quote.Request{Service: "judicial_record", Body: "STP-HNI", Date: calendar.MustDate("2024-03-04"), Inputs: []byte(`{"group": "ordinary"}`)}
}

// withTable is the program's law with the rows of a table of the catalogue edited; a row of none is left out.
func withTable(t *testing.T, file string, edit func(row map[string]string) bool) *publication.Law {
	t.Helper()
	tables, err := catalog.Included()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(tables[file])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(w.Write(rows[0]))
	edited := false
	for _, cells := range rows[1:] {
		row := map[string]string{}
		for i, name := range rows[0] {
			row[name] = cells[i]
		}
		keep := edit(row)
		after := make([]string, len(cells))
		for i, name := range rows[0] {
			after[i] = row[name]
		}
		edited = edited || !keep || !slices.Equal(cells, after)
		if keep {
			must(w.Write(after))
		}
	}
	w.Flush()
	if tables[file] = out.Bytes(); !edited {
		t.Fatalf("nothing of %s was edited", file)
	}
	c, err := catalog.Parse(tables)
	must(err)
	law := *quotetest.Bundled(t).Law
	law.Catalog = c
	return &law
}

// A charge whose share or budget line is not known, or not open, is given to no other line.
func TestWhatHasNoBudgetLineIsRefused(t *testing.T) {
	bundled := quotetest.Bundled(t).Law
	test := quote.Request{Service: "driving_test", Body: "CSGT-C08", Date: calendar.MustDate("2026-03-02"), Inputs: []byte(`{"class": "A1", "parts": ["theory"]}`)}
	atBinhDuong := func(day string) quote.Request {
		r := fine(day)
		r.Body = "KBNN-BDG"
		return r
	}
	nobody, other := fine("2025-06-02"), fine("2025-06-02")
	nobody.Body, other.Body = "", "EVNHANOI"
	closedOn := func(day string) *publication.Law {
		return withTable(t, "sub_items.csv", func(row map[string]string) bool {
			if row["code"] == "4252" {
				row["until"] = day
			}
			return true
		})
	}
	for name, c := range map[string]struct {
		law     *publication.Law
		request quote.Request
		code    problem.Code // "" for a quote
		says    string
		act     string
	}{
		"shares not on file": {bundled, test, problem.Refused, "how the charge driving_test_fee is shared out is not known: ", "Circular 154/2025"},
		"no budget line":     {withTable(t, "budget_lines.csv", func(row map[string]string) bool { return row["charge"] != "fine" || row["body"] != "KBNN-HNI" }), fine("2025-06-02"), problem.Refused, "no budget line", ""},
		"no regime of a fee": {withTable(t, "regimes.csv", func(row map[string]string) bool { return row["body"] != "STP-HNI" }), judicialRecord(), problem.Refused,
			"whether STP-HNI is allotted costs of the charge judicial_record_fee on 2024-03-04 is not known", ""},
		"a charge not there yet": {withTable(t, "charges.csv", func(row map[string]string) bool {
			if row["charge"] == "fine" {
				row["from"] = "2025-06-03"
			}
			return true
		}), fine("2025-06-02"), problem.Refused, "no charge fine on 2025-06-02", ""},
		"a sub-item that closed":  {closedOn("2025-06-01"), fine("2025-06-02"), problem.Refused, "sub-item 4252", ""},
		"its last day":            {closedOn("2025-06-02"), fine("2025-06-02"), "", "", ""},
		"before its body merged":  {bundled, atBinhDuong("2025-06-30"), "", "", ""},
		"after its body merged":   {bundled, atBinhDuong("2025-07-01"), problem.Refused, "successor KBNN-HCM", ""},
		"several that collect":    {bundled, nobody, problem.Invalid, "KBNN-HCM", ""},
		"one that does not":       {bundled, other, problem.Invalid, "does not collect", ""},
		"an amount not on file":   {bundled, licence("2026-01-05", `{"channel":"online","action":"new"}`), problem.Refused, "", "Circular 154/2025"},
		"inputs that are no JSON": {bundled, licence("2025-06-02", `{"channel"`), problem.Invalid, "inputs", ""},
	} {
		q, err := quote.Make(c.law, c.request)
		if c.code == "" {
			if err != nil || len(q.Budget) == 0 {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		p, _ := errors.AsType[*problem.Error](err)
		if q != nil || p == nil || p.Code != c.code || !strings.Contains(p.Error(), c.says) || !strings.Contains(p.Act, c.act) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestAFeeIsSharedOutOverAccounts(t *testing.T) {
	q := mustMake(t, quotetest.Bundled(t).Law, judicialRecord())
	want := map[string]int64{"national_centre": 8_000, "local_budget": 30_000, "police_records": 97_200, "retained": 64_800}
	accounts := map[string]bool{}
	for _, b := range q.Budget {
		if b.Amount != want[b.Part] || b.Charge != "judicial_record_fee" || !strings.Contains(b.Act.En, "Circular 244/2016") || b.Act.Vi == b.Act.En {
			t.Errorf("%+v", b)
		}
		accounts[b.Account] = true
		delete(want, b.Part)
	}
	if len(want) > 0 || len(accounts) != len(q.Payee.Accounts) || len(accounts) < 2 {
		t.Errorf("parts that are missing: %v; accounts %+v", want, q.Payee.Accounts)
	}
	for _, a := range q.Payee.Accounts {
		if a.Number == "" || a.At == "" || a.Body == "" {
			t.Errorf("%+v", a)
		}
	}
}
