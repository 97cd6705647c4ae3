package rehearsal

import (
	"maps"
	"slices"

	"exchequer/internal/calendar"
	"exchequer/internal/publication"
)

// Touched lists the services whose bills a draft may change: their schedule, a parameter of it, or the schedule by which
// one of their charges is shared out is not what it was. What only the catalogue changes is not among them.
func Touched(inForce, draft *publication.Law) []string {
	changed := func(service string) bool { return inForce.Schedules.Hash(service) != draft.Schedules.Hash(service) }
	touched, shares := map[string]bool{}, map[string]bool{}
	for _, service := range Services(draft) {
		if changed(service) {
			touched[service] = true
		}
		for _, charge := range draft.Schedules.Charges(service) {
			for _, share := range draft.Catalog.Splits(charge) {
				shares[share] = true
				touched[service] = touched[service] || changed(share)
			}
		}
	}
	// Nobody is billed by a schedule that shares a charge out.
	maps.DeleteFunc(touched, func(service string, is bool) bool { return !is || shares[service] })
	return slices.Sorted(maps.Keys(touched))
}

// Services lists the services of a law.
func Services(law *publication.Law) []string {
	found := map[string]bool{}
	for _, e := range law.Schedules.Entries() {
		if e.Component != "" {
			found[e.Of] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// FirstDay is the first day on which the draft says something else; none where that cannot be told from its versions
// (its inputs or checks differ).
func FirstDay(inForce, draft *publication.Law) calendar.Date {
	type saying struct {
		of, component, digest string
		from                  calendar.Date
	}
	only := map[saying]int{}
	for side, law := range []*publication.Law{inForce, draft} {
		for _, e := range law.Schedules.Entries() {
			only[saying{e.Of, e.Component, e.Digest, e.From}] += 1 - 2*side
		}
	}
	var first calendar.Date
	for s, n := range only {
		if n != 0 && (first.IsZero() || s.from.Before(first)) {
			first = s.from
		}
	}
	return first
}
