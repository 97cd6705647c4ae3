package settlement

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/ledger"
)

// proof computes a day's report as it was known at an instant, and collects what does not agree on the way. One side of
// every figure is the ledger's postings; the other is the expectations, the payments, the payouts or the statement.
type proof struct {
	s        *Service
	tx       pgx.Tx
	after    calendar.Date // the day closed before; none: everything until day
	day      calendar.Date
	at       time.Time // what was recorded later is not seen
	arrived  int64     // of what was met, in all books so far
	findings []CloseFinding
}

// bookLedger is the ledger's side of a book: what stood before, what moved, what stands after. Nets by account code.
type bookLedger struct {
	opening, closing map[string]int64
	moves            []ledger.Movement
}

// agree notes a finding where two sources differ.
func (p *proof) agree(f CloseFinding) {
	if f.Ledger != f.Items {
		p.findings = append(p.findings, f)
	}
}

// run computes everything. Books must be sorted, the house first.
func (p *proof) run(ctx context.Context, books []string) (Close, error) {
	c := Close{Day: p.day, Books: []BookReport{}, Findings: []CloseFinding{}}
	c.House = HouseReport{Day: p.day, After: p.after, Books: []BookDigest{}}
	for _, book := range books {
		b, err := p.book(ctx, book)
		if err != nil {
			return c, err
		}
		_, digest, err := canonical(b)
		if err != nil {
			return c, err
		}
		c.Books = append(c.Books, b)
		c.House.Books = append(c.House.Books, BookDigest{book, digest})
		c.House.Excess.Payments += b.Excess.Payments
		c.House.Excess.Amount += b.Excess.Closing
	}
	if err := p.house(ctx, &c); err != nil {
		return c, err
	}
	c.Findings = append(c.Findings, p.findings...)
	var err error
	_, c.Digest, err = canonical(c.houseRow())
	return c, err
}

// house adds what is proven once for all books.
func (p *proof) house(ctx context.Context, c *Close) error {
	bank, err := p.bank(ctx, p.s.Catalog.CollectionAccount().Account, c.Books)
	if err != nil {
		return err
	}
	c.House.Banks = []BankRoll{bank}
	if c.House.Breaks, err = p.breaks(ctx); err != nil {
		return err
	}
	funding, err := p.items(ctx, booking.House, "funding")
	if err != nil {
		return err
	}
	c.House.Funding = []OpenItem{}
	for _, i := range funding {
		c.House.Funding = append(c.House.Funding, i.open(p.day)...)
	}
	unplaced, err := p.s.Ledger.BalanceAtDayTx(ctx, p.tx, ledger.AtDay{
		Book: booking.House, Account: booking.Unallocated, Day: p.day.UTC(), At: p.at})
	if err != nil {
		return err
	}
	c.House.Unplaced = unplaced.Net()
	lines, err := p.unplaced(ctx, p.arrived)
	p.agree(CloseFinding{Code: "unplaced", Book: booking.House, Subject: booking.Unallocated, Ledger: c.House.Unplaced, Items: lines,
		Detail: "what nobody can place is not what the statements brought beyond what was met"})
	return err
}

// ledger reads the ledger's side of a book.
func (p *proof) ledger(ctx context.Context, book string) (bookLedger, error) {
	l := bookLedger{opening: map[string]int64{}, closing: map[string]int64{}}
	read := func(day calendar.Date, into map[string]int64) error {
		balances, err := p.s.Ledger.BalancesTx(ctx, p.tx, ledger.Query{Book: book, Through: day.UTC(), At: p.at})
		for _, b := range balances {
			into[b.Account] = b.Net()
		}
		return err
	}
	q := ledger.MovementQuery{Book: book, Through: p.day.UTC(), At: p.at}
	if !p.after.IsZero() { // none would mean everything to the ledger
		q.After = p.after.UTC()
		if err := read(p.after, l.opening); err != nil {
			return l, err
		}
	}
	if err := read(p.day, l.closing); err != nil {
		return l, err
	}
	var err error
	l.moves, err = p.s.Ledger.MovementsTx(ctx, p.tx, q)
	return l, err
}

// sum adds up the accounts that begin with a prefix.
func sum(net map[string]int64, prefix string) (total int64) {
	for account, amount := range net {
		if strings.HasPrefix(account, prefix) {
			total += amount
		}
	}
	return total
}

// partners gives the channels whose clearing account a book has.
func (l bookLedger) partners() []string {
	var out []string
	for account := range l.closing {
		if partner, ok := strings.CutPrefix(account, booking.Clearing("")); ok {
			out = append(out, partner)
		}
	}
	return out
}
