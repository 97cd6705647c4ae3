package web

import (
	"context"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"exchequer/internal/bill"
	"exchequer/internal/order"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
)

// maxForm bounds a form, in bytes.
const maxForm = 4 << 10

// formToken is what the token of a form looks like (crypto/rand.Text). Anything else was not made here; it could hold
// bytes that the database does not take as text.
var formToken = regexp.MustCompile(`^[0-9A-Z]{26}$`)

// pay opens an order over one bill and starts its attempt, then leads the payer to the provider. The form's token is
// its idempotency key: sent again, it leads to the same attempt.
func (s *server) pay(w http.ResponseWriter, r *http.Request) {
	b, ok := s.formOf(w, r)
	if !ok {
		return
	}
	provider, token := r.PostForm.Get("provider"), r.PostForm.Get("token")
	if !slices.Contains(s.Providers, provider) || !formToken.MatchString(token) {
		s.answerBill(w, r, b, http.StatusUnprocessableEntity, in(r.Context()).badForm)
		return
	}
	a, err := s.start(r.Context(), b, order.StartRequest{
		Provider: provider, Key: token, PayerIP: addressOf(r), Locale: in(r.Context()).lang})
	if err != nil {
		status, text := s.judge(r, err)
		s.answerBill(w, r, b, status, text)
		return
	}
	next := s.nextOf(a)
	if next == "" {
		next = "/return/" + a.Ref // it shows a code or instructions, and how the attempt stands
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// start runs one form once. What is kept of it is the attempt's reference; a refusal is not kept, since the page that
// answers it shows the bill anew with a new token.
func (s *server) start(ctx context.Context, b bill.Bill, q order.StartRequest) (order.Attempt, error) {
	key := order.Key{Client: payer.ID, Operation: "web.pay", Key: q.Key}
	claim, err := s.Keys.Begin(ctx, key, []byte(b.Ref+"\n"+q.Provider), func() string { return reference.New(b.Book) })
	if err != nil {
		return order.Attempt{}, err
	}
	if claim.Status > 0 {
		return s.Attempts.ReadReturn(ctx, string(claim.Answer))
	}
	a, err := s.startAt(ctx, claim.Reference, b.Ref, q)
	status, answer := http.StatusSeeOther, a.Ref
	if err != nil {
		status, answer = http.StatusServiceUnavailable, "" // gives the lease back and keeps nothing
	}
	// The payer may have closed the page; the lease must be given back all the same.
	if kept := s.Keys.Finish(context.WithoutCancel(ctx), key, claim.Lease, status, []byte(answer)); kept != nil {
		s.Log.ErrorContext(ctx, "form could not be kept", "order", claim.Reference, "error", kept)
	}
	return a, err
}

func (s *server) startAt(ctx context.Context, ref, billRef string, q order.StartRequest) (order.Attempt, error) {
	o, err := s.Orders.Open(ctx, payer, ref, []string{billRef})
	if err != nil {
		return order.Attempt{}, err
	}
	q.Order = o.Ref
	return s.Orders.Start(ctx, payer, q)
}

// abandon gives up the attempt that holds a bill, so that another can be started.
func (s *server) abandon(w http.ResponseWriter, r *http.Request) {
	b, ok := s.formOf(w, r)
	if !ok {
		return
	}
	attempt := strings.ToUpper(r.PostForm.Get("attempt"))
	held, err := s.Attempts.Holding(r.Context(), b.Ref)
	if err == nil && held.Ref == attempt {
		_, err = s.Orders.Abandon(r.Context(), payer, attempt)
	}
	// Nothing holds the bill any more, or another attempt does: its page shows which.
	if err != nil && problem.CodeOf(err) != problem.NotFound {
		status, text := s.judge(r, err)
		s.answerBill(w, r, b, status, text)
		return
	}
	http.Redirect(w, r, "/bills/"+b.Ref, http.StatusSeeOther)
}

// backToBill answers who opens the address of a form as a page, after a language was chosen on the page that answered it.
func (s *server) backToBill(w http.ResponseWriter, r *http.Request) {
	ref, err := reference.Parse(chi.URLParam(r, "ref"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	http.Redirect(w, r, "/bills/"+ref, http.StatusSeeOther)
}

// formOf reads a form posted about a bill. Where it cannot, it has answered.
func (s *server) formOf(w http.ResponseWriter, r *http.Request) (bill.Bill, bool) {
	b, err := s.Bills.Get(r.Context(), payer, chi.URLParam(r, "ref"))
	if err != nil {
		s.fail(w, r, err)
		return b, false
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		s.answerBill(w, r, b, http.StatusUnprocessableEntity, in(r.Context()).badForm)
		return b, false
	}
	return b, true
}

// addressOf is the payer's network address, which some providers ask for. It is passed on; where a provider wants it in
// the address of its page it stands in the attempt's action as long as that is kept.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}
