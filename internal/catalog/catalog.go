// Package catalog owns the standing data of collection: books, collecting bodies, budget lines, provider contracts
// and the collection account.
//
// It guarantees that every reference inside the data resolves (a body's book, a line's body, a contract's book) and
// that a charge without a budget line on its date is refused rather than booked somewhere, and that every code in it
// can be part of an account of the ledger. It knows no amount of any tariff and no state of any bill.
package catalog

import (
	"embed"
	"io/fs"
	"slices"

	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/money"
	"exchequer/internal/problem"
)

//go:embed data/catalog.yaml
var data embed.FS

// Book is the accounts of one collecting body. Key is its 3 characters everywhere.
type Book struct {
	Key  string
	Name string
}

// Body is a collecting body: who the money is for and where it is paid out to.
type Body struct {
	Code          string
	Book          string
	NameVI        string   `yaml:"name_vi"`
	NameEN        string   `yaml:"name_en"`
	PayoutAccount string   `yaml:"payout_account"`
	Services      []string // the services it collects for
}

// Contract is what was agreed with a provider for a book.
type Contract struct {
	Provider        string
	Book            string
	Merchant        string // the provider's terminal
	Settlement      booking.Terms
	DueBusinessDays int `yaml:"due_business_days"` // business days after the payment's until the credit is late
}

// CollectionAccount is the bank account into which providers pay.
type CollectionAccount struct {
	Account  string
	Bank     string
	Currency string
}

// BudgetLine is one share of a charge.
type BudgetLine struct {
	Budget string
	Share  int64
}

// Charge is an amount under a charge code, as a quote gives it.
type Charge struct {
	Code   string
	Amount int64 // đồng
}

// Payable is an amount owed to a budget line of a body. Amounts are whole đồng.
type Payable struct {
	Charge string
	Budget string
	Amount int64
}

// Catalog is the loaded, checked data.
type Catalog struct {
	books     []Book
	bodies    []Body
	lines     []budgetRule
	contracts []Contract
	account   CollectionAccount
}

// Default loads the data that is compiled in.
func Default() (*Catalog, error) {
	sub, err := fs.Sub(data, "data")
	if err != nil {
		return nil, err
	}
	return Load(sub)
}

// Books lists every book, the house first, in key order.
func (c *Catalog) Books() []Book { return slices.Clone(c.books) }

// Bodies lists every collecting body.
func (c *Catalog) Bodies() []Body { return slices.Clone(c.bodies) }

// CollectionAccount gives the account into which providers pay.
func (c *Catalog) CollectionAccount() CollectionAccount { return c.account }

// Body finds a collecting body by code; NotFound when there is none.
func (c *Catalog) Body(code string) (Body, error) {
	i := slices.IndexFunc(c.bodies, func(b Body) bool { return b.Code == code })
	if i < 0 {
		return Body{}, problem.AtField(problem.NotFound, "body", "no collecting body has the code %q", code)
	}
	return c.bodies[i], nil
}

// BodyFor finds who collects for a service: the named body if it does, else the only one that does.
func (c *Catalog) BodyFor(service, code string) (Body, error) {
	var found []Body
	for _, b := range c.bodies {
		if slices.Contains(b.Services, service) && (code == "" || b.Code == code) {
			found = append(found, b)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Body{}, problem.AtField(problem.NotFound, "body", "no such body collects for service %q", service)
	}
	return Body{}, problem.AtField(problem.Invalid, "body", "several bodies collect for %q: name one", service)
}

// Contract finds what was agreed with a provider for a book; NotFound when nothing was.
func (c *Catalog) Contract(provider, book string) (Contract, error) {
	for _, k := range c.contracts {
		if k.Provider == provider && k.Book == book {
			return k, nil
		}
	}
	return Contract{}, problem.AtField(problem.NotFound, "provider", "provider %q has no contract for book %s", provider, book)
}

// Split maps charges to the budget lines of a body on a date. Parts of a charge always add up to it (largest
// remainder); lines of 0 are left out. NotFound names a charge without a line on that date.
func (c *Catalog) Split(body string, on calendar.Date, charges []Charge) ([]Payable, error) {
	var out []Payable
	for _, ch := range charges {
		rule, err := c.ruleFor(ch.Code, body, on)
		if err != nil {
			return nil, err
		}
		weights := make([]int64, len(rule.Lines))
		for i, l := range rule.Lines {
			weights[i] = l.Share
		}
		parts, err := money.Split(ch.Amount, weights)
		if err != nil {
			return nil, err
		}
		for i, l := range rule.Lines {
			if parts[i] != 0 {
				out = append(out, Payable{Charge: ch.Code, Budget: l.Budget, Amount: parts[i]})
			}
		}
	}
	return out, nil
}

func (c *Catalog) ruleFor(charge, body string, on calendar.Date) (budgetRule, error) {
	for _, r := range c.lines {
		if r.Charge == charge && r.Body == body && r.covers(on) {
			return r, nil
		}
	}
	return budgetRule{}, problem.AtField(problem.NotFound, "charge", "charge %q has no budget line at body %s on %s", charge, body, on)
}

// Contracts lists every contract.
func (c *Catalog) Contracts() []Contract { return slices.Clone(c.contracts) }
