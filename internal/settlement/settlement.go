// Package settlement owns what happens to money once it has arrived: fees made good, payouts to collecting bodies, and
// the close of a business day.
//
// It guarantees that
//   - a fee is made good once, and only with the gateway's own money;
//   - a budget line of a payment is in one payout at most, a payout goes to the account in force when it is approved and
//     takes only what has reached the bank, and what was asked by one person is instructed only on the word of another;
//   - an instruction reaches the bank under one id however often it is sent, and a payout counts as executed by the
//     bank's statement alone;
//   - a day closes only when both roll-forwards agree, each side computed from its own source, and a closed day gives
//     the same signed report whenever it is computed again.
//
// It is not reconciliation: which statement line meets which expectation is decided there, and read here by SQL. It
// meets no expectation itself, except that of a payout which the bank refused.
package settlement

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
	"exchequer/ledger"
)

// Signer signs the report of a closed day: a compact JWS of the payload under a media type. *sign.Keys is one.
type Signer interface {
	Sign(typ string, payload []byte) (string, error)
}

// Law gives what is published now. *publication.Store is one.
type Law interface {
	Current(ctx context.Context) (*publication.Law, error)
}

// Service settles. All fields are needed; Bank only where payouts are sent, Signer only where days are closed.
type Service struct {
	Pool     *pgxpool.Pool
	Ledger   *ledger.Ledger
	Catalog  *catalog.Catalog // books and collection account, as the program began with them
	Law      Law              // its catalogue says where a payout goes, as it is published when the payout is asked for and approved
	Calendar *calendar.Calendar
	Clock    calendar.Clock
	Bank     Bank
	Signer   Signer
}

// RunReport is what one settlement run did.
type RunReport struct {
	Day     calendar.Date `json:"day"`
	Fees    FeesReport    `json:"fees"`
	Payouts []Payout      `json:"payouts"`
}

// Run makes fees good and then proposes the day's payouts: what the house hands over can be paid out in the same run.
// Errors as MakeFeesGood and Propose; it may be repeated.
func (s *Service) Run(ctx context.Context, actor authn.Actor, day calendar.Date) (RunReport, error) {
	report := RunReport{Day: day}
	var err error
	if report.Fees, err = s.MakeFeesGood(ctx, actor, day); err != nil {
		return report, err
	}
	report.Payouts, err = s.Propose(ctx, actor, day)
	return report, err
}

func (s *Service) now() time.Time { return s.Clock.Now().UTC() }

// inTx runs fn in one database transaction, which stands either before the close of a day or after it; fn must be fit
// to run again from the start.
func (s *Service) inTx(ctx context.Context, fn func(pgx.Tx) error) error {
	return pg.Retry(func() error {
		return pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
			if err := s.Ledger.KeepOpenTx(ctx, tx); err != nil {
				return err
			}
			return fn(tx)
		})
	})
}

// begun refuses a day that has not begun: nothing may be booked ahead of its time.
func (s *Service) begun(day calendar.Date) error {
	if day.IsZero() {
		return problem.AtField(problem.Invalid, "day", "name the business day, as YYYY-MM-DD")
	}
	if today := calendar.DayOf(s.now()); day.After(today) {
		return problem.AtField(problem.Invalid, "day", "%s has not begun: today is %s", day, today)
	}
	return nil
}

// postTx posts events and gives the effective day of the first transaction. A refusal is an error: the caller rolls back.
func (s *Service) postTx(ctx context.Context, tx pgx.Tx, e booking.Event) (calendar.Date, error) {
	txs, err := e.Transactions()
	if err != nil {
		return calendar.Date{}, err
	}
	if err := s.Ledger.OpenAccountsTx(ctx, tx, booking.AccountsFor(txs)); err != nil {
		return calendar.Date{}, err
	}
	results, err := s.Ledger.PostTx(ctx, tx, txs)
	if err != nil {
		return calendar.Date{}, err
	}
	if err := ledger.FirstRefusal(results); err != nil {
		return calendar.Date{}, err
	}
	return calendar.DateOf(results[0].Day), nil
}

// Classes of the advisory locks taken here (first key of two).
const (
	lockFees   int32 = 0x73746c66 // "stlf": one run at a time spends the house's money on fees
	lockPayout int32 = 0x73746c70 // "stlp": one run at a time makes or instructs payouts of a book; second key is its hash
)

// lockTx waits for the lock and holds it to the end of the transaction.
func lockTx(ctx context.Context, tx pgx.Tx, class int32, key string) error {
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1::integer, hashtext($2))`, class, key)
	return err
}
