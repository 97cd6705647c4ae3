package bill

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/authn"
	"exchequer/internal/calendar"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
	"exchequer/internal/quote"
	"exchequer/internal/reference"
)

// Law gives the law as it is published; *publication.Store is one.
type Law interface {
	Current(ctx context.Context) (*publication.Law, error)
}

// Store keeps bills in PostgreSQL.
type Store struct {
	pool  *pgxpool.Pool
	law   Law
	clock calendar.Clock
}

// New makes a store.
func New(pool *pgxpool.Pool, law Law, clock calendar.Clock) *Store {
	return &Store{pool: pool, law: law, clock: clock}
}

// Get finds a bill by reference. NotFound when there is none and when the actor may not see it: a client or payer sees
// those it issued or owes, an officer and treasury those of their books. Invalid for a mistyped reference.
func (s *Store) Get(ctx context.Context, actor authn.Actor, typed string) (Bill, error) {
	ref, err := reference.Parse(typed)
	if err != nil {
		return Bill{}, err
	}
	b, err := read(ctx, s.pool, reference.Book(ref), ref, "")
	if err != nil {
		return Bill{}, err
	}
	if !maySee(actor, b) {
		return Bill{}, unknown(ref)
	}
	law, err := s.law.Current(ctx)
	if err != nil {
		return Bill{}, err
	}
	return b.Under(law), nil
}

func maySee(actor authn.Actor, b Bill) bool {
	switch {
	case actor.Role == authn.System, actor.ID == authn.PayerOfPages().ID:
		return true // on the pages whoever holds the reference, which cannot be guessed, may see
	case !actor.MayActOn(b.Book):
		return false
	case actor.Role == authn.Client, actor.Role == authn.Payer:
		return actor.ID != "" && (actor.ID == b.IssuedBy || actor.ID == b.Payer)
	}
	return actor.Role == authn.Officer || actor.Role == authn.Treasury
}

func unknown(ref string) error {
	return problem.Both(problem.NotFound, "ref", "không có khoản phải nộp nào mang mã "+ref, "no bill has the reference "+ref)
}

// LockTx reads and locks bills in (book, ref) order, the order every caller must keep, as they were made: whoever asks
// money for one asks Bill.Under first how long it holds. NotFound names the first reference that is no bill.
func LockTx(ctx context.Context, tx pgx.Tx, refs []string) ([]Bill, error) {
	sorted := slices.Clone(refs)
	slices.Sort(sorted) // a reference begins with its book
	out := make([]Bill, 0, len(sorted))
	for _, ref := range slices.Compact(sorted) {
		b, err := read(ctx, tx, reference.Book(ref), ref, " FOR UPDATE")
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// PayTx marks a bill that the caller has locked as paid in full. A bill that is paid already stays as it is.
func PayTx(ctx context.Context, tx pgx.Tx, book, ref string) error {
	_, err := tx.Exec(ctx, `UPDATE gateway.bill SET paid = amount, state = 'paid' WHERE book = $1 AND ref = $2 AND state = 'open'`, book, ref)
	return err
}

type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func read(ctx context.Context, q querier, book, ref, lock string) (Bill, error) {
	var b Bill
	err := q.QueryRow(ctx, `
		SELECT book, ref, body, service, source_ref, edition, COALESCE(replaced_by, ''), payer, quote_date, inputs, quote,
			schedule_hash, amount, paid, state, valid_until, issued_by, created_at,
			EXISTS (SELECT FROM gateway.claim c WHERE c.book = bill.book AND c.bill = bill.ref)
		FROM gateway.bill WHERE book = $1 AND ref = $2`+lock, book, ref).
		Scan(&b.Book, &b.Ref, &b.Body, &b.Service, &b.SourceRef, &b.Edition, &b.ReplacedBy, &b.Payer, &b.QuoteDate,
			&b.Inputs, &b.Quote, &b.ScheduleHash, &b.Amount, &b.Paid, &b.State, &b.ValidUntil, &b.IssuedBy, &b.CreatedAt, &b.Claimed)
	if errors.Is(err, pgx.ErrNoRows) {
		return Bill{}, unknown(ref)
	}
	if err != nil {
		return Bill{}, err
	}
	if b.Quote.Inputs, err = quote.Canonical(b.Inputs); err != nil {
		return Bill{}, err
	}
	b.ValidUntil, b.CreatedAt = b.ValidUntil.In(time.UTC), b.CreatedAt.In(time.UTC)
	rows, err := q.Query(ctx, `SELECT no, charge, budget, amount FROM gateway.bill_line
		WHERE book = $1 AND bill = $2 ORDER BY no`, book, ref)
	if err != nil {
		return Bill{}, err
	}
	b.Lines, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Line])
	return b, err
}
