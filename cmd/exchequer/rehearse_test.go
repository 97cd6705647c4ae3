package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/calendar"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/publication"
	"exchequer/internal/reference"
	"exchequer/internal/rehearsal"
	"exchequer/internal/story"
	"exchequer/schedules"
)

// desk is a state folder and a database with a law and a few bills.
type desk struct {
	*testing.T
	dir  string
	pool *pgxpool.Pool
}

// newDesk publishes all that comes with the program.
func newDesk(t *testing.T) *desk {
	t.Helper()
	d := emptyDesk(t)
	if _, stderr, status := d.run("migrate"); status != 0 {
		t.Fatal(stderr)
	}
	return d
}

// newDeskOf publishes only some of the program's schedules, with the procedures of these services: commands compile the law
// anew each time, and do the same with a small one.
func newDeskOf(t *testing.T, services ...string) *desk {
	t.Helper()
	d := emptyDesk(t)
	docs, err := publication.Included()
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(docs, func(name string, _ []byte) bool {
		service, ok := strings.CutPrefix(strings.TrimSuffix(name, ".yaml"), "schedules/")
		return ok && !strings.HasPrefix(service, "parameters/") && !slices.Contains(services, service)
	})
	docs["catalog/procedures.csv"] = procedures(t, docs["catalog/procedures.csv"], services)
	if _, err := publication.New(d.pool, story.Machine{}).Begin(t.Context(), docs); err != nil {
		t.Fatal(err)
	}
	return d
}

// procedures gives the rows of a table that are of some services.
func procedures(t *testing.T, table []byte, services []string) []byte {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(table)).ReadAll()
	if err != nil || rows[0][1] != "service" {
		t.Fatalf("%v, %s", err, rows)
	}
	kept := slices.DeleteFunc(rows[1:], func(row []string) bool { return !slices.Contains(services, row[1]) })
	var out bytes.Buffer
	if err := csv.NewWriter(&out).WriteAll(append(rows[:1:1], kept...)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func emptyDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t, t.TempDir(), pgtest.New(t)}
	t.Setenv("EXCHEQUER_DATABASE_URL", pgtest.URL(t, d.pool))
	t.Setenv("EXCHEQUER_STATE", d.dir)
	return d
}

func (d *desk) run(args ...string) (stdout, stderr string, status int) {
	var out, errs bytes.Buffer
	status = execute(d.Context(), args, &out, &errs)
	return out.String(), errs.String(), status
}

// bill keeps a paid bill of the power company of Hanoi or of the traffic police.
func (d *desk) bill(service, source, day, inputs string, amount int64) string {
	d.Helper()
	book, body := "EHN", "EVNHANOI"
	if service != "electricity_household" {
		book, body = "BCA", "CSGT-C08"
	}
	ref := reference.New(book)
	_, err := d.pool.Exec(d.Context(), `
		INSERT INTO gateway.bill (book, ref, body, service, source_ref, payer, quote_date, inputs, quote, schedule_hash,
			amount, paid, state, valid_until, issued_by, created_at)
		VALUES ($1, $2, $3, $4, $5, 'payer', $6, $7, '{}', 'hash', $8, $8, 'paid', $9, 'portal', $9)`,
		book, ref, body, service, source, day, inputs, amount, "2025-12-01T00:00:00Z")
	if err != nil {
		d.Fatal(err)
	}
	return ref
}

// draft writes a schedule of the program with a text in it replaced.
func (d *desk) draft(name, old, new string) string {
	d.Helper()
	text, err := schedules.FS.ReadFile(name)
	if err != nil || bytes.Count(text, []byte(old)) != 1 {
		d.Fatalf("%v: %q stands %d times in %s", err, old, bytes.Count(text, []byte(old)), name)
	}
	path := filepath.Join(d.dir, filepath.Base(name))
	if err := os.WriteFile(path, bytes.Replace(text, []byte(old), []byte(new), 1), 0o600); err != nil {
		d.Fatal(err)
	}
	return path
}

// stored keeps files as a draft that waits, and gives its number.
func (d *desk) stored(paths ...string) string {
	d.Helper()
	docs, err := readDocuments(paths)
	if err != nil {
		d.Fatal(err)
	}
	draft, err := publication.New(d.pool, story.Machine{}).Draft(d.Context(), operator(), docs)
	if err != nil {
		d.Fatal(err)
	}
	return strconv.FormatInt(draft.ID, 10)
}

// vat gives the VAT on electricity another value in August 2025, as a draft.
func (d *desk) vat(value string) string {
	const next = "  # The relief ends on 31 December 2026"
	return d.draft("parameters/vat_electricity.yaml", next,
		"  - {version: 1/2025, from: 2025-08-01, "+value+", act: Decree 1/2025, source: read, confidence: high}\n"+
			"  - {version: 2/2025, from: 2025-09-01, value: \"0.08\", act: Decree 2/2025, source: read, confidence: high}\n"+next)
}

// TestADraftIsRehearsed: 50 kWh are 99,200, with VAT of 8% 107,136 and of 10% 109,120.
func TestADraftIsRehearsed(t *testing.T) {
	d := newDeskOf(t, "electricity_household", "driving_licence", "charge_split")
	ref := d.bill("electricity_household", "=e-1", "2025-08-31", `{"kwh": 50}`, 107_136)
	d.bill("electricity_household", "e-2", "2025-09-01", `{"kwh": 50}`, 107_136)
	d.bill("driving_licence", "l-1", "2025-08-15", `{"channel": "online", "action": "exchange"}`, 115_000)
	file := filepath.Join(d.dir, "bills.csv")

	out, stderr, status := d.run("fees", "rehearse", "--draft", d.vat("value: \"0.10\""), "--from", "2025-08-01", "--to", "2025-09-30", "--csv", file, "--json")
	var report rehearsal.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || status != 0 {
		t.Fatalf("%v, status %d: %s %s", err, status, out, stderr)
	}
	if len(report.Services) != 1 || report.Services[0].Service != "electricity_household" || report.Total.Bills != 2 || report.Total.Difference != 1_984 {
		t.Errorf("%s", out)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil || len(lines) != 3 || strings.Join(lines[1][3:15], " ") != ref+" '=e-1 payer 2025-08-31 paid 107136 107136 107136 109120 1984 0 1984" {
		t.Errorf("%v: %s", err, raw)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of payers: %v, %v", info.Mode(), err)
	}

	// A case without an amount is a finding; the draft may be one that is stored.
	stored := d.stored(d.vat("unknown: {vi: chưa rõ, en: the decree is not out}"), d.draft("electricity_household.yaml", "examples:\n", `examples:
  - {why: the rate of August is not on file, on: 2025-08-31, inputs: {kwh: 50}, refused: Decree 1/2025}
  - {why: that of September is, on: 2025-09-01, inputs: {kwh: 50}, total: "107136"}
`))
	out, stderr, status = d.run("fees", "rehearse", "--draft", stored, "--from", "2025-08-01", "--to", "2025-08-31")
	if status != 1 || !strings.Contains(out, "1 bills: ") || !strings.Contains(out, "the decree is not out") || !strings.Contains(out, ref) ||
		!strings.Contains(out, "1 without an amount") {
		t.Errorf("status %d: %s%s", status, out, stderr)
	}
	// That a draft changes nothing before a day is said only of one that has a day for all that it changes.
	july := []string{"fees", "rehearse", "--from", "2025-07-01", "--to", "2025-07-31", "--draft", d.vat(`value: "0.10"`)}
	shorter := d.draft("electricity_household.yaml", "valid_days: 365", "valid_days: 364")
	for note, args := range map[bool][]string{true: july, false: append(july[:len(july):len(july)], "--draft", shorter)} {
		if out, stderr, status = d.run(args...); status != 0 || strings.Contains(out, "changes nothing before 2025-08-01") != note {
			t.Errorf("%v: status %d, %s%s", args, status, out, stderr)
		}
	}
	broken := d.draft("driving_licence.yaml", "service: driving_licence\n", "service: driving_licence\ncolour: red\n")
	out, stderr, status = d.run("fees", "rehearse", "--draft", broken, "--from", "2025-08-01", "--to", "2025-08-31")
	if status != 2 || out != "" || !strings.Contains(stderr, "driving_licence.yaml:2:") {
		t.Errorf("a draft that does not load: status %d, %s%s", status, out, stderr)
	}
	_, stderr, status = d.run("fees", "rehearse", "--draft", "77", "--from", "2025-08-01", "--to", "2025-08-31")
	if status != 2 || !strings.Contains(stderr, "77") {
		t.Errorf("no stored draft: status %d, %s", status, stderr)
	}
}

// TestWhatIsNoRehearsal ends before any server is asked.
func TestWhatIsNoRehearsal(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	vat, other := write("vat.yaml", "parameter: vat_electricity\n"), write("other.yaml", "colour: red\n")
	for name, c := range map[string]struct{ args, words string }{
		"turned round":       {"--draft " + vat + " --from 2025-08-31 --to 2025-08-01", "2025-08-01 lies before --from 2025-08-31"},
		"no such day":        {"--draft " + vat + " --from 2025-02-30 --to 2025-08-01", "--from"},
		"no such move":       {"--draft " + vat + " --from 2025-08-01 --to 2025-08-31 --move-to soon", "--move-to"},
		"no draft":           {"--from 2025-08-01 --to 2025-08-31", "--draft"},
		"no file":            {"--draft none.yaml --from 2025-08-01 --to 2025-08-31", "none.yaml"},
		"no schedule":        {"--draft " + other + " --from 2025-08-01 --to 2025-08-31", "it is no schedule"},
		"no YAML":            {"--draft " + write("x.yaml", "a: [") + " --from 2025-08-01 --to 2025-08-31", "it is no schedule"},
		"twice":              {"--draft " + vat + " --draft " + vat + " --from 2025-08-01 --to 2025-08-31", "drafted twice"},
		"an unknown setting": {"--draft " + vat + " --from 2025-08-01 --to 2025-08-31 --sideways", "--sideways"},
	} {
		var out, stderr bytes.Buffer
		status := execute(t.Context(), append([]string{"fees", "rehearse"}, strings.Fields(c.args)...), &out, &stderr)
		if status != 2 || !strings.Contains(stderr.String(), c.words) {
			t.Errorf("%s: status %d, %s%s", name, status, &out, &stderr)
		}
	}
	known := []string{"driving_licence", "passport"}
	if _, err := (feesRehearseCmd{Service: []string{"water"}}).services(known, known); err == nil || !strings.Contains(err.Error(), "driving_licence, passport") {
		t.Errorf("an unknown service: %v", err)
	}
	if got, err := (feesRehearseCmd{}).services(known, known[1:]); err != nil || len(got) != 1 || got[0] != "passport" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAPersonIsToldWhyNothingChanges(t *testing.T) {
	day := calendar.MustDate
	c := feesRehearseCmd{Service: []string{"passport", "id_card"}}
	r := rehearsal.Request{From: day("2025-07-01"), To: day("2025-07-31")}
	notes := c.notes(r, []string{"passport"}, day("2025-08-01"))
	if len(notes) != 2 || !strings.Contains(notes[0], "nothing before 2025-08-01") || !strings.Contains(notes[1], "id_card") {
		t.Errorf("%q", notes)
	}
	r.MoveTo = day("2025-07-02") // and so to 1 August
	if notes := c.notes(r, c.Service, day("2025-08-01")); len(notes) != 0 {
		t.Errorf("%q", notes)
	}
}

func TestAReportIsDrawn(t *testing.T) {
	e := rehearsal.Effect{Service: "passport", Bills: 100, Difference: 150_000, More: rehearsal.Group{Bills: 3, Before: 600_000, UnderDraft: 750_000, Difference: 150_000},
		Same: rehearsal.Group{Bills: 97}, LargestRise: rehearsal.Extreme{Ref: "BCA1", Difference: 50_000}, RefusedInForce: 0,
		Earlier: rehearsal.Change{Bills: 2, Amount: -7}, Underpaid: rehearsal.Change{Bills: 3, Amount: 150_000},
		Spread: []rehearsal.Bucket{{Least: -math.MaxInt64, Most: -10_000_001}, {Bills: 97}, {Least: 10_001, Most: 100_000, Bills: 3}}}
	var out bytes.Buffer
	env := &environment{stdout: &out}
	if err := env.print(false, nil, func(w io.Writer) {
		tellRehearsal(w, &rehearsal.Report{From: calendar.MustDate("2025-07-01"), To: calendar.MustDate("2025-07-31"), Services: []rehearsal.Effect{e}, Total: e}, []string{"A note."})
	}); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"Bills of 2025-07-01 to 2025-07-31", "pay more 3 600,000 750,000 150,000", "the same 97 0 0 0", "largest rise 50,000 BCA1",
		"there without the draft 2 -7", "undercharged, paid 3 150,000", "up to -10,000,001 0", "no difference 97 " + strings.Repeat("█", 30),
		"+10,001 to +100,000 3 █ ", "A note.", "100 bills, +150,000 đồng in all; 0 without an amount",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}

func TestAFileIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bills.csv")
	failed := errors.New("no more")
	for name, c := range map[string]struct {
		path string
		err  error
	}{"fails": {path, failed}, "a folder": {dir, nil}, "no folder": {filepath.Join(dir, "none", "bills.csv"), nil}} {
		err := writeWhole(c.path, func(w io.Writer) error { fmt.Fprint(w, "half"); return c.err })
		if err == nil || c.err != nil && !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"old", "new"} {
		if err := writeWhole(path, func(w io.Writer) error { _, err := fmt.Fprint(w, text); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "new" {
		t.Errorf("%q, %v", got, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}
