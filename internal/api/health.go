package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"exchequer/internal/outbox"
)

// healthTimeout bounds the questions to the database behind /healthz and /metrics.
const healthTimeout = 3 * time.Second

// healthView is the answer of /healthz.
type healthView struct {
	OK               bool   `json:"ok"`
	Database         string `json:"database"`
	OutboxDue        int64  `json:"outbox_due"`         // jobs due and not done
	OutboxFailing    int64  `json:"outbox_failing"`     // of these, whose last run failed
	OutboxAgeSeconds int64  `json:"outbox_age_seconds"` // of the oldest of them, in the program's clock
}

func (s *server) health(api huma.API, r chi.Router) {
	r.Get("/healthz", s.healthz)
	document(api, "healthz", "/healthz", "Whether the database answers, and how old the oldest work is", "Well")
	document(api, "metrics", "/metrics", "Figures for Prometheus, without personal data", "Well")
}

// document describes an operation that a plain handler answers to anybody.
func document(api huma.API, id, path, summary, answer string) {
	api.OpenAPI().AddOperation(&huma.Operation{OperationID: id, Method: http.MethodGet, Path: path, Summary: summary,
		Responses: map[string]*huma.Response{"200": {Description: answer}}})
}

// healthz answers 503 when the database does not. Old work does not make a server unwell: another server would not do
// better, and workers are other processes.
func (s *server) healthz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
	defer cancel()
	status, v := http.StatusOK, healthView{OK: true, Database: "answers"}
	backlog, err := s.Backlog(ctx)
	if pinged := s.Health(ctx); pinged != nil {
		err = pinged
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "database does not answer", "request", requestID(ctx), "error", err)
		status, v = http.StatusServiceUnavailable, healthView{Database: "does not answer"}
	}
	for _, b := range backlog {
		v.OutboxDue += b.Due + b.InHand
		v.OutboxFailing += b.Failing
		v.OutboxAgeSeconds = max(v.OutboxAgeSeconds, int64(s.age(b)/time.Second))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client may have gone
}

// age is how long the oldest due job of a kind has waited, in the program's clock.
func (s *server) age(b outbox.Backlog) time.Duration {
	if b.Oldest.IsZero() {
		return 0
	}
	return max(0, s.Clock.Now().Sub(b.Oldest))
}
