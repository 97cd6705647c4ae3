package settlement

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/approval"
	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/expectation"
	"exchequer/internal/finding"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
)

// Propose makes the payouts of a day and asks for a second person's approval: of every payment that has come to the bank
// in full until that day, each of its budget lines that is in no payout yet, one payout a body and account.
//
// The accounts are those in force on the business day of the run, whatever day is settled: no closed one is paid to. A
// payment's lines are taken together and in the order in which payments came; the first payment that the book's money
// at the bank does not cover waits, with all behind it, for the next run. A line for which the catalogue has no account,
// or whose body or book it no longer knows, waits by itself, and a finding says so. Run again it proposes only what has come
// since. Forbidden unless the actor is treasury staff of all books.
func (s *Service) Propose(ctx context.Context, actor authn.Actor, day calendar.Date) ([]Payout, error) {
	proposed := []Payout{}
	if err := s.begun(day); err != nil {
		return proposed, err
	}
	r, err := s.payoutRun(ctx, actor, day)
	if err != nil {
		return proposed, err
	}
	books, err := s.booksWith(ctx, r.published)
	if err != nil {
		return proposed, err
	}
	for _, book := range books {
		if err := actor.Require(book, authn.Treasury); err != nil {
			return proposed, err
		}
	}
	for _, book := range books {
		var payouts []Payout
		err := s.inTx(ctx, func(tx pgx.Tx) (err error) {
			payouts, err = r.proposeTx(ctx, tx, book)
			return err
		})
		if err != nil {
			return proposed, fmt.Errorf("payouts of book %s: %w", book, err)
		}
		proposed = append(proposed, payouts...)
	}
	return proposed, nil
}

// booksWith gives the books of a catalogue and the gateway's of the ledger, sorted: money of a book that the catalogue lost
// is still somebody's.
func (s *Service) booksWith(ctx context.Context, c *catalog.Catalog) ([]string, error) {
	books, err := ownBooks(s.Pool.Query(ctx, sqlBooks))
	for _, b := range c.Books() {
		books = append(books, b.Key)
	}
	slices.Sort(books)
	return slices.Compact(books), err
}

const sqlBooks = `SELECT book FROM ledger.books ORDER BY book COLLATE "C"`

// ownBooks keeps of the ledger's books the gateway's. What partners keep in theirs, for themselves, is nothing to settle:
// an account that is named like one of ours would else be paid, and keep the day from being closed.
func ownBooks(rows pgx.Rows, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	books, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return slices.DeleteFunc(books, func(book string) bool { return !reference.IsBook(book) }), err
}

// payoutRun is what one run goes by from its beginning to its end.
type payoutRun struct {
	*Service
	actor     authn.Actor
	published *catalog.Catalog // where money goes, as it stands when the run begins
	day       calendar.Date    // until which payments have come
	today     calendar.Date    // on which the bank would be told
}

func (s *Service) payoutRun(ctx context.Context, actor authn.Actor, day calendar.Date) (payoutRun, error) {
	law, err := s.Law.Current(ctx)
	if err != nil {
		return payoutRun{}, err
	}
	today, err := s.today()
	return payoutRun{s, actor, law.Catalog, day, today}, err
}

func (r payoutRun) proposeTx(ctx context.Context, tx pgx.Tx, book string) ([]Payout, error) {
	if err := lockTx(ctx, tx, lockPayout, book); err != nil {
		return nil, err
	}
	room, err := r.roomTx(ctx, tx, book)
	if err != nil {
		return nil, err
	}
	waiting, err := waitingTx(ctx, tx, book, r.day)
	if err != nil {
		return nil, err
	}
	if waiting, err = r.addressTx(ctx, tx, book, waiting); err != nil {
		return nil, err
	}
	blank := Payout{Book: book, From: r.Catalog.CollectionAccount().Account, Day: r.day, State: Proposed, RequestedBy: r.actor.Name()}
	payouts := blank.fill(waiting, room)
	for i := range payouts {
		if err := r.askTx(ctx, tx, r.actor, &payouts[i]); err != nil {
			return nil, err
		}
	}
	return payouts, nil
}

// askTx stores a payout and asks for its approval.
func (s *Service) askTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, p *Payout) error {
	digest, err := p.digest()
	if err != nil {
		return err
	}
	p.approval, err = approval.AskTx(ctx, tx, actor, approval.Request{Kind: approvalKind, Book: p.Book, Ref: p.Ref, Digest: digest,
		Detail: map[string]string{"body": p.Body, "account_from": p.From, "account_to": p.To, "account_at": p.At,
			"amount": strconv.FormatInt(p.Amount, 10), "payments": strconv.Itoa(p.payments()), "day": p.Day.String()}}, s.now())
	if err != nil {
		return err
	}
	if err := p.insertTx(ctx, tx, s.now()); err != nil {
		return err
	}
	act := audit.Act{Action: "payout.propose", Book: p.Book, Subject: p.Ref, Detail: amountDetail(p.Amount)}
	return audit.WriteTx(ctx, tx, actor, act, s.now())
}

// waitingLine is one budget line of a payment that has come and is in no payout.
type waitingLine struct {
	Attempt string
	Line    int
	payable
	Amount int64
	payee
}

// payable is what is owed to whom, payee the account it goes to.
type (
	payable struct{ Body, Budget string }
	payee   struct{ To, At string }
)

// addressTx gives each line the account it goes to, and leaves out those that have none.
func (r payoutRun) addressTx(ctx context.Context, tx pgx.Tx, book string, lines []waitingLine) ([]waitingLine, error) {
	payees := make(map[payable]payee)
	for i := range lines {
		l := &lines[i]
		to, known := payees[l.payable]
		if !known {
			var err error
			if to, err = r.payeeTx(ctx, tx, book, l.payable); err != nil {
				return nil, err
			}
			payees[l.payable] = to
		}
		l.payee = to
	}
	return slices.DeleteFunc(lines, func(l waitingLine) bool { return l.payee == payee{} }), nil
}

// payeeTx gives the account to which something owed goes; none, and a finding for a person, where the catalogue has none.
func (r payoutRun) payeeTx(ctx context.Context, tx pgx.Tx, book string, owed payable) (payee, error) {
	account, err := r.published.PayTo(owed.Body, owed.Budget, r.today)
	switch problem.CodeOf(err) {
	case problem.NotFound, problem.Refused:
		f := finding.Finding{Book: book, Kind: NoPayoutAccount, Subject: owed.Body + ":" + owed.Budget,
			Detail: map[string]string{"body": owed.Body, "budget": owed.Budget, "on": r.today.String()}}
		return payee{}, finding.WriteTx(ctx, tx, f, r.now())
	}
	return payee{account.Number, account.At}, err
}

// fill takes whole payments in order while they fit, each line into its body's payout to its account. Lines are
// those of one payment after another.
func (p Payout) fill(lines []waitingLine, room int64) []Payout {
	var payouts []Payout
	for len(lines) > 0 {
		n, amount := 0, int64(0)
		for ; n < len(lines) && lines[n].Attempt == lines[0].Attempt; n++ {
			amount += lines[n].Amount
		}
		if amount > room {
			break
		}
		room -= amount
		for _, l := range lines[:n] {
			i := slices.IndexFunc(payouts, func(o Payout) bool { return o.Body == l.Body && o.payee() == l.payee })
			if i < 0 {
				i = len(payouts)
				payouts = append(payouts, p)
				payouts[i].Ref, payouts[i].Body, payouts[i].To, payouts[i].At = reference.New(p.Book), l.Body, l.To, l.At
			}
			payouts[i].take(l)
		}
		lines = lines[n:]
	}
	for _, o := range payouts {
		// One order each, that of the rows when they are read again: the digest is over both.
		slices.SortFunc(o.Items, func(a, b PayoutItem) int {
			return cmp.Or(strings.Compare(a.Attempt, b.Attempt), cmp.Compare(a.Line, b.Line))
		})
		slices.SortFunc(o.Lines, func(a, b PayoutLine) int { return strings.Compare(a.Budget, b.Budget) })
	}
	slices.SortFunc(payouts, func(a, b Payout) int {
		return cmp.Or(strings.Compare(a.Body, b.Body), strings.Compare(a.At, b.At), strings.Compare(a.To, b.To))
	})
	return payouts
}

// take adds a line.
func (p *Payout) take(l waitingLine) {
	p.Amount += l.Amount
	p.Items = append(p.Items, PayoutItem{l.Attempt, l.Line, l.Amount})
	i := slices.IndexFunc(p.Lines, func(o PayoutLine) bool { return o.Budget == l.Budget })
	if i < 0 {
		i = len(p.Lines)
		p.Lines = append(p.Lines, PayoutLine{Budget: l.Budget})
	}
	p.Lines[i].Amount += l.Amount
}

// waitingTx reads what has come in full in a book until a day and is in no payout, in the order in which it came.
func waitingTx(ctx context.Context, tx pgx.Tx, book string, day calendar.Date) ([]waitingLine, error) {
	rows, err := tx.Query(ctx, `
		SELECT l.attempt, l.no, l.body, l.budget, l.amount
		FROM gateway.expectation e
		JOIN gateway.payment_line l ON l.book = $1 AND l.attempt = e.ref
		WHERE e.book = $1 AND e.kind = $2 AND e.state = $3 AND e.met_day <= $4
		  AND NOT EXISTS (SELECT FROM gateway.payout_item i WHERE i.book = $1 AND i.attempt = e.ref AND i.line = l.no AND i.held)
		ORDER BY e.met_day, e.day, l.attempt COLLATE "C", l.no`, book, expectation.Settlement, expectation.Met, day)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (l waitingLine, err error) {
		return l, row.Scan(&l.Attempt, &l.Line, &l.Body, &l.Budget, &l.Amount)
	})
}

// roomTx gives what may still be paid out of a book's share of the collection account: what is there, less what is
// instructed or proposed, less what is there of the payers' excess. A fee that is not yet made good is missing here.
func (s *Service) roomTx(ctx context.Context, tx pgx.Tx, book string) (int64, error) {
	account := s.Catalog.CollectionAccount().Account
	var room int64
	// One statement, so one view: read one after the other, a payout that is executed in between would count neither as
	// instructed nor as gone from the bank.
	err := tx.QueryRow(ctx, `
		SELECT (SELECT coalesce(sum(debits_posted - credits_posted), 0)::bigint FROM ledger.balances WHERE book = $1 AND account = $2)
		     - (SELECT coalesce(sum(credits_posted - debits_posted), 0)::bigint FROM ledger.balances WHERE book = $1 AND account = $3)
		     - (SELECT coalesce(sum(amount), 0)::bigint FROM gateway.payout WHERE book = $1 AND account_from = $4 AND state = 'proposed')
		     - (SELECT coalesce(sum(greatest(p.excess - p.refunded, 0)), 0)::bigint
		        FROM gateway.payment p JOIN gateway.expectation e ON e.book = $1 AND e.kind = $5 AND e.ref = p.attempt
		        WHERE p.book = $1 AND p.excess > 0 AND e.state = $6)`,
		book, booking.Bank(account), booking.Payout(account), account, expectation.Settlement, expectation.Met).Scan(&room)
	return room, err
}
