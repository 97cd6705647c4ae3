package bench

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// plainConnections is as many as one transaction a posting gains from.
const plainConnections = 32

// rawConnections is the most database transactions the raw way has under way at once.
const rawConnections = 16

// way is one way of writing, on a database of its own.
type way struct {
	load
	connections int // 0: the program's own number
	open        func(ctx context.Context, pool *pgxpool.Pool, now func() time.Time) (post, error)
}

// ours calls the ledger.
func (c ledgerCase) ours() way {
	return way{load: c.load, open: func(_ context.Context, pool *pgxpool.Pool, now func() time.Time) (post, error) {
		l := ledger.New(pool, now)
		return func(ctx context.Context, _ int, batch []transfer) error {
			txs := make([]ledger.Transaction, len(batch))
			at := now()
			for i, t := range batch {
				txs[i] = ledger.Transaction{Book: book, Reference: t.reference, Kind: kind, Occurred: at, Day: day(at),
					Postings: []ledger.Posting{{Debit: codes[t.debit], Credit: codes[t.credit], Amount: t.amount, Currency: currency}}}
			}
			results, err := l.Post(ctx, txs)
			if err != nil {
				return err
			}
			for _, r := range results {
				if r.Code != ledger.Posted {
					return fmt.Errorf("a new transaction is answered by %q", r.Code)
				}
			}
			return nil
		}, nil
	}}
}

// plain writes one posting a database transaction, in one statement. A bulk is shared out over the connections, which
// is more than its one caller would reach.
func (c ledgerCase) plain() way {
	l := c.load
	if l.batch > 1 {
		l.callers, l.batch = plainConnections, 1
	}
	return way{l, plainConnections, func(_ context.Context, pool *pgxpool.Pool, now func() time.Time) (post, error) {
		return func(ctx context.Context, _ int, batch []transfer) error {
			t, at := batch[0], now()
			first, second, debitFirst := t.debit, t.credit, t.debit < t.credit
			if !debitFirst {
				first, second = second, first
			}
			_, err := pool.Exec(ctx, sqlPlain, book, codes[first], codes[second], debitFirst, t.amount, t.reference, kind, at, day(at), currency)
			return err
		}, nil
	}}
}

// raw writes rows that are ready, perCommit at a time. It has as many database transactions under way as the callers
// of the case fill; these touch accounts of their own, so none waits for another. A hot account allows only one.
func (c ledgerCase) raw(perCommit float64) way {
	l := load{callers: 1, batch: max(1, int(math.Round(perCommit))), hot: c.hot}
	if c.batch == 1 && !c.hot {
		l.callers = min(max(1, c.callers/l.batch), rawConnections)
		l.apart = true
	}
	return way{l, l.callers, func(ctx context.Context, pool *pgxpool.Pool, now func() time.Time) (post, error) {
		r := &rawWriter{pool: pool, now: now}
		return r.post, r.begin(ctx)
	}}
}

// beyondFunding is above the id of the funding, the only one in a new database.
const beyondFunding = 1_000

// rawWriter keeps the running totals in memory.
type rawWriter struct {
	pool            *pgxpool.Pool
	now             func() time.Time
	id              atomic.Int64
	debits, credits [accounts]int64 // each account belongs to one caller
}

func (r *rawWriter) begin(ctx context.Context) error {
	byCode := make(map[string]int, accounts)
	for i, code := range codes {
		byCode[code] = i
	}
	rows, err := r.pool.Query(ctx, sqlReadTotals, book)
	if err != nil {
		return err
	}
	var code string
	var debits, credits int64
	_, err = pgx.ForEachRow(rows, []any{&code, &debits, &credits}, func() error {
		if i, ok := byCode[code]; ok {
			r.debits[i], r.credits[i] = debits, credits
		}
		return nil
	})
	r.id.Store(beyondFunding)
	return err
}

// post writes a batch in one statement, which is one transaction and one round trip.
func (r *rawWriter) post(ctx context.Context, _ int, batch []transfer) error {
	n := len(batch)
	at, today := r.now(), day(r.now())
	ids, amounts, references := make([]int64, n), make([]int64, n), make([]string, n)
	debits, credits := make([]string, n), make([]string, n)
	dd, dc, cd, cc := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	// The index of references is entered from one end to the other.
	slices.SortFunc(batch, func(a, b transfer) int { return strings.Compare(a.reference, b.reference) })
	last := r.id.Add(int64(n))
	touched := make([]int, 0, 2*n)
	for i, t := range batch {
		r.debits[t.debit] += t.amount
		r.credits[t.credit] += t.amount
		ids[i], references[i], amounts[i] = last-int64(n-1-i), t.reference, t.amount
		debits[i], credits[i] = codes[t.debit], codes[t.credit]
		dd[i], dc[i], cd[i], cc[i] = r.debits[t.debit], r.credits[t.debit], r.debits[t.credit], r.credits[t.credit]
		touched = append(touched, t.debit, t.credit)
	}
	accounts, debited, credited := r.totals(touched)
	_, err := r.pool.Exec(ctx, sqlRaw, book, ids, references, kind, at, today, currency, debits, credits, amounts, dd, dc, cd, cc, accounts, debited, credited)
	return err
}

// totals are what the accounts touched stand at, each once and in order.
func (r *rawWriter) totals(touched []int) (accounts []string, debits, credits []int64) {
	slices.Sort(touched)
	for _, t := range slices.Compact(touched) {
		accounts, debits, credits = append(accounts, codes[t]), append(debits, r.debits[t]), append(credits, r.credits[t])
	}
	return accounts, debits, credits
}
