package fee

import (
	"fmt"

	"github.com/shopspring/decimal"

	"exchequer/internal/calendar"
	"exchequer/internal/money"
	"exchequer/internal/problem"
)

// across lets a component use two versions when one takes over within the period that a bill spans.
type across struct {
	since       int // slot of the date that begins the period
	old, new    string
	rounding    money.Rounding
	act         string
	provisional bool
}

func (l *loader) across(t *tariff, c *component, doc *acrossDoc, at string) *across {
	a := &across{since: l.dateSource(t, doc.Since, at+".since"), old: doc.Old, new: doc.New, rounding: doc.Rounding,
		act: doc.Act, provisional: l.provisional(doc.Mark, at)}
	l.needIf(!doc.Rounding.Valid() || doc.Rounding == money.Exact, at, "`across` needs a rounding")
	l.needIf(doc.Act == "", at, "`across` needs its legal basis, `act`")
	l.needIf(a.since == fromRequest, at+".since", "a period begins on a date input")
	for _, v := range c.versions {
		for _, r := range v.rules {
			if _, ok := r.kind.(graduated); !ok {
				l.fault(at, "only graduated rules can share a quantity between two versions; %q is none", r.name)
			}
		}
	}
	return a
}

// change gives the version that took over within the period, none when there was no change. More than one is refused:
// the rule on file shares a quantity between two versions.
func (c *component) change(since, until calendar.Date) (int, error) {
	found := none
	for i, p := range c.periods {
		if !p.from.After(since) || p.from.After(until) {
			continue
		}
		if found != none || i == 0 {
			return none, &problem.Error{Code: problem.Refused, Act: c.across.act,
				Detail: fmt.Sprintf("from %s to %s more than one change of %s, or one from before the first version on file: "+
					"%s covers one change", since, until, c.id, c.across.act)}
		}
		found = i
	}
	return found, nil
}

// chargeAcross charges a period in which version `to` took over: the quantity is shared by days and rounded once, the
// rest is the new version's, and each part has tier widths by its days over those of the previous calendar month.
func (c *component) chargeAcross(r *run, to int, since, until calendar.Date) error {
	old, err := c.graduatedRule(r, to-1)
	if err != nil {
		return err
	}
	current, err := c.graduatedRule(r, to)
	if err != nil {
		return err
	}
	quantity, err := old.kind.(graduated).quantity.in(r)
	if err != nil {
		return err
	}
	first := c.periods[to].from
	days, oldDays := until.DaysSince(since), first.DaysSince(since)
	before, err := divided(quantity.Mul(decimal.NewFromInt(int64(oldDays))), decimal.NewFromInt(int64(days)), 0, c.across.rounding)
	if err != nil {
		return err
	}
	after := quantity.Sub(before)
	r.provisional = r.provisional || c.across.provisional || old.provisional || current.provisional
	part := share{quantity: before, days: oldDays, widthsRounding: c.across.rounding,
		ofDays: calendar.NewDate(until.Year(), until.Month(), 0).Day()} // day 0 of a month is the last of the one before
	part.why = fmt.Sprintf("%s: %s × %d of %d days = %s before %s, %s from then on; tier widths × %d/%d",
		c.across.act, quantity, oldDays, days, before, first, after, part.days, part.ofDays)
	if err := c.chargePart(r, to-1, old, c.across.old, part); err != nil {
		return err
	}
	part.quantity, part.days = after, days-oldDays
	part.why = fmt.Sprintf("%s: %s - %s = %s from %s; tier widths × %d/%d",
		c.across.act, quantity, before, after, first, part.days, part.ofDays)
	return c.chargePart(r, to, current, c.across.new, part)
}

// graduatedRule gives the rule of a version that applies; the loader saw to it that it is graduated.
func (c *component) graduatedRule(r *run, version int) (*rule, error) {
	v := &c.versions[version]
	if v.unknown != "" {
		return nil, unknown{v.unknown}.charge(r, Line{Code: c.code, Act: v.act})
	}
	rule, err := v.applying(r)
	if err == nil && rule == nil {
		err = c.noRule(version)
	}
	return rule, err
}

func (c *component) chargePart(r *run, version int, rule *rule, prefix string, part share) error {
	line := c.line(version, rule)
	line.Code = prefix + line.Code
	return rule.kind.(graduated).tiered(r, line, part)
}
