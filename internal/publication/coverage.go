package publication

import (
	"fmt"
	"slices"

	"exchequer/internal/calendar"
)

// span is a stretch of days, both ends included; a zero end is open.
type span struct{ from, to calendar.Date }

// endless stands for an open end where ends are compared.
var endless = calendar.NewDate(9999, 12, 31)

func spanOf(e entry) span {
	if e.To.IsZero() {
		return span{e.From, endless}
	}
	return span{e.From, e.To}
}

// told names the days of a span.
func (s span) told() string {
	switch {
	case s.to == endless:
		return "from " + s.from.String() + " on"
	case s.from == s.to:
		return "on " + s.from.String()
	}
	return "from " + s.from.String() + " to " + s.to.String()
}

// firstLost gives the first stretch of days that are covered before and not after.
func firstLost(before, after []span) (lost span, found bool) {
	byDay := func(a, b span) int { return a.from.Compare(b.from) }
	slices.SortFunc(before, byDay)
	slices.SortFunc(after, byDay)
	for _, b := range before {
		day, next := b.from, b.to
		for _, a := range after {
			if !a.from.After(day) && !a.to.Before(day) {
				day = a.to.AddDays(1)
			} else if a.from.After(day) {
				next = earlierEnd(b.to, a.from.AddDays(-1))
				break
			}
		}
		if !day.After(b.to) {
			return span{day, next}, true
		}
	}
	return span{}, false
}

// thing is what days count for: a parameter, a component of a service, or (component "*") the service as a whole.
type thing struct{ of, component string }

func (t thing) String() string {
	switch t.component {
	case "":
		return "parameter " + t.of
	case "*":
		return t.of
	}
	return t.of + ", component " + t.component
}

// checkKept tells where a draft takes away days on which the law was known, or known to be unknown: a quote of such a day
// would leave something out, or have nothing to name. Only what was charged within its versions alone, by the law in force,
// may end, and not before today. A component may go where others of its service have its charges on its days.
func checkKept(before, after []entry, today calendar.Date) (faults []string) {
	was, is := spans(before), spans(after)
	mayEnd, charges := map[thing]bool{}, map[thing][]string{}
	for _, e := range before {
		t := thing{e.Of, e.Component}
		mayEnd[t] = e.optional
		charges[t] = append(charges[t], e.charges...)
	}
	for t := range was {
		if t.component != "" && t.component != "*" && len(is[t]) == 0 {
			faults = append(faults, t.succeeded(before, after, mayEnd[t], today)...)
			continue
		}
		if lost, found := firstLost(was[t], is[t]); found && (!mayEnd[t] || lost.from.Before(today)) {
			faults = append(faults, fmt.Sprintf("%s: no version is left %s: give such days one, if need be an `unknown` one", t, lost.told()))
		}
	}
	return faults
}

// succeeded tells which charges of a component that is gone nothing has on its days.
func (t thing) succeeded(before, after []entry, mayEnd bool, today calendar.Date) (faults []string) {
	days := map[string][]span{}
	for _, e := range before {
		if e.Of == t.of && e.Component == t.component {
			for _, charge := range e.charges {
				days[charge] = append(days[charge], spanOf(e))
			}
		}
	}
	for charge, was := range days {
		var is []span
		for _, e := range after {
			if e.Of == t.of && slices.Contains(e.charges, charge) {
				is = append(is, spanOf(e))
			}
		}
		if lost, found := firstLost(was, is); found && (!mayEnd || lost.from.Before(today)) {
			faults = append(faults, fmt.Sprintf("%s is taken away, and no other has its charge %s %s: keep it, give the charge to another, or say `unknown` of such days",
				t, charge, lost.told()))
		}
	}
	return faults
}

func spans(entries []entry) map[thing][]span {
	out := map[thing][]span{}
	for _, e := range entries {
		t := thing{e.Of, e.Component}
		out[t] = append(out[t], spanOf(e))
		if e.Component != "" {
			t.component = "*"
			out[t] = append(out[t], spanOf(e))
		}
	}
	return out
}

// checkRows tells which rows of the catalogue are taken away though quotes of their days may be out, and no other row of
// their key has these days. A row that no longer holds gets a last day instead; a book, a contract or the collection account
// has none, and stays.
func checkRows(changed []difference, after []entry, today calendar.Date) (faults []string) {
	for _, d := range changed {
		if d.is == nil && d.was.row.Lasts {
			faults = append(faults, fmt.Sprintf("%s: the row %s is taken away, and money may be booked under it: leave it", d.was.Document, d.was.row.Key))
		}
		if d.is != nil || !d.was.row.Dated || !d.was.From.Before(today) {
			continue
		}
		past := spanOf(*d.was)
		past.to = earlierEnd(past.to, today.AddDays(-1))
		var others []span
		for _, e := range after {
			if e.Of == d.was.Of && e.row.Key == d.was.row.Key {
				others = append(others, spanOf(e))
			}
		}
		if lost, found := firstLost([]span{past}, others); found {
			faults = append(faults, fmt.Sprintf("%s: the row %s is taken away, and none is left %s: give it a last day in `until` instead", d.was.Document, d.was.row.Key, lost.told()))
		}
	}
	return faults
}
