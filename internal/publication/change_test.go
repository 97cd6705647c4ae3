package publication_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
)

// told writes changes as a person would: kind, version, days, the first day that differs, and whether it is past.
func told(changes []publication.Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, fmt.Sprintf("%s %s [%s,%s] since %s past=%t", c.Kind, c.Name.En, c.From, c.To, c.Since, c.Past))
	}
	return strings.Join(out, "\n")
}

// TestWhatADraftChanges: in June 2025 the permit costs 100,000 from 2020 on and 120,000 from 2026 on.
func TestWhatADraftChanges(t *testing.T) {
	w := newWorld(t)
	w.publish(t, "2020-01-01 100000", "2026-01-01 120000")
	for _, c := range []struct {
		why  string
		text []byte
		want string
	}{
		{"a later version", tariff("2020-01-01 100000", "2026-01-01 120000", "2027-01-01 130000"),
			"ended 2/2020 [2026-01-01,2026-12-31] since 2027-01-01 past=false\nadded 3/2020 [2027-01-01,] since 2027-01-01 past=false"},
		{"a version taken back", tariff("2020-01-01 100000"),
			"ended 1/2020 [2020-01-01,] since 2026-01-01 past=false\nremoved 2/2020 [2026-01-01,] since 2026-01-01 past=false"},
		{"another amount from today on", tariff("2020-01-01 100000", "2025-06-02 120000"),
			"ended 1/2020 [2020-01-01,2025-06-01] since 2025-06-02 past=true\nadded 2/2020 [2025-06-02,] since 2025-06-02 past=true\nremoved 2/2020 [2026-01-01,] since 2026-01-01 past=false"},
		{"another amount from yesterday on", tariff("2020-01-01 100000", "2025-06-01 110000", "2026-01-01 120000"),
			"ended 1/2020 [2020-01-01,2025-05-31] since 2025-06-01 past=true\nadded 2/2020 [2025-06-01,2025-12-31] since 2025-06-01 past=true\ncorrected 3/2020 [2026-01-01,] since 2026-01-01 past=false"},
		{"another amount all along", tariff("2020-01-01 90000", "2026-01-01 120000"),
			"corrected 1/2020 [2020-01-01,2025-12-31] since 2020-01-01 past=true"},
		{"days before", tariff("2019-01-01 90000", "2020-01-01 100000", "2026-01-01 120000"),
			"added 1/2020 [2019-01-01,2019-12-31] since 2019-01-01 past=true\ncorrected 2/2020 [2020-01-01,2025-12-31] since 2020-01-01 past=true\ncorrected 3/2020 [2026-01-01,] since 2026-01-01 past=false"},
		{"no longer known", tariff("2020-01-01 100000", "2026-01-01 unknown"),
			"corrected 2/2020 [2026-01-01,] since 2026-01-01 past=false"},
		{"a comment", append(tariff("2020-01-01 100000", "2026-01-01 120000"), "# read again\n"...),
			"reworded  [,] since  past=false"},
	} {
		d, err := w.Draft(t.Context(), lan, publication.Documents{permit: c.text})
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
		} else if got := told(d.Changes); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.why, got, c.want)
		}
	}
	// What was past when it was decided stays told as it was then.
	d, err := w.Reject(t.Context(), minh, w.propose(t, "2020-01-01 100000", "2026-01-01 1").ID, "no")
	w.clock.set("2026-05-05")
	if err == nil {
		d, err = w.Get(t.Context(), lan, d.ID)
	}
	if err != nil || d.Changes[0].Past {
		t.Errorf("%+v, %v", d.Changes, err)
	}
}

// TestWhatFollowsAParameterChangesWithIt: a rate of VAT moves the versions of every charge that follows it, though their
// documents are not in the draft; and a newer program that works digests out in another way moves nothing.
func TestWhatFollowsAParameterChangesWithIt(t *testing.T) {
	const rate, household = "schedules/parameters/vat_electricity.yaml", "schedules/electricity_household.yaml"
	included, err := publication.Included()
	if err != nil {
		t.Fatal(err)
	}
	docs := lawOf(t, tariff("2020-01-01 100000"))
	docs[rate], docs[household] = included[rate], included[household]
	docs[procedures] = offering(docs[procedures], "electricity_household")
	w := &world{pool: pgtest.New(t), clock: &clock{}}
	w.clock.set("2025-06-02")
	w.Store = publication.New(w.pool, w.clock)
	if _, err := w.Begin(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	owner := pgtest.Owner(t, w.pool)
	_, err = owner.Exec(t.Context(), `
		ALTER TABLE gateway.law_version DISABLE TRIGGER law_version_known_once;
		UPDATE gateway.law_version SET digest = 'of an older program';
		ALTER TABLE gateway.law_version ENABLE TRIGGER law_version_known_once`)
	if err != nil {
		t.Fatal(err)
	}
	longer := append(slices.Clone(docs[rate]), `  - {version: 1/2098, from: 2099-01-01, value: "0.05", act: Decree 1/2098/ND-CP, source: read, confidence: high}`+"\n"...)
	_, err = w.Draft(t.Context(), lan, publication.Documents{rate: longer})
	wants(t, "without an example", err, problem.Invalid, "parameter vat_electricity, version 1/2098: no example asks for it from 2099-01-01 on: add one to a schedule that uses it, in the same draft: electricity_household")
	user := strings.NewReplacer("service: permit", "service: other", "components:", "parameters: [{name: rate, parameter: vat_electricity, by: date}]\ncomponents:",
		`fixed: "100"`, `percentage: {rate: rate, of: "100", rounding: half_up}`, "2020-01-01", "2099-01-01", `total: "100"`, `total: "5"`).Replace(string(tariff("2020-01-01 100")))
	d, err := w.Draft(t.Context(), lan, publication.Documents{rate: longer, "schedules/other.yaml": []byte(user),
		procedures: offering(docs[procedures], "other")})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(d.Changes, func(c publication.Change) bool { return c.Document == household && c.Kind == publication.Added })
	if i < 0 || d.Changes[i].From != calendar.MustDate("2099-01-01") {
		t.Errorf("changes:\n%s", told(d.Changes))
	}
	if slices.ContainsFunc(d.Changes, func(c publication.Change) bool { return c.Document == household && c.Kind == publication.Corrected }) {
		t.Errorf("a newer program's digests passed for corrections:\n%s", told(d.Changes))
	}
	w.clock.goOn(time.Hour)
	if d, err = w.Propose(t.Context(), lan, d.ID); err == nil {
		_, err = w.Approve(t.Context(), minh, d.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	component := d.Changes[i].Component
	versions, err := w.Versions(t.Context(), publication.VersionsQuery{Of: "electricity_household", On: calendar.MustDate("2099-05-05")})
	if err != nil || !slices.ContainsFunc(versions, func(v publication.Version) bool {
		return v.Component == component && v.Name.En == "1/2098" && v.Revision == 2
	}) {
		t.Errorf("%+v, %v", versions, err)
	}
	law, err := w.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	open, err := w.Versions(t.Context(), publication.VersionsQuery{})
	if err != nil || len(open) != len(law.Schedules.Entries()) {
		t.Errorf("%d versions are known, %v; the law has %d", len(open), err, len(law.Schedules.Entries()))
	}
	if moved := slices.ContainsFunc(open, func(v publication.Version) bool { return v.Of == "permit" && v.Revision != 1 }); moved {
		t.Error("a document that did not change was published again")
	}
}
