package publication

import (
	"fmt"
	"slices"
	"strings"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
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

// firstLost gives the first day that is covered before and not after.
func firstLost(before, after []span) (calendar.Date, bool) {
	slices.SortFunc(after, func(a, b span) int { return a.from.Compare(b.from) })
	var lost calendar.Date
	for _, b := range before {
		day := b.from
		for _, a := range after {
			if !a.from.After(day) && !a.to.Before(day) {
				day = a.to.AddDays(1)
			}
		}
		if !day.After(b.to) && (lost.IsZero() || day.Before(lost)) {
			lost = day
		}
	}
	return lost, !lost.IsZero()
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

// checkKept refuses a publication that takes away days on which the law was known, or known to be unknown: a quote of such
// a day would have nothing to name. A component that goes altogether is a matter of its service, which has to keep its
// days by its other ones; what is charged only within its versions may end. Invalid names each.
func checkKept(before, after []entry) error {
	was, is := spans(before), spans(after)
	mayEnd := map[thing]bool{}
	for _, e := range after {
		mayEnd[thing{e.Of, e.Component}] = e.optional
	}
	var faults []string
	for t := range was {
		if t.component != "" && t.component != "*" && (len(is[t]) == 0 || mayEnd[t]) {
			continue
		}
		if day, lost := firstLost(was[t], is[t]); lost {
			faults = append(faults, fmt.Sprintf("%s: no version is left for %s: give such days one, if need be an `unknown` one", t, day))
		}
	}
	if len(faults) > 0 {
		slices.Sort(faults)
		return problem.AtField(problem.Invalid, "documents", "%s", strings.Join(faults, "\n"))
	}
	return nil
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
