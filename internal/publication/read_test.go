package publication_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
)

// publishedBefore is a database whose first publication a milder program made on 2 June 2025.
func publishedBefore(t *testing.T, docs publication.Documents) *world {
	t.Helper()
	w := &world{pool: pgtest.New(t), clock: &clock{}}
	since := w.clock.set("2025-06-02")
	w.Store = publication.New(w.pool, w.clock)
	tx, err := pgtest.Owner(t, w.pool).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := tx.Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO gateway.publication (revision, known_since, published_by) VALUES (1, $1, 'exchequer:release')`, since)
	for name, text := range docs {
		sum := sha256.Sum256(text)
		digest := hex.EncodeToString(sum[:])
		exec(`INSERT INTO gateway.law_text (digest, content) VALUES ($1, $2) ON CONFLICT DO NOTHING`, digest, text)
		exec(`INSERT INTO gateway.law_document (name, revision, digest, known_from) VALUES ($1, 1, $2, $3)`, name, digest, since)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestAStricterProgramReadsWhatIsPublished and refuses only what is drafted anew: wording, an example that no longer holds
// and a charge without budget lines cost nobody a quote.
func TestAStricterProgramReadsWhatIsPublished(t *testing.T) {
	milder := []byte(strings.NewReplacer(
		"{vi: mọi trường hợp, en: every case}", "every case", `total: "100000"`, `total: "1"`, "charge: electricity", "charge: permit",
	).Replace(string(tariff("2020-01-01 100000"))))
	w := publishedBefore(t, lawOf(t, milder))
	june := w.clock.Now()
	law, err := w.Current(t.Context())
	if got := costs(t, law, err, "2025-04-01"); got != 100000 {
		t.Errorf("it costs %d", got)
	}
	if _, err := w.Catalog(t.Context()); err != nil {
		t.Errorf("the catalogue: %v", err)
	}
	w.clock.set("2025-07-10")
	worse := bytes.Replace(milder, []byte("100000"), []byte("90000"), 1)
	_, err = w.Draft(t.Context(), lan, publication.Documents{permit: worse})
	wants(t, "a draft in the old manner", err, problem.Invalid, "has words")
	_, err = w.LawWith(t.Context(), publication.Documents{permit: worse})
	wants(t, "its rehearsal", err, problem.Invalid, "has words")
	w.publish(t, "2020-01-01 80000")
	law, err = publication.New(w.pool, w.clock).Current(t.Context())
	if got := costs(t, law, err, "2025-04-01"); got != 80000 {
		t.Errorf("after the correction it costs %d", got)
	}
	law, err = publication.New(w.pool, w.clock).KnownAt(t.Context(), june)
	if got := costs(t, law, err, "2025-04-01"); got != 100000 || law.Revision != 1 {
		t.Errorf("as known in June it costs %d by revision %d", got, law.Revision)
	}
}

// TestWhatAProgramCannotRead is no fault of who asks for a quote.
func TestWhatAProgramCannotRead(t *testing.T) {
	w := publishedBefore(t, lawOf(t, bytes.Replace(tariff("2020-01-01 100000"), []byte("fixed:"), []byte("flat:"), 1)))
	_, err := w.Current(t.Context())
	wants(t, "current", err, problem.Unavailable, "revision 1")
	wants(t, "current", err, problem.Unavailable, "permit.yaml:11")
	_, err = w.KnownAt(t.Context(), w.clock.Now())
	wants(t, "known", err, problem.Unavailable, "run the one that published it")
	b, err := w.Begin(t.Context(), lawOf(t, tariff("2020-01-01 100000")))
	if err != nil || b.Draft == 0 {
		t.Errorf("the program cannot even propose documents that it reads: %+v, %v", b, err)
	}
}

// TestQuestionsAboutThePastCostNoQuoteItsLaw: whoever asks for all that was ever known, the current law stays compiled,
// and what was known is compiled by one caller at a time.
func TestQuestionsAboutThePastCostNoQuoteItsLaw(t *testing.T) {
	w := newWorld(t)
	instants := []time.Time{w.clock.Now()}
	for _, day := range []string{"2025-06-03", "2025-06-04", "2025-06-05", "2025-06-06", "2025-06-07", "2025-06-08"} {
		instants = append(instants, w.clock.set(day))
		w.publish(t, "2020-01-01 100000", day+" 50000")
	}
	current, err := w.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	asked := make([]*publication.Law, 4)
	for i := range asked {
		all.Go(func() {
			var err error
			if asked[i], err = w.KnownAt(t.Context(), instants[0]); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, law := range asked {
		if law != asked[0] {
			t.Fatal("what was known was compiled more than once")
		}
	}
	for i, at := range instants {
		law, err := w.KnownAt(t.Context(), at)
		if err != nil || law.Revision != int64(i+1) {
			t.Fatalf("revision %d, %v; want %d", law.Revision, err, i+1)
		}
	}
	if again, err := w.Current(t.Context()); err != nil || again != current {
		t.Errorf("the current law was compiled again, %v", err)
	}
	release := w.HoldOlder()
	defer release()
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := w.KnownAt(soon, instants[0]); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beside another one: %v", err)
	}
	if law, err := w.KnownAt(t.Context(), instants[6]); err != nil || law != current {
		t.Errorf("the current law waits for older ones, %v", err)
	}
	if law, err := publication.New(w.pool, w.clock).Current(t.Context()); err != nil || law.Revision != 7 {
		t.Errorf("revision %d, %v", law.Revision, err)
	}
}
