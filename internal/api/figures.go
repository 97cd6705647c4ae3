package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// figures are the program's metrics. Labels hold routes, kinds and codes: no reference, no id, no personal data.
type figures struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
}

func newFigures(s *server) *figures {
	f := &figures{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "exchequer_http_request_seconds", Help: "How long requests took, by route and status.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route", "status"}),
	}
	f.registry.MustRegister(f.requests, &queue{s}, &trees{s}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return f
}

func (f *figures) handler() http.Handler {
	return promhttp.HandlerFor(f.registry, promhttp.HandlerOpts{})
}

// measure times a request under the pattern of its route: a path would carry references into a label.
func (f *figures) measure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		timer := prometheus.NewTimer(prometheus.ObserverFunc(func(seconds float64) {
			f.requests.WithLabelValues(method(r.Method), route(r), strconv.Itoa(max(seen.Status(), http.StatusOK))).Observe(seconds)
		}))
		defer timer.ObserveDuration()
		next.ServeHTTP(seen, r)
	})
}

func route(r *http.Request) string {
	if pattern := chi.RouteContext(r.Context()).RoutePattern(); pattern != "" {
		return pattern
	}
	return "none"
}

// method keeps a caller from making new series with methods of his own.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodPatch, http.MethodDelete:
		return m
	}
	return "other"
}

// queue reads the figures of the outbox from PostgreSQL at each scrape: what Redis holds is only a transport.
type queue struct{ s *server }

var (
	queueJobs  = prometheus.NewDesc("exchequer_outbox_jobs", "Work not done, by kind and state.", []string{"kind", "state"}, nil)
	queueAge   = prometheus.NewDesc("exchequer_outbox_oldest_seconds", "Age of the oldest due work, by kind, in the program's clock.", []string{"kind"}, nil)
	databaseUp = prometheus.NewDesc("exchequer_database_up", "1 when the database answered the scrape.", nil, nil)
)

// Describe names the figures.
func (q *queue) Describe(out chan<- *prometheus.Desc) {
	out <- queueJobs
	out <- queueAge
	out <- databaseUp
}

// Collect reads them.
func (q *queue) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), healthTimeout)
	defer cancel()
	backlog, err := q.s.Backlog(ctx)
	if err != nil {
		q.s.Log.ErrorContext(ctx, "backlog could not be read", "error", err)
		out <- prometheus.MustNewConstMetric(databaseUp, prometheus.GaugeValue, 0)
		return
	}
	out <- prometheus.MustNewConstMetric(databaseUp, prometheus.GaugeValue, 1)
	for _, b := range backlog {
		for state, n := range map[string]int64{"later": b.Later, "due": b.Due, "in_hand": b.InHand, "failing": b.Failing} {
			out <- prometheus.MustNewConstMetric(queueJobs, prometheus.GaugeValue, float64(n), b.Kind, state)
		}
		out <- prometheus.MustNewConstMetric(queueAge, prometheus.GaugeValue, q.s.age(b).Seconds(), b.Kind)
	}
}

// trees reads from PostgreSQL at each scrape how far the ledger's trees are behind.
type trees struct{ s *server }

var unsealed = prometheus.NewDesc("exchequer_ledger_unsealed_transactions", "Transactions that have no leaf in their book's tree yet.", nil, nil)

// Describe names the figure.
func (t *trees) Describe(out chan<- *prometheus.Desc) { out <- unsealed }

// Collect reads it; nothing is shown where it cannot be read.
func (t *trees) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), healthTimeout)
	defer cancel()
	n, err := t.s.Unsealed(ctx)
	if err != nil {
		t.s.Log.ErrorContext(ctx, "unsealed transactions could not be counted", "error", err)
		return
	}
	out <- prometheus.MustNewConstMetric(unsealed, prometheus.GaugeValue, float64(n))
}
