package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/internal/authn"
	"exchequer/internal/publication"
)

// permit is a tariff whose versions are given, each "from amount".
func permit(versions ...string) string {
	var b strings.Builder
	b.WriteString(`service: permit
name: {vi: Giấy phép, en: Permit}
body: power_corporation
valid_days: 30
inputs:
  - {name: sets, label: {vi: Số bộ, en: Sets}, type: int, min: "1", max: "9", default: "1"}
components:
  - id: permit_fee
    charge: electricity
    code: permit_fee
    by: date
    versions:
`)
	for i, v := range versions {
		from, amount, _ := strings.Cut(v, " ")
		fmt.Fprintf(&b, "      - {version: %d/2020, from: %s, act: Circular %d/2020/TT-BTC, source: read, confidence: high, "+
			"rules: [{rule: {vi: mọi trường hợp, en: every case}, per_unit: {quantity: sets, price: %q}}]}\n", i+1, from, i+1, amount)
	}
	b.WriteString("examples:\n")
	for _, v := range versions {
		from, amount, _ := strings.Cut(v, " ")
		fmt.Fprintf(&b, "  - {why: the first day, on: %s, inputs: {}, total: %q}\n", from, amount)
	}
	return b.String()
}

// office is the API on a law in which the permit costs 100,000 from 2020 on, published on 2 June 2025.
type office struct {
	*rig
	lan, minh string // tokens of two persons of the treasury
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{rig: newRig(t)}
	store := publication.New(o.pool, o.clock)
	docs, err := publication.Included()
	o.must(err)
	maps.DeleteFunc(docs, func(name string, _ []byte) bool { return !strings.HasPrefix(name, "catalog/") })
	docs["schedules/permit.yaml"] = []byte(permit("2020-01-01 100000"))
	docs["catalog/procedures.csv"] = []byte("code,service,name_vi,name_en,body_kind,from,until,mark,source\n" +
		"EX.1,permit,Giấy phép,Permit,power_corporation,2009-01-01,,example,made up\n")
	_, err = store.Begin(ctx, docs)
	o.must(err)
	o.deps.Law, o.deps.Versions, o.deps.Drafts, o.deps.Drafting = store, store, store, store
	o.serve()
	o.logIn()
	return o
}

// logIn gives the two persons new tokens; lan is at work.
func (o *office) logIn() {
	o.lan, o.minh = o.as("lan", authn.Treasury), o.as("minh", authn.Treasury)
	o.token = o.lan
}

func (o *office) as(subject string, role authn.Role) string {
	o.Helper()
	token, err := o.issuer.Token(authn.Actor{ID: subject, Role: role, Books: []string{"000"}})
	o.must(err)
	return token
}

func drafting(names ...string) string {
	var docs []map[string]string
	for i := 0; i < len(names); i += 2 {
		docs = append(docs, map[string]string{"name": names[i], "text": names[i+1]})
	}
	text, _ := json.Marshal(map[string]any{"documents": docs})
	return string(text)
}

// costs gives the permit's price on a day, by what is known now or was known then.
func (o *office) costs(on, known string) float64 {
	o.Helper()
	portal := o.in(o.T)
	portal.token = o.tokenOf("portal")
	total, _ := portal.want(200, "POST", "/v1/quotes", fmt.Sprintf(`{"service": "permit", "body": "EVNHANOI", "date": %q, "known": %q, "inputs": {}}`, on, known)).
		field(o.T, "total_vnd").(float64)
	return total
}

// published lets the two persons publish the permit's tariff, and gives the address of the draft.
func (o *office) published(versions ...string) string {
	o.Helper()
	o.token = o.lan
	made := o.want(201, "POST", "/v1/tariff-drafts", drafting("schedules/permit.yaml", permit(versions...)))
	at := made.Header.Get("Location")
	o.want(200, "POST", at+"/propose", "")
	refusedBy(o.T, o.want(403, "POST", at+"/approve", ""), 403, "forbidden")
	o.token = o.minh
	o.want(200, "POST", at+"/approve", "")
	return at
}

// TestATariffIsChangedByTwoPersons, each with a token: what is known before and after, on both sides of the day, and a
// correction that comes late.
func TestATariffIsChangedByTwoPersons(t *testing.T) {
	o := newOffice(t)
	first := o.clock.Now().Format(time.RFC3339)
	o.clock.advance(24 * time.Hour)
	o.logIn()
	body := drafting("schedules/permit.yaml", permit("2020-01-01 100000", "2026-01-01 120000"))
	one, two := o.want(201, "POST", "/v1/tariff-drafts", body), o.want(201, "POST", "/v1/tariff-drafts", body)
	at := one.Header.Get("Location")
	if at == "" || two.Header.Get("Location") != at || one.text(t, "state") != "drafted" {
		t.Errorf("drafted at %q, then at %q: %s", at, two.Header.Get("Location"), one.body)
	}
	var d publication.Draft
	o.must(json.Unmarshal(one.body, &d))
	if len(d.Changes) != 2 || d.Changes[1].Kind != publication.Added || d.Changes[1].From.String() != "2026-01-01" || d.Changes[1].Past {
		t.Errorf("changes %+v", d.Changes)
	}
	var shown publication.Draft
	o.must(json.Unmarshal(o.want(200, "GET", at, "").body, &shown))
	if len(shown.Diffs) != 1 || !strings.Contains(shown.Diffs[0].Lines, "\n+       - {version: 2/2020, from: 2026-01-01") || !slices.Equal(shown.Services, []string{"permit"}) {
		t.Errorf("line by line: %+v, of %v", shown.Diffs, shown.Services)
	}
	if texts := o.want(200, "GET", at+"/documents", ""); !strings.Contains(string(texts.body), `2026-01-01`) {
		t.Errorf("its documents: %s", texts.body)
	}
	o.want(200, "POST", at+"/propose", "")
	if waiting := o.want(200, "GET", "/v1/tariff-drafts?state=proposed", ""); !strings.Contains(string(waiting.body), `"proposed_by":"lan"`) {
		t.Errorf("what waits: %s", waiting.body)
	}
	refusedBy(t, o.want(403, "POST", at+"/approve", ""), 403, "forbidden")
	if o.costs("2026-01-01", "") != 100_000 {
		t.Error("it costs something else before it is approved")
	}
	o.token = o.minh
	if done := o.want(200, "POST", at+"/approve", ""); done.text(t, "decided_by") != "minh" || done.field(t, "revision") != 2.0 {
		t.Errorf("approved: %s", done.body)
	}
	refusedBy(t, o.want(409, "POST", at+"/approve", ""), 409, "conflict")
	if o.costs("2025-12-31", "") != 100_000 || o.costs("2026-01-01", "") != 120_000 || o.costs("2026-01-01", first) != 100_000 {
		t.Error("the amounts on both sides of the day, or what was known before")
	}

	o.clock.advance(24 * time.Hour)
	o.logIn()
	o.published("2020-01-01 100000", "2025-03-01 80000", "2026-01-01 120000")
	if o.costs("2025-04-01", "") != 80_000 || o.costs("2025-04-01", "2025-06-03") != 100_000 || o.costs("2025-04-01", "2025-06-04") != 80_000 {
		t.Error("the late correction")
	}
	for path, want := range map[string]int{
		"":                                   3, // as known now
		"?on=2025-04-01":                     1,
		"?on=2025-04-01&known=2025-06-03":    1,
		"?known=2025-06-02":                  1,
		"?known=2025-06-03T10:00:00%2B07:00": 2,
		"/history":                           6,
	} {
		found, _ := o.want(200, "GET", "/v1/tariffs/permit"+path, "").field(t, "versions").([]any)
		if len(found) != want {
			t.Errorf("versions%s: %d, want %d", path, len(found), want)
		}
	}
}

// TestTheFormsOfAPortal: each service that is offered, with what is asked for.
func TestTheFormsOfAPortal(t *testing.T) {
	o := newOffice(t)
	a := o.want(200, "GET", "/v1/tariffs", "")
	want := `"inputs":[{"name":"sets","label_vi":"Số bộ","label_en":"Sets","type":"int","required":false,"default":"1","min":"1","max":"9"}]`
	services, _ := a.field(t, "services").([]any)
	if len(services) != 1 || !strings.Contains(string(a.body), want) || !strings.Contains(string(a.body), `"name_vi":"Giấy phép"`) || a.field(t, "revision") != 1.0 {
		t.Errorf("%s", a.body)
	}
}

// TestBadDrafts holds every request about tariffs that must be refused, and that none of them leaves a draft.
func TestBadDrafts(t *testing.T) {
	o := newOffice(t)
	good := permit("2020-01-01 100000", "2026-01-01 120000")
	other := strings.ReplaceAll(good, "permit", "other")
	post := func(body string) [3]string { return [3]string{"POST", "/v1/tariff-drafts", body} }
	get := func(path string) [3]string { return [3]string{"GET", path, ""} }
	for what, c := range map[string]struct {
		request [3]string
		status  int
		code    string
		at      string // of the first fault
		says    string
	}{
		"no documents":          {post(`{"documents": []}`), 422, "invalid", "#/documents", ""},
		"an unknown folder":     {post(drafting("laws/permit.yaml", good)), 422, "invalid", "#/documents/0/name", "name of a document"},
		"a path out of it":      {post(drafting("schedules/permit.yaml", good, "schedules/../x.yaml", good)), 422, "invalid", "#/documents/1/name", ""},
		"an unknown table":      {post(drafting("catalog/taxes.csv", "a,b\n")), 422, "invalid", "#/documents/0/text", "taxes.csv"},
		"twice":                 {post(drafting("schedules/permit.yaml", good, "schedules/permit.yaml", good)), 422, "invalid", "#/documents/1/name", "twice"},
		"empty":                 {post(drafting("schedules/permit.yaml", "")), 422, "invalid", "#/documents", "cannot be taken away"},
		"an unknown key":        {post(drafting("schedules/other.yaml", other, "schedules/permit.yaml", good+"colour: red\n")), 422, "invalid", "#/documents/1/text", "permit.yaml:18: "},
		"versions out of order": {post(drafting("schedules/permit.yaml", permit("2020-01-01 100000", "2019-01-01 120000"))), 422, "invalid", "#/documents/0/text", "version 2/2020"},
		"an example that fails": {post(drafting("schedules/permit.yaml", strings.Replace(good, `total: "100000"`, `total: "99999"`, 1))), 422, "invalid", "#/documents/0/text", "the example of 2020-01-01"},
		"a lost column":         {post(drafting("catalog/books.csv", "key,name\n000,House\n")), 422, "invalid", "#/documents/0/text", "books.csv line 1, column mark"},
		"what is published":     {post(drafting("schedules/permit.yaml", permit("2020-01-01 100000"))), 409, "conflict", "", "nothing to change"},
		"a large document":      {post(drafting("schedules/permit.yaml", good+"#"+strings.Repeat("x", 1<<20))), 413, "too_large", "#/documents", "schedules/permit.yaml"},
		"a large body":          {post(drafting("schedules/permit.yaml", strings.Repeat("x", 5<<20))), 413, "too_large", "", "4194304 bytes"},
		"a field too many":      {post(`{"documents": [], "force": true}`), 422, "invalid", "#/documents", ""},
		"no draft":              {get("/v1/tariff-drafts/77"), 404, "not_found", "", "no draft 77"},
		"no number":             {get("/v1/tariff-drafts/first"), 422, "invalid", "id", ""},
		"no documents of it":    {get("/v1/tariff-drafts/77/documents"), 404, "not_found", "", ""},
		"approving none":        {[3]string{"POST", "/v1/tariff-drafts/77/approve", ""}, 404, "not_found", "", ""},
		"no reason":             {[3]string{"POST", "/v1/tariff-drafts/77/reject", `{"reason": ""}`}, 422, "invalid", "#/reason", ""},
		"a broken reason":       {[3]string{"POST", "/v1/tariff-drafts/77/reject", `{"reason": "one\ntwo"}`}, 422, "invalid", "#/reason", "one line"},
		"no such state":         {get("/v1/tariff-drafts?state=lost"), 422, "invalid", "state", ""},
		"an unknown service":    {get("/v1/tariffs/water"), 404, "not_found", "of", ""},
		"a day that is none":    {get("/v1/tariffs/permit?on=2025-02-30"), 422, "invalid", "on", ""},
		"a time that is none":   {get("/v1/tariffs/permit?known=soon"), 422, "invalid", "known", ""},
		"known ahead":           {get("/v1/tariffs/permit?known=2999-01-01"), 422, "invalid", "known", "lies ahead"},
		"before the first":      {get("/v1/tariffs/permit?known=2001-01-01"), 404, "not_found", "of", ""},
	} {
		a := o.want(c.status, c.request[0], c.request[1], c.request[2])
		refusedBy(t, a, c.status, c.code)
		var p struct {
			Detail string
			Errors []struct{ Detail, Pointer, Parameter string }
		}
		o.must(json.Unmarshal(a.body, &p))
		at := ""
		if len(p.Errors) > 0 {
			at = p.Errors[0].Pointer + p.Errors[0].Parameter
		}
		if at != c.at || !strings.Contains(p.Detail, c.says) {
			t.Errorf("%s: at %q, want %q; says %q, want %q", what, at, c.at, p.Detail, c.says)
		}
	}
	o.onlyTheTreasury(drafting("schedules/permit.yaml", good))
	if list := o.want(200, "GET", "/v1/tariff-drafts", ""); string(list.body) != "{\"drafts\":[]}\n" {
		t.Errorf("a refused request left %s", list.body)
	}
}

// onlyTheTreasury lets others try.
func (o *office) onlyTheTreasury(body string) {
	o.Helper()
	requests := [][3]string{{"POST", "/v1/tariff-drafts", body}, {"GET", "/v1/tariff-drafts", ""}, {"GET", "/v1/tariff-drafts/1", ""},
		{"GET", "/v1/tariff-drafts/1/documents", ""}, {"POST", "/v1/tariff-drafts/1/propose", ""}, {"POST", "/v1/tariff-drafts/1/approve", ""},
		{"POST", "/v1/tariff-drafts/1/reject", `{"reason": "no"}`}}
	for _, role := range []authn.Role{authn.Officer, authn.Client, authn.Payer} {
		o.token = o.as("other", role)
		for _, q := range requests {
			refusedBy(o.T, o.want(403, q[0], q[1], q[2]), 403, "forbidden")
		}
		o.want(200, "GET", "/v1/tariffs", "")
	}
	o.token = "none"
	for _, q := range append(requests, [3]string{"GET", "/v1/tariffs", ""}, [3]string{"GET", "/v1/tariffs/permit/history", ""}) {
		refusedBy(o.T, o.want(401, q[0], q[1], q[2]), 401, "unauthenticated")
	}
	o.token = o.lan
}
