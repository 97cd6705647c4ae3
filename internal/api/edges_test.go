package api_test

import (
	"net/http"
	"strings"
	"testing"

	"exchequer/internal/api"
	"exchequer/internal/authn"
)

// as is the same rig with another's token.
func (r *rig) as(a authn.Actor) *rig {
	r.Helper()
	token, err := r.issuer.Token(a)
	r.must(err)
	return &rig{T: r.T, pool: r.pool, clock: r.clock, orders: r.orders, server: r.server, token: token, issuer: r.issuer}
}

// A bill holds what a person was fined for: a reference that was seen somewhere is not a right to read it here.
func TestABillIsReadByThoseItConcerns(t *testing.T) {
	r := newRig(t)
	ref := r.bill("d-1")
	for _, c := range []struct {
		who    authn.Actor
		status int
	}{
		{authn.Actor{ID: "portal", Role: authn.Client, Books: []string{"*"}}, 200},
		{authn.Actor{ID: "portal", Role: authn.Client, Books: []string{"EVN"}}, 404},
		{authn.Actor{ID: "another", Role: authn.Client, Books: []string{"*"}}, 404},
		{authn.Actor{ID: "subject-1", Role: authn.Payer, Books: []string{"*"}}, 200},
		{authn.Actor{ID: "subject-2", Role: authn.Payer, Books: []string{"*"}}, 404},
		{authn.Actor{ID: "tuan", Role: authn.Officer, Books: []string{"HNI"}}, 200},
		{authn.Actor{ID: "tuan", Role: authn.Officer, Books: []string{"EVN"}}, 404},
		{authn.Actor{ID: "lan", Role: authn.Treasury, Books: []string{"HNI"}}, 200},
		{authn.Actor{ID: "lan", Role: authn.Treasury, Books: []string{"EVN"}}, 404},
	} {
		a := r.as(c.who).send("GET", "/v1/bills/"+ref, "")
		if a.StatusCode != c.status {
			t.Errorf("%+v is answered %d, want %d", c.who, a.StatusCode, c.status)
		}
	}
}

func TestNotificationsThatAreTooLarge(t *testing.T) {
	r := newRig(t)
	refusedBy(t, r.want(413, "POST", "/notifications/vnpay", strings.Repeat("x", 33<<10)), 413, "too_large")
	refusedBy(t, r.want(413, "GET", "/notifications/vnpay?x="+strings.Repeat("x", 17<<10), ""), 413, "too_large")
	var kept int
	r.must(r.pool.QueryRow(ctx, `SELECT count(*) FROM gateway.notification`).Scan(&kept))
	if kept != 0 {
		t.Errorf("%d were kept", kept)
	}
}

func TestAnAttemptTakesThePayersAddress(t *testing.T) {
	r := newRig(t)
	order := r.order("o-1", r.bill("d-1"))
	start := func(key, ip string) reply {
		return r.send("POST", "/v1/orders/"+order+"/attempts", `{"provider": "vnpay", "payer_ip": "`+ip+`"}`, "Idempotency-Key", key)
	}
	for _, ip := range []string{"somewhere", "203.0.113", "fe80::1%eth0", "203.0.113.9&vnp_Amount=1"} {
		a := start("bad", ip)
		if a.StatusCode != 422 || firstPlace(t, a) != "#/payer_ip" || strings.Contains(string(a.body), ip) {
			t.Errorf("%s is answered %d: %s", ip, a.StatusCode, a.body)
		}
	}
	a := start("good", "203.0.113.9")
	action, _ := a.field(t, "action").(map[string]any)
	if address, _ := action["url"].(string); a.StatusCode != 201 || !strings.Contains(address, "vnp_IpAddr=203.0.113.9&") {
		t.Errorf("answered %d: %s", a.StatusCode, a.body)
	}
}

// A server without keys takes everybody for its client, and any page in a browser here can reach it.
func TestAServerWithoutKeysTakesNothingOfOtherSites(t *testing.T) {
	r := newRig(t)
	r.deps.Authenticator = api.Local()
	r.serve()
	port := r.server.URL[strings.LastIndex(r.server.URL, ":"):]
	for _, c := range []struct {
		name, host, header, value string
		status                    int
	}{
		{"a program", "", "", "", 201},
		{"by name", "localhost" + port, "", "", 201},
		{"its own page", "localhost" + port, "Origin", "http://localhost" + port, 201},
		{"another site, as browsers say now", "", "Sec-Fetch-Site", "cross-site", 403},
		{"another site, as they said before", "", "Origin", "https://elsewhere.example", 403},
		{"a name that was turned to this address", "elsewhere.example" + port, "Origin", "http://elsewhere.example" + port, 403},
		{"a body without a type", "", "Content-Type", "", 415},
	} {
		q, err := http.NewRequest("POST", r.server.URL+"/v1/bills", strings.NewReader(fine("d-1")))
		r.must(err)
		q.Host = c.host
		q.Header.Set("Content-Type", "application/json")
		if c.header != "" {
			q.Header.Set(c.header, c.value)
		}
		if c.value == "" {
			q.Header.Del(c.header)
		}
		resp, err := r.server.Client().Do(q)
		r.must(err)
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: answered %d, want %d", c.name, resp.StatusCode, c.status)
		}
	}
	q, err := http.NewRequest("GET", r.server.URL+"/v1/bills/"+r.bill("d-1"), nil)
	r.must(err)
	q.Host = "elsewhere.example"
	resp, err := r.server.Client().Do(q)
	r.must(err)
	resp.Body.Close()
	if resp.StatusCode != 403 {
		t.Errorf("reading under another name is answered %d", resp.StatusCode)
	}
}

func TestANumberThatIsTooLargeIsNamed(t *testing.T) {
	r := newRig(t)
	for _, number := range []string{"1E999999999", "1e-999999999"} {
		a := r.want(422, "POST", "/v1/quotes", `{"service": "electricity_household", "date": "2025-06-02", "inputs": {"kwh": `+number+`}}`)
		refusedBy(t, a, 422, "invalid")
		if at := firstPlace(t, a); at != "#/inputs/kwh" {
			t.Errorf("%s: the fault is at %q: %s", number, at, a.body)
		}
	}
	refusedBy(t, r.want(422, "POST", "/v1/quotes", `{"service": 1E999, "date": "2025-06-02", "inputs": {}}`), 422, "invalid")
	refusedBy(t, r.want(400, "POST", "/v1/quotes", `{"service": "x", "date": "2025-06-02", "inputs": {}} {}`), 400, "invalid")
}
