package fee

import (
	"fmt"
	"sort"

	"github.com/shopspring/decimal"

	"exchequer/internal/calendar"
)

// period is the time in which a version is the law. A zero `to` is an open end.
type period struct {
	version  string
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
		l.needIf(p.version == "", at(i), "a version needs a name in `version`")
		l.needIf(p.from.IsZero(), at(i), "version %s needs the day it begins, `from`", p.version)
		l.needIf(!p.to.IsZero() && p.to.Before(p.from), at(i)+".to", "version %s ends before it begins", p.version)
		if i+1 == len(list) {
			continue
		}
		next := list[i+1]
		end := next.from.AddDays(-1)
		switch {
		case !next.from.After(p.from):
			l.fault(at(i+1)+".from", "version %s begins on %s, not after version %s of %s: versions stand in order of their first day",
				next.version, next.from, p.version, p.from)
		case p.to.IsZero():
			p.to = end
		case p.to.After(end):
			l.fault(at(i)+".to", "version %s until %s overlaps version %s from %s", p.version, p.to, next.version, next.from)
		case p.to.Before(end) && !gapsAllowed:
			l.fault(at(i)+".to", "from %s to %s no version is in force: cover the gap with an `unknown` one", p.to.AddDays(1), end)
		}
	}
	return list
}

// provisional decides whether an amount on this evidence is marked, and checks the marks.
func (l *loader) provisional(e evidence, at string) bool {
	switch e.Source {
	case "read", "recalled", "mixed":
	default:
		l.fault(at, "`source` must be read, recalled or mixed, not %q", e.Source)
	}
	switch e.Confidence {
	case "high", "medium", "low":
	default:
		l.fault(at, "`confidence` must be high, medium or low, not %q", e.Confidence)
	}
	return e.Provisional || e.Confidence != "high"
}

// parameterValue is one version of a parameter.
type parameterValue struct {
	act         string
	unknown     string
	provisional bool
	value       decimal.Decimal
}

func (l *loader) parameter(doc *parameterDoc) *parameter {
	p := &parameter{loader: l, name: doc.Parameter}
	at := func(i int) string { return fmt.Sprintf("versions[%d]", i) }
	l.needIf(!identifier(doc.Parameter), "parameter", "%q is no name for a parameter", doc.Parameter)
	l.needIf(doc.Name.Vi == "" || doc.Name.En == "", "name", "the parameter %s needs its name in vi and en", doc.Parameter)
	l.needIf(len(doc.Versions) == 0, "versions", "the parameter %s has no version", doc.Parameter)
	for i, v := range doc.Versions {
		p.periods = append(p.periods, period{v.Version, v.From, v.To})
		one := parameterValue{act: v.Act, unknown: v.Unknown, provisional: l.provisional(v.Mark, at(i))}
		l.needIf(v.Act == "", at(i), "version %s needs its legal basis, `act`", v.Version)
		l.needIf((v.Unknown == "") == (v.Value == ""), at(i), "version %s needs either a value or why it is unknown", v.Version)
		if v.Value != "" {
			d, err := parseDecimal(string(v.Value))
			if err != nil {
				l.fault(at(i)+".value", "%v", err)
			}
			one.value = d
		}
		p.versions = append(p.versions, one)
	}
	p.periods = l.periods(p.periods, at, false)
	return p
}
