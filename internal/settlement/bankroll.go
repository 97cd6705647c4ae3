package settlement

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// statementDay is a day's statement as its bank wrote it, and what its lines add up to.
type statementDay struct {
	Day                               calendar.Date
	Opening, Credits, Debits, Closing int64
	Lines, LineCredits, LineDebits    int64
	Undecided                         int64 // lines that are neither matched nor a break, or a break without its row
}

// bank rolls a collection account forward by its statements and sets the ledger's balance over all books against it.
func (p *proof) bank(ctx context.Context, account string, books []BookReport) (BankRoll, error) {
	r := BankRoll{Account: account, Shares: []BookShare{}}
	for _, b := range books {
		r.Ledger += b.Bank
		r.Shares = append(r.Shares, BookShare{b.Book, b.Bank})
	}
	days, err := p.statements(ctx, account)
	if err != nil {
		return r, err
	}
	if len(days) == 0 || days[len(days)-1].Day != p.day {
		return r, problem.New(problem.Conflict, "the statement of account %s for %s is not there: import it (exchequer statement import FILE), then close the day", account, p.day)
	}
	r.Opening, r.Closing = days[0].Opening, days[len(days)-1].Closing
	previous, err := p.broughtForward(ctx, account, &r)
	if err != nil {
		return r, err
	}
	for _, d := range days {
		p.footing(account, d, previous)
		previous = d.Closing
		r.Credits, r.Debits, r.Lines = r.Credits+d.Credits, r.Debits+d.Debits, r.Lines+d.Lines
	}
	if r.Open, err = p.openLines(ctx, account); err != nil {
		return r, err
	}
	held := r.Closing - r.Brought
	for _, o := range r.Open {
		if o.Credit {
			held -= o.Amount
		} else {
			held += o.Amount
		}
	}
	p.agree(CloseFinding{Code: "bank_ledger", Book: booking.House, Subject: account, Ledger: r.Ledger, Items: held,
		Detail: "the ledger's bank balance over all books is not the statement's closing with its open lines put right"})
	return r, nil
}

// footing notes what does not foot in one statement.
func (p *proof) footing(account string, d statementDay, previous int64) {
	find := func(code, detail string, ours, theirs int64) {
		p.agree(CloseFinding{Code: code, Book: booking.House, Subject: account + " " + d.Day.String(), Ledger: ours, Items: theirs, Detail: detail})
	}
	find("statement_gap", "the statement does not open where the one before closed: a statement is missing", previous, d.Opening)
	find("statement_foots", "the statement's opening and sums do not lead to its closing", d.Opening+d.Credits-d.Debits, d.Closing)
	find("statement_credits", "the statement's credit lines do not add up to its sum", d.LineCredits, d.Credits)
	find("statement_debits", "the statement's debit lines do not add up to its sum", d.LineDebits, d.Debits)
	find("statement_undecided", "lines are neither matched nor a break: import the statement again to go on", d.Undecided, 0)
}

// statements reads the period's statements of an account, in order.
func (p *proof) statements(ctx context.Context, account string) ([]statementDay, error) {
	rows, err := p.tx.Query(ctx, `
		SELECT s.day, s.opening, s.credits, s.debits, s.closing, l.lines, l.credits, l.debits, l.undecided
		FROM gateway.bank_statement s
		CROSS JOIN LATERAL (
			SELECT count(*) AS lines,
			       coalesce(sum(l.amount) FILTER (WHERE l.credit), 0)::bigint AS credits,
			       coalesce(sum(l.amount) FILTER (WHERE NOT l.credit), 0)::bigint AS debits,
			       count(*) FILTER (WHERE l.state = 'waiting' OR l.state = 'break' AND NOT EXISTS (
			           SELECT FROM gateway.break b WHERE b.kind = l.kind AND b.ref = l.matched_ref)) AS undecided
			FROM gateway.bank_statement_line l WHERE l.book = $1 AND l.account = $2 AND l.day = s.day
		) l
		WHERE s.book = $1 AND s.account = $2 AND s.day > $3 AND s.day <= $4 AND s.imported_at <= $5
		ORDER BY s.day`, booking.House, account, p.before(), p.day, p.at)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[statementDay])
}

// broughtForward gives the closing balance before the period, and puts down what was on the account before its first
// statement of all: that money is in no book.
func (p *proof) broughtForward(ctx context.Context, account string, r *BankRoll) (int64, error) {
	var previous *int64
	err := p.tx.QueryRow(ctx, `
		SELECT (SELECT opening FROM gateway.bank_statement WHERE book = $1 AND account = $2 AND imported_at <= $4 ORDER BY day LIMIT 1),
		       (SELECT closing FROM gateway.bank_statement WHERE book = $1 AND account = $2 AND day <= $3 AND imported_at <= $4
		        ORDER BY day DESC LIMIT 1)`, booking.House, account, p.before(), p.at).Scan(&r.Brought, &previous)
	if err != nil || previous == nil {
		return r.Opening, err
	}
	return *previous, nil
}

// openLines reads the statement lines up to the day that the ledger does not hold.
func (p *proof) openLines(ctx context.Context, account string) ([]OpenLine, error) {
	rows, err := p.tx.Query(ctx, `
		SELECT l.day, l.no, l.kind, l.credit, l.amount
		FROM gateway.bank_statement_line l JOIN gateway.bank_statement s ON s.book = $1 AND s.account = $2 AND s.day = l.day
		WHERE l.book = $1 AND l.account = $2 AND l.day <= $3 AND s.imported_at <= $4
		  AND NOT (l.in_ledger AND l.decided_at <= $4)
		ORDER BY l.day, l.no`, booking.House, account, p.day, p.at)
	if err != nil {
		return nil, err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowToStructByPos[OpenLine])
	for _, l := range lines {
		if l.Kind == "" {
			p.findings = append(p.findings, CloseFinding{Code: "bank_line_undecided", Book: booking.House,
				Subject: account + " " + l.Day.String() + " line " + strconv.FormatInt(l.No, 10), Items: l.Amount,
				Detail: "the line is neither matched nor a break: import the statement again to go on"})
		}
	}
	return append([]OpenLine{}, lines...), err
}
