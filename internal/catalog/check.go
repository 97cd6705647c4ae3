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
	c.checkSuccessions(f)
	c.checkProcedures(f)
	c.checkRegimes(f)
	c.checkLines(f)
	c.checkHolders(f)
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
		if b.Book == booking.House {
			f.add(file, one.line, "book", "%s is the gateway's own book: no body's money stands in it", b.Book)
		}
		c.checkArea(f, one)
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

// checkArea: the area of a body keeps its code as long as the body collects. When it goes into another one, the body ends.
func (c *Catalog) checkArea(f *faults, one row[Body]) {
	b := one.value
	a, ok := c.areas.on(b.Area, b.From)
	if !ok && c.areas.has(b.Area) {
		f.add(c.bodies.file, one.line, "area", "there is no area %s on %s", b.Area, b.From)
	}
	for ok && !a.Until.IsZero() && (b.Until.IsZero() || b.Until.After(a.Until)) {
		next, err := c.AreaOn(a.Code, a.Until, a.Until.AddDays(1))
		if err != nil {
			return // checkAreas says so
		}
		if next.Code != b.Area {
			f.add(c.bodies.file, one.line, "area", "the area %s went into %s on %s: give the body a last day before it, and a successor",
				b.Area, next.Code, a.Until.AddDays(1))
			return
		}
		a = next
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

// checkSuccessions: an area goes into another on the day after its last.
func (c *Catalog) checkSuccessions(f *faults) {
	for _, one := range c.successions.list {
		s := one.value
		if old, ok := c.areas.on(s.Old, s.On.AddDays(-1)); c.areas.has(s.Old) && (!ok || old.Until.AddDays(1) != s.On) {
			f.add(c.successions.file, one.line, "on", "the last day of the area %s is not the day before", s.Old)
		}
		if _, ok := c.areas.on(s.New, s.On); c.areas.has(s.New) && !ok {
			f.add(c.successions.file, one.line, "new", "there is no area %s on %s", s.New, s.On)
		}
	}
}

// checkProcedures: a service has one procedure at most on a day, so that its code can be told.
func (c *Catalog) checkProcedures(f *faults) {
	for i, one := range c.procedures.list {
		for _, had := range c.procedures.list[:i] {
			if p := one.value; p.Service == had.value.Service && p.overlaps(had.value.Period) {
				f.add(c.procedures.file, one.line, "service", "line %d offers %s on a same day", had.line, p.Service)
			}
		}
	}
}

// checkRegimes: a regime says what is kept of a fee.
func (c *Catalog) checkRegimes(f *faults) {
	for _, one := range c.regimes.list {
		if ch, ok := c.charges.last(one.value.Charge); ok && ch.Nature != Fee {
			f.add(c.regimes.file, one.line, "charge", "%s is no fee: nothing of it is kept", ch.Code)
		}
	}
}
