package catalog

import (
	"exchequer/internal/booking"
)

// check is what can only be seen on all tables together.
func (c *Catalog) check(f *faults) {
	if !c.books.has(booking.House) {
		f.add(bookTable.file, 0, "key", "the house book %s is missing", booking.House)
	}
	refers(f, c.bodies, "book", func(b Body) string { return b.Book }, c.books.has)
	refers(f, c.bodies, "area", func(b Body) string { return b.Area }, c.areas.has)
	refers(f, c.bodies, "successor", func(b Body) string { return b.Successor }, c.bodies.has)
	refers(f, c.accounts, "body", func(a Account) string { return a.Body }, c.bodies.has)
	refers(f, c.procedures, "body_kind", func(p Procedure) string { return p.BodyKind }, c.hasKind)
	refers(f, c.regimes, "body", func(r regime) string { return r.Body }, c.bodies.has)
	refers(f, c.regimes, "charge", func(r regime) string { return r.Charge }, c.charges.has)
	refers(f, c.successions, "old", func(s succession) string { return s.Old }, c.areas.has)
	refers(f, c.successions, "new", func(s succession) string { return s.New }, c.areas.has)
	refers(f, c.lines, "charge", func(l BudgetLine) string { return l.Charge }, c.charges.has)
	refers(f, c.lines, "body", func(l BudgetLine) string { return l.Body }, c.bodies.has)
	refers(f, c.lines, "chapter", func(l BudgetLine) string { return l.Chapter }, c.chapters.has)
	refers(f, c.lines, "sub_item", func(l BudgetLine) string { return l.SubItem }, c.subItems.has)
	refers(f, c.lines, "area", func(l BudgetLine) string { return l.Area }, c.areas.has)
	refers(f, c.lines, "account", func(l BudgetLine) string { return keyed(l.Body, l.Account) }, c.accounts.has)
	refers(f, c.contracts, "book", func(k Contract) string { return k.Book }, c.books.has)
	c.checkBodies(f)
	c.checkAreas(f)
	c.checkLines(f)
	if len(*f) == 0 { // it follows successors, which must come to an end
		c.checkAccounts(f)
	}
}

// refers checks that what a column names is there; an empty cell names nothing.
func refers[T any](f *faults, r rows[T], column string, of func(T) string, has func(string) bool) {
	for _, one := range r.list {
		if key := of(one.value); key != "" && !has(key) {
			f.add(r.file, one.line, column, "there is no %s", key)
		}
	}
}

func (c *Catalog) hasKind(kind string) bool {
	for _, b := range c.bodies.list {
		if b.value.Kind == kind {
			return true
		}
	}
	return false
}

// checkBodies: a body is entered once, and whoever succeeds it is of its kind, in its area, and collects when it no longer
// does: so each successor ends later, and no chain of them comes round again.
func (c *Catalog) checkBodies(f *faults) {
	for _, one := range c.bodies.list {
		b, file := one.value, c.bodies.file
		if first := c.bodies.list[c.bodies.byKey[b.Code][0]]; first.line != one.line {
			f.add(file, one.line, "code", "line %d is about the same: %s", first.line, b.Code)
		}
		if b.Successor == "" {
			continue
		}
		if b.Until.IsZero() {
			f.add(file, one.line, "successor", "a body without a last day has none")
			continue
		}
		next, ok := c.bodies.last(b.Successor)
		switch {
		case !ok:
		case next.Kind != b.Kind:
			f.add(file, one.line, "successor", "%s is a %s", next.Code, next.Kind)
		case !next.Covers(b.Until.AddDays(1)):
			f.add(file, one.line, "successor", "%s does not collect on %s", next.Code, b.Until.AddDays(1))
		case b.Area != "" && next.Area != "":
			if a, err := c.AreaOn(b.Area, b.Until, b.Until.AddDays(1)); err == nil && a.Code != next.Area {
				f.add(file, one.line, "successor", "%s is of the area %s, and the area %s went into %s", next.Code, next.Area, b.Area, a.Code)
			}
		}
	}
}

// checkAreas: what became of every area that is no more is entered.
func (c *Catalog) checkAreas(f *faults) {
	for _, one := range c.areas.list {
		a := one.value
		if a.Until.IsZero() {
			continue
		}
		if _, err := c.AreaOn(a.Code, a.From, a.Until.AddDays(1)); err != nil {
			f.add(c.areas.file, one.line, "until", "%s does not say to which area %s belongs afterwards", c.successions.file, a.Code)
		}
	}
}

// checkLines: money that stands under one budget code of a body goes one way, and a charge is either whole or shared out.
func (c *Catalog) checkLines(f *faults) {
	for _, one := range c.lines.list {
		l := one.value
		if first := c.accountCodes[keyed(l.Body, l.Budget)]; first != l.Account {
			f.add(c.lines.file, one.line, "account", "the budget %s of %s goes to the account %s elsewhere in the table", l.Budget, l.Body, first)
		}
		ch, ok := c.charges.last(l.Charge)
		switch {
		case !ok:
		case ch.Split == "" && l.Part != Whole:
			f.add(c.lines.file, one.line, "part", "the charge %s is not shared out: its part is %s", l.Charge, Whole)
		case ch.Split != "" && l.Part == Whole:
			f.add(c.lines.file, one.line, "part", "the charge %s is shared out by %s: name a part", l.Charge, ch.Split)
		}
	}
}

// checkAccounts: what is still owed when an account is closed can be paid out.
func (c *Catalog) checkAccounts(f *faults) {
	used := map[string]string{}
	for _, l := range c.lines.values() {
		used[keyed(l.Body, l.Account)] = l.Budget
	}
	for _, one := range c.accounts.list {
		a := one.value
		budget, ok := used[c.accounts.key(a)]
		if !ok || a.Until.IsZero() {
			continue
		}
		if _, err := c.PayTo(a.Body, budget, a.Until.AddDays(1)); err != nil {
			f.add(c.accounts.file, one.line, "until", "no account takes over: neither %s nor a successor has an account %s on the next day", a.Body, a.Code)
		}
	}
}
