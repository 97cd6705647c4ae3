package simulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"exchequer/providers"
	"exchequer/providers/vnpay"
	"exchequer/providers/vnpay/simulator"
)

const (
	netTerminal   = "NETTERM1"
	grossTerminal = "GROSSTR2"
	secret        = "a secret of the two"
)

// world is a simulator with a merchant that answers its notifications and a bank that takes its credits. Its clock
// starts on Monday 2 June 2025, 09:00 in Hà Nội, and moves only when told.
type world struct {
	t       *testing.T
	journal string
	sim     *simulator.Simulator
	server  *httptest.Server
	adapter *vnpay.Adapter

	mu       sync.Mutex
	now      time.Time
	reply    string // RspCode of the merchant; empty: it breaks the connection
	came     []string
	bank     map[string]int64
	bankOff  bool // it books, and its answer is lost
	bankShut bool // it books nothing
}

func newWorld(t *testing.T) *world {
	w := &world{
		t: t, journal: filepath.Join(t.TempDir(), "vnpay.jsonl"), reply: "00", bank: make(map[string]int64),
		now: time.Date(2025, 6, 2, 2, 0, 0, 0, time.UTC),
	}
	w.start()
	t.Cleanup(func() { w.stop() })
	return w
}

func (w *world) start() {
	w.t.Helper()
	outside := httptest.NewServer(w)
	w.t.Cleanup(outside.Close)
	sim, err := simulator.New(simulator.Config{
		Terminals: []simulator.Terminal{
			{TmnCode: netTerminal, HashSecret: secret, Account: "1001", Fee: simulator.FeeTerms{Flat: 1_000, BasisPoints: 50, KeptBack: true}},
			{TmnCode: grossTerminal, HashSecret: secret, Account: "1001", Fee: simulator.FeeTerms{Flat: 1_000}},
		},
		IPNURL: outside.URL + "/ipn", BankURL: outside.URL, Journal: w.journal, Now: w.clock,
		IsBusinessDay: func(d time.Time) bool { return d.Weekday() != time.Saturday && d.Weekday() != time.Sunday },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.sim, w.server = sim, httptest.NewServer(sim.Handler())
	w.adapter, err = vnpay.New(vnpay.Config{
		Terminals: []vnpay.Terminal{{TmnCode: netTerminal, HashSecret: secret}, {TmnCode: grossTerminal, HashSecret: secret}},
		PayURL:    w.server.URL + "/paymentv2/vpcpay.html", TransactionURL: w.server.URL + "/merchant_webapi/api/transaction",
		SettlementURL: w.server.URL + "/settlement", ReturnURL: "https://portal.example/return",
	}, http.DefaultClient, w.clock)
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) stop() {
	w.server.Close()
	if err := w.sim.Close(); err != nil {
		w.t.Error(err)
	}
}

// restart ends the simulator and opens its book again.
func (w *world) restart() { w.stop(); w.start() }

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.t.Helper()
	w.mu.Lock()
	w.now = w.now.Add(d)
	w.mu.Unlock()
	w.tick()
}

func (w *world) tick() {
	w.t.Helper()
	if err := w.sim.Tick(w.t.Context()); err != nil && !w.bankOff && !w.bankShut {
		w.t.Fatal(err)
	}
}

// ServeHTTP is the merchant at /ipn and the bank at /credits.
func (w *world) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.URL.Path == "/ipn" {
		w.came = append(w.came, r.URL.RawQuery)
		if w.reply == "" {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(out, `{"RspCode":%q,"Message":"x"}`, w.reply)
		return
	}
	if w.bankShut {
		out.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var c struct {
		ID, Remittance string
		Amount         int64
	}
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil || !strings.Contains(c.Remittance, c.ID) {
		w.t.Errorf("credit %+v: %v", c, err)
	}
	w.bank[c.ID] = c.Amount
	if w.bankOff {
		out.WriteHeader(http.StatusBadGateway) // it was booked, and the answer was lost
	}
}

// notifications gives what came since the last call.
func (w *world) notifications() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	came := w.came
	w.came = nil
	return came
}

func (w *world) payURL(terminal, ref string, amount int64) string {
	w.t.Helper()
	now := w.clock()
	action, err := w.adapter.Start(w.t.Context(), providers.Payment{
		Reference: ref, Merchant: terminal, Amount: amount, Currency: "VND", Description: "le phi", Created: now,
		Expires: now.Add(15 * time.Minute),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return action.URL
}

var browser = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func (w *world) post(address string, form url.Values) (int, string) {
	w.t.Helper()
	r, err := browser.PostForm(address, form)
	if err != nil {
		w.t.Fatal(err)
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	return r.StatusCode, r.Header.Get("Location") + string(body)
}

func (w *world) pay(terminal, ref string, amount int64) {
	w.t.Helper()
	if status, body := w.post(w.payURL(terminal, ref, amount), url.Values{"choice": {"pay"}}); status != http.StatusSeeOther {
		w.t.Fatalf("paying %s: HTTP %d %s", ref, status, body)
	}
}

func (w *world) order(path string, f simulator.Fault) {
	w.t.Helper()
	body, _ := json.Marshal(f)
	r, err := http.Post(w.server.URL+path, "application/json", bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		w.t.Fatalf("%s %+v: HTTP %d", path, f, r.StatusCode)
	}
}

// payment gives what the book says of a reference.
func (w *world) payment(ref string) simulator.Payment {
	w.t.Helper()
	for _, p := range w.sim.Book().Payments {
		if p.TxnRef == ref {
			return p
		}
	}
	w.t.Fatalf("no payment %s in the book", ref)
	return simulator.Payment{}
}

func TestRetriesTenTimesFiveMinutesApart(t *testing.T) {
	w := newWorld(t)
	w.reply = "99"
	w.pay(netTerminal, "R1", 100_000)
	w.tick()
	w.tick() // nothing more is due
	if n := len(w.notifications()); n != 1 {
		t.Fatalf("%d calls at once, want 1", n)
	}
	w.advance(4 * time.Minute)
	if n := len(w.notifications()); n != 0 {
		t.Fatalf("%d calls after four minutes", n)
	}
	w.restart()  // the count of calls is in the book
	w.reply = "" // no answer counts as a call
	w.advance(time.Minute)
	w.reply = "97"
	for range 20 {
		w.advance(5 * time.Minute)
	}
	if n := len(w.notifications()); n < 9 || n > 10 { // Go's client may send a GET again on a broken connection
		t.Errorf("%d calls after the first, want 9", n)
	}
	if p := w.payment("R1"); len(p.Calls) != 10 || !p.CallsEnded {
		t.Errorf("the book has %d calls, ended %v", len(p.Calls), p.CallsEnded)
	}
}

func TestAnswerEndsTheCalls(t *testing.T) {
	for _, code := range []string{"00", "02"} {
		w := newWorld(t)
		w.reply = code
		w.pay(netTerminal, "R1", 100_000)
		w.advance(0)
		w.advance(time.Hour)
		if n := len(w.notifications()); n != 1 {
			t.Errorf("%s: %d calls, want 1", code, n)
		}
	}
}

func TestFaultsOfNotifications(t *testing.T) {
	w := newWorld(t)
	for _, f := range []simulator.Fault{ // ordered before the payments exist, and kept over a restart
		{TxnRef: "LOST", Kind: simulator.IPNLost},
		{TxnRef: "TWICE", Kind: simulator.IPNDuplicated},
		{TxnRef: "LATE", Kind: simulator.IPNLate},
		{TxnRef: "UNTIL", Kind: simulator.IPNLate, Until: w.clock().Add(10 * time.Minute)},
		{TxnRef: "WRONG", Kind: simulator.IPNWrongAmount, Amount: 1_000},
		{TxnRef: "FORGED", Kind: simulator.IPNBadSignature},
	} {
		w.order("/faults", f)
	}
	w.restart()
	read := func() map[string][]string { // what the adapter makes of what came
		out := make(map[string][]string)
		for _, raw := range w.notifications() {
			q, _ := url.ParseQuery(raw)
			said := "bad signature"
			if o, err := w.adapter.Read(providers.Notification{Method: "GET", RawQuery: raw}); err == nil {
				said = fmt.Sprintf("%s %d", o.Kind, o.Amount)
			}
			out[q.Get("vnp_TxnRef")] = append(out[q.Get("vnp_TxnRef")], said)
		}
		return out
	}
	for _, ref := range []string{"LOST", "TWICE", "LATE", "UNTIL", "WRONG", "FORGED"} {
		w.pay(netTerminal, ref, 50_000)
	}
	w.tick()
	const ok = "succeeded 50000"
	want := map[string][]string{"TWICE": {ok, ok}, "WRONG": {"succeeded 1000"}, "FORGED": {"bad signature"}}
	if got := read(); !reflect.DeepEqual(got, want) {
		t.Errorf("first came %v, want %v", got, want)
	}
	w.order("/faults/release", simulator.Fault{TxnRef: "LATE"})
	w.advance(10 * time.Minute)
	want = map[string][]string{"LATE": {ok}, "UNTIL": {ok}}
	if got := read(); !reflect.DeepEqual(got, want) {
		t.Errorf("then came %v, want %v", got, want)
	}
	// The payer paid right, whatever the notification said: querydr tells so.
	for _, ref := range []string{"LOST", "WRONG", "FORGED"} {
		p := w.payment(ref)
		o, err := w.adapter.Query(t.Context(), providers.Inquiry{Reference: ref, Merchant: netTerminal, Created: p.Created})
		if err != nil || o.Kind != providers.Succeeded || o.Amount != 50_000 {
			t.Errorf("asked about %s: %+v, %v", ref, o, err)
		}
	}
}

func TestPayPageRefuses(t *testing.T) {
	w := newWorld(t)
	good := w.payURL(netTerminal, "R1", 100_000)
	other := w.payURL(netTerminal, "R1", 200_000)
	late := w.payURL(netTerminal, "R2", 100_000)
	for name, address := range map[string]string{
		"another amount": strings.Replace(good, "vnp_Amount=10000000", "vnp_Amount=10000", 1),
		"another hash":   good[:len(good)-1] + "x",
	} {
		if status, _ := w.post(address, url.Values{"choice": {"pay"}}); status != http.StatusBadRequest {
			t.Errorf("%s: HTTP %d", name, status)
		}
	}
	if status, _ := w.post(good, url.Values{"choice": {"steal"}}); status != http.StatusBadRequest {
		t.Errorf("a choice that is none: HTTP %d", status)
	}
	if status, _ := w.post(good, url.Values{"choice": {"pay"}}); status != http.StatusSeeOther {
		t.Errorf("a good one: HTTP %d", status)
	}
	if status, back := w.post(good, url.Values{"choice": {"cancel"}}); status != http.StatusSeeOther || !strings.Contains(back, "vnp_ResponseCode=00") {
		t.Errorf("the button pressed again: HTTP %d %s", status, back)
	}
	if status, _ := w.post(other, url.Values{"choice": {"pay"}}); status != http.StatusBadRequest {
		t.Errorf("the same reference for another payment: HTTP %d", status)
	}
	w.advance(16 * time.Minute)
	if status, _ := w.post(late, url.Values{"choice": {"pay"}}); status != http.StatusBadRequest {
		t.Errorf("after its time: HTTP %d", status)
	}
	if p := w.payment("R1"); p.State != simulator.Paid || p.Amount != 100_000 || len(w.sim.Book().Payments) != 1 {
		t.Errorf("the book has %+v", w.sim.Book().Payments)
	}
}

func TestOpenedAndLeftExpires(t *testing.T) {
	w := newWorld(t)
	page, err := http.Get(w.payURL(netTerminal, "R1", 123_456))
	if err != nil {
		t.Fatal(err)
	}
	html, _ := io.ReadAll(page.Body)
	page.Body.Close()
	if !bytes.Contains(html, []byte("123.456 đ")) || bytes.Contains(html, []byte("<script")) {
		t.Errorf("the page is %s", html)
	}
	ask := func() providers.Kind {
		o, err := w.adapter.Query(t.Context(), providers.Inquiry{Reference: "R1", Merchant: netTerminal, Created: w.payment("R1").Created})
		if err != nil {
			t.Error(err)
		}
		return o.Kind
	}
	if kind := ask(); kind != providers.Pending {
		t.Errorf("opened is %s", kind)
	}
	w.advance(20 * time.Minute)
	if kind := ask(); kind != providers.Failed {
		t.Errorf("left is %s", kind)
	}
	if came := w.notifications(); len(came) != 1 || !strings.Contains(came[0], "vnp_ResponseCode=11") {
		t.Errorf("told %v", came)
	}
}

func TestSettlesNetAndGrossOnBusinessDays(t *testing.T) {
	w := newWorld(t)
	w.order("/faults", simulator.Fault{TxnRef: "SHORT", Kind: simulator.SettlementShort, Amount: 1_000})
	w.order("/faults", simulator.Fault{TxnRef: "MISSING", Kind: simulator.SettlementMissing})
	w.pay(netTerminal, "NET", 100_100) // fee 1000 + 500.5, half up 1501
	w.pay(grossTerminal, "GROSS", 100_000)
	w.pay(grossTerminal, "SHORT", 70_000)
	w.pay(grossTerminal, "MISSING", 80_000)
	w.advance(20*time.Hour + 59*time.Minute) // 05:59 of Tuesday
	tuesday := time.Date(2025, 6, 3, 0, 0, 0, 0, time.UTC)
	if _, err := w.adapter.FetchSettlement(t.Context(), tuesday); err == nil || len(w.bank) != 0 {
		t.Fatalf("settled before its hour: %v, %v", err, w.bank)
	}
	w.bankShut = true // failed and not done
	w.advance(time.Minute)
	if len(w.bank) != 0 {
		t.Errorf("the shut bank has %v", w.bank)
	}
	w.bankShut, w.bankOff = false, true // failed but done
	w.tick()
	w.bankOff = false
	w.restart()
	w.tick()
	want := map[string]int64{"VNP20250603-NETTERM1": 98_599, "VNP20250603-GROSSTR2": 169_000}
	if !reflect.DeepEqual(w.bank, want) {
		t.Errorf("the bank has %v, want %v", w.bank, want)
	}
	file, err := w.adapter.FetchSettlement(t.Context(), tuesday)
	if err != nil {
		t.Fatal(err)
	}
	batches, err := w.adapter.ReadSettlement(bytes.NewReader(file))
	if err != nil || len(batches) != 2 {
		t.Fatalf("%+v, %v", batches, err)
	}
	for _, b := range batches {
		if b.Net != want[b.Batch] {
			t.Errorf("%s states %d, the bank got %d", b.Batch, b.Net, want[b.Batch])
		}
		for _, l := range b.Lines {
			if w.payment(l.Reference).SettledAmount != l.Amount {
				t.Errorf("line %+v is not as the book says", l)
			}
		}
	}
	w.order("/faults/release", simulator.Fault{TxnRef: "MISSING", Kind: simulator.SettlementMissing})
	w.advance(4 * 24 * time.Hour) // over Wednesday to Saturday: three days settled, none on Saturday
	if got := w.bank["VNP20250604-GROSSTR2"]; got != 80_000 {
		t.Errorf("released and settled: %d", got)
	}
	for day, there := range map[int]bool{4: true, 5: true, 6: true, 7: false} {
		_, err := w.adapter.FetchSettlement(t.Context(), time.Date(2025, 6, day, 0, 0, 0, 0, time.UTC))
		if (err == nil) != there {
			t.Errorf("the file of %d June: %v", day, err)
		}
	}
	for _, b := range w.sim.Book().Batches {
		if !b.Credited {
			t.Errorf("batch %s was not paid over", b.ID)
		}
	}
}

// TestBookSurvivesAnEndAtAnyByte: whatever part of the journal reached the disk, the simulator opens, and what was
// answered for in that part is in the book.
func TestBookSurvivesAnEndAtAnyByte(t *testing.T) {
	w := newWorld(t)
	w.pay(netTerminal, "R1", 100_000)
	w.advance(time.Minute)
	w.pay(grossTerminal, "R2", 50_000)
	w.advance(24 * time.Hour)
	whole, err := os.ReadFile(w.journal)
	if err != nil {
		t.Fatal(err)
	}
	before := w.sim.Book()
	w.stop()
	for cut := len(whole); cut > 0; cut -= 97 {
		if err := os.WriteFile(w.journal, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		w.start()
		got := w.sim.Book()
		if cut == len(whole) && !reflect.DeepEqual(jsonOf(t, got), jsonOf(t, before)) {
			t.Errorf("the whole journal gives another book")
		}
		if paid := bytes.Count(whole[:cut], []byte(`"state":"paid"`)); countPaid(got) != paid && countPaid(got) != paid-1 {
			t.Errorf("cut at %d: %d payments of %d", cut, countPaid(got), paid)
		}
		w.tick() // and it goes on: what was not recorded as sent is sent
		w.stop()
	}
	w.start()
}

func countPaid(b simulator.Book) int {
	n := 0
	for _, p := range b.Payments {
		if p.State == simulator.Paid {
			n++
		}
	}
	return n
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}
