package publication_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
)

// TestACorrectionThatArrivesLate: in July it turns out that the amount has been another one since March. What was known in
// June and what is known in July both stay, each with its own answer for April.
func TestACorrectionThatArrivesLate(t *testing.T) {
	w := newWorld(t)
	june := w.clock.Now()
	july := w.clock.set("2025-07-10")
	d := w.publish(t, "2020-01-01 100000", "2025-03-01 80000")
	if d.Revision != 2 || len(d.Changes) != 2 || !d.Changes[0].Past || !d.Changes[1].Past {
		t.Errorf("revision %d with changes %+v: want the second one, both of the past", d.Revision, d.Changes)
	}
	check := func(when string) {
		t.Helper()
		for _, c := range []struct {
			known time.Time
			on    string
			want  int64
		}{
			{june, "2025-02-28", 100000}, {june, "2025-04-01", 100000}, {july.Add(-time.Microsecond), "2025-04-01", 100000},
			{july, "2025-02-28", 100000}, {july, "2025-04-01", 80000}, {july.AddDate(1, 0, 0), "2025-04-01", 80000},
		} {
			// A store that has compiled nothing yet answers the same.
			for _, s := range []*publication.Store{w.Store, publication.New(w.pool, w.clock)} {
				law, err := s.KnownAt(t.Context(), c.known)
				if got := costs(t, law, err, c.on); got != c.want {
					t.Errorf("%s: on %s as known at %s it costs %d, want %d", when, c.on, c.known, got, c.want)
				}
			}
			versions, err := w.Versions(t.Context(), publication.VersionsQuery{Of: "permit", On: calendar.MustDate(c.on), Known: c.known})
			if err != nil || len(versions) != 1 {
				t.Fatalf("%s: versions of %s as known at %s: %+v, %v; want one", when, c.on, c.known, versions, err)
			}
			if want := map[int64]string{100000: "1/2020", 80000: "2/2020"}[c.want]; versions[0].Name.En != want {
				t.Errorf("%s: on %s as known at %s version %s is the law, want %s", when, c.on, c.known, versions[0].Name.En, want)
			}
		}
	}
	check("after the correction")
	w.clock.set("2025-08-01")
	w.publish(t, "2020-01-01 100000", "2025-03-01 70000")
	law, err := w.Current(t.Context())
	if got := costs(t, law, err, "2025-04-01"); got != 70000 || law.Revision != 3 || !law.Since.Equal(w.clock.Now()) {
		t.Errorf("now it costs %d by revision %d of %s", got, law.Revision, law.Since)
	}
	for known, want := range map[time.Time]string{june: `fixed: "100000"`, july: `fixed: "80000"`, {}: `fixed: "70000"`} {
		if docs, err := w.Published(t.Context(), known); err != nil || !strings.Contains(string(docs[permit]), want) {
			t.Errorf("the documents known at %s: %s, %v; want %s", known, docs[permit], err, want)
		}
	}
	history, err := w.Versions(t.Context(), publication.VersionsQuery{Of: "permit", On: calendar.MustDate("2025-04-01"), History: true})
	if err != nil || len(history) != 3 || history[0].Revision != 1 || history[1].KnownUntil == nil || history[2].KnownUntil != nil {
		t.Errorf("all that was ever known of 1 April: %+v, %v", history, err)
	}
	june, july = june.Add(time.Hour), july.Add(time.Hour) // and what is asked about them does not hang on the instant itself
	if law, err = w.KnownAt(t.Context(), july); costs(t, law, err, "2025-04-01") != 80000 {
		t.Error("the second correction changed what was known in July")
	}
	if law, err = w.KnownAt(t.Context(), june); costs(t, law, err, "2025-04-01") != 100000 {
		t.Error("the second correction changed what was known in June")
	}
}

func TestBeforeAnythingIsPublished(t *testing.T) {
	s := publication.New(pgtest.New(t), &clock{at: time.Date(2025, 6, 2, 2, 0, 0, 0, time.UTC)})
	_, err := s.Current(t.Context())
	wants(t, "current", err, problem.Unavailable, "exchequer migrate")
	_, err = s.Catalog(t.Context())
	wants(t, "catalogue", err, problem.Unavailable, "exchequer migrate")
	_, err = s.KnownAt(t.Context(), time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC))
	wants(t, "known", err, problem.NotFound, "2099")
	_, err = s.Draft(t.Context(), lan, lawOf(t, tariff("2020-01-01 100000")))
	wants(t, "draft", err, problem.Unavailable, "exchequer migrate")
	if versions, err := s.Versions(t.Context(), publication.VersionsQuery{}); err != nil || len(versions) != 0 {
		t.Errorf("versions %v, %v", versions, err)
	}
	w := newWorld(t)
	_, err = w.KnownAt(t.Context(), w.clock.Now().Add(-time.Hour-time.Microsecond))
	wants(t, "before the first", err, problem.NotFound, "2025-06-02")
}

func TestAnotherProcessSeesWhatIsPublishedAtOnce(t *testing.T) {
	w := newWorld(t)
	other := publication.New(w.pool, w.clock)
	for i, amount := range []string{"90000", "80000", "70000", "60000", "50000", "40000"} {
		law, err := other.Current(t.Context())
		if err != nil || law.Revision != int64(i+1) {
			t.Fatalf("revision %d, %v; want %d", law.Revision, err, i+1)
		}
		w.clock.goOn(time.Microsecond)
		w.publish(t, "2020-01-01 100000", "2025-01-01 "+amount)
	}
	law, err := other.Current(t.Context())
	if got := costs(t, law, err, "2025-04-01"); got != 40000 {
		t.Errorf("it costs %d", got)
	}
	// More revisions than are kept compiled.
	first, err := other.KnownAt(t.Context(), w.clock.Now().Add(-time.Hour))
	if got := costs(t, first, err, "2025-04-01"); got != 100000 || first.Revision != 1 {
		t.Errorf("revision %d: it cost %d", first.Revision, got)
	}
	if last, err := w.KnownAt(t.Context(), law.Since); err != nil || last.Revision != 7 || !law.Since.Equal(w.clock.Now()) {
		t.Errorf("revision %d of %s, %v", last.Revision, law.Since, err)
	}
}

func TestCallersAtOnceCompileOnce(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	laws := make([]*publication.Law, 8)
	for i := range laws {
		all.Go(func() {
			var err error
			if laws[i], err = w.Current(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, law := range laws {
		if law != laws[0] {
			t.Fatal("the law was compiled more than once")
		}
	}
}

func TestLawWithADraftIsNotPublished(t *testing.T) {
	w := newWorld(t)
	law, err := w.LawWith(t.Context(), publication.Documents{permit: tariff("2020-01-01 100000", "2025-03-01 1000")})
	if got := costs(t, law, err, "2025-04-01"); got != 1000 || law.Revision != 0 || !law.Since.IsZero() {
		t.Errorf("it costs %d by revision %d of %s", got, law.Revision, law.Since)
	}
	law, err = w.Current(t.Context())
	if got := costs(t, law, err, "2025-04-01"); got != 100000 {
		t.Errorf("asking published it: %d", got)
	}
	_, err = w.LawWith(t.Context(), publication.Documents{"catalog/nothing.csv": []byte("a\n")})
	wants(t, "an unknown table", err, problem.Invalid, "nothing.csv")
}
