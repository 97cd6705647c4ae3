package catalog

import "slices"

// checkLines: money that stands under one budget code of a body goes one way, in the body's area, and a charge is on a day
// either whole or shared out.
func (c *Catalog) checkLines(f *faults) {
	byBudget := map[string][]row[BudgetLine]{}
	for _, one := range c.lines.list {
		l := one.value
		key := keyed(l.Body, l.Budget)
		if first := c.accountCodes[key]; first != l.Account {
			f.add(c.lines.file, one.line, "account", "the budget %s of %s goes to the account %s elsewhere in the table", l.Budget, l.Body, first)
		}
		for _, had := range byBudget[key] {
			if o := had.value; l.overlaps(o.Period) && (l.Chapter != o.Chapter || l.SubItem != o.SubItem || l.Area != o.Area) {
				f.add(c.lines.file, one.line, "budget", "line %d has another chapter, sub-item or area for the budget %s of %s on a same day", had.line, l.Budget, l.Body)
			}
		}
		byBudget[key] = append(byBudget[key], one)
		if b, ok := c.bodies.last(l.Body); ok && l.Area != "" && b.Area != "" && l.Area != b.Area {
			f.add(c.lines.file, one.line, "area", "%s is of the area %s", b.Code, b.Area)
		}
		c.checkPart(f, one)
	}
}

func (c *Catalog) checkPart(f *faults, one row[BudgetLine]) {
	l := one.value
	for _, i := range c.charges.byKey[l.Charge] {
		ch := c.charges.list[i].value
		switch {
		case !l.overlaps(ch.Period):
		case ch.Split == "" && l.Part != Whole:
			f.add(c.lines.file, one.line, "part", "the charge %s is not shared out: its part is %s", l.Charge, Whole)
		case ch.Split != "" && l.Part == Whole:
			f.add(c.lines.file, one.line, "part", "the charge %s is shared out by %s: name a part", l.Charge, ch.Split)
		}
	}
}

// checkHolders: an account has one holder, who is not the gateway: what was paid out to its own account would come back.
func (c *Catalog) checkHolders(f *faults) {
	byNumber := map[string][]row[Account]{}
	for _, one := range c.accounts.list {
		a := one.value
		if c.collection.has(a.Number) {
			f.add(c.accounts.file, one.line, "number", "this is the account into which providers pay")
		}
		key := keyed(a.Number, a.At)
		for _, had := range byNumber[key] {
			if a.overlaps(had.value.Period) && c.bookOf(a.Body) != c.bookOf(had.value.Body) {
				f.add(c.accounts.file, one.line, "number", "line %d gives this account to a body of another book on a same day: %s", had.line, had.value.Body)
			}
		}
		byNumber[key] = append(byNumber[key], one)
	}
}

func (c *Catalog) bookOf(body string) string {
	b, _ := c.bodies.last(body)
	return b.Book
}

// checkAccounts: what is owed under a budget line can be paid out from its first day on, also when the line, the body or
// an account has ended: no last day of anything settles a debt.
func (c *Catalog) checkAccounts(f *faults) {
	for _, one := range c.lines.list {
		l := one.value
		if _, err := c.PayTo(l.Body, l.Budget, l.From); err != nil {
			f.add(c.lines.file, one.line, "account", "%v", err)
		}
		for at := l.Body; at != ""; at = c.successor(at) {
			for _, i := range c.accounts.byKey[keyed(at, l.Account)] {
				a, line := c.accounts.list[i].value, c.accounts.list[i].line
				if a.Until.IsZero() || a.Until.Before(l.From) {
					continue
				}
				if _, err := c.PayTo(l.Body, l.Budget, a.Until.AddDays(1)); err != nil {
					f.add(c.accounts.file, line, "until", "no account takes over: neither %s nor a successor has an account %s on the next day", l.Body, a.Code)
				}
			}
		}
	}
	slices.Sort(*f)
	*f = slices.Compact(*f) // lines share accounts
}

func (c *Catalog) successor(body string) string {
	b, _ := c.bodies.last(body)
	return b.Successor
}
