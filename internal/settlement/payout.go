package settlement

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/approval"
	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/expectation"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
)

// State is where a payout stands.
type State string

// Proposed waits for a second person. Approved is booked and on its way to the bank. Sent was taken by the bank.
// Executed: the bank's statement shows it. Rejected, by a person or by the bank: its payments wait for another payout.
const (
	Proposed State = "proposed"
	Approved State = "approved"
	Sent     State = "sent"
	Executed State = "executed"
	Rejected State = "rejected"
)

// Payout is money handed over for a collecting body in one transfer to one account. Ref is its EndToEndId at the bank. Amounts are whole
// đồng; the lines and the items each add up to Amount.
type Payout struct {
	Book        string        `json:"book"`
	Ref         string        `json:"ref"`
	Body        string        `json:"body"`
	From        string        `json:"account_from"`
	To          string        `json:"account_to"`
	At          string        `json:"account_at"` // treasury unit or bank that keeps account_to; "" for those of before it was kept
	Amount      int64         `json:"amount"`
	Day         calendar.Date `json:"day"`
	State       State         `json:"state"`
	RequestedBy string        `json:"requested_by"`
	ApprovedBy  string        `json:"approved_by,omitempty"`
	Reason      string        `json:"reason,omitempty"` // why it was rejected
	Lines       []PayoutLine  `json:"lines"`
	Items       []PayoutItem  `json:"items"`

	approval int64
}

// PayoutLine is a payout's amount under one budget code.
type PayoutLine struct {
	Budget string `json:"budget"`
	Amount int64  `json:"amount"`
}

// PayoutItem is one budget line of one payment. A line is in one payout at most that was not rejected; a payment whose
// lines go to several accounts has items in several.
type PayoutItem struct {
	Attempt string `json:"attempt"`
	Line    int    `json:"line"` // counted from 1 within the payment
	Amount  int64  `json:"amount"`
}

// approvalKind is the kind of a payout's request for approval.
const approvalKind = "payout"

// digest binds what is approved to what was asked.
func (p Payout) digest() (string, error) {
	return approval.Digest(struct {
		Book, Ref, Body, From, To, At string
		Amount                        int64
		Day                           calendar.Date
		Lines                         []PayoutLine
		Items                         []PayoutItem
	}{p.Book, p.Ref, p.Body, p.From, p.To, p.At, p.Amount, p.Day, p.Lines, p.Items})
}

// payments counts those it is made of.
func (p Payout) payments() int {
	attempts := make(map[string]bool)
	for _, it := range p.Items {
		attempts[it.Attempt] = true
	}
	return len(attempts)
}

func (p Payout) payee() payee { return payee{p.To, p.At} }

func (p Payout) payables() []booking.PayableLine {
	out := make([]booking.PayableLine, len(p.Lines))
	for i, l := range p.Lines {
		out[i] = booking.PayableLine{Body: p.Body, Budget: l.Budget, Amount: l.Amount}
	}
	return out
}

// Get gives a payout to treasury staff of its book, and to the body's officers. NotFound, Forbidden, Invalid (malformed
// reference).
func (s *Service) Get(ctx context.Context, actor authn.Actor, ref string) (p Payout, err error) {
	if ref, err = reference.Parse(ref); err != nil {
		return Payout{}, err
	}
	if err := actor.Require(reference.Book(ref), authn.Treasury, authn.Officer); err != nil {
		return Payout{}, err
	}
	err = pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		p, err = readPayoutTx(ctx, tx, ref, "")
		return err
	})
	return p, err
}

// List gives a book's payouts of a day, all days for the zero Date, oldest first. Forbidden as Get.
func (s *Service) List(ctx context.Context, actor authn.Actor, book string, day calendar.Date) ([]Payout, error) {
	if err := actor.Require(book, authn.Treasury, authn.Officer); err != nil {
		return nil, err
	}
	payouts := []Payout{}
	err := pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT ref FROM gateway.payout WHERE book = $1 AND ($2::date IS NULL OR day = $2)
			ORDER BY requested_at, ref`, book, day)
		if err != nil {
			return err
		}
		refs, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, ref := range refs {
			p, err := readPayoutTx(ctx, tx, ref, "")
			if err != nil {
				return err
			}
			payouts = append(payouts, p)
		}
		return nil
	})
	return payouts, err
}

// readPayoutTx reads a payout whole; lock is "" or " FOR UPDATE OF p".
func readPayoutTx(ctx context.Context, tx pgx.Tx, ref, lock string) (Payout, error) {
	p := Payout{Book: reference.Book(ref), Ref: ref}
	var approvedBy *string
	var met bool
	err := tx.QueryRow(ctx, `
		SELECT p.body, p.account_from, p.account_to, p.account_at, p.amount, p.day, p.state, p.requested_by, p.approved_by, p.reason, p.approval,
		       EXISTS (SELECT FROM gateway.expectation e WHERE e.book = $1 AND e.kind = $3 AND e.ref = $2 AND e.state = $4)
		FROM gateway.payout p WHERE p.book = $1 AND p.ref = $2`+lock, p.Book, ref, expectation.Payout, expectation.Met).
		Scan(&p.Body, &p.From, &p.To, &p.At, &p.Amount, &p.Day, &p.State, &p.RequestedBy, &approvedBy, &p.Reason, &p.approval, &met)
	if err == pgx.ErrNoRows {
		return p, problem.New(problem.NotFound, "no payout %s", ref)
	}
	if err != nil {
		return p, err
	}
	if approvedBy != nil {
		p.ApprovedBy = *approvedBy
	}
	// The bank's statement may be faster than the bank's answer to the instruction.
	if met && p.State != Rejected {
		p.State = Executed
	}
	rows, err := tx.Query(ctx, `SELECT budget, amount FROM gateway.payout_line WHERE book = $1 AND payout = $2 ORDER BY no`, p.Book, ref)
	if err != nil {
		return p, err
	}
	if p.Lines, err = pgx.CollectRows(rows, pgx.RowToStructByPos[PayoutLine]); err != nil {
		return p, err
	}
	rows, err = tx.Query(ctx, `SELECT attempt, line, amount FROM gateway.payout_item WHERE book = $1 AND payout = $2 ORDER BY attempt COLLATE "C", line`, p.Book, ref)
	if err != nil {
		return p, err
	}
	p.Items, err = pgx.CollectRows(rows, pgx.RowToStructByPos[PayoutItem])
	return p, err
}

// insertTx stores a proposed payout with its lines and items.
func (p Payout) insertTx(ctx context.Context, tx pgx.Tx, at time.Time) error {
	var b pgx.Batch
	b.Queue(`INSERT INTO gateway.payout (book, ref, body, account_from, account_to, account_at, amount, day, state, approval, requested_by, requested_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		p.Book, p.Ref, p.Body, p.From, p.To, p.At, p.Amount, p.Day, p.State, p.approval, p.RequestedBy, at)
	for i, l := range p.Lines {
		b.Queue(`INSERT INTO gateway.payout_line (book, payout, no, budget, amount) VALUES ($1, $2, $3, $4, $5)`,
			p.Book, p.Ref, i+1, l.Budget, l.Amount)
	}
	attempts, lines, amounts := make([]string, len(p.Items)), make([]int, len(p.Items)), make([]int64, len(p.Items))
	for i, it := range p.Items {
		attempts[i], lines[i], amounts[i] = it.Attempt, it.Line, it.Amount
	}
	b.Queue(`INSERT INTO gateway.payout_item (book, payout, attempt, line, amount)
		SELECT $1, $2, i.attempt, i.line, i.amount FROM unnest($3::text[], $4::int[], $5::bigint[]) AS i (attempt, line, amount)`,
		p.Book, p.Ref, attempts, lines, amounts)
	return tx.SendBatch(ctx, &b).Close()
}
