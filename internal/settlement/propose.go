package settlement

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/approval"
	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/expectation"
	"exchequer/internal/finding"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
)

// Propose makes the payouts of a day and asks for a second person's approval: of every payment that has come to the bank
// in full until that day, each of its budget lines that is in no payout yet, one payout a body and account.
//
// The accounts are those in force on the business day of the run, whatever day is settled: no closed one is paid to. A
// payment's lines are taken together and in the order in which payments came; the first payment that the book's money
// at the bank does not cover waits, with all behind it, for the next run. A line for which the catalogue has no account
// waits by itself, and a finding says so. Run again it proposes only what has come since. Forbidden unless the actor is
// treasury staff of the books.
func (s *Service) Propose(ctx context.Context, actor authn.Actor, day calendar.Date) ([]Payout, error) {
	proposed := []Payout{}
	if err := s.begun(day); err != nil {
		return proposed, err
	}
	r, err := s.payoutRun(ctx, actor, day)
	if err != nil {
		return proposed, err
	}
	bodies := r.published.Bodies()
	for _, b := range bodies {
		if err := actor.Require(b.Book, authn.Treasury); err != nil {
			return proposed, err
		}
	}
	slices.SortStableFunc(bodies, func(a, b catalog.Body) int {
		return cmp.Or(strings.Compare(a.Book, b.Book), strings.Compare(a.Code, b.Code))
	})
	for _, body := range bodies {
		var payouts []Payout
		err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
			payouts, err = r.proposeTx(ctx, tx, body)
			return err
		})
		if err != nil {
			return proposed, fmt.Errorf("payout to %s: %w", body.Code, err)
		}
		proposed = append(proposed, payouts...)
	}
	return proposed, nil
}

// payoutRun is what one run goes by from its beginning to its end.
type payoutRun struct {
	*Service
	actor     authn.Actor
	published *catalog.Catalog // where money goes, as it stands when the run begins
	day       calendar.Date    // until which payments have come
	today     calendar.Date    // on which the bank would be told
}

func (s *Service) payoutRun(ctx context.Context, actor authn.Actor, day calendar.Date) (payoutRun, error) {
	law, err := s.Law.Current(ctx)
	if err != nil {
		return payoutRun{}, err
	}
	today, err := s.today()
	return payoutRun{s, actor, law.Catalog, day, today}, err
}

func (r payoutRun) proposeTx(ctx context.Context, tx pgx.Tx, body catalog.Body) ([]Payout, error) {
	if err := lockTx(ctx, tx, lockPayout, body.Book); err != nil {
		return nil, err
	}
	room, err := r.roomTx(ctx, tx, body.Book)
	if err != nil {
		return nil, err
	}
	waiting, err := waitingTx(ctx, tx, body, r.day)
	if err != nil {
		return nil, err
	}
	if waiting, err = r.addressTx(ctx, tx, body, waiting); err != nil {
		return nil, err
	}
	blank := Payout{
		Book: body.Book, Body: body.Code, From: r.Catalog.CollectionAccount().Account, Day: r.day, State: Proposed, RequestedBy: r.actor.Name(),
	}
	payouts := blank.fill(waiting, room)
	for i := range payouts {
		if err := r.askTx(ctx, tx, r.actor, &payouts[i]); err != nil {
			return nil, err
		}
	}
	return payouts, nil
}

// askTx stores a payout and asks for its approval.
func (s *Service) askTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, p *Payout) error {
	digest, err := p.digest()
	if err != nil {
		return err
	}
	p.approval, err = approval.AskTx(ctx, tx, actor, approval.Request{Kind: approvalKind, Book: p.Book, Ref: p.Ref, Digest: digest,
		Detail: map[string]string{"body": p.Body, "account_from": p.From, "account_to": p.To, "account_at": p.At,
			"amount": strconv.FormatInt(p.Amount, 10), "payments": strconv.Itoa(p.payments()), "day": p.Day.String()}}, s.now())
	if err != nil {
		return err
	}
	if err := p.insertTx(ctx, tx, s.now()); err != nil {
		return err
	}
	act := audit.Act{Action: "payout.propose", Book: p.Book, Subject: p.Ref, Detail: amountDetail(p.Amount)}
	return audit.WriteTx(ctx, tx, actor, act, s.now())
}

// waitingLine is one budget line of a payment that has come and is in no payout.
type waitingLine struct {
	Attempt string
	Line    int
	Budget  string
	Amount  int64
	To, At  string // the account it goes to
}

// addressTx gives each line the account it goes to, and leaves out those that have none.
func (r payoutRun) addressTx(ctx context.Context, tx pgx.Tx, body catalog.Body, lines []waitingLine) ([]waitingLine, error) {
	accounts := make(map[string]catalog.Account)
	for i := range lines {
		l := &lines[i]
		account, known := accounts[l.Budget]
		if !known {
			var err error
			if account, err = r.accountTx(ctx, tx, body, l.Budget); err != nil {
				return nil, err
			}
			accounts[l.Budget] = account
		}
		l.To, l.At = account.Number, account.At
	}
	return slices.DeleteFunc(lines, func(l waitingLine) bool { return l.To == "" }), nil
}

// accountTx gives the account of a budget line; none, and a finding for a person, where the catalogue has none.
func (r payoutRun) accountTx(ctx context.Context, tx pgx.Tx, body catalog.Body, budget string) (catalog.Account, error) {
	account, err := r.published.PayTo(body.Code, budget, r.today)
	switch problem.CodeOf(err) {
	case problem.NotFound, problem.Refused:
		f := finding.Finding{Book: body.Book, Kind: NoPayoutAccount, Subject: body.Code + ":" + budget,
			Detail: map[string]string{"body": body.Code, "budget": budget, "on": r.today.String()}}
		return catalog.Account{}, finding.WriteTx(ctx, tx, f, r.now())
	}
	return account, err
}

// fill takes whole payments in order while they fit, each line into the payout to its account. Lines are those of one
// payment after another.
func (p Payout) fill(lines []waitingLine, room int64) []Payout {
	var payouts []Payout
	for len(lines) > 0 {
		n, amount := 0, int64(0)
		for ; n < len(lines) && lines[n].Attempt == lines[0].Attempt; n++ {
			amount += lines[n].Amount
		}
		if amount > room {
			break
		}
		room -= amount
		for _, l := range lines[:n] {
			i := slices.IndexFunc(payouts, func(o Payout) bool { return o.To == l.To && o.At == l.At })
			if i < 0 {
				i = len(payouts)
				payouts = append(payouts, p)
				payouts[i].Ref, payouts[i].To, payouts[i].At = reference.New(p.Book), l.To, l.At
			}
			payouts[i].take(l)
		}
		lines = lines[n:]
	}
	for _, o := range payouts {
		// One order each, that of the rows when they are read again: the digest is over both.
		slices.SortFunc(o.Items, func(a, b PayoutItem) int {
			return cmp.Or(strings.Compare(a.Attempt, b.Attempt), cmp.Compare(a.Line, b.Line))
		})
		slices.SortFunc(o.Lines, func(a, b PayoutLine) int { return strings.Compare(a.Budget, b.Budget) })
	}
	slices.SortFunc(payouts, func(a, b Payout) int { return cmp.Or(strings.Compare(a.At, b.At), strings.Compare(a.To, b.To)) })
	return payouts
}

// take adds a line.
func (p *Payout) take(l waitingLine) {
	p.Amount += l.Amount
	p.Items = append(p.Items, PayoutItem{l.Attempt, l.Line, l.Amount})
	i := slices.IndexFunc(p.Lines, func(o PayoutLine) bool { return o.Budget == l.Budget })
	if i < 0 {
		i = len(p.Lines)
		p.Lines = append(p.Lines, PayoutLine{Budget: l.Budget})
	}
	p.Lines[i].Amount += l.Amount
}

// waitingTx reads what has come in full for a body until a day and is in no payout, in the order in which it came.
func waitingTx(ctx context.Context, tx pgx.Tx, body catalog.Body, day calendar.Date) ([]waitingLine, error) {
	rows, err := tx.Query(ctx, `
		SELECT l.attempt, l.no, l.budget, l.amount, '', ''
		FROM gateway.expectation e
		JOIN gateway.payment_line l ON l.book = $1 AND l.attempt = e.ref AND l.body = $2
		WHERE e.book = $1 AND e.kind = $3 AND e.state = $4 AND e.met_day <= $5
		  AND NOT EXISTS (SELECT FROM gateway.payout_item i WHERE i.book = $1 AND i.attempt = e.ref AND i.line = l.no AND i.held)
		ORDER BY e.met_day, e.day, l.attempt COLLATE "C", l.no`, body.Book, body.Code, expectation.Settlement, expectation.Met, day)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[waitingLine])
}

// roomTx gives what may still be paid out of a book's share of the collection account: what is there, less what is
// instructed or proposed, less what is there of the payers' excess. A fee that is not yet made good is missing here.
func (s *Service) roomTx(ctx context.Context, tx pgx.Tx, book string) (int64, error) {
	account := s.Catalog.CollectionAccount().Account
	var room int64
	// One statement, so one view: read one after the other, a payout that is executed in between would count neither as
	// instructed nor as gone from the bank.
	err := tx.QueryRow(ctx, `
		SELECT (SELECT coalesce(sum(debits_posted - credits_posted), 0)::bigint FROM ledger.balances WHERE book = $1 AND account = $2)
		     - (SELECT coalesce(sum(credits_posted - debits_posted), 0)::bigint FROM ledger.balances WHERE book = $1 AND account = $3)
		     - (SELECT coalesce(sum(amount), 0)::bigint FROM gateway.payout WHERE book = $1 AND account_from = $4 AND state = 'proposed')
		     - (SELECT coalesce(sum(greatest(p.excess - p.refunded, 0)), 0)::bigint
		        FROM gateway.payment p JOIN gateway.expectation e ON e.book = $1 AND e.kind = $5 AND e.ref = p.attempt
		        WHERE p.book = $1 AND p.excess > 0 AND e.state = $6)`,
		book, booking.Bank(account), booking.Payout(account), account, expectation.Settlement, expectation.Met).Scan(&room)
	return room, err
}
