package reconciliation

import (
	"context"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/expectation"
	"exchequer/ledger"
)

// decideTx decides one line: its booking, the expectations it meets, its break, its mark and the audit row, all in the
// caller's transaction. A line that was decided meanwhile is left alone.
func (d *Desk) decideTx(ctx context.Context, tx pgx.Tx, actor Actor, l line, report *Report) error {
	var waiting bool
	err := tx.QueryRow(ctx, `SELECT state = 'waiting' FROM gateway.bank_statement_line
		WHERE book = $1 AND account = $2 AND day = $3 AND no = $4 FOR UPDATE`, booking.House, l.account, l.day, l.no).Scan(&waiting)
	if err != nil || !waiting {
		return err
	}
	owed, err := d.owedTx(ctx, tx, l)
	if err != nil {
		return err
	}
	verdict := MatchEntry(l.Entry, owed)
	if verdict.Owed.Match == Settlement && verdict.Break == Matched {
		paid, err := d.settleTx(ctx, tx, l, verdict.Owed, report)
		if err != nil {
			return err
		}
		if !paid {
			verdict.Break = CreditDiffers
		}
	}
	if err := d.bookTx(ctx, tx, l, verdict); err != nil {
		return err
	}
	if err := d.markTx(ctx, tx, l, verdict, report); err != nil {
		return err
	}
	return d.auditTx(ctx, tx, actor, audit.Act{
		Action: "statement." + verdict.name(), Book: verdict.book(), Subject: l.key(),
		Detail: map[string]string{"amount": strconv.FormatInt(l.Amount, 10), "ref": verdict.Owed.Name},
	})
}

// name is what the line is, in one word: what it shows, else its break.
func (v Verdict) name() string {
	if v.Break != Matched {
		return string(v.Break)
	}
	return string(v.Owed.Match)
}

// book is where the line's break and audit row stand.
func (v Verdict) book() string {
	if v.Owed.Match == Payout {
		return v.Owed.Book
	}
	return booking.House
}

// owedTx locks and gives what is owed under the names that a line mentions.
func (d *Desk) owedTx(ctx context.Context, tx pgx.Tx, l line) ([]Owed, error) {
	names := Mentions(l.Entry)
	if len(names) == 0 {
		return nil, nil
	}
	if !l.Credit {
		return d.payoutsTx(ctx, tx, l.account, names)
	}
	owed, err := batchesTx(ctx, tx, names)
	if err != nil {
		return nil, err
	}
	funding, err := expectation.LockTx(ctx, tx, booking.House, expectation.Funding, names)
	return append(owed, fromBank(Funding, l.account, funding)...), err
}

// batchesTx locks the named batches, and with them every batch of their partners that is not credited yet: settling one
// announces the lines of all, as an import does, and both must lock them in one order.
func batchesTx(ctx context.Context, tx pgx.Tx, names []string) ([]Owed, error) {
	rows, err := tx.Query(ctx, `SELECT partner, batch, net, credited_by FROM gateway.settlement_batch
		WHERE book = $1 AND (batch = ANY($2) OR credited_by = '')
		  AND partner IN (SELECT partner FROM gateway.settlement_batch WHERE book = $1 AND batch = ANY($2))
		ORDER BY partner, batch FOR UPDATE`, booking.House, names)
	if err != nil {
		return nil, err
	}
	var owed []Owed
	o := Owed{Match: Settlement, Book: booking.House}
	var by string
	_, err = pgx.ForEachRow(rows, []any{&o.From, &o.Name, &o.Amount, &by}, func() error {
		if slices.Contains(names, o.Name) {
			o.Done = by != ""
			owed = append(owed, o)
		}
		return nil
	})
	return owed, err
}

// payoutsTx looks for the books first: a payout's reference is unique over all of them, but which one it is in is not
// for this package to read off it.
func (d *Desk) payoutsTx(ctx context.Context, tx pgx.Tx, account string, names []string) ([]Owed, error) {
	rows, err := tx.Query(ctx, `SELECT DISTINCT book FROM gateway.expectation
		WHERE book = ANY($1) AND kind = 'payout' AND ref = ANY($2) ORDER BY book`, d.books, names)
	if err != nil {
		return nil, err
	}
	books, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	var owed []Owed
	for _, book := range books {
		list, err := expectation.LockTx(ctx, tx, book, expectation.Payout, names)
		if err != nil {
			return nil, err
		}
		owed = append(owed, fromBank(Payout, account, list)...)
	}
	return owed, nil
}

func fromBank(match Match, account string, list []expectation.Expectation) []Owed {
	var owed []Owed
	for _, e := range list {
		if e.Partner == account {
			owed = append(owed, Owed{Match: match, Name: e.Ref, Amount: e.Amount, Book: e.Book, Done: e.State != expectation.Open})
		}
	}
	return owed
}

// bookTx books what a line is, except a batch paid over (settleTx has) and a debit that is a break. Of the gateway's own
// money what was announced is met; what is more is nobody's yet.
func (d *Desk) bookTx(ctx context.Context, tx pgx.Tx, l line, v Verdict) error {
	switch {
	case v.Owed.Match == Funding && v.Break != Duplicate:
		amount := min(l.Amount, v.Owed.Amount)
		events := []booking.Event{booking.HouseFunded{Head: l.head(), Account: l.account, Amount: amount}}
		if rest := (booking.UnknownCredit{Head: l.head(), Account: l.account, Amount: l.Amount - amount}); rest.Amount > 0 {
			rest.Reference += ":rest"
			events = append(events, rest)
		}
		return d.meetTx(ctx, tx, l, v.Owed, amount, events)
	case v.Owed.Match == Payout && v.Break == Matched:
		return d.meetTx(ctx, tx, l, v.Owed, l.Amount, []booking.Event{
			booking.PayoutExecuted{Head: l.head(), Book: v.Owed.Book, Account: l.account, Amount: l.Amount}})
	case l.Credit && v.Break != Matched:
		_, err := d.postTx(ctx, tx, []booking.Event{booking.UnknownCredit{Head: l.head(), Account: l.account, Amount: l.Amount}})
		return err
	}
	return nil
}

// meetTx posts events and meets the one expectation behind them.
func (d *Desk) meetTx(ctx context.Context, tx pgx.Tx, l line, o Owed, amount int64, events []booking.Event) error {
	days, err := d.postTx(ctx, tx, events)
	if err != nil {
		return err
	}
	list, err := expectation.LockTx(ctx, tx, o.Book, expectation.Kind(o.Match), []string{o.Name})
	if err != nil {
		return err
	}
	for i := range list {
		meet(&list[i], l, amount, days[o.Book])
	}
	return expectation.UpdateTx(ctx, tx, d.Now(), list)
}

// head names the booking of a line. It is effective on the statement's day, also where the bank dates the entry back: the
// account rolls forward by statements, and a day may be closed with every statement up to it and none after. When it
// happened the bank says no more precisely than its booking date.
func (l line) head() booking.Head {
	return booking.Head{Reference: l.key(), Link: l.key(), Occurred: calendar.DateOf(l.booked).At(0), Day: calendar.DateOf(l.day)}
}

// postTx posts events and gives the effective day in each book. A refusal is an error: nothing of the line may stand.
func (d *Desk) postTx(ctx context.Context, tx pgx.Tx, events []booking.Event) (map[string]calendar.Date, error) {
	var txs []ledger.Transaction
	for _, e := range events {
		made, err := e.Transactions()
		if err != nil {
			return nil, err
		}
		txs = append(txs, made...)
	}
	if err := d.Ledger.OpenAccountsTx(ctx, tx, booking.AccountsFor(txs)); err != nil {
		return nil, err
	}
	results, err := d.Ledger.PostTx(ctx, tx, txs)
	if err != nil {
		return nil, err
	}
	if err := ledger.FirstRefusal(results); err != nil {
		return nil, err
	}
	days := make(map[string]calendar.Date, len(txs))
	for i, t := range txs {
		days[t.Book] = calendar.DateOf(results[i].Day)
	}
	return days, nil
}

// markTx stores what a line is, and its break. The text of a matched line, which may name a person, has had its use.
func (d *Desk) markTx(ctx context.Context, tx pgx.Tx, l line, v Verdict, report *Report) error {
	state, ref := "matched", v.Owed.Name
	if v.Break == Matched {
		report.Matched++
	} else {
		state = "break"
		b := Break{Book: v.book(), Kind: v.Break, Partner: l.account, Ref: l.key(), Day: report.Day, Found: l.Amount, Source: l.key()}
		// A batch or a payout stays open and may be paid wrongly again: each such line is a break of its own, and what it
		// names is the source. An announced transfer is met by its first credit.
		switch {
		case v.Break == CreditDiffers:
			b.Partner, b.Source, b.Expected = v.Owed.From, v.Owed.Name, v.Owed.Amount
		case v.Break == AmountDiffers && v.Owed.Match == Payout:
			b.Source, b.Expected = v.Owed.Name, v.Owed.Amount
		case v.Break == AmountDiffers:
			b.Ref, b.Expected = v.Owed.Name, v.Owed.Amount
		}
		ref = b.Ref
		if err := d.openTx(ctx, tx, report, b); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `
		UPDATE gateway.bank_statement_line SET state = $5, kind = $6, matched_book = $7, matched_ref = $8, in_ledger = $9, decided_at = $10,
			remittance = CASE WHEN $5 = 'matched' THEN '' ELSE remittance END
		WHERE book = $1 AND account = $2 AND day = $3 AND no = $4`,
		booking.House, l.account, l.day, l.no, state, v.name(), v.book(), ref, l.Credit || v.Break == Matched, d.Now())
	return err
}
