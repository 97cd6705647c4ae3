package order

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/bill"
	"exchequer/internal/catalog"
	"exchequer/internal/outbox"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
	"exchequer/internal/reference"
	"exchequer/providers"
)

// StartRequest asks for an attempt. Key tells the same request from a new one.
type StartRequest struct {
	Order    string
	Provider string
	Key      string
	PayerIP  string
	Locale   string // "vi" or "en"
}

// Start begins an attempt and tells the payer how to go on. The same request returns the same attempt. Errors:
// Conflict while another attempt is live (abandon it first) or a bill is claimed, paid or expired; NotFound for an
// unknown order or provider; Unavailable when the provider did not take it.
func (s *Service) Start(ctx context.Context, actor authn.Actor, r StartRequest) (Attempt, error) {
	ref, err := reference.Parse(r.Order)
	if err != nil {
		return Attempt{}, err
	}
	provider, ok := s.Providers[r.Provider]
	if !ok {
		return Attempt{}, problem.AtField(problem.NotFound, "provider", "there is no provider %q", r.Provider)
	}
	r.Order = ref
	a, err := s.claim(ctx, actor, r)
	if err == nil && a.State == Failed && a.Action == nil {
		err = notTaken(a) // the answer this request had before
	}
	if err != nil || a.State != Created {
		return a, err
	}
	action, err := provider.Start(ctx, providers.Payment{
		Reference: a.Ref, Merchant: a.Merchant, Amount: a.Amount, Currency: "VND",
		Description: "Thanh toan " + ref, PayerIP: r.PayerIP, ReturnURL: s.ReturnURL + "/" + a.Ref, Locale: r.Locale,
		Created: a.CreatedAt, Expires: a.ExpiresAt,
	})
	return s.afterStart(ctx, actor, a, action, err)
}

// claim commits the attempt and its claims before the provider is called. A crash after it leaves an attempt in
// state created: the same request goes on with it, and the janitor asks the provider about it.
func (s *Service) claim(ctx context.Context, actor authn.Actor, r StartRequest) (Attempt, error) {
	law, err := s.Law.Current(ctx)
	if err != nil {
		return Attempt{}, err
	}
	asked := starting{r, actor.ID + "|" + r.Key, law}
	var out Attempt
	err = pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		o, err := readOrder(ctx, tx, r.Order, " FOR UPDATE")
		if err != nil {
			return err
		}
		if err := mayDrive(actor, o); err != nil {
			return err
		}
		had, err := attemptOf(ctx, tx, o, asked.request)
		if err != nil || had.Ref != "" {
			out = had
			return err
		}
		out, err = s.claimTx(ctx, tx, actor, o, asked)
		return err
	})
	if pg.IsUnique(err, "claim_one_live_attempt") {
		return Attempt{}, problem.New(problem.Conflict, "a bill of this order is being paid by another order: wait for it or abandon it")
	}
	return out, err
}

func attemptOf(ctx context.Context, tx pgx.Tx, o Order, request string) (Attempt, error) {
	rows, err := tx.Query(ctx, `SELECT `+attemptColumns+` FROM gateway.attempt
		WHERE book = $1 AND order_ref = $2 AND request = $3`, o.Book, o.Ref, request)
	if err != nil {
		return Attempt{}, err
	}
	a, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Attempt])
	if errors.Is(err, pgx.ErrNoRows) {
		return Attempt{}, nil
	}
	return a, err
}

// starting is a request for an attempt with what tells it from another, and the law that says how long its bills hold.
type starting struct {
	StartRequest
	request string
	law     *publication.Law
}

func (s *Service) claimTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, o Order, r starting) (Attempt, error) {
	holds, err := s.startable(ctx, tx, o, r.law)
	if err != nil {
		return Attempt{}, err
	}
	contract, err := s.contractFor(r.Provider, o)
	if err != nil {
		return Attempt{}, err
	}
	now := s.now()
	expires := now.Add(s.Timing.Window)
	if holds.Before(expires) {
		expires = holds // money taken after it would pay no bill: the provider must not take it
	}
	a := Attempt{
		Book: o.Book, Ref: reference.Attempt(o.Ref, len(o.Attempts)), Order: o.Ref, Provider: r.Provider,
		Merchant: contract.Merchant, Amount: o.Amount, State: Created, CreatedAt: now, ExpiresAt: expires,
	}
	var b pgx.Batch
	b.Queue(`INSERT INTO gateway.attempt (book, ref, order_ref, request, provider, merchant, amount, state, created_at, expires_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9)`,
		a.Book, a.Ref, a.Order, r.request, a.Provider, a.Merchant, a.Amount, a.State, a.CreatedAt, a.ExpiresAt)
	for _, it := range o.Items {
		b.Queue(`INSERT INTO gateway.claim (book, bill, attempt_book, attempt) VALUES ($1, $2, $3, $4)`, it.Book, it.Bill, a.Book, a.Ref)
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return Attempt{}, err
	}
	if _, err := outbox.EnqueueTx(ctx, tx, outbox.Job{Kind: AskJob, Book: a.Book, Ref: a.Ref, Due: now.Add(s.Timing.AskAfter[0])}); err != nil {
		return Attempt{}, err
	}
	return a, audit.WriteTx(ctx, tx, actor, audit.Act{Action: "attempt.start", Book: a.Book, Subject: a.Ref}, now)
}

// contractFor finds the one contract under which a provider can collect for all bills of an order. One terminal takes
// the whole amount, so a book without a contract, or with another terminal or other terms, could never be settled.
func (s *Service) contractFor(provider string, o Order) (catalog.Contract, error) {
	home, err := s.Catalog.Contract(provider, o.Book)
	if err != nil {
		return catalog.Contract{}, err
	}
	for _, it := range o.Items {
		c, err := s.Catalog.Contract(provider, it.Book)
		if err != nil || c.Merchant != home.Merchant || c.Settlement != home.Settlement {
			return catalog.Contract{}, problem.AtField(problem.Conflict, "provider",
				"%s cannot collect for books %s and %s in one payment: pay these bills in separate orders", provider, o.Book, it.Book)
		}
	}
	return home, nil
}

// leastWindow is the least time a payer needs at a provider.
const leastWindow = 2 * time.Minute

// startable refuses a new attempt unless the order is open, none of its attempts is live and its bills can be paid; it
// gives the instant until which their amounts hold.
func (s *Service) startable(ctx context.Context, tx pgx.Tx, o Order, law *publication.Law) (time.Time, error) {
	var holds time.Time
	if o.State != Open {
		return holds, problem.New(problem.Conflict, "order %s is %s", o.Ref, o.State)
	}
	for _, a := range o.Attempts {
		if a.State.live() {
			return holds, problem.New(problem.Conflict, "attempt %s is %s: finish or abandon it first", a.Ref, a.State)
		}
	}
	if len(o.Attempts) == reference.MaxAttempts {
		return holds, problem.New(problem.Conflict, "order %s has had %d attempts: open a new order", o.Ref, reference.MaxAttempts)
	}
	refs := make([]string, len(o.Items))
	for i, it := range o.Items {
		refs[i] = it.Bill
	}
	bills, err := bill.LockTx(ctx, tx, refs)
	if err != nil {
		return holds, err
	}
	for _, b := range bills {
		b = b.Under(law)
		if err := s.payable(b); err != nil {
			return holds, err
		}
		if holds.IsZero() || b.ValidUntil.Before(holds) {
			holds = b.ValidUntil
		}
		// An order takes the whole of what a bill owes; a bill that was partly paid meanwhile needs a new order.
		for _, it := range o.Items {
			if it.Bill == b.Ref && it.Amount != b.Due() {
				return holds, problem.New(problem.Conflict, "bill %s owes another amount now: open a new order", b.Ref)
			}
		}
	}
	if holds.Sub(s.now()) < leastWindow {
		return holds, problem.New(problem.Conflict, "the amount changes within minutes: ask for a new bill then")
	}
	return holds, nil
}

// afterStart records how the provider took the request. The context may be over (the payer's browser has gone): what
// the provider said must be kept all the same.
func (s *Service) afterStart(ctx context.Context, actor authn.Actor, a Attempt, action providers.Action, cause error) (Attempt, error) {
	ctx = context.WithoutCancel(ctx)
	e := started
	switch {
	case errors.Is(cause, providers.ErrNotDone):
		e = refused
	case cause != nil:
		e = unclear
	}
	err := pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		had, err := lockAttempt(ctx, tx, a.Ref)
		if err != nil {
			return err
		}
		a = had
		if e == started {
			a.Action = &action
		}
		c, ok := next(a.State, e)
		if ok {
			a.State = c.to
		}
		if err := s.storeTx(ctx, tx, a); err != nil {
			return err
		}
		if ok && c.do == release {
			if err := releaseTx(ctx, tx, a); err != nil {
				return err
			}
		}
		return audit.WriteTx(ctx, tx, actor, audit.Act{Action: "attempt." + string(e), Book: a.Book, Subject: a.Ref}, s.now())
	})
	if err == nil && e == refused {
		return a, notTaken(a)
	}
	return a, err
}

func notTaken(a Attempt) error {
	return problem.New(problem.Unavailable, "%s did not take the payment: try again as a new request or choose another way to pay", a.Provider)
}

// Abandon lets the payer turn to another provider. The provider is asked first: what it knows for certain is applied and
// returned, and only an attempt that is still uncertain is abandoned. Its claims are released then, and it is watched
// until its provider's word is certain. No provider can be told to cancel yet. Conflict when it is authorised.
func (s *Service) Abandon(ctx context.Context, actor authn.Actor, ref string) (Attempt, error) {
	ref, err := reference.ParseAttempt(strings.ToUpper(ref))
	if err != nil {
		return Attempt{}, err
	}
	o, err := readOrder(ctx, s.Pool, reference.Order(ref), "")
	if err != nil {
		return Attempt{}, err
	}
	if err := mayDrive(actor, o); err != nil {
		return Attempt{}, err
	}
	a, err := readAttempt(ctx, s.Pool, ref, "")
	if err != nil || a.State.Certain() {
		return a, err
	}
	w := s.ask(ctx, a)
	err = pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := s.applyTx(ctx, tx, a.Book, []word{w}); err != nil {
			return err
		}
		a, err = lockAttempt(ctx, tx, ref)
		if err != nil {
			return err
		}
		return s.abandonTx(ctx, tx, actor, &a)
	})
	return a, err
}

func (s *Service) abandonTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, a *Attempt) error {
	c, ok := next(a.State, abandon)
	if !ok {
		if a.State == Authorised {
			return problem.New(problem.Conflict, "the money of attempt %s is authorised: it can no longer be abandoned", a.Ref)
		}
		return nil
	}
	a.State = c.to
	if err := s.storeTx(ctx, tx, *a); err != nil {
		return err
	}
	if err := releaseTx(ctx, tx, *a); err != nil {
		return err
	}
	if err := s.askSoonTx(ctx, tx, *a); err != nil {
		return err
	}
	return audit.WriteTx(ctx, tx, actor, audit.Act{Action: "attempt.abandon", Book: a.Book, Subject: a.Ref}, s.now())
}

func lockAttempt(ctx context.Context, tx pgx.Tx, ref string) (Attempt, error) {
	return readAttempt(ctx, tx, ref, " FOR UPDATE")
}

func readAttempt(ctx context.Context, q querier, ref, lock string) (Attempt, error) {
	rows, err := q.Query(ctx, `SELECT `+attemptColumns+` FROM gateway.attempt WHERE book = $1 AND ref = $2`+lock, reference.Book(ref), ref)
	if err != nil {
		return Attempt{}, err
	}
	a, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[Attempt])
	if errors.Is(err, pgx.ErrNoRows) {
		return Attempt{}, problem.AtField(problem.NotFound, "ref", "no attempt has the reference %s", ref)
	}
	return a, err
}

func (s *Service) storeTx(ctx context.Context, tx pgx.Tx, a Attempt) error {
	tag, err := tx.Exec(ctx, `UPDATE gateway.attempt SET state = $3, action = $4, provider_id = $5, code = $6, occurred_at = $7, updated_at = $8
		WHERE book = $1 AND ref = $2`, a.Book, a.Ref, a.State, a.Action, a.ProviderID, a.Code, a.OccurredAt, s.now())
	if err == nil && tag.RowsAffected() != 1 {
		err = fmt.Errorf("attempt %s is gone", a.Ref)
	}
	return err
}

// releaseTx gives the bills of an attempt back, book by book.
func releaseTx(ctx context.Context, tx pgx.Tx, a Attempt) error {
	rows, err := tx.Query(ctx, `SELECT bill_book, bill, amount FROM gateway.order_bill WHERE book = $1 AND order_ref = $2 ORDER BY bill_book, bill`,
		a.Book, a.Order)
	if err != nil {
		return err
	}
	items, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Item])
	if err != nil {
		return err
	}
	var b pgx.Batch
	for _, it := range items {
		// By the attempt too: the claim may be another attempt's by now.
		b.Queue(`DELETE FROM gateway.claim WHERE book = $1 AND bill = $2 AND attempt_book = $3 AND attempt = $4`, it.Book, it.Bill, a.Book, a.Ref)
	}
	return tx.SendBatch(ctx, &b).Close()
}
