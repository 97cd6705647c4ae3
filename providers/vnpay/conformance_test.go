package vnpay_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"exchequer/providers"
	"exchequer/providers/providertest"
	"exchequer/providers/vnpay"
	"exchequer/providers/vnpay/simulator"
)

const (
	testTerminal = "EXCHQ001"
	testSecret   = "SECRETKEYFORTEST0123456789ABCDEF"
)

// clock stands still until it is moved. It starts on Monday 2 June 2025, 09:00 in Hà Nội.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2025, 6, 2, 2, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func weekday(day time.Time) bool {
	return day.Weekday() != time.Saturday && day.Weekday() != time.Sunday
}

// payer is a browser that does not follow the way back to the portal.
var payer = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// choose opens the pay page and presses a button; it gives the address the payer is sent back to.
func choose(t *testing.T, payURL, choice string) *url.URL {
	t.Helper()
	page, err := payer.Get(payURL)
	if err != nil {
		t.Fatal(err)
	}
	page.Body.Close()
	if page.StatusCode == http.StatusOK {
		page, err = payer.PostForm(payURL, url.Values{"choice": {choice}})
		if err != nil {
			t.Fatal(err)
		}
		page.Body.Close()
	}
	if page.StatusCode != http.StatusSeeOther {
		t.Fatalf("the pay page answers HTTP %d", page.StatusCode)
	}
	back, err := page.Location()
	if err != nil || !strings.HasPrefix(back.String(), "https://portal.example/return?") {
		t.Fatalf("the payer is sent to %v, %v", back, err)
	}
	return back
}

func openSubject(t *testing.T, notifyURL string) providertest.Subject {
	t.Helper()
	now := newClock()
	sim, err := simulator.New(simulator.Config{
		Terminals: []simulator.Terminal{{TmnCode: testTerminal, HashSecret: testSecret,
			Fee: simulator.FeeTerms{Flat: 1_000, BasisPoints: 50, KeptBack: true}}},
		IPNURL: notifyURL, Journal: filepath.Join(t.TempDir(), "vnpay.jsonl"), Now: now.Now, IsBusinessDay: weekday,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(sim.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	tick := func(t *testing.T) {
		t.Helper()
		if err := sim.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return providertest.Subject{
		Provider: newAdapter(t, server.URL, server.Client(), now), Merchant: "drivers", Now: now.Now, Tick: tick,
		Choose: func(t *testing.T, action providers.Action, choice providertest.Choice) {
			now.Advance(time.Minute)
			choose(t, action.URL, string(choice))
		},
		Settle: func(t *testing.T) time.Time {
			now.Advance(24 * time.Hour)
			tick(t)
			return time.Date(2025, 6, 3, 0, 0, 0, 0, time.UTC)
		},
	}
}

func newAdapter(t *testing.T, host string, do providers.Doer, now *clock) *vnpay.Adapter {
	t.Helper()
	a, err := vnpay.New(vnpay.Config{
		Terminals: []vnpay.Terminal{{Merchant: "drivers", TmnCode: testTerminal, HashSecret: testSecret}},
		PayURL:    host + "/paymentv2/vpcpay.html", TransactionURL: host + "/merchant_webapi/api/transaction",
		SettlementURL: host + "/settlement", ReturnURL: "https://portal.example/return",
	}, do, now.Now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestConformance(t *testing.T) { providertest.Run(t, openSubject) }
