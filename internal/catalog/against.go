package catalog

import (
	"encoding/json"
	"slices"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/money"
	"exchequer/internal/problem"
)

// CheckAgainst holds the catalogue against the fee schedules: a procedure's service has a schedule, whose kind of body is
// the procedure's; each charge of the service is entered, and what shares it out is a schedule that knows it; and each
// body that collects has a budget line for every part that comes to it, on each day on which the shares may change. The
// error is Invalid and names each fault as Parse does. Whether a line's codes are open is asked when a quote is made.
func (c *Catalog) CheckAgainst(law *fee.Schedules) error {
	var f faults
	for _, one := range c.procedures.list {
		p := one.value
		switch kind := law.BodyKind(p.Service); kind {
		case "":
			f.add(c.procedures.file, one.line, "service", "there is no schedule of %s", p.Service)
		case p.BodyKind:
			c.checkCharges(&f, law, p)
		default:
			f.add(c.procedures.file, one.line, "body_kind", "the schedule of %s says %s", p.Service, kind)
		}
	}
	slices.Sort(f)
	return faults(slices.Compact(f)).err() // services share charges
}

func (c *Catalog) checkCharges(f *faults, law *fee.Schedules, p Procedure) {
	for _, code := range law.Charges(p.Service) {
		charge, err := c.charge(code)
		switch {
		case err != nil:
			f.add(c.charges.file, 0, "charge", "the charge %s of %s is missing", code, p.Service)
		case charge.Split != "" && law.BodyKind(charge.Split) == "":
			f.add(c.charges.file, c.charges.line(code), "split", "there is no schedule %s", charge.Split)
		default:
			c.checkParts(f, law, p, charge)
		}
	}
}

// checkParts: each body that collects the charge has a budget line for each of its parts.
func (c *Catalog) checkParts(f *faults, law *fee.Schedules, p Procedure, charge Charge) {
	for _, b := range c.bodies.values() {
		if b.Kind != p.BodyKind {
			continue
		}
		for _, on := range c.turns(law, p, b, charge) {
			parts, err := c.parts(law, b, charge, on)
			if err != nil {
				f.add(c.charges.file, c.charges.line(charge.Code), "split", "%s does not share out the charge %s: %v", charge.Split, charge.Code, err)
				return
			}
			for _, part := range parts {
				if _, ok := c.lines.on(keyed(b.Code, charge.Code, part), on); !ok {
					f.add(c.lines.file, 0, "part", "%s has no line for the part %s of the charge %s on %s", b.Code, part, charge.Code, on)
				}
			}
		}
	}
}

// parts are those into which a charge falls at a body on a day. A case for which the law gives no shares has none.
func (c *Catalog) parts(law *fee.Schedules, b Body, charge Charge, on calendar.Date) ([]string, error) {
	if charge.Split == "" {
		return []string{Whole}, nil
	}
	inputs, err := json.Marshal(map[string]any{
		"charge": charge.Code, "paid": money.MaxAmount, "regime": c.Regime(b.Code, charge.Code, on), "level": b.Level})
	if err != nil {
		return nil, err
	}
	q, err := law.Quote(fee.Request{Service: charge.Split, Date: on, Inputs: inputs})
	if problem.CodeOf(err) == problem.Refused {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, l := range q.Lines {
		out = append(out, l.Charge)
	}
	return out, nil
}

// turns are the days on which the shares of a charge may change where a body collects it for a procedure: the first,
// that of each version of what shares it out, and that of each regime and the one after its last.
func (c *Catalog) turns(law *fee.Schedules, p Procedure, b Body, charge Charge) []calendar.Date {
	days := []calendar.Date{p.From, b.From}
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
	return slices.DeleteFunc(days, func(d calendar.Date) bool { return !b.Covers(d) || !p.Covers(d) })
}
