package publication_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/publication"
)

// TestWhatWasKnownStaysKnown publishes one random correction after another. After each, everything that was ever the
// answer for a day, as known at an instant, still is; and the table of versions says the same as the law itself.
func TestWhatWasKnownStaysKnown(t *testing.T) {
	w := newWorld(t)
	r := rand.New(rand.NewPCG(3, 4))
	day := calendar.MustDate("2025-06-02")
	days := []string{"2020-01-01", "2020-12-31", "2021-06-30", "2022-01-01", "2023-07-15", "2026-01-01", "2030-01-01"}
	type answer struct {
		known time.Time
		on    string
		cost  int64
	}
	var answers []answer
	for step := range 12 {
		for _, on := range days {
			law, err := w.Current(t.Context())
			answers = append(answers, answer{w.clock.Now(), on, costs(t, law, err, on)})
		}
		for _, a := range answers { // by instant: asked at random, each would have its law compiled again
			law, err := w.KnownAt(t.Context(), a.known)
			if got := costs(t, law, err, a.on); got != a.cost {
				t.Fatalf("after %d publications: on %s as known at %s it costs %d, and cost %d", step+1, a.on, a.known, got, a.cost)
			}
			versions, err := w.Versions(t.Context(), publication.VersionsQuery{Of: "permit", On: calendar.MustDate(a.on), Known: a.known})
			if err != nil || len(versions) != 1 || versions[0].Act.En != fmt.Sprintf("Circular %d/2020/TT-BTC", max(a.cost%100, 1)) {
				t.Fatalf("on %s as known at %s the table has %+v, %v; the amount %d is another's", a.on, a.known, versions, err, a.cost)
			}
		}
		day = day.AddDays(1 + r.IntN(40))
		w.clock.set(day.String())
		// The last two digits of an amount are the number of its version, which its act has too; the first publication has none.
		versions := []string{fmt.Sprintf("2020-01-01 %d", 1000*(100+step)+1)}
		for year := 2021; year < 2031; year++ {
			if r.IntN(3) == 0 {
				versions = append(versions, fmt.Sprintf("%d-0%d-01 %d", year, 1+r.IntN(9), 1000*r.IntN(100)+len(versions)+1))
			}
		}
		w.publish(t, versions...)
	}
}
