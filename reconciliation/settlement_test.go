package reconciliation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"exchequer/internal/authn"
	"exchequer/internal/expectation"
	"exchequer/internal/problem"
	"exchequer/providers"
	"exchequer/reconciliation"
)

const house = "000"

func TestAFileAnnouncesItsPayments(t *testing.T) {
	w := newWorld(t)
	w.paid("EHN", "E1", 500_000)
	w.paid("BCA", "B1", 135_000)
	report := w.settle(tuesday, payment{"GROSS001", "E1", 500_000, 0}, payment{"NETTO001", "B1", 135_000, 1_100})
	if !report.Clean() || report.State != reconciliation.Applied || report.Lines != 2 || report.Matched != 2 {
		t.Errorf("report %+v", report)
	}
	w.wantExpectation("EHN", expectation.Settlement, "E1", "announced 500000 0 0")
	w.wantExpectation("BCA", expectation.Settlement, "B1", "announced 135000 1100 0")
	w.wantBreaks()
	w.wantFindings()
}

func TestBreaksOfAFile(t *testing.T) {
	w := newWorld(t)
	w.paid("EHN", "E1", 500_000)
	w.paid("EHN", "LACKING", 70_000)
	w.paid("BCA", "SHORT", 135_000)
	w.paid("BCA", "TWICE", 20_000)
	w.paid("EHN", "FEEONGROSS", 10_000)
	w.paid("HNI", "OVER", 30_000)
	report := w.settle(tuesday,
		payment{"GROSS001", "E1", 500_000, 0},
		payment{"GROSS001", "FEEONGROSS", 10_000, 200},
		payment{"NETTO001", "SHORT", 134_000, 1_100},
		payment{"NETTO001", "TWICE", 20_000, 500},
		payment{"NETTO001", "TWICE", 20_000, 500},
		payment{"NETTO001", "STRANGER", 9_000, 100},
		payment{"NETTO001", "OVER", 31_000, 300},
		payment{"NETTO001", "STRANGER", 9_000, 100})
	if report.Lines != 8 || report.Matched != 2 || report.Breaks[reconciliation.AmountDiffers] != 3 || report.Clean() {
		t.Errorf("report %+v", report)
	}
	batch := batchOf(tuesday, "NETTO001")
	w.wantBreaks(
		"missing_there:EHN:LACKING:70000:0:open",
		"amount_differs:BCA:SHORT:135000:134000:open",
		"amount_differs:EHN:FEEONGROSS:10000:9800:open",
		"amount_differs:HNI:OVER:30000:31000:open",
		"duplicate:000:TWICE@"+batch+"#3:0:20000:open",
		"missing_here:000:STRANGER:0:9000:open",
		"duplicate:000:STRANGER@"+batch+"#6:0:9000:open")
	w.wantExpectation("BCA", expectation.Settlement, "SHORT", "announced 134000 1100 0")
	w.wantExpectation("EHN", expectation.Settlement, "FEEONGROSS", "announced 9800 0 0")
	w.wantExpectation("HNI", expectation.Settlement, "OVER", "announced 30000 300 0")
	w.wantExpectation("EHN", expectation.Settlement, "LACKING", "open 0 0 0")
	w.wantFindings()
}

func TestAPaymentThatIsNotDueIsNotMissing(t *testing.T) {
	w := newWorld(t)
	w.paid("EHN", "E1", 500_000)
	if report := w.settle(monday); !report.Clean() {
		t.Errorf("report %+v", report)
	}
	w.wantBreaks()
}

func TestABreakEndsWhenALaterFileNamesThePayment(t *testing.T) {
	w := newWorld(t)
	w.paid("EHN", "LATE", 70_000)
	w.settle(tuesday)
	w.wantBreaks("missing_there:EHN:LATE:70000:0:open")
	report := w.settle(wednesday, payment{"GROSS001", "LATE", 70_000, 0})
	if report.Closed != 1 || report.Matched != 1 || !report.Clean() {
		t.Errorf("report %+v", report)
	}
	w.wantBreaks("missing_there:EHN:LATE:70000:0:closed")
	open, err := w.desk.Breaks(context.Background(), treasurer, reconciliation.BreakFilter{Open: true})
	if err != nil || len(open) != 0 {
		t.Errorf("open: %v, %v", open, err)
	}
}

func TestAMissingBreakIsFoundOnce(t *testing.T) {
	w := newWorld(t)
	w.paid("EHN", "E1", 70_000)
	first, second := w.settle(tuesday), w.settle(wednesday)
	if first.Breaks[reconciliation.MissingThere] != 1 || len(second.Breaks) != 0 {
		t.Errorf("first %v, second %v", first.Breaks, second.Breaks)
	}
	w.wantBreaks("missing_there:EHN:E1:70000:0:open")
}

func TestABreakThatIsFoundAgainAfterItWasClosed(t *testing.T) {
	w := newWorld(t)
	w.paid("EHN", "E1", 70_000)
	w.settle(tuesday)
	if _, err := w.pool.Exec(context.Background(), `UPDATE gateway.break SET state = 'closed', closed_at = $1, closed_by = 'an', reason = 'asked'`, w.now); err != nil {
		t.Fatal(err)
	}
	if report := w.settle(wednesday); report.Breaks[reconciliation.MissingThere] != 1 {
		t.Errorf("report %+v", report)
	}
	w.wantBreaks("missing_there:EHN:E1:70000:0:closed", "missing_there:EHN:E1:70000:0:open")
}

func TestAPaymentLearntAfterItsBatchWasCreditedIsNotMissing(t *testing.T) {
	w := newWorld(t)
	w.settle(tuesday, payment{"GROSS001", "E1", 70_000, 0})
	w.bank(tuesday, 0, credit(70_000, "GROSS001"))
	w.paid("EHN", "E1", 70_000)
	w.settle(wednesday)
	w.wantBreaks("missing_here:000:E1:0:70000:open")
}

func TestAPaymentThatTurnsUpLateIsMet(t *testing.T) {
	w := newWorld(t)
	w.settle(tuesday, payment{"NETTO001", "B1", 50_000, 500})
	w.wantBreaks("missing_here:000:B1:0:50000:open")
	w.paid("BCA", "B1", 50_000) // its notification was lost and the gateway asked later
	w.bank(tuesday, 0, entry{amount: 49_500, remittance: "VNPAY QUYET TOAN " + batchOf(tuesday, "NETTO001")})
	w.wantBreaks("missing_here:000:B1:0:50000:closed")
	w.wantExpectation("BCA", expectation.Settlement, "B1", "met 50000 500 50000")
	w.wantBalances(map[string]int64{"BCA assets:bank:" + account: 49_500, "BCA assets:clearing:vnpay": 0, house + " liabilities:unallocated": 0})
}

func TestAPaymentOfSeveralBooks(t *testing.T) {
	w := newWorld(t)
	w.paid("BCA", "MANY", 100_000)
	w.paid("EHN", "MANY", 100_000)
	w.paid("HNI", "MANY", 50_000)
	w.settle(tuesday, payment{"NETTO001", "MANY", 249_999, 100})
	// Short by 1 over 2:2:1, and the fee borne by the two net books alone.
	w.wantExpectation("BCA", expectation.Settlement, "MANY", "announced 100000 67 0")
	w.wantExpectation("EHN", expectation.Settlement, "MANY", "announced 99999 0 0")
	w.wantExpectation("HNI", expectation.Settlement, "MANY", "announced 50000 33 0")
	w.wantBreaks("amount_differs:EHN:MANY:100000:99999:open")
}

func TestTheSameFileAgainChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.paid("EHN", "E1", 500_000)
	w.paid("EHN", "E2", 100_000)
	one, other := payment{"GROSS001", "E1", 500_000, 0}, payment{"GROSS001", "E2", 90_000, 0}
	w.settle(tuesday, one, other)
	program := authn.Exchequer("reconciliation")
	report, err := w.desk.ImportSettlement(context.Background(), program, "vnpay", tuesday, settlementFile(tuesday, one, other))
	if err != nil || report.State != reconciliation.Repeated || !report.Clean() {
		t.Errorf("the program asks again: %+v, %v", report, err)
	}
	if report := w.settle(tuesday, other, one); report.State != reconciliation.Repeated || len(report.Findings) != 1 {
		t.Errorf("lines in another order: %+v", report)
	}
	w.wantBreaks("amount_differs:EHN:E2:100000:90000:open")
	w.wantFindings("repeated:vnpay:2025-06-03")
}

func TestARestatedFileIsNotApplied(t *testing.T) {
	w := newWorld(t)
	w.paid("EHN", "E1", 500_000)
	w.settle(tuesday, payment{"GROSS001", "E1", 500_000, 0})
	for range 2 {
		if report := w.settle(tuesday, payment{"GROSS001", "E1", 499_000, 0}); report.State == reconciliation.Applied || report.Clean() {
			t.Errorf("report %+v", report)
		}
	}
	w.wantExpectation("EHN", expectation.Settlement, "E1", "announced 500000 0 0")
	w.wantBreaks()
}

func TestAFaultyFileIsNotAppliedAndItsCorrectionIs(t *testing.T) {
	w := newWorld(t)
	w.paid("EHN", "E1", 500_000)
	sound := settlementFile(tuesday, payment{"GROSS001", "E1", 500_000, 0})
	spoilt := bytes.Replace(sound, []byte(",1,500000,0,500000\nT"), []byte(",1,400000,0,400000\nT"), 1)
	cut := sound[:bytes.LastIndex(sound, []byte("E,"))]
	for name, file := range map[string][]byte{"does not foot": spoilt, "cut off": cut, "of another day": settlementFile(wednesday, payment{"GROSS001", "E1", 500_000, 0})} {
		if report := w.importFile(tuesday, file); report.State != reconciliation.Faulty || len(report.Findings) != 1 {
			t.Errorf("%s: %+v", name, report)
		}
	}
	w.wantExpectation("EHN", expectation.Settlement, "E1", "open 0 0 0")
	batch := batchOf(tuesday, "GROSS001")
	w.wantBreaks("batch_differs:000:" + batch + ":400000:500000:open")
	if report := w.importFile(tuesday, sound); report.State != reconciliation.Applied || report.Matched != 1 || report.Closed != 1 {
		t.Errorf("the correction: %+v", report)
	}
	w.wantBreaks("batch_differs:000:" + batch + ":400000:500000:closed")
	w.wantFindings("faulty:vnpay:2025-06-03")
}

func TestABatchOfAnEarlierFileIsRefused(t *testing.T) {
	w := newWorld(t)
	w.paid("EHN", "E1", 500_000)
	w.paid("EHN", "E2", 1_000)
	w.settle(tuesday, payment{"GROSS001", "E1", 500_000, 0})
	old := settlementFile(wednesday, payment{"GROSS001", "E2", 1_000, 0})
	old = bytes.ReplaceAll(old, []byte(batchOf(wednesday, "GROSS001")), []byte(batchOf(tuesday, "GROSS001")))
	if report := w.importFile(wednesday, old); report.State != reconciliation.Faulty {
		t.Errorf("report %+v", report)
	}
	w.wantExpectation("EHN", expectation.Settlement, "E2", "open 0 0 0")
}

func TestNoFileAtAll(t *testing.T) {
	w := newWorld(t)
	_, err := w.desk.ImportSettlement(context.Background(), treasurer, "vnpay", tuesday, []byte("<html>503</html>"))
	if problem.CodeOf(err) != problem.Invalid {
		t.Errorf("error %v, want invalid", err)
	}
	w.wantFindings("unreadable:vnpay:2025-06-03")
}

func TestRunFetchesTheFileOfTheDay(t *testing.T) {
	w := newWorld(t)
	w.paid("EHN", "E1", 500_000)
	run := func() reconciliation.Report {
		t.Helper()
		report, err := w.desk.Run(context.Background(), authn.Exchequer("jobs"), tuesday, "vnpay")
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	w.now = tuesday.Add(5 * time.Hour)
	if report := run(); report.State != reconciliation.NotThere || len(report.Findings) != 0 {
		t.Errorf("before it is there: %+v", report)
	}
	w.now = wednesday.Add(5 * time.Hour)
	if report := run(); report.State != reconciliation.NotThere || len(report.Findings) != 1 {
		t.Errorf("after its day: %+v", report)
	}
	w.wantFindings("missing:vnpay:2025-06-03")
	w.files["/2025-06-03.csv"] = string(settlementFile(tuesday, payment{"GROSS001", "E1", 500_000, 0}))
	if report := run(); report.State != reconciliation.Applied || report.Matched != 1 {
		t.Errorf("report %+v", report)
	}
	if report := run(); report.State != reconciliation.Repeated {
		t.Errorf("again: %+v", report)
	}
}

func TestWhoMayImport(t *testing.T) {
	w := newWorld(t)
	for _, actor := range []reconciliation.Actor{
		authn.Actor{}, authn.Actor{ID: "p", Role: authn.Payer, Books: []string{"*"}},
		authn.Actor{ID: "t", Role: authn.Treasury, Books: []string{"EHN"}}, authn.Actor{ID: "o", Role: authn.Officer, Books: []string{"*"}},
	} {
		_, err := w.desk.ImportSettlement(context.Background(), actor, "vnpay", tuesday, settlementFile(tuesday))
		_, also := w.desk.ImportStatement(context.Background(), actor, account, camt(tuesday, 0), false)
		var p *problem.Error
		if !errors.As(err, &p) || !errors.As(also, &p) {
			t.Errorf("%+v: %v, %v", actor, err, also)
		}
	}
	_, err := w.desk.ImportSettlement(context.Background(), treasurer, "nobody", tuesday, nil)
	if problem.CodeOf(err) != problem.NotFound || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("unknown partner: %v", err)
	}
	only := authn.Actor{ID: "o", Role: authn.Officer, Books: []string{"BCA"}}
	w.paid("EHN", "E1", 1)
	w.paid("BCA", "B1", 2)
	w.settle(tuesday)
	breaks, err := w.desk.Breaks(context.Background(), only, reconciliation.BreakFilter{})
	if err != nil || len(breaks) != 1 || breaks[0].Book != "BCA" {
		t.Errorf("an officer sees %v, %v", breaks, err)
	}
}

func TestAStrangerNamedAgainAfterItsMoneyCame(t *testing.T) {
	w := newWorld(t)
	w.settle(tuesday, payment{"GROSS001", "STRANGER", 9_000, 0})
	w.bank(tuesday, 0, credit(9_000, "GROSS001"))
	w.settle(wednesday, payment{"GROSS001", "STRANGER", 8_000, 0})
	w.wantBreaks("missing_here:000:STRANGER:0:9000:open",
		"duplicate:000:STRANGER@"+batchOf(wednesday, "GROSS001")+"#1:0:8000:open")
}

// saying is a partner whose file says what a test sets, however odd.
type saying []providers.Settlement

func (saying) FetchSettlement(context.Context, time.Time) ([]byte, error) {
	return nil, providers.ErrNotDone
}

func (s saying) ReadSettlement(io.Reader) ([]providers.Settlement, error) { return s, nil }

func TestAFileOfOddNamesAndSumsIsAFinding(t *testing.T) {
	w := newWorld(t)
	much := make([]providers.SettlementLine, 20_000) // past int64 when added up
	for i := range much {
		much[i] = providers.SettlementLine{Reference: fmt.Sprint("R", i), Amount: 1_000_000_000_000_000}
	}
	one := func(batch, ref string) saying {
		return saying{{Batch: batch, Day: tuesday, Currency: "VND", Net: 1, Lines: []providers.SettlementLine{{Reference: ref, Amount: 1}}}}
	}
	for name, file := range map[string]saying{
		"a batch with NUL":     one("B\x00", "R"),
		"a batch, no text":     one("B\xff", "R"),
		"a batch, too long":    one(strings.Repeat("B", 129), "R"),
		"no batch name":        one("", "R"),
		"a payment with NUL":   one("B", "R\x00"),
		"a payment, no text":   one("B", "R\xff"),
		"a payment, too long":  one("B", strings.Repeat("R", 129)),
		"a payment, no name":   one("B", ""),
		"more than any number": {{Batch: "B", Day: tuesday, Currency: "VND", Lines: much}},
	} {
		w.desk.Sources["vnpay"] = file
		if report := w.importFile(tuesday, []byte(name)); report.State != reconciliation.Faulty || len(report.Findings) != 1 {
			t.Errorf("%s: %+v", name, report)
		}
	}
	w.desk.Sources["vnpay"] = one("B", "R")
	if report := w.importFile(wednesday.AddDate(0, 0, 7), nil); report.State != reconciliation.Faulty || report.Clean() {
		t.Errorf("of a day that has not begun: %+v", report)
	}
	w.wantBreaks()
}
