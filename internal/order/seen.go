package order

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/calendar"
	"exchequer/internal/expectation"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
)

// Holding finds the attempt that holds a bill now: while it does, no other can be started. NotFound when none does. It
// is for showing: whoever may see the bill may see that it is being paid.
func (s *Service) Holding(ctx context.Context, bill string) (Attempt, error) {
	ref, err := reference.Parse(bill)
	if err != nil {
		return Attempt{}, err
	}
	var attempt string
	err = s.Pool.QueryRow(ctx, `SELECT attempt FROM gateway.claim WHERE book = $1 AND bill = $2`, reference.Book(ref), ref).Scan(&attempt)
	if errors.Is(err, pgx.ErrNoRows) {
		return Attempt{}, problem.New(problem.NotFound, "no attempt holds bill %s", ref)
	}
	if err != nil {
		return Attempt{}, err
	}
	return readAttempt(ctx, s.Pool, attempt, "")
}

// Trail is how far the money of an attempt has come. The zero Trail: nothing is booked.
type Trail struct {
	BookedAt  time.Time     // when it was booked; the last book's where there are several
	Excess    int64         // whole đồng of it that pay no bill and go back to the payer
	SettledOn calendar.Date // business day on which the provider's credit for all of it was there; zero before
}

// Trail reads how far the money of an attempt has come, book by book: an order's bills may be of several.
func (s *Service) Trail(ctx context.Context, attempt string) (Trail, error) {
	ref, err := reference.ParseAttempt(attempt)
	if err != nil {
		return Trail{}, err
	}
	rows, err := s.Pool.Query(ctx, `SELECT DISTINCT bill_book FROM gateway.order_bill WHERE book = $1 AND order_ref = $2 ORDER BY bill_book`,
		reference.Book(ref), reference.Order(ref))
	if err != nil {
		return Trail{}, err
	}
	books, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return Trail{}, err
	}
	var t Trail
	settled := true
	for _, book := range books {
		part, err := s.trailIn(ctx, book, ref)
		if errors.Is(err, pgx.ErrNoRows) {
			continue // nothing of this attempt is booked here
		}
		if err != nil {
			return Trail{}, err
		}
		t.Excess += part.Excess
		if part.BookedAt.After(t.BookedAt) {
			t.BookedAt = part.BookedAt
		}
		settled = settled && !part.SettledOn.IsZero()
		if part.SettledOn.After(t.SettledOn) {
			t.SettledOn = part.SettledOn
		}
	}
	if !settled {
		t.SettledOn = calendar.Date{}
	}
	return t, nil
}

func (s *Service) trailIn(ctx context.Context, book, attempt string) (Trail, error) {
	var t Trail
	err := s.Pool.QueryRow(ctx, `
		SELECT p.recorded_at, p.excess, e.met_day FROM gateway.payment AS p
		LEFT JOIN gateway.expectation AS e ON e.book = p.book AND e.kind = $3 AND e.ref = p.attempt AND e.state = $4
		WHERE p.book = $1 AND p.attempt = $2`, book, attempt, expectation.Settlement, expectation.Met).
		Scan(&t.BookedAt, &t.Excess, &t.SettledOn)
	t.BookedAt = t.BookedAt.UTC()
	return t, err
}
