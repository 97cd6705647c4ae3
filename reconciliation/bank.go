package reconciliation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/finding"
	"exchequer/internal/problem"
)

// bankStatement is one statement of a collection account, whatever format it came in.
type bankStatement struct {
	account  string
	id       string
	day      time.Time // of the closing balance, 00:00 UTC
	currency string
	opening  int64
	closing  int64
	entries  []bankEntry
	digest   string
	faults   []string // what keeps it from being applied
	doubts   []string // what a person must know of it all the same
}

type bankEntry struct {
	Entry
	booked  time.Time // the bank's booking date, 00:00 UTC
	bankRef string
}

// errRehearsed rolls a dry run back.
var errRehearsed = errors.New("rehearsed")

// ImportStatement reads a bank's camt.053 file of a collection account and decides each line in a transaction of its
// own: what it meets is booked, what meets nothing is a break. A file cut off in the middle goes on when it is imported
// again; one that is applied whole changes nothing. A restated or faulty statement is a finding and changes nothing
// else; one that does not begin where the last one ended is a finding and is applied. With dryRun all of it is done, and
// then undone. Invalid: it is not a statement of this account.
func (d *Desk) ImportStatement(ctx context.Context, actor Actor, account string, content []byte, dryRun bool) (Report, error) {
	if err := authorise(actor); err != nil {
		return Report{}, err
	}
	if !slices.Contains(d.Accounts, account) {
		return Report{}, problem.AtField(problem.NotFound, "account", "%s is no collection account", account)
	}
	statements, err := readStatements(content)
	if err != nil && dryRun {
		return Report{}, problem.AtField(problem.Invalid, "file", "%v", err)
	}
	if err != nil {
		return d.unreadable(ctx, newReport("statement", account, calendar.DayOf(d.Now()).UTC()), finding.StatementFault, content, err)
	}
	for _, s := range statements {
		if s.account != account {
			return Report{}, problem.AtField(problem.Invalid, "file", "it holds a statement of account %s, not of %s", s.account, account)
		}
	}
	slices.SortStableFunc(statements, func(a, b bankStatement) int { return a.day.Compare(b.day) })
	if !dryRun {
		return d.importAll(ctx, d.Pool, actor, statements)
	}
	var report Report
	err = pgx.BeginFunc(ctx, d.Pool, func(tx pgx.Tx) error {
		if report, err = d.importAll(ctx, tx, actor, statements); err != nil {
			return err
		}
		return errRehearsed
	})
	if errors.Is(err, errRehearsed) {
		err = nil
	}
	report.DryRun = true
	return report, err
}

func (d *Desk) importAll(ctx context.Context, db beginner, actor Actor, statements []bankStatement) (Report, error) {
	var first Report
	for i, s := range statements {
		report, err := d.importStatement(ctx, db, actor, s)
		if i == 0 {
			first = report
		} else {
			first.Further = append(first.Further, report)
		}
		if err != nil {
			return first, err
		}
	}
	return first, nil
}

// importStatement stores a statement with its lines, and then decides the lines: a crash between the two, or between two
// lines, leaves lines waiting, with which the next import of the same content goes on.
func (d *Desk) importStatement(ctx context.Context, db beginner, actor Actor, s bankStatement) (Report, error) {
	var report Report
	err := d.inTx(ctx, db, func(tx pgx.Tx) error {
		report = newReport("statement", s.account, s.day)
		report.Digest, report.Lines = s.digest, len(s.entries)
		return d.recordTx(ctx, tx, actor, s, &report)
	})
	if err != nil || report.State != Applied {
		return report, err
	}
	lines, err := d.waitingLines(ctx, db, s.account, s.day)
	if err != nil {
		return report, err
	}
	for _, l := range lines {
		var decided Report
		err := d.inTx(ctx, db, func(tx pgx.Tx) error {
			decided = newReport("", "", s.day)
			return d.decideTx(ctx, tx, actor, l, &decided)
		})
		if err != nil {
			return report, fmt.Errorf("line %d of the statement: import the file again to go on: %w", l.no, err)
		}
		report.add(decided)
	}
	return report, nil
}

func (r *Report) add(o Report) {
	r.Matched += o.Matched
	r.Closed += o.Closed
	for kind, n := range o.Breaks {
		r.Breaks[kind] += n
	}
}

// recordTx keeps a statement, or says why it is not applied.
func (d *Desk) recordTx(ctx context.Context, tx pgx.Tx, actor Actor, s bankStatement, report *Report) error {
	if fault := d.ahead(s.day); fault != "" {
		report.State = Faulty
		return d.findTx(ctx, tx, report, finding.StatementFault, "of-no-day", fault)
	}
	credits, debits, faults := s.check()
	faults = append(slices.Clone(s.faults), faults...)
	var err error
	report.State, err = d.registerTx(ctx, tx, actor, file{
		kind: "statement", partner: s.account, day: s.day, digest: s.digest, entries: len(s.entries), faulty: len(faults) > 0,
	})
	switch {
	case err != nil:
		return err
	case report.State == Repeated:
		return d.repeatedTx(ctx, tx, actor, s, report)
	case report.State == Restated:
		return d.findTx(ctx, tx, report, finding.StatementFault, "restated",
			"another statement of this day is applied: it was kept and not applied, ask the bank which one holds")
	case report.State == Faulty:
		return d.findTx(ctx, tx, report, finding.StatementFault, "faulty",
			fmt.Sprintf("it contradicts itself and was not applied, ask for a corrected one: %q", faults[:min(len(faults), maxFaults)]))
	}
	if err := d.storeStatementTx(ctx, tx, s, credits, debits); err != nil {
		return err
	}
	if err := d.continuityTx(ctx, tx, s, report); err != nil {
		return err
	}
	if len(s.doubts) > 0 {
		if err := d.findTx(ctx, tx, report, finding.StatementFault, "doubtful", fmt.Sprintf("it was applied: %q", s.doubts)); err != nil {
			return err
		}
	}
	return d.auditTx(ctx, tx, actor, audit.Act{Action: "statement.import", Book: booking.House, Subject: s.account + ":" + report.Day,
		Detail: map[string]string{"digest": s.digest, "lines": strconv.Itoa(len(s.entries))}})
}

// repeatedTx tells an import that goes on from one that has nothing left to do.
func (d *Desk) repeatedTx(ctx context.Context, tx pgx.Tx, actor Actor, s bankStatement, report *Report) error {
	var waiting bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM gateway.bank_statement_line
		WHERE book = $1 AND account = $2 AND day = $3 AND state = 'waiting')`, booking.House, s.account, s.day).Scan(&waiting)
	switch {
	case err != nil:
		return err
	case waiting:
		report.State = Applied
		return nil
	case byProgram(actor):
		return nil
	}
	return d.findTx(ctx, tx, report, finding.StatementFault, "repeated", "this statement was imported before: nothing was done")
}

// check adds a statement up and names what contradicts itself in it.
func (s bankStatement) check() (credits, debits int64, faults []string) {
	if s.currency != booking.Currency {
		faults = append(faults, fmt.Sprintf("it is in %q, not in %s", s.currency, booking.Currency))
	}
	for i, e := range s.entries {
		switch {
		case e.Amount <= 0 || e.Amount > math.MaxInt64-credits-debits:
			return 0, 0, append(faults, fmt.Sprintf("entry %d has no amount of money", i+1))
		case e.booked.IsZero() || e.booked.After(s.day):
			faults = append(faults, fmt.Sprintf("entry %d is booked after the statement's day, or on none", i+1))
		}
		if e.Credit {
			credits += e.Amount
		} else {
			debits += e.Amount
		}
	}
	// Differences of balances and sums stay in int64 where each is far below its limit.
	const most = math.MaxInt64 / 4
	if max(credits, debits, s.opening, s.closing, -s.opening, -s.closing) > most {
		return 0, 0, append(faults, "its amounts are beyond any account")
	}
	if s.opening+credits-debits != s.closing {
		faults = append(faults, fmt.Sprintf("opening %d + credits %d - debits %d is not closing %d", s.opening, credits, debits, s.closing))
	}
	return credits, debits, faults
}

func (d *Desk) storeStatementTx(ctx context.Context, tx pgx.Tx, s bankStatement, credits, debits int64) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO gateway.bank_statement (book, account, day, statement_id, currency, opening, closing, credits, debits, entries, digest, imported_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		booking.House, s.account, s.day, s.id, s.currency, s.opening, s.closing, credits, debits, len(s.entries), s.digest, d.Now())
	if err != nil {
		return err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"gateway", "bank_statement_line"},
		[]string{"book", "account", "day", "no", "credit", "amount", "currency", "booked_on", "end_to_end_id", "bank_ref", "remittance", "reversal"},
		pgx.CopyFromSlice(len(s.entries), func(i int) ([]any, error) {
			e := s.entries[i]
			return []any{booking.House, s.account, s.day, i + 1, e.Credit, e.Amount, s.currency, e.booked, e.EndToEndID, e.bankRef, e.Remittance, e.Reversal}, nil
		}))
	return err
}

// continuityTx finds a gap to the statements before and after. The account's first statement has none before it.
func (d *Desk) continuityTx(ctx context.Context, tx pgx.Tx, s bankStatement, report *Report) error {
	var before, after *int64
	err := tx.QueryRow(ctx, `SELECT
		(SELECT closing FROM gateway.bank_statement WHERE book = $1 AND account = $2 AND day < $3 ORDER BY day DESC LIMIT 1),
		(SELECT opening FROM gateway.bank_statement WHERE book = $1 AND account = $2 AND day > $3 ORDER BY day LIMIT 1)`,
		booking.House, s.account, s.day).Scan(&before, &after)
	if err != nil {
		return err
	}
	if before != nil && *before != s.opening {
		err = d.findTx(ctx, tx, report, finding.StatementFault, "gap",
			fmt.Sprintf("it opens at %d and the last one closed at %d: a statement is missing in between", s.opening, *before))
	}
	if err == nil && after != nil && *after != s.closing {
		err = d.findTx(ctx, tx, report, finding.StatementFault, "gap-after",
			fmt.Sprintf("it closes at %d and the next one opened at %d: a statement is missing in between", s.closing, *after))
	}
	return err
}

// line is a stored statement line.
type line struct {
	account string
	day     time.Time
	no      int
	booked  time.Time
	Entry
}

// key names a line everywhere: in bookings, expectations, breaks and audit rows.
func (l line) key() string {
	return l.account + ":" + l.day.Format(time.DateOnly) + ":" + strconv.Itoa(l.no)
}

// waitingLines gives the lines that are not decided yet: the gateway's own money first, since fees are made good from
// it, then in the statement's order.
func (d *Desk) waitingLines(ctx context.Context, db beginner, account string, day time.Time) ([]line, error) {
	var lines []line
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT no, credit, amount, booked_on, end_to_end_id, remittance, reversal FROM gateway.bank_statement_line
			WHERE book = $1 AND account = $2 AND day = $3 AND state = 'waiting' ORDER BY no`, booking.House, account, day)
		if err != nil {
			return err
		}
		lines, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (line, error) {
			l := line{account: account, day: day}
			err := r.Scan(&l.no, &l.Credit, &l.Amount, &l.booked, &l.EndToEndID, &l.Remittance, &l.Reversal)
			return l, err
		})
		if err != nil {
			return err
		}
		funding, err := fundingNamesTx(ctx, tx, account)
		if err != nil {
			return err
		}
		slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.rank(funding), b.rank(funding)) })
		return nil
	})
	return lines, err
}

func (l line) rank(funding []string) int {
	if l.Credit && slices.ContainsFunc(Mentions(l.Entry), func(name string) bool { return slices.Contains(funding, name) }) {
		return 0
	}
	return 1
}

func fundingNamesTx(ctx context.Context, tx pgx.Tx, account string) ([]string, error) {
	rows, err := tx.Query(ctx, `SELECT ref FROM gateway.expectation
		WHERE book = $1 AND kind = 'funding' AND partner = $2 AND state = 'open' ORDER BY ref`, booking.House, account)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
