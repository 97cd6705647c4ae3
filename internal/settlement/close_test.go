package settlement_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/expectation"
	"exchequer/internal/finding"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
	"exchequer/internal/settlement"
	"exchequer/ledger"
)

// played runs four days: payments on Monday, credits and funding on Tuesday, payouts on Wednesday, seen on Thursday.
// One payment never comes, one comes 1,000 short, one is excess; a credit and a debit are nobody's.
func played(t *testing.T) *world {
	w := newWorld(t)
	gross, net := w.pay("GRO", 100_000, 0), w.pay("NET", 200_000, 0)
	short, excess := w.pay("GRO", 50_000, 0), w.pay("NET", 0, 30_000)
	w.pay("GRO", 70_000, 0)
	w.statement()

	w.on(tuesday)
	w.settle(gross, 0)
	w.settle(net, 2_200)
	w.settle(excess, 330)
	w.tx(func(ctx context.Context, tx pgx.Tx) {
		waits, err := expectation.LockTx(ctx, tx, "GRO", expectation.Settlement, []string{short})
		w.ok(err)
		w.settlePartTx(ctx, tx, waits[0], 49_000, 0)
	})
	w.fund(10_000)
	w.strange(123_456)
	w.strangeDebit(11)
	w.statement()

	w.on(wednesday)
	run, err := w.Run(t.Context(), asking, wednesday)
	w.ok(err)
	for _, p := range run.Payouts {
		_, err := w.Approve(t.Context(), deciding, p.Ref)
		w.ok(err)
	}
	w.ok(w.send())
	w.statement()

	w.on(thursday)
	for _, p := range run.Payouts {
		w.execute(p)
	}
	w.statement()
	return w
}

func (w *world) close(day calendar.Date) settlement.Close {
	w.t.Helper()
	c, err := w.Close(w.t.Context(), deciding, day)
	w.ok(err)
	if !c.Closed {
		w.t.Fatalf("%s is not closed: %+v", day, c.Findings)
	}
	return c
}

func roll(c settlement.Close, book string) settlement.ClearingRoll {
	for _, b := range c.Books {
		if b.Book == book {
			return b.Clearing[0]
		}
	}
	return settlement.ClearingRoll{}
}

func TestDaysClose(t *testing.T) {
	t.Parallel()
	w := played(t)
	first, second := w.close(monday), w.close(tuesday)
	if r := roll(first, "GRO"); r.Confirmed != 220_000 || r.Closing != 220_000 || r.NotYetDue != 220_000 || r.Overdue != 0 {
		t.Errorf("Monday, gross: %+v", r)
	}
	r := roll(second, "NET")
	if r.Opening != 230_000 || r.SettledNet != 227_470 || r.Fee != 2_530 || r.Closing != 0 {
		t.Errorf("Tuesday, net: %+v", r)
	}
	third, last := w.close(wednesday), w.close(thursday)
	r = roll(third, "GRO")
	if r.Overdue != 71_000 || len(r.Open) != 2 || !r.Open[0].Overdue {
		t.Errorf("Wednesday, gross: %+v, want 70,000 and 1,000 overdue", r)
	}
	if p := third.Books[1].Payout; p.Instructed != 100_000 || p.Closing != 100_000 || len(p.Open) != 1 {
		t.Errorf("Wednesday, payout: %+v", p)
	}
	if p := last.Books[1].Payout; p.Executed != 100_000 || p.Closing != 0 {
		t.Errorf("Thursday, payout: %+v", p)
	}
	h := last.House
	if h.Excess != (settlement.ExcessToGive{Payments: 1, Amount: 30_000}) || h.Unplaced != 123_456 || len(h.Breaks) != 2 {
		t.Errorf("Thursday: excess %+v, unplaced %d, breaks %+v", h.Excess, h.Unplaced, h.Breaks)
	}
	if b := h.Banks[0]; len(b.Open) != 1 || b.Open[0].Amount != 11 || b.Ledger != b.Closing+11 {
		t.Errorf("Thursday, bank: %+v", b)
	}
	w.sound()
}

func TestClosedDayTakesNoMoreAndGivesItsReport(t *testing.T) {
	t.Parallel()
	w := played(t)
	c := w.close(monday)
	again := w.close(monday)
	one, _ := json.Marshal(c)
	two, _ := json.Marshal(again)
	if string(one) != string(two) {
		t.Errorf("the report of a closed day changed:\n%s\n%s", one, two)
	}
	payload, err := w.keys.Verify(c.Signature, settlement.CloseType)
	if err != nil || !strings.Contains(string(payload), `"books":[{"book":"000","digest":`) {
		t.Errorf("signature: %v, %s", err, payload)
	}
	for _, book := range []string{"000", "GRO", "NET", "IDL"} {
		if closed, err := w.Ledger.Closed(t.Context(), book, monday.UTC()); err != nil || !closed {
			t.Errorf("book %s took part: %v, %v", book, closed, err)
		}
	}
	var day calendar.Date
	w.tx(func(ctx context.Context, tx pgx.Tx) {
		day = w.post(ctx, tx, booking.PaymentConfirmed{Head: booking.Head{Reference: "late", Occurred: w.clock.Now(), Day: monday}, Book: "IDL", Channel: "pay", Excess: 1})
	})
	if day != tuesday {
		t.Errorf("a late posting is effective on %s", day)
	}
}

func TestDaysCloseInOrder(t *testing.T) {
	t.Parallel()
	w := played(t)
	saturday := calendar.MustDate("2025-06-07")
	for _, tc := range []struct {
		day  calendar.Date
		want problem.Code
	}{
		{tuesday, problem.Conflict}, {calendar.MustDate("2025-05-30"), problem.Conflict},
		{calendar.MustDate("2025-05-31"), problem.Invalid}, {saturday, problem.Invalid}, {calendar.Date{}, problem.Invalid},
	} {
		if _, err := w.Close(t.Context(), deciding, tc.day); problem.CodeOf(err) != tc.want {
			t.Errorf("closing %s: %v, want %s", tc.day, err, tc.want)
		}
	}
	w.close(monday)
	if _, err := w.Close(t.Context(), deciding, wednesday); problem.CodeOf(err) != problem.Conflict || !strings.Contains(err.Error(), tuesday.String()) {
		t.Errorf("a day was left out: %v", err)
	}
	if _, err := w.Close(t.Context(), officer, tuesday); problem.CodeOf(err) != problem.Forbidden {
		t.Errorf("an officer closed: %v", err)
	}
}

// TestAPartnersBookIsLeftAlone: what a partner books, with accounts named like the gateway's and in a year without a
// calendar, is paid nothing, holds no close up and is closed by nobody.
func TestAPartnersBookIsLeftAlone(t *testing.T) {
	t.Parallel()
	w := played(t)
	before := calendar.MustDate("0001-01-01")
	bank, owed, income := booking.Bank(w.Catalog.CollectionAccount().Account), booking.DueFrom(booking.House), "income:tolls"
	w.tx(func(ctx context.Context, tx pgx.Tx) {
		var accounts []ledger.Account
		for _, code := range []string{bank, owed, income} {
			accounts = append(accounts, ledger.Account{Book: "tolls", Code: code, Currency: "VND", Normal: ledger.Debit})
		}
		w.ok(w.Ledger.OpenAccountsTx(ctx, tx, accounts))
		results, err := w.Ledger.PostTx(ctx, tx, []ledger.Transaction{{
			Book: "tolls", Reference: "T", Kind: "toll", Occurred: w.clock.Now(), Day: before.UTC().AddDate(0, 0, 1), Postings: []ledger.Posting{
				{Debit: bank, Credit: income, Amount: 500, Currency: "VND"}, {Debit: owed, Credit: income, Amount: 300, Currency: "VND"}},
		}})
		w.ok(err)
		w.ok(ledger.FirstRefusal(results))
	})
	fees, err := w.MakeFeesGood(t.Context(), asking, thursday)
	w.ok(err)
	for _, paid := range fees.MadeGood {
		if paid.Book == "tolls" {
			t.Errorf("the house paid a partner: %+v", paid)
		}
	}
	if got := w.net("tolls", owed); got != 300 {
		t.Errorf("the partner's account stands at %d, want what it booked", got)
	}
	w.close(monday)
	if closed, err := w.Ledger.Closed(t.Context(), "tolls", monday.UTC()); err != nil || closed {
		t.Errorf("the partner's day was closed (%v)", err)
	}
}

func TestWeekendIsClosedWithTheNextBusinessDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	friday, nextMonday := calendar.MustDate("2025-06-06"), calendar.MustDate("2025-06-09")
	w.on(friday)
	w.pay("GRO", 100_000, 0)
	w.statement()
	w.close(friday)
	late := w.pay("GRO", 50_000, 0) // Friday's, and Friday is closed: the ledger puts it on Saturday
	w.on(nextMonday)
	w.settle(late, 0)
	w.statement()
	if r := roll(w.close(nextMonday), "GRO"); r.Opening != 100_000 || r.Confirmed != 50_000 || r.SettledNet != 50_000 || r.Closing != 100_000 {
		t.Errorf("%+v", r)
	}
}

func TestCloseWantsTheStatement(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pay("GRO", 100_000, 0)
	if _, err := w.Close(t.Context(), deciding, monday); problem.CodeOf(err) != problem.Conflict || !strings.Contains(err.Error(), "statement import") {
		t.Fatalf("closed without a statement: %v", err)
	}
	w.statement()
	w.close(monday)
}

// atTuesday is a world in which Monday is closed and Tuesday has a bit of everything.
func atTuesday(t *testing.T) *world {
	w := newWorld(t)
	gross, net := w.pay("GRO", 100_000, 0), w.pay("NET", 200_000, 30_000)
	w.statement()
	w.close(monday)
	w.on(tuesday)
	w.pay("GRO", 10_000, 1_000)
	w.settle(gross, 0)
	w.settle(net, 2_200)
	w.strange(123_456)
	_, err := w.Approve(t.Context(), deciding, propose(w)["GRO"].Ref)
	w.ok(err)
	w.statement()
	return w
}

func TestCloseRefusesWhatDoesNotAgree(t *testing.T) {
	t.Parallel()
	shared := atTuesday(t)
	for name, tc := range map[string]struct {
		sql  string
		want []string // codes, among others
	}{
		"a posting's amount": {`UPDATE ledger.postings SET amount = amount + 7 WHERE (book, transaction_id, line) =
			(SELECT book, transaction_id, line FROM ledger.postings WHERE debit_account = 'assets:clearing:pay' AND effective_day = '2025-06-03' LIMIT 1)`,
			[]string{"clearing_confirmed", "clearing_captured", "clearing_closing", "clearing_item"}},
		"a bank posting's amount": {`UPDATE ledger.postings SET amount = amount + 7 WHERE debit_account = 'assets:bank:9000' AND book = 'GRO'`,
			[]string{"clearing_settled", "bank_ledger"}},
		"an expectation's amount":     {`UPDATE gateway.expectation SET amount = amount + 7 WHERE kind = 'settlement'`, []string{"clearing_confirmed", "payment_expected"}},
		"an expectation taken away":   {`DELETE FROM gateway.expectation_met; DELETE FROM gateway.expectation WHERE kind = 'settlement'`, []string{"payment_expected", "clearing_closing"}},
		"what was met":                {`UPDATE gateway.expectation SET met = met - 7 WHERE met > 0`, []string{"expectation_record"}},
		"the record of what was met":  {`UPDATE gateway.expectation_met SET met = met - 7`, []string{"clearing_settled"}},
		"a payment's excess":          {`UPDATE gateway.payment SET captured = captured + 7, excess = excess + 7`, []string{"excess_confirmed"}},
		"a budget line":               {`UPDATE gateway.payment_line SET amount = amount + 7`, []string{"payable_confirmed", "payment_lines"}},
		"a statement line":            {`UPDATE gateway.bank_statement_line SET amount = amount + 7`, []string{"statement_credits"}},
		"a statement line, undecided": {`UPDATE gateway.bank_statement_line SET state = 'waiting', kind = '', decided_at = NULL, in_ledger = false`, []string{"statement_undecided", "bank_ledger"}},
		"a break taken away":          {`DELETE FROM gateway.break`, []string{"statement_undecided"}},
		"a statement that does not join": {`UPDATE gateway.bank_statement SET opening = opening + 7, closing = closing + 7 WHERE day = '2025-06-03'`,
			[]string{"statement_gap"}},
		"a payout's amount":          {`UPDATE gateway.payout SET amount = amount + 7`, []string{"payable_instructed", "payout_items"}},
		"a payout's item taken away": {`DELETE FROM gateway.payout_item WHERE line = 2`, []string{"payout_items"}},
	} {
		t.Run(name, func(t *testing.T) {
			// What adds 7 is undone by taking 7 away; the rest spoils its world.
			w, back := shared, strings.NewReplacer("+ 7", "- 7", "- 7", "+ 7").Replace(tc.sql)
			if back == tc.sql {
				w = atTuesday(t)
			}
			owner := pgtest.Owner(t, w.Pool)
			w.exec(owner, `SET session_replication_role = replica; `+tc.sql) // without foreign keys
			c, err := w.Close(t.Context(), deciding, tuesday)
			w.ok(err)
			var codes []string
			for _, f := range c.Findings {
				codes = append(codes, f.Code)
			}
			for _, code := range tc.want {
				if !slices.Contains(codes, code) {
					t.Errorf("no finding %s among %v", code, codes)
				}
			}
			if closed, err := w.Ledger.Closed(t.Context(), "GRO", tuesday.UTC()); err != nil || closed || c.Closed {
				t.Errorf("the day is closed: %v, %v", closed, err)
			}
			left, err := finding.List(t.Context(), w.Pool, "000")
			if err != nil || len(left) != 1 || left[0].Kind != settlement.DayNotClosed {
				t.Errorf("findings for a person: %+v, %v", left, err)
			}
			if back != tc.sql {
				w.exec(owner, `SET session_replication_role = replica; `+back)
			}
		})
	}
	shared.close(tuesday) // nothing else stood in the way
}

func TestCloseRefusesAPostingThatNothingStandsBehind(t *testing.T) {
	t.Parallel()
	payable, unallocated := booking.Payable("BODYG", "B1"), booking.Unallocated
	for name, tc := range map[string]struct {
		book, debit, credit string
		want                []string
	}{
		"a body's money becomes a payer's": {"GRO", payable, booking.Excess, []string{"payable_closing", "excess_closing", "payable_other", "excess_other"}},
		"and ours":                         {"GRO", payable, booking.ServiceCharge, []string{"payable_closing", "payable_other"}},
		"a stranger's money becomes ours":  {"000", unallocated, booking.Funding, []string{"unplaced"}},
		"a fee is never asked for":         {"NET", booking.Excess, booking.DueFrom(booking.House), []string{"fees_owed"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.settle(w.pay("GRO", 100_000, 0), 0)
			w.settle(w.pay("NET", 0, 50_000), 2_200)
			w.strange(5_000)
			w.statement()
			w.tx(func(ctx context.Context, tx pgx.Tx) {
				w.post(ctx, tx, mistake{ledger.Transaction{Book: tc.book, Reference: "x", Kind: "mistake", Occurred: w.clock.Now(), Day: monday.UTC(),
					Postings: []ledger.Posting{{Debit: tc.debit, Credit: tc.credit, Amount: 2_000, Currency: booking.Currency}}}})
			})
			c, err := w.Close(t.Context(), deciding, monday)
			w.ok(err)
			var codes []string
			for _, f := range c.Findings {
				codes = append(codes, f.Code)
			}
			for _, code := range tc.want {
				if !slices.Contains(codes, code) {
					t.Errorf("no finding %s among %v", code, codes)
				}
			}
			if c.Closed {
				t.Error("the day is closed over it")
			}
		})
	}
}

// mistake is a posting that no event of the accountant's page makes.
type mistake struct{ tx ledger.Transaction }

func (m mistake) Transactions() ([]ledger.Transaction, error) {
	return []ledger.Transaction{m.tx}, nil
}

func TestRecomputeGivesTheSameDigest(t *testing.T) {
	t.Parallel()
	w := played(t)
	var closes []settlement.Close
	for _, day := range []calendar.Date{monday, tuesday, wednesday} {
		closes = append(closes, w.close(day))
		w.clock.mu.Lock()
		w.clock.now = w.clock.now.Add(time.Minute)
		w.clock.mu.Unlock()
	}
	// Afterwards: what was short comes after all, a break is closed, more is paid.
	short := roll(closes[2], "GRO").Open
	for _, o := range short {
		w.settle(o.Ref, 0)
	}
	w.pay("NET", 5_000, 0)
	w.exec(w.Pool, `UPDATE gateway.break SET state = 'closed', closed_at = $1, closed_by = 'an', reason = 'placed'`, w.clock.Now())
	for _, c := range closes {
		got, err := w.Recompute(t.Context(), asking, c.Day, time.Time{})
		w.ok(err)
		if got.Digest != c.Digest || len(got.Findings) != 0 {
			one, _ := json.Marshal(c)
			two, _ := json.Marshal(got)
			t.Errorf("%s differs, findings %+v\n%s\n%s", c.Day, got.Findings, one, two)
		}
	}
	w.exec(pgtest.Owner(t, w.Pool), `UPDATE ledger.postings SET amount = amount + 7 WHERE effective_day = '2025-06-02'`)
	if got, err := w.Recompute(t.Context(), asking, monday, time.Time{}); err != nil || got.Digest == closes[0].Digest || len(got.Findings) == 0 {
		t.Errorf("a tampered posting leaves the report as it was: %v, %+v", err, got.Findings)
	}
	w.exec(pgtest.Owner(t, w.Pool), `UPDATE gateway.day_close SET report = jsonb_set(report, '{bank}', '7') WHERE book = 'GRO' AND day = '2025-06-03'`)
	if _, err := w.Closed(t.Context(), asking, tuesday); err == nil || !strings.Contains(err.Error(), "not the one that was signed") {
		t.Errorf("a report that was changed is given as the day's: %v", err)
	}
	if _, err := w.Recompute(t.Context(), asking, thursday, time.Time{}); problem.CodeOf(err) != problem.NotFound {
		t.Errorf("recomputed an open day: %v", err)
	}
}

func TestCloseKnowsWhatAFasterClockRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.now = monday.At(20 * time.Hour).UTC()
	w.pay("GRO", 100_000, 0)
	w.statement()
	w.on(monday)
	c := w.close(monday)
	if r := roll(c, "GRO"); r.Confirmed != 100_000 || !c.ClosedAt.After(w.clock.Now()) {
		t.Errorf("closed as known at %s: %+v", c.ClosedAt, r)
	}
	if got, err := w.Recompute(t.Context(), asking, monday, time.Time{}); err != nil || got.Digest != c.Digest {
		t.Errorf("recomputed: %v, %+v", err, got.Findings)
	}
}

func TestCloseWhilePaymentsComeIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pay("GRO", 1_000, 0)
	w.pay("NET", 1_000, 0)
	w.statement()
	var wg sync.WaitGroup
	for _, book := range []string{"GRO", "NET"} {
		wg.Go(func() {
			for range 10 {
				w.pay(book, 1_000, 0)
			}
		})
	}
	closes := make([]settlement.Close, 3)
	for i := range closes {
		wg.Go(func() {
			var err error
			if closes[i], err = w.Close(t.Context(), deciding, monday); err != nil || !closes[i].Closed {
				t.Errorf("closing: %v, %+v", err, closes[i].Findings)
			}
		})
	}
	wg.Wait()
	for _, c := range closes {
		if c.Digest != closes[0].Digest {
			t.Error("closing at once gave several reports")
		}
	}
	if got, err := w.Recompute(t.Context(), asking, monday, time.Time{}); err != nil || len(got.Findings) != 0 {
		t.Errorf("recomputed: %v, %+v", err, got.Findings)
	}
	w.on(tuesday)
	w.statement()
	// What came too late for Monday stands on Tuesday: nothing is lost between the days.
	if r := roll(w.close(tuesday), "GRO"); r.Closing != 11_000 || r.Opening+r.Confirmed != 11_000 {
		t.Errorf("Tuesday: %+v", r)
	}
	w.sound()
}
