package reconciliation_test

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/expectation"
	"exchequer/internal/finding"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
	"exchequer/ledger"
	"exchequer/providers"
	"exchequer/providers/vnpay"
	"exchequer/reconciliation"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const account = "VN-EXQ-1020304050"

var (
	treasurer = authn.Actor{ID: "officer-1", Role: authn.Treasury, Books: []string{"*"}}
	monday    = day("2025-06-02") // payments are made
	tuesday   = day("2025-06-03") // the provider's file and credit
	wednesday = day("2025-06-04")
)

func day(s string) time.Time { return calendar.MustDate(s).UTC() }

// world is a gateway with three books: EHN on gross terms, BCA and HNI on net terms.
type world struct {
	*testing.T
	pool   *pgxpool.Pool
	ledger *ledger.Ledger
	desk   *reconciliation.Desk
	now    time.Time
	files  map[string]string // the provider's settlement files, by path
}

func newWorld(t *testing.T) *world {
	t.Parallel() // most of a test is the making of its database
	w := &world{T: t, pool: pgtest.New(t), now: tuesday.Add(20 * time.Hour), files: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		file, ok := w.files[r.URL.Path]
		if !ok {
			http.NotFound(out, r)
			return
		}
		fmt.Fprint(out, file)
	}))
	t.Cleanup(server.Close)
	clock := func() time.Time { return w.now }
	adapter, err := vnpay.New(vnpay.Config{
		Terminals: []vnpay.Terminal{{Merchant: "gross", TmnCode: "GROSS001", HashSecret: "s1"}, {Merchant: "net", TmnCode: "NETTO001", HashSecret: "s2"}},
		PayURL:    "https://pay.test/pay", TransactionURL: "https://pay.test/query", SettlementURL: server.URL,
		ReturnURL: "https://gateway.test/return",
	}, http.DefaultClient, clock)
	if err != nil {
		t.Fatal(err)
	}
	w.ledger = ledger.New(w.pool, clock)
	w.desk, err = reconciliation.New(reconciliation.Config{
		Pool: w.pool, Ledger: w.ledger, Now: clock, Accounts: []string{account},
		Contracts: []reconciliation.Contract{
			{Partner: "vnpay", Book: "EHN"}, {Partner: "vnpay", Book: "BCA", KeptBack: true}, {Partner: "vnpay", Book: "HNI", KeptBack: true},
		},
		Sources: map[string]providers.SettlementSource{"vnpay": adapter},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) inTx(fn func(tx pgx.Tx) error) {
	w.Helper()
	if err := pg.InTx(context.Background(), w.pool, fn); err != nil {
		w.Fatal(err)
	}
}

// post books an event and writes what is waited for because of it.
func (w *world) post(event booking.Event, waits ...expectation.Expectation) {
	w.Helper()
	txs, err := event.Transactions()
	if err != nil {
		w.Fatal(err)
	}
	w.inTx(func(tx pgx.Tx) error {
		if err := w.ledger.OpenAccountsTx(context.Background(), tx, booking.AccountsFor(txs)); err != nil {
			return err
		}
		results, err := w.ledger.PostTx(context.Background(), tx, txs)
		if err != nil {
			return err
		}
		if err := ledger.FirstRefusal(results); err != nil {
			return err
		}
		return expectation.WriteTx(context.Background(), tx, w.now, waits)
	})
}

// paid books a payment of Monday, as the gateway does when a provider confirms it.
func (w *world) paid(book, ref string, amount int64) {
	w.Helper()
	on := calendar.DateOf(monday)
	w.post(booking.PaymentConfirmed{
		Head: booking.Head{Reference: ref, Occurred: monday.Add(3 * time.Hour), Day: on}, Book: book, Channel: "vnpay",
		Lines: []booking.PayableLine{{Body: "BODY-" + book, Budget: "4252", Amount: amount}},
	}, expectation.Expectation{
		Book: book, Kind: expectation.Settlement, Ref: ref, Partner: "vnpay", Amount: amount, Day: on, DueDay: on.AddDays(1),
	})
}

// instructed books a payout that the bank was told to make, after giving the book the money for it.
func (w *world) instructed(book, ref string, amount int64) {
	w.Helper()
	on := calendar.DateOf(tuesday)
	head := booking.Head{Reference: ref, Occurred: tuesday, Day: on}
	lines := []booking.PayableLine{{Body: "BODY-" + book, Budget: "4252", Amount: amount}}
	w.post(booking.PayoutInstructed{Head: head, Book: book, Account: account, Lines: lines},
		expectation.Expectation{Book: book, Kind: expectation.Payout, Ref: ref, Partner: account, Amount: amount, Day: on, DueDay: on.AddDays(1)})
}

func (w *world) awaitFunding(ref string, amount int64) {
	w.Helper()
	on := calendar.DateOf(monday)
	w.inTx(func(tx pgx.Tx) error {
		return expectation.WriteTx(context.Background(), tx, w.now, []expectation.Expectation{
			{Book: booking.House, Kind: expectation.Funding, Ref: ref, Partner: account, Amount: amount, Day: on, DueDay: on.AddDays(1)}})
	})
}

// payment is a line of the provider's file, in the batch of a terminal.
type payment struct {
	terminal    string
	ref         string
	amount, fee int64
}

func batchOf(on time.Time, terminal string) string {
	return "VNP" + on.Format("20060102") + "-" + terminal
}

// settlementFile writes the provider's file as vnpay.Adapter.ReadSettlement declares it.
func settlementFile(on time.Time, payments ...payment) []byte {
	var b strings.Builder
	out := csv.NewWriter(&b)
	_ = out.Write(strings.Split("record,day,batch,terminal,txn_ref,transaction_no,pay_date,currency,lines,amount,fee,net", ","))
	row := func(kind, batch, terminal, ref, id, paid string, n int, amount, fee int64) {
		_ = out.Write([]string{kind, on.Format(time.DateOnly), batch, terminal, ref, id, paid, "VND", strconv.Itoa(n),
			strconv.FormatInt(amount, 10), strconv.FormatInt(fee, 10), strconv.FormatInt(amount-fee, 10)})
	}
	var all payment
	for _, terminal := range []string{"GROSS001", "NETTO001"} {
		var sum payment
		n := 0
		for _, p := range payments {
			if p.terminal != terminal {
				continue
			}
			n++
			row("P", batchOf(on, terminal), terminal, p.ref, "14"+p.ref, "20250602101500", 1, p.amount, p.fee)
			sum.amount, sum.fee = sum.amount+p.amount, sum.fee+p.fee
		}
		if n > 0 {
			row("T", batchOf(on, terminal), terminal, "", "", "", n, sum.amount, sum.fee)
		}
		all.amount, all.fee = all.amount+sum.amount, all.fee+sum.fee
	}
	row("E", "", "", "", "", "", len(payments), all.amount, all.fee)
	out.Flush()
	return []byte(b.String())
}

// entry is a line of the bank's statement; a debit is below zero.
type entry struct {
	amount     int64
	endToEnd   string
	remittance string
	reversal   bool
}

// camt writes a camt.053.001.08 of the collection account.
func camt(on time.Time, opening int64, entries ...entry) []byte {
	closing := opening
	var list strings.Builder
	for i, e := range entries {
		closing += e.amount
		direction, amount := "CRDT", e.amount
		if e.amount < 0 {
			direction, amount = "DBIT", -e.amount
		}
		id := e.endToEnd
		if id == "" {
			id = "NOTPROVIDED"
		}
		fmt.Fprintf(&list, `<Ntry><NtryRef>%d</NtryRef><Amt Ccy="VND">%d</Amt><CdtDbtInd>%s</CdtDbtInd><RvslInd>%t</RvslInd>
<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>%s</Dt></BookgDt><ValDt><Dt>%[5]s</Dt></ValDt><AcctSvcrRef>%[5]s-%[1]d</AcctSvcrRef>
<BkTxCd/><NtryDtls><TxDtls><Refs><EndToEndId>%[6]s</EndToEndId></Refs><RmtInf><Ustrd>%[7]s</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>`,
			i+1, amount, direction, e.reversal, on.Format(time.DateOnly), id, e.remittance)
	}
	return statementText(on, opening, closing, list.String())
}

func statementText(on time.Time, opening, closing int64, entries string) []byte {
	date := on.Format(time.DateOnly)
	return []byte(fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>M%s</MsgId><CreDtTm>%[1]sT23:59:59Z</CreDtTm></GrpHdr>
<Stmt><Id>S%[1]s</Id><Acct><Id><Othr><Id>%[2]s</Id></Othr></Id><Ccy>VND</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="VND">%[3]d</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>%[1]s</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="VND">%[4]d</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>%[1]s</Dt></Dt></Bal>
%[5]s</Stmt></BkToCstmrStmt></Document>`, date, account, opening, closing, entries))
}

func (w *world) settle(on time.Time, payments ...payment) reconciliation.Report {
	w.Helper()
	return w.importFile(on, settlementFile(on, payments...))
}

func (w *world) importFile(on time.Time, file []byte) reconciliation.Report {
	w.Helper()
	report, err := w.desk.ImportSettlement(context.Background(), treasurer, "vnpay", on, file)
	if err != nil {
		w.Fatal(err)
	}
	return report
}

func (w *world) bank(on time.Time, opening int64, entries ...entry) reconciliation.Report {
	w.Helper()
	return w.statement(camt(on, opening, entries...))
}

func (w *world) statement(file []byte) reconciliation.Report {
	w.Helper()
	report, err := w.desk.ImportStatement(context.Background(), treasurer, account, file, false)
	if err != nil {
		w.Fatal(err)
	}
	return report
}

// wantBreaks compares all breaks, as kind:book:ref:expected:found:state.
func (w *world) wantBreaks(want ...string) {
	w.Helper()
	breaks, err := w.desk.Breaks(context.Background(), treasurer, reconciliation.BreakFilter{})
	if err != nil {
		w.Fatal(err)
	}
	got := make(map[string]bool)
	for _, b := range breaks {
		got[fmt.Sprintf("%s:%s:%s:%d:%d:%s", b.Kind, b.Book, b.Ref, b.Expected, b.Found, b.State)] = true
	}
	for _, b := range want {
		if !got[b] {
			w.Errorf("no break %s", b)
		}
		delete(got, b)
	}
	for b := range got {
		w.Errorf("unwanted break %s", b)
	}
}

// wantFindings compares the subjects of all findings.
func (w *world) wantFindings(want ...string) {
	w.Helper()
	list, err := finding.List(context.Background(), w.pool, "")
	if err != nil {
		w.Fatal(err)
	}
	var got []string
	for _, f := range list {
		got = append(got, f.Subject)
	}
	for _, s := range want {
		if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+s+" ") {
			w.Errorf("findings %q lack %s", got, s)
		}
	}
	if len(got) != len(want) {
		w.Errorf("findings %q, want %q", got, want)
	}
}

// wantExpectation compares an expectation as state, announced, fee, met.
func (w *world) wantExpectation(book string, kind expectation.Kind, ref, want string) {
	w.Helper()
	w.inTx(func(tx pgx.Tx) error {
		list, err := expectation.LockTx(context.Background(), tx, book, kind, []string{ref})
		if err != nil || len(list) != 1 {
			return fmt.Errorf("expectation %s of %s: %d found, %w", ref, book, len(list), err)
		}
		e := list[0]
		if got := fmt.Sprintf("%s %d %d %d", e.State, e.Announced, e.Fee, e.Met); got != want {
			w.Errorf("expectation %s of %s: %s, want %s", ref, book, got, want)
		}
		return nil
	})
}

// wantBalances compares accounts, and proves the ledger: want is "BOOK account" -> amount on the normal side.
func (w *world) wantBalances(want map[string]int64) {
	w.Helper()
	balances, err := w.ledger.Balances(context.Background(), ledger.Query{})
	if err != nil {
		w.Fatal(err)
	}
	got := make(map[string]int64)
	for _, b := range balances {
		got[b.Book+" "+b.Account] = b.Net()
	}
	for name, amount := range want {
		if got[name] != amount {
			w.Errorf("%s stands at %d, want %d", name, got[name], amount)
		}
	}
	report, err := w.ledger.Verify(context.Background(), ledger.VerifyOptions{Mirror: booking.Mirror})
	if err != nil || !report.OK {
		w.Errorf("the ledger does not hold: %v %+v", err, report.Findings)
	}
}

// wantBank: the ledger's bank balance is the statement's closing, less the debits that are open items.
func (w *world) wantBank(on time.Time) {
	w.Helper()
	s, err := w.desk.Statement(context.Background(), treasurer, account, on)
	if err != nil {
		w.Fatal(err)
	}
	want := s.Closing
	for _, l := range s.Lines {
		if l.State == "waiting" {
			w.Errorf("line %d waits", l.No)
		}
		if !l.InLedger {
			want += l.Amount
		}
	}
	balances, err := w.ledger.Balances(context.Background(), ledger.Query{Prefix: booking.Bank(account)})
	if err != nil {
		w.Fatal(err)
	}
	var sum int64
	for _, b := range balances {
		sum += b.Net()
	}
	if sum != want {
		w.Errorf("the ledger's bank balance is %d, the statement's closing with open items %d", sum, want)
	}
}
