package rehearsal

import (
	"context"
	"runtime"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// batchSize is how many bills one core judges at a time.
const batchSize = 256

// batch is a run of bills on its way through the cores.
type batch struct {
	bills  []Bill
	rows   []Row
	err    error
	judged chan struct{} // closed when rows and err are there
}

func (b *batch) judge(r Request) {
	defer close(b.judged)
	b.rows = make([]Row, len(b.bills))
	for i, stored := range b.bills {
		if b.rows[i], b.err = r.judge(stored); b.err != nil {
			return
		}
	}
}

// judgeAll reads the bills, judges them on every core and hands the rows on in the order in which they were read.
// A few batches a core are under way at once: that bounds the memory.
func (r Request) judgeAll(ctx context.Context, tx pgx.Tx, take func([]Row) error) error {
	cores := runtime.GOMAXPROCS(0)
	waiting, inOrder := make(chan *batch, cores), make(chan *batch, 2*cores)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(waiting)
		defer close(inOrder)
		return r.readTx(ctx, tx, func(bills []Bill) error {
			b := &batch{bills: bills, judged: make(chan struct{})}
			for _, queue := range []chan *batch{inOrder, waiting} {
				select {
				case queue <- b:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	})
	for range cores {
		group.Go(func() error {
			for b := range waiting {
				b.judge(r)
			}
			return nil
		})
	}
	group.Go(func() error {
		for b := range inOrder {
			select {
			case <-b.judged:
			case <-ctx.Done():
				return ctx.Err()
			}
			if b.err != nil {
				return b.err
			}
			if err := take(b.rows); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// countTx counts the last editions of the services' bills in the period.
func countTx(ctx context.Context, tx pgx.Tx, r Request) (n int, err error) {
	err = tx.QueryRow(ctx, `SELECT count(*) FROM gateway.bill
		WHERE service = ANY ($1) AND quote_date BETWEEN $2 AND $3 AND replaced_by IS NULL`, r.Services, r.From, r.To).Scan(&n)
	return n, err
}

// readTx hands on the bills in batches, service by service; a batch holds bills of one service.
func (r Request) readTx(ctx context.Context, tx pgx.Tx, hand func([]Bill) error) error {
	for _, service := range r.Services {
		if err := r.readServiceTx(ctx, tx, service, hand); err != nil {
			return err
		}
	}
	return nil
}

func (r Request) readServiceTx(ctx context.Context, tx pgx.Tx, service string, hand func([]Bill) error) error {
	// The order is that of the index bill_by_service_day, so that the server has nothing to sort.
	rows, err := tx.Query(ctx, `
		SELECT book, body, ref, source_ref, payer, quote_date, state, amount, paid, inputs FROM gateway.bill
		WHERE service = $1 AND quote_date BETWEEN $2 AND $3 AND replaced_by IS NULL
		ORDER BY quote_date, book, ref`, service, r.From, r.To)
	if err != nil {
		return err
	}
	defer rows.Close()
	bills := make([]Bill, 0, batchSize)
	for rows.Next() {
		b := Bill{Service: service}
		if err := rows.Scan(&b.Book, &b.Body, &b.Ref, &b.SourceRef, &b.Payer, &b.Date, &b.State, &b.Charged, &b.Paid, &b.Inputs); err != nil {
			return err
		}
		if bills = append(bills, b); len(bills) == batchSize {
			if err := hand(bills); err != nil {
				return err
			}
			bills = make([]Bill, 0, batchSize)
		}
	}
	if err := rows.Err(); err != nil || len(bills) == 0 {
		return err
	}
	return hand(bills)
}
