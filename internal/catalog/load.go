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
)

var bookKey = regexp.MustCompile(`^[0-9A-Z]{3}$`)

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
	c := &Catalog{
		books: values(f.Books), bodies: values(f.Bodies), lines: f.BudgetLines,
		contracts: values(f.Contracts), account: f.Account.Value,
	}
	slices.SortFunc(c.books, func(a, b Book) int { return strings.Compare(a.Key, b.Key) })
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("catalog.yaml: %w", err)
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

func (c *Catalog) check() error {
	hasBook := func(key string) bool {
		return slices.ContainsFunc(c.books, func(b Book) bool { return b.Key == key })
	}
	for i, b := range c.books {
		if !bookKey.MatchString(b.Key) {
			return fmt.Errorf("book key %q is not 3 characters of 0-9A-Z", b.Key)
		}
		if i > 0 && c.books[i-1].Key == b.Key {
			return fmt.Errorf("book %s is listed twice", b.Key)
		}
	}
	if !hasBook(booking.House) {
		return fmt.Errorf("the house book %s is missing", booking.House)
	}
	for i, b := range c.bodies {
		if !hasBook(b.Book) {
			return fmt.Errorf("body %s names the unknown book %s", b.Code, b.Book)
		}
		if slices.ContainsFunc(c.bodies[:i], func(o Body) bool { return o.Code == b.Code }) {
			return fmt.Errorf("body %s is listed twice", b.Code)
		}
		if b.PayoutAccount == "" {
			return fmt.Errorf("body %s has no payout account", b.Code)
		}
	}
	for _, k := range c.contracts {
		if !hasBook(k.Book) {
			return fmt.Errorf("a contract of %s names the unknown book %s", k.Provider, k.Book)
		}
		if k.Settlement != booking.Gross && k.Settlement != booking.Net {
			return fmt.Errorf("contract %s/%s: settlement must be gross or net", k.Provider, k.Book)
		}
	}
	return c.checkLines()
}

func (c *Catalog) checkLines() error {
	for i, r := range c.lines {
		if _, err := c.Body(r.Body); err != nil {
			return fmt.Errorf("charge %s: %w", r.Charge, err)
		}
		if r.From.IsZero() || len(r.Lines) == 0 {
			return fmt.Errorf("charge %s at %s needs `from` and at least one line", r.Charge, r.Body)
		}
		for _, l := range r.Lines {
			if l.Share <= 0 {
				return fmt.Errorf("charge %s at %s: share of %s must be above 0", r.Charge, r.Body, l.Budget)
			}
		}
		for _, o := range c.lines[:i] {
			if o.Charge == r.Charge && o.Body == r.Body && (o.covers(r.From) || r.covers(o.From)) {
				return fmt.Errorf("charge %s at %s has two entries for one day", r.Charge, r.Body)
			}
		}
	}
	return nil
}
