package settlement

import (
	"context"

	"exchequer/internal/booking"
	"exchequer/internal/expectation"
	"exchequer/ledger"
)

// standing is what must stand in a book at the end of the day by everything but the ledger: added up from the first day
// on, so that a wrong posting of any day shows.
type standing struct {
	payable  int64 // the payments' budget lines, less the payouts instructed and not rejected
	excess   int64 // the payments' excess
	excesses int64 // payments with some
	fees     int64 // kept back of what was met
	arrived  int64 // what was met, less those fees
}

func (p *proof) standing(ctx context.Context, book string) (standing, error) {
	var s standing
	var lines, instructed int64
	err := p.tx.QueryRow(ctx, `
		SELECT coalesce(sum(l.amount), 0)::bigint, coalesce(sum(y.excess), 0)::bigint, count(*) FILTER (WHERE y.excess > 0)
		FROM gateway.expectation e
		JOIN gateway.payment y ON y.book = $1 AND y.attempt = e.ref
		CROSS JOIN LATERAL (SELECT coalesce(sum(amount), 0) AS amount FROM gateway.payment_line WHERE book = $1 AND attempt = e.ref) l
		WHERE e.book = $1 AND e.kind = $2 AND e.day <= $3 AND e.created_at <= $4`,
		book, expectation.Settlement, p.day, p.at).Scan(&lines, &s.excess, &s.excesses)
	if err != nil {
		return s, err
	}
	err = p.tx.QueryRow(ctx, `
		SELECT coalesce(sum(m.met - e.fee), 0)::bigint, coalesce(sum(e.fee), 0)::bigint
		FROM (SELECT ref, max(met) AS met FROM gateway.expectation_met
		      WHERE book = $1 AND kind = $2 AND met_day <= $3 AND recorded_at <= $4 GROUP BY ref) m
		JOIN gateway.expectation e ON e.book = $1 AND e.kind = $2 AND e.ref = m.ref`,
		book, expectation.Settlement, p.day, p.at).Scan(&s.arrived, &s.fees)
	if err != nil {
		return s, err
	}
	err = p.tx.QueryRow(ctx, `
		SELECT coalesce(sum(amount) FILTER (WHERE effective_day <= $2 AND approved_at <= $3), 0)::bigint
		     - coalesce(sum(amount) FILTER (WHERE rejected_day <= $2 AND rejected_at <= $3), 0)::bigint
		FROM gateway.payout WHERE book = $1`, book, p.day, p.at).Scan(&instructed)
	s.payable = lines - instructed
	return s, err
}

// stands sets a book's closing balances against what must stand there.
func (p *proof) stands(ctx context.Context, r BookReport, s standing) error {
	find := func(code, detail string, ours, theirs int64) {
		p.agree(CloseFinding{Code: code, Book: r.Book, Subject: r.Book, Ledger: ours, Items: theirs, Detail: detail})
	}
	find("payable_closing", "what is owed to the bodies is not the payments' budget lines less the payouts", r.Payable.Closing, s.payable)
	find("excess_closing", "the payers' excess is not that of the payments' rows", r.Excess.Closing, s.excess)
	// Nothing places money by hand, refunds or reverses yet: such a movement was booked by mistake. The event that is
	// allowed to do it brings its own second source.
	find("payable_other", "something else than payments and payouts moved what is owed to the bodies", r.Payable.Other+r.Payable.Refunded, 0)
	find("excess_other", "something else than payments moved the payers' excess", r.Excess.Other+r.Excess.Refunded, 0)
	// The other half of a fee stands in the house's book, and what is made good is taken from there.
	made, err := p.s.Ledger.BalanceAtDayTx(ctx, p.tx, ledger.AtDay{
		Book: booking.House, Account: booking.DueTo(r.Book), Day: p.day.UTC(), At: p.at})
	find("fees_owed", "the fees owed to the book are not those kept back of what was met, less those the house made good",
		r.FeesOwed, s.fees-made.DebitsPosted)
	return err
}

// unplaced gives what must stand as unallocated by the statement's lines: credits that are breaks, of the gateway's own
// money what is over the announced amount, and what credits of batches brought beyond the payments they met.
func (p *proof) unplaced(ctx context.Context, arrived int64) (int64, error) {
	var strange, batches int64
	err := p.tx.QueryRow(ctx, `
		SELECT coalesce(sum(l.amount - least(l.amount, coalesce(e.amount, 0))) FILTER (WHERE l.state = 'break'), 0)::bigint,
		       coalesce(sum(l.amount) FILTER (WHERE l.state = 'matched' AND l.kind = 'settlement'), 0)::bigint
		FROM gateway.bank_statement_line l
		JOIN gateway.bank_statement s ON s.book = $1 AND s.account = l.account AND s.day = l.day
		LEFT JOIN gateway.expectation e ON l.state = 'break' AND l.kind = 'amount_differs' AND e.book = $1 AND e.kind = $4 AND e.ref = l.matched_ref
		WHERE l.book = $1 AND l.credit AND l.in_ledger AND l.day <= $2 AND l.decided_at <= $3 AND s.imported_at <= $3`,
		booking.House, p.day, p.at, expectation.Funding).Scan(&strange, &batches)
	return strange + batches - arrived, err
}
