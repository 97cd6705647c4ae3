package story

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/settlement"
	"exchequer/providers/bank"
	"exchequer/reconciliation"
)

// fundingPrefix begins the references of the gateway's own transfers.
const fundingPrefix = "FUND-"

// strayCredit is what a stranger pays into the collection account in each run, đồng.
const strayCredit = 250_000

func (r *run) account() string { return r.Catalog.CollectionAccount().Account }

// advance moves the clock to a time of a day, unless it is past it.
func (r *run) advance(ctx context.Context, day calendar.Date, at time.Duration) error {
	return r.Clock.AdvanceTo(ctx, day.At(at))
}

// catchUp brings in what partners have written since the last run: the program may have gone on at the machine's pace.
func (r *run) catchUp(ctx context.Context) error {
	if r.no == 1 {
		return nil
	}
	if err := r.settlementFiles(ctx, r.days[0]); err != nil {
		return err
	}
	return r.statements(ctx, r.days[0])
}

// providerSettles is the morning of D+1: the provider's file of D is there, its credits are at the bank. The treasury
// sends the gateway's own money for the fees; a stranger's credit comes in as well.
func (r *run) providerSettles(ctx context.Context) error {
	day := r.days[1]
	if err := r.advance(ctx, day, morning); err != nil {
		return err
	}
	if err := r.settlementFiles(ctx, day); err != nil {
		return err
	}
	if err := r.fund(ctx); err != nil {
		return err
	}
	stray := bank.Credit{ID: fmt.Sprintf("STRAY-%d", r.no), Account: r.account(), Amount: strayCredit, Currency: "VND",
		Remittance: "NOP TIEN", Debtor: "UNKNOWN"}
	if err := r.portal.post(ctx, r.Bank+"/credits", stray); err != nil {
		return err
	}
	if err := r.statements(ctx, day); err != nil {
		return err
	}
	return r.credited(ctx)
}

// fund announces and sends what the gateway needs to make good the fees that were kept back.
func (r *run) fund(ctx context.Context) error {
	ref := fmt.Sprintf("%s%06d", fundingPrefix, r.no)
	var amount int64
	err := r.Pool.QueryRow(ctx, `SELECT amount FROM gateway.expectation WHERE book = $1 AND kind = 'funding' AND ref = $2`, booking.House, ref).Scan(&amount)
	if errors.Is(err, pgx.ErrNoRows) {
		err = r.Pool.QueryRow(ctx, `SELECT coalesce(sum(fee), 0) FROM gateway.expectation WHERE kind = 'settlement' AND state = 'announced'`).Scan(&amount)
	}
	if err != nil || amount == 0 {
		return err
	}
	if _, err := r.Settlement.AnnounceFunding(ctx, officer, settlement.Funding{Ref: ref, Amount: amount}); err != nil {
		return err
	}
	r.note("the gateway sends %d đồng to make good the provider's fees", amount)
	return r.portal.post(ctx, r.Bank+"/credits", bank.Credit{ID: ref, Account: r.account(), Amount: amount, Currency: "VND",
		Remittance: "FUNDING " + ref, Debtor: "EXCHEQUER"})
}

// credited waits until the provider's credits of the day are in the bank's book.
func (r *run) credited(ctx context.Context) error {
	return r.until(ctx, "the provider's credits", func(ctx context.Context) (bool, error) {
		book, err := r.provider(ctx)
		if err != nil {
			return false, err
		}
		for _, b := range book.Batches {
			if !b.Credited && b.Net > 0 {
				return false, fmt.Errorf("batch %s is not at the bank", b.ID)
			}
		}
		return true, nil
	})
}

// payOut is the morning of D+2: the statement of D+1 is matched, fees are made good, and payouts are asked for by one
// person, approved by another and taken by the bank.
func (r *run) payOut(ctx context.Context) error {
	day := r.days[2]
	if err := r.advance(ctx, day, morning); err != nil {
		return err
	}
	if err := r.settlementFiles(ctx, day); err != nil {
		return err
	}
	if err := r.statements(ctx, day); err != nil {
		return err
	}
	if _, err := r.Settlement.Run(ctx, officer, day); err != nil {
		return err
	}
	payouts, err := r.payouts(ctx)
	if err != nil {
		return err
	}
	for _, p := range payouts {
		if p.State != settlement.Proposed {
			continue
		}
		if _, err := r.Settlement.Approve(ctx, approver, p.Ref); err != nil {
			return err
		}
		r.note("payout %s of %d đồng for %s to account %s: asked by %s, approved by %s", p.Ref, p.Amount, p.Body, p.To, officer.ID, approver.ID)
	}
	return r.until(ctx, "the bank to take the payouts", func(ctx context.Context) (bool, error) {
		payouts, err := r.payouts(ctx)
		for _, p := range payouts {
			if p.State == settlement.Approved {
				return false, err
			}
		}
		return err == nil, err
	})
}

// payouts lists those of every book.
func (r *run) payouts(ctx context.Context) ([]settlement.Payout, error) {
	var out []settlement.Payout
	for _, b := range r.Catalog.Books() {
		list, err := r.Settlement.List(ctx, officer, b.Key, calendar.Date{})
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// executed is the morning of D+3: the statement of D+2 shows the payouts.
func (r *run) executed(ctx context.Context) error {
	if err := r.advance(ctx, r.days[3], morning); err != nil {
		return err
	}
	if err := r.settlementFiles(ctx, r.days[3]); err != nil {
		return err
	}
	return r.statements(ctx, r.days[3])
}

// closeDays is the early morning after D+3: its statement is there, and every day that is over is closed.
func (r *run) closeDays(ctx context.Context) ([]settlement.Close, error) {
	if err := r.advance(ctx, r.days[4], beforeDay); err != nil {
		return nil, err
	}
	if err := r.statements(ctx, r.days[4]); err != nil {
		return nil, err
	}
	// Days of before this run that nobody has closed: the program went on at the machine's pace.
	day, err := r.firstOpen(ctx)
	for ; err == nil && day.Before(r.days[0]); day, err = r.Calendar.Next(day) {
		if _, err := r.closeDay(ctx, day); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	var out []settlement.Close
	for _, day := range r.days[:4] {
		c, err := r.closeDay(ctx, day)
		if err != nil {
			return out, err
		}
		out = append(out, c)
	}
	r.note("%s to %s are closed and signed", r.days[0], r.days[3])
	return out, nil
}

func (r *run) closeDay(ctx context.Context, day calendar.Date) (settlement.Close, error) {
	c, err := r.Settlement.Close(ctx, officer, day)
	if err == nil && !c.Closed {
		err = fmt.Errorf("%s could not be closed: %+v", day, c.Findings)
	}
	return c, err
}

// firstOpen is the first business day that is not closed.
func (r *run) firstOpen(ctx context.Context) (calendar.Date, error) {
	var last calendar.Date
	if err := r.Pool.QueryRow(ctx, `SELECT max(day) FROM gateway.day_close WHERE book = $1`, booking.House).Scan(&last); err != nil {
		return last, err
	}
	if last.IsZero() {
		return FirstDay, nil
	}
	return r.Calendar.Next(last)
}

// settlementFiles imports the provider's files of every business day up to and on a day that are not imported yet. A
// run's first day has none of its own before the simulator was there.
func (r *run) settlementFiles(ctx context.Context, through calendar.Date) error {
	return r.eachDay(ctx, "settlement", through.AddDays(1), func(ctx context.Context, day calendar.Date) error {
		return r.until(ctx, "the provider's file of "+day.String(), func(ctx context.Context) (bool, error) {
			report, err := r.Desk.Run(ctx, fetcher, day.UTC(), provider)
			if err != nil || report.State == reconciliation.NotThere {
				return false, err
			}
			if report.Lines > 0 {
				r.note("settlement file of %s: %d lines, %d met, breaks %v", day, report.Lines, report.Matched, report.Breaks)
			}
			return true, nil
		})
	})
}

// statements imports the bank's statements of every business day before a day that are not imported yet.
func (r *run) statements(ctx context.Context, before calendar.Date) error {
	return r.eachDay(ctx, "statement", before, func(ctx context.Context, day calendar.Date) error {
		file, err := r.download(ctx, fmt.Sprintf("%s/statements/%s/%s", r.Bank, r.account(), day))
		if err != nil {
			return err
		}
		report, err := r.Desk.ImportStatement(ctx, fetcher, r.account(), file, false)
		if err == nil && report.Lines > 0 {
			r.note("statement of %s: %d lines, %d matched, breaks %v", day, report.Lines, report.Matched, report.Breaks)
		}
		return err
	})
}

// eachDay goes through the business days after the last one whose file of a kind is imported, up to but not on a day.
func (r *run) eachDay(ctx context.Context, kind string, before calendar.Date, do func(context.Context, calendar.Date) error) error {
	var last calendar.Date
	// A statement whose import was cut off has lines that wait: importing it again goes on with them.
	err := r.Pool.QueryRow(ctx, `SELECT max(f.day) FROM gateway.partner_file f
		WHERE f.book = $2 AND f.kind = $1 AND f.state = 'applied' AND NOT EXISTS (SELECT FROM gateway.bank_statement_line l
			WHERE $1 = 'statement' AND l.book = $2 AND l.account = f.partner AND l.day = f.day AND l.state = 'waiting')`, kind, booking.House).Scan(&last)
	if err != nil {
		return err
	}
	day := FirstDay
	if kind == "settlement" { // the first settlement is of the day after the first payments
		if last.Before(FirstDay) {
			last = FirstDay
		}
	}
	if !last.IsZero() {
		if day, err = r.Calendar.Next(last); err != nil {
			return err
		}
	}
	for ; err == nil && day.Before(before); day, err = r.Calendar.Next(day) {
		if err := do(ctx, day); err != nil {
			return err
		}
	}
	return err
}

func (r *run) download(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.portal.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", address, resp.Status)
	}
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}
