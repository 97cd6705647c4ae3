package reconciliation

import (
	"context"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/expectation"
)

// settleTx books a credit that pays a batch over: each book gets what was announced of its payments less the fee, what
// the batch pays for payments nobody waits for goes to unallocated, and together they are the credit. It gives false,
// having booked nothing, where they cannot be.
func (d *Desk) settleTx(ctx context.Context, tx pgx.Tx, l line, batch Owed, report *Report) (bool, error) {
	// A payment may have become known since the file came in: its line is announced before its money is given away.
	late := newReport("", "", l.day)
	if err := d.announceTx(ctx, tx, &late, batch.From, l.day); err != nil {
		return false, err
	}
	late.Matched = 0 // of the file's lines, not of this statement's
	report.add(late)

	members, err := d.membersTx(ctx, tx, batch)
	if err != nil {
		return false, err
	}
	events, rest := l.settled(batch.From, members)
	if rest < 0 {
		return false, nil
	}
	if rest > 0 {
		events = append(events, booking.UnknownCredit{Head: l.head(), Account: l.account, Amount: rest})
	}
	days, err := d.postTx(ctx, tx, events)
	if err != nil {
		return false, err
	}
	for i := range members {
		meet(&members[i], l, members[i].Announced, days[members[i].Book])
	}
	if err := expectation.UpdateTx(ctx, tx, d.Now(), members); err != nil {
		return false, err
	}
	_, err = tx.Exec(ctx, `UPDATE gateway.settlement_batch SET credited_by = $4 WHERE book = $1 AND partner = $2 AND batch = $3`,
		booking.House, batch.From, batch.Name, l.key())
	return err == nil, err
}

// membersTx locks what the batch announced, book after book.
func (d *Desk) membersTx(ctx context.Context, tx pgx.Tx, batch Owed) ([]expectation.Expectation, error) {
	books, _ := d.contracts(batch.From)
	var members []expectation.Expectation
	for _, book := range books {
		list, err := expectation.BatchTx(ctx, tx, book, batch.Name)
		if err != nil {
			return nil, err
		}
		for _, e := range list {
			if e.Partner == batch.From && e.State == expectation.Announced {
				members = append(members, e)
			}
		}
	}
	return members, nil
}

// settled makes one event a book. Each payment's own fee is known from its line, so no total has to be shared out.
// What the credit is beyond all of them is the rest.
func (l line) settled(provider string, members []expectation.Expectation) (events []booking.Event, rest int64) {
	rest = l.Amount
	for start := 0; start < len(members); {
		e := booking.Settled{Head: l.head(), Book: members[start].Book, Channel: provider, Provider: provider, Account: l.account}
		for ; start < len(members) && members[start].Book == e.Book; start++ {
			e.Gross += members[start].Announced
			e.Fee += members[start].Fee
		}
		rest -= e.Gross - e.Fee
		if e.Gross > 0 {
			events = append(events, e)
		}
	}
	return events, rest
}

// meet notes on an expectation what came. A book whose parts are all 0 has no booking: the statement's day stands.
func meet(e *expectation.Expectation, l line, amount int64, day calendar.Date) {
	e.Met, e.MetBy, e.MetDay = min(amount, e.Amount), l.key(), day
	if day.IsZero() {
		e.MetDay = calendar.DateOf(l.day)
	}
	e.State = expectation.Met
	if e.Met < e.Amount {
		e.State = expectation.PartMet
	}
}
