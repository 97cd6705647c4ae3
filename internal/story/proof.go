package story

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/ledger"
	"exchequer/providers/bank"
	"exchequer/providers/vnpay/simulator"
)

// Check is one line of the closing proof: what the simulators' books say must be, and what our books say is.
type Check struct {
	Name     string `json:"name"`
	Expected int64  `json:"expected"`
	Found    int64  `json:"found"`
}

// OK reports whether the two sides agree.
func (c Check) OK() bool { return c.Expected == c.Found }

// Proof is the closing proof of a run: every side computed from its own source.
type Proof struct {
	Checks []Check `json:"checks"`
	OK     bool    `json:"ok"`
	// Strays counts the notifications that the provider never sent: whoever can reach the program may send some.
	Strays int64 `json:"strays"`
}

// books are the simulators' own, as they tell them over HTTP.
type books struct {
	provider simulator.Book
	bank     bank.Book
}

func (r *run) provider(ctx context.Context) (simulator.Book, error) {
	var b simulator.Book
	err := r.portal.get(ctx, r.VNPAY+"/book", &b)
	return b, err
}

// prove derives the ending from the simulators' books and compares it with ours.
func (r *run) prove(ctx context.Context) (Proof, error) {
	var theirs books
	var err error
	if theirs.provider, err = r.provider(ctx); err != nil {
		return Proof{}, err
	}
	if err := r.portal.get(ctx, r.Bank+"/book", &theirs.bank); err != nil {
		return Proof{}, err
	}
	asked, err := r.asked(ctx)
	if err != nil {
		return Proof{}, err
	}
	post, err := r.inbox(ctx, theirs.provider)
	if err != nil {
		return Proof{}, err
	}
	want := derive(theirs, asked)
	p := Proof{OK: true, Strays: post.strays}
	for _, part := range []func(context.Context, ending) ([]Check, error){
		r.proveItems,
		func(ctx context.Context, want ending) ([]Check, error) { return r.proveInbox(ctx, want, post) },
		r.proveMoney, r.provePayouts, r.proveLedger,
	} {
		checks, err := part(ctx, want)
		if err != nil {
			return p, err
		}
		p.Checks = append(p.Checks, checks...)
	}
	for _, c := range p.Checks {
		p.OK = p.OK && c.OK()
	}
	return p, nil
}

// asked reads which bills each order is for: the provider knows orders only.
func (r *run) asked(ctx context.Context) (map[string][]owed, error) {
	rows, err := r.Pool.Query(ctx, `SELECT i.order_ref, b.ref, i.amount, b.amount, b.valid_until FROM gateway.order_bill i
		JOIN gateway.bill b ON b.book = i.bill_book AND b.ref = i.bill ORDER BY i.book, i.order_ref, i.no`)
	if err != nil {
		return nil, err
	}
	out := make(map[string][]owed)
	var order string
	var o owed
	_, err = pgx.ForEachRow(rows, []any{&order, &o.bill, &o.asked, &o.amount, &o.validUntil}, func() error {
		out[order] = append(out[order], o)
		return nil
	})
	return out, err
}

// proveItems compares breaks, payments and bills with the faults that were ordered and what became of them.
func (r *run) proveItems(ctx context.Context, want ending) ([]Check, error) {
	return r.counts(ctx, []counted{
		{"breaks: missing there", want.missing, `SELECT count(*) FROM gateway.break WHERE state = 'open' AND kind = 'missing_there'`},
		{"breaks: amount differs", want.short, `SELECT count(*) FROM gateway.break WHERE state = 'open' AND kind = 'amount_differs'`},
		{"breaks: unknown credit", want.strangers, `SELECT count(*) FROM gateway.break WHERE state = 'open' AND kind = 'unknown_credit'`},
		{"breaks: of any other kind", 0, `SELECT count(*) FROM gateway.break WHERE state = 'open' AND kind NOT IN ('missing_there', 'amount_differs', 'unknown_credit')`},
		{"payments", want.payments, `SELECT count(DISTINCT attempt) FROM gateway.payment`},
		{"attempts that are not certain", 0, uncertain(`SELECT count(*)`)},
		{"đồng that bills took", want.paid, `SELECT coalesce(sum(paid), 0) FROM gateway.bill`},
		{"bills that took other amounts than their payments' lines", 0, `SELECT count(*) FROM gateway.bill b WHERE b.paid <>
			(SELECT coalesce(sum(l.amount), 0) FROM gateway.payment_line l WHERE l.book = b.book AND l.bill = b.ref)`},
		{"đồng paid twice or too late = payments' excess", want.excess, `SELECT coalesce(sum(excess - refunded), 0) FROM gateway.payment`},
	})
}

// proveInbox compares findings with the notifications that were forged or lied.
func (r *run) proveInbox(ctx context.Context, want ending, post post) ([]Check, error) {
	found, err := r.counts(ctx, []counted{
		{"findings: wrong amount", want.lying, `SELECT count(*) FROM gateway.finding WHERE kind = 'wrong_amount'`},
		{"findings of refused notifications", post.refused, `SELECT coalesce(sum(count), 0) FROM gateway.finding WHERE kind IN ('bad_signature', 'malformed', 'unknown_order')`},
		// A statement that cannot be read ends the story's own import, so this finding is about a file that a person tried.
		{"findings: of any other kind", 0, `SELECT count(*) FROM gateway.finding WHERE kind NOT IN ('wrong_amount', 'bad_signature', 'malformed', 'unknown_order')
			AND NOT (kind = 'statement_fault' AND detail ->> 'fault' = 'unreadable')`},
	})
	return append([]Check{
		{Name: "payments with forged notifications", Expected: want.forged, Found: post.forged},
		{Name: "requests the provider never made, taken for its word", Found: post.believed},
	}, found...), err
}

type counted struct {
	name     string
	expected int64
	sql      string
}

func (r *run) counts(ctx context.Context, list []counted) ([]Check, error) {
	var out []Check
	for _, c := range list {
		check := Check{Name: c.name, Expected: c.expected}
		if err := r.Pool.QueryRow(ctx, c.sql).Scan(&check.Found); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		out = append(out, check)
	}
	return out, nil
}

// proveMoney compares what the simulators hold with our clearing, excess and bank accounts.
func (r *run) proveMoney(ctx context.Context, want ending) ([]Check, error) {
	var checks []Check
	for _, terminal := range slices.Sorted(maps.Keys(r.Terminals)) {
		books := r.booksOf(r.Terminals[terminal])
		clearing, err := r.sum(ctx, booking.Clearing(provider), books...)
		if err != nil {
			return nil, err
		}
		checks = append(checks, Check{Name: fmt.Sprintf("đồng held at terminal %s = clearing of %s", terminal, strings.Join(books, ", ")),
			Expected: want.held[terminal], Found: clearing})
	}
	excess, err := r.sum(ctx, booking.Excess)
	if err != nil {
		return nil, err
	}
	balance, err := r.sum(ctx, booking.Bank(r.account()))
	return append(checks,
		Check{Name: "đồng paid twice or too late = excess accounts", Expected: want.excess, Found: excess},
		Check{Name: "đồng at the bank = bank accounts", Expected: want.balances[r.account()], Found: balance},
	), err
}

// booksOf are the books that are paid through a terminal.
func (r *run) booksOf(merchant string) []string {
	var out []string
	for _, c := range r.Catalog.Contracts() {
		if c.Provider == provider && c.Merchant == merchant {
			out = append(out, c.Book)
		}
	}
	return out
}

// provePayouts compares what the bank paid to each account with the budget lines that go there, of the payments which
// came to the bank.
func (r *run) provePayouts(ctx context.Context, want ending) ([]Check, error) {
	found, err := r.owedTo(ctx, want.settled)
	if err != nil {
		return nil, err
	}
	accounts := maps.Clone(found)
	for to := range want.executed {
		accounts[to] = 0
	}
	var checks []Check
	for _, to := range slices.SortedFunc(maps.Keys(accounts), payee.compare) {
		checks = append(checks, Check{Name: fmt.Sprintf("đồng paid out to account %s at %s = its part of what came", to.number, to.at),
			Expected: want.executed[to], Found: found[to]})
	}
	met, err := r.counts(ctx, []counted{{"đồng the bank paid out = payouts met by statements", want.paidOut,
		`SELECT coalesce(sum(met), 0) FROM gateway.expectation WHERE kind = 'payout'`}})
	return append(checks, met...), err
}

// owedTo adds up the budget lines of payments by the account that the published catalogue names for them, on the day on
// which a payout of theirs was instructed: today where there is none.
func (r *run) owedTo(ctx context.Context, attempts []string) (map[payee]int64, error) {
	law, err := r.Settlement.Law.Current(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := r.Pool.Query(ctx, `
		SELECT l.body, l.budget, coalesce(d.day, $2), sum(l.amount)::bigint
		FROM gateway.payment_line l
		CROSS JOIN LATERAL (SELECT max(o.effective_day) AS day FROM gateway.payout_item i
			JOIN gateway.payout o ON o.book = i.book AND o.ref = i.payout
			WHERE i.book = l.book AND i.attempt = l.attempt AND i.line = l.no AND i.held) d
		WHERE l.attempt = ANY ($1) GROUP BY 1, 2, 3`, attempts, calendar.DayOf(r.Clock.Now()))
	if err != nil {
		return nil, err
	}
	owed := make(map[payee]int64)
	var body, budget string
	var day calendar.Date
	var amount int64
	_, err = pgx.ForEachRow(rows, []any{&body, &budget, &day, &amount}, func() error {
		account, err := law.Catalog.PayTo(body, budget, day)
		owed[payee{account.At, account.Number}] += amount
		return err
	})
	return owed, err
}

// sum adds an account up over some books, or over all, đồng.
func (r *run) sum(ctx context.Context, account string, books ...string) (int64, error) {
	list, err := r.Ledger.Balances(ctx, ledger.Query{Prefix: account})
	var total int64
	for _, b := range list {
		if b.Account == account && (len(books) == 0 || slices.Contains(books, b.Book)) {
			total += b.Net()
		}
	}
	return total, err
}

// proveLedger recomputes the books from their postings.
func (r *run) proveLedger(ctx context.Context, _ ending) ([]Check, error) {
	report, err := r.Ledger.Verify(ctx, ledger.VerifyOptions{Mirror: booking.Mirror})
	if err != nil {
		return nil, err
	}
	return []Check{{Name: fmt.Sprintf("ledger verify: findings in %d transactions of %d books", report.Transactions, report.Books),
		Found: int64(len(report.Findings))}}, nil
}
