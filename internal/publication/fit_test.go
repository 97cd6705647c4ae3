package publication_test

import (
	"strings"
	"testing"
	"time"

	"exchequer/internal/problem"
	"exchequer/internal/publication"
)

// TestTheCatalogueFitsTheSchedules breaks each thing that lies between the two.
func TestTheCatalogueFitsTheSchedules(t *testing.T) {
	w := newWorld(t)
	published, err := w.Published(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	replace := func(name, old, with string) publication.Documents {
		t.Helper()
		text := string(published[name])
		if !strings.Contains(text, old) {
			t.Fatalf("%s has no %q", name, old)
		}
		return publication.Documents{name: []byte(strings.Replace(text, old, with, 1))}
	}
	const procedure = "EX.2,%,Giấy phép,Permit,power_corporation,2018-01-01,,example,made up\n"
	for name, c := range map[string]struct {
		docs publication.Documents
		says string
	}{
		"a service without a schedule": {
			publication.Documents{"catalog/procedures.csv": append(published["catalog/procedures.csv"], strings.Replace(procedure, "%", "nothing", 1)...)},
			"procedures.csv line 3, column service: there is no schedule of nothing",
		},
		"a charge without a row": {
			replace(permit, "charge: electricity", "charge: other_fee"), "the charge other_fee of permit is missing",
		},
		"a body without a line": {
			replace("catalog/bodies.csv", "\n", "\nSECOND,EHN,power_corporation,,central,Phòng hai,Second office,,2018-01-01,,example,made up\n"),
			"SECOND has no line for the part whole of the charge electricity",
		},
	} {
		_, err := w.Draft(t.Context(), lan, c.docs)
		wants(t, name, err, problem.Invalid, c.says)
	}
}

// TestWhatADraftChangesInTheCatalogue: rows are told one by one; one that gets a last day is ended.
func TestWhatADraftChangesInTheCatalogue(t *testing.T) {
	w := newWorld(t)
	const name = "catalog/procedures.csv"
	published, err := w.Published(t.Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	ended := strings.Replace(string(published[name]), "2018-01-01,,", "2018-01-01,2025-12-31,", 1)
	d, err := w.Draft(t.Context(), lan, publication.Documents{name: []byte(ended +
		"EX.2,permit,Giấy phép mới,New permit,power_corporation,2026-01-01,,example,made up\n")})
	want := "ended  [2018-01-01,2025-12-31] since 2026-01-01 past=false\nadded  [2026-01-01,] since 2026-01-01 past=false"
	if err != nil || told(d.Changes) != want || d.Changes[1].Of != "procedures" || !strings.HasPrefix(d.Changes[1].Row, "EX.2,permit,Giấy phép mới") {
		t.Fatalf("%+v, %v; want %s", d.Changes, err, want)
	}
	if d, err = w.Propose(t.Context(), lan, d.ID); err == nil {
		_, err = w.Approve(t.Context(), minh, d.ID)
	}
	law, currentErr := w.Current(t.Context())
	if err != nil || currentErr != nil || len(law.Catalog.Procedures()) != 2 {
		t.Errorf("%v, %v", err, currentErr)
	}
	if c, err := publication.New(w.pool, w.clock).Catalog(t.Context()); err != nil || len(c.Procedures()) != 2 {
		t.Errorf("a program that starts now gets %v, %v", c, err)
	}
	renamed := strings.Replace(string(published[name]), "Giấy phép", "Giấy phép lái xe", 1)
	d, err = w.Draft(t.Context(), lan, publication.Documents{name: []byte(renamed)})
	if err != nil || len(d.Changes) != 2 || !d.Changes[0].Past || d.Changes[0].Was != "name_vi Giấy phép, until 2025-12-31" || d.Changes[0].Is != "name_vi Giấy phép lái xe, until " {
		t.Errorf("%+v, %v; want one row corrected and one removed", d.Changes, err)
	}
}
