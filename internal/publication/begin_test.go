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

// TestANewProgramWaitsForAPerson: the program's newer documents are proposed once, replaced when a still newer program
// comes, left alone when a person turned them down, and never put in the place of an officer's without a person.
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
	old, err := w.Get(t.Context(), lan, first.Draft)
	if err != nil || old.State != publication.Rejected || old.DecidedBy != "exchequer:release" {
		t.Errorf("the draft of the older program: %+v, %v", old, err)
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
