// Package rehearsal owns the answer to what a draft of the law would do: every stored bill of a service in a period is
// worked out again under it and held against what was charged.
//
// It guarantees one consistent view of the bills (those issued meanwhile are not in it), the same rows in the same
// order for the same bills and law, memory that does not grow with their number, sums that never wrap round, and an
// audit row before the first payer is shown. Each bill is also worked out under the law in force, so that what an
// earlier correction changed is told apart from what the draft changes.
// It changes no bill, refunds nothing and does not publish: its rows are the input for those who do.
package rehearsal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
	"exchequer/internal/quote"
)

// Law works out what a stored bill's case costs, in whole đồng. A refusal is a *problem.Error.
type Law func(Bill) (int64, error)

// By is the law as published, or as drafted. Where the bill names its body, the amount has to have its budget lines too:
// without them no bill could be made.
func By(law *publication.Law) Law {
	return func(b Bill) (int64, error) {
		if b.Body == "" {
			q, err := law.Schedules.Quote(fee.Request{Service: b.Service, Date: b.Date, Inputs: b.Inputs})
			if err != nil {
				return 0, err
			}
			return q.TotalVND, nil
		}
		q, err := quote.Make(law, quote.Request{Service: b.Service, Body: b.Body, Date: b.Date, Inputs: b.Inputs})
		if err != nil {
			return 0, err
		}
		return q.TotalVND, nil
	}
}

// Request says which bills are worked out again and under which laws. From and To are days of the bills' quotes, both
// included. Digest names the draft's content in the audit row.
//
// MoveTo, where it is given, works the bills out as if the period began on that day: their dates, those among the inputs
// too, move by as many days. That is how a draft that begins after the last bill is rehearsed on bills of the past; each
// is then held against the law in force on its new day, and none is over- or underpaid.
type Request struct {
	Services []string
	From, To calendar.Date
	MoveTo   calendar.Date
	InForce  Law
	Draft    Law
	Digest   string
}

// Watcher is shown what comes about. Both functions may be nil; they are called by one goroutine at a time.
type Watcher struct {
	Rows     func([]Row) error                     // by service, day, book and reference; the slice is the watcher's
	Progress func(done, total int, service string) // bills judged, of how many
}

// Store reads the bills.
type Store struct {
	pool  *pgxpool.Pool
	clock calendar.Clock
}

// New makes a store.
func New(pool *pgxpool.Pool, clock calendar.Clock) *Store { return &Store{pool, clock} }

// Run works the bills out again. Errors: Forbidden unless the actor is treasury staff with a right on every book;
// Invalid for a period whose last day lies before its first, for no service, and for amounts whose sums pass int64;
// what the watcher refuses.
func (s *Store) Run(ctx context.Context, actor authn.Actor, r Request, w Watcher) (*Report, error) {
	if err := s.begin(ctx, actor, r); err != nil {
		return nil, err
	}
	r.Services = slices.Compact(slices.Sorted(slices.Values(r.Services)))
	report := newReport(r)
	// One snapshot for all statements: a bill that is paid or replaced meanwhile must not be seen twice or halfway.
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, s.pool, snapshot, func(tx pgx.Tx) error {
		total, err := countTx(ctx, tx, r)
		if err != nil {
			return err
		}
		done := 0
		return r.judgeAll(ctx, tx, func(rows []Row) error {
			for i := range rows {
				if err := report.add(&rows[i]); err != nil {
					return err
				}
			}
			done += len(rows)
			if w.Progress != nil {
				w.Progress(done, total, rows[0].Service)
			}
			if w.Rows == nil {
				return nil
			}
			return w.Rows(rows)
		})
	})
	if err != nil {
		return nil, err
	}
	return report.finish(), nil
}

// begin checks the request and writes the audit row. It commits before the first bill is read: who stops a rehearsal
// halfway has seen payers all the same.
func (s *Store) begin(ctx context.Context, actor authn.Actor, r Request) error {
	if err := actor.Require(booking.House, authn.Treasury); err != nil {
		return err
	}
	switch {
	case !actor.MayActOn("*"):
		return problem.New(problem.Forbidden, "a rehearsal reads the bills of every book: it needs a right on all of them")
	case r.From.IsZero() || r.To.IsZero():
		return problem.AtField(problem.Invalid, "from", "a rehearsal needs the first and the last day of its period")
	case r.To.Before(r.From):
		return problem.AtField(problem.Invalid, "to", "the last day, %s, lies before the first, %s", r.To, r.From)
	case len(r.Services) == 0:
		return problem.AtField(problem.Invalid, "service", "name the services whose bills are worked out again")
	case r.InForce == nil || r.Draft == nil:
		return errors.New("a rehearsal needs the law in force and the law under the draft")
	}
	return pg.InTx(ctx, s.pool, func(tx pgx.Tx) error {
		return audit.WriteTx(ctx, tx, actor, audit.Act{Action: "fees.rehearse", Book: booking.House, Subject: r.Digest,
			Detail: map[string]string{"services": strings.Join(r.Services, ","), "from": r.From.String(), "to": r.To.String()},
		}, s.clock.Now())
	})
}

// judge works one bill out under both laws. Only a refusal is a result; any other error is a fault of ours.
func (r Request) judge(b Bill) (Row, error) {
	row := Row{Bill: b, Moved: !r.MoveTo.IsZero()}
	var err error
	if row.Moved {
		b, err = b.movedBy(r.MoveTo.DaysSince(r.From))
	}
	if err == nil {
		row.InForce, err = r.InForce.result(b)
	}
	if err == nil {
		row.Draft, err = r.Draft.result(b)
	}
	if err != nil {
		return Row{}, fmt.Errorf("bill %s: %w", b.Ref, err)
	}
	return row, nil
}

func (l Law) result(b Bill) (Result, error) {
	n, err := l(b)
	if err == nil {
		return Result{Amount: n}, nil
	}
	if refusal, ok := errors.AsType[*problem.Error](err); ok && refusal.Code != problem.Internal {
		return Result{Refusal: refusal}, nil
	}
	return Result{}, err
}
