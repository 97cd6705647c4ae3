package story

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"exchequer/providers/vnpay/simulator"
)

// atOnce is how many payers pay at the same time.
const atOnce = 6

func (r *run) key(n int, what string) string { return fmt.Sprintf("story-%d-%d-%s", r.no, n, what) }

// payAll lets every payer find his bill, open an order and pay it at the provider's page.
func (r *run) payAll(ctx context.Context) error {
	cast := cast(r.no, r.days[0])
	var sum atomic.Int64
	var told sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for _, who := range cast {
		group.Go(func() error {
			amount, err := r.pay(ctx, who)
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
	choice := "pay"
	if who.twist == cancels {
		choice = "cancel"
	}
	if err := r.choose(ctx, first, choice); err != nil {
		return 0, err
	}
	if who.twist == changes {
		return bill.Amount, r.changeMind(ctx, who, o, first)
	}
	return bill.Amount, nil
}

// choose goes to the provider's page unless the payer has decided there before: a run that goes on meets its own past.
func (r *run) choose(ctx context.Context, a attemptAnswer, choice string) error {
	switch a.State {
	case "created", "pending", "unknown":
		return r.portal.choose(ctx, a, r.VNPAY, choice)
	}
	return nil
}

// changeMind is the payer who has paid, hears nothing, gives that attempt up and pays again; then the first one's
// late notification arrives.
func (r *run) changeMind(ctx context.Context, who payer, o orderAnswer, first attemptAnswer) error {
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
		if err := r.choose(ctx, second, "pay"); err != nil {
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
	return r.portal.post(ctx, r.VNPAY+"/faults/release", simulator.Fault{TxnRef: first.Ref, Kind: simulator.IPNLate})
}

// becomeCertain moves the clock on, a few minutes at a time, until the notifications, their repeats and the questions
// have made every attempt certain.
func (r *run) becomeCertain(ctx context.Context) error {
	for start := time.Now(); ; {
		open, err := r.uncertain(ctx)
		if err != nil {
			return err
		}
		if len(open) == 0 {
			r.note("every attempt is certain")
			return nil
		}
		if time.Since(start) > r.Patience {
			return fmt.Errorf("%w: attempts %v are not certain", errUnsettled, open)
		}
		// Give the machine a moment for what is under way before the clock moves past it.
		time.Sleep(100 * time.Millisecond)
		if err := r.Clock.AdvanceTo(ctx, r.Clock.Now().Add(step)); err != nil {
			return err
		}
	}
}

// uncertain lists the attempts of every order that are not certain yet.
func (r *run) uncertain(ctx context.Context) ([]string, error) {
	rows, err := r.Pool.Query(ctx, `SELECT ref FROM gateway.attempt
		WHERE state NOT IN ('succeeded', 'failed', 'cancelled', 'expired', 'reversed') ORDER BY ref`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
