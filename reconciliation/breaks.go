package reconciliation

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/booking"
	"exchequer/internal/problem"
)

// Break is one place where a partner's books and ours do not agree. Amounts are minor units.
type Break struct {
	Book     string    `json:"book"`
	Kind     BreakKind `json:"kind"`
	Partner  string    `json:"partner"`
	Ref      string    `json:"ref"`      // attempt, funding transfer, batch, or key of the line at fault
	Day      string    `json:"day"`      // YYYY-MM-DD of the file that showed it first
	Expected int64     `json:"expected"` // by our books; 0 where we know nothing
	Found    int64     `json:"found"`    // by theirs; 0 where they say nothing
	Source   string    `json:"source"`   // batch, payout or statement line

	State    string     `json:"state"` // open or closed
	OpenedAt time.Time  `json:"opened_at"`
	ClosedAt *time.Time `json:"closed_at,omitempty"`
	ClosedBy string     `json:"closed_by,omitempty"`
	Reason   string     `json:"reason,omitempty"`
}

// openTx opens a break, and counts it in the report unless it is open already.
func (d *Desk) openTx(ctx context.Context, tx pgx.Tx, report *Report, b Break) error {
	tag, err := tx.Exec(ctx, `
		INSERT INTO gateway.break (book, kind, partner, ref, day, expected, found, source, opened_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (book, kind, partner, ref) WHERE state = 'open' DO NOTHING`,
		b.Book, b.Kind, b.Partner, b.Ref, b.Day, b.Expected, b.Found, b.Source, d.Now())
	if err == nil && tag.RowsAffected() == 1 {
		report.Breaks[b.Kind]++
	}
	return err
}

// closing is why breaks of a partner end.
type closing struct {
	partner string
	refs    []string
	reason  string
	by      string // the file
}

// closeTx closes breaks, as far as they are open, that have an end by what a later file says.
func (d *Desk) closeTx(ctx context.Context, tx pgx.Tx, report *Report, which bookKind, c closing) error {
	tag, err := tx.Exec(ctx, `
		UPDATE gateway.break SET state = 'closed', closed_at = $5, closed_by = $6, reason = $7
		WHERE book = $1 AND kind = $2 AND partner = $3 AND ref = ANY($4) AND state = 'open'`,
		which.book, which.kind, c.partner, c.refs, d.Now(), c.by, c.reason)
	report.Closed += int(tag.RowsAffected())
	return err
}

// missingThereTx opens a break for each payment that should have been paid over by a day and that no file has named. One
// that became known only after the batch that names it was credited is not missing: its money stands as unallocated,
// and the break of its line, missing here, is open.
func (d *Desk) missingThereTx(ctx context.Context, tx pgx.Tx, report *Report, partner string, day time.Time) error {
	books, _ := d.contracts(partner)
	for _, book := range books {
		tag, err := tx.Exec(ctx, `
			INSERT INTO gateway.break (book, kind, partner, ref, day, expected, found, source, opened_at)
			SELECT book, $5, partner, ref, $3, amount, 0, $6, $4 FROM gateway.expectation e
			WHERE book = $1 AND kind = 'settlement' AND partner = $2 AND due_day <= $3 AND state = 'open'
				AND NOT EXISTS (SELECT FROM gateway.settlement_line l WHERE l.book = $7 AND l.partner = $2 AND l.ref = e.ref)
			ON CONFLICT (book, kind, partner, ref) WHERE state = 'open' DO NOTHING`,
			book, partner, day, d.Now(), MissingThere, partner+":"+day.Format(time.DateOnly), booking.House)
		if err != nil {
			return err
		}
		if n := int(tag.RowsAffected()); n > 0 {
			report.Breaks[MissingThere] += n
		}
	}
	return nil
}

// BreakFilter narrows a list of breaks. The zero filter is all.
type BreakFilter struct {
	Book    string
	Partner string
	Kind    BreakKind
	Open    bool      // open ones only
	Through time.Time // found on or before this day (00:00 UTC); zero for any
}

// Breaks lists breaks, the oldest first, of the books that the actor may act on.
func (d *Desk) Breaks(ctx context.Context, actor Actor, f BreakFilter) ([]Break, error) {
	if actor == nil || actor.Name() == "" {
		return nil, problem.New(problem.Unauthenticated, "no actor: say who reads")
	}
	books := []string{f.Book}
	if f.Book == "" {
		books = append([]string{booking.House}, d.books...)
	}
	var seen []string
	for _, book := range books {
		if actor.MayActOn(book) {
			seen = append(seen, book)
		}
	}
	var through *time.Time
	if !f.Through.IsZero() {
		through = &f.Through
	}
	rows, err := d.Pool.Query(ctx, `
		SELECT book, kind, partner, ref, to_char(day, 'YYYY-MM-DD'), expected, found, source, state, opened_at, closed_at, closed_by, reason
		FROM gateway.break
		WHERE book = ANY($1) AND ($2 = '' OR partner = $2) AND ($3 = '' OR kind = $3) AND (NOT $4 OR state = 'open')
			AND ($5::date IS NULL OR day <= $5)
		ORDER BY day, book, kind, partner, ref`, seen, f.Partner, string(f.Kind), f.Open, through)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Break])
}
