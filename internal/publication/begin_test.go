package publication_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
)

func TestWhatComesWithTheProgramIsPublishedFirst(t *testing.T) {
	pool := pgtest.New(t)
	c := &clock{}
	c.set("2025-06-02")
	docs, err := publication.Included()
	if err != nil {
		t.Fatal(err)
	}
	var began sync.WaitGroup
	got := make([]publication.Brought, 3)
	for i := range got {
		began.Go(func() {
			var err error
			if got[i], err = publication.New(pool, c).Begin(t.Context(), docs); err != nil {
				t.Error(err)
			}
		})
	}
	began.Wait()
	first := slices.IndexFunc(got, func(b publication.Brought) bool { return b.Revision == 1 })
	if first < 0 {
		t.Fatalf("nobody published: %+v", got)
	}
	if others := slices.Delete(got, first, first+1); others[0] != (publication.Brought{}) || others[1] != (publication.Brought{}) {
		t.Errorf("the others did something too: %+v", others)
	}
	s := publication.New(pool, c)
	law, err := s.Current(t.Context())
	if err != nil || law.Revision != 1 || !law.Since.Equal(c.Now()) {
		t.Fatalf("%+v, %v", law, err)
	}
	versions, err := s.Versions(t.Context(), publication.VersionsQuery{})
	if err != nil || len(versions) != len(law.Schedules.Entries()) {
		t.Errorf("%d versions, %v; the law has %d", len(versions), err, len(law.Schedules.Entries()))
	}
	published, err := s.Published(t.Context(), time.Time{})
	if err != nil || len(published) != len(docs) {
		t.Errorf("%d documents, %v; want %d", len(published), err, len(docs))
	}
	for name, text := range docs {
		if string(published[name]) != string(text) {
			t.Errorf("%s is not as it came", name)
		}
	}
	err = pg.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		rows, err := audit.ListTx(t.Context(), tx, "000", "law")
		if err != nil || len(rows) != 1 || rows[0].Actor != "exchequer:release" || rows[0].Action != "law.publish" {
			t.Errorf("audit rows %+v, %v", rows, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheFirstDocumentsMustBeALaw(t *testing.T) {
	pool := pgtest.New(t)
	s := publication.New(pool, &clock{})
	_, err := s.Begin(t.Context(), lawOf(t, []byte("service: permit\n")))
	wants(t, "half a schedule", err, problem.Invalid, "permit.yaml:")
	w := &world{pool: pool}
	if w.count(t, "publication")+w.count(t, "law_text")+w.count(t, "law_version") != 0 {
		t.Error("something was written")
	}
}

// TestANewProgramWaitsForAPerson: the program's newer documents are proposed once, left alone when a person turned them
// down, and never put in the place of an officer's without a person.
func TestANewProgramWaitsForAPerson(t *testing.T) {
	w := newWorld(t)
	begin := func(versions ...string) publication.Brought {
		t.Helper()
		b, err := w.Begin(t.Context(), lawOf(t, tariff(versions...)))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	first := begin("2020-01-01 100000", "2026-01-01 110000")
	if first.Draft == 0 || first.Revision != 0 || first.Fault != "" || begin("2020-01-01 100000", "2026-01-01 110000") != first {
		t.Fatalf("%+v: want a draft, and the same one again", first)
	}
	second := begin("2020-01-01 100000", "2026-01-01 120000")
	if second.Draft == first.Draft {
		t.Fatal("other documents, the same draft")
	}
	if _, err := w.Reject(t.Context(), minh, second.Draft, "the circular is not out"); err != nil {
		t.Fatal(err)
	}
	if b := begin("2020-01-01 100000", "2026-01-01 120000"); b != (publication.Brought{}) {
		t.Errorf("what a person turned down came again: %+v", b)
	}
	w.publish(t, "2020-01-01 100000", "2026-01-01 130000")
	if b := begin("2020-01-01 100000"); b != (publication.Brought{}) {
		t.Errorf("the program's older text, published before, came again: %+v", b)
	}
	w.clock.goOn(time.Second)
	third := begin("2020-01-01 100000", "2026-01-01 140000")
	law, err := w.Current(t.Context())
	if got := costs(t, law, err, "2026-02-01"); got != 130000 {
		t.Errorf("the officer's amount became %d without a person", got)
	}
	d, err := w.Approve(t.Context(), lan, third.Draft)
	if err != nil || d.State != publication.Published || d.ProposedBy != "exchequer:release" || d.DecidedBy != "lan" {
		t.Fatalf("%+v, %v", d, err)
	}
	law, err = w.Current(t.Context())
	if got := costs(t, law, err, "2026-02-01"); got != 140000 {
		t.Errorf("after a person agreed it costs %d", got)
	}
}

// TestTwoVersionsOfTheProgram start in turns: neither takes the other's proposal back, and when a person has chosen one, the
// other, which nobody can publish any more, is drafted again.
func TestTwoVersionsOfTheProgram(t *testing.T) {
	w := newWorld(t)
	begin := func(amount string) int64 {
		t.Helper()
		b, err := w.Begin(t.Context(), lawOf(t, tariff("2020-01-01 100000", "2026-01-01 "+amount)))
		if err != nil {
			t.Fatal(err)
		}
		return b.Draft
	}
	older, newer := begin("110000"), begin("120000")
	for range 2 {
		if a, b := begin("110000"), begin("120000"); older == newer || a != older || b != newer {
			t.Fatalf("drafts %d and %d became %d and %d", older, newer, a, b)
		}
	}
	for _, id := range []int64{older, newer} {
		if d, err := w.Get(t.Context(), lan, id); err != nil || d.State != publication.Proposed {
			t.Errorf("draft %d is %s, %v", id, d.State, err)
		}
	}
	if _, err := w.Approve(t.Context(), lan, newer); err != nil {
		t.Fatal(err)
	}
	_, err := w.Approve(t.Context(), lan, older)
	wants(t, "the other one", err, problem.Conflict, permit+" was published anew")
	if begin("120000") != 0 {
		t.Error("what is published is proposed again")
	}
	again := begin("110000")
	if d, err := w.Get(t.Context(), lan, older); err != nil || d.State != publication.Rejected || d.DecidedBy != "exchequer:release" || again == older || again == 0 {
		t.Errorf("draft %d is %s by %s and became %d, %v", older, d.State, d.DecidedBy, again, err)
	}
}

func TestAProgramStartsBesideWhatItsDocumentsDoNotFit(t *testing.T) {
	w := newWorld(t)
	b, err := w.Begin(t.Context(), lawOf(t, tariff("2021-01-01 100000"))) // a year less than is published
	if err != nil || b.Draft != 0 || b.Revision != 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	if law, err := w.Current(t.Context()); costs(t, law, err, "2020-05-05") != 100000 || b.Fault == "" {
		t.Errorf("fault %q", b.Fault)
	}
}
