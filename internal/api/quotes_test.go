package api_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/internal/authn"
	"exchequer/internal/bill"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/publication"
	"exchequer/internal/quote"
	"exchequer/internal/sign"
)

const licence = `{"service": "driving_licence", "body": "CSGT-C08", "date": "2025-06-02", "inputs": {"channel": "online", "action": "exchange"}}`

// opened checks what an answer says signed, by the published keys, as of the rig's time.
func (r *rig) opened(a reply) *quote.Signed {
	r.Helper()
	keys, err := sign.ParseKeySet(r.want(200, "GET", "/.well-known/jwks.json", "").body)
	r.must(err)
	s, err := quote.Open(keys, a.text(r, "signed"))
	r.must(err)
	if found := s.Check(r.clock.Now(), issuer); len(found) > 0 {
		r.Errorf("the signed quote does not hold: %v", found)
	}
	return s
}

func TestAQuoteSaysWhoIsPaidAndIsSigned(t *testing.T) {
	r := newRig(t)
	a := r.want(200, "POST", "/v1/quotes", licence)
	s := r.opened(a)
	if s.Issuer != issuer || s.TotalVND != 115_000 || s.Payee.Body != "CSGT-C08" || s.Payee.Book != "BCA" || s.Bill != "" || s.Revision != 1 {
		t.Errorf("%+v", s)
	}
	if len(s.Budget) == 0 || len(s.Payee.Accounts) == 0 || s.Lines[0].ActVi == "" || len(s.Lines[0].Steps) == 0 {
		t.Errorf("payee %+v, budget %+v, lines %+v", s.Payee, s.Budget, s.Lines)
	}
	if payee, _ := a.field(t, "payee").(map[string]any); payee["body"] != "CSGT-C08" {
		t.Errorf("the answer's own payee: %v", payee)
	}
	r.clock.advance(time.Hour) // the hour of the question is no part of the answer
	if again := r.want(200, "POST", "/v1/quotes", strings.ReplaceAll(licence, " ", "")); !bytes.Equal(again.body, a.body) {
		t.Errorf("the same question has another answer:\n%s\n%s", a.body, again.body)
	}
}

// The amount of another day of payment can be asked for, but nobody can pay by it.
func TestAForecastIsNotSigned(t *testing.T) {
	r := newRig(t)
	ask := func(paid string) reply {
		return r.want(200, "POST", "/v1/quotes", `{"service": "traffic_fine", "body": "KBNN-HNI", "date": "2025-06-02", "inputs": {"fine": 1000000, "deadline": "2025-06-01", "paid": "`+paid+`"}}`)
	}
	if a := ask("2025-06-12"); a.field(t, "total_vnd") != 1_005_000.0 || a.text(t, "forecast") != "paid" || a.text(t, "signed") != "" || a.field(t, "unsigned") == nil {
		t.Errorf("ten days ahead: %s", a.body)
	}
	if s := r.opened(ask("2025-06-02")); s.Forecast != "" || s.TotalVND != 1_000_000 {
		t.Errorf("on the day: %+v", s)
	}
}

func TestABillIsSignedWhileItCanBePaid(t *testing.T) {
	r := newRig(t)
	a := r.want(201, "POST", "/v1/bills", fine("d-1"))
	ref := a.text(t, "ref")
	s := r.opened(a)
	if s.Bill != ref || s.TotalVND != 5_000_000 || a.field(t, "edition") != 1.0 {
		t.Errorf("%+v", s)
	}
	read := r.want(200, "GET", "/v1/bills/"+ref, "")
	if read.text(t, "signed") != a.text(t, "signed") {
		t.Errorf("the bill that was read is signed otherwise:\n%s\n%s", a.body, read.body)
	}
	r.clock.advance(60 * 24 * time.Hour)
	r.token = r.tokenOf("portal")
	if over := r.want(200, "GET", "/v1/bills/"+ref, ""); over.field(t, "expired") != true || over.text(t, "signed") != "" {
		t.Errorf("a bill that no longer holds: %s", over.body)
	}
}

// A quote of a day to come may be another by then, and one that no longer holds names a body that may be no more.
func TestWhatIsNoOfferTodayIsAnsweredUnsigned(t *testing.T) {
	r := newRig(t)
	for day, words := range map[string]string{"2025-06-03": "2025-06-03 lies ahead", "2025-05-01": "it held until 2025-06-01T00:00:00+07:00", "2025-06-02": "", "2025-05-31": ""} {
		a := r.want(200, "POST", "/v1/quotes", strings.Replace(licence, "2025-06-02", day, 1))
		why, _ := a.field(t, "unsigned").(map[string]any)
		if a.field(t, "total_vnd") != 115_000.0 || (a.text(t, "signed") == "") != (words != "") {
			t.Errorf("on %s: %s", day, a.body)
		}
		if said, _ := why["en"].(string); !strings.HasPrefix(said, words) || (words == "") != (said == "") || (why != nil && why["vi"] == "") {
			t.Errorf("on %s it says %q, want %q", day, said, words)
		}
	}
	r.clock.advance(29 * 24 * time.Hour)
	r.token = r.tokenOf("portal")
	merged := `{"service": "traffic_fine", "body": "KBNN-BDG", "date": "2025-06-20", "inputs": {"fine": 500000, "violation_date": "2025-06-18", "deadline": "2025-07-18"}}`
	if a := r.want(200, "POST", "/v1/quotes", merged); a.text(t, "signed") != "" || a.field(t, "unsigned") == nil {
		t.Errorf("at a body that is no more: %s", a.body)
	}
}

func TestABillIsNotSignedWhileAPaymentIsUnderWay(t *testing.T) {
	r := newRig(t)
	ref := r.bill("d-1")
	attempts := "/v1/orders/" + r.order("k", ref) + "/attempts"
	a := r.want(201, "POST", attempts, `{"provider": "vnpay"}`, "Idempotency-Key", "k-1")
	if held := r.want(200, "GET", "/v1/bills/"+ref, ""); held.text(t, "signed") != "" {
		t.Errorf("somebody else may take money for it too: %s", held.body)
	}
	r.want(200, "POST", attempts+"/"+a.text(t, "ref")+"/abandon", "")
	r.opened(r.want(200, "GET", "/v1/bills/"+ref, ""))
}

// A bill from before quotes had a payee is what it was, and cannot be signed as a quote.
func TestABillOfBeforeIsAnsweredUnsigned(t *testing.T) {
	r := newRig(t)
	ref := r.bill("d-1")
	_, err := pgtest.Owner(t, r.pool).Exec(ctx, `UPDATE gateway.bill SET quote = quote - 'payee' - 'budget' - 'currency' - 'revision' - 'known_since'`)
	r.must(err)
	a := r.want(200, "GET", "/v1/bills/"+ref, "")
	if a.field(t, "signed") != nil || a.field(t, "payee") != nil || a.field(t, "due") != 5_000_000.0 {
		t.Errorf("%s", a.body)
	}
}

// TestWhatWasKnownIsInformation publishes a correction of a past day, and asks for that day by what was known before and
// since.
func TestWhatWasKnownIsInformation(t *testing.T) {
	r := newRig(t)
	store := publication.New(r.pool, r.clock)
	r.deps.Law, r.deps.Bills = store, bill.New(r.pool, store, r.clock)
	r.serve()
	known := func(at string) string { return strings.Replace(licence, `"date"`, `"known": "`+at+`", "date"`, 1) }
	refusedBy(t, r.want(503, "POST", "/v1/quotes", licence), 503, "unavailable")

	docs := licences(t)
	_, err := store.Begin(ctx, docs)
	r.must(err)
	before := r.want(200, "POST", "/v1/quotes", licence)
	r.clock.advance(24 * time.Hour)
	r.token = r.tokenOf("portal")
	corrected := bytes.ReplaceAll(docs["schedules/driving_licence.yaml"], []byte(`"115000"`), []byte(`"116000"`))
	clerk, chief := authn.Actor{ID: "clerk", Role: authn.Treasury, Books: []string{"*"}}, authn.Actor{ID: "chief", Role: authn.Treasury, Books: []string{"*"}}
	d, err := store.Draft(ctx, clerk, publication.Documents{"schedules/driving_licence.yaml": corrected})
	r.must(err)
	_, err = store.Propose(ctx, clerk, d.ID)
	r.must(err)
	_, err = store.Approve(ctx, chief, d.ID)
	r.must(err)

	for at, total := range map[string]float64{"2025-06-02": 115_000, "2025-06-02T09:00:00+07:00": 115_000, "2025-06-03": 116_000} {
		a := r.want(200, "POST", "/v1/quotes", known(at))
		if a.field(t, "total_vnd") != total || a.text(t, "signed") != "" {
			t.Errorf("known at %s: %s", at, a.body)
		}
	}
	if s := r.opened(r.want(200, "POST", "/v1/quotes", licence)); s.TotalVND != 116_000 || s.Revision != 2 {
		t.Errorf("by the law as it is known now: %+v", s)
	}
	if q := r.want(200, "POST", "/v1/quotes", known("2025-06-02")); q.field(t, "revision") != before.field(t, "revision") {
		t.Errorf("the revision known then: %s", q.body)
	}
	for at, want := range map[string]int{"2025-06-01": 404, "2025-06-04": 422, "yesterday": 422, "2025-13-01": 422} {
		a := r.want(want, "POST", "/v1/quotes", known(at))
		if got := firstPlace(t, a); want == 422 && got != "#/known" {
			t.Errorf("%s: the fault is at %q: %s", at, got, a.body)
		}
		if a.text(t, "detail_vi") == "" {
			t.Errorf("%s: not in Vietnamese: %s", at, a.body)
		}
	}
}

// licences are the program's documents with one service alone, which compile at once.
func licences(t *testing.T) publication.Documents {
	t.Helper()
	docs, err := publication.Included()
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(docs, func(name string, _ []byte) bool {
		return strings.HasPrefix(name, "schedules/") && name != "schedules/driving_licence.yaml" && !strings.HasSuffix(name, "_split.yaml")
	})
	table := strings.SplitAfter(string(docs["catalog/procedures.csv"]), "\n")
	table = slices.DeleteFunc(table, func(row string) bool {
		return !strings.HasPrefix(row, "code,") && !strings.Contains(row, ",driving_licence,")
	})
	docs["catalog/procedures.csv"] = []byte(strings.Join(table, ""))
	return docs
}
