package rehearsal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"exchequer/internal/authn"
	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
	"exchequer/internal/rehearsal"
)

// TestWhoPaysMoreAndWhoLess is worked by hand, with VAT of 8%:
// 50 kWh: 50 x 1,984 = 99,200 + 7,936 = 107,136; drafted 50 x 1,884 = 94,200 + 7,536 = 101,736: 5,400 less.
// 750 kWh: 2,468,340; drafted 5,000 less in the first tier and 350 x 100 = 35,000 more in the last: 30,000 + 2,400 more.
// 450 kWh: 50 x 100 less and 50 x 100 more: the same. In September the draft is as the law was.
func TestWhoPaysMoreAndWhoLess(t *testing.T) {
	r := newRig(t)
	small := r.add(stored{electricity, "small", "2025-08-01", `{"kwh": 50}`, 107_136, ""})
	large := r.add(stored{electricity, "large", "2025-08-31", `{"kwh": 750}`, 2_468_340, "open"})
	r.add(stored{electricity, "even", "2025-08-15", `{"kwh": 450}`, 1_347_300, ""})
	r.add(stored{electricity, "later", "2025-09-01", `{"kwh": 750}`, 2_468_340, ""})
	r.add(stored{electricity, "none", "2025-08-15", `{"kwh": 0}`, 0, "nothing_due"})
	r.add(stored{electricity, "before", "2025-06-30", `{"kwh": 50}`, 107_136, ""})
	r.add(stored{electricity, "after", "2026-01-01", `{"kwh": 50}`, 107_136, ""})
	r.add(stored{insurance, "other", "2025-08-01", `{"members": 1, "months": 12}`, 1_263_600, ""})

	report, lines := r.rehearse(request(law(t, tariff()), law(t), electricity))
	e := report.Total
	if e.Bills != 5 || e.Same.Bills != 3 || report.WithoutRule() != 0 || e.Difference != 27_000 {
		t.Errorf("%+v", e)
	}
	if want := (rehearsal.Group{Bills: 1, Before: 2_468_340, UnderDraft: 2_500_740, Difference: 32_400}); e.More != want {
		t.Errorf("more: %+v", e.More)
	}
	if want := (rehearsal.Group{Bills: 1, Before: 107_136, UnderDraft: 101_736, Difference: -5_400}); e.Less != want {
		t.Errorf("less: %+v", e.Less)
	}
	if e.LargestRise != (rehearsal.Extreme{Ref: large, Difference: 32_400}) || e.LargestFall != (rehearsal.Extreme{Ref: small, Difference: -5_400}) {
		t.Errorf("largest rise %+v, fall %+v", e.LargestRise, e.LargestFall)
	}
	// Who has not paid yet is neither over- nor undercharged.
	if e.Overpaid != (rehearsal.Change{Bills: 1, Amount: 5_400}) || e.Underpaid != (rehearsal.Change{}) || e.Earlier != (rehearsal.Change{}) {
		t.Errorf("overpaid %+v, underpaid %+v, earlier %+v", e.Overpaid, e.Underpaid, e.Earlier)
	}
	want := []rehearsal.Bucket{{Least: -10_000, Most: -1_001, Bills: 1}, {Least: -1_000, Most: -1}, {Bills: 3}, {Least: 1, Most: 1_000},
		{Least: 1_001, Most: 10_000}, {Least: 10_001, Most: 100_000, Bills: 1}}
	if !slices.Equal(e.Spread, want) {
		t.Errorf("spread: %+v", e.Spread)
	}
	if len(lines) != 5 {
		t.Errorf("%d lines", len(lines))
	}
	r.says(lines, "small", "book HNI, body BODY, service electricity_household, ref "+small+", payer payer of small, date 2025-08-01, "+
		"state paid, charged 107136, paid 107136, in_force 107136, under_draft 101736, difference -5400, overpaid 5400, underpaid 0, "+
		"outcome less, act \"\", reason \"\"")
	r.says(lines, "large", "state open, paid 0, in_force 2468340, under_draft 2500740, difference 32400, overpaid 0, underpaid 0, outcome more")
	r.says(lines, "even", "under_draft 1347300, difference 0, outcome same")
	r.says(lines, "later", "under_draft 2468340, outcome same")
	r.says(lines, "none", "charged 0, under_draft 0, outcome same")
}

// TestAParameterConcernsSeveralServices: 4.5% of twelve base salaries is 1,263,600 of 2.34 million and 1,209,600 of 2.24
// million. Of an income of 45 million the contribution does not depend on the base salary, but 20 of 2.24 million are
// less than it.
func TestAParameterConcernsSeveralServices(t *testing.T) {
	r := newRig(t)
	r.add(stored{insurance, "i-1", "2025-10-01", `{"members": 1, "months": 12}`, 1_263_600, ""})
	r.add(stored{insurance, "i-2", "2025-12-31", `{"members": 1, "months": 12}`, 1_263_600, ""})
	r.add(stored{pension, "p-1", "2025-11-11", `{"income": 10000000, "group": "other", "months": 1}`, 2_134_000, ""})
	high := r.add(stored{pension, "p-2", "2025-11-12", `{"income": 45000000, "group": "other", "months": 1}`, 9_834_000, ""})

	report, lines := r.rehearse(request(law(t, salary("2240000")), law(t), pension, insurance, pension))
	if len(report.Services) != 2 || report.Services[0].Service != insurance || report.Services[1].Service != pension {
		t.Fatalf("services %+v", report.Services)
	}
	if e := report.Services[0]; e.Less != (rehearsal.Group{Bills: 2, Before: 2_527_200, UnderDraft: 2_419_200, Difference: -108_000}) || e.Bills != 2 {
		t.Errorf("insurance: %+v", e)
	}
	e := report.Services[1]
	if e.Same.Bills != 1 || e.Invalid != (rehearsal.Group{Bills: 1, Before: 9_834_000}) || e.RefusedInForce != 0 || len(e.Reasons) != 1 {
		t.Fatalf("pension: %+v", e)
	}
	if why := e.Reasons[0]; why.Outcome != rehearsal.Invalid || why.Field != "income" || why.Bills != 1 || why.Example != high || !strings.Contains(why.Words, "44800000") && !strings.Contains(why.Words, "44,800,000") {
		t.Errorf("reason: %+v", why)
	}
	if report.Total.Bills != 4 || report.Total.Difference != -108_000 || report.WithoutRule() != 1 || report.Total.Overpaid.Amount != 108_000 {
		t.Errorf("total: %+v", report.Total)
	}
	r.says(lines, "p-1", "in_force 2134000, under_draft 2134000, outcome same")
	r.says(lines, "p-2", "in_force 9834000, under_draft \"\", difference \"\", overpaid \"\", underpaid \"\", outcome invalid")
}

// TestAfterAWrongTariff: bills were made while the base salary stood there as 2.43 million, which is 1,312,200 for a
// member. The draft puts it right; one bill was made before the mistake came in, and one payer has not paid.
func TestAfterAWrongTariff(t *testing.T) {
	r := newRig(t)
	const one, two = `{"members": 1, "months": 12}`, `{"members": 2, "months": 12}`
	r.add(stored{insurance, "over", "2025-10-02", one, 1_312_200, ""})
	r.add(stored{insurance, "over-2", "2025-10-02", two, 2_230_740, ""})
	r.add(stored{insurance, "unpaid", "2025-10-03", one, 1_312_200, "open"})
	r.add(stored{insurance, "right", "2025-10-01", one, 1_263_600, ""})
	r.add(stored{insurance, "under", "2025-10-04", one, 1_200_000, ""}) // as an even earlier mistake had it

	report, lines := r.rehearse(request(law(t), law(t, salary("2430000")), insurance))
	e := report.Total
	// 48,600 for one member, 82,620 for two; the last one lacks 63,600.
	if e.Overpaid != (rehearsal.Change{Bills: 2, Amount: 131_220}) || e.Underpaid != (rehearsal.Change{Bills: 1, Amount: 63_600}) {
		t.Errorf("overpaid %+v, underpaid %+v", e.Overpaid, e.Underpaid)
	}
	if e.Less.Difference != -179_820 || e.More.Difference != 63_600 || e.Same.Bills != 1 {
		t.Errorf("%+v", e)
	}
	// The law in force would have charged the last two 1,312,200.
	if e.Earlier != (rehearsal.Change{Bills: 2, Amount: 48_600 + 112_200}) {
		t.Errorf("earlier corrections: %+v", e.Earlier)
	}
	r.says(lines, "over", "paid 1312200, in_force 1312200, under_draft 1263600, difference -48600, overpaid 48600, underpaid 0, outcome less")
	r.says(lines, "over-2", "under_draft 2148120, overpaid 82620, payer payer of over-2")
	r.says(lines, "unpaid", "paid 0, difference -48600, overpaid 0, outcome less")
	r.says(lines, "right", "in_force 1312200, under_draft 1263600, difference 0, overpaid 0, outcome same")
	r.says(lines, "under", "in_force 1312200, difference 63600, overpaid 0, underpaid 63600, outcome more")
}

// TestADraftWithAGap: cases without a certain amount are counted with their act, apart from those that have none now.
func TestADraftWithAGap(t *testing.T) {
	r := newRig(t)
	r.add(stored{electricity, "gap-1", "2025-08-01", `{"kwh": 50}`, 107_136, ""})
	r.add(stored{electricity, "gap-2", "2025-08-31", `{"kwh": 50}`, 107_136, "open"})
	r.add(stored{electricity, "fits", "2025-09-01", `{"kwh": 50}`, 107_136, ""})
	r.add(stored{electricity, "odd", "2025-09-02", `{"kwh": 50, "colour": 1}`, 107_136, ""})
	gap := beforeDiscount(`      - version: 5/2025
        from: 2025-08-01
        to: 2025-08-31
        act: Decision 5/2025
        source: read
        confidence: low
        unknown: {vi: chưa có biểu giá, en: the price list is not on file}
      - version: 6/2025
        from: 2025-09-01
        act: Decision 6/2025
        source: read
        confidence: high
        rules:
          - {rule: {vi: một giá, en: one price}, graduated: {quantity: kwh, times: households, tiers: [{price: "1984"}]}}
`)
	report, lines := r.rehearse(request(law(t, gap), law(t), electricity))
	e := report.Total
	if e.Refused != (rehearsal.Group{Bills: 2, Before: 214_272}) || e.Invalid.Bills != 1 || e.RefusedInForce != 1 || report.WithoutRule() != 3 {
		t.Errorf("%+v", e)
	}
	if e.Difference != 0 || e.Same.Bills != 1 || e.Overpaid.Bills != 0 || len(e.Reasons) != 2 {
		t.Fatalf("%+v", e)
	}
	if why := e.Reasons[0]; why.Outcome != rehearsal.Refused || why.Act != "Decision 5/2025" || why.Bills != 2 || why.Charged != 214_272 ||
		!strings.Contains(why.Words, "the price list is not on file") {
		t.Errorf("%+v", why)
	}
	r.says(lines, "gap-1", "in_force 107136, under_draft \"\", difference \"\", outcome refused, act Decision 5/2025, overpaid \"\"")
	r.says(lines, "odd", "in_force \"\", under_draft \"\", outcome invalid")
}

// TestOnlyTheLastEditionCounts: what an edition was replaced by is what the payer owes.
func TestOnlyTheLastEditionCounts(t *testing.T) {
	r := newRig(t)
	first := r.add(stored{electricity, "e-1", "2025-08-01", `{"kwh": 50}`, 107_136, "open"})
	second := r.add(stored{electricity, "e-2", "2025-08-02", `{"kwh": 50}`, 107_136, "open"})
	if _, err := r.pool.Exec(ctx, `UPDATE gateway.bill SET replaced_by = $2 WHERE ref = $1`, first, second); err != nil {
		t.Fatal(err)
	}
	report, lines := r.rehearse(request(law(t, tariff()), law(t), electricity))
	if report.Total.Bills != 1 || lines["e-2"]["ref"] != second {
		t.Errorf("%+v, %v", report.Total, lines)
	}
}

// TestManyBillsKeepTheirOrder passes more than one batch through the cores; rows come by day, book and reference, the
// counts add up, and progress ends at the total.
func TestManyBillsKeepTheirOrder(t *testing.T) {
	r := newRig(t)
	const bills = 1_000
	_, err := r.pool.Exec(ctx, `
		INSERT INTO gateway.bill (book, ref, body, service, source_ref, payer, quote_date, inputs, quote, schedule_hash,
			amount, paid, state, valid_until, issued_by, created_at)
		SELECT CASE WHEN n % 3 = 0 THEN 'BCA' ELSE 'HNI' END, 'R' || n, 'BODY', $1, 's-' || n, 'payer', date '2025-08-01' + n % 40,
			json_build_object('kwh', 50), '{}', 'hash', 107136, 107136, 'paid', $2, 'portal', $2
		FROM generate_series(1, $3) AS n`, electricity, noon{}.Now(), bills)
	r.must(err)
	var keys []string
	var last, total int
	report, err := r.store.Run(ctx, officer, request(law(t, tariff()), law(t), electricity), rehearsal.Watcher{
		Rows: func(rows []rehearsal.Row) error {
			for _, row := range rows {
				keys = append(keys, row.Date.String()+row.Book+row.Ref)
			}
			return nil
		},
		Progress: func(done, of int, service string) {
			if done <= last || service != electricity {
				t.Errorf("progress %d after %d, of %s", done, last, service)
			}
			last, total = done, of
		},
	})
	r.must(err)
	if len(keys) != bills || !slices.IsSorted(keys) || last != bills || total != bills {
		t.Errorf("%d rows, sorted %v, progress %d of %d", len(keys), slices.IsSorted(keys), last, total)
	}
	// n % 40 < 31 lies in August: 31 of 40 bills.
	if report.Total.Less.Bills != 775 || report.Total.Less.Difference != -775*5_400 || report.Total.Same.Bills != 225 {
		t.Errorf("%+v", report.Total)
	}
}

// price is a law with one amount for all.
func price(amount int64) rehearsal.Law {
	return func(rehearsal.Bill) (int64, error) { return amount, nil }
}

func TestSumsNeverWrapRound(t *testing.T) {
	r := newRig(t)
	const most = 1_000_000_000_000_000
	r.add(stored{insurance, "b-1", "2025-10-01", `{}`, most, ""})
	report, lines := r.rehearse(request(price(0), price(most), insurance))
	if report.Total.Difference != -most || report.Total.Overpaid.Amount != most {
		t.Errorf("%+v", report.Total)
	}
	r.says(lines, "b-1", "difference -1000000000000000, overpaid 1000000000000000")
	r.add(stored{insurance, "b-2", "2025-10-01", `{}`, math.MaxInt64 - most, ""})
	r.rehearse(request(price(0), price(0), insurance)) // which is MaxInt64 in all
	r.add(stored{insurance, "b-3", "2025-10-01", `{}`, 1, ""})
	_, err := r.store.Run(ctx, officer, request(price(0), price(0), insurance), rehearsal.Watcher{})
	if problem.CodeOf(err) != problem.Invalid || !strings.Contains(err.Error(), "shorter period") {
		t.Errorf("%v", err)
	}
}

// fault is a law that cannot be asked.
func fault(rehearsal.Bill) (int64, error) { return 0, errors.New("broken") }

func TestWhatIsRefused(t *testing.T) {
	r := newRig(t)
	ref := r.add(stored{electricity, "e-1", "2025-08-01", `{"kwh": 50}`, 107_136, ""})
	good := request(price(1), price(1), electricity)
	with := func(change func(*rehearsal.Request)) rehearsal.Request {
		q := good
		change(&q)
		return q
	}
	enough := errors.New("enough")
	for name, c := range map[string]struct {
		actor authn.Actor
		q     rehearsal.Request
		rows  func([]rehearsal.Row) error
		code  problem.Code
		words string
	}{
		"an officer":    {authn.Actor{ID: "o", Role: authn.Officer, Books: []string{"*"}}, good, nil, problem.Forbidden, "role"},
		"one book":      {authn.Actor{ID: "o", Role: authn.Treasury, Books: []string{"000", "HNI"}}, good, nil, problem.Forbidden, "every book"},
		"nobody":        {authn.Actor{Role: authn.Treasury, Books: []string{"*"}}, good, nil, problem.Unauthenticated, ""},
		"turned round":  {officer, with(func(q *rehearsal.Request) { q.From, q.To = q.To, q.From }), nil, problem.Invalid, "2025-07-01"},
		"no day":        {officer, with(func(q *rehearsal.Request) { q.From = calendar.Date{} }), nil, problem.Invalid, "first and the last day"},
		"no service":    {officer, with(func(q *rehearsal.Request) { q.Services = nil }), nil, problem.Invalid, "services"},
		"no draft":      {officer, with(func(q *rehearsal.Request) { q.Draft = nil }), nil, problem.Internal, "draft"},
		"a broken law":  {officer, with(func(q *rehearsal.Request) { q.Draft = fault }), nil, problem.Internal, ref},
		"a full device": {officer, good, func([]rehearsal.Row) error { return enough }, problem.Internal, "enough"},
	} {
		report, err := r.store.Run(ctx, c.actor, c.q, rehearsal.Watcher{Rows: c.rows})
		if report != nil || problem.CodeOf(err) != c.code || !strings.Contains(fmt.Sprint(err), c.words) {
			t.Errorf("%s: %v, %v", name, report, err)
		}
	}
	stopped, stop := context.WithCancel(ctx)
	_, err := r.store.Run(stopped, officer, good, rehearsal.Watcher{Rows: func([]rehearsal.Row) error { stop(); return nil }})
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	var rows int
	r.must(r.pool.QueryRow(ctx, `SELECT count(*) FROM gateway.audit WHERE action = 'fees.rehearse' AND subject = 'digest'
		AND actor = 'treasurer-1' AND detail = '{"services": "electricity_household", "from": "2025-07-01", "to": "2025-12-31"}'`).Scan(&rows))
	if rows != 3 { // the broken law, the full device and the one that was stopped had begun
		t.Errorf("%d audit rows", rows)
	}
}

// TestASpreadsheetRunsNothing: issuers' numbers and payers' ids are other people's text.
func TestASpreadsheetRunsNothing(t *testing.T) {
	r := newRig(t)
	for source, want := range map[string]string{
		"=1+1": "'=1+1", "+84": "'+84", "-1": "'-1", "@x": "'@x", "'quoted": "''quoted", "＝1": "'＝1", `a,"b"`: `a,"b"`, "plain=": "plain=",
	} {
		r.add(stored{electricity, source, "2025-08-01", `{"kwh": 50}`, 107_136, ""})
		_, lines := r.rehearse(request(price(107_136), price(107_136), electricity))
		r.says(lines, want, "outcome same, difference 0")
	}
	var text bytes.Buffer
	file := rehearsal.NewCSV(&text)
	r.must(file.Write([]rehearsal.Row{{Bill: rehearsal.Bill{Payer: "=cmd"}}}))
	r.must(file.Flush())
	if !strings.Contains(text.String(), ",'=cmd,") {
		t.Errorf("%s", &text)
	}
}

// TestADraftOfTheFutureIsRehearsedOnThePast: the base salary is 2.53 million from 1 July 2026; the draft has 2.6 million
// from 1 October. A member's year is 1,366,200 and 1,404,000. Moved from 2 July 2025 by 457 days, 2 October 2026 is left.
func TestADraftOfTheFutureIsRehearsedOnThePast(t *testing.T) {
	r := newRig(t)
	const later = "  - {version: 161/2026,"
	draft := law(t, edit{"parameters/base_salary.yaml", later, later + " from: 2026-07-01, value: \"2530000\", act: Decree 161/2026/ND-CP, source: read, confidence: medium}\n" +
		version("9/2026", "2026-10-01", "2600000") + "#"})
	r.add(stored{insurance, "i-1", "2025-07-02", `{"members": 1, "months": 12}`, 1_263_600, ""})
	r.add(stored{electricity, "e-1", "2025-07-02", `{"kwh": 50, "reading": "2025-07-01", "prev_reading": "2025-06-01"}`, 107_136, ""})
	q := request(draft, law(t), insurance, electricity)
	still, _ := r.rehearse(q)
	if still.Total.Same.Bills != 2 {
		t.Errorf("on their own days: %+v", still.Total)
	}
	q.MoveTo = calendar.MustDate("2026-10-01")
	report, lines := r.rehearse(q)
	e := report.Services[1]
	if e.More != (rehearsal.Group{Bills: 1, Before: 1_366_200, UnderDraft: 1_404_000, Difference: 37_800}) || e.Underpaid.Bills != 0 || e.Earlier.Bills != 0 {
		t.Errorf("%+v", e)
	}
	r.says(lines, "i-1", "date 2025-07-02, charged 1263600, in_force 1366200, under_draft 1404000, difference 37800, underpaid 0, outcome more")
	r.says(lines, "e-1", "outcome same, in_force 107136")
	// The reading moves too: on 1 January 2027 the VAT is 10% again, which is not the draft's doing.
	q.MoveTo = calendar.MustDate("2027-01-01")
	_, lines = r.rehearse(q)
	r.says(lines, "e-1", "charged 107136, in_force 109120, under_draft 109120, difference 0, outcome same")
}

// TestWhatADraftTouches: a parameter touches every service that uses it, a share the service whose charge it shares out.
func TestWhatADraftTouches(t *testing.T) {
	inForce := whole(t)
	for name, c := range map[string]struct {
		draft    edit
		services string
		first    string
	}{
		"nothing":     {edit{"judicial_record.yaml", "service: judicial_record\n", "service: judicial_record\n"}, "", ""},
		"a parameter": {salary("2430000"), insurance + " " + pension, "2025-10-01"},
		"a tariff":    {tariff(), electricity, "2025-08-01"},
		"a share":     {edit{"judicial_record_split.yaml", "service: judicial_record_split\n", "# shares\nservice: judicial_record_split\n"}, "judicial_record", ""},
	} {
		draft := whole(t, c.draft)
		if got := strings.Join(rehearsal.Touched(inForce, draft), " "); got != c.services {
			t.Errorf("%s touches %q, want %q", name, got, c.services)
		}
		if got := rehearsal.FirstDay(inForce, draft).String(); got != c.first {
			t.Errorf("%s begins on %q, want %q", name, got, c.first)
		}
	}
	if got := strings.Join(rehearsal.Services(inForce), " "); got != "electricity_household health_insurance_household judicial_record judicial_record_split voluntary_social_insurance" {
		t.Error(got)
	}
}

// TestAnAmountNeedsItsBudgetLines: VAT without a line at the body that collects makes no bill; on another day, where
// nobody asks who collects, the amount alone counts.
func TestAnAmountNeedsItsBudgetLines(t *testing.T) {
	inForce := whole(t)
	docs := inForce.Catalog.Documents()
	lines := slices.DeleteFunc(strings.SplitAfter(string(docs["budget_lines.csv"]), "\n"), func(line string) bool {
		return strings.Contains(line, "electricity_vat,") && strings.Contains(line, "EVNHANOI,")
	})
	docs["budget_lines.csv"] = []byte(strings.Join(lines, ""))
	without, err := catalog.Parse(docs)
	if err != nil {
		t.Fatal(err)
	}
	b := rehearsal.Bill{Service: electricity, Body: "EVNHANOI", Date: calendar.MustDate("2025-08-01"), Inputs: []byte(`{"kwh": 50}`)}
	if n, err := rehearsal.By(inForce)(b); n != 107_136 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	drafted := rehearsal.By(&publication.Law{Schedules: inForce.Schedules, Catalog: without})
	if n, err := drafted(b); problem.CodeOf(err) != problem.Refused {
		t.Errorf("%d, %v", n, err)
	}
	b.Body = ""
	if n, err := drafted(b); n != 107_136 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
