package settlement

import (
	"context"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/approval"
	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/expectation"
	"exchequer/internal/outbox"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
)

// Approve instructs a payout that another person proposed: approval, booking (row 6), what the bank is expected to
// debit, and the job that tells the bank, all or nothing. The same person approving again gets the payout as it stands.
//
// Forbidden where the actor asked for it himself or is not treasury staff of the book; Conflict where it was decided
// before, is no longer what was asked, goes to an account that is no longer the one of its budget lines, or the money is
// no longer there; NotFound; Invalid (malformed reference).
func (s *Service) Approve(ctx context.Context, actor authn.Actor, ref string) (Payout, error) {
	law, err := s.Law.Current(ctx)
	if err != nil {
		return Payout{}, err
	}
	return s.decide(ctx, actor, ref, func(ctx context.Context, tx pgx.Tx, actor authn.Actor, p Payout) error {
		return s.approveTx(ctx, tx, actor, p, law.Catalog)
	})
}

// mostReason is the most of a reason that is kept, in bytes.
const mostReason = 200

// Reject turns a proposed payout down; its payments wait for the next run. The one who asked may do so too. The reason is
// kept for good: one line, and no name of a person. Errors as Approve; Invalid also for a reason that is none.
func (s *Service) Reject(ctx context.Context, actor authn.Actor, ref, reason string) (Payout, error) {
	if len(reason) > mostReason || !utf8.ValidString(reason) || strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return Payout{}, problem.AtField(problem.Invalid, "reason", "give the reason in one line of at most %d bytes", mostReason)
	}
	return s.decide(ctx, actor, ref, func(ctx context.Context, tx pgx.Tx, actor authn.Actor, p Payout) error {
		if p.State == Rejected {
			return nil
		}
		if _, err := approval.RejectTx(ctx, tx, actor, p.approval, s.now()); err != nil {
			return err
		}
		return s.releaseTx(ctx, tx, actor, p, rejection{by: actor.Name(), reason: reason})
	})
}

// decide locks the payout, lets fn act on it, and reads it again.
func (s *Service) decide(ctx context.Context, actor authn.Actor, ref string,
	fn func(context.Context, pgx.Tx, authn.Actor, Payout) error) (Payout, error) {
	ref, err := reference.Parse(ref)
	if err != nil {
		return Payout{}, err
	}
	if err := actor.Require(reference.Book(ref), authn.Treasury); err != nil {
		return Payout{}, err
	}
	var p Payout
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		// Before the row: a run that proposes holds the lock while it counts what is promised.
		if err := lockTx(ctx, tx, lockPayout, reference.Book(ref)); err != nil {
			return err
		}
		if p, err = readPayoutTx(ctx, tx, ref, " FOR UPDATE OF p"); err != nil {
			return err
		}
		if err := fn(ctx, tx, actor, p); err != nil {
			return err
		}
		p, err = readPayoutTx(ctx, tx, ref, "")
		return err
	})
	return p, err
}

func (s *Service) approveTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, p Payout, c *catalog.Catalog) error {
	if p.State != Proposed && p.ApprovedBy == actor.Name() && p.State != Rejected {
		return nil
	}
	digest, err := p.digest()
	if err != nil {
		return err
	}
	if _, err := approval.ApproveTx(ctx, tx, actor, approval.Decision{ID: p.approval, Digest: digest}, s.now()); err != nil {
		return err
	}
	room, err := s.roomTx(ctx, tx, p.Book)
	if err != nil {
		return err
	}
	if room < 0 { // what is proposed, this payout among it, is counted as gone
		return problem.New(problem.Conflict, "payout %s: the book's money at the bank no longer covers what is proposed: reject it and propose again", p.Ref)
	}
	today, err := s.today()
	if err != nil {
		return err
	}
	if err := p.inForce(c, today); err != nil {
		return err
	}
	return s.instructTx(ctx, tx, actor, p, today)
}

// inForce refuses a payout to an account that is not where its lines go on a day: while a request waits an account may
// close, a body be merged, the catalogue be corrected. What two persons agreed on is paid there or not at all, so the
// answer is another payout and not another account in this one.
func (p Payout) inForce(c *catalog.Catalog, on calendar.Date) error {
	for _, l := range p.Lines {
		account, err := c.PayTo(p.Body, l.Budget, on)
		if err != nil || p.payee() != (payee{account.Number, account.At}) {
			return problem.New(problem.Conflict, "payout %s: on %s the money of %s under %s does not go to account %s: reject it and propose again",
				p.Ref, on, p.Body, l.Budget, p.To)
		}
	}
	return nil
}

func (s *Service) instructTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, p Payout, today calendar.Date) error {
	day, err := s.postTx(ctx, tx, booking.PayoutInstructed{
		Head: booking.Head{Reference: "payout-instructed:" + p.Ref, Occurred: s.now(), Day: today, Link: p.Ref},
		Book: p.Book, Account: p.From, Lines: p.payables(),
	})
	if err != nil {
		return err
	}
	due, err := s.Calendar.Next(day)
	if err != nil {
		return err
	}
	err = expectation.WriteTx(ctx, tx, s.now(), []expectation.Expectation{{
		Book: p.Book, Kind: expectation.Payout, Ref: p.Ref, Partner: p.From, Amount: p.Amount, Day: day, DueDay: due,
	}})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE gateway.payout SET state = 'approved', approved_by = $3, approved_at = $4, effective_day = $5
		WHERE book = $1 AND ref = $2`, p.Book, p.Ref, actor.Name(), s.now(), day)
	if err != nil {
		return err
	}
	if _, err := outbox.EnqueueTx(ctx, tx, outbox.Job{Kind: SendJob, Book: p.Book, Ref: p.Ref, Due: s.now()}); err != nil {
		return err
	}
	act := audit.Act{Action: "payout.instruct", Book: p.Book, Subject: p.Ref, Detail: amountDetail(p.Amount)}
	return audit.WriteTx(ctx, tx, actor, act, s.now())
}

// rejection says who turned a payout down and why. reason is a person's or a bank's code, never a name.
type rejection struct{ by, reason string }

// releaseTx marks a payout as rejected and lets its payments go.
func (s *Service) releaseTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, p Payout, r rejection) error {
	var b pgx.Batch
	b.Queue(`UPDATE gateway.payout SET state = 'rejected', rejected_by = $3, rejected_at = $4, reason = $5 WHERE book = $1 AND ref = $2`,
		p.Book, p.Ref, r.by, s.now(), r.reason)
	b.Queue(`UPDATE gateway.payout_item SET held = false WHERE book = $1 AND payout = $2`, p.Book, p.Ref)
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return err
	}
	return audit.WriteTx(ctx, tx, actor, audit.Act{Action: "payout.reject", Book: p.Book, Subject: p.Ref, Detail: amountDetail(p.Amount)}, s.now())
}
