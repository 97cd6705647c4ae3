// Package api is the JSON transport of Exchequer: tariffs and their drafts, quotes, bills, orders, attempts, the providers' notifications,
// partners' books in the ledger, health and metrics.
//
// It owns the shapes of requests and answers, the map from a refusal's code to an HTTP status, request ids and the
// handling of Idempotency-Key. It guarantees that every refusal is a problem document (RFC 9457) that repeats nothing
// the caller sent, that a fault of ours shows a request id and no more, and that a body over the limit is not read.
// It decides nothing about money, and it has no query of its own.
package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"exchequer/internal/authn"
	"exchequer/internal/bill"
	"exchequer/internal/calendar"
	"exchequer/internal/order"
	"exchequer/internal/outbox"
	"exchequer/internal/publication"
	"exchequer/internal/sign"
	"exchequer/ledger"
	"exchequer/providers"
)

// Version is the version of the interface, as its OpenAPI document states it.
const Version = "1.0.0"

// maxBody bounds a request's body, in bytes: an order over the most bills is under 3 kB, inputs of a quote under 10.
const maxBody = 256 << 10

// bodyTimeout bounds how long a body may take to arrive.
const bodyTimeout = 10 * time.Second

// Law gives the law as it is published, or as it was known at an instant; *publication.Store is one.
type Law interface {
	Current(ctx context.Context) (*publication.Law, error)
	KnownAt(ctx context.Context, at time.Time) (*publication.Law, error)
}

// Bills issues and finds bills; *bill.Store is one.
type Bills interface {
	Issue(ctx context.Context, actor authn.Actor, r bill.Request) (bill.Bill, error)
	Get(ctx context.Context, actor authn.Actor, ref string) (bill.Bill, error)
}

// Orders opens payment orders and drives their attempts; *order.Service is one.
type Orders interface {
	Open(ctx context.Context, actor authn.Actor, ref string, bills []string) (order.Order, error)
	Get(ctx context.Context, actor authn.Actor, ref string) (order.Order, error)
	Start(ctx context.Context, actor authn.Actor, r order.StartRequest) (order.Attempt, error)
	Abandon(ctx context.Context, actor authn.Actor, attempt string) (order.Attempt, error)
}

// Inbox records a provider's notification and answers it in the provider's form; *order.Service is one.
type Inbox interface {
	Receive(ctx context.Context, provider string, n providers.Notification) (providers.Reply, error)
}

// Keys remembers requests by Idempotency-Key, with their answers; *order.Keys is one.
type Keys interface {
	Begin(ctx context.Context, key order.Key, body []byte, newReference func() string) (order.Claim, error)
	Finish(ctx context.Context, key order.Key, lease time.Time, status int, answer []byte) error
}

// Signer signs quotes, and gives the keys that check them; *sign.Keys is one.
type Signer interface {
	Sign(typ string, payload []byte) (string, error)
	Public() *sign.KeySet
}

// Versions tells what is published of the law, from when and since when; *publication.Store is one.
type Versions interface {
	Versions(ctx context.Context, q publication.VersionsQuery) ([]publication.Version, error)
}

// Drafts shows changes of the law that somebody wants published; *publication.Store is one.
type Drafts interface {
	Get(ctx context.Context, actor authn.Actor, id int64) (publication.Draft, error)
	List(ctx context.Context, actor authn.Actor, state publication.State) ([]publication.Draft, error)
	Texts(ctx context.Context, actor authn.Actor, id int64) (publication.Documents, error)
}

// Drafting changes the law, by two persons; *publication.Store is one.
type Drafting interface {
	Draft(ctx context.Context, actor authn.Actor, docs publication.Documents) (publication.Draft, error)
	Propose(ctx context.Context, actor authn.Actor, id int64) (publication.Draft, error)
	Approve(ctx context.Context, actor authn.Actor, id int64) (publication.Draft, error)
	Reject(ctx context.Context, actor authn.Actor, id int64, reason string) (publication.Draft, error)
}

// Books posts to the ledger for partner systems, and opens and closes their accounts; *bookkeeping.Books is one.
type Books interface {
	Post(ctx context.Context, actor authn.Actor, txs []ledger.Transaction) ([]ledger.Result, error)
	OpenAccounts(ctx context.Context, actor authn.Actor, book string, accounts []ledger.Account) error
	CloseAccount(ctx context.Context, actor authn.Actor, book, code string) error
}

// Checkpoints gives what was published of the ledger's trees, and the key that checks it; fs.ErrNotExist for what is not
// there.
type Checkpoints interface {
	Checkpoint(day time.Time) ([]byte, error) // signed note of a day at 00:00 UTC
	PublicKey() (string, error)
	Published() ([]ledger.Checkpoint, error) // of all days
}

// Ledger reads books for partner systems and treasury staff; *bookkeeping.Books is one.
type Ledger interface {
	Transaction(ctx context.Context, actor authn.Actor, book, reference string) (ledger.Recorded, error)
	Transactions(ctx context.Context, actor authn.Actor, p ledger.Page) ([]ledger.Recorded, error)
	Holds(ctx context.Context, actor authn.Actor, p ledger.Page) ([]ledger.HeldTransaction, error)
	Accounts(ctx context.Context, actor authn.Actor, book, after string, limit int) ([]ledger.OpenedAccount, error)
	Balances(ctx context.Context, actor authn.Actor, q ledger.Query) ([]ledger.Balance, error)
}

// Evidence gives accounts' statements, and proofs that strangers can check; *bookkeeping.Books is one.
type Evidence interface {
	Statement(ctx context.Context, actor authn.Actor, q ledger.StatementQuery) (ledger.Statement, error)
	Prove(ctx context.Context, actor authn.Actor, q ledger.ProofQuery) (ledger.Proof, error)
}

// Deps is what the API stands on. Every field is required.
type Deps struct {
	Law           Law
	Versions      Versions
	Drafts        Drafts
	Drafting      Drafting
	Bills         Bills
	Orders        Orders
	Inbox         Inbox
	Books         Books
	Ledger        Ledger
	Evidence      Evidence
	Keys          Keys
	Signer        Signer
	Issuer        string // who signs quotes, as their iss says
	Authenticator Authenticator
	Health        func(context.Context) error                     // answers an error when the database does not
	Backlog       func(context.Context) ([]outbox.Backlog, error) // work not done, from PostgreSQL
	Unsealed      func(context.Context) (int64, error)            // transactions of the ledger without a leaf
	Checkpoints   Checkpoints
	Clock         calendar.Clock
	Log           *slog.Logger
}

// Paths are the patterns under which the handler of New must be mounted beside other handlers; each is one of chi.
func Paths() []string {
	return []string{"/v1/*", "/notifications/*", "/problems/*", "/healthz", "/metrics", keySetPath, "/openapi.json", "/openapi.yaml",
		"/openapi-3.0.json", "/openapi-3.0.yaml"}
}

type server struct {
	Deps
	figures *figures
}

// New makes the handler of the API. It takes whole paths: mount it without stripping a prefix.
func New(d Deps) http.Handler {
	refusalsInOurForm()
	s := &server{Deps: d}
	s.figures = newFigures(s)
	r := chi.NewRouter()
	r.Use(middleware.GetHead, identify, s.figures.measure, s.recoverPanics, secure)
	r.NotFound(s.noSuchPath)
	r.MethodNotAllowed(s.noSuchMethod(r))
	api := humachi.New(r, description())
	api.UseMiddleware(s.onlyJSON(api), s.authenticate(api))

	s.tariffs(api)
	s.drafts(api)
	s.quotes(api)
	s.bills(api)
	s.orders(api)
	s.attempts(api)
	s.notifications(api, r)
	s.ledger(api)
	s.health(api, r)
	s.keySet(api, r)
	s.checkpoints(api, r)
	s.problems(r)
	r.Method(http.MethodGet, "/metrics", s.figures.handler())
	return detached(r)
}

// refusalsInOurForm replaces the error builder of the framework, which is a variable of its package: the one it comes
// with repeats refused values, and for an unknown field the whole body.
var refusalsInOurForm = sync.OnceFunc(func() {
	huma.NewErrorWithContext = refusal
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return refusal(nil, status, msg, errs...)
	}
})

func description() huma.Config {
	c := huma.DefaultConfig("Exchequer", Version)
	c.Info.Description = "Fees, bills and payments of public services. Amounts are whole đồng. Refusals are problem documents (RFC 9457)."
	c.DocsPath, c.SchemasPath = "", "" // the page it comes with loads a script from another host
	c.Formats = map[string]huma.Format{"application/json": exactJSON, "json": exactJSON}
	c.CreateHooks = nil // no $schema links: they repeat the Host header
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		bearer: {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
	}
	return c
}

// operation is what every operation under /v1 has in common.
func operation(id, method, path, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary,
		MaxBodyBytes: maxBody, BodyReadTimeout: bodyTimeout,
		Security: []map[string][]string{{bearer: {}}},
	}
}

// detached hides the route of an outer router: measured routes are then the same wherever the API is mounted.
func detached(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), chi.RouteCtxKey, nil)))
	})
}
