package catalog_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/problem"
)

const sample = `
books: [{key: "000", name: house}, {key: AAA, name: A}]
bodies: [{code: B1, book: AAA, name_vi: Một, name_en: One, payout_account: "1", services: [s]}]
budget_lines:
  - {charge: fee, body: B1, from: 2020-01-01, until: 2023-12-31, lines: [{budget: "1", share: 1}]}
  - {charge: fee, body: B1, from: 2024-01-01, lines: [{budget: "1", share: 83}, {budget: "2", share: 17}]}
contracts: [{provider: p, book: AAA, merchant: m, settlement: net, due_business_days: 1}]
collection_account: {account: "9", bank: bank, currency: VND}
`

func load(t *testing.T, text string) (*catalog.Catalog, error) {
	t.Helper()
	return catalog.Load(fstest.MapFS{"catalog.yaml": {Data: []byte(text)}})
}

func TestSplitFollowsTheDateAndAddsUp(t *testing.T) {
	c, err := load(t, sample)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		on   string
		want []int64
	}{{"2023-12-31", []int64{60001}}, {"2024-01-01", []int64{49801, 10200}}} {
		got, err := c.Split("B1", calendar.MustDate(tc.on), []catalog.Charge{{Code: "fee", Amount: 60001}})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(tc.want) {
			t.Fatalf("%s: %v", tc.on, got)
		}
		for i := range got {
			if got[i].Amount != tc.want[i] {
				t.Errorf("%s: line %d = %d, want %d", tc.on, i, got[i].Amount, tc.want[i])
			}
		}
	}
	_, err = c.Split("B1", calendar.MustDate("2019-12-31"), []catalog.Charge{{Code: "fee", Amount: 1}})
	if problem.CodeOf(err) != problem.NotFound {
		t.Errorf("a charge before its first entry gave %v", err)
	}
}

func TestBodyForAService(t *testing.T) {
	c, _ := load(t, sample)
	if b, err := c.BodyFor("s", ""); err != nil || b.Book != "AAA" {
		t.Errorf("got %v, %v", b, err)
	}
	if _, err := c.BodyFor("other", ""); problem.CodeOf(err) != problem.NotFound {
		t.Errorf("unknown service: %v", err)
	}
}

func TestFaultsAreNamed(t *testing.T) {
	for name, tc := range map[string]struct{ from, to, want string }{
		"unknown book":  {"book: AAA, name_vi", "book: ZZZ, name_vi", "unknown book ZZZ"},
		"overlap":       {"until: 2023-12-31", "until: 2024-06-30", "two entries for one day"},
		"bad key":       {"key: AAA", "key: aaa", "not 3 characters"},
		"unknown key":   {"books:", "bookz: []\nbooks:", "bookz"},
		"zero share":    {"share: 17", "share: 0", "above 0"},
		"bad contract":  {"settlement: net", "settlement: some", "gross or net"},
		"missing house": {`key: "000"`, `key: "001"`, "house book"},
	} {
		_, err := load(t, strings.Replace(sample, tc.from, tc.to, 1))
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheCompiledInDataHoldsTogether(t *testing.T) {
	c, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range c.Bodies() {
		if _, err := c.Contract("vnpay", b.Book); err != nil {
			t.Errorf("body %s cannot be paid: %v", b.Code, err)
		}
	}
}
