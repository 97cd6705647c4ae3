package api

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"exchequer/internal/problem"
	"exchequer/providers"
)

// Limits of a notification, in bytes. It is kept whole before anybody is known to have sent it, and those of all
// providers together are under 4 kB.
const (
	maxNotification = 32 << 10
	maxQuery        = 16 << 10
)

// notifications takes what providers send. There is no bearer token: a notification proves itself by its provider's own
// signature, and is answered in that provider's own form.
func (s *server) notifications(api huma.API, r chi.Router) {
	const path = "/notifications/{provider}"
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		r.MethodFunc(method, path, s.notify)
		api.OpenAPI().AddOperation(&huma.Operation{
			OperationID: "notify-" + method, Method: method, Path: path,
			Summary:    "A provider's notification, in its own form; answered in that form",
			Parameters: []*huma.Param{{Name: "provider", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}},
			Responses: map[string]*huma.Response{
				"200": {Description: "Answered in the provider's form, whatever the verdict"},
				"404": {Description: "There is no such provider"}, "413": {Description: "Body or query too large"},
			},
		})
	}
}

func (s *server) notify(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	if len(r.URL.RawQuery) > maxQuery {
		newProblem(ctx, problem.TooLarge, fmt.Sprintf("the query is over %d bytes: send a shorter one", maxQuery)).write(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotification))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		newProblem(ctx, problem.TooLarge, fmt.Sprintf("the body is over %d bytes: send a smaller one", maxNotification)).write(w)
		return
	}
	if err != nil {
		// The message did not arrive whole. The provider sends it again.
		newProblem(ctx, problem.Unavailable, "the body did not arrive: send it again").write(w)
		return
	}
	reply, err := s.Inbox.Receive(ctx, chi.URLParam(r, "provider"), providers.Notification{
		Method: r.Method, RawQuery: r.URL.RawQuery, Header: r.Header, Body: body,
	})
	if problem.CodeOf(err) == problem.NotFound {
		newProblem(ctx, problem.NotFound, "there is no such provider").write(w)
		return
	}
	if err != nil {
		s.problem(ctx, err, nil).write(w)
		return
	}
	w.Header().Set("Content-Type", reply.ContentType)
	w.WriteHeader(reply.Status)
	_, _ = w.Write(reply.Body) // the provider may have gone; it sends the same again
}
