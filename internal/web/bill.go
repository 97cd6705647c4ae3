package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"exchequer/internal/bill"
	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/order"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
	"exchequer/providers"
)

// billView is a bill as its page shows it.
type billView struct {
	bill.Bill
	notice                        string
	state, stateKind, explanation string
	service, payee, validThrough  string
	payable, expired              bool
	held                          *heldView
	offer                         offer
}

// heldView is the attempt that holds a bill. Ours says that it was started on these pages, so that it can be given up
// here. Next is the provider's address while the payer may still go there; it holds what its opener said of himself
// (his network address, say), so that of an attempt which another program started is not shown.
type heldView struct {
	attempt, next string
	ours          bool
}

// offer is how a bill can be paid, with the token of one form.
type offer struct {
	bill, token string
	providers   []string
}

func (s *server) find(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, findPage(in(r.Context()), "", ""))
}

// lookUp leads from the form to the bill's own address.
func (s *server) lookUp(w http.ResponseWriter, r *http.Request) {
	typed := r.URL.Query().Get("ref")
	ref, err := reference.Parse(typed)
	if err == nil {
		_, err = s.Bills.Get(r.Context(), payer, ref)
	}
	if err != nil {
		status, text := s.judge(r, err)
		s.show(w, r, status, findPage(in(r.Context()), typed, text))
		return
	}
	http.Redirect(w, r, "/bills/"+ref, http.StatusSeeOther)
}

func (s *server) showBill(w http.ResponseWriter, r *http.Request) {
	b, err := s.Bills.Get(r.Context(), payer, chi.URLParam(r, "ref"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.answerBill(w, r, b, http.StatusOK, "")
}

// answerBill shows a bill as it stands now, with a notice of what just did not work.
func (s *server) answerBill(w http.ResponseWriter, r *http.Request, b bill.Bill, status int, notice string) {
	v, err := s.viewBill(r.Context(), b)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v.notice = notice
	s.show(w, r, status, billPage(in(r.Context()), v))
}

func (s *server) viewBill(ctx context.Context, b bill.Bill) (billView, error) {
	t := in(ctx)
	service, err := s.serviceName(ctx, t, b.Service)
	if err != nil {
		return billView{}, err
	}
	if code := b.Quote.Procedure; code != "" {
		service += " (" + code + ")"
	}
	v := billView{Bill: b, service: service, payee: s.payee(t, b), validThrough: t.day(lastDay(b.ValidUntil))}
	switch {
	case b.State == bill.Paid:
		v.state, v.stateKind, v.explanation = t.statePaid, "good", t.paidText
	case b.State == bill.NothingDue:
		v.state, v.stateKind, v.explanation = t.stateNothing, "good", t.nothingText
	case b.Expired(s.Clock.Now()):
		v.state, v.stateKind, v.explanation, v.expired = t.stateExpired, "bad", t.expiredText, true
	default:
		v.state, v.stateKind, v.payable = t.stateOpen, "warn", true
	}
	if !v.payable {
		return v, nil
	}
	v.offer = s.offerOf(b)
	v.held, err = s.holder(ctx, b.Ref)
	return v, err
}

// lastDay is the last day on which a bill holds: ValidUntil is the midnight after it.
func lastDay(until time.Time) calendar.Date { return calendar.DayOf(until.Add(-time.Nanosecond)) }

// serviceName is what the published law calls the service.
func (s *server) serviceName(ctx context.Context, t *words, key string) (string, error) {
	law, err := s.Law.Current(ctx)
	if err != nil {
		return "", err
	}
	return cmp.Or(law.Schedules.Name(key).In(t.lang), key), nil
}

// payee is who the bill says collects; older bills say it by the code alone.
func (s *server) payee(t *words, b bill.Bill) string {
	name := b.Quote.Payee.Name
	if body, err := s.Catalog.Body(b.Body); err == nil && name == (fee.Text{}) {
		name = fee.Text{Vi: body.NameVI, En: body.NameEN}
	}
	return cmp.Or(name.In(t.lang), b.Body)
}

// offerOf names the providers that may collect for a bill's book.
func (s *server) offerOf(b bill.Bill) offer {
	o := offer{bill: b.Ref, token: rand.Text()}
	for _, p := range s.Providers {
		if _, err := s.Catalog.Contract(p, b.Book); err == nil {
			o.providers = append(o.providers, p)
		}
	}
	return o
}

// holder finds the attempt that holds a bill; nil when none does.
func (s *server) holder(ctx context.Context, ref string) (*heldView, error) {
	a, err := s.Attempts.Holding(ctx, ref)
	if problem.CodeOf(err) == problem.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	_, err = s.Orders.Get(ctx, payer, a.Order)
	if problem.CodeOf(err) == problem.NotFound {
		return &heldView{attempt: a.Ref}, nil
	}
	return &heldView{attempt: a.Ref, next: s.nextOf(a), ours: true}, err
}

// nextOf is the provider's address of an attempt, while it may still be paid there.
func (s *server) nextOf(a order.Attempt) string {
	if a.Action == nil || a.Action.Kind != providers.Redirect || !s.Clock.Now().Before(a.ExpiresAt) {
		return ""
	}
	return a.Action.URL
}
