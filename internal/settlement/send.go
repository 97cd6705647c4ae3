package settlement

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/expectation"
	"exchequer/internal/finding"
	"exchequer/internal/outbox"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
)

// SendJob is the kind of outbox job that tells the bank of an approved payout; its ref is the payout's.
const SendJob = "payout.send"

// The findings this package writes.
const (
	PayoutRefused finding.Kind = "payout_refused" // the bank refused an instruction: its payments wait for another payout
	PayoutClash   finding.Kind = "payout_clash"   // the bank knows the id with another content, or refuses what it has paid: ask it before anything else
	DayNotClosed  finding.Kind = "day_not_closed" // a side of a roll-forward does not agree
	// The catalogue has no account for what is owed to a body under a budget line: that money waits until it has one.
	NoPayoutAccount finding.Kind = "no_payout_account"
)

var sender = authn.Exchequer("settlement")

// HandleSend tells the bank of an approved payout; the handler of SendJob. It may run any number of times: the bank
// knows an instruction by its EndToEndId. An outcome that is not known is an error, so the job is run again with the
// same id; only the bank's certain refusal undoes the instruction (row 7).
func (s *Service) HandleSend(ctx context.Context, j outbox.Job) error {
	var p Payout
	err := pg.InTx(ctx, s.Pool, func(tx pgx.Tx) (err error) {
		p, err = readPayoutTx(ctx, tx, j.Ref, "")
		return err
	})
	if err != nil {
		return err
	}
	if p.State != Approved {
		return s.inTx(ctx, func(tx pgx.Tx) error { return outbox.DoneTx(ctx, tx, j, s.now()) })
	}
	err = s.Bank.Pay(ctx, Instruction{
		EndToEndID: p.Ref, DebtorAccount: p.From, CreditorAccount: p.To, CreditorAgent: p.At, Amount: p.Amount, Currency: booking.Currency,
		Remittance: p.Ref,
	})
	refused, certain := errors.AsType[*RefusedError](err)
	switch {
	case err == nil:
		return s.inTx(ctx, func(tx pgx.Tx) error { return s.sentTx(ctx, tx, p, j) })
	case certain:
		err := s.inTx(ctx, func(tx pgx.Tx) error { return s.refusedTx(ctx, tx, p, j, refused.Code) })
		if problem.CodeOf(err) == problem.Conflict {
			return s.clash(ctx, p, err)
		}
		return err
	case errors.Is(err, ErrClash):
		return s.clash(ctx, p, err)
	}
	return fmt.Errorf("payout %s: %w", p.Ref, err)
}

// clash leaves a finding that the bank contradicts itself over a payout, and passes the error on.
func (s *Service) clash(ctx context.Context, p Payout, err error) error {
	f := finding.Finding{Book: p.Book, Kind: PayoutClash, Subject: p.Ref, Detail: amountDetail(p.Amount)}
	return errors.Join(err, s.inTx(ctx, func(tx pgx.Tx) error { return finding.WriteTx(ctx, tx, f, s.now()) }))
}

func (s *Service) sentTx(ctx context.Context, tx pgx.Tx, p Payout, j outbox.Job) error {
	_, err := tx.Exec(ctx, `UPDATE gateway.payout SET state = 'sent', sent_at = $3 WHERE book = $1 AND ref = $2 AND state = 'approved'`,
		p.Book, p.Ref, s.now())
	if err != nil {
		return err
	}
	if err := audit.WriteTx(ctx, tx, sender, audit.Act{Action: "payout.send", Book: p.Book, Subject: p.Ref}, s.now()); err != nil {
		return err
	}
	return outbox.DoneTx(ctx, tx, j, s.now())
}

// refusedTx undoes the instruction: payables again, payments free, nothing expected of the bank, and somebody told.
func (s *Service) refusedTx(ctx context.Context, tx pgx.Tx, p Payout, j outbox.Job, code string) error {
	if err := lockTx(ctx, tx, lockPayout, p.Book); err != nil {
		return err
	}
	// First what the bank's statement would meet: reconciliation locks it before it books the execution, so that of a
	// refusal and an execution only one is booked.
	waits, err := expectation.LockTx(ctx, tx, p.Book, expectation.Payout, []string{p.Ref})
	if err != nil {
		return err
	}
	if p, err = readPayoutTx(ctx, tx, p.Ref, " FOR UPDATE OF p"); err != nil {
		return err
	}
	if p.State != Approved || len(waits) != 1 || waits[0].State != expectation.Open {
		return problem.New(problem.Conflict, "payout %s is %s and the bank refuses it: ask the bank", p.Ref, p.State)
	}
	today, err := s.today()
	if err != nil {
		return err
	}
	day, err := s.postTx(ctx, tx, booking.PayoutRejected{
		Head: booking.Head{Reference: "payout-rejected:" + p.Ref, Occurred: s.now(), Day: today, Link: p.Ref},
		Book: p.Book, Account: p.From, Lines: p.payables(),
	})
	if err != nil {
		return err
	}
	waits[0].State, waits[0].Met, waits[0].MetBy, waits[0].MetDay = expectation.Met, p.Amount, "refused", day
	if err := expectation.UpdateTx(ctx, tx, s.now(), waits); err != nil {
		return err
	}
	if err := s.releaseTx(ctx, tx, sender, p, rejection{by: "bank", reason: code}); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE gateway.payout SET rejected_day = $3 WHERE book = $1 AND ref = $2`, p.Book, p.Ref, day); err != nil {
		return err
	}
	f := finding.Finding{Book: p.Book, Kind: PayoutRefused, Subject: p.Ref, Detail: map[string]string{"code": code}}
	if err := finding.WriteTx(ctx, tx, f, s.now()); err != nil {
		return err
	}
	return outbox.DoneTx(ctx, tx, j, s.now())
}

// today gives the business day of this instant.
func (s *Service) today() (calendar.Date, error) {
	return s.Calendar.OnOrAfter(calendar.DayOf(s.now()))
}
