package publication

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// review lists what a compiled law changes and the services whose quotes can change by it. Invalid, with every fault, where
// it takes away what was known, or where no example proves what it adds or corrects.
func (c *change) review(today calendar.Date) error {
	before, after := slices.Clone(c.before), slices.Clone(c.after)
	for _, name := range slices.Sorted(maps.Keys(c.docs)) {
		if !strings.HasPrefix(name, catalogFolder) {
			continue
		}
		was, err := tableEntries(name, c.published[name])
		if err != nil {
			return err
		}
		is, err := tableEntries(name, c.docs[name])
		if err != nil {
			return err
		}
		before, after = append(before, was...), append(after, is...)
	}
	changed := differences(before, after)
	faults := slices.Concat(checkKept(c.before, c.after, today), checkRows(changed, after, today), c.checkProved(changed))
	if len(faults) > 0 {
		slices.Sort(faults)
		return problem.AtField(problem.Invalid, "documents", "%s", strings.Join(faults, "\n"))
	}
	c.changes, c.services = c.told(changed), c.touched()
	return nil
}

// checkProved tells which versions that the documents add or correct no example came to. What changes because it follows a
// parameter is proved with the parameter.
func (c *change) checkProved(changed []difference) (faults []string) {
	for _, d := range changed {
		if d.is == nil || d.is.proved || d.is.row.Cells != nil || c.docs[d.is.Document] == nil || d.change().Kind == Ended {
			continue
		}
		add := "add one to " + d.is.Document
		if d.is.Component == "" {
			add = "no schedule uses it: publish it together with one that does"
			if users := c.users(d.is.Document); len(users) > 0 {
				add = "add one to a schedule that uses it, in the same draft: " + strings.Join(users, ", ")
			}
		}
		faults = append(faults, fmt.Sprintf("%s, version %s: no example asks for it %s: %s", thing{d.is.Of, d.is.Component}, d.is.Name.En, spanOf(*d.is).told(), add))
	}
	return faults
}

// users lists the schedules whose quotes rest on a document of the law.
func (c *change) users(document string) (out []string) {
	for _, s := range c.law.Schedules.Services() {
		if slices.Contains(c.law.Schedules.Documents(s.Service), strings.TrimPrefix(document, feeFolder)) {
			out = append(out, s.Service)
		}
	}
	return out
}

// touched lists the services whose quotes rest on a document that changes: those with another fee.Schedules.Hash.
func (c *change) touched() []string {
	services := map[string]bool{}
	for name := range c.docs {
		for _, service := range c.users(name) {
			services[service] = true
		}
	}
	return append([]string{}, slices.Sorted(maps.Keys(services))...)
}
