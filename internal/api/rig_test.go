package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/api"
	"exchequer/internal/authn"
	"exchequer/internal/bill"
	"exchequer/internal/bookkeeping"
	"exchequer/internal/calendar"
	"exchequer/internal/order"
	"exchequer/internal/outbox"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/publication"
	"exchequer/internal/quote/quotetest"
	"exchequer/internal/sign"
	"exchequer/ledger"
	"exchequer/providers"
	"exchequer/providers/vnpay"
	"exchequer/providers/vnpay/simulator"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// issuer signs the quotes of these tests.
const issuer = "https://pay.example"

const secret = "SECRETKEYFORTEST0123456789ABCDEF"

var (
	ctx   = context.Background()
	realm = authn.Realm{Issuer: "https://id.example", Audience: "exchequer"}
)

type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// known is a law that was always known.
type known struct{ quotetest.Law }

func (k known) KnownAt(context.Context, time.Time) (*publication.Law, error) { return k.Law.Law, nil }

// rig is the API over real services on a real database, with VNPAY's simulator behind HTTP.
type rig struct {
	*testing.T
	pool   *pgxpool.Pool
	clock  *clock
	orders *order.Service
	sim    *simulator.Simulator
	issuer authn.Issuer
	server *httptest.Server
	log    *bytes.Buffer
	deps   api.Deps
	token  string

	handler atomic.Pointer[served]
}

type served struct{ http.Handler }

// serve makes the API anew from the rig's dependencies.
func (r *rig) serve() { r.handler.Store(&served{api.New(r.deps)}) }

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	r := &rig{T: t, pool: pgtest.New(t), clock: &clock{at: time.Date(2025, 6, 2, 2, 0, 0, 0, time.UTC)}, log: &bytes.Buffer{}}
	law := known{quotetest.Bundled(t)}
	days, err := calendar.Vietnam()
	r.must(err)
	keys, err := sign.OpenKeys(filepath.Join(t.TempDir(), "keys"), time.Now)
	r.must(err)
	r.issuer = authn.Issuer{Keys: keys, Realm: realm, Clock: r.clock, TTL: time.Hour}
	log, timing := slog.New(slog.NewTextHandler(r.log, nil)), order.DefaultTiming()
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { r.handler.Load().ServeHTTP(w, q) }))
	t.Cleanup(r.server.Close)
	l := ledger.New(r.pool, r.clock.Now)
	books := &bookkeeping.Books{Pool: r.pool, Ledger: l, Now: r.clock.Now}
	r.orders = order.New(order.Deps{
		Pool: r.pool, Ledger: l, Catalog: law.Catalog, Law: law, Calendar: days, Clock: r.clock, Timing: timing,
		Providers: map[string]providers.Provider{"vnpay": r.vnpay()}, ReturnURL: "https://portal.example/return", Log: log,
	})
	store := publication.New(r.pool, r.clock)
	r.deps = api.Deps{
		Law: law, Versions: store, Drafts: store, Drafting: store, Bills: bill.New(r.pool, law, r.clock), Orders: r.orders, Inbox: r.orders,
		Books: books, Ledger: books, Evidence: books,
		Keys:          &order.Keys{Pool: r.pool, Clock: r.clock, Timing: timing},
		Signer:        keys,
		Issuer:        issuer,
		Authenticator: authn.NewVerifier(keys, realm, r.clock),
		Health:        r.pool.Ping,
		Backlog: func(ctx context.Context) ([]outbox.Backlog, error) {
			return outbox.Backlogs(ctx, r.pool, r.clock.Now())
		},
		Unsealed: ledger.New(r.pool, r.clock.Now).Unsealed, Checkpoints: published{},
		Clock: r.clock, Log: log,
	}
	r.serve()
	r.token = r.tokenOf("portal")
	return r
}

// in is the same rig, which fails another test.
func (r *rig) in(t *testing.T) *rig {
	return &rig{T: t, pool: r.pool, clock: r.clock, orders: r.orders, server: r.server, issuer: r.issuer, token: r.token}
}

// vnpay is the adapter against its simulator, which notifies the API under test.
func (r *rig) vnpay() providers.Provider {
	var err error
	r.sim, err = simulator.New(simulator.Config{
		Terminals: []simulator.Terminal{{TmnCode: "EXCHQNET", HashSecret: secret}, {TmnCode: "EXCHQGRO", HashSecret: secret}},
		IPNURL:    r.server.URL + "/notifications/vnpay", Journal: filepath.Join(r.TempDir(), "vnpay.journal"), Now: r.clock.Now,
		IsBusinessDay: func(time.Time) bool { return true },
	})
	r.must(err)
	r.Cleanup(func() { r.sim.Close() })
	page := httptest.NewServer(r.sim.Handler())
	r.Cleanup(page.Close)
	adapter, err := vnpay.New(vnpay.Config{
		Terminals: []vnpay.Terminal{{Merchant: "net", TmnCode: "EXCHQNET", HashSecret: secret},
			{Merchant: "gross", TmnCode: "EXCHQGRO", HashSecret: secret}},
		PayURL: page.URL + "/paymentv2/vpcpay.html", TransactionURL: page.URL + "/merchant_webapi/api/transaction",
	}, page.Client(), r.clock.Now)
	r.must(err)
	return adapter
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) tokenOf(subject string, books ...string) string {
	r.Helper()
	if len(books) == 0 {
		books = []string{"*"}
	}
	token, err := r.issuer.Token(authn.Actor{ID: subject, Role: authn.Client, Books: books})
	r.must(err)
	return token
}

// reply is an answer, read.
type reply struct {
	*http.Response
	body []byte
}

func (a reply) field(t testing.TB, name string) any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.body, &m); err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	return m[name]
}

func (a reply) text(t testing.TB, name string) string {
	t.Helper()
	s, _ := a.field(t, name).(string)
	return s
}

// send makes a request; headers come as name, value.
func (r *rig) send(method, path, body string, header ...string) reply {
	r.Helper()
	req, err := http.NewRequest(method, r.server.URL+path, strings.NewReader(body))
	r.must(err)
	req.Header.Set("Authorization", "Bearer "+r.token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.server.Client().Do(req)
	r.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	r.must(err)
	return reply{resp, text}
}

// want makes a request that must be answered with a status.
func (r *rig) want(status int, method, path, body string, header ...string) reply {
	r.Helper()
	a := r.send(method, path, body, header...)
	if a.StatusCode != status {
		r.Fatalf("%s %s is answered %d, want %d: %s", method, path, a.StatusCode, status, a.body)
	}
	return a
}

// bill issues the bill of a fine of 5,000,000 đồng and gives its reference.
func (r *rig) bill(source string) string {
	r.Helper()
	return r.want(201, "POST", "/v1/bills", fine(source)).text(r, "ref")
}

func fine(source string) string {
	return `{"service": "traffic_fine", "body": "KBNN-HNI", "source_ref": "` + source + `", "payer": "subject-1", "date": "2025-06-02",
		"inputs": {"fine": "5000000", "violation_date": "2025-05-20", "deadline": "2025-06-10"}}`
}

func (r *rig) order(key string, bills ...string) string {
	r.Helper()
	return r.want(201, "POST", "/v1/orders", ordering(bills...), "Idempotency-Key", key).text(r, "ref")
}

func ordering(bills ...string) string {
	text, _ := json.Marshal(map[string]any{"bills": bills})
	return string(text)
}

// choose plays the payer at the provider's page, then lets the provider notify and the inbox be applied.
func (r *rig) choose(attempt reply, choice string) {
	r.Helper()
	action, _ := attempt.field(r, "action").(map[string]any)
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	address, _ := action["url"].(string)
	opened, err := browser.Get(address)
	r.must(err)
	opened.Body.Close()
	resp, err := browser.Post(address, "application/x-www-form-urlencoded", strings.NewReader("choice="+choice))
	r.must(err)
	resp.Body.Close()
	if resp.StatusCode >= 400 {
		r.Fatalf("the pay page answers %s", resp.Status)
	}
	r.must(r.sim.Tick(ctx))
	for n := 1; n > 0; {
		n, err = r.orders.ApplyWaiting(ctx, "HNI")
		r.must(err)
	}
}

// written counts the rows that a refused request must not leave.
func (r *rig) written() (n int) {
	r.Helper()
	r.must(r.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM gateway.bill) + (SELECT count(*) FROM gateway.payment_order)
		+ (SELECT count(*) FROM gateway.attempt) + (SELECT count(*) FROM gateway.claim) + (SELECT count(*) FROM gateway.payment)
		+ (SELECT count(*) FROM ledger.postings)`).Scan(&n))
	return n
}
