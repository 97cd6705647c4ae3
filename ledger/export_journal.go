package ledger

import (
	"bufio"
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// form writes one format of journal. A writer that has failed says so at the next write.
type form interface {
	begin(out *bufio.Writer, j *journal)
	transaction(out *bufio.Writer, r *record)
	end(out *bufio.Writer, j *journal)
}

// journal is what a journal states besides its transactions.
type journal struct {
	opening  []Balance // every account, as it stood before the first day; nil where there is no first day
	closing  []Balance // every account, as the ledger's own totals have it at the end
	first    time.Time // the day of the first transaction, or of the opening balances
	last     time.Time // the day at whose end the closing balances hold
	pendings map[Phase]int
}

// byDay is the order of journals. A hold, a void and an expiry post nothing: they are read to be counted.
var byDay = order{
	transactions: sqlRecordColumns + `NULL::jsonb` + sqlRecordsOfPeriod + ` ORDER BY t.effective_day, t.id`,
	legs:         sqlPostingsOfPeriod + ` ORDER BY p.effective_day, p.transaction_id, p.line`,
}

func (l *Ledger) exportJournal(ctx context.Context, tx pgx.Tx, out *bufio.Writer, books []string, o ExportOptions) error {
	f := formOf(o.Format)
	all := make([]*stream, len(books))
	for i, book := range books {
		var err error
		if all[i], err = openStream(ctx, tx, i, byDay, book, o); err != nil {
			return err
		}
	}
	j, err := l.journal(ctx, tx, o)
	if err != nil {
		return err
	}
	if o.From.IsZero() {
		if _, j.first, err = earliest(ctx, tx, all); err != nil {
			return err
		}
	}
	if err := o.Format.carries(j.first); err != nil {
		return err
	}
	f.begin(out, j)
	err = merge(ctx, tx, all, func(r *record) error {
		if err := o.Format.carries(r.effective); err != nil {
			return err
		}
		if o.To.IsZero() {
			j.last = r.effective
		}
		if r.Phase != Post && r.Phase != Capture {
			j.pendings[r.Phase]++
			return nil
		}
		f.transaction(out, r)
		_, err := out.Write(nil) // what failed before fails again
		return err
	})
	if err != nil {
		return err
	}
	for i, s := range all {
		if err := s.finish(ctx, tx, books[i]); err != nil {
			return err
		}
	}
	if err := o.Format.carries(j.last); err != nil {
		return err
	}
	f.end(out, j)
	return nil
}

func formOf(f Format) form {
	if f == Beancount {
		return &beancount{}
	}
	return &plainText{samples: f == HLedger}
}

// carries refuses a day outside the years that the programs read.
func (f Format) carries(day time.Time) error {
	first, last := 1, 9999
	switch f {
	case LedgerCLI:
		first = 1400
	case Beancount:
		first, last = 1000, 2999
	}
	if day.IsZero() || day.Year() >= first && day.Year() <= last {
		return nil
	}
	return &FormatError{f, day}
}

// journal reads the balances at both ends of the period.
func (l *Ledger) journal(ctx context.Context, tx pgx.Tx, o ExportOptions) (*journal, error) {
	j := &journal{first: o.From, last: o.From, pendings: map[Phase]int{}}
	if !o.To.IsZero() {
		j.last = o.To
	}
	var err error
	if j.closing, err = l.BalancesTx(ctx, tx, Query{Book: o.Book, Through: o.To}); err != nil || o.From.IsZero() {
		return j, err
	}
	j.opening, err = l.BalancesTx(ctx, tx, Query{Book: o.Book, Through: o.From.AddDate(0, 0, -1)})
	return j, err
}

// earliest gives the stream whose next transaction is the first by day, then in the order of the books, and that day;
// nil when all are read.
func earliest(ctx context.Context, tx pgx.Tx, all []*stream) (first *stream, day time.Time, err error) {
	for _, s := range all {
		r, err := s.transactions.peek(ctx, tx)
		if err != nil {
			return nil, day, err
		}
		if r != nil && (first == nil || r.effective.Before(day)) {
			first, day = s, r.effective
		}
	}
	return first, day, nil
}

// merge gives the transactions of all books in that order.
func merge(ctx context.Context, tx pgx.Tx, all []*stream, give func(*record) error) error {
	for {
		first, _, err := earliest(ctx, tx, all)
		if err != nil || first == nil {
			return err
		}
		r, err := first.take(ctx, tx)
		if err != nil {
			return err
		}
		if err := give(r); err != nil {
			return err
		}
	}
}

// standing is what is on an account, debits less credits: the sign that journals use.
func (b Balance) standing() int64 { return b.DebitsPosted - b.CreditsPosted }
