package publication_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/authn"
	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var (
	lan     = authn.Actor{ID: "lan", Role: authn.Treasury, Books: []string{"000"}}
	minh    = authn.Actor{ID: "minh", Role: authn.Treasury, Books: []string{"000"}}
	officer = authn.Actor{ID: "officer", Role: authn.Officer, Books: []string{"000"}}
	abroad  = authn.Actor{ID: "abroad", Role: authn.Treasury, Books: []string{"EHN"}}
)

const permit = "schedules/permit.yaml"

// tariff is a schedule whose versions are given, each "from amount", or "from unknown".
func tariff(versions ...string) []byte {
	var b strings.Builder
	b.WriteString(`service: permit
name: {vi: Giấy phép, en: Permit}
body: power_corporation
valid_days: 30
components:
  - id: permit_fee
    charge: electricity
    code: permit_fee
    by: date
    versions:
`)
	for i, v := range versions {
		from, amount, _ := strings.Cut(v, " ")
		says := fmt.Sprintf(`rules: [{rule: {vi: mọi trường hợp, en: every case}, fixed: %q}]`, amount)
		if amount == "unknown" {
			says = "unknown: {vi: chưa có mức thu, en: the amount is not on file}"
		}
		fmt.Fprintf(&b, "      - {version: %d/2020, from: %s, act: Circular %d/2020/TT-BTC, source: read, confidence: high, %s}\n", i+1, from, i+1, says)
	}
	b.WriteString("examples:\n")
	for i, v := range versions {
		from, amount, _ := strings.Cut(v, " ")
		says := fmt.Sprintf("total: %q", amount)
		if amount == "unknown" {
			says = fmt.Sprintf("refused: Circular %d/2020", i+1)
		}
		fmt.Fprintf(&b, "  - {why: the first day, on: %s, inputs: {}, %s}\n", from, says)
	}
	return []byte(b.String())
}

// lawOf is the tariff with the catalogue that comes with the program, and no other service.
func lawOf(t *testing.T, schedule []byte) publication.Documents {
	t.Helper()
	docs, err := publication.Included()
	if err != nil {
		t.Fatal(err)
	}
	maps.DeleteFunc(docs, func(name string, _ []byte) bool { return !strings.HasPrefix(name, "catalog/") })
	docs[permit] = schedule
	docs[procedures] = offering([]byte("code,service,name_vi,name_en,body_kind,from,until,mark,source\n"), "permit")
	return docs
}

const procedures = "catalog/procedures.csv"

// offering adds the procedure of a service of the power corporations to the table.
func offering(table []byte, service string) []byte {
	return fmt.Appendf(slices.Clone(table), "EX.%s,%[1]s,Giấy phép,Permit,power_corporation,2018-01-01,,example,made up\n", service)
}

// clock stands where a test puts it, or goes on by a step each time it is read.
type clock struct {
	mu   sync.Mutex
	at   time.Time
	step time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(c.step)
	return c.at
}

func (c *clock) goOn(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
	return c.at
}

func (c *clock) set(day string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = calendar.MustDate(day).At(9 * time.Hour).UTC()
	return c.at
}

// world is a database in which the permit costs 100,000 from 2020 on, published on 2 June 2025, an hour ago.
type world struct {
	pool  *pgxpool.Pool
	clock *clock
	*publication.Store
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOf(t, lawOf(t, tariff("2020-01-01 100000")))
}

// newWorldOf is a database in which a law of documents was published on 2 June 2025, an hour ago.
func newWorldOf(t *testing.T, docs publication.Documents) *world {
	t.Helper()
	w := &world{pool: pgtest.New(t), clock: &clock{}}
	w.clock.set("2025-06-02")
	w.Store = publication.New(w.pool, w.clock)
	if b, err := w.Begin(t.Context(), docs); err != nil || b.Revision != 1 {
		t.Fatalf("%+v, %v", b, err)
	}
	w.clock.goOn(time.Hour)
	return w
}

// propose drafts the tariff as lan and proposes it.
func (w *world) propose(t *testing.T, versions ...string) publication.Draft {
	t.Helper()
	d, err := w.Draft(t.Context(), lan, publication.Documents{permit: tariff(versions...)})
	if err == nil {
		d, err = w.Propose(t.Context(), lan, d.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// publish lets two persons publish the tariff.
func (w *world) publish(t *testing.T, versions ...string) publication.Draft {
	t.Helper()
	d, err := w.Approve(t.Context(), minh, w.propose(t, versions...).ID)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// count counts the rows of a table.
func (w *world) count(t *testing.T, table string) (n int) {
	t.Helper()
	if err := w.pool.QueryRow(t.Context(), "SELECT count(*) FROM gateway."+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// costs gives the permit's price on a day.
func costs(t *testing.T, law *publication.Law, err error, on string) int64 {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	q, err := law.Schedules.Quote(fee.Request{Service: "permit", Date: calendar.MustDate(on), Inputs: json.RawMessage(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	return q.TotalVND
}

func wants(t *testing.T, what string, err error, code problem.Code, says string) {
	t.Helper()
	if problem.CodeOf(err) != code || !strings.Contains(fmt.Sprint(err), says) {
		t.Errorf("%s: %v (%s); want %s that says %q", what, err, problem.CodeOf(err), code, says)
	}
	// What is wrong with a text is told in the words of its language; who may not act at all is told by internal/authn.
	p, ok := errors.AsType[*problem.Error](err)
	ours := code == problem.Conflict || code == problem.NotFound || code == problem.Unavailable || says == "yourself"
	if ok && ours && (p.DetailVi == "" || strings.Contains(p.DetailVi, " draft ")) {
		t.Errorf("%s: in Vietnamese it says %q", what, p.DetailVi)
	}
}
