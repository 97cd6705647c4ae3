package api_test

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"exchequer/internal/fee"
)

func TestQuoteShowsTheLawOfEachLine(t *testing.T) {
	r := newRig(t)
	a := r.want(200, "POST", "/v1/quotes", `{"service": "driving_licence", "body": "SGTVT-HNI", "date": "2024-05-06", "inputs": {"action": "exchange", "channel": "online"}}`)
	var q struct {
		Total int64 `json:"total_vnd"`
		Lines []struct {
			Amount        int64
			Act           string
			Rule, Version fee.Text
			Steps         []fee.Text
		}
	}
	r.must(json.Unmarshal(a.body, &q))
	if q.Total != 115_000 || len(q.Lines) != 1 || q.Lines[0].Amount != 115_000 || !strings.Contains(q.Lines[0].Act, "63/2023") || len(q.Lines[0].Steps) == 0 {
		t.Errorf("%s", a.body)
	}
}

func TestABillIsPaid(t *testing.T) {
	r := newRig(t)
	bill := r.bill("d-1")
	o := r.order("order-1", bill)
	a := r.want(201, "POST", "/v1/orders/"+o+"/attempts", `{"provider": "vnpay", "locale": "vi"}`, "Idempotency-Key", "attempt-1")
	r.choose(a, "pay")

	paid := r.want(200, "GET", "/v1/orders/"+o, "")
	if paid.text(t, "state") != "paid" {
		t.Errorf("%s", paid.body)
	}
	b := r.want(200, "GET", "/v1/bills/"+bill, "")
	if b.text(t, "state") != "paid" || b.field(t, "due") != 0.0 || strings.Contains(string(b.body), "subject-1") {
		t.Errorf("%s", b.body)
	}
	again := r.want(409, "POST", "/v1/orders", ordering(bill), "Idempotency-Key", "order-2")
	refusedBy(t, again, 409, "conflict")
}

func TestAnotherProviderCanBeChosenAfterAbandoning(t *testing.T) {
	r := newRig(t)
	o := r.order("o", r.bill("d-1"))
	start := "/v1/orders/" + o + "/attempts"
	a := r.want(201, "POST", start, `{"provider": "vnpay"}`, "Idempotency-Key", "a")
	refusedBy(t, r.want(409, "POST", start, `{"provider": "vnpay"}`, "Idempotency-Key", "b"), 409, "conflict")
	left := r.want(200, "POST", start+"/"+a.text(t, "ref")+"/abandon", "")
	if left.text(t, "state") != "abandoned" {
		t.Errorf("%s", left.body)
	}
	r.want(201, "POST", start, `{"provider": "vnpay"}`, "Idempotency-Key", "c")
	other := r.order("other", r.bill("d-2"))
	r.want(404, "POST", "/v1/orders/"+other+"/attempts/"+a.text(t, "ref")+"/abandon", "")
}

func TestTheSameKeyGivesTheSameBytes(t *testing.T) {
	r := newRig(t)
	bill := r.bill("d-1")
	first := r.want(201, "POST", "/v1/orders", ordering(bill), "Idempotency-Key", `"k-1"`)
	if first.Header.Get("Idempotency-Replayed") != "" || first.Header.Get("Location") == "" {
		t.Errorf("headers %v", first.Header)
	}
	// Quoted or not, the key is the same string; and what has happened since does not change the answer.
	r.want(201, "POST", "/v1/orders/"+first.text(t, "ref")+"/attempts", `{"provider": "vnpay"}`, "Idempotency-Key", "k-1")
	second := r.want(201, "POST", "/v1/orders", ordering(bill), "Idempotency-Key", "k-1")
	if string(second.body) != string(first.body) || second.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%s\n%s", first.body, second.body)
	}
	if second.Header.Get("Location") != first.Header.Get("Location") {
		t.Errorf("location %q", second.Header.Get("Location"))
	}
	refusedBy(t, r.want(422, "POST", "/v1/orders", ordering(bill, r.bill("d-2")), "Idempotency-Key", "k-1"), 422, "key_reused")
}

func TestAStoredRefusalIsReplayed(t *testing.T) {
	r := newRig(t)
	missing := r.want(404, "POST", "/v1/orders", ordering(nowhere), "Idempotency-Key", "k")
	again := r.want(404, "POST", "/v1/orders", ordering(nowhere), "Idempotency-Key", "k")
	if string(missing.body) != string(again.body) || again.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s\n%s", missing.body, again.body)
	}
}

func TestKeysOfOneClientAreNotAnothers(t *testing.T) {
	r := newRig(t)
	bill := r.bill("d-1")
	mine := r.order("k", bill)
	r.token = r.tokenOf("another portal")
	if theirs := r.order("k", bill); theirs == mine {
		t.Errorf("two clients share order %s", mine)
	}
	refusedBy(t, r.want(404, "GET", "/v1/orders/"+mine, ""), 404, "not_found")
}

func TestOneKeyOnTwoOrdersIsRefused(t *testing.T) {
	r := newRig(t)
	one, two := r.order("o-1", r.bill("d-1")), r.order("o-2", r.bill("d-2"))
	r.want(201, "POST", "/v1/orders/"+one+"/attempts", `{"provider": "vnpay"}`, "Idempotency-Key", "k")
	refusedBy(t, r.want(422, "POST", "/v1/orders/"+two+"/attempts", `{"provider": "vnpay"}`, "Idempotency-Key", "k"), 422, "key_reused")
}

func TestKeysThatAreNone(t *testing.T) {
	r := newRig(t)
	bill := r.bill("d-1")
	for _, key := range []string{"", `""`, `"open`, strings.Repeat("k", 65), "khoá"} {
		refusedBy(t, r.want(400, "POST", "/v1/orders", ordering(bill), "Idempotency-Key", key), 400, "invalid")
	}
}

// A request whose program died holds its lease: the same request waits, and afterwards goes on.
func TestARequestInProgress(t *testing.T) {
	r := newRig(t)
	bill := r.bill("d-1")
	r.want(201, "POST", "/v1/orders", ordering(bill), "Idempotency-Key", "k")
	_, err := r.pool.Exec(ctx, `UPDATE gateway.idempotency_key SET status = NULL, answer = NULL WHERE key = 'k'`)
	r.must(err)
	a := r.want(409, "POST", "/v1/orders", ordering(bill), "Idempotency-Key", "k")
	refusedBy(t, a, 409, "in_progress")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	r.clock.advance(2 * r.orders.Timing.KeyLease)
	r.want(201, "POST", "/v1/orders", ordering(bill), "Idempotency-Key", "k")
	if n := r.written(); n != 2 { // the bill and one order
		t.Errorf("%d rows", n)
	}
}

func TestManyOfTheSameRequestAtOnce(t *testing.T) {
	r := newRig(t)
	bill := r.bill("d-1")
	var wg sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		wg.Go(func() { statuses[i] = r.send("POST", "/v1/orders", ordering(bill), "Idempotency-Key", "k").StatusCode })
	}
	wg.Wait()
	made := 0
	for _, s := range statuses {
		if s == http.StatusCreated {
			made++
		} else if s != http.StatusConflict {
			t.Errorf("status %d", s)
		}
	}
	if n := r.written(); made == 0 || n != 2 {
		t.Errorf("%d answers of 201, %d rows", made, n)
	}
}

// signed gives the query of a notification as VNPAY signs it (HMAC-SHA512 over the sorted pairs).
func signed(reference, amount string) string {
	q := url.Values{"vnp_TmnCode": {"EXCHQNET"}, "vnp_TxnRef": {reference}, "vnp_Amount": {amount}, "vnp_ResponseCode": {"00"},
		"vnp_TransactionStatus": {"00"}, "vnp_TransactionNo": {"14422574"}, "vnp_PayDate": {"20250602093000"}}.Encode()
	mac := hmac.New(sha512.New, []byte(secret))
	mac.Write([]byte(q))
	return q + "&vnp_SecureHash=" + hex.EncodeToString(mac.Sum(nil))
}

// Notifications that must be refused: in the provider's own form, kept with a finding, and changing nothing.
func TestNotificationsThatAreRefused(t *testing.T) {
	r := newRig(t)
	o := r.order("o", r.bill("d-1"))
	attempt := r.want(201, "POST", "/v1/orders/"+o+"/attempts", `{"provider": "vnpay"}`, "Idempotency-Key", "a").text(t, "ref")
	before := r.written()
	for i, c := range []struct{ query, code, finding string }{
		{signed(nowhere+"A", "500000000"), "01", "unknown_order"},
		{signed(attempt, "100"), "04", "wrong_amount"},
		{strings.Replace(signed(attempt, "500000000"), "vnp_Amount=5", "vnp_Amount=6", 1), "97", "bad_signature"},
		{"vnp_TmnCode=EXCHQNET&vnp_TmnCode=EXCHQNET", "99", "malformed"},
	} {
		a := r.want(200, "GET", "/notifications/vnpay?"+c.query, "", "Authorization", "")
		if a.text(t, "RspCode") != c.code {
			t.Errorf("%s: %s", c.finding, a.body)
		}
		var refused, found int
		r.must(r.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM gateway.notification WHERE state = 'refused'),
			(SELECT count(*) FROM gateway.finding WHERE kind = $1)`, c.finding).Scan(&refused, &found))
		if refused != i+1 || found != 1 {
			t.Errorf("%s: %d refused, %d found", c.finding, refused, found)
		}
	}
	if after := r.written(); after != before {
		t.Errorf("%d rows were written", after-before)
	}
	if got := r.want(200, "GET", "/v1/orders/"+o, ""); got.text(t, "state") != "open" {
		t.Errorf("%s", got.body)
	}
	r.want(413, "POST", "/notifications/vnpay", strings.Repeat("x", 2<<20), "Authorization", "")
}

func TestWhoMayAsk(t *testing.T) {
	r := newRig(t)
	other := r.issuer
	other.Realm.Audience = "another program"
	stray, err := other.Token(actor("portal"))
	r.must(err)
	for title, header := range map[string]string{"nobody": "", "no bearer": "Basic QTpC", "rubbish": "Bearer rubbish", "for another": "Bearer " + stray} {
		a := r.want(401, "POST", "/v1/bills", fine("d-1"), "Authorization", header)
		refusedBy(t, a, 401, "unauthenticated")
		if a.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no WWW-Authenticate", title)
		}
	}
	r.token = r.tokenOf("power", "EHN")
	refusedBy(t, r.want(403, "POST", "/v1/bills", fine("d-1")), 403, "forbidden")
	if n := r.written(); n != 0 {
		t.Errorf("%d rows", n)
	}
}
