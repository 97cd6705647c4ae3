// Package providertest is the conformance suite that every provider passes together with its simulator.
//
// It checks what the rest of Exchequer relies on: a started payment can be paid and is told of with the right amount,
// id and time; an altered message is never believed; a question is answered or honestly unknown; a settlement file
// reads back and foots. What is special to one provider (codes, signatures, vectors) is tested beside that provider.
package providertest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"exchequer/providers"
)

// Choice is what a payer does on the provider's page.
type Choice string

// The choices.
const (
	Pay    Choice = "pay"
	Cancel Choice = "cancel"
)

// Subject is a provider with its simulator, sharing one clock that stands still unless moved.
type Subject struct {
	Provider providers.Provider
	Merchant string
	Now      func() time.Time
	// Choose does as a payer would with the action.
	Choose func(t *testing.T, action providers.Action, choice Choice)
	// Settle is called once payments are made and moves the clock until they are settled; it gives the settlement
	// day. Nil for a provider without settlement files.
	Settle func(t *testing.T) time.Time
	// Tick makes the simulator do all that is due, notifications above all.
	Tick func(t *testing.T)
}

// Open makes a fresh subject, whose simulator sends its notifications to notifyURL.
type Open func(t *testing.T, notifyURL string) Subject

// Run runs the suite; each part has a subject of its own.
func Run(t *testing.T, open Open) {
	parts := map[string]func(*testing.T, *bench){
		"paid":               testPaid,
		"cancelled":          testCancelled,
		"start refuses":      testStartRefuses,
		"start is repeated":  testStartRepeated,
		"altered":            testAltered,
		"asked before paid":  testAskedBeforePaid,
		"asked about nobody": testAskedAboutNobody,
		"not reached":        testNotReached,
		"verdicts":           testVerdicts,
		"settlement":         testSettlement,
	}
	for name, part := range parts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &bench{}
			server := httptest.NewServer(b)
			t.Cleanup(server.Close)
			b.Subject = open(t, server.URL+"/notify")
			part(t, b)
		})
	}
}

// bench is a subject with the inbox its simulator talks to.
type bench struct {
	Subject
	mu    sync.Mutex
	inbox []providers.Notification
}

// ServeHTTP keeps a notification and answers it as the adapter says.
func (b *bench) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "cannot read", http.StatusBadRequest)
		return
	}
	n := providers.Notification{Method: r.Method, RawQuery: r.URL.RawQuery, Header: r.Header, Body: body}
	b.mu.Lock()
	b.inbox = append(b.inbox, n)
	b.mu.Unlock()
	verdict := providers.Accepted
	if _, err := b.Provider.Read(n); err != nil {
		verdict = providers.BadSignature
	}
	reply := b.Provider.Answer(verdict)
	w.Header().Set("Content-Type", reply.ContentType)
	w.WriteHeader(reply.Status)
	_, _ = w.Write(reply.Body)
}

// payment is a valid payment that nobody has started yet.
func (b *bench) payment(reference string) providers.Payment {
	return providers.Payment{
		Reference: reference, Merchant: b.Merchant, Amount: 135_000, Currency: "VND",
		Description: "Le phi cap giay phep lai xe", PayerIP: "203.0.113.7", ReturnURL: "https://portal.example/return",
		Locale: "vi", Created: b.Now(), Expires: b.Now().Add(15 * time.Minute),
	}
}

// begin starts a payment and does as the payer chooses.
func (b *bench) begin(t *testing.T, p providers.Payment, choice Choice) {
	t.Helper()
	action, err := b.Provider.Start(t.Context(), p)
	if err != nil {
		t.Fatalf("starting a valid payment: %v", err)
	}
	b.Choose(t, action, choice)
}

// told gives the one notification that came.
func (b *bench) told(t *testing.T) providers.Notification {
	t.Helper()
	b.Tick(t)
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.inbox) != 1 {
		t.Fatalf("%d notifications came, want 1", len(b.inbox))
	}
	return b.inbox[0]
}

// querier gives the provider's ability to be asked, or skips the part.
func (b *bench) querier(t *testing.T) providers.Querier {
	t.Helper()
	q, ok := b.Provider.(providers.Querier)
	if !ok {
		t.Skip("this provider cannot be asked")
	}
	return q
}

func inquiry(p providers.Payment) providers.Inquiry {
	return providers.Inquiry{Reference: p.Reference, Merchant: p.Merchant, Created: p.Created}
}

// checkPaid holds an observation against the payment it must be about.
func checkPaid(t *testing.T, got providers.Observation, p providers.Payment, now time.Time) {
	t.Helper()
	if got.Kind != providers.Succeeded || got.Reference != p.Reference || got.Merchant != p.Merchant {
		t.Errorf("observed %+v, want success of %s at %s", got, p.Reference, p.Merchant)
	}
	if got.Amount != p.Amount || got.Currency != p.Currency {
		t.Errorf("observed %d %s, want %d %s", got.Amount, got.Currency, p.Amount, p.Currency)
	}
	if got.ProviderID == "" {
		t.Error("a payment without the provider's id")
	}
	// Providers tell whole seconds.
	if got.Occurred.Before(p.Created.Truncate(time.Second)) || got.Occurred.After(now) {
		t.Errorf("paid at %v, want between %v and %v", got.Occurred, p.Created, now)
	}
}

func testPaid(t *testing.T, b *bench) {
	p := b.payment("PAID1A")
	b.begin(t, p, Pay)
	got, err := b.Provider.Read(b.told(t))
	if err != nil {
		t.Fatalf("reading the notification: %v", err)
	}
	checkPaid(t, got, p, b.Now())
	asked, err := b.querier(t).Query(t.Context(), inquiry(p))
	if err != nil {
		t.Fatalf("asking: %v", err)
	}
	checkPaid(t, asked, p, b.Now())
	if asked.ProviderID != got.ProviderID || !asked.Occurred.Equal(got.Occurred) {
		t.Errorf("told %s at %v, but answers %s at %v", got.ProviderID, got.Occurred, asked.ProviderID, asked.Occurred)
	}
}

func testCancelled(t *testing.T, b *bench) {
	p := b.payment("CANCEL1A")
	b.begin(t, p, Cancel)
	got, err := b.Provider.Read(b.told(t))
	if err != nil || got.Kind != providers.Cancelled || got.Reference != p.Reference {
		t.Errorf("observed %+v, %v; want cancelled", got, err)
	}
	asked, err := b.querier(t).Query(t.Context(), inquiry(p))
	if err != nil || (asked.Kind != providers.Cancelled && asked.Kind != providers.Failed) {
		t.Errorf("answers %+v, %v; want cancelled or failed", asked, err)
	}
}

func testStartRefuses(t *testing.T, b *bench) {
	cases := map[string]func(*providers.Payment){
		"another currency": func(p *providers.Payment) { p.Currency = "USD" },
		"nothing":          func(p *providers.Payment) { p.Amount = 0 },
		"less than that":   func(p *providers.Payment) { p.Amount = -1 },
		"unknown merchant": func(p *providers.Payment) { p.Merchant = "nobody" },
		"no reference":     func(p *providers.Payment) { p.Reference = "" },
		"too late": func(p *providers.Payment) {
			p.Created, p.Expires = p.Created.Add(-2*time.Hour), p.Created.Add(-time.Hour)
		},
	}
	for name, spoil := range cases {
		p := b.payment("REFUSE1A")
		spoil(&p)
		if action, err := b.Provider.Start(t.Context(), p); !errors.Is(err, providers.ErrNotDone) {
			t.Errorf("%s: %+v, %v; want ErrNotDone", name, action, err)
		}
	}
}

// testStartRepeated: a start whose answer was lost is made again, and must not collect twice.
func testStartRepeated(t *testing.T, b *bench) {
	p := b.payment("AGAIN1A")
	first, err := b.Provider.Start(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	second, err := b.Provider.Start(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	b.Choose(t, first, Pay)
	b.Choose(t, second, Pay)
	if got, err := b.Provider.Read(b.told(t)); err != nil || got.Kind != providers.Succeeded {
		t.Errorf("observed %+v, %v", got, err)
	}
}

// testAltered changes every byte of a notification in turn: it must be refused, or read as what it was.
func testAltered(t *testing.T, b *bench) {
	b.begin(t, b.payment("ALTER1A"), Pay)
	n := b.told(t)
	want, err := b.Provider.Read(n)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	check := func(altered providers.Notification, at int) {
		got, err := b.Provider.Read(altered)
		switch {
		case errors.Is(err, providers.ErrBadSignature):
			refused++
		case errors.Is(err, providers.ErrMalformed):
		case err != nil:
			t.Errorf("byte %d altered: %v, want ErrBadSignature or ErrMalformed", at, err)
		case got != want:
			t.Errorf("byte %d altered and believed: %+v", at, got)
		}
	}
	for i := range n.RawQuery {
		altered := n
		altered.RawQuery = n.RawQuery[:i] + string(other(n.RawQuery[i])) + n.RawQuery[i+1:]
		check(altered, i)
	}
	for i := range n.Body {
		altered := n
		altered.Body = append([]byte(nil), n.Body...)
		altered.Body[i] = other(n.Body[i])
		check(altered, i)
	}
	if refused < 64 {
		t.Errorf("only %d alterations were refused for their signature", refused)
	}
}

// other gives a different byte of the same sort, so that a message stays well-formed.
func other(c byte) byte {
	switch {
	case c >= '0' && c < '9', c >= 'a' && c < 'z', c >= 'A' && c < 'Z':
		return c + 1
	}
	return '0'
}

func testAskedBeforePaid(t *testing.T, b *bench) {
	p := b.payment("EARLY1A")
	if _, err := b.Provider.Start(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	got, err := b.querier(t).Query(t.Context(), inquiry(p))
	if err != nil || (got.Kind != providers.Pending && got.Kind != providers.NotKnown) {
		t.Errorf("answers %+v, %v; want pending or not known", got, err)
	}
}

func testAskedAboutNobody(t *testing.T, b *bench) {
	got, err := b.querier(t).Query(t.Context(), inquiry(b.payment("NOBODY1A")))
	if err != nil || got.Kind != providers.NotKnown {
		t.Errorf("answers %+v, %v; want not known", got, err)
	}
}

func testNotReached(t *testing.T, b *bench) {
	q := b.querier(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := q.Query(ctx, inquiry(b.payment("BROKEN1A"))); !errors.Is(err, providers.ErrUnknown) {
		t.Errorf("a question that could not be asked: %+v, %v; want ErrUnknown", got, err)
	}
}

func testVerdicts(t *testing.T, b *bench) {
	all := []providers.Verdict{
		providers.Accepted, providers.AlreadyFinal, providers.UnknownOrder, providers.AmountDiffers,
		providers.BadSignature, providers.Malformed, providers.Fault, providers.Verdict("not of the set"),
	}
	accepted := string(b.Provider.Answer(providers.Accepted).Body)
	for _, v := range all {
		r := b.Provider.Answer(v)
		if r.Status < 200 || r.Status > 599 || r.ContentType == "" && len(r.Body) > 0 {
			t.Errorf("%s is answered %+v", v, r)
		}
		if v != providers.Accepted && v != providers.AlreadyFinal && string(r.Body) == accepted && r.Status == 200 {
			t.Errorf("%s is answered like accepted: the provider would not call again", v)
		}
	}
}
