package bill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
)

// Quoter works out what a service costs; *fee.Schedules is one.
type Quoter interface {
	Quote(fee.Request) (*fee.Quote, error)
}

// Store keeps bills in PostgreSQL.
type Store struct {
	pool    *pgxpool.Pool
	catalog *catalog.Catalog
	quoter  Quoter
	clock   calendar.Clock
}

// New makes a store.
func New(pool *pgxpool.Pool, c *catalog.Catalog, q Quoter, clock calendar.Clock) *Store {
	return &Store{pool: pool, catalog: c, quoter: q, clock: clock}
}

// Issue makes a bill from a quote, or returns the one that was made from the same issuer's number. Errors: what the
// quote refuses; Invalid for a missing source_ref; Conflict when the number was used for something else.
func (s *Store) Issue(ctx context.Context, actor authn.Actor, r Request) (Bill, error) {
	if r.SourceRef == "" || len(r.SourceRef) > 64 {
		return Bill{}, problem.AtField(problem.Invalid, "source_ref", "give the issuer's own number, 1 to 64 characters")
	}
	body, err := s.catalog.BodyFor(r.Service, r.Body)
	if err != nil {
		return Bill{}, err
	}
	if err := actor.Require(body.Book, authn.Client, authn.Officer); err != nil {
		return Bill{}, err
	}
	b, err := s.draft(body, r)
	if err != nil {
		return Bill{}, err
	}
	var out Bill
	err = pg.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		out, err = s.insertTx(ctx, tx, actor, b)
		return err
	})
	return out, err
}

// draft works out the bill's amount and its split; nothing is written.
func (s *Store) draft(body catalog.Body, r Request) (Bill, error) {
	q, err := s.quoter.Quote(fee.Request{Service: r.Service, Date: r.Date, Inputs: r.Inputs})
	if err != nil {
		return Bill{}, err
	}
	payables, err := s.catalog.Split(body.Code, r.Date, charges(q))
	if err != nil {
		return Bill{}, err
	}
	b := Bill{
		Book: body.Book, Body: body.Code, Service: r.Service, SourceRef: r.SourceRef, Payer: r.Payer,
		QuoteDate: r.Date, Inputs: r.Inputs, Quote: *q, ScheduleHash: q.ScheduleHash,
		Amount: q.TotalVND, State: Open, ValidUntil: q.ValidUntil, CreatedAt: s.clock.Now().UTC(),
	}
	if b.Amount == 0 {
		b.State = NothingDue
	}
	for i, p := range payables {
		b.Lines = append(b.Lines, Line{No: i + 1, Charge: p.Charge, Budget: p.Budget, Amount: p.Amount})
	}
	return b, nil
}

// charges adds up a quote's lines by charge code, in the order in which the codes first appear: a reduction is
// taken from its own charge before anything is split.
func charges(q *fee.Quote) []catalog.Charge {
	var out []catalog.Charge
	for _, l := range q.Lines {
		i := slices.IndexFunc(out, func(c catalog.Charge) bool { return c.Code == l.Charge })
		if i < 0 {
			out = append(out, catalog.Charge{Code: l.Charge})
			i = len(out) - 1
		}
		out[i].Amount += l.Amount
	}
	return out
}

func (s *Store) insertTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, b Bill) (Bill, error) {
	b.Ref = reference.New(b.Book)
	quote, err := json.Marshal(b.Quote)
	if err != nil {
		return Bill{}, err
	}
	tag, err := tx.Exec(ctx, `
		INSERT INTO gateway.bill (book, ref, body, service, source_ref, payer, quote_date, inputs, quote, schedule_hash,
			amount, state, valid_until, issued_by, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		ON CONFLICT ON CONSTRAINT bill_source_once DO NOTHING`,
		b.Book, b.Ref, b.Body, b.Service, b.SourceRef, b.Payer, b.QuoteDate, []byte(b.Inputs), quote, b.ScheduleHash,
		b.Amount, b.State, b.ValidUntil, actor.ID, b.CreatedAt)
	if err != nil {
		return Bill{}, err
	}
	if tag.RowsAffected() == 0 {
		return sameBill(ctx, tx, b)
	}
	var batch pgx.Batch
	for _, l := range b.Lines {
		batch.Queue(`INSERT INTO gateway.bill_line (book, bill, no, charge, budget, amount) VALUES ($1, $2, $3, $4, $5, $6)`,
			b.Book, b.Ref, l.No, l.Charge, l.Budget, l.Amount)
	}
	if err := tx.SendBatch(ctx, &batch).Close(); err != nil {
		return Bill{}, err
	}
	return b, audit.WriteTx(ctx, tx, actor, audit.Act{Action: "bill.issue", Book: b.Book, Subject: b.Ref}, b.CreatedAt)
}

// sameBill answers a repeated issuer's number with the bill it made, and refuses it when the content differs.
func sameBill(ctx context.Context, tx pgx.Tx, b Bill) (Bill, error) {
	var ref string
	err := tx.QueryRow(ctx, `SELECT ref FROM gateway.bill WHERE book = $1 AND body = $2 AND service = $3 AND source_ref = $4`,
		b.Book, b.Body, b.Service, b.SourceRef).Scan(&ref)
	if err != nil {
		return Bill{}, err
	}
	had, err := read(ctx, tx, b.Book, ref, "")
	if err != nil {
		return Bill{}, err
	}
	if had.QuoteDate != b.QuoteDate || had.Payer != b.Payer || !sameJSON(had.Inputs, b.Inputs) {
		return Bill{}, problem.AtField(problem.Conflict, "source_ref", "this number was used for another bill")
	}
	return had, nil
}

func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	// Marshalling sorts the keys, so equal content gives equal bytes whatever the order it was sent in.
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return bytes.Equal(p, q)
}

// Get finds a bill by reference. NotFound when there is none; Invalid for a mistyped reference. A bill's reference
// cannot be guessed, so whoever has it may see the bill (without the payer's id).
func (s *Store) Get(ctx context.Context, typed string) (Bill, error) {
	ref, err := reference.Parse(typed)
	if err != nil {
		return Bill{}, err
	}
	return read(ctx, s.pool, reference.Book(ref), ref, "")
}

// LockTx reads and locks bills in (book, ref) order, the order every caller must keep. NotFound names the first
// reference that is no bill.
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
		SELECT book, ref, body, service, source_ref, payer, quote_date, inputs, quote, schedule_hash, amount, paid, state,
			valid_until, created_at
		FROM gateway.bill WHERE book = $1 AND ref = $2`+lock, book, ref).
		Scan(&b.Book, &b.Ref, &b.Body, &b.Service, &b.SourceRef, &b.Payer, &b.QuoteDate, &b.Inputs, &b.Quote,
			&b.ScheduleHash, &b.Amount, &b.Paid, &b.State, &b.ValidUntil, &b.CreatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return Bill{}, problem.AtField(problem.NotFound, "ref", "no bill has the reference %s", ref)
	}
	if err != nil {
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
