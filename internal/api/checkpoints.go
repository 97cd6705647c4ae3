package api

import (
	"errors"
	"io/fs"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

const checkpointsPath = "/v1/ledger/checkpoints/"

// checkpoints serves the signed roots of the books' trees to anybody: they hold no amount and no reference, and prove
// something only where many have them.
func (s *server) checkpoints(api huma.API, r chi.Router) {
	r.Get(checkpointsPath+"{day}", func(w http.ResponseWriter, r *http.Request) {
		day, err := calendar.ParseDate(chi.URLParam(r, "day"))
		if err != nil {
			s.problem(r.Context(), problem.AtField(problem.Invalid, "day", "a day like 2025-06-02 is needed"), nil).write(w)
			return
		}
		note, err := s.Checkpoints.Checkpoint(day.UTC())
		s.plain(w, r, note, err)
	})
	r.Get(checkpointsPath+"key", func(w http.ResponseWriter, r *http.Request) {
		key, err := s.Checkpoints.PublicKey()
		s.plain(w, r, []byte(key+"\n"), err)
	})
	document(api, "checkpoint", checkpointsPath+"{day}", "The signed roots of the books' trees, kept for a day (a signed note)", "The note")
	document(api, "checkpointKey", checkpointsPath+"key", "The public key that checks them", "The key")
}

func (s *server) plain(w http.ResponseWriter, r *http.Request, text []byte, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		err = problem.New(problem.NotFound, "there is no checkpoint of that day: one is published when a day was closed")
	}
	if err != nil {
		s.problem(r.Context(), err, nil).write(w)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(text) // the client may have gone
}
