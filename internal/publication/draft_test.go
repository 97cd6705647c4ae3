package publication_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/approval"
	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
)

func TestOneDraftsAndAnotherPublishes(t *testing.T) {
	w := newWorld(t)
	d := w.propose(t, "2020-01-01 100000", "2026-01-01 120000")
	if d.State != publication.Proposed || d.Base != 1 || d.DraftedBy != "lan" || d.ProposedBy != "lan" || len(d.Documents) != 1 || d.Documents[0].Replaces == "" {
		t.Errorf("the draft: %+v", d)
	}
	var waiting []approval.Request
	err := pg.InTx(t.Context(), w.pool, func(tx pgx.Tx) (err error) {
		waiting, err = approval.PendingTx(t.Context(), tx, minh, "000")
		return err
	})
	if err != nil || len(waiting) != 1 || waiting[0].Kind != "law" || waiting[0].Detail["documents"] != permit || waiting[0].Detail["added"] != "1" || waiting[0].Detail["past"] != "0" {
		t.Errorf("what waits: %+v, %v", waiting, err)
	}
	for who, actor := range map[string]authn.Actor{"an officer": officer, "of another book": abroad} {
		_, err := w.Approve(t.Context(), actor, d.ID)
		wants(t, who, err, problem.Forbidden, "")
	}
	_, err = w.Approve(t.Context(), lan, d.ID)
	wants(t, "who drafted it", err, problem.Forbidden, "yourself")
	_, err = w.Approve(t.Context(), authn.Exchequer("release"), d.ID)
	wants(t, "the program", err, problem.Forbidden, "treasury")
	_, err = w.Approve(t.Context(), minh, d.ID+1)
	wants(t, "an unknown draft", err, problem.NotFound, "no draft")
	published, err := w.Approve(t.Context(), minh, d.ID)
	if err != nil || published.State != publication.Published || published.Revision != 2 || published.DecidedBy != "minh" {
		t.Fatalf("%+v, %v", published, err)
	}
	_, err = w.Approve(t.Context(), minh, d.ID)
	wants(t, "again", err, problem.Conflict, "published")
	_, err = w.Reject(t.Context(), minh, d.ID, "too late")
	wants(t, "rejecting what is published", err, problem.Conflict, "published")
	err = pg.InTx(t.Context(), w.pool, func(tx pgx.Tx) error {
		rows, err := audit.ListTx(t.Context(), tx, "000", fmt.Sprintf("law-%d", d.ID))
		var acts []string
		for _, r := range rows {
			acts = append(acts, r.Actor+" "+r.Action)
		}
		if got := strings.Join(acts, ", "); got != "lan law.draft, lan approval.ask, minh approval.approve, minh law.publish" {
			t.Errorf("audit rows: %s", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhoMadeADraftDoesNotPublishItThroughAnother(t *testing.T) {
	w := newWorld(t)
	d, err := w.Draft(t.Context(), lan, publication.Documents{permit: tariff("2020-01-01 100000", "2026-01-01 120000")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Approve(t.Context(), minh, d.ID)
	wants(t, "before it is proposed", err, problem.Conflict, "drafted: propose it first")
	if _, err := w.Propose(t.Context(), minh, d.ID); err != nil {
		t.Fatal(err)
	}
	_, err = w.Propose(t.Context(), minh, d.ID)
	wants(t, "proposing twice", err, problem.Conflict, "proposed: another person approves or rejects it")
	for _, actor := range []authn.Actor{lan, minh} {
		_, err := w.Approve(t.Context(), actor, d.ID)
		wants(t, actor.ID, err, problem.Forbidden, "yourself")
	}
	// Nor by hand.
	_, err = w.pool.Exec(t.Context(), `UPDATE gateway.law_draft SET state = 'published', revision = 1, decided_by = 'lan', decided_at = proposed_at`)
	if err == nil || !strings.Contains(err.Error(), "law_draft_second_person") {
		t.Errorf("by hand: %v", err)
	}
}

func TestOnlyTheTreasuryOfTheHouseDrafts(t *testing.T) {
	w := newWorld(t)
	docs := publication.Documents{permit: tariff("2020-01-01 1000")}
	for _, actor := range []authn.Actor{officer, abroad} {
		_, err := w.Draft(t.Context(), actor, docs)
		wants(t, "draft", err, problem.Forbidden, "")
		_, err = w.Get(t.Context(), actor, 1)
		wants(t, "get", err, problem.Forbidden, "")
		_, err = w.List(t.Context(), actor, "")
		wants(t, "list", err, problem.Forbidden, "")
		_, err = w.Texts(t.Context(), actor, 1)
		wants(t, "texts", err, problem.Forbidden, "")
		_, err = w.Propose(t.Context(), actor, 1)
		wants(t, "propose", err, problem.Forbidden, "")
		_, err = w.Reject(t.Context(), actor, 1, "no")
		wants(t, "reject", err, problem.Forbidden, "")
	}
	_, err := w.Draft(t.Context(), authn.Actor{}, docs)
	wants(t, "nobody", err, problem.Unauthenticated, "")
}

func TestRejecting(t *testing.T) {
	w := newWorld(t)
	d := w.propose(t, "2020-01-01 100000", "2026-01-01 120000")
	for _, reason := range []string{"", " ", "two\nlines", strings.Repeat("x", 201), "\xff"} {
		_, err := w.Reject(t.Context(), minh, d.ID, reason)
		wants(t, "reason "+reason, err, problem.Invalid, "one line")
	}
	d, err := w.Reject(t.Context(), minh, d.ID, "the circular is not out")
	if err != nil || d.State != publication.Rejected || d.Reason != "the circular is not out" || d.DecidedBy != "minh" {
		t.Fatalf("%+v, %v", d, err)
	}
	_, err = w.Approve(t.Context(), minh, d.ID)
	wants(t, "approving it", err, problem.Conflict, "rejected: draft the documents again")
	own, err := w.Draft(t.Context(), lan, publication.Documents{permit: tariff("2020-01-01 100000", "2026-01-01 120000")})
	if err == nil {
		own, err = w.Reject(t.Context(), lan, own.ID, "drafted by mistake")
	}
	if err != nil || own.State != publication.Rejected || own.ProposedBy != "" {
		t.Errorf("one's own, before it was proposed: %+v, %v", own, err)
	}
	list, err := w.List(t.Context(), minh, "")
	if err != nil || len(list) != 2 || list[0].ID != own.ID || list[1].Reason != d.Reason {
		t.Errorf("list %+v, %v", list, err)
	}
	if law, err := w.Current(t.Context()); err != nil || law.Revision != 1 {
		t.Errorf("revision %d, %v", law.Revision, err)
	}
}

// TestTheSameDocumentsDraftedAgainAreTheSameDraft, by the same person, also at once, while it is open.
func TestTheSameDocumentsDraftedAgainAreTheSameDraft(t *testing.T) {
	w := newWorld(t)
	docs := publication.Documents{permit: tariff("2020-01-01 100000", "2026-01-01 120000")}
	ids := make([]int64, 4)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			d, err := w.Draft(t.Context(), lan, docs)
			if ids[i] = d.ID; err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if ids[0] == 0 || slices.Max(ids) != slices.Min(ids) || w.count(t, "law_draft") != 1 {
		t.Fatalf("drafts %v", ids)
	}
	if d, err := w.Draft(t.Context(), minh, docs); err != nil || d.ID == ids[0] {
		t.Errorf("of another person: %d, %v", d.ID, err)
	}
	if d, err := w.Propose(t.Context(), lan, ids[0]); err != nil || d.State != publication.Proposed {
		t.Fatal(d, err)
	}
	if d, err := w.Draft(t.Context(), lan, docs); err != nil || d.ID != ids[0] || d.State != publication.Proposed {
		t.Errorf("when it is proposed: %d %s, %v", d.ID, d.State, err)
	}
	if _, err := w.Reject(t.Context(), lan, ids[0], "not yet"); err != nil {
		t.Fatal(err)
	}
	if d, err := w.Draft(t.Context(), lan, docs); err != nil || d.ID == ids[0] || d.State != publication.Drafted {
		t.Errorf("when it was rejected: %d %s, %v", d.ID, d.State, err)
	}
	for state, want := range map[publication.State]int{publication.Drafted: 2, publication.Proposed: 0, publication.Rejected: 1, "": 3} {
		if list, err := w.List(t.Context(), minh, state); err != nil || len(list) != want {
			t.Errorf("%d drafts are %q, %v; want %d", len(list), state, err, want)
		}
	}
}

func TestApprovalsAtOnce(t *testing.T) {
	w := newWorld(t)
	d := w.propose(t, "2020-01-01 100000", "2026-01-01 120000")
	var all sync.WaitGroup
	var done atomic.Int32
	for range 4 {
		all.Go(func() {
			_, err := w.Approve(t.Context(), minh, d.ID)
			if err == nil {
				done.Add(1)
			} else if problem.CodeOf(err) != problem.Conflict {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if done.Load() != 1 || w.count(t, "publication") != 2 {
		t.Errorf("%d approvals, %d publications", done.Load(), w.count(t, "publication"))
	}
}

// TestOfTwoDraftsOfOneDocumentOneIsDraftedAgain, while drafts of different documents do not wait for each other.
func TestOfTwoDraftsOfOneDocumentOneIsDraftedAgain(t *testing.T) {
	w := newWorld(t)
	w.clock.step = time.Second // two of them are published at once
	one := w.propose(t, "2020-01-01 100000", "2026-01-01 120000")
	two := w.propose(t, "2020-01-01 100000", "2026-01-01 130000")
	second := bytes.ReplaceAll(tariff("2020-01-01 5000"), []byte("permit"), []byte("other"))
	three, err := w.Draft(t.Context(), lan, publication.Documents{"schedules/other.yaml": second,
		procedures: offering(lawOf(t, second)[procedures], "other")})
	if err == nil {
		three, err = w.Propose(t.Context(), lan, three.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	for _, d := range []publication.Draft{one, two, three} {
		all.Go(func() {
			_, err := w.Approve(t.Context(), minh, d.ID)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			}
		})
	}
	all.Wait()
	if len(errs) != 1 {
		t.Fatalf("refused: %v; want one", errs)
	}
	wants(t, "the later one", errs[0], problem.Conflict, permit+" was published anew")
	law, err := w.Current(t.Context())
	if err != nil || law.Revision != 3 || law.Schedules.BodyKind("other") == "" {
		t.Errorf("revision %d, %v", law.Revision, err)
	}
}

func TestADraftChangedAfterItWasProposedIsRefused(t *testing.T) {
	w := newWorld(t)
	d := w.propose(t, "2020-01-01 100000", "2026-01-01 120000")
	cheaper, err := w.Draft(t.Context(), lan, publication.Documents{permit: tariff("2020-01-01 100000", "2026-01-01 1")})
	if err != nil {
		t.Fatal(err)
	}
	change := fmt.Sprintf(`UPDATE gateway.law_draft_document SET digest = '%s' WHERE draft = %d`, cheaper.Documents[0].Digest, d.ID)
	if _, err := w.pool.Exec(t.Context(), change); err == nil {
		t.Error("the program's role may put another text into a draft")
	}
	if _, err := pgtest.Owner(t, w.pool).Exec(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	_, err = w.Approve(t.Context(), minh, d.ID)
	wants(t, "approving another text", err, problem.Conflict, "no longer what was asked")
	if w.count(t, "publication") != 1 {
		t.Error("it was published")
	}
}

func TestBadDocuments(t *testing.T) {
	w := newWorld(t)
	texts := w.count(t, "law_text")
	many := publication.Documents{}
	for i := range 51 {
		many[fmt.Sprintf("schedules/s%d.yaml", i)] = []byte("x")
	}
	good := string(tariff("2020-01-01 100000", "2026-01-01 120000"))
	for name, c := range map[string]struct {
		docs publication.Documents
		code problem.Code
		says string
	}{
		"none":                    {nil, problem.Invalid, "1 to 50"},
		"51 documents":            {many, problem.Invalid, "this one 51"},
		"over a mebibyte":         {publication.Documents{permit: make([]byte, 1<<20+1)}, problem.TooLarge, "1048577 bytes"},
		"taken away":              {publication.Documents{permit: nil}, problem.Invalid, "empty"},
		"not UTF-8":               {publication.Documents{permit: []byte("service: \xff")}, problem.Invalid, "UTF-8"},
		"a path out of it":        {publication.Documents{"schedules/../permit.yaml": []byte("x")}, problem.Invalid, "no document"},
		"an unknown folder":       {publication.Documents{"laws/permit.yaml": []byte("x")}, problem.Invalid, "no document"},
		"an unknown table":        {publication.Documents{"catalog/taxes.csv": []byte("a\n")}, problem.Invalid, "taxes.csv"},
		"a long name":             {publication.Documents{"schedules/" + strings.Repeat("a", 70) + ".yaml": []byte("x")}, problem.Invalid, "no document"},
		"no YAML":                 {publication.Documents{permit: []byte("{")}, problem.Invalid, "permit.yaml"},
		"an unknown key":          {publication.Documents{permit: []byte(good + "colour: red\n")}, problem.Invalid, "permit.yaml:16"},
		"versions out of order":   {publication.Documents{permit: tariff("2020-01-01 100000", "2019-01-01 120000")}, problem.Invalid, "2/2020"},
		"a gap":                   {publication.Documents{permit: []byte(strings.Replace(good, "2020-01-01, act", "2020-01-01, to: 2025-12-30, act", 1))}, problem.Invalid, "from 2025-12-31 to 2025-12-31 no version is in force"},
		"an example that fails":   {publication.Documents{permit: []byte(strings.Replace(good, `total: "100000"`, `total: "99999"`, 1))}, problem.Invalid, "permit.yaml:14"},
		"a second one of service": {publication.Documents{"schedules/again.yaml": []byte(good)}, problem.Invalid, "permit"},
		"what is published":       {publication.Documents{permit: tariff("2020-01-01 100000")}, problem.Conflict, "nothing to change"},
		"a later first day":       {publication.Documents{permit: tariff("2021-01-01 100000")}, problem.Invalid, "2020-01-01"},
		"a closed end":            {publication.Documents{permit: []byte(strings.Replace(string(tariff("2020-01-01 100000")), "2020-01-01, act", "2020-01-01, to: 2027-12-31, act", 1))}, problem.Invalid, "permit_fee: no version is left from 2028-01-01 on"},
		"a component away":        {publication.Documents{permit: []byte(strings.ReplaceAll(string(tariff("2020-06-01 100000")), "permit_fee", "fee"))}, problem.Invalid, "permit: no version is left from 2020-01-01 to 2020-05-31"},
	} {
		_, err := w.Draft(t.Context(), lan, c.docs)
		wants(t, name, err, c.code, c.says)
	}
	if w.count(t, "law_draft") != 0 || w.count(t, "law_text") != texts {
		t.Error("something of a refused draft was written")
	}
}

// TestKnowledgeMayBecomeUnknown: what may not be taken away may be covered by a version that says so.
func TestKnowledgeMayBecomeUnknown(t *testing.T) {
	w := newWorld(t)
	d := w.publish(t, "2020-01-01 100000", "2026-01-01 unknown")
	if last := d.Changes[len(d.Changes)-1]; last.Kind != publication.Added || !last.Unknown {
		t.Errorf("changes %+v", d.Changes)
	}
	renamed := bytes.ReplaceAll(tariff("2020-01-01 100000", "2026-01-01 unknown"), []byte("permit_fee"), []byte("fee"))
	if _, err := w.Draft(t.Context(), lan, publication.Documents{permit: renamed}); err != nil {
		t.Errorf("a component under another name, all days kept: %v", err)
	}
}

func TestTextsOfADraft(t *testing.T) {
	w := newWorld(t)
	d := w.propose(t, "2020-01-01 100000", "2026-01-01 120000")
	docs, err := w.Texts(t.Context(), minh, d.ID)
	if err != nil || len(docs) != 1 || !bytes.Equal(docs[permit], tariff("2020-01-01 100000", "2026-01-01 120000")) {
		t.Errorf("%v, %v", docs, err)
	}
	_, err = w.Texts(t.Context(), minh, d.ID+1)
	wants(t, "an unknown draft", err, problem.NotFound, "")
}
