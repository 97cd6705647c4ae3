package publication_test

import (
	"strings"
	"testing"

	"exchequer/internal/pg/pgtest"
)

// TestTheDatabaseItselfKeepsWhatWasKnown lets the program's role, and then the owner, try what no publication does.
func TestTheDatabaseItselfKeepsWhatWasKnown(t *testing.T) {
	w := newWorld(t)
	w.publish(t, "2020-01-01 100000", "2025-03-01 80000") // closes the first version's row
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
		"UPDATE gateway.law_document SET known_until = '2025-06-02T02:00Z' WHERE name LIKE '%permit%' AND known_until IS NULL": "law_document_known",
		"UPDATE gateway.law_version SET known_until = '2099-01-01Z' WHERE known_until IS NULL":                                 "law_version_replaced",
		"INSERT INTO gateway.law_text (digest, content) VALUES ('x', 'x')":                                                     "law_text_digest",
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

// TestTwoVersionsNeverHoldOnOneDay: the constraint itself refuses it, also where the times in which they are known only touch
// on an instant, and lets stand side by side what differs in one of the four.
func TestTwoVersionsNeverHoldOnOneDay(t *testing.T) {
	w := newWorld(t)
	insert := func(component, from, until string) error {
		_, err := w.pool.Exec(t.Context(), `
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
