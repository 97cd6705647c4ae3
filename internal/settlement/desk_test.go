package settlement_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/finding"
	"exchequer/internal/outbox"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
	"exchequer/internal/settlement"
	"exchequer/providers"
	"exchequer/reconciliation"
)

// source is a provider whose file says what a test sets.
type source struct{ batches []providers.Settlement }

func (s *source) FetchSettlement(context.Context, time.Time) ([]byte, error) {
	return nil, providers.ErrNotDone
}

func (s *source) ReadSettlement(io.Reader) ([]providers.Settlement, error) { return s.batches, nil }

// desk is real reconciliation on a world, where what the bank and the provider say matters.
type desk struct {
	*reconciliation.Desk
	w      *world
	source *source
	closed int64 // balance of the statement before
}

func newDesk(w *world) *desk {
	d := &desk{w: w, source: &source{}}
	var err error
	d.Desk, err = reconciliation.New(reconciliation.Config{Pool: w.Pool, Ledger: w.Ledger, Now: w.clock.Now, Accounts: []string{account},
		Contracts: []reconciliation.Contract{{Partner: "pay", Book: "GRO"}, {Partner: "pay", Book: "NET", KeptBack: true}},
		Sources:   map[string]providers.SettlementSource{"pay": d.source}})
	w.ok(err)
	return d
}

// entry is a line of a statement, booked by the bank on a day; a debit is below zero.
type entry struct {
	amount int64
	booked calendar.Date
	name   string // its EndToEndId
}

// statement imports the bank's statement of a day.
func (d *desk) statement(on calendar.Date, entries ...entry) {
	d.w.t.Helper()
	opening := d.closed
	var list strings.Builder
	for i, e := range entries {
		d.closed += e.amount
		direction, amount := "CRDT", e.amount
		if e.amount < 0 {
			direction, amount = "DBIT", -e.amount
		}
		fmt.Fprintf(&list, `<Ntry><NtryRef>%d</NtryRef><Amt Ccy="VND">%d</Amt><CdtDbtInd>%s</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>%s</Dt></BookgDt><AcctSvcrRef>%s-%d</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>%s</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>`,
			i+1, amount, direction, e.booked, on, i+1, e.name)
	}
	balance := func(code string, amount int64) string {
		return fmt.Sprintf(`<Bal><Tp><CdOrPrtry><Cd>%s</Cd></CdOrPrtry></Tp><Amt Ccy="VND">%d</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>%s</Dt></Dt></Bal>`, code, amount, on)
	}
	file := fmt.Sprintf(`<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>S%s</Id>
<Acct><Id><Othr><Id>%s</Id></Othr></Id><Ccy>VND</Ccy></Acct>%s%s%s</Stmt></BkToCstmrStmt></Document>`,
		on, account, balance("OPBD", opening), balance("CLBD", d.closed), list.String())
	report, err := d.ImportStatement(d.w.t.Context(), asking, account, []byte(file), false)
	d.w.ok(err)
	if report.State != reconciliation.Applied {
		d.w.t.Fatalf("the statement of %s: %+v", on, report)
	}
}

// batch imports the provider's file of a day: one batch of these payments.
func (d *desk) batch(on calendar.Date, name string, lines ...providers.SettlementLine) {
	d.w.t.Helper()
	b := providers.Settlement{Batch: name, Merchant: "m", Day: on.UTC(), Currency: booking.Currency, Lines: lines}
	for _, l := range lines {
		b.Net += l.Amount - l.Fee
	}
	d.source.batches = []providers.Settlement{b}
	report, err := d.ImportSettlement(d.w.t.Context(), asking, "pay", on.UTC(), nil)
	d.w.ok(err)
	if report.State != reconciliation.Applied {
		d.w.t.Fatalf("the file of %s: %+v", on, report)
	}
}

func TestAnEntryThatTheBankDatesBackDoesNotBlockTheClose(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := newDesk(w)
	w.pay("GRO", 100_000, 0)
	w.on(wednesday)
	d.statement(monday)
	d.statement(tuesday, entry{500, monday, "late"})
	w.close(monday)
	if c := w.close(tuesday); c.House.Unplaced != 500 {
		t.Errorf("unplaced on Tuesday: %d", c.House.Unplaced)
	}
}

// A payment is found after its provider has paid it over: it is effective on a later day than its credit.
func TestACreditBeforeItsPaymentDoesNotBlockTheClose(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := newDesk(w)
	w.pay("GRO", 7_000, 0)
	w.on(thursday)
	found := w.pay("GRO", 100_000, 0)
	d.batch(tuesday, "B-0603", providers.SettlementLine{Reference: found, ProviderID: "1", Amount: 100_000})
	d.statement(monday)
	d.statement(tuesday, entry{100_000, tuesday, "B-0603"})
	d.statement(wednesday)
	d.statement(thursday)
	for _, want := range []struct {
		day     calendar.Date
		closing int64
	}{{monday, 7_000}, {tuesday, -93_000}, {wednesday, -93_000}, {thursday, 7_000}} {
		if r := roll(w.close(want.day), "GRO"); r.Closing != want.closing || r.NotYetDue+r.Overdue != want.closing {
			t.Errorf("%s: %+v, want %d", want.day, r, want.closing)
		}
	}
}

func TestAnItemWithoutADeadlineStaysOpen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ref := w.pay("GRO", 100_000, 0)
	w.exec(pgtest.Owner(t, w.Pool), `UPDATE gateway.expectation SET due_day = NULL`)
	w.statement()
	w.close(monday)
	w.on(thursday)
	for _, day := range []calendar.Date{tuesday, wednesday, thursday} {
		w.on(day)
		w.statement()
		r := roll(w.close(day), "GRO")
		if r.Overdue != 0 || r.NotYetDue != 100_000 || len(r.Open) != 1 || r.Open[0].Ref != ref || !r.Open[0].DueDay.IsZero() {
			t.Errorf("%s: %+v", day, r)
		}
	}
}

// after does something once, when a statement that holds a text has ended.
type after struct {
	text string
	do   func()
	done atomic.Bool
}

type statementKey struct{}

func (a *after) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	return context.WithValue(ctx, statementKey{}, fmt.Sprint(d.SQL, d.Args))
}

func (a *after) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	if sql, _ := ctx.Value(statementKey{}).(string); strings.Contains(sql, a.text) && a.done.CompareAndSwap(false, true) {
		a.do()
	}
}

// interrupted is the world's service with something happening in the middle of its work.
func (w *world) interrupted(a *after) *settlement.Service {
	w.t.Helper()
	cfg := w.Pool.Config()
	cfg.ConnConfig.Tracer = a
	pool, err := pgxpool.NewWithConfig(w.t.Context(), cfg)
	w.ok(err)
	w.t.Cleanup(pool.Close)
	s := *w.Service
	s.Pool = pool
	return &s
}

// refusing is a bank that refuses what it is told.
type refusing struct{}

func (refusing) Pay(context.Context, settlement.Instruction) error {
	return &settlement.RefusedError{Code: "AM04"}
}

// started starts the waiting send jobs, as the runner would.
func (w *world) started() []outbox.Job {
	w.t.Helper()
	worker, err := outbox.Enlist(w.t.Context(), w.Pool)
	w.ok(err)
	w.t.Cleanup(func() { worker.Close(context.Background()) })
	wall := time.Unix(0, 0).Add(time.Hour)
	tickets, err := worker.Claim(w.t.Context(), outbox.Claim{Kinds: []string{settlement.SendJob}, Now: w.clock.Now(), Wall: wall, Limit: 10})
	w.ok(err)
	var jobs []outbox.Job
	for _, ticket := range tickets {
		job, err := outbox.Start(w.t.Context(), w.Pool, outbox.Run{Ticket: ticket, Worker: worker.ID(), Now: w.clock.Now(), Wall: wall})
		w.ok(err)
		jobs = append(jobs, job)
	}
	return jobs
}

// begun starts work of another program and comes back when it is done or waits for a lock; the answer waits for its end.
func (w *world) begun(work func()) (wait func()) {
	owner := pgtest.Owner(w.t, w.Pool) // who alone sees what others wait for
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	for waiting := false; !waiting; {
		select {
		case <-done:
			return func() {}
		default:
		}
		w.ok(owner.QueryRow(w.t.Context(), `SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waiting))
	}
	return func() { <-done }
}

// The bank refuses an instruction, and while that is booked its statement comes in and shows it as paid.
func TestOfARefusalAndAnExecutionOneIsBooked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := newDesk(w)
	w.on(tuesday)
	var payouts []settlement.Payout
	for range 2 { // the second one's money is what the first one's wrong booking would take
		w.settle(w.pay("GRO", 100_000, 0), 0)
		p := propose(w)["GRO"]
		_, err := w.Approve(t.Context(), deciding, p.Ref)
		w.ok(err)
		payouts = append(payouts, p)
	}
	d.closed = 200_000
	var wait func()
	s := w.interrupted(&after{text: "FOR UPDATE OF p", do: func() {
		wait = w.begun(func() { d.statement(tuesday, entry{-100_000, tuesday, payouts[0].Ref}) })
	}})
	s.Bank = refusing{}
	for _, j := range w.started() {
		if j.Ref == payouts[0].Ref {
			w.ok(s.HandleSend(t.Context(), j))
		}
	}
	wait()
	if got := state(w, payouts[0]); got != settlement.Rejected || w.net("GRO", "liabilities:payout") != 100_000 || w.net("GRO", "liabilities:payable") != 100_000 {
		t.Errorf("the payout is %s; instructed %d, payable %d", got, w.net("GRO", "liabilities:payout"), w.net("GRO", "liabilities:payable"))
	}
	breaks, err := d.Breaks(t.Context(), asking, reconciliation.BreakFilter{})
	if err != nil || len(breaks) != 1 || breaks[0].Kind != reconciliation.Duplicate {
		t.Errorf("what the bank took all the same: %+v, %v", breaks, err)
	}
}

// executing is a bank that pays, shows it, and says that it has refused.
type executing func()

func (e executing) Pay(context.Context, settlement.Instruction) error {
	e()
	return &settlement.RefusedError{Code: "AM04"}
}

func TestABankThatRefusesWhatItHasPaid(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(w.pay("GRO", 100_000, 0), 0)
	p := propose(w)["GRO"]
	_, err := w.Approve(t.Context(), deciding, p.Ref)
	w.ok(err)
	w.Bank = executing(func() { w.execute(p) })
	if err := w.HandleSend(t.Context(), w.started()[0]); problem.CodeOf(err) != problem.Conflict {
		t.Errorf("got %v", err)
	}
	if got := state(w, p); got != settlement.Executed || w.net("GRO", "liabilities:payable") != 0 {
		t.Errorf("the payout is %s, payable %d", got, w.net("GRO", "liabilities:payable"))
	}
	findings, err := finding.List(t.Context(), w.Pool, "GRO")
	if err != nil || len(findings) != 1 || findings[0].Kind != settlement.PayoutClash {
		t.Errorf("findings %+v, %v", findings, err)
	}
}

func TestUnplacedIsWhatTheStatementsBroughtForNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := newDesk(w)
	ref := w.pay("NET", 50_000, 0)
	_, err := w.AnnounceFunding(t.Context(), asking, settlement.Funding{Ref: "FUND-000001", Amount: 10_000})
	w.ok(err)
	d.batch(monday, "B-0602", providers.SettlementLine{Reference: ref, ProviderID: "1", Amount: 50_000, Fee: 500},
		providers.SettlementLine{Reference: "STRANGER", ProviderID: "2", Amount: 9_000})
	d.statement(monday, entry{58_500, monday, "B-0602"}, entry{12_000, monday, "FUND-000001"}, entry{77, monday, "NOTPROVIDED"})
	if c := w.close(monday); c.House.Unplaced != 9_000+2_000+77 || c.Books[3].FeesOwed != 500 {
		t.Errorf("unplaced %d, fees owed %+v", c.House.Unplaced, c.Books[3])
	}
}

// A payout is executed while the room for another one is counted.
func TestRoomIsCountedInOneView(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(w.pay("NET", 100_000, 0), 0)
	p := propose(w)["NET"]
	_, err := w.Approve(t.Context(), deciding, p.Ref)
	w.ok(err)
	w.settle(w.pay("NET", 100_000, 0), 10_000)
	a := &after{text: "NET " + booking.Bank(account), do: func() { w.execute(p) }}
	proposed, err := w.interrupted(a).Propose(t.Context(), asking, monday)
	if err != nil || len(proposed) != 0 || !a.done.Load() {
		t.Errorf("%v, %v: at the bank there are %d", proposed, err, w.net("NET", "assets:bank"))
	}
}

// A file comes in while the day is closed: it has opened a break, stamped with its time, and has not committed yet.
func TestACloseHoldsAllOfAnImportOrNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pay("GRO", 100_000, 0)
	w.statement()
	var c settlement.Close
	var wait func()
	other := *w
	other.Service = w.interrupted(&after{text: "INSERT INTO gateway.break", do: func() {
		w.clock.mu.Lock()
		w.clock.now = w.clock.now.Add(time.Minute)
		w.clock.mu.Unlock()
		wait = w.begun(func() { c, _ = w.Close(t.Context(), deciding, monday) })
	}})
	newDesk(&other).batch(monday, "B-0602", providers.SettlementLine{Reference: "STRANGER", ProviderID: "1", Amount: 9_000})
	wait()
	if !c.Closed || len(c.House.Breaks) != 1 {
		t.Errorf("the close knows %+v, findings %+v", c.House.Breaks, c.Findings)
	}
	if again, err := w.Recompute(t.Context(), asking, monday, time.Time{}); err != nil || len(again.Findings) != 0 {
		t.Errorf("recomputed: %v, %+v", err, again.Findings)
	}
}

// The same of what settlement itself records: a transfer is announced while the day is closed.
func TestACloseHoldsAnAnnouncementOrItIsLater(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.pay("GRO", 100_000, 0)
	w.statement()
	var c settlement.Close
	var wait func()
	s := w.interrupted(&after{text: "FROM gateway.expectation", do: func() {
		wait = w.begun(func() { c, _ = w.Close(t.Context(), deciding, monday) })
	}})
	_, err := s.AnnounceFunding(t.Context(), asking, settlement.Funding{Ref: "FUND-000001", Amount: 5_000})
	w.ok(err)
	wait()
	if !c.Closed || len(c.House.Funding) != 1 {
		t.Errorf("the close knows %+v, findings %+v", c.House.Funding, c.Findings)
	}
	if again, err := w.Recompute(t.Context(), asking, monday, time.Time{}); err != nil || len(again.Findings) != 0 {
		t.Errorf("recomputed: %v, %+v", err, again.Findings)
	}
}
