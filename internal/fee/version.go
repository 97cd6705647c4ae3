package fee

import (
	"slices"
	"sort"

	"exchequer/internal/calendar"
)

// period is the time in which a version is the law. A zero `to` is an open end.
type period struct {
	version  Text
	from, to calendar.Date
}

// chosen gives the index of the version in force on a day, none when there is none.
func chosen(periods []period, on calendar.Date) int {
	next := sort.Search(len(periods), func(i int) bool { return periods[i].from.After(on) })
	if next == 0 {
		return none
	}
	if p := periods[next-1]; !p.to.IsZero() && on.After(p.to) {
		return none
	}
	return next - 1
}

// lastSameDay gives the last day on which the same version, or the same absence of one, holds; zero for no such end.
func lastSameDay(periods []period, on calendar.Date) calendar.Date {
	for _, p := range periods {
		if p.from.After(on) {
			return p.from.AddDays(-1)
		}
		if !p.to.IsZero() && !p.to.Before(on) {
			return p.to
		}
	}
	return calendar.Date{}
}

// periods checks that versions stand in order, do not overlap and leave no day between them without a word, and gives
// each its end. The place of version i is at[i].
func (l *loader) periods(list []period, at func(i int) string, gapsAllowed bool) []period {
	for i := range list {
		p := &list[i]
		l.wantIf(p.version.En == "", at(i), "a version needs a name in `version`")
		l.needIf(p.from.IsZero(), at(i), "it needs the day it begins, `from`")
		l.needIf(!p.to.IsZero() && p.to.Before(p.from), at(i)+".to", "it ends before it begins")
		if i+1 == len(list) {
			continue
		}
		next := list[i+1]
		end := next.from.AddDays(-1)
		switch {
		case !next.from.After(p.from):
			l.fault(at(i+1)+".from", "it begins on %s, not after version %s of %s: versions stand in order of their first day",
				next.from, p.version.En, p.from)
		case p.to.IsZero():
			p.to = end
		case p.to.After(end):
			l.fault(at(i)+".to", "it ends on %s and overlaps version %s from %s", p.to, next.version.En, next.from)
		case !gapsAllowed:
			l.wantIf(p.to.Before(end), at(i)+".to", "from %s to %s no version is in force: cover the gap with an `unknown` one", p.to.AddDays(1), end)
		}
	}
	return list
}

// provisional decides whether an amount on this evidence is marked, and checks the marks.
func (l *loader) provisional(e evidence, at string) bool {
	l.wantIf(!slices.Contains([]string{"read", "recalled", "mixed"}, e.Source), at, "`source` must be read, recalled or mixed, not %q", e.Source)
	l.wantIf(!slices.Contains([]string{"high", "medium", "low"}, e.Confidence), at, "`confidence` must be high, medium or low, not %q", e.Confidence)
	return e.Provisional || e.Confidence != "high"
}
