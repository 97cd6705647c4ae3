package catalog

import (
	"encoding/json"
	"maps"
	"slices"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/money"
	"exchequer/internal/problem"
)

// CheckAgainst holds the catalogue against the fee schedules: a procedure's kind of body is that of its service's
// schedule, each charge of the service is entered, what shares it out is a schedule that knows it, and each body that
// collects has a budget line for every part that may come to it. A procedure without a schedule is passed over: there is
// nothing to collect. The error is Invalid and names each fault as Parse does.
func (c *Catalog) CheckAgainst(law *fee.Schedules) error {
	var f faults
	for _, one := range c.procedures.list {
		p, kind := one.value, law.BodyKind(one.value.Service)
		if kind == "" {
			continue
		}
		if kind != p.BodyKind {
			f.add(c.procedures.file, one.line, "body_kind", "the schedule of %s says %s", p.Service, kind)
			continue
		}
		for _, code := range law.Charges(p.Service) {
			charge, err := c.Charge(code)
			if err != nil {
				f.add(c.charges.file, 0, "charge", "the charge %s of %s is missing", code, p.Service)
				continue
			}
			c.checkParts(&f, law, p, charge)
		}
	}
	slices.Sort(f)
	return faults(slices.Compact(f)).err() // services share charges
}

// checkParts: each body that collects the charge has a budget line for each of its parts.
func (c *Catalog) checkParts(f *faults, law *fee.Schedules, p Procedure, charge Charge) {
	if charge.Split != "" && law.BodyKind(charge.Split) == "" {
		f.add(c.charges.file, c.charges.line(charge.Code), "split", "there is no schedule %s", charge.Split)
		return
	}
	for _, b := range c.bodies.values() {
		if b.Kind != p.BodyKind {
			continue
		}
		parts, err := c.parts(law, b, charge)
		if err != nil {
			f.add(c.charges.file, c.charges.line(charge.Code), "split", "%s does not share out the charge %s: %v", charge.Split, charge.Code, err)
			return
		}
		for _, part := range parts {
			if !c.lines.has(keyed(b.Code, charge.Code, part)) {
				f.add(c.lines.file, 0, "part", "%s has no line for the part %s of the charge %s", b.Code, part, charge.Code)
			}
		}
	}
}

// parts are those into which a charge may fall at a body. A case for which the law gives no shares has none.
func (c *Catalog) parts(law *fee.Schedules, b Body, charge Charge) ([]string, error) {
	if charge.Split == "" {
		return []string{Whole}, nil
	}
	found := map[string]bool{}
	for _, on := range c.turns(law, b, charge) {
		inputs, err := json.Marshal(map[string]any{
			"charge": charge.Code, "paid": money.MaxAmount, "regime": c.Regime(b.Code, charge.Code, on), "level": b.Level})
		if err != nil {
			return nil, err
		}
		q, err := law.Quote(fee.Request{Service: charge.Split, Date: on, Inputs: inputs})
		switch {
		case problem.CodeOf(err) == problem.Refused:
		case err != nil:
			return nil, err
		default:
			for _, l := range q.Lines {
				found[l.Charge] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// turns are the days of a body on which the shares of a charge may change: its first, the first of each version of what
// shares it out, and the first and the one after the last of each regime.
func (c *Catalog) turns(law *fee.Schedules, b Body, charge Charge) []calendar.Date {
	days := []calendar.Date{b.From}
	for _, e := range law.Entries() {
		if e.Of == charge.Split {
			days = append(days, e.From)
		}
	}
	for _, i := range c.regimes.byKey[keyed(b.Code, charge.Code)] {
		r := c.regimes.list[i].value
		days = append(days, r.From)
		if !r.Until.IsZero() {
			days = append(days, r.Until.AddDays(1))
		}
	}
	return slices.DeleteFunc(days, func(d calendar.Date) bool { return !b.Covers(d) })
}
