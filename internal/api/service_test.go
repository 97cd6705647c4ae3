package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"exchequer/internal/api"
	"exchequer/internal/authn"
	"exchequer/internal/outbox"
	"exchequer/internal/publication"
)

func actor(id string) authn.Actor {
	return authn.Actor{ID: id, Role: authn.Client, Books: []string{"*"}}
}

func TestTheDocumentNamesEveryPath(t *testing.T) {
	r := newRig(t)
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]map[string]any
		Components struct{ Schemas, SecuritySchemes map[string]any }
	}
	text := r.want(200, "GET", "/openapi.json", "", "Authorization", "").body
	r.must(json.Unmarshal(text, &doc))
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("version %q", doc.OpenAPI)
	}
	for path, methods := range map[string][]string{
		"/v1/quotes": {"post"}, "/v1/bills": {"post"}, "/v1/bills/{ref}": {"get"}, "/v1/orders": {"post"},
		"/v1/orders/{ref}": {"get"}, "/v1/orders/{ref}/attempts": {"post"}, "/v1/orders/{ref}/attempts/{attempt}/abandon": {"post"},
		"/v1/ledger/transactions": {"get", "post"}, "/v1/ledger/accounts": {"get", "post"}, "/notifications/{provider}": {"get", "post"}, "/healthz": {"get"}, "/metrics": {"get"}, "/.well-known/jwks.json": {"get"},
	} {
		for _, m := range methods {
			op := doc.Paths[path][m]
			if op == nil || op["operationId"] == "" || op["responses"] == nil {
				t.Errorf("%s %s is not described", m, path)
			}
			if _, secured := op["security"]; secured != strings.HasPrefix(path, "/v1/") {
				t.Errorf("%s %s: secured is %v", m, path, secured)
			}
		}
	}
	for _, path := range []string{"/v1/orders", "/v1/orders/{ref}/attempts"} {
		parameters, _ := json.Marshal(doc.Paths[path]["post"]["parameters"])
		if !strings.Contains(string(parameters), `"name":"Idempotency-Key","required":true`) {
			t.Errorf("%s does not ask for a key: %s", path, parameters)
		}
	}
	for _, ref := range references(text) {
		if name, ok := strings.CutPrefix(ref, "#/components/schemas/"); !ok || doc.Components.Schemas[name] == nil {
			t.Errorf("%s leads nowhere", ref)
		}
	}
	if strings.Contains(string(text), r.server.URL) {
		t.Error("the document repeats the Host header")
	}
}

// references gives every $ref of a document.
func references(text []byte) (out []string) {
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok {
				out = append(out, ref)
			}
			for _, e := range v {
				walk(e)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	var doc any
	_ = json.Unmarshal(text, &doc)
	walk(doc)
	return out
}

type broken struct{ known }

func (broken) Current(context.Context) (*publication.Law, error) {
	return nil, errors.New("dial tcp 10.0.0.7: secret detail")
}

type panicking struct{ known }

func (panicking) Current(context.Context) (*publication.Law, error) { panic("secret detail") }

func TestAFaultOfOursShowsItsRequestOnly(t *testing.T) {
	for title, q := range map[string]api.Law{"error": broken{}, "panic": panicking{}} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.deps.Law = q
			r.serve()
			a := r.want(500, "POST", "/v1/quotes", `{"service": "x", "date": "2025-06-02", "inputs": {}}`, "X-Request-Id", "portal-request-77")
			refusedBy(t, a, 500, "internal")
			if strings.Contains(string(a.body), "secret") || a.Header.Get("X-Request-Id") != "portal-request-77" {
				t.Errorf("%s", a.body)
			}
			if !strings.Contains(r.log.String(), "portal-request-77") || !strings.Contains(r.log.String(), "secret detail") {
				t.Errorf("the log says %q", r.log)
			}
		})
	}
}

func TestARequestIDThatIsNotSaneIsReplaced(t *testing.T) {
	r := newRig(t)
	for _, id := range []string{"", "short", strings.Repeat("a", 65), `a"b<script>`} {
		if got := r.send("GET", "/healthz", "", "X-Request-Id", id).Header.Get("X-Request-Id"); got == id || len(got) < 20 {
			t.Errorf("%q became %q", id, got)
		}
	}
}

func TestHealth(t *testing.T) {
	r := newRig(t)
	r.order("o", r.bill("d-1"))
	a := r.want(200, "GET", "/healthz", "", "Authorization", "")
	if a.field(t, "ok") != true {
		t.Errorf("%s", a.body)
	}
	r.deps.Health = func(context.Context) error { return errors.New("no route to the secret host") }
	r.serve()
	down := r.want(503, "GET", "/healthz", "")
	if down.field(t, "ok") != false || strings.Contains(string(down.body), "secret") {
		t.Errorf("%s", down.body)
	}
}

func TestMetricsCountWorkAndRoutesWithoutReferences(t *testing.T) {
	r := newRig(t)
	o := r.order("o", r.bill("d-1"))
	a := r.want(201, "POST", "/v1/orders/"+o+"/attempts", `{"provider": "vnpay"}`, "Idempotency-Key", "a")
	r.clock.advance(r.orders.Timing.AskAfter[0] + 1e9)
	text := string(r.want(200, "GET", "/metrics", "", "Authorization", "").body)
	for _, want := range []string{
		`exchequer_http_request_seconds_count{method="POST",route="/v1/orders/{ref}/attempts",status="201"} 1`,
		`exchequer_outbox_jobs{kind="attempt.ask",state="due"} 1`,
		`exchequer_outbox_oldest_seconds{kind="attempt.ask"} 1`,
		`exchequer_database_up 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, secret := range []string{o, a.text(t, "ref"), "subject-1", "portal"} {
		if strings.Contains(text, secret) {
			t.Errorf("the metrics hold %q", secret)
		}
	}
	r.deps.Backlog = func(context.Context) ([]outbox.Backlog, error) { return nil, errors.New("down") }
	r.serve()
	if text := string(r.want(200, "GET", "/metrics", "").body); !strings.Contains(text, "exchequer_database_up 0") {
		t.Error("a database that does not answer is not shown")
	}
}

func TestMountedBesideOtherPages(t *testing.T) {
	r := newRig(t)
	outer := chi.NewRouter()
	handler := api.New(r.deps)
	for _, p := range api.Paths() {
		outer.Handle(p, handler)
	}
	outer.Get("/*", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("page")) })
	r.handler.Store(&served{outer})
	r.order("o", r.bill("d-1"))
	if text := r.want(200, "GET", "/metrics", "").body; !strings.Contains(string(text), `route="/v1/orders"`) {
		t.Errorf("routes are measured under other names: %s", text)
	}
	refusedBy(t, r.want(404, "GET", "/v1/nothing", ""), 404, "not_found")
	if page := r.want(200, "GET", "/bills", ""); string(page.body) != "page" {
		t.Errorf("%s", page.body)
	}
}

func TestWithoutAKeySetEverybodyIsTheLocalClient(t *testing.T) {
	r := newRig(t)
	r.deps.Authenticator = api.Local()
	w := httptest.NewRecorder()
	q := httptest.NewRequest("POST", "http://localhost/v1/bills", strings.NewReader(fine("d-1")))
	q.Header.Set("Content-Type", "application/json")
	api.New(r.deps).ServeHTTP(w, q)
	if w.Code != 201 {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
}
