package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"exchequer/ledger"
)

// signedTrees has one checkpoint.
type signedTrees struct {
	published
	checkpoint ledger.Checkpoint
}

func (s signedTrees) Published() ([]ledger.Checkpoint, error) {
	return []ledger.Checkpoint{s.checkpoint}, nil
}

func TestAProofOverHTTPIsCheckedWithoutTheServer(t *testing.T) {
	r := keeper(t)
	r.want(201, "POST", transactions, sale("toll/1#a", nil))
	l := ledger.New(r.pool, r.clock.Now)
	_, err := l.Seal(ctx, "tolls")
	r.must(err)
	trees, err := l.Trees(ctx)
	r.must(err)
	private, public, err := ledger.NewCheckpointKey("test")
	r.must(err)
	checkpoint, err := ledger.SignCheckpoint(time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC), trees, private)
	r.must(err)
	r.deps.Checkpoints = signedTrees{checkpoint: checkpoint}
	r.serve()
	var p ledger.Proof
	r.must(json.Unmarshal(r.want(200, "GET", "/v1/ledger/proofs/tolls/toll%2F1%23a", "").body, &p))
	if _, err := ledger.CheckProof(p, public); err != nil || !strings.Contains(p.Content, "toll/1#a") {
		t.Errorf("%+v: %v", p, err)
	}
	r.want(201, "POST", transactions, sale("later", nil))
	refusedBy(t, r.want(409, "GET", "/v1/ledger/proofs/tolls/later", ""), 409, "conflict")
	refusedBy(t, r.want(404, "GET", "/v1/ledger/proofs/tolls/nothing", ""), 404, "not_found")
	refusedBy(t, r.want(403, "GET", "/v1/ledger/proofs/others/nothing", ""), 403, "forbidden")
}

func TestAStatementOverHTTP(t *testing.T) {
	r := keeper(t)
	for _, reference := range []string{"a", "b", "c"} {
		r.want(201, "POST", transactions, sale(reference, nil))
	}
	r.want(201, "POST", transactions, sale("d", members{"day": "2025-06-03"}))
	const path = "/v1/ledger/statements/tolls/"
	first := r.want(200, "GET", path+"cash?through=2025-06-02&limit=2", "")
	second := r.want(200, "GET", path+"cash?through=2025-06-02&limit=2&next="+first.text(t, "next"), "")
	var read []string
	for _, e := range append(list(t, first, "entries"), list(t, second, "entries")...) {
		read = append(read, fmt.Sprint(e["reference"], " ", e["debit"], " ", e["credit"], " ", e["balance"], " ", e["other_account"]))
	}
	if got := strings.Join(read, "; "); got != "a 100 0 100 sales; b 100 0 200 sales; c 100 0 300 sales" {
		t.Errorf("entries %s", got)
	}
	if fmt.Sprint(second.field(t, "opening"), second.field(t, "closing"), second.text(t, "next")) != "200 300" {
		t.Errorf("%s", second.body)
	}
	refusedBy(t, r.want(404, "GET", path+"nothing", ""), 404, "not_found")
	refusedBy(t, r.want(403, "GET", "/v1/ledger/statements/others/cash", ""), 403, "forbidden")
	for _, query := range []string{"from=2025-06-03&through=2025-06-02", "from=x", "limit=0", "next=x", "from=2025-06-02&since=2025-06-02T00:00:00Z"} {
		refusedBy(t, r.want(422, "GET", path+"cash?"+query, ""), 422, "invalid")
	}
}
