package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// StatementQuery selects a page of an account's entries: those of effective days From to Through, in the order of days,
// or, with Since, those recorded after Since up to At, in the order in which they were recorded.
type StatementQuery struct {
	Book    string
	Account string
	From    time.Time // effective day, 00:00 UTC; zero means from the first
	Through time.Time // effective day, 00:00 UTC; zero means to the last
	Since   time.Time // with Since there are neither From nor Through
	At      time.Time // recorded up to and at this instant; zero means everything
	Next    string    // Next of the page before; empty for the first
	Limit   int       // entries on a page, 1 to MaxStatement; zero means MaxStatement
}

// MaxStatement is the most entries of one page of a statement.
const MaxStatement = 10_000

// Statement is a page of entries between two balances: Opening and the entries give Closing, and Closing is the next
// page's Opening as long as nothing is entered before it in the meantime; on closed days nothing is. Balances and amounts
// are in minor units of Currency, balances on the side on which the account grows.
type Statement struct {
	Book     string
	Account  string
	Currency string
	Normal   Side
	Opening  int64
	Entries  []StatementEntry
	Closing  int64
	Next     string // names the page after this one; empty on the last
}

// StatementEntry is what one posting did to the account.
type StatementEntry struct {
	Transaction  int64
	Line         int32 // of the posting in its transaction
	Reference    string
	Kind         string
	Occurred     time.Time
	Day          time.Time // effective day, 00:00 UTC
	Recorded     time.Time
	OtherAccount string
	Debit        int64 // 0 on the credit side
	Credit       int64 // 0 on the debit side
	Balance      int64 // after the entry
}

// StatementError is a statement that cannot be given as asked.
type StatementError struct {
	Field  string // of the query
	Reason string // what to do
}

// Error names the field and what to do.
func (e *StatementError) Error() string { return "ledger: statement: " + e.Field + ": " + e.Reason }

// Statement gives a page of an account's entries, from one consistent view. It refuses with *AccountError an account
// that is not open, and with *StatementError a query that makes no sense. Entries by day cost what the page and its first
// day hold; entries by recorded time are sorted, so that every page costs what was entered in the time asked for.
func (l *Ledger) Statement(ctx context.Context, q StatementQuery) (s Statement, err error) {
	err = l.reading(ctx, func(tx pgx.Tx) error {
		s, err = l.StatementTx(ctx, tx, q)
		return err
	})
	return s, err
}

// StatementTx is Statement in the caller's database transaction.
func (l *Ledger) StatementTx(ctx context.Context, tx pgx.Tx, q StatementQuery) (Statement, error) {
	after, err := q.check()
	if err != nil {
		return Statement{}, err
	}
	s := Statement{Book: q.Book, Account: q.Account}
	if err := s.open(ctx, tx, q, after); err != nil {
		return Statement{}, err
	}
	if err := s.fill(ctx, tx, q, after); err != nil {
		return Statement{}, err
	}
	return s, nil
}

func (q *StatementQuery) check() (position, error) {
	days := [...]struct {
		field string
		day   time.Time
	}{{"From", q.From}, {"Through", q.Through}}
	for _, d := range days {
		switch {
		case !d.day.IsZero() && !q.Since.IsZero():
			return position{}, &StatementError{d.field, "ask for days or for Since, not for both"}
		case !isDay(d.day):
			return position{}, &StatementError{d.field, "it must be a day at 00:00 UTC"}
		}
	}
	switch {
	case !q.Through.IsZero() && q.Through.Before(q.From):
		return position{}, &StatementError{"Through", "it is before From"}
	case !q.At.IsZero() && q.At.Before(q.Since):
		return position{}, &StatementError{"At", "it is before Since"}
	case q.Limit < 0 || q.Limit > MaxStatement:
		return position{}, &StatementError{"Limit", fmt.Sprintf("it must be 1 to %d", MaxStatement)}
	}
	if q.Limit == 0 {
		q.Limit = MaxStatement
	}
	return q.position()
}

// position is the place after an entry in the order of a statement.
type position struct {
	at   time.Time // day or recorded time
	id   int64
	line int32
}

// position gives where the page begins: before all entries, or after the last of the page before.
func (q *StatementQuery) position() (position, error) {
	at := position{at: q.From.UTC(), line: -1}
	if q.byRecorded() {
		at.at = q.Since.UTC()
	}
	if q.Next == "" {
		return at, nil
	}
	when, rest, _ := strings.Cut(q.Next, "/")
	_, scanned := fmt.Sscanf(rest, "%d/%d", &at.id, &at.line)
	was, parsed := time.Parse(time.RFC3339Nano, when)
	if scanned != nil || parsed != nil || was.Before(at.at) || !q.byRecorded() && !isDay(was) {
		return at, &StatementError{"Next", "it is not what the page before gave for this query"}
	}
	at.at = was.UTC()
	return at, nil
}

func (q *StatementQuery) byRecorded() bool { return !q.Since.IsZero() }

// next names the place after an entry.
func (q *StatementQuery) next(e StatementEntry) string {
	at := e.Day
	if q.byRecorded() {
		at = e.Recorded
	}
	return fmt.Sprintf("%s/%d/%d", at.UTC().Format(time.RFC3339Nano), e.Transaction, e.Line)
}
