package story

import (
	"context"
	"fmt"
	"strings"

	"exchequer/internal/booking"
	"exchequer/internal/reference"
	"exchequer/ledger"
	"exchequer/providers/bank"
	"exchequer/providers/vnpay/simulator"
)

// Check is one line of the closing proof: what the simulators' books say must be, and what our books say is.
type Check struct {
	Name     string `json:"name"`
	Expected int64  `json:"expected"`
	Found    int64  `json:"found"`
}

// OK reports whether the two sides agree.
func (c Check) OK() bool { return c.Expected == c.Found }

// Proof is the closing proof of a run: every side computed from its own source.
type Proof struct {
	Checks []Check `json:"checks"`
	OK     bool    `json:"ok"`
}

// books are the simulators' own, as they tell them over HTTP.
type books struct {
	provider simulator.Book
	bank     bank.Book
}

func (r *run) provider(ctx context.Context) (simulator.Book, error) {
	var b simulator.Book
	err := r.portal.get(ctx, r.VNPAY+"/book", &b)
	return b, err
}

// prove derives the ending from what the simulators were told to do and compares it with our books.
func (r *run) prove(ctx context.Context) (Proof, error) {
	var theirs books
	var err error
	if theirs.provider, err = r.provider(ctx); err != nil {
		return Proof{}, err
	}
	if err := r.portal.get(ctx, r.Bank+"/book", &theirs.bank); err != nil {
		return Proof{}, err
	}
	p := Proof{OK: true}
	for _, part := range []func(context.Context, books) ([]Check, error){r.proveItems, r.proveMoney, r.proveLedger} {
		checks, err := part(ctx, theirs)
		if err != nil {
			return p, err
		}
		p.Checks = append(p.Checks, checks...)
	}
	for _, c := range p.Checks {
		p.OK = p.OK && c.OK()
	}
	return p, nil
}

// proveItems compares breaks, findings and refunds with the faults that were ordered and what became of them.
func (r *run) proveItems(ctx context.Context, theirs books) ([]Check, error) {
	var missing, short, forged, lying int64
	paid := make(map[string]int64)
	for _, p := range theirs.provider.Payments {
		if p.State == simulator.Paid {
			paid[reference.Order(p.TxnRef)]++
			for _, f := range p.Faults {
				if f.Kind == simulator.SettlementMissing && p.Batch == "" {
					missing++
				}
			}
			if p.Batch != "" && p.SettledAmount != p.Amount {
				short++
			}
		}
		if sent(p, func(c simulator.IPNCall) bool { return c.BadSignature }) {
			forged++
		}
		if sent(p, func(c simulator.IPNCall) bool { return c.Amount != p.Amount }) {
			lying++
		}
	}
	var twice int64
	for _, n := range paid {
		twice += n - 1
	}
	return r.counts(ctx, []counted{
		{"breaks: missing there", missing, `SELECT count(*) FROM gateway.break WHERE state = 'open' AND kind = 'missing_there'`},
		{"breaks: amount differs", short, `SELECT count(*) FROM gateway.break WHERE state = 'open' AND kind = 'amount_differs'`},
		{"breaks: unknown credit", strays(theirs), `SELECT count(*) FROM gateway.break WHERE state = 'open' AND kind = 'unknown_credit'`},
		{"breaks: of any other kind", 0, `SELECT count(*) FROM gateway.break WHERE state = 'open' AND kind NOT IN ('missing_there', 'amount_differs', 'unknown_credit')`},
		{"findings: bad signature", forged, `SELECT count(*) FROM gateway.finding WHERE kind = 'bad_signature'`},
		{"findings: wrong amount", lying, `SELECT count(*) FROM gateway.finding WHERE kind = 'wrong_amount'`},
		{"findings: of any other kind", 0, `SELECT count(*) FROM gateway.finding WHERE kind NOT IN ('bad_signature', 'wrong_amount')`},
		{"excess to be refunded", twice, `SELECT count(*) FROM gateway.payment WHERE excess > refund_held + refunded`},
		{"payments", int64(len(paid)) + twice, `SELECT count(DISTINCT attempt) FROM gateway.payment`},
		{"attempts that are not certain", 0, `SELECT count(*) FROM gateway.attempt WHERE state NOT IN ('succeeded', 'failed', 'cancelled', 'expired', 'reversed')`},
		{"bills that took more than they owe", 0, `SELECT count(*) FROM gateway.bill b WHERE b.paid > b.amount OR b.paid <>
			(SELECT coalesce(sum(l.amount), 0) FROM gateway.payment_line l WHERE l.book = b.book AND l.bill = b.ref)`},
	})
}

func sent(p simulator.Payment, which func(simulator.IPNCall) bool) bool {
	for _, c := range p.Calls {
		if which(c) {
			return true
		}
	}
	return false
}

// strays counts the bank's credits that nobody announced: neither a settlement batch nor the gateway's own money.
func strays(theirs books) int64 {
	known := make(map[string]bool)
	for _, b := range theirs.provider.Batches {
		known[b.ID] = true
	}
	var n int64
	for _, e := range theirs.bank.Entries {
		if e.Credit && !known[e.EndToEndID] && !strings.HasPrefix(e.EndToEndID, "FUND-") {
			n++
		}
	}
	return n
}

type counted struct {
	name     string
	expected int64
	sql      string
}

func (r *run) counts(ctx context.Context, list []counted) ([]Check, error) {
	var out []Check
	for _, c := range list {
		check := Check{Name: c.name, Expected: c.expected}
		if err := r.Pool.QueryRow(ctx, c.sql).Scan(&check.Found); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		out = append(out, check)
	}
	return out, nil
}

// proveMoney compares what the simulators hold with our clearing and bank accounts.
func (r *run) proveMoney(ctx context.Context, theirs books) ([]Check, error) {
	var held int64 // collected from payers and not paid over
	for _, p := range theirs.provider.Payments {
		if p.State == simulator.Paid {
			held += p.Amount - p.SettledAmount
		}
	}
	clearing, err := r.sum(ctx, booking.Clearing("vnpay"))
	if err != nil {
		return nil, err
	}
	balance, err := r.sum(ctx, booking.Bank(r.account()))
	if err != nil {
		return nil, err
	}
	checks := []Check{
		{Name: "đồng the provider holds = clearing accounts", Expected: held, Found: clearing},
		{Name: "đồng at the bank = bank accounts", Expected: theirs.bank.Balances[r.account()], Found: balance},
	}
	var executed int64
	for _, p := range theirs.bank.Payouts {
		if p.State == bank.Executed {
			executed += p.Amount
		}
	}
	paidOut, err := r.counts(ctx, []counted{{"đồng the bank paid out = payouts met by statements", executed,
		`SELECT coalesce(sum(met), 0) FROM gateway.expectation WHERE kind = 'payout'`}})
	return append(checks, paidOut...), err
}

// sum adds an account up over all books, đồng.
func (r *run) sum(ctx context.Context, account string) (int64, error) {
	list, err := r.Ledger.Balances(ctx, ledger.Query{Prefix: account})
	var total int64
	for _, b := range list {
		if b.Account == account {
			total += b.Net()
		}
	}
	return total, err
}

// proveLedger recomputes the books from their postings.
func (r *run) proveLedger(ctx context.Context, _ books) ([]Check, error) {
	report, err := r.Ledger.Verify(ctx, ledger.VerifyOptions{Mirror: booking.Mirror})
	if err != nil {
		return nil, err
	}
	return []Check{{Name: fmt.Sprintf("ledger verify: findings in %d transactions of %d books", report.Transactions, report.Books),
		Found: int64(len(report.Findings))}}, nil
}
