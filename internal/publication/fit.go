package publication

import (
	"fmt"
	"slices"
	"strings"

	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/problem"
)

// checkFit holds the catalogue against the schedules: every service that is offered has a schedule, and every charge it can
// make has, at every body that collects for it, a budget line for a part of it at least. Invalid names each fault. Whether
// a line is open on the day of a quote, and for the parts of that quote, is asked when it is made.
func (l *Law) checkFit() error {
	var faults []string
	for _, p := range l.Catalog.Procedures() {
		charges := l.Schedules.Charges(p.Service)
		if len(charges) == 0 {
			faults = append(faults, fmt.Sprintf("procedures.csv: %s offers the service %s, which has no schedule", p.Code, p.Service))
		}
		for _, charge := range charges {
			faults = append(faults, l.unfit(p, charge)...)
		}
	}
	if len(faults) == 0 {
		return nil
	}
	slices.Sort(faults) // several procedures may offer one service
	return problem.AtField(problem.Invalid, "documents", "%s", strings.Join(slices.Compact(faults), "\n"))
}

// unfit says what is missing for a charge of a procedure's service.
func (l *Law) unfit(p catalog.Procedure, charge string) (faults []string) {
	split, err := l.Catalog.SplitOf(charge)
	if err != nil {
		return []string{fmt.Sprintf("charges.csv: the charge %s of the service %s is missing", charge, p.Service)}
	}
	parts := []string{catalog.Whole}
	if split != "" {
		parts = l.Schedules.Charges(split)
	}
	if len(parts) == 0 {
		return []string{fmt.Sprintf("charges.csv: the charge %s is shared out by %s, which has no schedule", charge, split)}
	}
	for _, b := range l.Catalog.Bodies() {
		first, last, both := common(p.Period, b.Period)
		if b.Kind != p.BodyKind || !both {
			continue
		}
		open := slices.ContainsFunc(parts, func(part string) bool {
			_, atFirst := l.Catalog.Budget(b.Code, charge, part, first)
			_, atLast := l.Catalog.Budget(b.Code, charge, part, last)
			return atFirst == nil || atLast == nil
		})
		if !open {
			faults = append(faults, fmt.Sprintf("budget_lines.csv: the charge %s of the service %s has no line at %s", charge, p.Service, b.Code))
		}
	}
	return faults
}

// common gives the first and the last day of two periods together.
func common(a, b catalog.Period) (first, last calendar.Date, ok bool) {
	first, last = a.From, endless
	if b.From.After(first) {
		first = b.From
	}
	for _, until := range []calendar.Date{a.Until, b.Until} {
		if !until.IsZero() && until.Before(last) {
			last = until
		}
	}
	return first, last, !last.Before(first)
}
