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
	open        func(ctx context.Context, database string, pool *pgxpool.Pool, now func() time.Time) (*poster, error)
}

// poster is a way that is open on a database.
type poster struct {
	post
	process int          // of the API, 0 without one
	close   func() error // nil: there is nothing to close
}

// ours calls the ledger, in this process or over HTTP.
func (c ledgerCase) ours(serve Serve) way {
	if c.http {
		return c.overHTTP(serve)
	}
	return way{load: c.load, open: func(_ context.Context, _ string, pool *pgxpool.Pool, now func() time.Time) (*poster, error) {
		l := ledger.New(pool, now)
		return &poster{post: func(ctx context.Context, _ int, batch []transfer) error {
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
		}}, nil
	}}
}

// plain writes one posting a database transaction, in one statement. A bulk is shared out over the connections, which
// is more than its one caller would reach.
func (c ledgerCase) plain() way {
	l := c.load
	if l.batch > 1 {
		l.callers, l.batch = plainConnections, 1
	}
	return way{l, plainConnections, func(_ context.Context, _ string, pool *pgxpool.Pool, now func() time.Time) (*poster, error) {
		return &poster{post: func(ctx context.Context, _ int, batch []transfer) error {
			t, at := batch[0], now()
			_, err := pool.Exec(ctx, sqlPlain, book, codes[t.debit], codes[t.credit], t.amount, t.reference, kind, at, day(at), currency)
			return err
		}}, nil
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
	return way{l, l.callers, func(ctx context.Context, _ string, pool *pgxpool.Pool, now func() time.Time) (*poster, error) {
		r := &rawWriter{pool: pool, now: now}
		return &poster{post: r.post}, r.begin(ctx)
	}}
}

// beyondFunding is above the id of the funding, the only one in a new database.
const beyondFunding = 1_000

// rawWriter keeps what the accounts stand at in memory. Each account belongs to one caller.
type rawWriter struct {
	pool   *pgxpool.Pool
	now    func() time.Time
	id     atomic.Int64
	totals [accounts]total
}

// total is what an account stands at, and the transaction that moved it last.
type total struct{ debits, credits, last int64 }

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
	var t total
	_, err = pgx.ForEachRow(rows, []any{&code, &t.debits, &t.credits, &t.last}, func() error {
		if i, ok := byCode[code]; ok {
			r.totals[i] = t
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
	debitPrev, creditPrev := make([]int64, n), make([]int64, n)
	// The index of references is entered from one end to the other.
	slices.SortFunc(batch, func(a, b transfer) int { return strings.Compare(a.reference, b.reference) })
	before := r.id.Add(int64(n)) - int64(n)
	touched := make([]int, 0, 2*n)
	for i, t := range batch {
		d, c := &r.totals[t.debit], &r.totals[t.credit]
		ids[i], references[i], amounts[i] = before+1+int64(i), t.reference, t.amount
		debits[i], credits[i], debitPrev[i], creditPrev[i] = codes[t.debit], codes[t.credit], d.last, c.last
		d.debits, c.credits, d.last, c.last = d.debits+t.amount, c.credits+t.amount, ids[i], ids[i]
		dd[i], dc[i], cd[i], cc[i] = d.debits, d.credits, c.debits, c.credits
		touched = append(touched, t.debit, t.credit)
	}
	accounts, debited, credited, last := r.after(touched)
	_, err := r.pool.Exec(ctx, sqlRaw, book, ids, references, kind, at, today, currency, debits, credits, amounts, dd, dc, cd, cc,
		accounts, debited, credited, debitPrev, creditPrev, last)
	return err
}

// after gives what the accounts touched stand at, each once and in order.
func (r *rawWriter) after(touched []int) (accounts []string, debits, credits, last []int64) {
	slices.Sort(touched)
	for _, i := range slices.Compact(touched) {
		t := r.totals[i]
		accounts, debits, credits, last = append(accounts, codes[i]), append(debits, t.debits), append(credits, t.credits), append(last, t.last)
	}
	return accounts, debits, credits, last
}
