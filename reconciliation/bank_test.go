package reconciliation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/expectation"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
	"exchequer/reconciliation"
)

var bankOf = func(book string) string { return book + " assets:bank:" + account }

func credit(amount int64, terminal string) entry {
	return entry{amount: amount, remittance: "VNPAY QUYET TOAN " + batchOf(tuesday, terminal)}
}

// announced is the state before most statements: a gross batch of 500,000 and a net one of 134,000 (1,000 too low) + 200,000.
func announced(t *testing.T) *world {
	w := newWorld(t)
	w.paid("EHN", "E1", 500_000)
	w.paid("BCA", "B1", 135_000)
	w.paid("HNI", "H1", 200_000)
	w.settle(tuesday, payment{"GROSS001", "E1", 500_000, 0}, payment{"NETTO001", "B1", 134_000, 1_100}, payment{"NETTO001", "H1", 200_000, 1_400})
	return w
}

func TestAStatementSettlesGrossAndNetBooks(t *testing.T) {
	w := announced(t)
	w.awaitFunding("FUND-1", 10_000)
	report := w.bank(tuesday, 0,
		credit(500_000, "GROSS001"),
		entry{amount: 77_000, remittance: "NGUYEN VAN A nop tien"},
		credit(331_500, "NETTO001"),
		entry{amount: 10_000, remittance: "house funding FUND-1"})
	if report.Lines != 4 || report.Matched != 3 || report.Breaks[reconciliation.UnknownCredit] != 1 || len(report.Findings) != 0 {
		t.Errorf("report %+v", report)
	}
	key := account + ":2025-06-03:2"
	w.wantBreaks("amount_differs:BCA:B1:135000:134000:open", "unknown_credit:000:"+key+":0:77000:open")
	w.wantExpectation("EHN", expectation.Settlement, "E1", "met 500000 0 500000")
	w.wantExpectation("BCA", expectation.Settlement, "B1", "part_met 134000 1100 134000")
	w.wantExpectation("HNI", expectation.Settlement, "H1", "met 200000 1400 200000")
	w.wantExpectation(house, expectation.Funding, "FUND-1", "met 0 0 10000")
	w.wantBalances(map[string]int64{
		bankOf("EHN"): 500_000, bankOf("BCA"): 132_900, bankOf("HNI"): 198_600, bankOf(house): 87_000,
		"EHN assets:clearing:vnpay": 0, "BCA assets:clearing:vnpay": 1_000, "HNI assets:clearing:vnpay": 0,
		"BCA assets:due-from:000": 1_100, house + " liabilities:due-to:BCA": 1_100, house + " liabilities:due-to:HNI": 1_400,
		house + " expenses:provider-fee:vnpay": 2_500, house + " liabilities:unallocated": 77_000, house + " equity:funding": 10_000,
	})
	w.wantBank(tuesday)
	w.inTx(func(tx pgx.Tx) error {
		rows, err := audit.ListTx(context.Background(), tx, house, key)
		if err != nil || len(rows) != 1 || rows[0].Action != "statement.unknown_credit" || rows[0].Actor != treasurer.ID {
			t.Errorf("audit rows %+v, %v", rows, err)
		}
		return nil
	})
}

func TestTheTextOfAMatchedLineIsNotKept(t *testing.T) {
	w := announced(t)
	w.bank(tuesday, 0, credit(500_000, "GROSS001"), entry{amount: 77_000, remittance: "NGUYEN VAN A nop tien"})
	rows, err := w.pool.Query(context.Background(), `SELECT remittance FROM gateway.bank_statement_line ORDER BY no`)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(kept) != 2 || kept[0] != "" || kept[1] == "" {
		t.Errorf("kept %q, %v", kept, err)
	}
}

func TestTheGatewaysOwnMoneyComesFirst(t *testing.T) {
	w := announced(t)
	w.awaitFunding("FUND-1", 10_000)
	w.bank(tuesday, 0, credit(500_000, "GROSS001"), entry{amount: 10_000, endToEnd: "FUND-1"})
	var first string
	err := w.pool.QueryRow(context.Background(), `SELECT kind FROM ledger.transactions WHERE kind IN ('settled', 'house-funded') ORDER BY id LIMIT 1`).Scan(&first)
	if err != nil || first != "house-funded" {
		t.Errorf("booked first: %s, %v", first, err)
	}
}

func TestPayoutsAndUnknownDebits(t *testing.T) {
	w := announced(t)
	w.bank(tuesday, 0, credit(500_000, "GROSS001"), credit(331_500, "NETTO001"))
	w.instructed("EHN", "EHNPAYOUT1", 500_000)
	w.instructed("HNI", "HNIPAYOUT1", 100_000)
	report := w.bank(wednesday, 831_500,
		entry{amount: -500_000, endToEnd: "EHNPAYOUT1"},
		entry{amount: -99_000, endToEnd: "HNIPAYOUT1"},
		entry{amount: -500_000, endToEnd: "EHNPAYOUT1"},
		entry{amount: -25_000, remittance: "phi dich vu"},
		entry{amount: 500_000, endToEnd: "EHNPAYOUT1", reversal: true})
	if report.Matched != 1 || len(report.Findings) != 0 {
		t.Errorf("report %+v", report)
	}
	line := func(n int) string { return fmt.Sprintf("%s:2025-06-04:%d", account, n) }
	w.wantBreaks("amount_differs:BCA:B1:135000:134000:open",
		"amount_differs:HNI:"+line(2)+":100000:99000:open", "duplicate:EHN:"+line(3)+":0:500000:open",
		"unknown_debit:000:"+line(4)+":0:25000:open", "unknown_credit:000:"+line(5)+":0:500000:open")
	w.wantExpectation("EHN", expectation.Payout, "EHNPAYOUT1", "met 0 0 500000")
	w.wantExpectation("HNI", expectation.Payout, "HNIPAYOUT1", "open 0 0 0")
	w.wantBalances(map[string]int64{bankOf("EHN"): 0, "EHN liabilities:payout:" + account: 0, "HNI liabilities:payout:" + account: 100_000})
	w.wantBank(wednesday)
}

func TestMoneyOfABatchThatNobodyWaitsFor(t *testing.T) {
	w := newWorld(t)
	w.paid("BCA", "B1", 100_000)
	w.settle(tuesday, payment{"NETTO001", "B1", 101_000, 1_000}, payment{"NETTO001", "STRANGER", 9_000, 100})
	report := w.bank(tuesday, 0, credit(108_900, "NETTO001"))
	if report.Matched != 1 || !report.Clean() {
		t.Errorf("report %+v", report)
	}
	w.wantExpectation("BCA", expectation.Settlement, "B1", "met 100000 1000 100000")
	w.wantBalances(map[string]int64{bankOf("BCA"): 99_000, house + " liabilities:unallocated": 9_900, "BCA assets:clearing:vnpay": 0})
	w.wantBank(tuesday)
}

func TestACreditThatIsNotItsBatch(t *testing.T) {
	w := announced(t)
	w.bank(tuesday, 0, credit(331_499, "NETTO001"))
	w.wantBreaks("amount_differs:BCA:B1:135000:134000:open", "credit_differs:000:"+account+":2025-06-03:1:331500:331499:open")
	w.wantExpectation("HNI", expectation.Settlement, "H1", "announced 200000 1400 0")
	w.wantBalances(map[string]int64{house + " liabilities:unallocated": 331_499, "HNI assets:clearing:vnpay": 200_000})
	// The right credit still settles it, and the next one is one too many.
	w.bank(wednesday, 331_499, credit(331_500, "NETTO001"), credit(331_500, "NETTO001"))
	w.wantExpectation("HNI", expectation.Settlement, "H1", "met 200000 1400 200000")
	w.wantBreaks("amount_differs:BCA:B1:135000:134000:open", "credit_differs:000:"+account+":2025-06-03:1:331500:331499:open",
		"duplicate:000:"+account+":2025-06-04:2:0:331500:open")
	w.wantBank(wednesday)
}

func TestABatchPaidInPartsIsABreakAPart(t *testing.T) {
	w := announced(t)
	w.bank(tuesday, 0, credit(300_000, "NETTO001"), credit(31_500, "NETTO001"))
	line := func(n int) string { return fmt.Sprintf("%s:2025-06-03:%d", account, n) }
	w.wantBreaks("amount_differs:BCA:B1:135000:134000:open",
		"credit_differs:000:"+line(1)+":331500:300000:open", "credit_differs:000:"+line(2)+":331500:31500:open")
	breaks, err := w.desk.Breaks(context.Background(), treasurer, reconciliation.BreakFilter{Kind: reconciliation.CreditDiffers})
	if err != nil || len(breaks) != 2 || breaks[0].Partner != "vnpay" || breaks[0].Source != batchOf(tuesday, "NETTO001") {
		t.Errorf("%+v, %v", breaks, err)
	}
	w.wantBank(tuesday)
}

func TestAStatementOfADayThatHasNotBegun(t *testing.T) {
	w := announced(t)
	w.now = tuesday.Add(10 * time.Hour)
	file := camt(wednesday, 0, credit(500_000, "GROSS001"))
	noDay := bytes.ReplaceAll(file, []byte("<Dt><Dt>2025-06-04</Dt></Dt></Bal>"), []byte("</Bal>"))
	for name, f := range map[string][]byte{"tomorrow's": file, "of no day": noDay} {
		if report := w.statement(f); report.State != reconciliation.Faulty || len(report.Findings) != 1 {
			t.Errorf("%s: %+v", name, report)
		}
	}
	w.wantBalances(map[string]int64{bankOf("EHN"): 0})
	w.now = wednesday.Add(20 * time.Hour)
	if report := w.statement(file); report.State != reconciliation.Applied || report.Matched != 1 {
		t.Errorf("on its day: %+v", report)
	}
}

func TestFundingInAnotherAmount(t *testing.T) {
	w := newWorld(t)
	w.awaitFunding("FUND-1", 10_000)
	w.awaitFunding("FUND-2", 10_000)
	w.bank(tuesday, 0, entry{amount: 9_000, endToEnd: "FUND-1"}, entry{amount: 12_000, endToEnd: "FUND-2"})
	w.wantExpectation(house, expectation.Funding, "FUND-1", "part_met 0 0 9000")
	w.wantExpectation(house, expectation.Funding, "FUND-2", "met 0 0 10000")
	w.wantBreaks("amount_differs:000:FUND-1:10000:9000:open", "amount_differs:000:FUND-2:10000:12000:open")
	w.wantBalances(map[string]int64{house + " equity:funding": 19_000, house + " liabilities:unallocated": 2_000})
	w.wantBank(tuesday)
}

func TestACreditThatNamesTwoThingsIsUnknown(t *testing.T) {
	w := announced(t)
	both := credit(831_500, "GROSS001")
	both.remittance += " " + batchOf(tuesday, "NETTO001")
	report := w.bank(tuesday, 0, both)
	if report.Breaks[reconciliation.UnknownCredit] != 1 {
		t.Errorf("report %+v", report)
	}
	w.wantBank(tuesday)
}

func TestTheSameStatementAgainChangesNothing(t *testing.T) {
	w := announced(t)
	file := camt(tuesday, 0, credit(500_000, "GROSS001"))
	w.statement(file)
	renamed := bytes.Replace(file, []byte("<MsgId>M"), []byte("<MsgId>OTHER"), 1)
	report, err := w.desk.ImportStatement(context.Background(), authn.Exchequer("jobs"), account, renamed, false)
	if err != nil || report.State != reconciliation.Repeated || !report.Clean() {
		t.Errorf("the program: %+v, %v", report, err)
	}
	if report := w.statement(renamed); report.State != reconciliation.Repeated || len(report.Findings) != 1 {
		t.Errorf("a person: %+v", report)
	}
	w.wantFindings("repeated:" + account + ":2025-06-03")
	w.wantBalances(map[string]int64{bankOf("EHN"): 500_000})
	if report := w.bank(tuesday, 0, credit(500_000, "GROSS001"), entry{amount: 1}); report.State != reconciliation.Restated || report.Clean() {
		t.Errorf("restated: %+v", report)
	}
	w.wantBalances(map[string]int64{bankOf("EHN"): 500_000, house + " liabilities:unallocated": 0})
	w.wantBank(tuesday)
}

func TestAFaultyStatementIsNotAppliedAndItsCorrectionIs(t *testing.T) {
	w := announced(t)
	sound := camt(tuesday, 0, credit(500_000, "GROSS001"))
	spoilt := bytes.Replace(sound, []byte(`<Ntry><NtryRef>1</NtryRef><Amt Ccy="VND">500000`), []byte(`<Ntry><NtryRef>1</NtryRef><Amt Ccy="VND">400000`), 1)
	if report := w.statement(spoilt); report.State != reconciliation.Faulty || len(report.Findings) != 1 {
		t.Errorf("report %+v", report)
	}
	w.wantFindings("faulty:" + account + ":2025-06-03")
	if _, err := w.desk.Statement(context.Background(), treasurer, account, tuesday); problem.CodeOf(err) != problem.NotFound {
		t.Errorf("the faulty statement is applied: %v", err)
	}
	if report := w.statement(sound); report.State != reconciliation.Applied || report.Matched != 1 {
		t.Errorf("the correction: %+v", report)
	}
	w.wantBank(tuesday)
}

func TestAGapBetweenStatementsIsFound(t *testing.T) {
	w := announced(t)
	w.bank(monday, 1_000, entry{amount: 5_000})
	w.bank(wednesday, 506_000, entry{amount: 7_000})
	w.wantFindings("gap:" + account + ":2025-06-04")
	report := w.bank(tuesday, 6_000, credit(500_000, "GROSS001")) // the missing one comes late, and fits
	if !report.Clean() || report.Matched != 1 {
		t.Errorf("report %+v", report)
	}
}

func TestAFileThatIsNoStatementOfTheAccount(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	file := camt(tuesday, 0)
	for name, c := range map[string]struct {
		account string
		file    []byte
		want    problem.Code
	}{
		"another account's statement": {account, bytes.ReplaceAll(file, []byte(account), []byte("OTHER")), problem.Invalid},
		"no collection account":       {"OTHER", file, problem.NotFound},
		"no XML":                      {account, []byte("balance;100"), problem.Invalid},
		"cut off":                     {account, file[:len(file)/2], problem.Invalid},
	} {
		if _, err := w.desk.ImportStatement(ctx, treasurer, c.account, c.file, false); problem.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

func TestARehearsalLeavesNothing(t *testing.T) {
	w := announced(t)
	file := camt(tuesday, 0, credit(500_000, "GROSS001"), entry{amount: 5})
	rehearsed, err := w.desk.ImportStatement(context.Background(), treasurer, account, file, true)
	if err != nil || !rehearsed.DryRun || rehearsed.Matched != 1 || rehearsed.Breaks[reconciliation.UnknownCredit] != 1 {
		t.Errorf("rehearsal %+v, %v", rehearsed, err)
	}
	w.wantBreaks("amount_differs:BCA:B1:135000:134000:open")
	w.wantBalances(map[string]int64{bankOf("EHN"): 0})
	done := w.statement(file)
	rehearsed.DryRun = false
	if fmt.Sprint(done) != fmt.Sprint(rehearsed) {
		t.Errorf("rehearsed %+v, done %+v", rehearsed, done)
	}
}

// A line whose booking is refused stops the import in the middle: what is decided stands, the rest goes on with the
// next import of the same file.
func TestAnImportThatWasCutOffGoesOn(t *testing.T) {
	w := announced(t)
	owner := pgtest.Owner(t, w.pool)
	ctx := context.Background()
	if _, err := owner.Exec(ctx, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF NEW.reference LIKE '%:2' THEN RAISE 'cut off'; END IF; RETURN NEW; END $$;
		CREATE TRIGGER refuse BEFORE INSERT ON ledger.transactions FOR EACH ROW EXECUTE FUNCTION refuse()`); err != nil {
		t.Fatal(err)
	}
	file := camt(tuesday, 0, credit(500_000, "GROSS001"), credit(331_500, "NETTO001"), entry{amount: 77_000})
	_, err := w.desk.ImportStatement(ctx, treasurer, account, file, false)
	if err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Fatalf("error %v, want line 2", err)
	}
	w.wantExpectation("EHN", expectation.Settlement, "E1", "met 500000 0 500000")
	w.wantExpectation("HNI", expectation.Settlement, "H1", "announced 200000 1400 0")
	if _, err := owner.Exec(ctx, `DROP TRIGGER refuse ON ledger.transactions`); err != nil {
		t.Fatal(err)
	}
	report := w.statement(file)
	if report.State != reconciliation.Applied || report.Matched != 1 || report.Breaks[reconciliation.UnknownCredit] != 1 || len(report.Findings) != 0 {
		t.Errorf("going on: %+v", report)
	}
	w.wantExpectation("HNI", expectation.Settlement, "H1", "met 200000 1400 200000")
	w.wantBalances(map[string]int64{bankOf("EHN"): 500_000, bankOf(house): 77_000})
	w.wantBank(tuesday)
}

func TestImportsAtOnceBookOnce(t *testing.T) {
	w := announced(t)
	w.paid("EHN", "E2", 1_000)
	statements := camt(tuesday, 0, credit(500_000, "GROSS001"), credit(331_500, "NETTO001"), entry{amount: 77_000})
	next := settlementFile(wednesday, payment{"GROSS001", "E2", 1_000, 0})
	var wait sync.WaitGroup
	errs := make([]error, 6)
	for i := range errs {
		wait.Go(func() {
			if i%2 == 0 {
				_, errs[i] = w.desk.ImportStatement(context.Background(), authn.Exchequer("jobs"), account, statements, false)
			} else {
				_, errs[i] = w.desk.ImportSettlement(context.Background(), authn.Exchequer("jobs"), "vnpay", wednesday, next)
			}
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	w.wantExpectation("EHN", expectation.Settlement, "E2", "announced 1000 0 0")
	w.wantBalances(map[string]int64{bankOf("EHN"): 500_000, bankOf("HNI"): 198_600, bankOf(house): 77_000})
	w.wantBank(tuesday)
	w.wantFindings()
}
