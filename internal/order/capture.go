package order

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/bill"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/expectation"
	"exchequer/internal/money"
	"exchequer/ledger"
)

// endOfDay is the cut-off of a payment day: a provider counts a payment to the day whose clocks show it.
const endOfDay = 24 * time.Hour

// capture is money that a provider says it took for an attempt, whole đồng.
type capture struct {
	attempt Attempt
	amount  int64
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
func (s *Service) captureTx(ctx context.Context, tx pgx.Tx, captures []capture) error {
	if len(captures) == 0 {
		return nil
	}
	items, bills, err := lockBillsTx(ctx, tx, captures)
	if err != nil {
		return err
	}
	var txs []ledger.Transaction
	var waits []expectation.Expectation
	for _, c := range captures {
		day, err := s.Calendar.BusinessDay(c.occurred(s.now()), endOfDay)
		if err != nil {
			return err
		}
		for _, p := range allocate(c, items[c.attempt.Ref], bills, s.now()) {
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
	if err := s.expectTx(ctx, tx, waits, days); err != nil {
		return err
	}
	return s.payBillsTx(ctx, tx, captures, items, bills)
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

// expectTx writes what the provider owes now, by the day on which it was booked.
func (s *Service) expectTx(ctx context.Context, tx pgx.Tx, waits []expectation.Expectation, days map[[2]string]calendar.Date) error {
	for i := range waits {
		w := &waits[i]
		w.Day = days[[2]string{w.Book, w.Ref}]
		contract, err := s.Catalog.Contract(w.Partner, w.Book)
		if err != nil {
			return err
		}
		if w.DueDay, err = s.Calendar.Add(w.Day, contract.DueBusinessDays); err != nil {
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

// payBillsTx stores the bills that were paid and closes each order whose bills all are.
func (s *Service) payBillsTx(ctx context.Context, tx pgx.Tx, captures []capture, items map[string][]Item, bills map[string]*bill.Bill) error {
	done := make(map[string]bool)
	for _, c := range captures {
		open := 0
		for _, it := range items[c.attempt.Ref] {
			b := bills[it.Bill]
			if b.State != bill.Paid {
				open++
			}
			if b.State == bill.Paid && !done[b.Ref] {
				done[b.Ref] = true
				if err := bill.PayTx(ctx, tx, b.Book, b.Ref); err != nil {
					return err
				}
			}
		}
		if open > 0 {
			continue
		}
		_, err := tx.Exec(ctx, `UPDATE gateway.payment_order SET state = $3, updated_at = $4 WHERE book = $1 AND ref = $2 AND state = $5`,
			c.attempt.Book, c.attempt.Order, Paid, s.now(), Open)
		if err != nil {
			return err
		}
	}
	return nil
}
