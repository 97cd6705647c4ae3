package settlement

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/ledger"
)

// FeesReport is what a run made good and what still waits for the house's money. Amounts are whole đồng.
type FeesReport struct {
	MadeGood []FeeMadeGood `json:"made_good"`
	Waiting  int64         `json:"waiting"` // owed to the books, and the house has not got it
}

// FeeMadeGood is one book's provider fees, paid by the house.
type FeeMadeGood struct {
	Book      string `json:"book"`
	Reference string `json:"reference"`
	Amount    int64  `json:"amount"` // đồng
}

// MakeFeesGood pays each book what providers kept back from its money (row 3, last line), books in order, as far as the
// house's own money goes; the rest waits for funding. The house's own money is its share of the collection account less
// what is unallocated: that is somebody's, though nobody knows whose. Forbidden unless the actor is treasury staff.
func (s *Service) MakeFeesGood(ctx context.Context, actor authn.Actor, day calendar.Date) (FeesReport, error) {
	report := FeesReport{MadeGood: []FeeMadeGood{}}
	if err := s.begun(day); err != nil {
		return report, err
	}
	if err := actor.Require(booking.House, authn.Treasury); err != nil {
		return report, err
	}
	books, err := s.booksWith(ctx, s.Catalog)
	if err != nil {
		return report, err
	}
	for _, book := range books {
		if book == booking.House {
			continue
		}
		var paid FeeMadeGood
		var waiting int64
		err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
			paid, waiting, err = s.makeGoodTx(ctx, tx, actor, book, day)
			return err
		})
		if err != nil {
			return report, fmt.Errorf("fees of book %s: %w", book, err)
		}
		report.Waiting += waiting
		if paid.Amount > 0 {
			report.MadeGood = append(report.MadeGood, paid)
		}
	}
	return report, nil
}

func (s *Service) makeGoodTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, book string, day calendar.Date) (FeeMadeGood, int64, error) {
	// Only runs like this one lower the debt, so with the lock in hand it can only grow until the commit. The house's
	// bank account is guarded by its limit.
	if err := lockTx(ctx, tx, lockFees, booking.House); err != nil {
		return FeeMadeGood{}, 0, err
	}
	owed, err := s.balanceTx(ctx, tx, book, booking.DueFrom(booking.House))
	if err != nil || owed.Net() <= 0 {
		return FeeMadeGood{}, 0, err
	}
	own, err := s.ownMoneyTx(ctx, tx)
	if err != nil {
		return FeeMadeGood{}, 0, err
	}
	amount := min(owed.Net(), max(own, 0))
	if amount == 0 {
		return FeeMadeGood{}, owed.Net(), nil
	}
	// The reference says up to which total the book's fees are made good: paying the same đồng twice would need the
	// same reference twice, which the ledger posts once.
	paid := FeeMadeGood{Book: book, Reference: fmt.Sprintf("fee-made-good:%s:%d", book, owed.CreditsPosted+amount), Amount: amount}
	_, err = s.postTx(ctx, tx, booking.FeeMadeGood{
		Head: booking.Head{Reference: paid.Reference, Occurred: s.now(), Day: day},
		Book: book, Account: s.Catalog.CollectionAccount().Account, Amount: amount,
	})
	if err != nil {
		return FeeMadeGood{}, 0, err
	}
	act := audit.Act{Action: "fee.make_good", Book: book, Subject: paid.Reference, Detail: amountDetail(amount)}
	return paid, owed.Net() - amount, audit.WriteTx(ctx, tx, actor, act, s.now())
}

// ownMoneyTx gives what of the house's bank balance is the gateway's own.
func (s *Service) ownMoneyTx(ctx context.Context, tx pgx.Tx) (int64, error) {
	bank, err := s.balanceTx(ctx, tx, booking.House, booking.Bank(s.Catalog.CollectionAccount().Account))
	if err != nil {
		return 0, err
	}
	strangers, err := s.balanceTx(ctx, tx, booking.House, booking.Unallocated)
	return bank.Net() - strangers.Net(), err
}

// balanceTx gives what stands on one account now; zeros where it is not open.
func (s *Service) balanceTx(ctx context.Context, tx pgx.Tx, book, account string) (ledger.Balance, error) {
	balances, err := s.Ledger.BalancesTx(ctx, tx, ledger.Query{Book: book, Prefix: account})
	if err != nil {
		return ledger.Balance{}, err
	}
	i := slices.IndexFunc(balances, func(b ledger.Balance) bool { return b.Account == account })
	if i < 0 {
		return ledger.Balance{Book: book, Account: account}, nil
	}
	return balances[i], nil
}

func amountDetail(amount int64) map[string]string {
	return map[string]string{"amount": strconv.FormatInt(amount, 10)}
}
