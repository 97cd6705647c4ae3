package web_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/authn"
	"exchequer/internal/bill"
	"exchequer/internal/calendar"
	"exchequer/internal/order"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/quote/quotetest"
	"exchequer/internal/reference"
	"exchequer/internal/web"
	"exchequer/ledger"
	"exchequer/providers"
	"exchequer/providers/vnpay"
	"exchequer/providers/vnpay/simulator"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const secret = "SECRETKEYFORTEST0123456789ABCDEF"

var (
	ctx    = context.Background()
	portal = authn.Actor{ID: "portal", Role: authn.Client, Books: []string{"*"}}
)

type clock struct{ nanos atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) advance(d time.Duration) { c.nanos.Add(int64(d)) }

// rig is the pages over real services on a real database, with VNPAY's simulator behind HTTP and a browser in front.
type rig struct {
	*testing.T
	pool    *pgxpool.Pool
	clock   *clock
	bills   *bill.Store
	orders  *order.Service
	sim     *simulator.Simulator
	site    *httptest.Server
	page    *httptest.Server // the provider's
	browser *http.Client
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	r := &rig{T: t, pool: pgtest.New(t), clock: &clock{}}
	r.clock.nanos.Store(time.Date(2025, 6, 2, 2, 0, 0, 0, time.UTC).UnixNano())
	law := quotetest.Bundled(t)
	days, err := calendar.Vietnam()
	r.must(err)
	log, timing := slog.New(slog.DiscardHandler), order.DefaultTiming()
	r.bills = bill.New(r.pool, law, r.clock)
	var handler http.Handler
	r.site = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { handler.ServeHTTP(w, q) }))
	t.Cleanup(r.site.Close)
	r.orders = order.New(order.Deps{
		Pool: r.pool, Ledger: ledger.New(r.pool, r.clock.Now), Catalog: law.Catalog, Law: law, Calendar: days, Clock: r.clock, Timing: timing,
		Providers: map[string]providers.Provider{"vnpay": r.vnpay()}, ReturnURL: r.site.URL + "/return", Log: log,
	})
	handler = r.withNotifications(web.New(web.Deps{
		Bills: r.bills, Orders: r.orders, Attempts: r.orders, Keys: &order.Keys{Pool: r.pool, Clock: r.clock, Timing: timing},
		Catalog: law.Catalog, Law: law, Providers: []string{"vnpay"}, PayOrigins: []string{r.page.URL}, Clock: r.clock, Log: log,
	}))
	jar, err := cookiejar.New(nil)
	r.must(err)
	r.browser = &http.Client{Jar: jar}
	return r
}

func (r *rig) vnpay() providers.Provider {
	var err error
	r.sim, err = simulator.New(simulator.Config{
		Terminals: []simulator.Terminal{{TmnCode: "EXCHQNET", HashSecret: secret}, {TmnCode: "EXCHQGRO", HashSecret: secret}},
		IPNURL:    r.site.URL + "/notifications/vnpay", Journal: filepath.Join(r.TempDir(), "vnpay.journal"), Now: r.clock.Now,
		IsBusinessDay: func(time.Time) bool { return true },
	})
	r.must(err)
	r.Cleanup(func() { r.sim.Close() })
	r.page = httptest.NewServer(r.sim.Handler())
	r.Cleanup(r.page.Close)
	adapter, err := vnpay.New(vnpay.Config{
		Terminals: []vnpay.Terminal{{Merchant: "net", TmnCode: "EXCHQNET", HashSecret: secret},
			{Merchant: "gross", TmnCode: "EXCHQGRO", HashSecret: secret}},
		PayURL: r.page.URL + "/paymentv2/vpcpay.html", TransactionURL: r.page.URL + "/merchant_webapi/api/transaction",
	}, r.page.Client(), r.clock.Now)
	r.must(err)
	return adapter
}

// withNotifications puts the provider's notifications beside the pages, as the program does.
func (r *rig) withNotifications(pages http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if !strings.HasPrefix(q.URL.Path, "/notifications/") {
			pages.ServeHTTP(w, q)
			return
		}
		reply, err := r.orders.Receive(q.Context(), "vnpay", providers.Notification{Method: q.Method, RawQuery: q.URL.RawQuery, Header: q.Header})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_, _ = w.Write(reply.Body)
	})
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// fine issues a fine of 5,000,000 đồng.
func (r *rig) fine(source string) bill.Bill {
	r.Helper()
	b, err := r.bills.Issue(ctx, portal, bill.Request{Service: "traffic_fine", Body: "KBNN-HNI", SourceRef: source, Payer: "subject-1",
		Date:   calendar.MustDate("2025-06-02"),
		Inputs: []byte(`{"fine": "5000000", "violation_date": "2025-05-20", "deadline": "2025-06-10"}`)})
	r.must(err)
	return b
}

// page is what a browser shows.
type page struct {
	*http.Response
	text string
}

func (p page) shows(t testing.TB, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(p.text, w) {
			t.Errorf("%s shows no %q:\n%s", p.Request.URL.Path, w, p.text)
		}
	}
}

func (p page) hides(t testing.TB, words ...string) {
	t.Helper()
	for _, w := range words {
		if strings.Contains(p.text, w) {
			t.Errorf("%s shows %q", p.Request.URL.Path, w)
		}
	}
}

var hidden = regexp.MustCompile(`name="(token|attempt)" value="([^"]*)"`)

// value gives a hidden field of the page's form.
func (p page) value(t testing.TB, name string) string {
	t.Helper()
	for _, m := range hidden.FindAllStringSubmatch(p.text, -1) {
		if m[1] == name {
			return m[2]
		}
	}
	t.Fatalf("%s has no field %s:\n%s", p.Request.URL.Path, name, p.text)
	return ""
}

func (r *rig) read(resp *http.Response, err error) page {
	r.Helper()
	r.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	r.must(err)
	return page{resp, string(text)}
}

func (r *rig) get(path string) page {
	r.Helper()
	return r.read(r.browser.Get(r.site.URL + path))
}

// post sends a form and does not follow where it leads.
func (r *rig) post(path string, form url.Values) page {
	r.Helper()
	still := *r.browser
	still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return r.read(still.PostForm(r.site.URL+path, form))
}

// pay presses the bill page's button and gives the address at the provider to which it leads.
func (r *rig) pay(b bill.Bill) string {
	r.Helper()
	p := r.post("/bills/"+b.Ref+"/pay", url.Values{"provider": {"vnpay"}, "token": {r.get("/bills/"+b.Ref).value(r, "token")}})
	if p.StatusCode != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), r.page.URL) {
		r.Fatalf("paying leads to %d %s: %s", p.StatusCode, p.Header.Get("Location"), p.text)
	}
	return p.Header.Get("Location")
}

// choose presses a button at the provider, comes back to our page, and only then lets the notification arrive.
func (r *rig) choose(address, choice string) page {
	r.Helper()
	r.read(r.browser.Get(address))
	return r.read(r.browser.PostForm(address, url.Values{"choice": {choice}}))
}

func (r *rig) notified() {
	r.Helper()
	r.must(r.sim.Tick(ctx))
	for n := 1; n > 0; {
		var err error
		n, err = r.orders.ApplyWaiting(ctx, "HNI")
		r.must(err)
	}
}

func (r *rig) count(table string) (n int) {
	r.Helper()
	r.must(r.pool.QueryRow(ctx, `SELECT count(*) FROM gateway.`+table).Scan(&n))
	return n
}

func newRef() string { return reference.New("HNI") }
