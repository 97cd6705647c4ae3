package catalog

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/money"
)

var (
	bookKey = regexp.MustCompile(`^[0-9A-Z]{3}$`)
	// accountPart is what the ledger takes as one part of an account's code. It is checked here, because a code that the
	// ledger refuses would be found out only when a payment is booked.
	accountPart = regexp.MustCompile(`^[0-9A-Za-z._/-]{1,64}$`)
)

const partForm = "give 1 to 64 letters, digits or . _ / -"

type budgetRule struct {
	Charge string
	Body   string
	From   calendar.Date
	Until  calendar.Date // last day; none = still in force
	Lines  []BudgetLine
	Mark   string
}

func (r budgetRule) covers(on calendar.Date) bool {
	return !on.Before(r.From) && (r.Until.IsZero() || !on.After(r.Until))
}

// marked is an entry that says where it comes from: `read` from a source on file, or `example`.
type marked[T any] struct {
	Value T `yaml:",inline"`
	Mark  string
}

type file struct {
	Books       []marked[Book]
	Bodies      []marked[Body]
	BudgetLines []budgetRule `yaml:"budget_lines"`
	Contracts   []marked[Contract]
	Account     marked[CollectionAccount] `yaml:"collection_account"`
}

// Load reads catalog.yaml and checks it whole; the error names what does not resolve.
func Load(fsys fs.FS) (*Catalog, error) {
	raw, err := fs.ReadFile(fsys, "catalog.yaml")
	if err != nil {
		return nil, err
	}
	var f file
	if err := yaml.UnmarshalWithOptions(raw, &f, yaml.DisallowUnknownField()); err != nil {
		return nil, fmt.Errorf("catalog.yaml: %w", err)
	}
	if err := f.checkMarks(); err != nil {
		return nil, fmt.Errorf("catalog.yaml: %w", err)
	}
	c := &Catalog{
		books: values(f.Books), bodies: values(f.Bodies), lines: f.BudgetLines,
		contracts: values(f.Contracts), account: f.Account.Value,
	}
	slices.SortFunc(c.books, func(a, b Book) int { return strings.Compare(a.Key, b.Key) })
	for _, check := range []func() error{c.checkBooks, c.checkBodies, c.checkContracts, c.checkLines, c.account.check} {
		if err := check(); err != nil {
			return nil, fmt.Errorf("catalog.yaml: %w", err)
		}
	}
	return c, nil
}

func values[T any](in []marked[T]) []T {
	out := make([]T, len(in))
	for i, m := range in {
		out[i] = m.Value
	}
	return out
}

func (f *file) checkMarks() error {
	type entry struct{ name, mark string }
	entries := []entry{{"collection_account", f.Account.Mark}}
	for _, b := range f.Books {
		entries = append(entries, entry{"book " + b.Value.Key, b.Mark})
	}
	for _, b := range f.Bodies {
		entries = append(entries, entry{"body " + b.Value.Code, b.Mark})
	}
	for _, r := range f.BudgetLines {
		entries = append(entries, entry{"charge " + r.Charge + " at " + r.Body, r.Mark})
	}
	for _, k := range f.Contracts {
		entries = append(entries, entry{k.Value.name(), k.Mark})
	}
	for _, e := range entries {
		if e.mark != "read" && e.mark != "example" {
			return fmt.Errorf("%s: mark must be read or example", e.name)
		}
	}
	return nil
}

func (c *Catalog) hasBook(key string) bool {
	return slices.ContainsFunc(c.books, func(b Book) bool { return b.Key == key })
}

func (c *Catalog) checkBooks() error {
	for i, b := range c.books {
		if !bookKey.MatchString(b.Key) {
			return fmt.Errorf("book key %q is not 3 characters of 0-9A-Z", b.Key)
		}
		if i > 0 && c.books[i-1].Key == b.Key {
			return fmt.Errorf("book %s is listed twice", b.Key)
		}
	}
	if !c.hasBook(booking.House) {
		return fmt.Errorf("the house book %s is missing", booking.House)
	}
	return nil
}

func (c *Catalog) checkBodies() error {
	for i, b := range c.bodies {
		if !accountPart.MatchString(b.Code) {
			return fmt.Errorf("body code %q: %s", b.Code, partForm)
		}
		if !c.hasBook(b.Book) {
			return fmt.Errorf("body %s names the unknown book %s", b.Code, b.Book)
		}
		if slices.ContainsFunc(c.bodies[:i], func(o Body) bool { return o.Code == b.Code }) {
			return fmt.Errorf("body %s is listed twice", b.Code)
		}
		if b.PayoutAccount == "" {
			return fmt.Errorf("body %s has no payout account", b.Code)
		}
	}
	return nil
}

func (c *Catalog) checkContracts() error {
	for i, k := range c.contracts {
		switch {
		case !accountPart.MatchString(k.Provider):
			return fmt.Errorf("%s: provider: %s", k.name(), partForm)
		case !c.hasBook(k.Book):
			return fmt.Errorf("%s names an unknown book", k.name())
		case k.Merchant == "":
			return fmt.Errorf("%s has no merchant", k.name())
		case k.Settlement != booking.Gross && k.Settlement != booking.Net:
			return fmt.Errorf("%s: settlement must be gross or net", k.name())
		case k.DueBusinessDays < 0:
			return fmt.Errorf("%s: due_business_days must be 0 or more", k.name())
		}
		if slices.ContainsFunc(c.contracts[:i], func(o Contract) bool { return o.Provider == k.Provider && o.Book == k.Book }) {
			return fmt.Errorf("%s is listed twice", k.name())
		}
	}
	return nil
}

func (k Contract) name() string { return "the contract of " + k.Provider + " for book " + k.Book }

func (a CollectionAccount) check() error {
	switch {
	case !accountPart.MatchString(a.Account):
		return fmt.Errorf("collection_account %q: %s", a.Account, partForm)
	case a.Bank == "":
		return fmt.Errorf("collection_account: bank is missing")
	case a.Currency != money.VND:
		return fmt.Errorf("collection_account: currency must be %s", money.VND)
	}
	return nil
}

func (c *Catalog) checkLines() error {
	for i, r := range c.lines {
		if _, err := c.Body(r.Body); err != nil {
			return fmt.Errorf("charge %s: %w", r.Charge, err)
		}
		if err := r.check(); err != nil {
			return fmt.Errorf("charge %s at %s: %w", r.Charge, r.Body, err)
		}
		for _, o := range c.lines[:i] {
			if o.Charge == r.Charge && o.Body == r.Body && (o.covers(r.From) || r.covers(o.From)) {
				return fmt.Errorf("charge %s at %s has two entries for one day", r.Charge, r.Body)
			}
		}
	}
	return nil
}

func (r budgetRule) check() error {
	if r.From.IsZero() || len(r.Lines) == 0 {
		return fmt.Errorf("it needs `from` and at least one line")
	}
	if !r.covers(r.From) {
		return fmt.Errorf("`until` lies before `from`")
	}
	for i, l := range r.Lines {
		if !accountPart.MatchString(l.Budget) {
			return fmt.Errorf("budget %q: %s", l.Budget, partForm)
		}
		if l.Share <= 0 {
			return fmt.Errorf("share of %s must be above 0", l.Budget)
		}
		if slices.ContainsFunc(r.Lines[:i], func(o BudgetLine) bool { return o.Budget == l.Budget }) {
			return fmt.Errorf("budget %s is listed twice", l.Budget)
		}
	}
	return nil
}
