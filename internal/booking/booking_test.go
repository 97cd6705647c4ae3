package booking_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/booking"
	"exchequer/internal/pg/pgtest"
	"exchequer/ledger"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestImpossibleEvents(t *testing.T) {
	h := head("X")
	cases := []struct {
		name  string
		event booking.Event
	}{
		{"a payment of nothing", booking.PaymentConfirmed{Head: h, Book: "A01", Channel: "vnpay"}},
		{"a payment in no book", booking.PaymentConfirmed{Head: h, Channel: "vnpay", Excess: 1}},
		{"a payment in the house", booking.PaymentConfirmed{Head: h, Book: booking.House, Channel: "vnpay", Excess: 1}},
		{"a line of zero", booking.PaymentConfirmed{Head: h, Book: "A01", Channel: "vnpay", Lines: lines(5, 0)}},
		{"a negative excess", booking.PaymentConfirmed{Head: h, Book: "A01", Channel: "vnpay", Lines: lines(5), Excess: -1}},
		{"lines over int64", booking.PaymentConfirmed{Head: h, Book: "A01", Channel: "vnpay", Lines: lines(math.MaxInt64, 1)}},
		{"a fee above the gross", booking.Settled{Head: h, Book: "A01", Gross: 10, Fee: 11}},
		{"a negative fee", booking.Settled{Head: h, Book: "A01", Gross: 10, Fee: -1}},
		{"a settlement of nothing", booking.Settled{Head: h, Book: "A01"}},
		{"making nothing good", booking.FeeMadeGood{Head: h, Book: "A01", Account: "111"}},
		{"a payout of nothing", booking.PayoutInstructed{Head: h, Book: "A01", Account: "111"}},
		{"a negative execution", booking.PayoutExecuted{Head: h, Book: "A01", Account: "111", Amount: -1}},
		{"an unknown credit of zero", booking.UnknownCredit{Head: h, Account: "111"}},
		{"placing over int64", booking.Placed{Head: h, Book: "A01", Account: "111", Lines: lines(math.MaxInt64), Excess: 1}},
		{"funding of zero", booking.HouseFunded{Head: h, Account: "111"}},
	}
	for _, c := range cases {
		txs, err := c.event.Transactions()
		if _, impossible := errors.AsType[*booking.ImpossibleError](err); !impossible || txs != nil {
			t.Errorf("%s: %v and %d transactions, want a refusal", c.name, err, len(txs))
		}
	}
}

func TestAccountDefinitions(t *testing.T) {
	cases := []struct {
		code   string
		normal ledger.Side
		limits ledger.Limits
	}{
		{booking.Clearing("vnpay"), ledger.Debit, 0},
		{booking.Bank("111"), ledger.Debit, ledger.NeverBelowZero},
		{booking.Receivable("csgt", "3063"), ledger.Debit, 0},
		{booking.DueFrom(booking.House), ledger.Debit, 0},
		{booking.DueTo("A01"), ledger.Credit, 0},
		{booking.Payable("csgt", "3063"), ledger.Credit, ledger.NeverBelowZero},
		{booking.Payout("111"), ledger.Credit, ledger.NeverBelowZero},
		{booking.Refund("vnpay"), ledger.Credit, ledger.NeverBelowZero},
		{booking.Excess, ledger.Credit, ledger.NeverBelowZero},
		{booking.Unallocated, ledger.Credit, 0},
		{booking.ServiceCharge, ledger.Credit, 0},
		{booking.ProviderFee("vnpay"), ledger.Debit, 0},
		{booking.Difference, ledger.Debit, 0},
		{booking.Funding, ledger.Credit, 0},
	}
	for _, c := range cases {
		want := ledger.Account{Book: "A01", Code: c.code, Currency: "VND", Normal: c.normal, Limits: c.limits}
		if got := booking.Account("A01", c.code); got != want {
			t.Errorf("%s is %+v, want %+v", c.code, got, want)
		}
	}
	for _, code := range []string{"", "assets:bank:", "liabilities:excess:x", "assets:gold:1"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q has a definition", code)
				}
			}()
			booking.Account("A01", code)
		}()
	}
}

// TestTheLedgerTakesTheTable posts the table's events in an order in which money is there, and verifies the books.
func TestTheLedgerTakesTheTable(t *testing.T) {
	pool := pgtest.New(t)
	ctx := context.Background()
	l := ledger.New(pool, func() time.Time { return time.Date(2025, 6, 2, 9, 0, 0, 0, time.UTC) })
	order := []string{"18", "1 ", "2", "3 settled", "3 the house", "15 a", "15 placed", "10", "11", "6"}
	booked := 0
	for _, prefix := range order {
		for _, g := range golden {
			if !strings.HasPrefix(g.row, prefix) {
				continue
			}
			txs, err := g.event.Transactions()
			if err != nil {
				t.Fatal(err)
			}
			err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				if err := l.OpenAccountsTx(ctx, tx, booking.AccountsFor(txs)); err != nil {
					return err
				}
				results, err := l.PostTx(ctx, tx, txs)
				if err != nil {
					return err
				}
				return ledger.FirstRefusal(results)
			})
			if err != nil {
				t.Fatalf("%s: %v", g.row, err)
			}
			booked++
		}
	}
	report, err := l.Verify(ctx, ledger.VerifyOptions{Mirror: booking.Mirror})
	if err != nil || !report.OK || booked < len(order) {
		t.Errorf("%d rows booked; verify: %+v (%v)", booked, report, err)
	}
	pool.Exec(ctx, `UPDATE ledger.balances SET debits_posted = debits_posted + 1 WHERE account = 'assets:due-from:000'`)
	if report, err = l.Verify(ctx, ledger.VerifyOptions{Mirror: booking.Mirror}); err != nil || report.OK {
		t.Errorf("a broken due-from/due-to pair was not found (%v)", err)
	}
}
