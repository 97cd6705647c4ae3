package web

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"exchequer/internal/problem"
)

//go:generate go run github.com/a-h/templ/cmd/templ@v0.3.977 generate

// page is what a page's frame must know.
type page struct {
	title   string
	refresh int // seconds; 0: never
}

func seconds(n int) string { return strconv.Itoa(n) }

// show writes a page. The status is sent first: a page that breaks off has no other way to say so than to be cut.
func (s *server) show(w http.ResponseWriter, r *http.Request, status int, c templ.Component) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if err := c.Render(r.Context(), w); err != nil && r.Context().Err() == nil {
		s.Log.ErrorContext(r.Context(), "page broke off", "error", err)
	}
}

// fail shows what went wrong in the page's own words: only what the law refuses is said in its own.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, text := s.judge(r, err)
	s.show(w, r, status, faultPage(in(r.Context()), text))
}

func (s *server) judge(r *http.Request, err error) (int, string) {
	t := in(r.Context())
	switch problem.CodeOf(err) {
	case problem.NotFound, problem.Invalid:
		return http.StatusNotFound, t.notFound
	case problem.Conflict, problem.Forbidden:
		return http.StatusConflict, t.conflict
	case problem.InProgress:
		return http.StatusConflict, t.busy
	case problem.KeyReused:
		return http.StatusConflict, t.stale
	case problem.Refused: // by the law or by the catalogue, whose words are for people
		refused, _ := errors.AsType[*problem.Error](err)
		return http.StatusUnprocessableEntity, refused.In(t.lang)
	case problem.Unavailable:
		return http.StatusServiceUnavailable, t.unavailable
	}
	s.Log.ErrorContext(r.Context(), "page failed", "error", err)
	return http.StatusInternalServerError, t.ourFault
}

func (s *server) nowhere(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusNotFound, faultPage(in(r.Context()), in(r.Context()).notFound))
}

// noSuchMethod answers a method that an address does not take (RFC 9110 section 15.5.6 asks for Allow).
func (s *server) noSuchMethod(routes chi.Routes) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, m := range []string{http.MethodGet, http.MethodPost} {
			if routes.Match(chi.NewRouteContext(), m, r.URL.Path) {
				w.Header().Add("Allow", m)
			}
		}
		s.show(w, r, http.StatusMethodNotAllowed, faultPage(in(r.Context()), in(r.Context()).wrongWay))
	}
}

// fromElsewhere answers a form that another site sent.
func (s *server) fromElsewhere(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusForbidden, faultPage(in(r.Context()), in(r.Context()).otherSite))
}

// recoverPanics answers a panic with the page of a fault. A handler that gave up on its connection on purpose still does.
func (s *server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if cause == http.ErrAbortHandler {
				panic(cause)
			}
			s.fail(w, r, fmt.Errorf("panic: %v\n%s", cause, debug.Stack()))
		}()
		next.ServeHTTP(w, r)
	})
}
