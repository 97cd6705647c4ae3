package story

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"exchequer/internal/outbox"
	"exchequer/providers/vnpay/simulator"
)

// atOnce is how many payers pay at the same time.
const atOnce = 6

func (r *run) key(n int, what string) string { return fmt.Sprintf("story-%d-%d-%s", r.no, n, what) }

// payAll lets every payer find his bill, open an order and pay it at the provider's page.
func (r *run) payAll(ctx context.Context) error {
	cast := cast(r.no, r.days[0])
	var sum, turnedAway atomic.Int64
	var told sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, who := range cast {
		group.Go(func() error {
			amount, err := r.pay(ctx, who)
			if errors.Is(err, errRefused) {
				turnedAway.Add(1)
				err = nil
			}
			if err != nil {
				return fmt.Errorf("payer %d (%s): %w", who.no, who.service, err)
			}
			sum.Add(amount)
			told.Lock()
			defer told.Unlock()
			r.tell("payers pay")
			return nil
		})
	}
	err := group.Wait()
	r.note("%d payers over three tariffs: bills of %d đồng", len(cast), sum.Load())
	if n := turnedAway.Load(); n > 0 {
		r.note("%d of them were told that the law on file gives no certain amount on this day", n)
	}
	return err
}

func (r *run) pay(ctx context.Context, who payer) (int64, error) {
	bill, err := r.portal.bill(ctx, who, r.key(who.no, "bill"))
	if err != nil {
		return 0, err
	}
	o, err := r.portal.open(ctx, r.key(who.no, "order"), bill.Ref)
	if err != nil {
		return 0, err
	}
	first, err := r.portal.start(ctx, r.key(who.no, "attempt"), o.Ref)
	if err != nil {
		return 0, err
	}
	if who.fault != nil {
		f := *who.fault
		f.TxnRef = first.Ref
		if f.Kind == simulator.IPNWrongAmount {
			f.Amount += bill.Amount // one đồng more than was paid
		}
		if err := r.portal.post(ctx, r.VNPAY+"/faults", f); err != nil {
			return 0, err
		}
	}
	switch who.twist {
	case changes:
		err = r.changeMind(ctx, who, o, first)
	case cancels:
		err = r.portal.choose(ctx, first, r.VNPAY, "cancel")
	default:
		err = r.portal.choose(ctx, first, r.VNPAY, "pay")
	}
	return bill.Amount, err
}

// changeMind is the payer who opens the provider's page, does not decide, gives that attempt up and pays another one;
// then he finds the first page still open in another tab and pays there too. A run that goes on meets its own past: an
// answer that is replayed says how the attempt stood then, so the order is looked at, and a page on which was decided
// only leads back.
func (r *run) changeMind(ctx context.Context, who payer, o orderAnswer, first attemptAnswer) error {
	if err := r.portal.look(ctx, first, r.VNPAY); err != nil {
		return err
	}
	if err := r.portal.abandon(ctx, o.Ref, first.Ref); err != nil {
		return err
	}
	now, err := r.portal.order(ctx, o.Ref)
	if err != nil {
		return err
	}
	if now.State == "open" {
		second, err := r.portal.start(ctx, r.key(who.no, "attempt-2"), o.Ref)
		if err != nil {
			return err
		}
		if err := r.portal.choose(ctx, second, r.VNPAY, "pay"); err != nil {
			return err
		}
	}
	err = r.until(ctx, "the second attempt", func(ctx context.Context) (bool, error) {
		now, err := r.portal.order(ctx, o.Ref)
		return err == nil && now.State == "paid", err
	})
	if err != nil {
		return err
	}
	if err := r.portal.choose(ctx, first, r.VNPAY, "pay"); err != nil {
		return err
	}
	return r.portal.post(ctx, r.VNPAY+"/faults/release", simulator.Fault{TxnRef: first.Ref, Kind: simulator.IPNLate})
}

// becomeCertain moves the clock on, a few minutes at a time, until the notifications, their repeats and the questions
// have made every attempt certain. It moves only when there is nothing to do now.
func (r *run) becomeCertain(ctx context.Context) error {
	err := r.until(ctx, "every attempt to be certain", func(ctx context.Context) (bool, error) {
		rows, err := r.Pool.Query(ctx, uncertain(`SELECT ref`)+` ORDER BY ref`)
		if err != nil {
			return false, err
		}
		open, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(open) == 0 {
			return err == nil, err
		}
		if busy, err := r.busy(ctx); busy || err != nil {
			return false, err
		}
		if err := r.Clock.AdvanceTo(ctx, r.Clock.Now().Add(step)); err != nil {
			return false, err
		}
		return false, fmt.Errorf("attempts %v are not certain", open)
	})
	if err == nil {
		r.note("every attempt is certain")
	}
	return err
}

// uncertain selects from the attempts that are not certain.
func uncertain(what string) string {
	return what + ` FROM gateway.attempt WHERE state NOT IN ('succeeded', 'failed', 'cancelled', 'expired', 'reversed')`
}

// busy reports whether the workers or the provider have something to do now.
func (r *run) busy(ctx context.Context) (bool, error) {
	work, err := outbox.Backlogs(ctx, r.Pool, r.Clock.Now())
	if err != nil {
		return false, err
	}
	for _, b := range work {
		if b.Due+b.InHand > 0 {
			return true, nil
		}
	}
	book, err := r.provider(ctx)
	return slices.ContainsFunc(book.Payments, unheard), err
}

// unheard reports whether the first notification of a payment is still to be sent.
func unheard(p simulator.Payment) bool {
	return p.State != simulator.Open && len(p.Calls) == 0 && !slices.ContainsFunc(p.Faults, func(f simulator.Fault) bool {
		return f.Kind == simulator.IPNLost || f.Kind == simulator.IPNLate
	})
}
