package order

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/bill"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
	"exchequer/internal/reference"
)

// MaxBills is the most bills one order may hold.
const MaxBills = 100

// Home gives the book an order over these bills will live in: that of the first one.
func Home(bills []string) (string, error) {
	if len(bills) == 0 || len(bills) > MaxBills {
		return "", problem.AtField(problem.Invalid, "bills", "name 1 to %d bills", MaxBills)
	}
	first, err := reference.Parse(bills[0])
	if err != nil {
		return "", err
	}
	return reference.Book(first), nil
}

// Open makes an order over bills under a reserved reference; asked again with the same reference it returns the order
// as it is. Errors: NotFound for an unknown bill, Conflict for one that is paid, expired or owes nothing, Invalid for
// one named twice.
func (s *Service) Open(ctx context.Context, actor authn.Actor, ref string, bills []string) (Order, error) {
	refs := make([]string, len(bills))
	for i, b := range bills {
		parsed, err := reference.Parse(b)
		if err != nil {
			return Order{}, err
		}
		refs[i] = parsed
	}
	law, err := s.Law.Current(ctx)
	if err != nil {
		return Order{}, err
	}
	var out Order
	err = pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		had, err := readOrder(ctx, tx, ref, "")
		if problem.CodeOf(err) != problem.NotFound {
			out = had
			return err
		}
		o, err := s.draftTx(ctx, tx, actor, opening{ref, refs, law})
		if err != nil {
			return err
		}
		out = o
		return s.insertTx(ctx, tx, actor, o)
	})
	if pg.IsUnique(err, "payment_order_pkey") {
		return readOrder(ctx, s.Pool, ref, "") // the same request, sent again after its lease, was first
	}
	return out, err
}

// opening is the order that is asked for: its reference, its bills, and the law that says how long they hold.
type opening struct {
	ref   string
	bills []string
	law   *publication.Law
}

func (s *Service) draftTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, r opening) (Order, error) {
	o := Order{Book: reference.Book(r.ref), Ref: r.ref, Client: actor.ID, State: Open, CreatedAt: s.now(), Attempts: []Attempt{}}
	found, err := bill.LockTx(ctx, tx, r.bills)
	if err != nil {
		return Order{}, err
	}
	if len(found) != len(r.bills) {
		return Order{}, problem.AtField(problem.Invalid, "bills", "a bill is named twice")
	}
	locked := make(map[string]bill.Bill, len(found))
	for _, b := range found {
		locked[b.Ref] = b.Under(r.law)
	}
	// The bills were locked in their own order; the order keeps its client's, by which a payment is spread over them.
	for _, ref := range r.bills {
		b := locked[ref]
		if err := actor.Require(b.Book, authn.Client, authn.Payer); err != nil {
			return Order{}, err
		}
		if err := s.payable(b); err != nil {
			return Order{}, err
		}
		o.Items = append(o.Items, Item{Book: b.Book, Bill: b.Ref, Amount: b.Due()})
		o.Amount += b.Due()
	}
	return o, nil
}

// payable refuses a bill for which no money may be asked now.
func (s *Service) payable(b bill.Bill) error {
	switch {
	case b.State == bill.Paid:
		return problem.AtField(problem.Conflict, "bill", "bill %s is paid", b.Ref)
	case b.State == bill.NothingDue:
		return problem.AtField(problem.Conflict, "bill", "bill %s asks for nothing: there is nothing to pay", b.Ref)
	case b.Expired(s.now()):
		return problem.AtField(problem.Conflict, "bill", "the amount of bill %s no longer holds: ask for a new bill", b.Ref)
	}
	return nil
}

func (s *Service) insertTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, o Order) error {
	var b pgx.Batch
	b.Queue(`INSERT INTO gateway.payment_order (book, ref, client, amount, state, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $6)`, o.Book, o.Ref, o.Client, o.Amount, o.State, o.CreatedAt)
	for i, it := range o.Items {
		b.Queue(`INSERT INTO gateway.order_bill (book, order_ref, no, bill_book, bill, amount) VALUES ($1, $2, $3, $4, $5, $6)`,
			o.Book, o.Ref, i+1, it.Book, it.Bill, it.Amount)
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return err
	}
	return audit.WriteTx(ctx, tx, actor, audit.Act{Action: "order.open", Book: o.Book, Subject: o.Ref}, o.CreatedAt)
}

// Get finds an order with its bills and attempts. An attempt whose outcome is unknown is put up to be asked about now: who
// reads wants to know. NotFound for an unknown reference, and for one the actor has no right to.
func (s *Service) Get(ctx context.Context, actor authn.Actor, typed string) (Order, error) {
	ref, err := reference.Parse(typed)
	if err != nil {
		return Order{}, err
	}
	o, err := readOrder(ctx, s.Pool, ref, "")
	if err != nil {
		return Order{}, err
	}
	if err := mayRead(actor, o); err != nil {
		return Order{}, err
	}
	for _, a := range o.Attempts {
		if a.State == Unknown {
			if err := s.askSoon(ctx, a); err != nil {
				return Order{}, err
			}
		}
	}
	return o, nil
}

// mayRead hides an order from whoever has no right to it as if it were not there: a client or payer sees its own, an
// officer or treasury staff those of their books.
func mayRead(actor authn.Actor, o Order) error {
	own := actor.Role != authn.Client && actor.Role != authn.Payer || o.Client == actor.ID
	if actor.ID != "" && (!own || !actor.MayActOn(o.Book)) {
		return unknownOrder(o.Ref)
	}
	return actor.Require(o.Book, authn.Client, authn.Payer, authn.Officer, authn.Treasury)
}

// mayDrive lets only the client or payer whose order it is start and abandon attempts: to see a payment is not to decide
// how it is paid.
func mayDrive(actor authn.Actor, o Order) error {
	if err := mayRead(actor, o); err != nil {
		return err
	}
	return actor.Require(o.Book, authn.Client, authn.Payer)
}

func unknownOrder(ref string) error {
	return problem.AtField(problem.NotFound, "ref", "no order has the reference %s", ref)
}

type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func readOrder(ctx context.Context, q querier, ref, lock string) (Order, error) {
	var o Order
	book := reference.Book(ref)
	err := q.QueryRow(ctx, `SELECT book, ref, client, amount, state, created_at FROM gateway.payment_order
		WHERE book = $1 AND ref = $2`+lock, book, ref).
		Scan(&o.Book, &o.Ref, &o.Client, &o.Amount, &o.State, &o.CreatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return Order{}, unknownOrder(ref)
	}
	if err != nil {
		return Order{}, err
	}
	rows, err := q.Query(ctx, `SELECT bill_book, bill, amount FROM gateway.order_bill
		WHERE book = $1 AND order_ref = $2 ORDER BY no`, book, ref)
	if err != nil {
		return Order{}, err
	}
	if o.Items, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Item]); err != nil {
		return Order{}, err
	}
	rows, err = q.Query(ctx, `SELECT `+attemptColumns+` FROM gateway.attempt
		WHERE book = $1 AND order_ref = $2 ORDER BY ref`, book, ref)
	if err != nil {
		return Order{}, err
	}
	o.Attempts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Attempt])
	return o, err
}

const attemptColumns = `book, ref, order_ref, provider, merchant, amount, state, action, provider_id, code, occurred_at, created_at, expires_at`
