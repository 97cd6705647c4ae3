package booking_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/ledger"
)

// head is an event's head on Monday 2 June 2025.
func head(reference string) booking.Head {
	return booking.Head{
		Reference: reference, Occurred: time.Date(2025, 6, 2, 3, 4, 5, 0, time.UTC), Day: calendar.MustDate("2025-06-02"),
	}
}

func linked(reference, link string) booking.Head {
	h := head(reference)
	h.Link = link
	return h
}

func lines(amounts ...int64) []booking.PayableLine {
	budgets := []string{"3063", "2663", "2850"}
	var all []booking.PayableLine
	for i, a := range amounts {
		all = append(all, booking.PayableLine{Body: "csgt", Budget: budgets[i], Amount: a})
	}
	return all
}

// golden is the accountant's table: a row, the event with its amounts, and what it books, written
// "book reference [link] kind" and under it "debit <- credit amount" a posting.
var golden = []struct {
	row   string
	event booking.Event
	want  string
}{
	{"1 payment confirmed, split by budget line",
		booking.PaymentConfirmed{Head: head("P1"), Book: "A01", Channel: "vnpay", Lines: lines(60_000, 40_000)}, `
A01 P1 [P1] payment-confirmed
    assets:clearing:vnpay <- liabilities:payable:csgt:3063 60000
    assets:clearing:vnpay <- liabilities:payable:csgt:2663 40000`},

	{"2 settled gross, fee invoiced",
		booking.Settled{Head: linked("S1", "camt/7"), Book: "A01", Channel: "vnpay", Provider: "vnpay", Account: "111", Gross: 100_000}, `
A01 S1 [camt/7] settled
    assets:bank:111 <- assets:clearing:vnpay 100000`},

	{"3 settled net, the gateway bears the fee",
		booking.Settled{Head: linked("S2", "camt/8"), Book: "A01", Channel: "vnpay", Provider: "vnpay", Account: "111", Gross: 100_000, Fee: 1_100}, `
A01 S2 [camt/8] settled
    assets:bank:111 <- assets:clearing:vnpay 98900
    assets:due-from:000 <- assets:clearing:vnpay 1100
000 S2:A01 [camt/8] fee-borne
    expenses:provider-fee:vnpay <- liabilities:due-to:A01 1100`},

	{"3 the fee takes all that was settled",
		booking.Settled{Head: head("S3"), Book: "A01", Channel: "vnpay", Provider: "vnpay", Account: "111", Gross: 1_100, Fee: 1_100}, `
A01 S3 [S3] settled
    assets:due-from:000 <- assets:clearing:vnpay 1100
000 S3:A01 [S3] fee-borne
    expenses:provider-fee:vnpay <- liabilities:due-to:A01 1100`},

	{"3 the house makes the fee good",
		booking.FeeMadeGood{Head: head("G1"), Book: "A01", Account: "111", Amount: 1_100}, `
A01 G1 [G1] fee-made-good
    assets:bank:111 <- assets:due-from:000 1100
000 G1:A01 [G1] fee-made-good
    liabilities:due-to:A01 <- assets:bank:111 1100`},

	{"5 one credit of 298,000 for three books, one of them gross: the first of the two net books, with its payments' own fees",
		booking.Settled{Head: linked("camt/9", "camt/9"), Book: "A01", Channel: "vnpay", Provider: "vnpay", Account: "111", Gross: 66_667, Fee: 667}, `
A01 camt/9 [camt/9] settled
    assets:bank:111 <- assets:clearing:vnpay 66000
    assets:due-from:000 <- assets:clearing:vnpay 667
000 camt/9:A01 [camt/9] fee-borne
    expenses:provider-fee:vnpay <- liabilities:due-to:A01 667`},

	{"5 the same credit, the gross book",
		booking.Settled{Head: linked("camt/9", "camt/9"), Book: "A02", Channel: "vnpay", Provider: "vnpay", Account: "111", Gross: 100_000}, `
A02 camt/9 [camt/9] settled
    assets:bank:111 <- assets:clearing:vnpay 100000`},

	{"5 the same credit, the other net book: 66,000 + 100,000 + 132,000 are the 298,000",
		booking.Settled{Head: linked("camt/9", "camt/9"), Book: "A03", Channel: "vnpay", Provider: "vnpay", Account: "111", Gross: 133_333, Fee: 1_333}, `
A03 camt/9 [camt/9] settled
    assets:bank:111 <- assets:clearing:vnpay 132000
    assets:due-from:000 <- assets:clearing:vnpay 1333
000 camt/9:A03 [camt/9] fee-borne
    expenses:provider-fee:vnpay <- liabilities:due-to:A03 1333`},

	{"6 payout instructed",
		booking.PayoutInstructed{Head: head("O1"), Book: "A01", Account: "111", Lines: lines(60_000, 40_000)}, `
A01 O1 [O1] payout-instructed
    liabilities:payable:csgt:3063 <- liabilities:payout:111 60000
    liabilities:payable:csgt:2663 <- liabilities:payout:111 40000`},

	{"6 payout executed",
		booking.PayoutExecuted{Head: linked("X1", "camt/10"), Book: "A01", Account: "111", Amount: 100_000}, `
A01 X1 [camt/10] payout-executed
    liabilities:payout:111 <- assets:bank:111 100000`},

	{"7 payout rejected",
		booking.PayoutRejected{Head: head("J1"), Book: "A01", Account: "111", Lines: lines(60_000, 40_000)}, `
A01 J1 [J1] payout-rejected
    liabilities:payout:111 <- liabilities:payable:csgt:3063 60000
    liabilities:payout:111 <- liabilities:payable:csgt:2663 40000`},

	{"10 the same bill paid twice",
		booking.PaymentConfirmed{Head: head("P2"), Book: "A01", Channel: "vnpay", Excess: 100_000}, `
A01 P2 [P2] payment-confirmed
    assets:clearing:vnpay <- liabilities:excess 100000`},

	{"10 120,000 paid on 100,000",
		booking.PaymentConfirmed{Head: head("P3"), Book: "A01", Channel: "vnpay", Lines: lines(100_000), Excess: 20_000}, `
A01 P3 [P3] payment-confirmed
    assets:clearing:vnpay <- liabilities:payable:csgt:3063 100000
    assets:clearing:vnpay <- liabilities:excess 20000`},

	{"11 30,000 paid on 100,000, or on an expired bill",
		booking.PaymentConfirmed{Head: head("P4"), Book: "A01", Channel: "vnpay", Excess: 30_000}, `
A01 P4 [P4] payment-confirmed
    assets:clearing:vnpay <- liabilities:excess 30000`},

	{"11 30,000 paid on 100,000 where part payment is allowed",
		booking.PaymentConfirmed{Head: head("P5"), Book: "A01", Channel: "vnpay", Lines: lines(30_000)}, `
A01 P5 [P5] payment-confirmed
    assets:clearing:vnpay <- liabilities:payable:csgt:3063 30000`},

	{"15 a credit nobody knows",
		booking.UnknownCredit{Head: linked("U1", "camt/11"), Account: "111", Amount: 77_000}, `
000 U1 [camt/11] unknown-credit
    assets:bank:111 <- liabilities:unallocated 77000`},

	{"15 placed in a book",
		booking.Placed{Head: linked("L1", "camt/11"), Book: "A01", Account: "111", Lines: lines(70_000), Excess: 7_000}, `
A01 L1 [camt/11] placed
    assets:bank:111 <- liabilities:payable:csgt:3063 70000
    assets:bank:111 <- liabilities:excess 7000
000 L1:A01 [camt/11] placed
    liabilities:unallocated <- assets:bank:111 77000`},

	{"18 the gateway funds its fees",
		booking.HouseFunded{Head: linked("F1", "camt/12"), Account: "111", Amount: 5_000_000}, `
000 F1 [camt/12] house-funded
    assets:bank:111 <- equity:funding 5000000`},
}

func TestGolden(t *testing.T) {
	for _, g := range golden {
		txs, err := g.event.Transactions()
		if err != nil {
			t.Errorf("%s: %v", g.row, err)
			continue
		}
		if got := legs(txs); got != g.want {
			t.Errorf("%s:%s\nwant:%s", g.row, got, g.want)
		}
		for _, tx := range txs {
			if !tx.Day.Equal(time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC)) || tx.Occurred.Hour() != 3 {
				t.Errorf("%s: day %s, occurred %s", g.row, tx.Day, tx.Occurred)
			}
		}
	}
}

func legs(txs []ledger.Transaction) string {
	var out strings.Builder
	for _, tx := range txs {
		fmt.Fprintf(&out, "\n%s %s [%s] %s", tx.Book, tx.Reference, tx.Link, tx.Kind)
		for _, p := range tx.Postings {
			fmt.Fprintf(&out, "\n    %s <- %s %d", p.Debit, p.Credit, p.Amount)
			if p.Currency != booking.Currency {
				out.WriteString(" " + p.Currency)
			}
		}
	}
	return out.String()
}
