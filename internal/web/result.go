package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"exchequer/internal/bill"
	"exchequer/internal/order"
	"exchequer/providers"
)

// How often a page that waits asks again, in seconds: soon while the payer has just come back, seldom later.
const (
	soon   = 4
	seldom = 60
)

// resultView is an attempt as the page of its result shows it.
type resultView struct {
	order.Attempt
	order             order.Order
	ours              bool // started on these pages: how to go on is shown to nobody else
	kind, title, lead string
	excess            int64
	payload           string // of a QR code, or instructions
	next              string // the provider's page
	refresh           int
	stages            []stage
	offer             *offer
	bills             []string
}

// stage is one step of the money's way; when is empty while it is waited for.
type stage struct {
	name, when string
}

// showResult shows how an attempt stands by our own books. What the browser brings along in its query is not read: it
// is the provider's word by way of the payer, who can change it.
func (s *server) showResult(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	a, err := s.Attempts.ReadReturn(ctx, strings.ToUpper(chi.URLParam(r, "attempt")))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	o, err := s.Orders.Get(ctx, pages, a.Order)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v := resultView{Attempt: a, order: o, ours: o.Client == payer.ID}
	if v.ours {
		v.next = s.nextOf(a)
	}
	if err := s.fill(ctx, &v); err != nil {
		s.fail(w, r, err)
		return
	}
	s.show(w, r, http.StatusOK, resultPage(in(ctx), v))
}

// fill adds what the state means for the payer.
func (s *server) fill(ctx context.Context, v *resultView) error {
	t := in(ctx)
	retry := true
	switch v.State {
	case order.Succeeded:
		return s.fillPaid(ctx, v)
	case order.Failed:
		v.kind, v.title, v.lead = "bad", t.failedTitle, t.failedLead
	case order.AttemptReversed:
		v.kind, v.title, v.lead = "warn", t.reversedTitle, t.reversedLead
	case order.AttemptCancelled:
		v.kind, v.title, v.lead = "bad", t.cancelledTitle, t.cancelledLead
	case order.AttemptExpired:
		v.kind, v.title, v.lead = "bad", t.overTitle, t.overLead
	case order.Abandoned:
		v.kind, v.title, v.lead = "warn", t.leftTitle, t.leftLead
	default:
		retry = false
		v.kind, v.title, v.lead, v.refresh = "warn", t.checkTitle, t.checkLead, soon
		if s.Clock.Now().After(v.ExpiresAt.Add(time.Minute)) {
			v.refresh = seldom
		}
		if v.ours && v.Action != nil && v.Action.Kind != providers.Redirect {
			v.payload = v.Action.Payload
		}
	}
	return s.fillBills(ctx, v, retry)
}

func (s *server) fillPaid(ctx context.Context, v *resultView) error {
	t := in(ctx)
	v.kind, v.title, v.lead = "good", t.paidTitle, t.paidLead
	trail, err := s.Attempts.Trail(ctx, v.Ref)
	if err != nil {
		return err
	}
	if trail.Excess > 0 {
		v.kind, v.lead, v.excess = "warn", t.excessLead, trail.Excess
	}
	v.stages = []stage{{name: t.stagePaid}, {name: t.stageBooked}, {name: t.stageSettled}}
	if v.OccurredAt != nil {
		v.stages[0].when = t.at(*v.OccurredAt)
	}
	if !trail.BookedAt.IsZero() {
		v.stages[1].when = t.at(trail.BookedAt)
	}
	if !trail.SettledOn.IsZero() {
		v.stages[2].when = t.day(trail.SettledOn)
	}
	return s.fillBills(ctx, v, false)
}

// fillBills names the order's bills, and offers to pay again where it has one that can be paid.
func (s *server) fillBills(ctx context.Context, v *resultView, retry bool) error {
	for _, it := range v.order.Items {
		v.bills = append(v.bills, it.Bill)
	}
	if !retry || len(v.bills) != 1 {
		return nil
	}
	b, err := s.Bills.Get(ctx, payer, v.bills[0])
	if err != nil {
		return err
	}
	held, err := s.holder(ctx, b.Ref)
	if err == nil && held == nil && b.State == bill.Open && !b.Expired(s.Clock.Now()) {
		again := s.offerOf(b)
		v.offer = &again
	}
	return err
}
