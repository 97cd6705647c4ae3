package settlement

import (
	"context"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/expectation"
)

// item is an expectation as it was known: how far it was met before the period and at its end.
type item struct {
	Partner   string
	Ref       string
	Amount    int64
	Day       calendar.Date
	DueDay    calendar.Date // none: no deadline could be computed, so it is never overdue
	MetBefore int64
	MetNow    int64
	RowMet    int64 // what the expectation's own row says, whenever
	LastMet   int64 // what the record of meetings says, whenever
}

// left gives what is missing of the item at the end of a day. It is below zero where the money came before the day on
// which the payment itself is effective: the partner paid over what the books did not know of yet.
func (i item) left(day calendar.Date) int64 {
	if i.Day.After(day) {
		return -i.MetNow
	}
	return i.Amount - i.MetNow
}

// open gives what is missing of the item at the end of a day, nothing where it came.
func (i item) open(day calendar.Date) []OpenItem {
	left := i.left(day)
	if left == 0 {
		return nil
	}
	return []OpenItem{{Ref: i.Ref, Amount: left, DueDay: i.DueDay, Overdue: !i.DueDay.IsZero() && i.DueDay.Before(day)}}
}

// items reads a book's expectations of a kind that were open at some time of the period, or met before they began, in
// the order of their days.
func (p *proof) items(ctx context.Context, book string, kind expectation.Kind) ([]item, error) {
	rows, err := p.tx.Query(ctx, `
		SELECT e.partner, e.ref, e.amount, e.day, e.due_day, m.before, m.now, e.met, m.last
		FROM gateway.expectation e
		CROSS JOIN LATERAL (
			SELECT coalesce(max(met) FILTER (WHERE met_day <= $3 AND recorded_at <= $5), 0)::bigint AS before,
			       coalesce(max(met) FILTER (WHERE met_day <= $4 AND recorded_at <= $5), 0)::bigint AS now,
			       coalesce(max(met), 0)::bigint AS last
			FROM gateway.expectation_met WHERE book = $1 AND kind = $2 AND ref = e.ref
		) m
		WHERE e.book = $1 AND e.kind = $2 AND (e.day <= $4 OR m.now > 0) AND e.created_at <= $5
		  -- what came before the period is settled for good, unless somebody laid hands on it
		  AND (m.before < e.amount OR e.day > $3 OR e.met <> m.last)
		ORDER BY e.day, e.ref COLLATE "C"`, book, kind, p.before(), p.day, p.at)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[item])
	for _, i := range list {
		p.agree(CloseFinding{Code: "expectation_record", Book: book, Subject: i.Ref, Ledger: i.LastMet, Items: i.RowMet,
			Detail: "the expectation's row and the record of how it was met differ: somebody changed one of them"})
	}
	return list, err
}

// before is the last day before the period, as SQL takes it: a day before all others where the period is the first.
func (p *proof) before() calendar.Date {
	if p.after.IsZero() {
		return calendar.NewDate(1, 1, 1)
	}
	return p.after
}

// taken is what payments brought in the period, from the payments' own rows.
type taken struct{ captured, payable, excess map[string]int64 }

// payments adds up the period's payments of a book by provider and sets each against what is expected for it.
func (p *proof) payments(ctx context.Context, book string) (taken, error) {
	t := taken{captured: map[string]int64{}, payable: map[string]int64{}, excess: map[string]int64{}}
	rows, err := p.tx.Query(ctx, `
		SELECT e.partner, e.ref, e.amount, coalesce(y.captured, 0), coalesce(y.excess, 0),
		       (SELECT coalesce(sum(l.amount), 0)::bigint FROM gateway.payment_line l WHERE l.book = $1 AND l.attempt = e.ref)
		FROM gateway.expectation e LEFT JOIN gateway.payment y ON y.book = $1 AND y.attempt = e.ref
		WHERE e.book = $1 AND e.kind = $2 AND e.day > $3 AND e.day <= $4 AND e.created_at <= $5
		ORDER BY e.ref COLLATE "C"`, book, expectation.Settlement, p.before(), p.day, p.at)
	if err != nil {
		return t, err
	}
	var partner, ref string
	var expected, captured, excess, lines int64
	_, err = pgx.ForEachRow(rows, []any{&partner, &ref, &expected, &captured, &excess, &lines}, func() error {
		p.agree(CloseFinding{Code: "payment_expected", Book: book, Subject: ref, Ledger: captured, Items: expected,
			Detail: "the payment and what its provider owes for it differ"})
		p.agree(CloseFinding{Code: "payment_lines", Book: book, Subject: ref, Ledger: captured, Items: lines + excess,
			Detail: "the payment and its budget lines with its excess differ"})
		t.captured[partner] += captured
		t.payable[partner] += lines
		t.excess[partner] += excess
		return nil
	})
	return t, err
}

// paidOut sets each payout that was instructed in the period against the payments' budget lines it is made of.
func (p *proof) paidOut(ctx context.Context, book string) error {
	rows, err := p.tx.Query(ctx, `
		SELECT o.ref, o.amount, (SELECT coalesce(sum(l.amount), 0)::bigint
			FROM gateway.payout_item i JOIN gateway.payment_line l ON l.book = $1 AND l.attempt = i.attempt AND l.no = i.line
			WHERE i.book = $1 AND i.payout = o.ref AND l.body = o.body)
		FROM gateway.payout o
		WHERE o.book = $1 AND o.effective_day > $2 AND o.effective_day <= $3 AND o.approved_at <= $4
		ORDER BY o.ref COLLATE "C"`, book, p.before(), p.day, p.at)
	if err != nil {
		return err
	}
	f := CloseFinding{Code: "payout_items", Book: book, Detail: "the payout and the payments' budget lines it is made of differ"}
	_, err = pgx.ForEachRow(rows, []any{&f.Subject, &f.Ledger, &f.Items}, func() error {
		p.agree(f)
		return nil
	})
	return err
}

// strays names the payments for which no provider owes anything.
func (p *proof) strays(ctx context.Context, book string) error {
	rows, err := p.tx.Query(ctx, `
		SELECT y.attempt, y.captured FROM gateway.payment y
		WHERE y.book = $1 AND y.recorded_at <= $3 AND NOT EXISTS (
			SELECT FROM gateway.expectation e WHERE e.book = $1 AND e.kind = $2 AND e.ref = y.attempt)
		ORDER BY y.attempt COLLATE "C"`, book, expectation.Settlement, p.at)
	if err != nil {
		return err
	}
	var ref string
	var captured int64
	_, err = pgx.ForEachRow(rows, []any{&ref, &captured}, func() error {
		p.agree(CloseFinding{Code: "payment_expected", Book: book, Subject: ref, Ledger: captured,
			Detail: "nothing is expected for this payment"})
		return nil
	})
	return err
}

// breaks reads what was open at the instant, found until the day.
func (p *proof) breaks(ctx context.Context) ([]OpenBreak, error) {
	rows, err := p.tx.Query(ctx, `
		SELECT book, kind, partner, ref, day, expected, found FROM gateway.break
		WHERE day <= $1 AND opened_at <= $2 AND (closed_at IS NULL OR closed_at > $2)
		ORDER BY day, book COLLATE "C", kind COLLATE "C", partner COLLATE "C", ref COLLATE "C"`, p.day, p.at)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[OpenBreak])
	return append([]OpenBreak{}, list...), err
}

// mostCulprits is how many payments are named where sums differ: the first ones lead to the cause.
const mostCulprits = 20

// culprits names the payments whose posting and expectation differ.
func (p *proof) culprits(ctx context.Context, book, partner string) error {
	rows, err := p.tx.Query(ctx, `
		SELECT coalesce(l.reference, e.ref) AS ref, coalesce(l.amount, 0), coalesce(e.amount, 0)
		FROM (SELECT t.reference, sum(p.amount)::bigint AS amount
		      FROM ledger.postings p JOIN ledger.transactions t ON t.book = $1 AND t.id = p.transaction_id
		      WHERE p.book = $1 AND p.debit_account = $2 AND t.kind = $9
		        AND p.effective_day > $4 AND p.effective_day <= $5 AND p.recorded <= $6
		      GROUP BY t.reference) l
		FULL JOIN (SELECT ref, amount FROM gateway.expectation
		      WHERE book = $1 AND kind = $7 AND partner = $3 AND day > $4 AND day <= $5 AND created_at <= $6) e ON e.ref = l.reference
		WHERE l.amount IS DISTINCT FROM e.amount
		ORDER BY 1 LIMIT $8`,
		book, booking.Clearing(partner), partner, p.before(), p.day, p.at, expectation.Settlement, mostCulprits,
		booking.KindPaymentConfirmed)
	if err != nil {
		return err
	}
	f := CloseFinding{Code: "clearing_item", Book: book, Detail: "the posting of this payment and what is expected for it differ"}
	_, err = pgx.ForEachRow(rows, []any{&f.Subject, &f.Ledger, &f.Items}, func() error {
		p.agree(f)
		return nil
	})
	return err
}
