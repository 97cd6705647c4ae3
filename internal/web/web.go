// Package web is the payer's pages: find a bill, see each line and its law, pay it, see where the money is.
//
// It owns the words (Vietnamese and English), the look, and what a browser may do. It guarantees that every page works
// without JavaScript and on a phone, that nothing a provider's redirect says is shown as a state (only ours is), that a
// form sent twice starts one attempt, and that other sites can neither frame the pages nor post to them. A payer is not
// logged in: a bill's reference cannot be guessed, and whoever has it may see and pay that bill. It decides nothing
// about money, and it has no query of its own.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"exchequer/internal/authn"
	"exchequer/internal/bill"
	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/order"
	"exchequer/internal/publication"
)

var (
	// payer acts for whoever holds a bill's reference: it opens orders and drives their attempts, and those only.
	payer = authn.PayerOfPages()
	// pages reads an order of any client: its attempt's reference, which cannot be guessed, led here.
	pages = authn.Exchequer("pages")
)

// Bills finds bills; *bill.Store is one.
type Bills interface {
	Get(ctx context.Context, actor authn.Actor, ref string) (bill.Bill, error)
}

// Orders opens payment orders and drives their attempts; *order.Service is one.
type Orders interface {
	Open(ctx context.Context, actor authn.Actor, ref string, bills []string) (order.Order, error)
	Get(ctx context.Context, actor authn.Actor, ref string) (order.Order, error)
	Start(ctx context.Context, actor authn.Actor, r order.StartRequest) (order.Attempt, error)
	Abandon(ctx context.Context, actor authn.Actor, attempt string) (order.Attempt, error)
}

// Attempts shows attempts and how far their money has come; *order.Service is one.
type Attempts interface {
	ReadReturn(ctx context.Context, attempt string) (order.Attempt, error)
	Holding(ctx context.Context, bill string) (order.Attempt, error)
	Trail(ctx context.Context, attempt string) (order.Trail, error)
}

// Keys remembers forms that were sent, by their hidden token; *order.Keys is one.
type Keys interface {
	Begin(ctx context.Context, key order.Key, body []byte, newReference func() string) (order.Claim, error)
	Finish(ctx context.Context, key order.Key, lease time.Time, status int, answer []byte) error
}

// Law gives the law as it is published; *publication.Store is one.
type Law interface {
	Current(ctx context.Context) (*publication.Law, error)
}

// Deps is what the pages stand on. Every field but PayOrigins is required.
type Deps struct {
	Bills     Bills
	Orders    Orders
	Attempts  Attempts
	Keys      Keys
	Catalog   *catalog.Catalog
	Law       Law
	Providers []string // keys of those that are configured, in the order in which they are shown
	// PayOrigins are the origins (https://host:port) of the providers' pay pages. Browsers hold the redirect after a form
	// to the policy too, along with those that follow it, so a provider that is missing here cannot be reached; with none
	// given no origin is enforced.
	PayOrigins []string
	Clock      calendar.Clock
	Log        *slog.Logger
}

type server struct {
	Deps
	policy string
}

// New makes the handler of the pages. It takes whole paths: mount it without stripping a prefix.
func New(d Deps) http.Handler {
	s := &server{Deps: d, policy: policy(d.PayOrigins)}
	r := chi.NewRouter()
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(s.fromElsewhere))
	r.Use(middleware.GetHead, s.headers, speak, s.recoverPanics, guard.Handler)
	r.NotFound(s.nowhere)
	r.MethodNotAllowed(s.noSuchMethod(r))
	r.Get("/", s.find)
	r.Get("/bills", s.lookUp)
	r.Get("/bills/{ref}", s.showBill)
	r.Get("/bills/{ref}/pay", s.backToBill)
	r.Get("/bills/{ref}/abandon", s.backToBill)
	r.Post("/bills/{ref}/pay", s.pay)
	r.Post("/bills/{ref}/abandon", s.abandon)
	r.Get("/return/{attempt}", s.showResult)
	r.Get(stylePath, serveStyle)
	return detached(r)
}

// policy is the pages' Content-Security-Policy: a style sheet of our own and forms, nothing else.
func policy(payOrigins []string) string {
	p := "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
	if len(payOrigins) > 0 {
		p += "; form-action 'self' " + strings.Join(payOrigins, " ")
	}
	return p
}

func (s *server) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", s.policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		// References stand in addresses and go to no other site. Not no-referrer: forms would then be sent with
		// Origin: null, which looks like another site's.
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

// detached hides the route of an outer router, whose path would be taken for ours.
func detached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, nil)))
	})
}
