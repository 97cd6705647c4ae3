package order

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/bill"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/expectation"
	"exchequer/internal/finding"
	"exchequer/internal/money"
	"exchequer/internal/reference"
	"exchequer/ledger"
)

// endOfDay is the cut-off of a payment day: a provider counts a payment to the day whose clocks show it.
const endOfDay = 24 * time.Hour

// capture is money that a provider says it took for an attempt, whole đồng.
type capture struct {
	attempt Attempt
	amount  int64
}

// billsOf gives the bills that parts of a capture pay in full.
func billsOf(parts []part) []string {
	var out []string
	for _, p := range parts {
		for _, l := range p.lines {
			if !slices.Contains(out, l.bill) {
				out = append(out, l.bill)
			}
		}
	}
	return out
}

// part is what a capture brings to one book.
type part struct {
	book   string
	lines  []paidLine
	excess int64
}

// paidLine is one budget line of a bill that a capture pays.
type paidLine struct {
	bill string
	booking.PayableLine
}

// payables adds the lines of several bills up by body and budget line: the ledger knows no bill.
func (p part) payables() []booking.PayableLine {
	var out []booking.PayableLine
	for _, l := range p.lines {
		i := slices.IndexFunc(out, func(o booking.PayableLine) bool { return o.Body == l.Body && o.Budget == l.Budget })
		if i < 0 {
			out = append(out, l.PayableLine)
			continue
		}
		out[i].Amount += l.Amount
	}
	return out
}

func (p part) total() int64 {
	sum := p.excess
	for _, l := range p.lines {
		sum += l.Amount
	}
	return sum
}

// captureTx books captures: each bill takes what it still owes, the rest is the payer's excess (rows 1, 10 and 11),
// and waits for the provider to pay it over.
func (s *Service) captureTx(ctx context.Context, tx pgx.Tx, out *outcome) error {
	if len(out.captures) == 0 {
		return nil
	}
	items, bills, err := lockBillsTx(ctx, tx, out.captures)
	if err != nil {
		return err
	}
	var txs []ledger.Transaction
	var waits []expectation.Expectation
	paid := make([][]string, len(out.captures))
	for i, c := range out.captures {
		parts := allocate(c, items[c.attempt.Ref], bills, s.now())
		paid[i] = billsOf(parts)
		day, err := s.effectiveDay(c, parts, out)
		if err != nil {
			return err
		}
		for _, p := range parts {
			made, err := booking.PaymentConfirmed{
				Head: booking.Head{Reference: c.attempt.Ref, Occurred: c.occurred(s.now()), Day: day},
				Book: p.book, Channel: c.attempt.Provider, Lines: p.payables(), Excess: p.excess,
			}.Transactions()
			if err != nil {
				return err
			}
			txs = append(txs, made...)
			waits = append(waits, expectation.Expectation{
				Book: p.book, Kind: expectation.Settlement, Ref: c.attempt.Ref, Partner: c.attempt.Provider, Amount: p.total(),
			})
			if err := s.paidTx(ctx, tx, c, p); err != nil {
				return err
			}
		}
	}
	days, err := s.postTx(ctx, tx, txs)
	if err != nil {
		return err
	}
	if err := s.expectTx(ctx, tx, waits, days, out); err != nil {
		return err
	}
	for i, c := range out.captures {
		if err := s.payBillsTx(ctx, tx, c, items[c.attempt.Ref], paid[i]); err != nil {
			return err
		}
	}
	return nil
}

// effectiveDay gives the business day of a capture. Where the calendar does not say whether its day is worked, the day
// itself stands: money that is there must be booked, and a person is asked to complete the calendar.
func (s *Service) effectiveDay(c capture, parts []part, out *outcome) (calendar.Date, error) {
	at := c.occurred(s.now())
	day, err := s.Calendar.BusinessDay(at, endOfDay)
	if !errors.Is(err, calendar.ErrNotOnFile) {
		return day, err
	}
	day = calendar.DayOf(at)
	for _, p := range parts {
		out.found = append(out.found, calendarGap(p.book, day))
	}
	return day, nil
}

func calendarGap(book string, day calendar.Date) finding.Finding {
	return finding.Finding{Book: book, Kind: finding.CalendarGap, Subject: day.String(), Detail: map[string]string{"day": day.String()}}
}

func (c capture) occurred(now time.Time) time.Time {
	if c.attempt.OccurredAt != nil {
		return *c.attempt.OccurredAt
	}
	return now
}

// lockBillsTx finds the bills of each capture and locks them all in one order.
func lockBillsTx(ctx context.Context, tx pgx.Tx, captures []capture) (map[string][]Item, map[string]*bill.Bill, error) {
	items := make(map[string][]Item)
	var refs []string
	for _, c := range captures {
		rows, err := tx.Query(ctx, `SELECT bill_book, bill, amount FROM gateway.order_bill WHERE book = $1 AND order_ref = $2 ORDER BY no`,
			c.attempt.Book, c.attempt.Order)
		if err != nil {
			return nil, nil, err
		}
		list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Item])
		if err != nil {
			return nil, nil, err
		}
		items[c.attempt.Ref] = list
		for _, it := range list {
			refs = append(refs, it.Bill)
		}
	}
	locked, err := bill.LockTx(ctx, tx, refs)
	if err != nil {
		return nil, nil, err
	}
	bills := make(map[string]*bill.Bill, len(locked))
	for i := range locked {
		bills[locked[i].Ref] = &locked[i]
	}
	return items, bills, nil
}

// allocate decides what a capture pays: each bill in the order's order, whole or not at all, if it is still owed and
// held its amount when the money was taken. What remains is excess, in the book of the bill it was meant for; a
// surplus falls to the home book. The bills are marked as paid in memory, so that the next capture of the batch
// sees it.
func allocate(c capture, items []Item, bills map[string]*bill.Bill, now time.Time) []part {
	var parts []part
	in := func(key string) *part {
		i := slices.IndexFunc(parts, func(p part) bool { return p.book == key })
		if i < 0 {
			parts = append(parts, part{book: key})
			i = len(parts) - 1
		}
		return &parts[i]
	}
	left := c.amount
	for _, it := range items {
		b := bills[it.Bill]
		take := min(it.Amount, left)
		left -= take
		switch p := in(it.Book); {
		case take == 0:
		case take == it.Amount && b.Due() == take && !b.Expired(c.occurred(now)):
			p.lines = append(p.lines, payableLines(*b)...)
			b.Paid, b.State = b.Amount, bill.Paid
		default:
			p.excess += take
		}
	}
	in(c.attempt.Book).excess += left
	parts = slices.DeleteFunc(parts, func(p part) bool { return p.total() == 0 })
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.book, b.book) })
	return parts
}

func payableLines(b bill.Bill) []paidLine {
	out := make([]paidLine, len(b.Lines))
	for i, l := range b.Lines {
		out[i] = paidLine{b.Ref, booking.PayableLine{Body: b.Body, Budget: l.Budget, Amount: l.Amount}}
	}
	return out
}

// postTx posts and gives the effective day of each transaction by book and reference.
func (s *Service) postTx(ctx context.Context, tx pgx.Tx, txs []ledger.Transaction) (map[[2]string]calendar.Date, error) {
	if err := s.Ledger.OpenAccountsTx(ctx, tx, booking.AccountsFor(txs)); err != nil {
		return nil, err
	}
	results, err := s.Ledger.PostTx(ctx, tx, txs)
	if err != nil {
		return nil, err
	}
	if err := ledger.FirstRefusal(results); err != nil {
		return nil, err
	}
	days := make(map[[2]string]calendar.Date, len(txs))
	for i, t := range txs {
		days[[2]string{t.Book, t.Reference}] = calendar.DateOf(results[i].Day)
	}
	return days, nil
}

// expectTx writes what the provider owes now, by the day on which it was booked. Past the calendar on file no deadline
// is computed.
func (s *Service) expectTx(ctx context.Context, tx pgx.Tx, waits []expectation.Expectation, days map[[2]string]calendar.Date, out *outcome) error {
	for i := range waits {
		w := &waits[i]
		w.Day = days[[2]string{w.Book, w.Ref}]
		contract, err := s.Catalog.Contract(w.Partner, w.Book)
		if err != nil {
			return err
		}
		w.DueDay, err = s.Calendar.Add(w.Day, contract.DueBusinessDays)
		if errors.Is(err, calendar.ErrNotOnFile) {
			out.found = append(out.found, calendarGap(w.Book, w.Day))
			w.DueDay, err = calendar.Date{}, nil
		}
		if err != nil {
			return err
		}
	}
	return expectation.WriteTx(ctx, tx, s.now(), waits)
}

func (s *Service) paidTx(ctx context.Context, tx pgx.Tx, c capture, p part) error {
	var b pgx.Batch
	b.Queue(`INSERT INTO gateway.payment (book, attempt, captured, excess, currency, provider, paid_at, recorded_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		p.book, c.attempt.Ref, p.total(), p.excess, money.VND, c.attempt.Provider, c.occurred(s.now()), s.now())
	for i, l := range p.lines {
		b.Queue(`INSERT INTO gateway.payment_line (book, attempt, no, bill, body, budget, amount) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			p.book, c.attempt.Ref, i+1, l.bill, l.Body, l.Budget, l.Amount)
	}
	return tx.SendBatch(ctx, &b).Close()
}

// payBillsTx stores the bills that a capture paid, and closes its order when no bill of it is left that another payment,
// or nobody, has paid.
func (s *Service) payBillsTx(ctx context.Context, tx pgx.Tx, c capture, items []Item, paid []string) error {
	for _, ref := range paid {
		if err := bill.PayTx(ctx, tx, reference.Book(ref), ref); err != nil {
			return err
		}
	}
	if len(paid) == 0 {
		return nil
	}
	for _, it := range items {
		if slices.Contains(paid, it.Bill) {
			continue
		}
		ours, err := paidByOrderTx(ctx, tx, c.attempt.Order, it)
		if err != nil || !ours {
			return err
		}
	}
	return s.changeOrderTx(ctx, tx, c.attempt.Book, c.attempt.Order, allPaid)
}

// paidByOrderTx reports whether an attempt of the order has paid a bill of it.
func paidByOrderTx(ctx context.Context, tx pgx.Tx, order string, it Item) (paid bool, err error) {
	attempts := make([]string, reference.MaxAttempts)
	for i := range attempts {
		attempts[i] = reference.Attempt(order, i)
	}
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM gateway.payment_line WHERE book = $1 AND attempt = ANY($2) AND bill = $3)`,
		it.Book, attempts, it.Bill).Scan(&paid)
	return paid, err
}
