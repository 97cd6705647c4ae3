package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"

	"exchequer/internal/problem"
)

// problemType is the media type of a refusal (RFC 9457 section 3).
const problemType = "application/problem+json"

// meaning is what a code says to an HTTP client.
type meaning struct {
	status int
	title  string
	advice string
}

// meanings is the one map from a refusal's code to its HTTP status. The input of a well-formed body is refused with 422
// (RFC 9110 section 15.5.21); 400 is for a body that is not JSON and for a missing Idempotency-Key, as the draft on that
// header has it.
var meanings = map[problem.Code]meaning{
	problem.Invalid:         {422, "The request is not acceptable", "Correct what errors names and send the request again."},
	problem.Unauthenticated: {401, "Not authenticated", "Send a valid bearer token in the header Authorization."},
	problem.Forbidden:       {403, "Not allowed", "The token's role or books do not reach this. Ask for another token."},
	problem.NotFound:        {404, "Not found", "Check the name or reference. What belongs to another client is not found either."},
	problem.Conflict:        {409, "The state does not allow it", "Read the bill or order again and decide anew."},
	problem.KeyReused:       {422, "Idempotency-Key used before", "The key was sent with another request. Use a new key for a new request."},
	problem.InProgress:      {409, "Still being worked on", "The same request is being worked on. Send it again after Retry-After seconds."},
	problem.Refused:         {422, "Cannot be quoted", "The law or the catalogue gives no certain amount, share, collecting body, budget line or account for this case: detail says which, and act names the act that decides, where one does."},
	problem.LedgerRefused:   {422, "The ledger refused the transaction", "Nothing was written. result says why, and at which field and account."},
	problem.ReferenceReused: {409, "Reference used before", "The book holds another transaction under the reference, which differs at the field of result. Use a new reference for a new transaction."},
	problem.OutcomeUnknown:  {503, "Not known whether it stands", "Send the same references again after Retry-After seconds: what stands is answered as duplicate."},
	problem.TooLarge:        {413, "Body too large", "Send a smaller body."},
	problem.Unavailable:     {503, "Not available now", "A provider or server is down. Try again later or choose another provider."},
	problem.Internal:        {500, "Fault of ours", "Report the instance of the problem document. With an Idempotency-Key the request may be sent again."},
}

// retryAfter is how many seconds a client should wait before it sends a request in progress again.
const retryAfter = "1"

// Fault is one thing wrong with a request. Either Pointer (RFC 6901, into the body) or Parameter (of path, query or
// header) says where.
type Fault struct {
	Detail    string `json:"detail" doc:"What is wrong and what to do"`
	Pointer   string `json:"pointer,omitempty" doc:"JSON pointer into the request's body, as a URI fragment" example:"#/inputs/kwh"`
	Parameter string `json:"parameter,omitempty" doc:"Name of the path, query or header parameter" example:"Idempotency-Key"`
}

// Problem is a refusal as it leaves the program (RFC 9457). It repeats nothing the caller sent.
type Problem struct {
	Type     string       `json:"type" doc:"What kind of refusal; the address explains it" example:"/problems/conflict"`
	Title    string       `json:"title"`
	Status   int          `json:"status"`
	Detail   string       `json:"detail" doc:"What to do, for a person"`
	DetailVi string       `json:"detail_vi,omitempty" doc:"The same in Vietnamese, where the law, the catalogue, a tariff, a draft or a bill refuses"`
	Instance string       `json:"instance" doc:"The request: name it when you report a fault" example:"urn:exchequer:request:01JXA"`
	Code     problem.Code `json:"code" doc:"What programs branch on" example:"conflict"`
	Act      string       `json:"act,omitempty" doc:"The legal act that decides, where one does"`
	ActVi    string       `json:"act_vi,omitempty" doc:"The same by its Vietnamese name"`
	Errors   []Fault      `json:"errors,omitempty"`
	Result   *resultView  `json:"result,omitempty" doc:"What the ledger said of a transaction that it refused"`
}

// Error gives the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus gives the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType gives the media type of a problem document.
func (p *Problem) ContentType(string) string { return problemType }

// GetHeaders gives the headers that go with the refusal.
func (p *Problem) GetHeaders() http.Header {
	if p.Code == problem.InProgress || p.Code == problem.OutcomeUnknown {
		return http.Header{"Retry-After": {retryAfter}}
	}
	return nil
}

func newProblem(ctx context.Context, code problem.Code, detail string) *Problem {
	m, ok := meanings[code]
	if !ok {
		code, m = problem.Internal, meanings[problem.Internal]
	}
	return &Problem{
		Type: "/problems/" + string(code), Title: m.title, Status: m.status, Detail: detail,
		Instance: "urn:exchequer:request:" + requestID(ctx), Code: code,
	}
}

// problem turns an error into a refusal. Said is the body that was sent (nil where there was none): nothing of it is
// repeated. An error that is not a *problem.Error is a fault of ours: it is logged, and only the request id goes out.
func (s *server) problem(ctx context.Context, err error, said any) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	refused, ok := errors.AsType[*problem.Error](err)
	if !ok || meanings[refused.Code].status == 0 || refused.Code == problem.Internal {
		s.Log.ErrorContext(ctx, "request failed", "request", requestID(ctx), "error", err)
		return newProblem(ctx, problem.Internal, "something went wrong here: report the instance of this document")
	}
	sent := reading(said)
	detail := sent.unsaid(refused.Detail, "the value")
	p := newProblem(ctx, refused.Code, detail)
	p.DetailVi, p.Act, p.ActVi = sent.unsaid(refused.DetailVi, "giá trị"), refused.Act, refused.ActVi
	if refused.Field == headerKey && refused.Code == problem.Invalid {
		p.Status = http.StatusBadRequest
	}
	if refused.Field != "" {
		fault := sent.place(refused.Field)
		fault.Detail = detail
		p.Errors = []Fault{fault}
	}
	return p
}

// refuse gives a handler's error in the form in which it leaves.
func (s *server) refuse(ctx context.Context, err error, said any) error {
	return s.problem(ctx, err, said)
}

// write answers a plain handler's request with a refusal.
func (p *Problem) write(w http.ResponseWriter) {
	for name, values := range p.GetHeaders() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may have gone
}

// problems serves the page behind the type of a problem document.
func (s *server) problems(r chi.Router) {
	r.Get("/problems/{code}", func(w http.ResponseWriter, r *http.Request) {
		m, ok := meanings[problem.Code(chi.URLParam(r, "code"))]
		if !ok {
			s.noSuchPath(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "%s (HTTP status %d)\n\n%s\n", m.title, m.status, m.advice)
	})
}

func (s *server) noSuchPath(w http.ResponseWriter, r *http.Request) {
	newProblem(r.Context(), problem.NotFound, "there is nothing at this path: see /openapi.json").write(w)
}

func (s *server) noSuchMethod(routes chi.Routes) http.HandlerFunc {
	methods := []string{http.MethodGet, http.MethodPost}
	return func(w http.ResponseWriter, r *http.Request) {
		for _, m := range slices.DeleteFunc(slices.Clone(methods), func(m string) bool {
			return !routes.Match(chi.NewRouteContext(), m, r.URL.Path)
		}) {
			w.Header().Add("Allow", m)
		}
		p := newProblem(r.Context(), problem.Invalid, "this path does not take the method: Allow names those it takes")
		p.Title, p.Status = http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed
		p.write(w)
	}
}
