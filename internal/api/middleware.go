package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
)

// requestHeader carries a request's id, in and out.
const requestHeader = "X-Request-Id"

// saneID is an id from outside that may go into logs and answers as it is.
var saneID = regexp.MustCompile(`^[0-9A-Za-z._-]{8,64}$`)

type requestKey struct{}

// identify gives every request an id: the caller's where it is sane, else a new one.
func identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestHeader)
		if !saneID.MatchString(id) {
			id = rand.Text()
		}
		w.Header().Set(requestHeader, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, id)))
	})
}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// secure sets the headers of answers that are data: never shown as a page, never kept by a cache.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		next.ServeHTTP(w, r)
	})
}

// recoverPanics answers a panic with a fault of ours. A handler that gave up on its connection on purpose still does.
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
			s.problem(r.Context(), &panicked{cause}, nil).write(w)
		}()
		next.ServeHTTP(w, r)
	})
}

type panicked struct{ cause any }

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.cause) }
