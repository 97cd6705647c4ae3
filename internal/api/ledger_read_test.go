package api_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"exchequer/internal/authn"
)

func list(t *testing.T, a reply, name string) (items []map[string]any) {
	t.Helper()
	all, _ := a.field(t, name).([]any)
	for _, v := range all {
		item, _ := v.(map[string]any)
		items = append(items, item)
	}
	return items
}

func TestWhatWasPostedIsReadBack(t *testing.T) {
	r := keeper(t)
	posted := r.want(201, "POST", transactions, sale("toll/1#a", members{"metadata": members{"gate": "7"}, "link": "line-1"}))
	r.want(201, "POST", transactions, sale("h-1", members{"phase": "hold"}))
	r.want(201, "POST", transactions, sale("h-2", members{"phase": "hold", "expires": "2025-06-03T00:00:00Z"}))
	r.want(201, "POST", transactions, sale("v-1", members{"phase": "void", "of": "h-1", "postings": nil}))
	r.want(201, "POST", transactions, sale("elsewhere", members{"book": "fines"}))

	one := r.want(200, "GET", posted.Header.Get("Location"), "")
	if one.text(t, "reference") != "toll/1#a" || one.text(t, "phase") != "post" || one.text(t, "occurred") != "2025-06-02T02:00:00Z" ||
		one.text(t, "effective_day") != "2025-06-02" || one.field(t, "id") != posted.field(t, "id") ||
		fmt.Sprint(one.field(t, "postings")) != "[map[amount:100 credit:sales currency:VND debit:cash]]" || fmt.Sprint(one.field(t, "metadata")) != "map[gate:7]" {
		t.Errorf("%s", one.body)
	}
	var read []string
	for next := "0"; next != ""; {
		page := r.want(200, "GET", transactions+"?book=tolls&limit=3&after="+next, "")
		for _, tx := range list(t, page, "transactions") {
			read = append(read, fmt.Sprint(tx["reference"], " ", tx["phase"], " ", tx["of"]))
		}
		next = ""
		if n, ok := page.field(t, "next").(float64); ok {
			next = fmt.Sprint(int64(n))
		}
	}
	if got := strings.Join(read, "; "); got != "toll/1#a post <nil>; h-1 hold <nil>; h-2 hold <nil>; v-1 void h-1" {
		t.Errorf("read %s", got)
	}
	open := list(t, r.want(200, "GET", "/v1/ledger/holds?book=tolls&state=open", ""), "holds")
	if len(open) != 1 || open[0]["reference"] != "h-2" || open[0]["expires"] != "2025-06-03T00:00:00Z" {
		t.Errorf("open holds %v", open)
	}
	all := list(t, r.want(200, "GET", "/v1/ledger/holds?book=tolls&state=all", ""), "holds")
	if len(all) != 2 || all[0]["resolution"] != "void" || all[0]["by"] != "v-1" {
		t.Errorf("holds %v", all)
	}
}

// TestAPageOfLongTransactions ends early, and says that more follows.
func TestAPageOfLongTransactions(t *testing.T) {
	r := keeper(t)
	posting := moving(nil)["postings"].([]members)
	r.want(201, "POST", transactions, sale("long", members{"phase": "hold", "postings": slices.Repeat(posting, 10_000)}))
	r.want(201, "POST", transactions, sale("short", members{"phase": "hold"}))
	for path, name := range map[string]string{transactions + "?": "transactions", "/v1/ledger/holds?": "holds"} {
		first := r.want(200, "GET", path+"book=tolls", "")
		next, more := first.field(t, "next").(float64)
		if len(list(t, first, name)) != 1 || !more {
			t.Fatalf("%d %s, and %v", len(list(t, first, name)), name, first.field(t, "next"))
		}
		second := r.want(200, "GET", fmt.Sprintf("%sbook=tolls&after=%d", path, int64(next)), "")
		if len(list(t, second, name)) != 1 || second.field(t, "next") != nil {
			t.Errorf("%s: %s", name, second.body)
		}
	}
}

func TestBalancesOfABook(t *testing.T) {
	r := keeper(t)
	before := r.clock.Now()
	r.clock.advance(1e9)
	r.want(201, "POST", transactions, sale("a", nil))
	r.want(201, "POST", transactions, sale("b", members{"phase": "hold"}))
	r.want(201, "POST", transactions, sale("c", members{"day": "2025-06-03"}))
	for query, want := range map[string]string{
		"prefix=cash":                  "cash 200 200 100",
		"prefix=ca&through=2025-06-02": "cash 100 100 100",
		"prefix=sales&at=" + url.QueryEscape(before.Format("2006-01-02T15:04:05Z07:00")): "sales 0 0 0",
		"prefix=nothing": "",
	} {
		var got []string
		for _, b := range list(t, r.want(200, "GET", "/v1/ledger/balances?book=tolls&"+query, ""), "balances") {
			got = append(got, fmt.Sprint(b["account"], " ", b["net"], " ", b["debits_posted"], " ", b["debits_pending"]))
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

func TestAccountsAreOpenedAndClosed(t *testing.T) {
	r := keeper(t)
	opening := func(book, code string) string {
		return `{"book": "` + book + `", "accounts": [{"code": "` + code + `", "currency": "VND", "normal_side": "debit", "never_below_zero": true}]}`
	}
	closing := func(book, code string) string { return `{"book": "` + book + `", "code": "` + code + `"}` }
	const accounts = "/v1/ledger/accounts"
	for range 2 {
		r.want(204, "POST", accounts, opening("tolls", "new:1"))
	}
	refusedBy(t, r.want(409, "POST", accounts, strings.Replace(opening("tolls", "new:1"), "debit", "credit", 1)), 409, "conflict")
	refusedBy(t, r.want(422, "POST", accounts, opening("tolls", name)), 422, "invalid")
	refusedBy(t, r.want(403, "POST", accounts, opening("HNI", "new:1")), 403, "forbidden")
	refusedBy(t, r.want(403, "POST", accounts, opening("others", "new:1")), 403, "forbidden")
	r.want(201, "POST", transactions, sale("a", moving(members{"debit": "new:1"})))
	refusedBy(t, r.want(409, "POST", accounts+"/close", closing("tolls", "new:1")), 409, "conflict")
	refusedBy(t, r.want(409, "POST", accounts+"/close", closing("tolls", "nothing")), 409, "conflict")
	refusedBy(t, r.want(403, "POST", accounts+"/close", closing("HNI", "purse")), 403, "forbidden")
	r.want(204, "POST", accounts+"/close", closing("tolls", "purse"))
	var read []string
	for after := "?"; after != ""; {
		page := r.want(200, "GET", accounts+"?book=tolls&limit=3&after="+strings.TrimPrefix(after, "?"), "")
		for _, a := range list(t, page, "accounts") {
			if a["closed"] != nil || a["never_below_zero"] == true {
				read = append(read, fmt.Sprint(a["code"], " ", a["closed"] != nil, " ", a["never_below_zero"]))
			}
		}
		after = page.text(t, "next")
	}
	if got := strings.Join(read, "; "); got != "gone true <nil>; new:1 false true; purse true true" {
		t.Errorf("accounts %s", got)
	}
	var acts int
	r.must(r.pool.QueryRow(ctx, `SELECT count(*) FROM gateway.audit WHERE book = 'tolls' AND actor = 'tolls-system' AND action LIKE 'account.%'`).Scan(&acts))
	if acts != 3 {
		t.Errorf("%d audit rows", acts)
	}
}

func TestWhoMayReadABook(t *testing.T) {
	r := keeper(t)
	r.want(201, "POST", transactions, sale("a", nil))
	paths := []string{transactions + "/tolls/a", transactions + "?book=tolls", "/v1/ledger/holds?book=tolls", "/v1/ledger/balances?book=tolls", "/v1/ledger/accounts?book=tolls"}
	for title, c := range map[string]struct {
		role   authn.Role
		books  []string
		status int
	}{
		"the bookkeeper":      {authn.Bookkeeper, []string{"tolls"}, 200},
		"another bookkeeper":  {authn.Bookkeeper, []string{"others"}, 403},
		"a bookkeeper of all": {authn.Bookkeeper, []string{"*"}, 403},
		"treasury staff":      {authn.Treasury, []string{"tolls"}, 200},
		"treasury elsewhere":  {authn.Treasury, []string{"HNI"}, 403},
		"the portal":          {authn.Client, []string{"*"}, 403},
		"an officer":          {authn.Officer, []string{"tolls"}, 403},
		"a payer":             {authn.Payer, []string{"tolls"}, 403},
	} {
		r.token = r.tokenAs(c.role, "who", c.books...)
		for _, path := range paths {
			if a := r.send("GET", path, ""); a.StatusCode != c.status {
				t.Errorf("%s: %s is answered %d: %s", title, path, a.StatusCode, a.body)
			}
		}
	}
	r.token = r.tokenAs(authn.Bookkeeper, "tolls-system", "tolls")
	for path, status := range map[string]int{
		transactions + "/tolls/nothing": 404, transactions + "/tolls/a%00": 404, transactions: 422, transactions + "?book=tolls&after=-1": 422,
		transactions + "?book=tolls&limit=201": 422, "/v1/ledger/balances?book=tolls&through=2025-02-30": 422, "/v1/ledger/balances?book=tolls&at=" + url.QueryEscape(name): 422,
		"/v1/ledger/holds?book=tolls&state=x": 422,
	} {
		if a := r.want(status, "GET", path, ""); strings.Contains(string(a.body), name) || a.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
}
