package api_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/api"
	"exchequer/internal/authn"
	"exchequer/internal/pg"
	"exchequer/ledger"
)

const transactions = "/v1/ledger/transactions"

// keeper is a rig whose token is a bookkeeper's, with accounts in two books of his and one of the gateway's.
func keeper(t *testing.T) *rig {
	r := newRig(t)
	var accounts []ledger.Account
	for _, book := range []string{"tolls", "fines", "others", "HNI"} {
		for code, normal := range map[string]ledger.Side{"cash": ledger.Debit, "sales": ledger.Credit, "full": ledger.Debit, "big": ledger.Credit} {
			accounts = append(accounts, ledger.Account{Book: book, Code: code, Currency: "VND", Normal: normal})
		}
		accounts = append(accounts, ledger.Account{Book: book, Code: "purse", Currency: "VND", Normal: ledger.Debit, Limits: ledger.NeverBelowZero},
			ledger.Account{Book: book, Code: "gone", Currency: "VND", Normal: ledger.Debit},
			ledger.Account{Book: book, Code: "dollars", Currency: "USD", Normal: ledger.Debit})
	}
	l := ledger.New(r.pool, r.clock.Now)
	r.must(pg.InTx(ctx, r.pool, func(tx pgx.Tx) error { return l.OpenAccountsTx(ctx, tx, accounts) }))
	r.must(pg.InTx(ctx, r.pool, func(tx pgx.Tx) error { return l.CloseAccountTx(ctx, tx, "tolls", "gone") }))
	r.must(pg.InTx(ctx, r.pool, func(tx pgx.Tx) error {
		return l.CloseDayTx(ctx, tx, "tolls", r.clock.Now().AddDate(0, 0, -10).Truncate(24*60*60*1e9), "test")
	}))
	r.token = r.tokenAs(authn.Bookkeeper, "tolls-system", "tolls", "fines")
	return r
}

func (r *rig) tokenAs(role authn.Role, subject string, books ...string) string {
	r.Helper()
	token, err := r.issuer.Token(authn.Actor{ID: subject, Role: role, Books: books})
	r.must(err)
	return token
}

// members are those of a JSON object, by name; a nil one is left out.
type members map[string]any

// sale is a transaction of 100 đồng, with other members in the place of the usual ones.
func sale(reference string, other members) string {
	m := members{"book": "tolls", "reference": reference, "kind": "sale", "occurred": "2025-06-02T09:00:00+07:00", "day": "2025-06-02",
		"postings": []members{{"debit": "cash", "credit": "sales", "amount": 100, "currency": "VND"}}}
	for name, value := range other {
		m[name] = value
		if value == nil {
			delete(m, name)
		}
	}
	text, _ := json.Marshal(m)
	return string(text)
}

// moving replaces members of the one posting.
func moving(other members) members {
	p := members{"debit": "cash", "credit": "sales", "amount": 100, "currency": "VND"}
	for name, value := range other {
		p[name] = value
	}
	return members{"postings": []members{p}}
}

func (r *rig) postings() (n int) {
	r.Helper()
	r.must(r.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM ledger.transactions) + (SELECT count(*) FROM ledger.postings)
		+ (SELECT count(*) FROM ledger.pending)`).Scan(&n))
	return n
}

func TestATransactionIsPostedOnce(t *testing.T) {
	r := keeper(t)
	a := r.want(201, "POST", transactions, sale("toll/1#a", nil))
	if at := a.Header.Get("Location"); at != transactions+"/tolls/toll%2F1%23a" {
		t.Errorf("location %q", at)
	}
	id, _ := a.field(t, "id").(float64)
	if a.text(t, "code") != "posted" || a.text(t, "day") != "2025-06-02" || id == 0 {
		t.Errorf("%s", a.body)
	}
	again := r.want(200, "POST", transactions, sale("toll/1#a", members{"phase": "post", "occurred": "2025-06-02T02:00:00Z"}))
	if again.text(t, "code") != "duplicate" || again.field(t, "id") != id || again.text(t, "day") != "2025-06-02" {
		t.Errorf("%s", again.body)
	}
	other := r.want(409, "POST", transactions, sale("toll/1#a", moving(members{"amount": 101})))
	refusedBy(t, other, 409, "reference_reused")
	if firstPlace(t, other) != "#/postings/0/amount" {
		t.Errorf("%s", other.body)
	}
	late := r.want(201, "POST", transactions, sale("late", members{"day": "2025-05-20"}))
	if late.text(t, "day") != "2025-05-24" {
		t.Errorf("%s", late.body)
	}
	if n := r.postings(); n != 4 {
		t.Errorf("%d rows stand", n)
	}
}

func TestAHoldIsCapturedOverHTTP(t *testing.T) {
	r := keeper(t)
	r.want(201, "POST", transactions, sale("h-1", members{"phase": "hold", "expires": "2025-06-03T00:00:00Z"}))
	r.want(201, "POST", transactions, sale("h-2", members{"phase": "hold"}))
	r.want(201, "POST", transactions, sale("c-1", members{"phase": "capture", "of": "h-1", "postings": nil}))
	r.want(201, "POST", transactions, sale("v-2", members{"phase": "void", "of": "h-2", "postings": nil}))
	r.want(201, "POST", transactions, sale("x-1", members{"of": "c-1"}))
	a := r.want(422, "POST", transactions, sale("c-2", members{"phase": "capture", "of": "h-2", "postings": nil}))
	refusedBy(t, a, 422, "ledger_refused")
	if result, _ := a.field(t, "result").(map[string]any); result["code"] != "hold_resolved" || firstPlace(t, a) != "#/of" {
		t.Errorf("%s", a.body)
	}
}

func TestAListHasAResultForEach(t *testing.T) {
	r := keeper(t)
	list := []string{sale("a", nil), sale("b", moving(members{"amount": 0})), sale("a", nil),
		sale("a", members{"kind": "other"}), sale("c", members{"book": "fines"}), sale("d", members{"occurred": "yesterday"}), sale("e", nil)}
	a := r.want(200, "POST", transactions, "["+strings.Join(list, ",")+"]")
	var all struct {
		Results []struct {
			Code, Field, Day string
			ID               int64
		}
	}
	r.must(json.Unmarshal(a.body, &all))
	var got []string
	for _, v := range all.Results {
		got = append(got, fmt.Sprint(v.Code, " ", v.Field, " ", v.ID > 0))
	}
	want := []string{"posted  true", "invalid_amount postings[0].amount false", "duplicate  true", "reference_reused kind false",
		"posted  true", "invalid_field occurred false", "posted  true"}
	if strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if n := r.postings(); n != 6 {
		t.Errorf("%d rows stand", n)
	}
}

// TestBadPostings holds every posting that must be refused: with its status and code, without repeating it, and without
// a row written.
func TestBadPostings(t *testing.T) {
	r := keeper(t)
	r.want(201, "POST", transactions, sale("full", moving(members{"debit": "full", "credit": "big", "amount": 9223372036854775807})))
	r.want(201, "POST", transactions, sale("hold", members{"phase": "hold"}))
	many := strings.Repeat(sale("x", nil)+",", 8_000) + sale("x", nil)
	postings := func(n int) members {
		return members{"postings": slices.Repeat([]members{{}}, n)}
	}
	dear := moving(members{"amount": json.RawMessage("1e3")})
	for title, c := range map[string]struct {
		body   string
		status int
		code   string // of the problem, or of the ledger's result
		at     string
	}{
		"amount zero":                {sale("r", moving(members{"amount": 0})), 422, "invalid_amount", "#/postings/0/amount"},
		"amount negative":            {sale("r", moving(members{"amount": -5})), 422, "invalid_amount", "#/postings/0/amount"},
		"amount with a fraction":     {sale("r", moving(members{"amount": 1.5})), 422, "invalid", "#/postings/0/amount"},
		"amount with an exponent":    {sale("r", dear), 422, "invalid", "#/postings/0/amount"},
		"amount over int64":          {sale("r", moving(members{"amount": json.RawMessage("9223372036854775808")})), 422, "invalid", "#/postings/0/amount"},
		"amount as a text":           {sale("r", moving(members{"amount": "100"})), 422, "invalid", "#/postings/0/amount"},
		"no amount":                  {sale("r", moving(members{"amount": nil})), 422, "invalid", "#/postings/0/amount"},
		"sum over int64":             {sale("r", moving(members{"debit": "full", "credit": "cash", "amount": 1})), 422, "overflow", "#/postings/0/amount"},
		"same account":               {sale("r", moving(members{"debit": name, "credit": name})), 422, "same_account", "#/postings/0/credit"},
		"unknown account":            {sale("r", moving(members{"debit": name})), 422, "unknown_account", "#/postings/0/debit"},
		"closed account":             {sale("r", moving(members{"debit": "gone"})), 422, "closed_account", "#/postings/0/debit"},
		"another currency":           {sale("r", moving(members{"currency": name})), 422, "currency_mismatch", "#/postings/0/currency"},
		"account's currency":         {sale("r", moving(members{"debit": "dollars"})), 422, "currency_mismatch", "#/postings/0/currency"},
		"below zero":                 {sale("r", moving(members{"debit": "cash", "credit": "purse"})), 422, "limit", "#/postings/0/amount"},
		"closed day":                 {sale("r", members{"day": "2025-05-20", "fixed_day": true}), 422, "period_closed", "#/day"},
		"10,001 postings":            {sale("r", postings(10_001)), 422, "too_many_postings", "#/postings"},
		"more than 10,001 postings":  {sale("r", postings(10_002)), 422, "too_many_postings", "#/postings"},
		"more than fit if whole":     {"[" + strings.Repeat(sale("x", postings(10_000))+",", 16) + sale("r", postings(10_000)) + "]", 422, "invalid", "#/16/postings/7772"},
		"no postings":                {sale("r", postings(0)), 422, "no_postings", "#/postings"},
		"metadata over 16 KiB":       {sale("r", members{"metadata": members{"a": strings.Repeat("x", 16<<10)}}), 422, "metadata_too_large", "#/metadata"},
		"metadata not of texts":      {sale("r", members{"metadata": members{name: 1}}), 422, "invalid", "#/metadata"},
		"no reference":               {sale("", nil), 422, "invalid_field", "#/reference"},
		"name for a reference":       {sale(name, nil), 422, "invalid_field", "#/reference"},
		"kind missing":               {sale("r", members{"kind": nil}), 422, "invalid_field", "#/kind"},
		"occurred not a time":        {sale("r", members{"occurred": name}), 422, "invalid_field", "#/occurred"},
		"occurred without a zone":    {sale("r", members{"occurred": "2025-06-02T09:00:00"}), 422, "invalid_field", "#/occurred"},
		"day not a day":              {sale("r", members{"day": "2025-02-30"}), 422, "invalid_field", "#/day"},
		"expires not a time":         {sale("r", members{"phase": "hold", "expires": name}), 422, "invalid_field", "#/expires"},
		"expires of a posting":       {sale("r", members{"expires": "2025-06-03T00:00:00Z"}), 422, "invalid_field", "#/expires"},
		"unknown phase":              {sale("r", members{"phase": name}), 422, "invalid_field", "#/phase"},
		"the program's own phase":    {sale("r", members{"phase": "expiry", "of": "hold", "postings": nil}), 422, "invalid_field", "#/phase"},
		"capture of nothing":         {sale("r", members{"phase": "capture", "of": "nothing", "postings": nil}), 422, "unknown_of", "#/of"},
		"capture of other accounts":  {sale("r", members{"phase": "capture", "of": "hold", "postings": []members{{"debit": name, "credit": "sales", "amount": 1, "currency": "VND"}}}), 422, "not_held", "#/postings/0/debit"},
		"capture of too much":        {sale("r", members{"phase": "capture", "of": "hold", "postings": moving(members{"amount": 101})["postings"]}), 422, "hold_exceeded", "#/postings/0/amount"},
		"correction of a hold":       {sale("r", members{"of": "hold"}), 422, "not_posted", "#/of"},
		"unknown member":             {sale("r", members{name: 1}), 422, "invalid", "#"},
		"unknown member of one":      {"[" + sale("a", nil) + "," + sale("r", members{name: 1}) + "]", 422, "invalid", "#/1"},
		"member in other letters":    {strings.Replace(sale("r", nil), "kind", "Kind", 1), 422, "invalid", "#"},
		"member escaped":             {strings.Replace(sale("r", nil), "kind", `k\u0069nd`, 1), 422, "invalid", "#"},
		"member null":                {strings.Replace(sale("r", nil), `"sale"`, "null", 1), 422, "invalid", "#/kind"},
		"metadata twice":             {sale("r", members{"metadata": json.RawMessage(`{"a": "` + name + `", "\u0061": "b"}`)}), 422, "invalid", "#/metadata"},
		"postings no list":           {sale("r", members{"postings": members{}}), 422, "invalid", "#/postings"},
		"posting no object":          {sale("r", members{"postings": []string{name}}), 422, "invalid", "#/postings/0"},
		"posting's unknown":          {sale("r", moving(members{name: 1})), 422, "invalid", "#/postings/0"},
		"fixed day no boolean":       {sale("r", members{"fixed_day": "true"}), 422, "invalid", "#/fixed_day"},
		"wrong type of a member":     {sale("r", members{"kind": 77777777}), 422, "invalid", "#/kind"},
		"member twice":               {strings.Replace(sale("r", nil), "{", `{"kind": "`+name+`",`, 1), 422, "invalid", "#"},
		"neither object nor list":    {`"` + name + `"`, 422, "invalid", "#"},
		"null":                       {`null`, 422, "invalid", "#"},
		"not JSON":                   {name, 400, "invalid", ""},
		"nothing":                    {``, 400, "invalid", ""},
		"list that is cut off":       {"[" + sale("r", nil), 400, "invalid", ""},
		"something behind it":        {sale("r", nil) + "{}", 400, "invalid", ""},
		"empty list":                 {`[]`, 422, "invalid", "#"},
		"8,001 transactions":         {"[" + many + "]", 422, "invalid", "#"},
		"8 MiB":                      {`"` + strings.Repeat("a", 8<<20) + `"`, 413, "too_large", ""},
		"book that is not named":     {sale("r", members{"book": "others"}), 403, "forbidden", ""},
		"book of the gateway":        {sale("r", members{"book": "HNI"}), 403, "forbidden", ""},
		"house":                      {sale("r", members{"book": "000"}), 403, "forbidden", ""},
		"book of nobody":             {sale("r", members{"book": name}), 403, "forbidden", ""},
		"no book":                    {sale("r", members{"book": nil}), 422, "invalid_field", "#/book"},
		"list with one strange book": {"[" + sale("a", nil) + "," + sale("b", members{"book": "others"}) + "]", 403, "forbidden", ""},
	} {
		t.Run(title, func(t *testing.T) {
			r := r.in(t)
			before := r.postings()
			a := r.want(c.status, "POST", transactions, c.body)
			code := a.text(t, "code")
			if result, ok := a.field(t, "result").(map[string]any); ok {
				refusedBy(t, a, c.status, "ledger_refused")
				code, _ = result["code"].(string)
			} else {
				refusedBy(t, a, c.status, code)
			}
			if code != c.code || c.at != "" && firstPlace(t, a) != c.at {
				t.Errorf("%s at %s, want %s at %s: %s", code, firstPlace(t, a), c.code, c.at, a.body)
			}
			for _, word := range []string{name, "Nguy", "Thử", "77777777"} {
				if strings.Contains(string(a.body), word) {
					t.Errorf("the answer repeats %q: %s", word, a.body)
				}
			}
			if after := r.postings(); after != before {
				t.Errorf("%d rows were written", after-before)
			}
		})
	}
}

func TestWhoMayPost(t *testing.T) {
	r := keeper(t)
	for title, c := range map[string]struct {
		role   authn.Role
		books  []string
		book   string
		status int
	}{
		"a bookkeeper his book":           {authn.Bookkeeper, []string{"others"}, "others", 201},
		"a bookkeeper another's":          {authn.Bookkeeper, []string{"tolls"}, "others", 403},
		"a bookkeeper of all":             {authn.Bookkeeper, []string{"*"}, "others", 403},
		"a bookkeeper without books":      {authn.Bookkeeper, nil, "others", 403},
		"a bookkeeper the gateway's book": {authn.Bookkeeper, []string{"HNI", "000"}, "HNI", 403},
		"the portal":                      {authn.Client, []string{"*"}, "others", 403},
		"treasury staff":                  {authn.Treasury, []string{"others", "HNI"}, "others", 403},
		"treasury staff their book":       {authn.Treasury, []string{"others", "HNI"}, "HNI", 403},
		"an officer":                      {authn.Officer, []string{"others"}, "others", 403},
		"a payer":                         {authn.Payer, []string{"others"}, "others", 403},
	} {
		t.Run(title, func(t *testing.T) {
			r := r.in(t)
			before := r.postings()
			r.token = r.tokenAs(c.role, "who", c.books...)
			a := r.want(c.status, "POST", transactions, sale("w", members{"book": c.book}))
			if c.status == 403 {
				refusedBy(t, a, 403, "forbidden")
				if r.postings() != before {
					t.Error("something was written")
				}
			}
		})
	}
	refusedBy(t, r.want(401, "POST", transactions, sale("w", nil), "Authorization", ""), 401, "unauthenticated")
	refusedBy(t, r.want(415, "POST", transactions, sale("w", nil), "Content-Type", "text/plain"), 415, "invalid")
}

func TestWithoutAKeySetBooksOfPartnersAreOpen(t *testing.T) {
	r := keeper(t)
	r.deps.Authenticator = api.Local()
	handler := api.New(r.deps)
	for book, status := range map[string]int{"others": 201, "HNI": 403} {
		w := httptest.NewRecorder()
		q := httptest.NewRequest("POST", "http://localhost"+transactions, strings.NewReader(sale("l", members{"book": book})))
		q.Header.Set("Content-Type", "application/json")
		if handler.ServeHTTP(w, q); w.Code != status {
			t.Errorf("%s: %d: %s", book, w.Code, w.Body)
		}
	}
}
