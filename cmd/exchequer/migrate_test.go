package main

import (
	"strings"
	"testing"

	"exchequer/internal/pg/pgtest"
)

// TestMigrateTellsThatTheLawCannotBeRead lets a program come whose language lacks what the published law is written in.
func TestMigrateTellsThatTheLawCannotBeRead(t *testing.T) {
	d := newDesk(t)
	_, err := pgtest.Owner(t, d.pool).Exec(t.Context(), `
		ALTER TABLE gateway.law_document DISABLE TRIGGER USER;
		INSERT INTO gateway.law_text (digest, content)
		SELECT encode(sha256(c), 'hex'), c FROM (
			SELECT content || convert_to(E'\nsurcharge: 1\n', 'UTF8') AS c FROM gateway.law_text JOIN gateway.law_document USING (digest)
			WHERE name = 'schedules/passport.yaml') AS other;
		UPDATE gateway.law_document SET digest = (SELECT digest FROM gateway.law_text WHERE position(convert_to('surcharge: 1', 'UTF8') IN content) > 0)
		WHERE name = 'schedules/passport.yaml'`)
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, status := d.run("migrate")
	if status == 0 || !strings.Contains(stdout, "up to date") || !strings.Contains(stderr, "cannot read the law as published in revision 1") || !strings.Contains(stderr, "passport.yaml:") {
		t.Errorf("migrate ended with %d: %s%s", status, stdout, stderr)
	}
}
