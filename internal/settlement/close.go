package settlement

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/finding"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/ledger"
)

// CloseType is the media type under which a book's close is signed.
const CloseType = "exchequer-day-close+json"

// errDisagrees rolls a close back whose sides do not agree.
var errDisagrees = errors.New("the roll-forwards do not agree")

// Close closes a business day in all books of the gateway: when both roll-forwards agree, the ledger takes no more entries of the day
// and each book's report is kept and signed. Where a side does not agree the answer has Closed false and says why in
// Findings, nothing is closed, and a finding is left for a person. A day that is closed already gives its report.
//
// Days are closed in order, from the first with postings; the days off before a business day belong to it. Conflict:
// the day before is open, or the day's bank statement is not there; Invalid: not a business day, or not begun;
// Forbidden unless the actor is treasury staff of all books.
func (s *Service) Close(ctx context.Context, actor authn.Actor, day calendar.Date) (Close, error) {
	if err := s.begun(day); err != nil {
		return Close{}, err
	}
	if s.Signer == nil {
		return Close{}, problem.New(problem.Unavailable, "no signing key: a close is kept signed or not at all")
	}
	var c Close
	err := pg.Retry(func() error {
		return pg.InTx(ctx, s.Pool, func(tx pgx.Tx) (err error) {
			c, err = s.closeTx(ctx, tx, actor, day)
			return err
		})
	})
	if !errors.Is(err, errDisagrees) {
		return c, err
	}
	return c, s.inTx(ctx, func(tx pgx.Tx) error {
		f := finding.Finding{Book: booking.House, Kind: DayNotClosed, Subject: day.String(),
			Detail: map[string]string{"first": c.Findings[0].Code, "book": c.Findings[0].Book, "subject": c.Findings[0].Subject}}
		return finding.WriteTx(ctx, tx, f, s.now())
	})
}

func (s *Service) closeTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, day calendar.Date) (Close, error) {
	// What reconciliation and settlement record stands before this or after it as a whole: else a row that carries a time
	// before the close, and was committed after it, would make the report another one when it is computed again.
	if err := s.Ledger.AwaitCloseTx(ctx, tx); err != nil {
		return Close{}, err
	}
	books, err := s.openBooksTx(ctx, tx)
	if err != nil {
		return Close{}, err
	}
	for _, book := range books {
		if err := actor.Require(book, authn.Treasury); err != nil {
			return Close{}, err
		}
	}
	if c, err := readCloseTx(ctx, tx, day); err != nil || c.Closed {
		return c, err
	}
	after, err := s.afterTx(ctx, tx, books, day)
	if err != nil {
		return Close{}, err
	}
	// The ledger's day is closed first: with that in hand nothing of the day is under way in any book, so that what is read
	// from here on is all there will ever be of it. Payments of later days go on. Undone with the transaction where a side
	// does not agree.
	for _, book := range books {
		if err := s.Ledger.CloseDayTx(ctx, tx, book, day.UTC(), actor.Name()); err != nil {
			return Close{}, err
		}
	}
	p := &proof{s: s, tx: tx, after: after, day: day}
	if p.at, err = p.known(ctx, s.now()); err != nil {
		return Close{}, err
	}
	c, err := p.run(ctx, books)
	if err != nil {
		return c, err
	}
	if len(c.Findings) > 0 {
		return c, errDisagrees
	}
	return c, s.keepTx(ctx, tx, actor, &c, p.at)
}

// known gives the instant up to which a close knows: now, or the last time anything of the day was recorded where a
// program with a faster clock did that. The ledger's closings say so of the postings.
func (p *proof) known(ctx context.Context, now time.Time) (time.Time, error) {
	var last *time.Time
	err := p.tx.QueryRow(ctx, `SELECT greatest(
		(SELECT max(p.closed) FROM ledger.books b
		 CROSS JOIN LATERAL (SELECT closed FROM ledger.periods WHERE book = b.book AND day = $1 OFFSET 0) p),
		(SELECT max(created_at) FROM gateway.expectation WHERE day <= $1),
		(SELECT max(recorded_at) FROM gateway.expectation_met WHERE met_day <= $1),
		(SELECT max(recorded_at) FROM gateway.payment),
		(SELECT max(greatest(approved_at, rejected_at)) FROM gateway.payout),
		(SELECT max(imported_at) FROM gateway.bank_statement WHERE day <= $1),
		(SELECT max(decided_at) FROM gateway.bank_statement_line WHERE day <= $1),
		(SELECT max(greatest(opened_at, closed_at)) FROM gateway.break WHERE day <= $1))`, p.day).Scan(&last)
	if err != nil || last == nil || last.Before(now) {
		return now.Truncate(time.Microsecond), err // what PostgreSQL can hold
	}
	return last.UTC(), nil
}

// openBooksTx gives the gateway's books, sorted. A book in which nothing was ever booked is opened: else a first posting could
// still enter a day that is closed everywhere else.
func (s *Service) openBooksTx(ctx context.Context, tx pgx.Tx) ([]string, error) {
	var accounts []ledger.Account
	for _, b := range s.Catalog.Books() {
		accounts = append(accounts, booking.Account(b.Key, booking.Bank(s.Catalog.CollectionAccount().Account)))
	}
	if err := s.Ledger.OpenAccountsTx(ctx, tx, accounts); err != nil {
		return nil, err
	}
	return ownBooks(tx.Query(ctx, sqlBooks))
}

// afterTx gives the day closed last and refuses any day but the business day after it; for the first close, any day but
// the one with the first postings.
func (s *Service) afterTx(ctx context.Context, tx pgx.Tx, books []string, day calendar.Date) (calendar.Date, error) {
	var last, first calendar.Date
	err := tx.QueryRow(ctx, `SELECT max(day) FROM gateway.day_close WHERE book = $1`, booking.House).Scan(&last)
	if err == nil && last.IsZero() {
		err = tx.QueryRow(ctx, `SELECT min(effective_day) FROM ledger.transactions WHERE book = ANY($1)`, books).Scan(&first)
	}
	if err != nil {
		return last, err
	}
	if last.IsZero() && first.IsZero() {
		return last, problem.New(problem.Conflict, "nothing was ever booked: there is no day to close")
	}
	next := first
	if !last.IsZero() {
		next = last.AddDays(1)
	}
	if next, err = s.Calendar.OnOrAfter(next); err != nil {
		return last, err
	}
	worked, err := s.Calendar.IsBusinessDay(day)
	switch {
	case err != nil:
		return last, err
	case !worked:
		return last, problem.AtField(problem.Invalid, "day", "%s is not a business day: it is closed with the next one", day)
	case day != next:
		return last, problem.New(problem.Conflict, "days are closed in order: close %s first", next)
	}
	return last, nil
}

// keepTx signs and stores the reports.
func (s *Service) keepTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, c *Close, at time.Time) error {
	keep := func(book string, report any) (string, error) {
		text, digest, err := canonical(report)
		if err != nil {
			return "", err
		}
		signature, err := s.Signer.Sign(CloseType, text)
		if err != nil {
			return "", fmt.Errorf("signing the close of book %s: %w", book, err)
		}
		_, err = tx.Exec(ctx, `INSERT INTO gateway.day_close (book, day, after, report, digest, signature, closed_by, closed_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, book, c.Day, c.House.After, text, digest, signature, actor.Name(), at)
		return signature, err
	}
	var err error
	for _, b := range c.Books {
		if b.Book == booking.House {
			c.Signature, err = keep(b.Book, c.houseRow())
		} else {
			_, err = keep(b.Book, b)
		}
		if err != nil {
			return err
		}
	}
	c.Closed, c.ClosedAt, c.ClosedBy = true, at, actor.Name()
	act := audit.Act{Action: "day.close", Book: booking.House, Subject: c.Day.String(), Detail: map[string]string{"digest": c.Digest}}
	return audit.WriteTx(ctx, tx, actor, act, s.now())
}

// houseRow is what the house's row holds: its own book beside what is proven for all.
type houseRow struct {
	House HouseReport `json:"house"`
	Book  BookReport  `json:"book"`
}

// houseRow is what the house's row is signed over. The house is the first book.
func (c Close) houseRow() houseRow { return houseRow{c.House, c.Books[0]} }

// readCloseTx reads a closed day; Closed is false where it is not.
func readCloseTx(ctx context.Context, tx pgx.Tx, day calendar.Date) (Close, error) {
	c := Close{Day: day, Books: []BookReport{}, Findings: []CloseFinding{}}
	rows, err := tx.Query(ctx, `SELECT book, report, digest, signature, closed_at, closed_by FROM gateway.day_close
		WHERE day = $1 ORDER BY book COLLATE "C"`, day)
	if err != nil {
		return c, err
	}
	var book, digest, signature, by string
	var text []byte
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&book, &text, &digest, &signature, &at, &by}, func() error {
		if book != booking.House {
			var b BookReport
			err := readReport(text, &b, digest)
			c.Books = append(c.Books, b)
			return err
		}
		var row houseRow
		err := readReport(text, &row, digest)
		c.House, c.Books = row.House, append(c.Books, row.Book)
		c.Closed, c.Digest, c.Signature, c.ClosedAt, c.ClosedBy = true, digest, signature, at.UTC(), by
		return err
	})
	if err != nil {
		return c, fmt.Errorf("the close of %s, book %s: %w", day, book, err)
	}
	return c, nil
}

// readReport reads a kept report back and holds it against the digest that was signed.
func readReport(text []byte, report any, digest string) error {
	if err := json.Unmarshal(text, report); err != nil {
		return err
	}
	if _, got, err := canonical(report); err != nil || got != digest {
		return errors.Join(err, errors.New("the kept report is not the one that was signed: somebody changed it; the signature holds the original"))
	}
	return nil
}

// Closed gives the report of a closed day; NotFound where it is not closed. Forbidden unless the actor is treasury staff.
func (s *Service) Closed(ctx context.Context, actor authn.Actor, day calendar.Date) (c Close, err error) {
	if err := actor.Require(booking.House, authn.Treasury); err != nil {
		return Close{}, err
	}
	err = pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		c, err = readCloseTx(ctx, tx, day)
		return err
	})
	if err == nil && !c.Closed {
		err = problem.New(problem.NotFound, "%s is not closed", day)
	}
	return c, err
}

// Recompute computes a closed day's report again, as it was known at an instant; the zero time stands for the instant of
// its close. The digest is that of the signed report as long as nobody has laid hands on what it is made of; what does
// not agree any more is in Findings. NotFound where the day is not closed; Forbidden unless the actor is treasury staff.
func (s *Service) Recompute(ctx context.Context, actor authn.Actor, day calendar.Date, asKnownAt time.Time) (Close, error) {
	kept, err := s.Closed(ctx, actor, day)
	if err != nil {
		return Close{}, err
	}
	if asKnownAt.IsZero() {
		asKnownAt = kept.ClosedAt
	}
	var books []string
	for _, b := range kept.House.Books {
		books = append(books, b.Book)
	}
	var c Close
	view := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, s.Pool, view, func(tx pgx.Tx) (err error) {
		p := &proof{s: s, tx: tx, after: kept.House.After, day: day, at: asKnownAt.UTC()}
		c, err = p.run(ctx, books)
		return err
	})
	c.Closed, c.ClosedAt, c.ClosedBy, c.Signature = true, kept.ClosedAt, kept.ClosedBy, kept.Signature
	if err == nil && asKnownAt.Equal(kept.ClosedAt) && c.Digest != kept.Digest {
		c.Findings = append(c.Findings, CloseFinding{Code: "report_differs", Book: booking.House, Subject: day.String(),
			Detail: "what the report was made of is no longer what it was when the day was closed"})
	}
	return c, err
}
