package quote

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/money"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
)

// Make works out a quote. It holds as long as its amount, body, accounts and budget lines do. Errors: what the schedule refuses; NotFound and Invalid where no body or several collect for
// the service on that day; Refused (with Act, where an act shares the charge out) where a share or a budget line is not
// known or no longer open.
func Make(law *publication.Law, r Request) (*Quote, error) {
	costs, err := law.Schedules.Quote(fee.Request{Service: r.Service, Date: r.Date, Inputs: r.Inputs})
	if err != nil {
		return nil, err
	}
	inputs, err := Canonical(r.Inputs)
	if err != nil {
		return nil, err
	}
	body, err := law.Catalog.BodyFor(r.Service, r.Body, r.Date)
	if err != nil {
		return nil, err
	}
	procedure, err := law.Catalog.Procedure(r.Service, r.Date)
	if err != nil {
		return nil, err
	}
	q := &Quote{Quote: *costs, Procedure: procedure.Code, Currency: money.VND, Inputs: inputs, Budget: []BudgetLine{}, Revision: law.Revision, KnownSince: law.Since.UTC(),
		Payee: Payee{Body: body.Code, Book: body.Book, Name: fee.Text{Vi: body.NameVI, En: body.NameEN}, Accounts: []Account{}}}
	q.holdsWithin(procedure.Period)
	q.holdsWithin(body.Period)
	s := sharing{law: law, body: body, quote: q}
	for _, c := range charges(q.Lines) {
		if err := s.charge(c); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// holdsWithin ends the quote with the last day of something that it names: what it says is true until then.
func (q *Quote) holdsWithin(p catalog.Period) {
	if !p.Until.IsZero() {
		q.holdsUntil(p.Until.AddDays(1).At(0).UTC())
	}
}

func (q *Quote) holdsUntil(end time.Time) {
	if end.Before(q.ValidUntil) {
		q.ValidUntil = end
	}
}

// charge is an amount under a charge code.
type charge struct {
	code   string
	amount int64
}

// charges adds up a quote's lines by charge code, in the order in which the codes first appear: a reduction is taken
// from its own charge before anything is shared out.
func charges(lines []fee.Line) []charge {
	var out []charge
	for _, l := range lines {
		i := slices.IndexFunc(out, func(c charge) bool { return c.code == l.Charge })
		if i < 0 {
			out = append(out, charge{code: l.Charge})
			i = len(out) - 1
		}
		out[i].amount += l.Amount
	}
	return out
}

// sharing gives each charge of a quote its budget lines.
type sharing struct {
	law   *publication.Law
	body  catalog.Body
	quote *Quote
}

// charge adds the budget lines of one charge. A charge of 0 has none.
func (s *sharing) charge(c charge) error {
	if c.amount == 0 {
		return nil
	}
	parts, err := s.parts(c)
	if err != nil {
		return err
	}
	left := c.amount
	for _, p := range parts {
		left -= p.Amount
		if p.Amount < 0 {
			return s.fault("gives %d for part %s of charge %s: a part may not be below 0", p.Amount, p.Part, c.code)
		}
		if err := s.add(p); err != nil {
			return err
		}
	}
	if left != 0 {
		return s.fault("shares out %d less than charge %s", left, c.code)
	}
	return nil
}

// parts shares a charge out as the law has it. Their budget lines are still to be found.
func (s *sharing) parts(c charge) ([]BudgetLine, error) {
	service, err := s.law.Catalog.SplitOf(c.code, s.quote.Date)
	if err != nil {
		return nil, err
	}
	if service == "" {
		return []BudgetLine{{Charge: c.code, Part: catalog.Whole, Amount: c.amount}}, nil
	}
	regime, err := s.law.Catalog.Regime(s.body.Code, c.code, s.quote.Date)
	if err != nil {
		return nil, err
	}
	shares, err := s.law.Schedules.Quote(fee.Request{Service: service, Date: s.quote.Date, Inputs: s.splitInputs(c, regime)})
	if err != nil {
		return nil, s.unshared(service, c, err)
	}
	s.quote.holdsUntil(shares.ValidUntil)
	out := make([]BudgetLine, len(shares.Lines))
	for i, l := range shares.Lines {
		out[i] = BudgetLine{Charge: c.code, Part: l.Charge, Amount: l.Amount, Act: l.ActName(), Provisional: shares.Provisional}
	}
	return out, nil
}

// splitInputs is what every schedule that shares charges out is asked with.
func (s *sharing) splitInputs(c charge, regime string) json.RawMessage {
	raw, _ := json.Marshal(map[string]any{ // texts and a number
		"charge": c.code, "paid": c.amount, "regime": regime, "level": s.body.Level,
	})
	return raw
}

// unshared says of a refusal, which names the act, that the amount is known and its sharing is not. Any other answer means
// that the catalogue and the schedule do not fit together: no fault of the caller's.
func (s *sharing) unshared(service string, c charge, err error) error {
	if p, ok := errors.AsType[*problem.Error](err); ok && p.Code == problem.Refused {
		why := *p
		why.Detail = fmt.Sprintf("how the charge %s is shared out is not known: %s", c.code, p.Detail)
		why.DetailVi = fmt.Sprintf("chưa biết khoản %s được phân chia thế nào: %s", c.code, p.In("vi"))
		return &why
	}
	return fmt.Errorf("schedule %s does not share out what body %s collects: %v", service, s.body.Code, err)
}

// add finds the budget line and the account of a part. A part of 0 is left out.
func (s *sharing) add(l BudgetLine) error {
	if l.Amount == 0 {
		return nil
	}
	line, err := s.law.Catalog.Budget(s.body.Code, l.Charge, l.Part, s.quote.Date)
	if err != nil {
		return err
	}
	account, err := s.law.Catalog.PayTo(s.body.Code, line.Budget, s.quote.Date)
	if err != nil {
		return err
	}
	s.quote.holdsWithin(line.Period)
	s.quote.holdsWithin(account.Period)
	l.Budget, l.Chapter, l.SubItem, l.Area, l.Account = line.Budget, line.Chapter, line.SubItem, line.Area, account.Code
	s.quote.Budget = append(s.quote.Budget, l)
	s.quote.Payee.add(account)
	return nil
}

func (p *Payee) add(a catalog.Account) {
	if p.Account(a.Code) == (Account{}) {
		p.Accounts = append(p.Accounts, Account{Code: a.Code, Body: a.Body, Kind: a.Kind, Number: a.Number, At: a.At})
	}
}

// PaidBy is the quote with the accounts to which its budget lines go by another catalogue. Where that one has none, it stays
// as it is.
func (q Quote) PaidBy(c *catalog.Catalog) Quote {
	if len(q.Budget) == 0 {
		return q
	}
	lines, payee := slices.Clone(q.Budget), q.Payee
	payee.Accounts = nil
	for i := range lines {
		account, err := c.PayTo(payee.Body, lines[i].Budget, q.Date)
		if err != nil {
			return q
		}
		lines[i].Account = account.Code
		payee.add(account)
	}
	q.Budget, q.Payee = lines, payee
	return q
}

// fault is a mistake of the schedule: no bill may be made of it.
func (s *sharing) fault(format string, args ...any) error {
	return fmt.Errorf("the quote of %s by schedule %s %s", s.quote.Service, s.quote.ScheduleHash, fmt.Sprintf(format, args...))
}
