package api_test

import (
	"io/fs"
	"strings"
	"testing"
	"time"

	"exchequer/ledger"
)

// published has the checkpoint of one day.
type published struct{}

func (published) Checkpoint(day time.Time) ([]byte, error) {
	if day.Format(time.DateOnly) != "2025-06-02" {
		return nil, fs.ErrNotExist
	}
	return []byte("exchequer ledger\n2025-06-02\n\n— exchequer AAAA\n"), nil
}

func (published) Published() ([]ledger.Checkpoint, error) { return nil, nil }

func (published) PublicKey() (string, error) { return "exchequer+1+key", nil }

func TestAnybodyMayHaveTheCheckpoints(t *testing.T) {
	r := newRig(t)
	a := r.want(200, "GET", "/v1/ledger/checkpoints/2025-06-02", "", "Authorization", "")
	if !strings.HasPrefix(string(a.body), "exchequer ledger\n2025-06-02\n") || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("%s, %v", a.body, a.Header)
	}
	if key := r.want(200, "GET", "/v1/ledger/checkpoints/key", "", "Authorization", ""); string(key.body) != "exchequer+1+key\n" {
		t.Errorf("key %s", key.body)
	}
	refusedBy(t, r.want(404, "GET", "/v1/ledger/checkpoints/2025-06-03", ""), 404, "not_found")
	refusedBy(t, r.want(422, "GET", "/v1/ledger/checkpoints/..%2fkeys", ""), 422, "invalid")
}

func TestWhatIsNotSealedIsAMetric(t *testing.T) {
	r := newRig(t)
	if text := string(r.want(200, "GET", "/metrics", "").body); !strings.Contains(text, "\nexchequer_ledger_unsealed_transactions 0\n") {
		t.Error("no figure of what is not sealed")
	}
}
