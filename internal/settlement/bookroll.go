package settlement

import (
	"context"
	"slices"
	"strings"

	"exchequer/internal/booking"
	"exchequer/internal/expectation"
)

// book computes a book's report.
func (p *proof) book(ctx context.Context, book string) (BookReport, error) {
	r := BookReport{Book: book, Day: p.day, After: p.after}
	l, err := p.ledger(ctx, book)
	if err != nil {
		return r, err
	}
	t, err := p.payments(ctx, book)
	if err != nil {
		return r, err
	}
	if err := p.strays(ctx, book); err != nil {
		return r, err
	}
	if r.Clearing, err = p.clearing(ctx, book, l, t); err != nil {
		return r, err
	}
	if r.Payout, err = p.payout(ctx, book, l); err != nil {
		return r, err
	}
	if err := p.paidOut(ctx, book); err != nil {
		return r, err
	}
	if r.Payable, err = p.payable(ctx, book, l, t); err != nil {
		return r, err
	}
	r.Excess = p.excess(book, l, t)
	s, err := p.standing(ctx, book)
	if err != nil {
		return r, err
	}
	r.Excess.Payments = s.excesses
	p.arrived += s.arrived
	r.Bank = l.closing[booking.Bank(p.s.Catalog.CollectionAccount().Account)]
	r.FeesOwed = l.closing[booking.DueFrom(booking.House)]
	return r, p.stands(ctx, r, s)
}

// clearing rolls each partner's money forward, the ledger's postings on one side, the items on the other.
func (p *proof) clearing(ctx context.Context, book string, l bookLedger, t taken) ([]ClearingRoll, error) {
	items, err := p.items(ctx, book, expectation.Settlement)
	if err != nil {
		return nil, err
	}
	partners := l.partners()
	for _, i := range items {
		partners = append(partners, i.Partner)
	}
	slices.Sort(partners)
	rolls := []ClearingRoll{}
	for _, partner := range slices.Compact(partners) {
		r := l.clearing(partner)
		var confirmed, met, closing int64
		for _, i := range items {
			if i.Partner != partner {
				continue
			}
			if i.Day.After(p.before()) && !i.Day.After(p.day) {
				confirmed += i.Amount
			}
			met += i.MetNow - i.MetBefore
			closing += i.left(p.day)
			for _, o := range i.open(p.day) {
				r.add(o)
			}
		}
		find := func(code, detail string, ours, theirs int64) {
			p.agree(CloseFinding{Code: code, Book: book, Subject: partner, Ledger: ours, Items: theirs, Detail: detail})
		}
		find("clearing_confirmed", "the ledger's confirmed payments and those that are awaited differ", r.Confirmed, confirmed)
		find("clearing_captured", "the ledger's confirmed payments and the payments' rows differ", r.Confirmed, t.captured[partner])
		find("clearing_settled", "what the ledger says was settled and what was met differ", r.SettledNet+r.Fee, met)
		find("clearing_closing", "what stands with the partner and its open items differ", r.Closing, closing)
		find("clearing_rolls", "opening and movements do not lead to the closing balance", r.Closing, r.expected())
		if r.Confirmed != confirmed {
			if err := p.culprits(ctx, book, partner); err != nil {
				return nil, err
			}
		}
		rolls = append(rolls, r)
	}
	return rolls, nil
}

// clearing classifies what moved a partner's clearing account by the other account of each posting.
func (l bookLedger) clearing(partner string) ClearingRoll {
	account := booking.Clearing(partner)
	r := ClearingRoll{Partner: partner, Opening: l.opening[account], Closing: l.closing[account], Open: []OpenItem{}}
	for _, m := range l.moves {
		other, amount := m.Debit, m.Amount
		switch account {
		case m.Credit:
		case m.Debit:
			other, amount = m.Credit, -m.Amount
		default:
			continue
		}
		is := func(prefix string) bool { return strings.HasPrefix(other, prefix) }
		switch {
		case m.Debit == account && m.Kind == booking.KindPaymentConfirmed:
			r.Confirmed -= amount
		case is(booking.Bank("")):
			r.SettledNet += amount
		case is(booking.DueFrom("")), is(booking.ProviderFee("")):
			r.Fee += amount
		case is(booking.Refund("")):
			r.Refunded += amount
		case other == booking.Difference:
			r.WrittenOff += amount
		case is(payablePrefix), is(receivablePrefix), other == booking.Excess:
			r.Reversed += amount
		}
	}
	return r
}

// The accounts of a kind: their codes without what they are about.
var (
	payablePrefix    = strings.TrimSuffix(booking.Payable("", ""), ":")
	receivablePrefix = strings.TrimSuffix(booking.Receivable("", ""), ":")
)

// expected is the closing balance that opening and movements lead to. A movement that falls in no class is missing in
// it, and the roll-forward does not close: a new money event must be given a class here.
func (r ClearingRoll) expected() int64 {
	return r.Opening + r.Confirmed - r.SettledNet - r.Fee - r.Refunded - r.Reversed - r.WrittenOff
}

func (r *ClearingRoll) add(o OpenItem) {
	r.Open = append(r.Open, o)
	if o.Overdue {
		r.Overdue += o.Amount
	} else {
		r.NotYetDue += o.Amount
	}
}

// payable rolls forward what is owed to the bodies: the payments' lines and the payouts' rows against the ledger.
func (p *proof) payable(ctx context.Context, book string, l bookLedger, t taken) (PayableRoll, error) {
	r := PayableRoll{Opening: sum(l.opening, payablePrefix), Closing: sum(l.closing, payablePrefix)}
	for _, m := range l.moves {
		debit, credit := strings.HasPrefix(m.Debit, payablePrefix), strings.HasPrefix(m.Credit, payablePrefix)
		switch {
		case credit && m.Kind == booking.KindPaymentConfirmed:
			r.Confirmed += m.Amount
		case credit && m.Kind == booking.KindPayoutRejected:
			r.Rejected += m.Amount
		case credit:
			r.Other += m.Amount
		case debit && strings.HasPrefix(m.Credit, booking.Payout("")):
			r.Instructed += m.Amount
		case debit:
			r.Refunded += m.Amount
		}
	}
	var instructed, rejected int64
	err := p.tx.QueryRow(ctx, `
		SELECT coalesce(sum(amount) FILTER (WHERE effective_day > $2 AND effective_day <= $3 AND approved_at <= $4), 0)::bigint,
		       coalesce(sum(amount) FILTER (WHERE rejected_day > $2 AND rejected_day <= $3 AND rejected_at <= $4), 0)::bigint
		FROM gateway.payout WHERE book = $1`, book, p.before(), p.day, p.at).Scan(&instructed, &rejected)
	find := func(code, detail string, ours, theirs int64) {
		p.agree(CloseFinding{Code: code, Book: book, Subject: "payable", Ledger: ours, Items: theirs, Detail: detail})
	}
	find("payable_confirmed", "what the ledger owes to the bodies and the payments' budget lines differ", r.Confirmed, total(t.payable))
	find("payable_instructed", "the ledger's instructed payouts and the payouts' rows differ", r.Instructed, instructed)
	find("payable_rejected", "the ledger's rejected payouts and the payouts' rows differ", r.Rejected, rejected)
	find("payable_rolls", "opening and movements do not lead to the closing balance", r.Closing,
		r.Opening+r.Confirmed+r.Other+r.Rejected-r.Instructed-r.Refunded)
	return r, err
}

// payout rolls forward what is instructed: what the bank still has to debit against the ledger.
func (p *proof) payout(ctx context.Context, book string, l bookLedger) (PayoutRoll, error) {
	prefix := booking.Payout("")
	r := PayoutRoll{Opening: sum(l.opening, prefix), Closing: sum(l.closing, prefix), Open: []OpenItem{}}
	for _, m := range l.moves {
		switch {
		case strings.HasPrefix(m.Credit, prefix):
			r.Instructed += m.Amount
		case strings.HasPrefix(m.Debit, prefix) && m.Kind == booking.KindPayoutExecuted:
			r.Executed += m.Amount
		case strings.HasPrefix(m.Debit, prefix) && m.Kind == booking.KindPayoutRejected:
			r.Rejected += m.Amount
		}
	}
	items, err := p.items(ctx, book, expectation.Payout)
	var met, closing int64
	for _, i := range items {
		met += i.MetNow - i.MetBefore
		closing += i.left(p.day)
		r.Open = append(r.Open, i.open(p.day)...)
	}
	find := func(code, detail string, ours, theirs int64) {
		p.agree(CloseFinding{Code: code, Book: book, Subject: "payout", Ledger: ours, Items: theirs, Detail: detail})
	}
	find("payout_certain", "the ledger's executed and rejected payouts and what was met differ", r.Executed+r.Rejected, met)
	find("payout_closing", "what is instructed and not yet certain and its open items differ", r.Closing, closing)
	find("payout_rolls", "opening and movements do not lead to the closing balance", r.Closing, r.Opening+r.Instructed-r.Executed-r.Rejected)
	return r, err
}

// excess rolls the payers' money forward: the payments' rows against the ledger.
func (p *proof) excess(book string, l bookLedger, t taken) ExcessRoll {
	r := ExcessRoll{Opening: l.opening[booking.Excess], Closing: l.closing[booking.Excess]}
	for _, m := range l.moves {
		switch {
		case m.Credit == booking.Excess && m.Kind == booking.KindPaymentConfirmed:
			r.Confirmed += m.Amount
		case m.Credit == booking.Excess:
			r.Other += m.Amount
		case m.Debit == booking.Excess:
			r.Refunded += m.Amount
		}
	}
	find := func(code, detail string, ours, theirs int64) {
		p.agree(CloseFinding{Code: code, Book: book, Subject: "excess", Ledger: ours, Items: theirs, Detail: detail})
	}
	find("excess_confirmed", "the ledger's excess and that of the payments' rows differ", r.Confirmed, total(t.excess))
	find("excess_rolls", "opening and movements do not lead to the closing balance", r.Closing, r.Opening+r.Confirmed+r.Other-r.Refunded)
	return r
}

func total(byPartner map[string]int64) (sum int64) {
	for _, amount := range byPartner {
		sum += amount
	}
	return sum
}
