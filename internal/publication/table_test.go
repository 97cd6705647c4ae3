package publication_test

import (
	"strings"
	"testing"

	"exchequer/internal/pg/pgtest"
)

// TestTheDatabaseItselfKeepsWhatWasKnown lets the program's role, and then the owner, try what no publication does.
func TestTheDatabaseItselfKeepsWhatWasKnown(t *testing.T) {
	w := newWorld(t)
	w.publish(t, "2020-01-01 100000", "2025-03-01 80000") // draft 1 closes the first version's row
	w.propose(t, "2020-01-01 100000", "2025-03-01 70000") // draft 2
	third := w.propose(t, "2020-01-01 100000", "2025-03-01 60000")
	if _, err := w.Reject(t.Context(), minh, third.ID, "draft 3"); err != nil {
		t.Fatal(err)
	}
	for statement, says := range map[string]string{
		"UPDATE gateway.law_version SET digest = 'x'":                                                                          "permission denied",
		"UPDATE gateway.law_version SET valid_until = NULL":                                                                    "permission denied",
		"UPDATE gateway.law_version SET known_from = known_until":                                                              "permission denied",
		"UPDATE gateway.law_document SET digest = 'x'":                                                                         "permission denied",
		"UPDATE gateway.law_text SET content = 'x'":                                                                            "permission denied",
		"UPDATE gateway.publication SET known_since = '2020-01-01Z'":                                                           "permission denied",
		"UPDATE gateway.law_draft SET digest = 'x'":                                                                            "permission denied",
		"DELETE FROM gateway.law_version":                                                                                      "permission denied",
		"DELETE FROM gateway.law_document":                                                                                     "permission denied",
		"DELETE FROM gateway.law_text":                                                                                         "permission denied",
		"DELETE FROM gateway.publication":                                                                                      "permission denied",
		"DELETE FROM gateway.law_draft_document":                                                                               "permission denied",
		"UPDATE gateway.law_version SET known_until = NULL WHERE known_until IS NOT NULL":                                      "never changed",
		"UPDATE gateway.law_version SET known_until = known_from WHERE known_until IS NOT NULL":                                "never changed",
		"UPDATE gateway.law_document SET known_until = NULL WHERE known_until IS NOT NULL":                                     "never changed",
		"UPDATE gateway.law_document SET known_until = '2025-06-02T02:00Z' WHERE name LIKE '%permit%' AND known_until IS NULL": "never changed",
		"UPDATE gateway.law_version SET known_until = '2099-01-01Z' WHERE known_until IS NULL":                                 "never changed",
		"UPDATE gateway.law_document SET known_until = (SELECT max(known_since) FROM gateway.publication) WHERE known_until IS NULL AND revision = 1":                                 "never changed",
		"INSERT INTO gateway.law_document SELECT 'schedules/other.yaml', revision, digest, known_from FROM gateway.law_document WHERE revision = 1 LIMIT 1":                           "never changed",
		"INSERT INTO gateway.law_document SELECT 'schedules/other.yaml', revision, digest, known_from FROM gateway.law_document WHERE revision = 2 LIMIT 1":                           "never changed",
		"INSERT INTO gateway.publication VALUES (3, '2026-01-01Z', 'minh')":                                                                                                           "publication_drafted",
		"INSERT INTO gateway.publication VALUES (3, '2026-01-01Z', 'minh', 1)":                                                                                                        "second person",
		"INSERT INTO gateway.publication VALUES (3, '2026-01-01Z', 'minh', 2)":                                                                                                        "second person",
		"INSERT INTO gateway.publication VALUES (3, '2025-06-02T02:30Z', 'minh', 2)":                                                                                                  "one after another",
		"INSERT INTO gateway.publication VALUES (9, '2026-01-01Z', 'minh', 2)":                                                                                                        "one after another",
		"INSERT INTO gateway.publication VALUES (1, '2026-01-01Z', 'minh')":                                                                                                           "one after another",
		"UPDATE gateway.law_draft SET state = 'drafted', approval = NULL, proposed_by = NULL, proposed_at = NULL, decided_by = NULL, decided_at = NULL, revision = NULL WHERE id = 1": "final",
		"UPDATE gateway.law_draft SET state = 'proposed', decided_by = NULL, decided_at = NULL, revision = NULL WHERE id = 1":                                                         "final",
		"UPDATE gateway.law_draft SET reason = 'x' WHERE id = 1":                                                                                                                      "final",
		"UPDATE gateway.law_draft SET state = 'proposed', decided_by = NULL, decided_at = NULL WHERE id = 3":                                                                          "final",
		"UPDATE gateway.law_draft SET state = 'drafted', approval = NULL, proposed_by = NULL, proposed_at = NULL WHERE id = 2":                                                        "final",
		"UPDATE gateway.law_draft SET state = 'published', decided_by = 'minh', decided_at = proposed_at, revision = 2, proposed_by = 'dung' WHERE id = 2":                            "final",
		"UPDATE gateway.law_draft SET state = 'published', decided_by = 'minh', decided_at = proposed_at, revision = 1 WHERE id = 2":                                                  "law_draft_publication",
		"UPDATE gateway.law_draft SET state = 'published', decided_by = 'minh', decided_at = proposed_at, revision = 2 WHERE id = 2":                                                  "law_draft_publi",
		"INSERT INTO gateway.law_draft (base, digest, changes, services, drafted_by, drafted_at, state) VALUES (1, 'x', '[]', '{}', 'lan', '2025-06-02Z', 'published')":               "permission denied",
		"INSERT INTO gateway.law_text (digest, content) VALUES ('x', 'x')":                                                                                                            "law_text_digest",
	} {
		if _, err := w.pool.Exec(t.Context(), statement); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; want %q", statement, err, says)
		}
	}
	owner := pgtest.Owner(t, w.pool)
	if _, err := owner.Exec(t.Context(), "UPDATE gateway.law_version SET known_until = NULL WHERE known_until IS NOT NULL"); err == nil {
		t.Error("even the owner's statement reopens what was known, while the trigger stands")
	}
}

// TestWhatAPublicationSays is known from its own instant on: in the very transaction in which the program's role publishes
// what a second person approved, it can neither end nor add anything at another instant.
func TestWhatAPublicationSays(t *testing.T) {
	w := newWorld(t)
	w.publish(t, "2020-01-01 100000", "2025-03-01 80000")
	w.propose(t, "2020-01-01 100000", "2025-03-01 70000") // draft 2
	tx, err := w.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	try := func(statement, says string) {
		t.Helper()
		one, err := tx.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err = one.Exec(t.Context(), statement); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; want %q", statement, err, says)
		}
		if err == nil {
			err = one.Commit(t.Context())
		} else {
			err = one.Rollback(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const publish = "INSERT INTO gateway.publication VALUES (3, '2025-06-02T04:00Z', 'minh', 2)"
	try(publish, "second person")
	try("UPDATE gateway.approval SET state = 'approved', approved_by = 'hoa', decided_at = '2025-06-02T04:00Z' WHERE ref = 'law-2'", "")
	try(publish, "second person") // another one than publishes
	if _, err := tx.Exec(t.Context(), "INSERT INTO gateway.publication VALUES (3, '2025-06-02T04:00Z', 'hoa', 2)"); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"law_document", "law_version"} {
		open := " WHERE known_until IS NULL AND revision = (SELECT min(revision) FROM gateway." + table + " WHERE known_until IS NULL)"
		try("UPDATE gateway."+table+" SET known_until = '2025-06-02T03:00Z'"+open, "never changed")
		try("UPDATE gateway."+table+" SET known_until = '2030-01-01Z'"+open, "never changed")
		try("UPDATE gateway."+table+" SET known_until = '2025-06-02T04:00Z'"+open, "")
		try("UPDATE gateway."+table+" SET known_until = '2025-06-02T04:00Z' WHERE known_until IS NOT NULL", "never changed")
	}
	const document = "INSERT INTO gateway.law_document SELECT 'schedules/other.yaml', revision, digest, known_from"
	try(document+" FROM gateway.law_document WHERE revision = 1 LIMIT 1", "never changed")
	try(document+", '2025-06-02T04:00Z' FROM gateway.law_document WHERE revision = 1 LIMIT 1", "never changed")
	try("INSERT INTO gateway.law_document SELECT 'schedules/other.yaml', 3, digest, '2025-06-02T04:00Z' FROM gateway.law_document WHERE revision = 1 LIMIT 1", "")
}

// TestTwoVersionsNeverHoldOnOneDay: the constraint itself refuses it, also where the times in which they are known only touch
// on an instant, and lets stand side by side what differs in one of the four.
func TestTwoVersionsNeverHoldOnOneDay(t *testing.T) {
	w := newWorld(t)
	owner := pgtest.Owner(t, w.pool)
	if _, err := owner.Exec(t.Context(), `ALTER TABLE gateway.law_version DISABLE TRIGGER law_version_known_once`); err != nil {
		t.Fatal(err)
	}
	insert := func(component, from, until string) error {
		_, err := owner.Exec(t.Context(), `
			INSERT INTO gateway.law_version (document, revision, of, component, charges, optional, name_vi, name_en, valid_from, valid_until, known_from, act_vi, act_en,
				unknown, provisional, digest)
			SELECT document, revision, of, $1, charges, optional, name_vi, name_en, $2, nullif($3, '')::date, known_from, act_vi, act_en, unknown, provisional, digest
			FROM gateway.law_version WHERE component = 'permit_fee' AND valid_from = '2020-01-01'`, component, from, until)
		return err
	}
	for _, c := range []struct {
		component, from, until string
		refused                bool
	}{
		{"permit_fee", "2019-01-01", "2019-12-31", false}, // the day before
		{"permit_fee", "2019-12-31", "2019-12-31", true},  // a day of the one just added
		{"permit_fee", "2018-01-01", "2020-01-01", true},
		{"permit_fee", "2030-01-01", "", true},
		{"other_fee", "2020-01-01", "", false},
	} {
		err := insert(c.component, c.from, c.until)
		if refused := err != nil && strings.Contains(err.Error(), "law_version_one_a_day"); refused != c.refused {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
