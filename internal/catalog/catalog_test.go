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
books: [{key: "000", name: house, mark: example}, {key: AAA, name: A, mark: read}]
bodies: [{code: B1, book: AAA, name_vi: Một, name_en: One, payout_account: "1", services: [s], mark: example}]
budget_lines:
  - {charge: fee, body: B1, from: 2020-01-01, until: 2023-12-31, lines: [{budget: "1", share: 1}], mark: example}
  - {charge: fee, body: B1, from: 2024-01-01, lines: [{budget: "1", share: 83}, {budget: "2", share: 17}], mark: example}
contracts:
  - {provider: p, book: AAA, merchant: m, settlement: net, due_business_days: 1, mark: example}
collection_account: {account: "9", bank: bank, currency: VND, mark: example}
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
		"until before":  {"until: 2023-12-31", "until: 2019-12-31", "before `from`"},
		"twice a line":  {`{budget: "2", share: 17}`, `{budget: "1", share: 17}`, "budget 1 is listed twice"},
		"no budget":     {`{budget: "2"`, `{budget: ""`, "1 to 64 letters"},
		"bad budget":    {`{budget: "2"`, `{budget: "2:3"`, "1 to 64 letters"},
		"bad body":      {"code: B1", "code: Một", "1 to 64 letters"},
		"bad contract":  {"settlement: net", "settlement: some", "gross or net"},
		"no merchant":   {"merchant: m", `merchant: ""`, "no merchant"},
		"no provider":   {"provider: p", `provider: ""`, "provider: give"},
		"due before":    {"due_business_days: 1", "due_business_days: -1", "0 or more"},
		"contract for":  {"provider: p, book: AAA", "provider: p, book: ZZZ", "p for book ZZZ names an unknown book"},
		"two contracts": {"contracts:\n", "contracts:\n  - {provider: p, book: AAA, merchant: n, settlement: gross, due_business_days: 1, mark: example}\n", "listed twice"},
		"no account":    {`account: "9"`, `account: ""`, "collection_account"},
		"bad account":   {`account: "9"`, `account: "9 9"`, "collection_account"},
		"no bank":       {"bank: bank", `bank: ""`, "bank is missing"},
		"other money":   {"currency: VND", "currency: USD", "must be VND"},
		"no mark":       {"name: A, mark: read", "name: A", "book AAA: mark"},
		"bad mark":      {"services: [s], mark: example", "services: [s], mark: recalled", "body B1: mark"},
		"line's mark":   {"share: 17}], mark: example", "share: 17}]", "charge fee at B1: mark"},
		"contract mark": {"due_business_days: 1, mark: example", "due_business_days: 1", "the contract of p for book AAA: mark"},
		"account mark":  {"currency: VND, mark: example", "currency: VND", "collection_account: mark"},
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
