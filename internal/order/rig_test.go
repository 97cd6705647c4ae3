package order_test

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/authn"
	"exchequer/internal/bill"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/finding"
	"exchequer/internal/order"
	"exchequer/internal/outbox"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/quote/quotetest"
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

// law is of schedules whose amounts are the inputs; they hold to the end of the day after theirs.
var law = sync.OnceValues(func() (quotetest.Law, error) {
	return quotetest.Tariffs(fee.Documents{
		"traffic_fine.yaml":          tariff("traffic_fine", "state_treasury", line("fine", "amount"), line("late_charge", "late")),
		"driving_licence.yaml":       tariff("driving_licence", "licence_authority", line("licence_fee", "amount")),
		"electricity_household.yaml": tariff("electricity_household", "power_corporation", line("electricity", "amount")),
	})
})

func tariff(service, body string, lines ...string) []byte {
	return []byte("service: " + service + "\nname: {vi: Dịch vụ, en: Service}\nbody: " + body + `
valid_days: 1
inputs: [{name: amount, type: int, min: "0", required: true}, {name: late, type: int, min: "0", default: "0"}]
components:
` + strings.Join(lines, "") + `examples: [{why: the amount is the input, on: 2025-06-02, inputs: {amount: 5}, total: "5"}]
`)
}

func line(charge, amount string) string {
	return "  - {id: " + charge + ", charge: " + charge + ", code: " + charge + ", by: date, versions: [{version: v, from: 2020-01-01, " +
		"act: Decree 1/2020/ND-CP, source: read, confidence: high, rules: [{rule: {vi: quy định, en: rule}, fixed: " + amount + "}]}]}\n"
}

// rig is the order service on a real database, with VNPAY's simulator behind HTTP.
type rig struct {
	*testing.T
	pool   *pgxpool.Pool
	clock  *clock
	ledger *ledger.Ledger
	bills  *bill.Store
	orders *order.Service
	keys   *order.Keys
	sim    *simulator.Simulator
	simURL string
	bank   *atWill
}

func newRig(t *testing.T) *rig {
	r := &rig{T: t, pool: pgtest.New(t), clock: &clock{at: time.Date(2025, 6, 2, 15, 0, 0, 0, time.UTC)}, bank: &atWill{}}
	cat := withWilled(t)
	days, err := calendar.Vietnam()
	r.must(err)
	r.ledger = ledger.New(r.pool, r.clock.Now)
	known, err := law()
	r.must(err)
	r.bills = bill.New(r.pool, known, r.clock)
	notify := httptest.NewServer(http.HandlerFunc(r.receive))
	t.Cleanup(notify.Close)
	r.sim, err = simulator.New(simulator.Config{
		Terminals: []simulator.Terminal{{TmnCode: "EXCHQNET", HashSecret: secret}}, IPNURL: notify.URL,
		Journal: filepath.Join(t.TempDir(), "vnpay.journal"), Now: r.clock.Now, IsBusinessDay: func(time.Time) bool { return true },
	})
	r.must(err)
	t.Cleanup(func() { r.sim.Close() })
	server := httptest.NewServer(r.sim.Handler())
	t.Cleanup(server.Close)
	r.simURL = server.URL
	adapter, err := vnpay.New(vnpay.Config{
		Terminals: []vnpay.Terminal{{Merchant: "net", TmnCode: "EXCHQNET", HashSecret: secret}},
		PayURL:    server.URL + "/paymentv2/vpcpay.html", TransactionURL: server.URL + "/merchant_webapi/api/transaction",
	}, server.Client(), r.clock.Now)
	r.must(err)
	timing := order.DefaultTiming()
	r.keys = &order.Keys{Pool: r.pool, Clock: r.clock, Timing: timing}
	r.orders = order.New(order.Deps{
		Pool: r.pool, Ledger: r.ledger, Catalog: cat, Law: known, Calendar: days, Clock: r.clock, Timing: timing,
		Providers: map[string]providers.Provider{"vnpay": adapter, "willed": r.bank},
		ReturnURL: "https://portal.example/return", Log: slog.New(slog.DiscardHandler),
	})
	return r
}

// withWilled is the catalogue with a contract for the provider whose answers a test chooses.
func withWilled(t *testing.T) *catalog.Catalog {
	docs, err := catalog.Included()
	if err != nil {
		t.Fatal(err)
	}
	docs["contracts.csv"] = append(docs["contracts.csv"], "willed,HNI,w,net,1,example,this test\n"...)
	c, err := catalog.Parse(docs)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) receive(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	reply, err := r.orders.Receive(q.Context(), "vnpay", providers.Notification{Method: q.Method, RawQuery: q.URL.RawQuery, Header: q.Header, Body: body})
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.WriteHeader(reply.Status)
	_, _ = w.Write(reply.Body)
}

// bill issues a traffic fine of an amount with a late charge.
func (r *rig) bill(source string, amount, late int64) bill.Bill {
	r.Helper()
	return r.billFor("traffic_fine", source, amount, late)
}

// billFor issues a bill of another service, and so of another book.
func (r *rig) billFor(service, source string, amount, late int64) bill.Bill {
	r.Helper()
	in, _ := json.Marshal(map[string]int64{"amount": amount, "late": late})
	body := map[string]string{"traffic_fine": "KBNN-HNI", "driving_licence": "CSGT-C08", "electricity_household": "EVNHANOI"}[service]
	b, err := r.bills.Issue(ctx, portal, bill.Request{Service: service, Body: body, SourceRef: source, Payer: "subject-1",
		Date: calendar.DayOf(r.clock.Now()).AddDays(-1), Inputs: in})
	r.must(err)
	return b
}

func (r *rig) open(bills ...bill.Bill) order.Order {
	r.Helper()
	refs := make([]string, len(bills))
	for i, b := range bills {
		refs[i] = b.Ref
	}
	o, err := r.orders.Open(ctx, portal, newOrderRef(bills[0].Book), refs)
	r.must(err)
	return o
}

func (r *rig) start(o order.Order, key string) order.Attempt {
	r.Helper()
	a, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "vnpay", Key: key, Locale: "vi"})
	r.must(err)
	return a
}

// choose plays the payer at the provider's page.
func (r *rig) choose(a order.Attempt, choice string) {
	r.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, form := range []url.Values{nil, {"choice": {choice}}} {
		resp, err := browser.Get(a.Action.URL)
		if form != nil {
			resp, err = browser.PostForm(a.Action.URL, form)
		}
		r.must(err)
		resp.Body.Close()
		if resp.StatusCode >= 400 {
			r.Fatalf("the pay page answers %s", resp.Status)
		}
	}
}

func (r *rig) fault(f simulator.Fault) {
	r.Helper()
	body, _ := json.Marshal(f)
	resp, err := http.Post(r.simURL+"/faults", "application/json", strings.NewReader(string(body)))
	r.must(err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		r.Fatalf("fault not taken: %s", resp.Status)
	}
}

// notify lets the simulator send what is due, and applies what has come in.
func (r *rig) notify() {
	r.Helper()
	r.must(r.sim.Tick(ctx))
	for n := 1; n > 0; {
		var err error
		n, err = r.orders.ApplyWaiting(ctx, "HNI")
		r.must(err)
	}
}

// ask runs the question about an attempt that is due, as the worker would.
func (r *rig) ask(a order.Attempt) {
	r.Helper()
	var id int64
	r.must(r.pool.QueryRow(ctx, `UPDATE gateway.outbox SET state = 'running', worker = 1, handed_at = due WHERE id = (SELECT max(id) FROM gateway.outbox
		WHERE kind = $1 AND ref = $2) RETURNING id`, order.AskJob, a.Ref).Scan(&id))
	r.must(r.orders.HandleAsk(ctx, outbox.Job{ID: id, Kind: order.AskJob, Book: a.Book, Ref: a.Ref}))
}

// told asks the provider at will about an attempt, which answers with an observation.
func (r *rig) told(a order.Attempt, o providers.Observation, err error) {
	r.Helper()
	r.bank.query = func() (providers.Observation, error) { return about(a, o), err }
	r.ask(a)
}

// about completes an observation of an attempt where the test does not say otherwise.
func about(a order.Attempt, o providers.Observation) providers.Observation {
	o.Reference, o.Merchant, o.Currency = cmp.Or(o.Reference, a.Ref), cmp.Or(o.Merchant, a.Merchant), cmp.Or(o.Currency, "VND")
	return o
}

// willed starts an attempt of an order at the provider at will.
func (r *rig) willed(o order.Order, key string) order.Attempt {
	r.Helper()
	a, err := r.orders.Start(ctx, portal, order.StartRequest{Order: o.Ref, Provider: "willed", Key: key})
	r.must(err)
	return a
}

// says lets the provider at will notify, and gives the verdict with which the message was recorded.
func (r *rig) says(a order.Attempt, o providers.Observation) (verdict string) {
	r.Helper()
	r.bank.read = about(a, o)
	_, err := r.orders.Receive(ctx, "willed", providers.Notification{Method: "POST"})
	r.must(err)
	r.must(r.pool.QueryRow(ctx, `SELECT verdict FROM gateway.notification ORDER BY id DESC LIMIT 1`).Scan(&verdict))
	return verdict
}

// findings counts the findings of a kind.
func (r *rig) findings(kind finding.Kind) int {
	r.Helper()
	return r.count(`SELECT count(*) FROM gateway.finding WHERE kind = $1`, kind)
}

func (r *rig) attempt(o order.Order, i int) order.Attempt {
	r.Helper()
	got, err := r.orders.Get(ctx, portal, o.Ref)
	r.must(err)
	return got.Attempts[i]
}

func (r *rig) count(sql string, args ...any) (n int) {
	r.Helper()
	r.must(r.pool.QueryRow(ctx, sql, args...).Scan(&n))
	return n
}

// net gives the balance of an account, on its normal side.
func (r *rig) net(book, code string) int64 {
	r.Helper()
	list, err := r.ledger.Balances(ctx, ledger.Query{Book: book, Prefix: code})
	r.must(err)
	for _, b := range list {
		if b.Account == code {
			return b.Net()
		}
	}
	return 0
}

func (r *rig) verified() {
	r.Helper()
	report, err := r.ledger.Verify(ctx, ledger.VerifyOptions{Mirror: booking.Mirror})
	r.must(err)
	if !report.OK {
		r.Errorf("the ledger does not verify: %+v", report.Findings)
	}
}

// atWill is a provider whose answers the test chooses: for what a well-behaved provider never shows.
type atWill struct {
	start   error
	read    providers.Observation
	readErr error
	query   func() (providers.Observation, error)
}

func (*atWill) Name() string { return "willed" }

func (w *atWill) Start(context.Context, providers.Payment) (providers.Action, error) {
	return providers.Action{Kind: providers.Redirect, URL: "https://provider.example/pay"}, w.start
}

func (w *atWill) Read(providers.Notification) (providers.Observation, error) {
	return w.read, w.readErr
}

func (*atWill) Answer(providers.Verdict) providers.Reply {
	return providers.Reply{Status: http.StatusOK}
}

func (w *atWill) Query(context.Context, providers.Inquiry) (providers.Observation, error) {
	return w.query()
}
