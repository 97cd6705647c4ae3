package settlement_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/expectation"
	"exchequer/internal/outbox"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/reference"
	"exchequer/internal/settlement"
	"exchequer/internal/sign"
	"exchequer/ledger"
	"exchequer/providers/bank"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// GRO is settled gross, NET net; IDL has no payment at all.
var sample = catalog.Documents{
	"books.csv": []byte(`key,name,mark,source
000,house,example,test
GRO,Gross,example,test
NET,Net,example,test
IDL,Idle,example,test
`),
	"bodies.csv": []byte(`code,book,kind,area,level,name_vi,name_en,successor,from,until,mark,source
BODYG,GRO,power_corporation,,central,G,G,,2020-01-01,,example,test
BODYN,NET,licence_authority,,central,N,N,,2020-01-01,,example,test
`),
	"accounts.csv": []byte(`body,code,kind,number,at,from,until,mark,source
BODYG,ALL,bank,1001,bank,2020-01-01,,example,test
BODYN,ALL,bank,1002,bank,2020-01-01,,example,test
`),
	"procedures.csv": []byte(`code,service,name_vi,name_en,body_kind,from,until,mark,source
P1,g,G,G,power_corporation,2020-01-01,,example,test
P2,n,N,N,licence_authority,2020-01-01,,example,test
`),
	"charges.csv": []byte(`charge,name_vi,name_en,nature,split,from,until,mark,source
fee,F,F,fee,,2020-01-01,,example,test
other_fee,O,O,fee,,2020-01-01,,example,test
`),
	"regimes.csv": []byte("body,charge,regime,from,until,mark,source\n"),
	"budget_lines.csv": []byte(`charge,body,part,budget,chapter,sub_item,area,account,from,until,mark,source
fee,BODYG,whole,B1,,,,ALL,2020-01-01,,example,test
other_fee,BODYG,whole,B2,,,,ALL,2020-01-01,,example,test
fee,BODYN,whole,B1,,,,ALL,2020-01-01,,example,test
other_fee,BODYN,whole,B2,,,,ALL,2020-01-01,,example,test
`),
	"contracts.csv": []byte(`provider,book,merchant,settlement,due_business_days,mark,source
pay,GRO,g,gross,1,example,test
pay,NET,n,net,1,example,test
`),
	"collection_accounts.csv": []byte(`account,bank,currency,mark,source
9000,bank,VND,example,test
`),
}

const account = "9000"

var (
	asking   = authn.Actor{ID: "an", Role: authn.Treasury, Books: []string{"*"}}
	deciding = authn.Actor{ID: "binh", Role: authn.Treasury, Books: []string{"*"}}
	officer  = authn.Actor{ID: "chi", Role: authn.Officer, Books: []string{"GRO"}}

	monday    = calendar.MustDate("2025-06-02")
	tuesday   = calendar.MustDate("2025-06-03")
	wednesday = calendar.MustDate("2025-06-04")
	thursday  = calendar.MustDate("2025-06-05")
)

// clock stands still until it is set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// world is a service with what reconciliation and orders would do around it, on a real database.
type world struct {
	*settlement.Service
	t      *testing.T
	clock  *clock
	bank   *bank.Bank
	wire   *wire
	keys   *sign.Keys
	lines  []line // of the statement being written
	totals int64  // closing balance of the statement before
	n      int
}

type line struct {
	credit   bool
	amount   int64
	state    string
	kind     string
	ref      string
	inLedger bool
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{}}
	w.on(monday)
	docs, err := catalog.Included()
	w.ok(err)
	maps.Copy(docs, sample)
	cat, err := catalog.Parse(docs)
	w.ok(err)
	cal, err := calendar.Vietnam()
	w.ok(err)
	w.keys, err = sign.OpenKeys(filepath.Join(t.TempDir(), "keys"), time.Now)
	w.ok(err)
	w.bank, err = bank.New(bank.Config{
		Accounts: []bank.Account{{Number: account, Owner: "gateway"}}, Journal: filepath.Join(t.TempDir(), "bank"),
		Now: w.clock.Now, IsBusinessDay: func(d time.Time) bool { return d.Weekday()%6 != 0 },
	})
	w.ok(err)
	server := httptest.NewServer(w.bank.Handler())
	t.Cleanup(func() { server.Close(); w.bank.Close() })
	w.wire = &wire{}
	pool := pgtest.New(t)
	w.Service = &settlement.Service{
		Pool: pool, Ledger: ledger.New(pool, w.clock.Now), Catalog: cat, Law: published{cat}, Calendar: cal, Clock: w.clock,
		Bank: settlement.HTTPBank{URL: server.URL, Doer: w.wire}, Signer: w.keys,
	}
	return w
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// on sets the clock to noon of a day.
func (w *world) on(day calendar.Date) {
	w.clock.mu.Lock()
	defer w.clock.mu.Unlock()
	w.clock.now = day.At(12 * time.Hour).UTC()
}

func (w *world) today() calendar.Date { return calendar.DayOf(w.clock.Now()) }

func (w *world) tx(fn func(context.Context, pgx.Tx)) {
	w.t.Helper()
	w.ok(pg.InTx(w.t.Context(), w.Pool, func(tx pgx.Tx) error { fn(w.t.Context(), tx); return nil }))
}

func (w *world) post(ctx context.Context, tx pgx.Tx, e booking.Event) calendar.Date {
	w.t.Helper()
	txs, err := e.Transactions()
	w.ok(err)
	w.ok(w.Ledger.OpenAccountsTx(ctx, tx, booking.AccountsFor(txs)))
	results, err := w.Ledger.PostTx(ctx, tx, txs)
	w.ok(err)
	w.ok(ledger.FirstRefusal(results))
	return calendar.DateOf(results[0].Day)
}

// pay is what orders do with a payment that a provider confirmed: amount for bills, excess for nobody.
func (w *world) pay(book string, amount, excess int64) (attempt string) {
	w.t.Helper()
	attempt = reference.Attempt(reference.New(book), 0)
	body := "BODY" + book[:1]
	w.tx(func(ctx context.Context, tx pgx.Tx) {
		e := booking.PaymentConfirmed{Head: booking.Head{Reference: attempt, Occurred: w.clock.Now(), Day: w.today()}, Book: book, Channel: "pay", Excess: excess}
		_, err := tx.Exec(ctx, `INSERT INTO gateway.payment (book, attempt, captured, excess, provider, paid_at, recorded_at)
			VALUES ($1, $2, $3, $4, 'pay', $5, $5)`, book, attempt, amount+excess, excess, w.clock.Now())
		w.ok(err)
		if amount > 0 {
			// Two budget lines, so that sums by line are tested.
			for i, part := range []int64{amount - amount/4, amount / 4} {
				budget := fmt.Sprintf("B%d", i+1)
				e.Lines = append(e.Lines, booking.PayableLine{Body: body, Budget: budget, Amount: part})
				_, err := tx.Exec(ctx, `INSERT INTO gateway.payment_line (book, attempt, no, bill, body, budget, amount)
					VALUES ($1, $2, $3, 'bill', $4, $5, $6)`, book, attempt, i+1, body, budget, part)
				w.ok(err)
			}
		}
		day := w.post(ctx, tx, e)
		due, err := w.Calendar.Next(day)
		w.ok(err)
		w.ok(expectation.WriteTx(ctx, tx, w.clock.Now(), []expectation.Expectation{{Book: book, Kind: expectation.Settlement,
			Ref: attempt, Partner: "pay", Amount: amount + excess, Day: day, DueDay: due}}))
	})
	return attempt
}

// settle is what reconciliation does with a credit for one payment, less a fee where its book is net.
func (w *world) settle(attempt string, fee int64) {
	w.t.Helper()
	book := reference.Book(attempt)
	w.tx(func(ctx context.Context, tx pgx.Tx) {
		waits, err := expectation.LockTx(ctx, tx, book, expectation.Settlement, []string{attempt})
		w.ok(err)
		w.settlePartTx(ctx, tx, waits[0], waits[0].Amount-waits[0].Met, fee)
	})
}

func (w *world) settlePartTx(ctx context.Context, tx pgx.Tx, e expectation.Expectation, amount, fee int64) {
	w.t.Helper()
	day := w.post(ctx, tx, booking.Settled{Head: booking.Head{Reference: w.key(), Occurred: w.clock.Now(), Day: w.today()},
		Book: e.Book, Channel: "pay", Provider: "pay", Account: account, Gross: amount, Fee: fee})
	e.Met, e.Fee, e.MetBy, e.MetDay, e.State = e.Met+amount, e.Fee+fee, "line", day, expectation.PartMet
	if e.Met == e.Amount {
		e.State = expectation.Met
	}
	w.ok(expectation.UpdateTx(ctx, tx, w.clock.Now(), []expectation.Expectation{e}))
	w.lines = append(w.lines, line{credit: true, amount: amount - fee, state: "matched", kind: "settlement", ref: e.Ref, inLedger: true})
	w.toBank(amount - fee)
}

// meet marks a payment as come in full, without anything else.
func (w *world) meet(ctx context.Context, tx pgx.Tx, attempt string) {
	w.t.Helper()
	waits, err := expectation.LockTx(ctx, tx, reference.Book(attempt), expectation.Settlement, []string{attempt})
	w.ok(err)
	waits[0].State, waits[0].Met, waits[0].MetBy, waits[0].MetDay = expectation.Met, waits[0].Amount, "line", w.today()
	w.ok(expectation.UpdateTx(ctx, tx, w.clock.Now(), waits))
}

// fund is the treasury's transfer, announced, on the account and booked.
func (w *world) fund(amount int64) {
	w.t.Helper()
	w.tx(func(ctx context.Context, tx pgx.Tx) {
		w.post(ctx, tx, booking.HouseFunded{Head: booking.Head{Reference: w.key(), Occurred: w.clock.Now(), Day: w.today()}, Account: account, Amount: amount})
	})
	w.lines = append(w.lines, line{credit: true, amount: amount, state: "matched", kind: "funding", ref: "FUND", inLedger: true})
	w.toBank(amount)
}

// strange is a credit nobody knows.
func (w *world) strange(amount int64) {
	w.t.Helper()
	key := w.key()
	w.tx(func(ctx context.Context, tx pgx.Tx) {
		w.post(ctx, tx, booking.UnknownCredit{Head: booking.Head{Reference: key, Occurred: w.clock.Now(), Day: w.today()}, Account: account, Amount: amount})
		w.breakTx(ctx, tx, "unknown_credit", key, amount)
	})
	w.lines = append(w.lines, line{credit: true, amount: amount, state: "break", kind: "unknown_credit", ref: key, inLedger: true})
	w.toBank(amount)
}

// strangeDebit is a debit nobody knows: a break, and nothing booked.
func (w *world) strangeDebit(amount int64) {
	w.t.Helper()
	key := w.key()
	w.tx(func(ctx context.Context, tx pgx.Tx) { w.breakTx(ctx, tx, "unknown_debit", key, amount) })
	w.lines = append(w.lines, line{amount: amount, state: "break", kind: "unknown_debit", ref: key})
}

func (w *world) breakTx(ctx context.Context, tx pgx.Tx, kind, ref string, found int64) {
	_, err := tx.Exec(ctx, `INSERT INTO gateway.break (book, kind, partner, ref, day, expected, found, source, opened_at)
		VALUES ('000', $1, $2, $3, $4, 0, $5, $3, $6)`, kind, account, ref, w.today(), found, w.clock.Now())
	w.ok(err)
}

// execute is what reconciliation does when the statement shows a payout.
func (w *world) execute(p settlement.Payout) {
	w.t.Helper()
	w.tx(func(ctx context.Context, tx pgx.Tx) {
		waits, err := expectation.LockTx(ctx, tx, p.Book, expectation.Payout, []string{p.Ref})
		w.ok(err)
		e := waits[0]
		day := w.post(ctx, tx, booking.PayoutExecuted{Head: booking.Head{Reference: w.key(), Occurred: w.clock.Now(), Day: w.today()},
			Book: p.Book, Account: account, Amount: e.Amount})
		e.State, e.Met, e.MetBy, e.MetDay = expectation.Met, e.Amount, "line", day
		w.ok(expectation.UpdateTx(ctx, tx, w.clock.Now(), []expectation.Expectation{e}))
	})
	w.lines = append(w.lines, line{amount: p.Amount, state: "matched", kind: "payout", ref: p.Ref, inLedger: true})
}

// statement is the bank's word of the clock's day.
func (w *world) statement() {
	w.t.Helper()
	var credits, debits int64
	for _, l := range w.lines {
		if l.credit {
			credits += l.amount
		} else {
			debits += l.amount
		}
	}
	w.tx(func(ctx context.Context, tx pgx.Tx) {
		_, err := tx.Exec(ctx, `INSERT INTO gateway.bank_statement (book, account, day, statement_id, opening, closing, credits, debits, entries, digest, imported_at)
			VALUES ('000', $1, $2, 'S', $3, $4, $5, $6, $7, 'd', $8)`,
			account, w.today(), w.totals, w.totals+credits-debits, credits, debits, len(w.lines), w.clock.Now())
		w.ok(err)
		for i, l := range w.lines {
			_, err := tx.Exec(ctx, `INSERT INTO gateway.bank_statement_line (book, account, day, no, credit, amount, booked_on, state, kind, matched_ref, in_ledger, decided_at)
				VALUES ('000', $1, $2, $3, $4, $5, $2, $6, $7, $8, $9, $10)`,
				account, w.today(), i+1, l.credit, l.amount, l.state, l.kind, l.ref, l.inLedger, w.clock.Now())
			w.ok(err)
		}
	})
	w.totals, w.lines = w.totals+credits-debits, nil
}

// toBank puts money on the account at the simulator, so that payouts find it there.
func (w *world) toBank(amount int64) {
	w.t.Helper()
	if amount == 0 {
		return
	}
	body := fmt.Sprintf(`{"id":"%s","account":"%s","amount":%d,"currency":"VND","remittance":"R","debtor":"D"}`, w.key(), account, amount)
	rec := httptest.NewRecorder()
	req := httptest.NewRequest(http.MethodPost, "/credits", strings.NewReader(body))
	w.bank.Handler().ServeHTTP(rec, req)
	if rec.Code != http.StatusCreated {
		w.t.Fatalf("the bank simulator answered %d: %s", rec.Code, rec.Body)
	}
}

func (w *world) key() string { w.n++; return fmt.Sprintf("K%d", w.n) }

// send runs the waiting send jobs once each, as the runner would, and gives the first error.
func (w *world) send() error {
	w.t.Helper()
	worker, err := outbox.Enlist(w.t.Context(), w.Pool)
	w.ok(err)
	defer worker.Close(context.Background())
	wall := time.Unix(0, 0).Add(time.Duration(w.n) * time.Hour)
	tickets, err := worker.Claim(w.t.Context(), outbox.Claim{Kinds: []string{settlement.SendJob}, Now: w.clock.Now(), Wall: wall, Limit: 10})
	w.ok(err)
	var first error
	for _, ticket := range tickets {
		job, err := outbox.Start(w.t.Context(), w.Pool, outbox.Run{Ticket: ticket, Worker: worker.ID(), Now: w.clock.Now(), Wall: wall})
		w.ok(err)
		if err := w.HandleSend(w.t.Context(), job); err != nil {
			first = errors.Join(first, err)
			_, err := outbox.Fail(w.t.Context(), w.Pool, outbox.Failure{Ticket: ticket, Code: "test", Wall: wall.Add(-time.Hour)})
			w.ok(err)
		}
	}
	return first
}

// wire carries requests to the bank and can fail in both ways: before the bank hears of it, and after it has done it.
type wire struct{ before, after error }

func (f *wire) Do(r *http.Request) (*http.Response, error) {
	if f.before != nil {
		return nil, f.before
	}
	resp, err := http.DefaultClient.Do(r)
	if err == nil && f.after != nil {
		resp.Body.Close()
		return nil, f.after
	}
	return resp, err
}

// net gives what stands on an account.
func (w *world) net(book, code string) int64 {
	w.t.Helper()
	balances, err := w.Ledger.Balances(w.t.Context(), ledger.Query{Book: book, Prefix: code})
	w.ok(err)
	var total int64
	for _, b := range balances {
		total += b.Net()
	}
	return total
}

// sound proves that the ledger still holds together.
func (w *world) sound() {
	w.t.Helper()
	report, err := w.Ledger.Verify(w.t.Context(), ledger.VerifyOptions{Mirror: booking.Mirror})
	w.ok(err)
	if !report.OK {
		w.t.Errorf("the ledger does not verify: %+v", report.Findings)
	}
}

func (w *world) exec(pool *pgxpool.Pool, sql string, args ...any) {
	w.t.Helper()
	_, err := pool.Exec(w.t.Context(), sql, args...)
	w.ok(err)
}
