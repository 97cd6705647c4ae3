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
	"exchequer/internal/reference"
)

// Propose makes the payouts of a day, one a collecting body at most, and asks for a second person's approval: of every
// payment that has come to the bank in full until that day and is in no payout yet. Items are whole and in the order
// in which they came; the first that the book's money at the bank does not cover waits, with all behind it, for the
// next run. Run again it proposes only what has come since. Forbidden unless the actor is treasury staff of the books.
func (s *Service) Propose(ctx context.Context, actor authn.Actor, day calendar.Date) ([]Payout, error) {
	proposed := []Payout{}
	if err := s.begun(day); err != nil {
		return proposed, err
	}
	bodies := s.Catalog.Bodies()
	for _, b := range bodies {
		if err := actor.Require(b.Book, authn.Treasury); err != nil {
			return proposed, err
		}
	}
	slices.SortStableFunc(bodies, func(a, b catalog.Body) int {
		return cmp.Or(strings.Compare(a.Book, b.Book), strings.Compare(a.Code, b.Code))
	})
	for _, body := range bodies {
		var p Payout
		err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
			p, err = s.proposeTx(ctx, tx, actor, body, day)
			return err
		})
		if err != nil {
			return proposed, fmt.Errorf("payout to %s: %w", body.Code, err)
		}
		if p.Amount > 0 {
			proposed = append(proposed, p)
		}
	}
	return proposed, nil
}

func (s *Service) proposeTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, body catalog.Body, day calendar.Date) (Payout, error) {
	if err := lockTx(ctx, tx, lockPayout, body.Book); err != nil {
		return Payout{}, err
	}
	room, err := s.roomTx(ctx, tx, body.Book)
	if err != nil {
		return Payout{}, err
	}
	waiting, err := waitingTx(ctx, tx, body, day)
	if err != nil {
		return Payout{}, err
	}
	p := Payout{
		Book: body.Book, Ref: reference.New(body.Book), Body: body.Code, From: s.Catalog.CollectionAccount().Account,
		Day: day, State: Proposed, RequestedBy: actor.Name(),
	}
	p.fill(waiting, room)
	if p.Amount == 0 {
		return p, nil
	}
	if p.To, err = s.accountOf(p, day); err != nil {
		return p, err
	}
	digest, err := p.digest()
	if err != nil {
		return p, err
	}
	p.approval, err = approval.AskTx(ctx, tx, actor, approval.Request{Kind: approvalKind, Book: p.Book, Ref: p.Ref, Digest: digest,
		Detail: map[string]string{"body": p.Body, "account_from": p.From, "account_to": p.To, "amount": strconv.FormatInt(p.Amount, 10),
			"payments": strconv.Itoa(len(p.Items)), "day": p.Day.String()}}, s.now())
	if err != nil {
		return p, err
	}
	if err := p.insertTx(ctx, tx, s.now()); err != nil {
		return p, err
	}
	act := audit.Act{Action: "payout.propose", Book: p.Book, Subject: p.Ref, Detail: amountDetail(p.Amount)}
	return p, audit.WriteTx(ctx, tx, actor, act, s.now())
}

// accountOf gives the one account to which all lines of a payout go.
func (s *Service) accountOf(p Payout, day calendar.Date) (string, error) {
	var to string
	for _, l := range p.Lines {
		a, err := s.Catalog.PayTo(p.Body, l.Budget, day)
		if err != nil {
			return "", err
		}
		if to != "" && to != a.Number {
			return "", fmt.Errorf("the budget lines go to the accounts %s and %s", to, a.Number)
		}
		to = a.Number
	}
	return to, nil
}

// waitingLine is one budget line of a payment that has come and is in no payout.
type waitingLine struct {
	Attempt string
	Budget  string
	Amount  int64
}

// fill takes whole payments in order while they fit. Lines are those of one payment after another.
func (p *Payout) fill(lines []waitingLine, room int64) {
	for len(lines) > 0 {
		n := 1
		for n < len(lines) && lines[n].Attempt == lines[0].Attempt {
			n++
		}
		item := PayoutItem{Attempt: lines[0].Attempt}
		for _, l := range lines[:n] {
			item.Amount += l.Amount
		}
		if item.Amount > room-p.Amount {
			break
		}
		p.Items = append(p.Items, item)
		p.Amount += item.Amount
		for _, l := range lines[:n] {
			p.addLine(l.Budget, l.Amount)
		}
		lines = lines[n:]
	}
	// One order each, that of the rows when they are read again: the digest is over both.
	slices.SortFunc(p.Items, func(a, b PayoutItem) int { return strings.Compare(a.Attempt, b.Attempt) })
	slices.SortFunc(p.Lines, func(a, b PayoutLine) int { return strings.Compare(a.Budget, b.Budget) })
}

func (p *Payout) addLine(budget string, amount int64) {
	i := slices.IndexFunc(p.Lines, func(l PayoutLine) bool { return l.Budget == budget })
	if i < 0 {
		p.Lines = append(p.Lines, PayoutLine{Budget: budget})
		i = len(p.Lines) - 1
	}
	p.Lines[i].Amount += amount
}

// waitingTx reads what has come in full for a body until a day and is in no payout, in the order in which it came.
func waitingTx(ctx context.Context, tx pgx.Tx, body catalog.Body, day calendar.Date) ([]waitingLine, error) {
	rows, err := tx.Query(ctx, `
		SELECT l.attempt, l.budget, l.amount
		FROM gateway.expectation e
		JOIN gateway.payment_line l ON l.book = $1 AND l.attempt = e.ref AND l.body = $2
		WHERE e.book = $1 AND e.kind = $3 AND e.state = $4 AND e.met_day <= $5
		  AND NOT EXISTS (SELECT FROM gateway.payout_item i WHERE i.book = $1 AND i.body = $2 AND i.attempt = e.ref AND i.held)
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
