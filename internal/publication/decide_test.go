package publication_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/internal/problem"
	"exchequer/internal/publication"
)

// levy is a schedule of one charge that follows the parameter rate, proved on some days.
func levy(service string, days ...string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `service: %s
name: {vi: Phụ thu, en: Levy}
body: power_corporation
valid_days: 30
parameters: [{name: rate, parameter: rate, by: date}]
components:
  - id: levy
    charge: electricity
    code: levy
    follows: rate
    rules: [{rule: {vi: mọi trường hợp, en: every case}, fixed: rate}]
examples:
`, service)
	for _, day := range days {
		from, total, _ := strings.Cut(day, " ")
		fmt.Fprintf(&b, "  - {why: a day of it, on: %s, inputs: {}, total: %q}\n", from, total)
	}
	return []byte(b.String())
}

func rateOf(versions ...string) []byte {
	b := "parameter: rate\nname: {vi: Mức, en: Rate}\nversions:\n"
	for _, v := range versions {
		from, value, _ := strings.Cut(v, " ")
		b += fmt.Sprintf("  - {version: %s/2020, from: %s, value: %q, act: Circular %s/2020/TT-BTC, source: read, confidence: high}\n", value, from, value, value)
	}
	return []byte(b)
}

// TestWhatIsPublishedIsWhatWasShown: a draft changes a rate; before it is approved, another service is published that follows
// the rate too. Nobody who approves the draft has seen what it does to that.
func TestWhatIsPublishedIsWhatWasShown(t *testing.T) {
	w := newWorld(t)
	draft := func(docs publication.Documents) int64 {
		t.Helper()
		d, err := w.Draft(t.Context(), lan, docs)
		if err == nil {
			d, err = w.Propose(t.Context(), lan, d.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		return d.ID
	}
	approve := func(id int64) error {
		w.clock.goOn(24 * time.Hour) // which changes are past may differ by then, and is no other change
		_, err := w.Approve(t.Context(), minh, id)
		return err
	}
	const rate = "schedules/parameters/rate.yaml"
	offered := offering(lawOf(t, nil)[procedures], "first")
	if err := approve(draft(publication.Documents{rate: rateOf("2020-01-01 500"), "schedules/first.yaml": levy("first", "2020-01-01 500"),
		procedures: offered})); err != nil {
		t.Fatal(err)
	}
	dearer := publication.Documents{rate: rateOf("2020-01-01 500", "2025-06-04 700"), "schedules/first.yaml": levy("first", "2020-01-01 500", "2025-06-04 700")}
	waits := draft(dearer)
	if err := approve(draft(publication.Documents{"schedules/second.yaml": levy("second", "2020-01-01 500"),
		procedures: offering(offered, "second")})); err != nil {
		t.Fatal(err)
	}
	wants(t, "with another service in it", approve(waits), problem.Conflict, "no longer what was shown: draft it again")
	if w.count(t, "publication") != 3 {
		t.Error("it was published")
	}
	again, err := w.Draft(t.Context(), lan, dearer)
	if err != nil || again.ID == waits || !slices.ContainsFunc(again.Changes, func(c publication.Change) bool { return c.Of == "second" }) {
		t.Fatalf("drafted again: %+v, %v", again.Changes, err)
	}
	if _, err = w.Propose(t.Context(), lan, again.ID); err == nil {
		err = approve(again.ID)
	}
	if err != nil {
		t.Error(err)
	}
}

// TestAHostWithAWrongClock publishes nothing: what it says would change what was known at instants that are gone.
func TestAHostWithAWrongClock(t *testing.T) {
	w := newWorld(t)
	late := &clock{}
	late.set("2025-06-02") // an hour behind, when the last publication was
	behind := publication.New(w.pool, late)
	d := w.propose(t, "2020-01-01 100000", "2026-01-01 120000")
	_, err := behind.Approve(t.Context(), minh, d.ID)
	wants(t, "before the proposal", err, problem.Unavailable, "set the clock right")
	early, err := behind.Draft(t.Context(), lan, publication.Documents{permit: tariff("2020-01-01 100000", "2026-01-01 130000")})
	if err == nil {
		early, err = behind.Propose(t.Context(), lan, early.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = behind.Approve(t.Context(), minh, early.ID)
	wants(t, "at the last publication's instant", err, problem.Unavailable, "the clock of this host says 2025-06-02T02:00:00Z")
	if d, err := w.Get(t.Context(), lan, early.ID); err != nil || d.State != publication.Proposed || w.count(t, "publication") != 1 {
		t.Errorf("draft %s, %d publications, %v", d.State, w.count(t, "publication"), err)
	}
	if d, err := w.Approve(t.Context(), minh, early.ID); err != nil || d.Revision != 2 {
		t.Errorf("by a clock that is right: %+v, %v", d, err)
	}
}

// TestDraftsDoNotGrowWithoutEnd: a person has at most 20 that are open, and is told which; a list of them holds no changes.
func TestDraftsDoNotGrowWithoutEnd(t *testing.T) {
	w := newWorld(t)
	draft := func(amount int) (publication.Draft, error) {
		return w.Draft(t.Context(), lan, publication.Documents{permit: tariff("2020-01-01 100000", fmt.Sprintf("2026-01-01 %d", amount))})
	}
	for i := range 20 {
		if _, err := draft(1000 + i); err != nil {
			t.Fatal(err)
		}
	}
	_, err := draft(9000)
	wants(t, "the 21st", err, problem.Conflict, "you have 20 open drafts: reject those that are not needed any more: 1, 2, 3,")
	if d, err := draft(1003); err != nil || d.ID != 4 {
		t.Errorf("one of the 20 again: %d, %v", d.ID, err)
	}
	if _, err := w.Draft(t.Context(), minh, publication.Documents{permit: tariff("2020-01-01 100000", "2026-01-01 9000")}); err != nil {
		t.Errorf("another person's: %v", err)
	}
	if _, err := w.Reject(t.Context(), lan, 7, "not needed"); err != nil {
		t.Fatal(err)
	}
	if _, err := draft(9000); err != nil {
		t.Errorf("after one was rejected: %v", err)
	}
	list, err := w.List(t.Context(), lan, "")
	if err != nil || len(list) != 22 {
		t.Fatalf("%d drafts, %v", len(list), err)
	}
	for _, d := range list {
		if d.Changes != nil || d.Counts[publication.Added] != 1 || d.Counts[publication.Ended] != 1 || len(d.Counts) != 2 {
			t.Errorf("draft %d in the list: %v, %v", d.ID, d.Counts, d.Changes)
		}
	}
}
