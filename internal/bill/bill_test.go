package bill_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/authn"
	"exchequer/internal/bill"
	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
	"exchequer/internal/quote/quotetest"
	"exchequer/internal/reference"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var (
	ctx    = context.Background()
	portal = authn.Actor{ID: "portal", Role: authn.Client, Books: []string{"*"}}
)

// clock shows the time a test sets between its steps.
type clock struct{ at time.Time }

func (c *clock) Now() time.Time { return c.at }

// fines are traffic fines whose lines are the inputs, for a week from the day asked for. Those in doubt have no amount.
var (
	fines   = fineLaw(`rules: [{rule: {vi: quy định, en: rule}, fixed: fine}]`)
	inDoubt = fineLaw(`unknown: {vi: chưa rõ số tiền, en: no certain amount}`)
)

func fineLaw(imposed string) func() (quotetest.Law, error) {
	component := func(id, charge, body string) string {
		return "  - {id: " + id + ", charge: " + charge + ", code: " + id + ", by: date, versions: [{version: v, from: 2020-01-01, " +
			"act: Decree 1/2020/ND-CP, source: read, confidence: high, " + body + "}]}\n"
	}
	docs := fee.Documents{"traffic_fine.yaml": []byte(`service: traffic_fine
name: {vi: Tiền phạt, en: Fine}
body: state_treasury
valid_days: 6
inputs:
  - {name: fine, type: int, min: "0", default: "0"}
  - {name: late, type: int, min: "0", default: "0"}
  - {name: off, type: int, min: "0", default: "0"}
  - {name: weight, type: decimal, places: 2, default: "0"}
components:
` + component("imposed", "fine", imposed) + component("overdue", "late_charge", `rules: [{rule: {vi: quy định, en: rule}, fixed: late}]`) +
		component("reduction", "fine", `rules: [{rule: {vi: quy định, en: rule}, discount: {amount: off}}]`) + `examples:
  - {why: outside the versions, on: 2019-12-31, inputs: {}, refused: Decree 1/2020}
`)}
	return sync.OnceValues(func() (quotetest.Law, error) { return quotetest.Tariffs(docs) })
}

// law is the law as a test sets it between its steps.
type law struct{ known *publication.Law }

func (l *law) Current(context.Context) (*publication.Law, error) { return l.known, nil }

type rig struct {
	*testing.T
	pool  *pgxpool.Pool
	clock *clock
	law   *law
	bills *bill.Store
}

func newRig(t *testing.T) *rig {
	t.Helper()
	t.Parallel()
	r := &rig{T: t, pool: pgtest.New(t), clock: &clock{time.Date(2025, 6, 2, 2, 0, 0, 0, time.UTC)}, law: &law{}}
	r.follow(fines)
	r.bills = bill.New(r.pool, r.law, r.clock)
	return r
}

// follow makes another law the one that is published.
func (r *rig) follow(made func() (quotetest.Law, error)) {
	r.Helper()
	l, err := made()
	r.must(err)
	r.law.known = l.Law
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// fine asks for the bill of decision d-1 on a day.
func fine(day, inputs string) bill.Request {
	return bill.Request{Service: "traffic_fine", Body: "KBNN-HNI", SourceRef: "d-1", Payer: "subject-1", Date: calendar.MustDate(day), Inputs: []byte(inputs)}
}

func (r *rig) issue(q bill.Request) bill.Bill {
	r.Helper()
	b, err := r.bills.Issue(ctx, portal, q)
	r.must(err)
	return b
}

func (r *rig) refuses(q bill.Request, code problem.Code, words string) {
	r.Helper()
	_, err := r.bills.Issue(ctx, portal, q)
	if problem.CodeOf(err) != code || !strings.Contains(err.Error(), words) {
		r.Errorf("wanted %s %q, got %v", code, words, err)
	}
	if p, ok := errors.AsType[*problem.Error](err); ok && (p.DetailVi == "" || p.DetailVi == p.Detail) {
		r.Errorf("%v: in Vietnamese it says %q", err, p.DetailVi)
	}
}

func (r *rig) count(sql string, args ...any) (n int) {
	r.Helper()
	r.must(r.pool.QueryRow(ctx, sql, args...).Scan(&n))
	return n
}

func (r *rig) get(ref string) bill.Bill {
	r.Helper()
	b, err := r.bills.Get(ctx, portal, ref)
	r.must(err)
	return b
}

// claim plays an attempt that holds the bill, which internal/order writes.
func (r *rig) claim(b bill.Bill) {
	r.Helper()
	_, err := r.pool.Exec(ctx, `INSERT INTO gateway.claim (book, bill, attempt_book, attempt) VALUES ($1, $2, $1, 'attempt')`, b.Book, b.Ref)
	r.must(err)
}

func TestABillIsItsQuoteByBudgetLine(t *testing.T) {
	r := newRig(t)
	made := r.issue(fine("2025-06-02", `{"fine": 900, "late": 90, "off": 100}`))
	b := r.get(reference.Format(made.Ref))
	if b.Amount != 890 || b.Due() != 890 || b.State != bill.Open || b.Edition != 1 || b.Payer != "subject-1" || b.ScheduleHash != made.ScheduleHash || len(b.ScheduleHash) != 64 {
		t.Errorf("%+v", b)
	}
	// The reduction is taken from its own charge.
	want := []bill.Line{{1, "fine", "4252", 800}, {2, "late_charge", "EX4299", 90}}
	if len(b.Lines) != 2 || b.Lines[0] != want[0] || b.Lines[1] != want[1] {
		t.Errorf("lines %+v", b.Lines)
	}
	if !b.CreatedAt.Equal(made.CreatedAt) || !b.ValidUntil.Equal(made.ValidUntil) || len(b.Quote.Lines) != 3 {
		t.Errorf("made %+v\nread %+v", made, b)
	}
	if n := r.count(`SELECT count(*) FROM gateway.audit WHERE action = 'bill.issue' AND subject = $1`, b.Ref); n != 1 {
		t.Errorf("%d audit rows", n)
	}
	q := fine("2025-06-02", `{"fine": 100, "off": 100}`)
	q.SourceRef = "d-2"
	if b := r.issue(q); b.State != bill.NothingDue || len(b.Lines) != 0 {
		t.Errorf("%+v", b)
	}
}

func TestTheSameNumberIsTheSameBill(t *testing.T) {
	r := newRig(t)
	first := r.issue(fine("2025-06-02", `{"fine": 900, "weight": 100000000000000.01}`))
	again := r.issue(fine("2025-06-02", `{ "weight":100000000000000.01, "fine":900 }`))
	if again.Ref != first.Ref || !again.CreatedAt.Equal(first.CreatedAt) {
		t.Errorf("%+v", again)
	}
	other := fine("2025-06-02", `{"fine": 900, "weight": 100000000000000.01}`)
	other.Payer = "subject-2"
	for _, q := range []bill.Request{
		fine("2025-06-01", `{"fine": 900, "weight": 100000000000000.01}`), fine("2025-06-02", `{"fine": 900, "weight": 100000000000000.02}`),
		fine("2025-06-02", `{"fine": 900, "weight": 100000000000000.01} x`), fine("2025-06-02", ``), other,
	} {
		r.refuses(q, problem.Conflict, "another bill")
	}
	// A schedule that was corrected since refuses a new bill and leaves the old one.
	r.follow(inDoubt)
	if again := r.issue(fine("2025-06-02", `{"fine": 900, "weight": 100000000000000.01}`)); again.Ref != first.Ref {
		t.Errorf("%+v", again)
	}
	q := fine("2025-06-02", `{}`)
	q.SourceRef = "d-2"
	r.refuses(q, problem.Refused, "no certain amount")
}

func TestABillOfADayToComeIsRefused(t *testing.T) {
	r := newRig(t)
	r.refuses(fine("2025-06-03", `{"fine": 900}`), problem.Invalid, "lies ahead")
}

// Interest runs to the day of payment, so a bill that can be paid today must not be worked out for another day.
func TestABillIsForTheDayOnWhichItIsPaid(t *testing.T) {
	r := newRig(t)
	r.follow(func() (quotetest.Law, error) { return quotetest.Bundled(t), nil })
	tax := func(ref, inputs string) bill.Request {
		return bill.Request{Service: "business_tax_late", Body: "THUE-HNI", SourceRef: ref, Payer: "subject-1", Date: calendar.MustDate("2025-06-02"), Inputs: []byte(inputs)}
	}
	for _, paid := range []string{"2025-06-03", "2025-12-31", "2025-06-01", "2025-05-20"} {
		r.refuses(tax("t-1", `{"tax": 100000000, "due": "2025-05-20", "paid": "`+paid+`"}`), problem.Invalid, "must be the quote's date, 2025-06-02")
	}
	if n := r.count(`SELECT count(*) FROM gateway.bill`); n != 0 {
		t.Errorf("%d bills were kept", n)
	}
	said, left := r.issue(tax("t-1", `{"tax": 100000000, "due": "2025-05-20", "paid": "2025-06-02"}`)), r.issue(tax("t-2", `{"tax": 100000000, "due": "2025-05-20"}`))
	if said.Amount != 100_360_000 || left.Amount != said.Amount { // twelve days at 0.03%
		t.Errorf("on its day: %d and %d", said.Amount, left.Amount)
	}
}

func TestAnExpiredBillIsIssuedAgain(t *testing.T) {
	r := newRig(t)
	first := r.issue(fine("2025-06-02", `{"fine": 900}`))
	r.clock.at = first.ValidUntil
	if same := r.issue(fine("2025-06-02", `{"fine": 900}`)); same.Ref != first.Ref {
		t.Errorf("the same request made another bill, which no longer holds either: %+v", same)
	}
	r.refuses(fine("2025-06-01", `{"fine": 900}`), problem.Conflict, "give a later date")
	other := fine("2025-06-09", `{"fine": 900}`)
	other.Payer = "subject-2"
	r.refuses(other, problem.Conflict, "another bill")

	next := r.issue(fine("2025-06-09", `{"fine": 900, "late": 10}`))
	if next.Ref == first.Ref || next.Edition != 2 || next.Amount != 910 || len(next.Lines) != 2 {
		t.Fatalf("%+v", next)
	}
	if b := r.issue(fine("2025-06-09", `{"fine": 900, "late": 10}`)); b.Ref != next.Ref {
		t.Errorf("the same request again: %+v", b)
	}
	r.refuses(fine("2025-06-02", `{"fine": 900}`), problem.Conflict, "another bill")
	old := r.get(first.Ref)
	if old.ReplacedBy != next.Ref || !old.Expired(first.CreatedAt) || r.get(next.Ref).Expired(r.clock.at) {
		t.Errorf("both editions can be paid: %+v", old)
	}
	r.clock.at = next.ValidUntil
	if third := r.issue(fine("2025-06-16", `{"fine": 900, "late": 20}`)); third.Edition != 3 || r.get(next.Ref).ReplacedBy != third.Ref {
		t.Errorf("%+v", third)
	}
}

func TestABillThatIsPaidOrBeingPaidIsNotIssuedAgain(t *testing.T) {
	r := newRig(t)
	first := r.issue(fine("2025-06-02", `{"fine": 900}`))
	r.claim(first)
	r.clock.at = first.ValidUntil
	r.refuses(fine("2025-06-09", `{"fine": 900}`), problem.Conflict, "not certain yet")
	if same := r.issue(fine("2025-06-02", `{"fine": 900}`)); same.Ref != first.Ref {
		t.Errorf("%+v", same)
	}
	r.must(pg.InTx(ctx, r.pool, func(tx pgx.Tx) error { return bill.PayTx(ctx, tx, first.Book, first.Ref) }))
	_, err := r.pool.Exec(ctx, `DELETE FROM gateway.claim`)
	r.must(err)
	r.refuses(fine("2025-06-09", `{"fine": 900}`), problem.Conflict, "another bill")
	if n := r.count(`SELECT count(*) FROM gateway.bill`); n != 1 {
		t.Errorf("%d bills", n)
	}
}

// A payment and a new edition of the same bill meet: whoever locks it first is right.
func TestANewEditionWaitsForAPayment(t *testing.T) {
	r := newRig(t)
	first := r.issue(fine("2025-06-02", `{"fine": 900}`))
	r.clock.at = first.ValidUntil
	tx, err := r.pool.Begin(ctx)
	r.must(err)
	_, err = bill.LockTx(ctx, tx, []string{first.Ref})
	r.must(err)
	done := make(chan error)
	go func() {
		_, err := r.bills.Issue(ctx, portal, fine("2025-06-09", `{"fine": 900}`))
		done <- err
	}()
	for r.count(`SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE datname = current_database())`) == 0 {
		time.Sleep(time.Millisecond)
	}
	r.must(bill.PayTx(ctx, tx, first.Book, first.Ref))
	r.must(tx.Commit(ctx))
	if err := <-done; problem.CodeOf(err) != problem.Conflict {
		t.Errorf("the paid bill was issued again: %v", err)
	}
}

func TestManyAtOnceMakeOneBillAnEdition(t *testing.T) {
	r := newRig(t)
	for edition, day := range []string{"2025-06-02", "2025-06-09"} {
		r.clock.at = calendar.MustDate(day).UTC()
		refs := make([]string, 8)
		var wg sync.WaitGroup
		for i := range refs {
			wg.Go(func() {
				b, err := r.bills.Issue(ctx, portal, fine(day, `{"fine": 900}`))
				if err != nil || b.Edition != edition+1 || len(b.Lines) != 1 {
					t.Errorf("%+v: %v", b, err)
				}
				refs[i] = b.Ref
			})
		}
		wg.Wait()
		for _, ref := range refs {
			if ref != refs[0] {
				t.Errorf("edition %d has bills %v", edition+1, refs)
			}
		}
	}
	if n := r.count(`SELECT count(*) FROM gateway.bill`); n != 2 {
		t.Errorf("%d bills", n)
	}
}

func TestTextThatCannotBeKeptIsRefused(t *testing.T) {
	r := newRig(t)
	for name, text := range map[string]string{"empty": "", "NUL": "a\x00b", "line": "a\nb", "escape": "a\u009bb", "not UTF-8": "a\xff", "long": strings.Repeat("ố", 65)} {
		q := fine("2025-06-02", `{"fine": 1}`)
		q.SourceRef = text
		r.refuses(q, problem.Invalid, "source_ref")
		q = fine("2025-06-02", `{"fine": 1}`)
		q.Payer = text
		r.refuses(q, problem.Invalid, "payer")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	q := fine("2025-06-02", `{"fine": 1}`)
	q.SourceRef = strings.Repeat("ố", 64) // 192 bytes
	r.issue(q)
	q.SourceRef, q.Inputs = "d-2", []byte(" \n")
	if b := r.issue(q); string(b.Inputs) != "{}" {
		t.Errorf("inputs %q", b.Inputs)
	}
}

// Binh Duong became part of Ho Chi Minh City on 1 July 2025.
func TestABodyThatMergedIssuesNothingMore(t *testing.T) {
	r := newRig(t)
	r.clock.at = calendar.MustDate("2025-06-28").At(9 * time.Hour)
	q := fine("2025-06-28", `{"fine": 900}`)
	q.Body = "KBNN-BDG"
	made := r.issue(q)
	r.clock.at = calendar.MustDate("2025-07-03").At(9 * time.Hour)
	if again := r.issue(q); again.Ref != made.Ref || !again.Expired(r.clock.at) || again.Book != "BDG" {
		t.Errorf("its bill does not end with it: %+v", again)
	}
	q.SourceRef = "d-2"
	r.refuses(q, problem.Refused, "successor KBNN-HCM") // not for a day when it still collected either
	q.Date = calendar.MustDate("2025-07-03")
	r.refuses(q, problem.Refused, "successor KBNN-HCM")
	q.Body = "KBNN-HCM"
	if b := r.issue(q); b.Book != "HCM" {
		t.Errorf("%+v", b)
	}
}

func TestWhoMayIssue(t *testing.T) {
	r := newRig(t)
	q := fine("2025-06-02", `{"fine": 1}`)
	for _, a := range []authn.Actor{{ID: "p", Role: authn.Payer, Books: []string{"*"}}, {ID: "o", Role: authn.Officer, Books: []string{"EHN"}}} {
		if _, err := r.bills.Issue(ctx, a, q); problem.CodeOf(err) != problem.Forbidden {
			t.Errorf("%s: %v", a.ID, err)
		}
	}
	if _, err := r.bills.Issue(ctx, authn.Actor{ID: "o", Role: authn.Officer, Books: []string{"HNI"}}, q); err != nil {
		t.Error(err)
	}
	q.Service = "nothing"
	r.refuses(q, problem.NotFound, "service")
}

func TestBillsAreLockedInOneOrderAndPaidOnce(t *testing.T) {
	r := newRig(t)
	first := r.issue(fine("2025-06-02", `{"fine": 900}`))
	q := fine("2025-06-02", `{"fine": 800}`)
	q.SourceRef = "d-2"
	second := r.issue(q)
	r.must(pg.InTx(ctx, r.pool, func(tx pgx.Tx) error {
		got, err := bill.LockTx(ctx, tx, []string{second.Ref, first.Ref, second.Ref})
		if err != nil || len(got) != 2 || got[0].Ref > got[1].Ref {
			t.Errorf("%+v: %v", got, err)
		}
		return errors.Join(bill.PayTx(ctx, tx, first.Book, first.Ref), bill.PayTx(ctx, tx, first.Book, first.Ref))
	}))
	if b := r.get(first.Ref); b.State != bill.Paid || b.Due() != 0 {
		t.Errorf("%+v", b)
	}
	_, err := pgtest.Owner(t, r.pool).Exec(ctx, `UPDATE gateway.bill SET paid = amount + 1 WHERE ref = $1`, second.Ref)
	if err == nil || !strings.Contains(err.Error(), "bill_takes_no_more_than_it_owes") {
		t.Errorf("a bill took more than it owes: %v", err)
	}
	missing := reference.New("HNI")
	err = pg.InTx(ctx, r.pool, func(tx pgx.Tx) error {
		_, err := bill.LockTx(ctx, tx, []string{missing})
		return err
	})
	if problem.CodeOf(err) != problem.NotFound || !strings.Contains(err.Error(), missing) {
		t.Errorf("%v", err)
	}
	for typed, code := range map[string]problem.Code{missing: problem.NotFound, "HNI": problem.Invalid, first.Ref[:15] + "é": problem.Invalid} {
		if _, err := r.bills.Get(ctx, portal, typed); problem.CodeOf(err) != code {
			t.Errorf("%s: %v", typed, err)
		}
	}
}
