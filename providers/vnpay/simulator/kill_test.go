package simulator_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"exchequer/providers"
	"exchequer/providers/vnpay"
	"exchequer/providers/vnpay/simulator"
)

// killConfig is shared by the process that is killed and the one that looks at what is left.
func killConfig(journal, ipn string) simulator.Config {
	return simulator.Config{
		Terminals: []simulator.Terminal{{TmnCode: netTerminal, HashSecret: secret}}, IPNURL: ipn, Journal: journal,
		Now:           func() time.Time { return time.Date(2025, 6, 2, 2, 0, 0, 0, time.UTC) },
		IsBusinessDay: func(time.Time) bool { return true }, TickEvery: time.Millisecond,
	}
}

// TestMain serves as the process to be killed where it is started as one.
func TestMain(m *testing.M) {
	if journal := os.Getenv("SIMULATOR_TO_KILL"); journal != "" {
		sim, err := simulator.New(killConfig(journal, os.Getenv("SIMULATOR_IPN")))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		fmt.Println(httptest.NewServer(sim.Handler()).URL)
		_ = sim.Run(context.Background()) // until it is killed
	}
	os.Exit(m.Run())
}

// TestKilledWhilePaying: whatever a payer was answered for, or a merchant told of, is in the book after kill -9.
func TestKilledWhilePaying(t *testing.T) {
	var mu sync.Mutex
	told, answered := map[string]bool{}, map[string]bool{}
	merchant := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		told[r.URL.Query().Get("vnp_TxnRef")] = true
		mu.Unlock()
		fmt.Fprint(w, `{"RspCode":"00","Message":"x"}`)
	}))
	defer merchant.Close()
	journal := t.TempDir() + "/vnpay.jsonl"
	for round := range 3 {
		killed := exec.Command(os.Args[0])
		killed.Env = append(os.Environ(), "SIMULATOR_TO_KILL="+journal, "SIMULATOR_IPN="+merchant.URL)
		out, err := killed.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := killed.Start(); err != nil {
			t.Fatal(err)
		}
		host, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		enough := make(chan struct{})
		var once sync.Once
		var payers sync.WaitGroup
		for payer := range 4 {
			payers.Go(func() {
				for n := 0; ; n++ {
					ref := fmt.Sprintf("R%dP%dN%d", round, payer, n)
					if !payOnce(t, strings.TrimSpace(host), ref) {
						return // the server is gone
					}
					mu.Lock()
					answered[ref] = true
					if len(answered) >= 40*(round+1) {
						once.Do(func() { close(enough) })
					}
					mu.Unlock()
				}
			})
		}
		go func() {
			payers.Wait() // should the server fail by itself, nothing more is waited for
			once.Do(func() { close(enough) })
		}()
		<-enough // and the payers go on until nobody answers
		if err := killed.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		payers.Wait()
		_ = killed.Wait() // it was killed, and says so
	}
	sim, err := simulator.New(killConfig(journal, merchant.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	if err := sim.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	paid := map[string]bool{}
	for _, p := range sim.Book().Payments {
		if p.State == simulator.Paid {
			paid[p.TxnRef] = true
			if !told[p.TxnRef] || !p.CallsEnded {
				t.Errorf("%s is paid, and nobody was told", p.TxnRef)
			}
		}
	}
	for ref := range answered {
		if !paid[ref] {
			t.Errorf("the payer of %s was answered, and the book has no payment", ref)
		}
	}
	for ref := range told {
		if !paid[ref] {
			t.Errorf("the merchant was told of %s, and the book has no payment", ref)
		}
	}
}

// payOnce pays one reference; not where the server is gone.
func payOnce(t *testing.T, host, ref string) bool {
	now := killConfig("", "").Now()
	a, err := vnpay.New(vnpay.Config{
		Terminals: []vnpay.Terminal{{TmnCode: netTerminal, HashSecret: secret}}, ReturnURL: "https://portal.example/return",
		PayURL: host + "/paymentv2/vpcpay.html", TransactionURL: host + "/merchant_webapi/api/transaction",
	}, http.DefaultClient, func() time.Time { return now })
	if err != nil {
		t.Error(err)
		return false
	}
	action, err := a.Start(t.Context(), providers.Payment{
		Reference: ref, Merchant: netTerminal, Amount: 1_000, Currency: "VND", Created: now, Expires: now.Add(time.Hour),
	})
	if err != nil {
		t.Error(err)
		return false
	}
	r, err := browser.PostForm(action.URL, url.Values{"choice": {"pay"}})
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusSeeOther
}

// TestRun: the loop tells of a payment by itself and ends with its context.
func TestRun(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- w.sim.Run(ctx) }()
	w.pay(netTerminal, "R1", 100_000)
	for len(w.notifications()) == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
