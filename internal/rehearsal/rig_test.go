package rehearsal_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/authn"
	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/publication"
	"exchequer/internal/reference"
	"exchequer/internal/rehearsal"
	"exchequer/schedules"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var (
	ctx     = context.Background()
	officer = authn.Actor{ID: "treasurer-1", Role: authn.Treasury, Books: []string{"*"}}
)

// noon is the time of every rehearsal here.
type noon struct{}

func (noon) Now() time.Time { return time.Date(2025, 12, 1, 5, 0, 0, 0, time.UTC) }

// edit replaces a text, which must stand in the document exactly once.
type edit struct{ document, old, new string }

// law is that of the schedules, with edits in them.
func law(t testing.TB, edits ...edit) rehearsal.Law {
	t.Helper()
	s := compiled(t, edits...)
	return func(b rehearsal.Bill) (int64, error) {
		q, err := s.Quote(fee.Request{Service: b.Service, Date: b.Date, Inputs: b.Inputs})
		if err != nil {
			return 0, err
		}
		return q.TotalVND, nil
	}
}

// whole is the schedules, with edits in them, and the catalogue of the program.
func whole(t testing.TB, edits ...edit) *publication.Law {
	t.Helper()
	tables, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	return &publication.Law{Schedules: compiled(t, edits...), Catalog: tables}
}

// compiled is the schedules that the tests use, with edits in them.
func compiled(t testing.TB, edits ...edit) *fee.Schedules {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range []string{electricity, insurance, pension, "judicial_record", "judicial_record_split",
		"parameters/base_salary", "parameters/rural_poverty_line", "parameters/vat_electricity"} {
		text, err := fs.ReadFile(schedules.FS, name+".yaml")
		if err != nil {
			t.Fatal(err)
		}
		files[name+".yaml"] = &fstest.MapFile{Data: text}
	}
	for _, e := range edits {
		text := string(files[e.document].Data)
		if strings.Count(text, e.old) != 1 {
			t.Fatalf("%s: %q stands there %d times", e.document, e.old, strings.Count(text, e.old))
		}
		files[e.document].Data = []byte(strings.Replace(text, e.old, e.new, 1))
	}
	s, err := fee.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// version is an entry of a parameter, put in before another one's.
func version(name, from, value string) string {
	return fmt.Sprintf("  - {version: %s, from: %s, value: %q, act: Decree %s, source: read, confidence: high}\n", name, from, value, name)
}

// salary makes the base salary another one from 1 October to 31 December 2025.
func salary(value string) edit {
	const next = "  - {version: 161/2026,"
	return edit{"parameters/base_salary.yaml", next, version("1/2025", "2025-10-01", value) + version("2/2025", "2026-01-01", "2340000") + next}
}

// tariff adds a version of the six tiers from 1 August 2025, with 100 đồng less in the first and 100 more in the last,
// and one as before from 1 September.
func tariff() edit {
	of := func(name, from, first, last string) string {
		return fmt.Sprintf(`      - version: %s
        from: %s
        act: Decision %s
        source: read
        confidence: high
        rules:
          - rule: {vi: biểu giá sáu bậc, en: six tiers}
            graduated: {quantity: kwh, times: households, tiers: [{width: "50", price: %q}, {width: "50", price: "2050"}, {width: "100", price: "2380"}, {width: "100", price: "2998"}, {width: "100", price: "3350"}, {price: %q}]}
`, name, from, name, first, last)
	}
	return beforeDiscount(of("5/2025", "2025-08-01", "1884", "3560") + of("6/2025", "2025-09-01", "1984", "3460"))
}

// beforeDiscount adds versions of the energy's prices.
func beforeDiscount(versions string) edit {
	const next = "\n  # Two published methods of the 2020 discounts"
	return edit{"electricity_household.yaml", next, versions + next}
}

// rig is a database with bills.
type rig struct {
	*testing.T
	pool  *pgxpool.Pool
	store *rehearsal.Store
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	pool := pgtest.New(t)
	return &rig{t, pool, rehearsal.New(pool, noon{})}
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// stored is a bill as it was issued; state is paid where it is left out.
type stored struct {
	service, source, day, inputs string
	charged                      int64
	state                        string
}

const (
	electricity = "electricity_household"
	insurance   = "health_insurance_household"
	pension     = "voluntary_social_insurance"
)

// add keeps a bill and gives its reference.
func (r *rig) add(b stored) string {
	r.Helper()
	ref := reference.New("HNI")
	state, paid := "paid", b.charged
	if b.state != "" {
		state, paid = b.state, 0
	}
	_, err := r.pool.Exec(ctx, `
		INSERT INTO gateway.bill (book, ref, body, service, source_ref, payer, quote_date, inputs, quote, schedule_hash,
			amount, paid, state, valid_until, issued_by, created_at)
		VALUES ('HNI', $1, 'BODY', $2, $3, $4, $5, $6, '{}', 'hash', $7, $8, $9, $10, 'portal', $10)`,
		ref, b.service, b.source, "payer of "+b.source, b.day, b.inputs, b.charged, paid, state, noon{}.Now())
	r.must(err)
	return ref
}

// request asks for the second half of 2025.
func request(draft rehearsal.Law, inForce rehearsal.Law, services ...string) rehearsal.Request {
	return rehearsal.Request{Services: services, From: calendar.MustDate("2025-07-01"), To: calendar.MustDate("2025-12-31"),
		InForce: inForce, Draft: draft, Digest: "digest"}
}

// rehearse gives the report and the lines of the file, by the issuer's number and column.
func (r *rig) rehearse(q rehearsal.Request) (*rehearsal.Report, map[string]map[string]string) {
	r.Helper()
	var text bytes.Buffer
	file := rehearsal.NewCSV(&text)
	report, err := r.store.Run(ctx, officer, q, rehearsal.Watcher{Rows: file.Write})
	r.must(err)
	r.must(file.Flush())
	return report, r.lines(text.String())
}

func (r *rig) lines(text string) map[string]map[string]string {
	r.Helper()
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	r.must(err)
	out := map[string]map[string]string{}
	for _, record := range records[1:] {
		line := map[string]string{}
		for i, name := range records[0] {
			line[name] = record[i]
		}
		if out[line["source_ref"]] != nil {
			r.Errorf("%s has two lines", line["source_ref"])
		}
		out[line["source_ref"]] = line
	}
	return out
}

// says compares some columns of a bill's line, written "charged 107136, outcome less"; an empty value is written as "".
func (r *rig) says(lines map[string]map[string]string, source, want string) {
	r.Helper()
	line := lines[source]
	if line == nil {
		r.Fatalf("no line of %s in %v", source, lines)
	}
	for pair := range strings.SplitSeq(want, ", ") {
		column, value, _ := strings.Cut(pair, " ")
		if got, there := line[column]; !there || got != strings.Trim(value, `"`) {
			r.Errorf("%s: %s is %q, want %s", source, column, got, value)
		}
	}
}
