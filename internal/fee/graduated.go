package fee

import (
	"fmt"
	"strconv"

	"github.com/shopspring/decimal"

	"exchequer/internal/calendar"
	"exchequer/internal/money"
	"exchequer/internal/problem"
)

// graduated charges every tier of a quantity at its own price, a line a tier that is reached.
type graduated struct {
	quantity, times *amount
	rounding        money.Rounding
	tiers           []tier
}

type tier struct {
	width decimal.Decimal // of one household, class, …; the last tier's is not looked at
	price decimal.Decimal
}

func (l *loader) graduated(t *tariff, doc *graduatedDoc, at string) kind {
	k := graduated{quantity: l.amount(t, doc.Quantity, at+".quantity", true),
		times: l.amount(t, doc.Times, at+".times", false), rounding: doc.Rounding}
	l.needIf(!doc.Rounding.Valid(), at+".rounding", "%q is not a rounding", doc.Rounding)
	l.needIf(len(doc.Tiers) == 0, at, "graduated needs tiers")
	for i, tierDoc := range doc.Tiers {
		place, last := fmt.Sprintf("%s.tiers[%d]", at, i), i == len(doc.Tiers)-1
		l.needIf((tierDoc.Width == "") != last, place, "every tier but the last has a width")
		one := tier{}
		if price := l.bound(tierDoc.Price, place+".price"); price != nil {
			one.price = *price
		} else {
			l.fault(place, "the tier needs a price")
		}
		if width := l.bound(tierDoc.Width, place+".width"); width != nil {
			one.width = *width
			l.needIf(!width.IsPositive(), place+".width", "the width of a tier must be above 0")
		}
		k.tiers = append(k.tiers, one)
	}
	return k
}

func (k graduated) charge(r *run, line Line) error {
	quantity, err := k.quantity.in(r)
	if err != nil {
		return err
	}
	return k.tiered(r, line, whole(quantity))
}

// share is what a graduated rule is applied to: a quantity, and for a part of a period the days by which the widths
// shrink.
type share struct {
	quantity       decimal.Decimal
	days, ofDays   int // 0 of 0: the widths are whole
	widthsRounding money.Rounding
	why            []string // the steps that led to the quantity
}

func whole(quantity decimal.Decimal) share { return share{quantity: quantity} }

func (k graduated) tiered(r *run, line Line, s share) error {
	times := decimal.NewFromInt(1)
	if k.times != nil {
		var err error
		if times, err = k.times.in(r); err != nil {
			return err
		}
	}
	code, left := line.Code, s.quantity
	for i, tier := range k.tiers {
		part := left
		if i < len(k.tiers)-1 {
			width, err := s.width(tier.width.Mul(times))
			if err != nil {
				return err
			}
			part = decimal.Min(left, width)
		}
		// Nothing used still makes a line, so that the quote says what it was asked; an empty part of a period does not.
		if part.IsZero() && !(i == 0 && s.quantity.IsZero() && s.ofDays == 0) {
			continue
		}
		left = left.Sub(part)
		line.Code = code + strconv.Itoa(i+1)
		d := part.Mul(tier.price)
		steps := append(s.why[:len(s.why):len(s.why)], part.String()+" × "+tier.price.String()+" = "+d.String())
		if err := r.add(line, d, k.rounding, steps...); err != nil {
			return err
		}
	}
	return nil
}

func (s share) width(full decimal.Decimal) (decimal.Decimal, error) {
	if s.ofDays == 0 {
		return full, nil
	}
	return divided(full.Mul(decimal.NewFromInt(int64(s.days))), decimal.NewFromInt(int64(s.ofDays)), 0, s.widthsRounding)
}

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
	first := c.periods[to].from
	days, oldDays := until.DaysSince(since), first.DaysSince(since)
	ofDays := calendar.NewDate(until.Year(), until.Month(), 0).Day() // day 0 of a month is the last of the one before
	for _, v := range c.versions[to-1 : to+1] {
		if v.unknown != "" {
			return unknown{v.unknown}.charge(r, Line{Code: c.code, Act: v.act})
		}
	}
	oldRule, err := c.versions[to-1].applying(r)
	if err != nil {
		return err
	}
	newRule, err := c.versions[to].applying(r)
	if err != nil {
		return err
	}
	if oldRule == nil || newRule == nil {
		return c.noRule(to)
	}
	oldKind, newKind := oldRule.kind.(graduated), newRule.kind.(graduated)
	quantity, err := oldKind.quantity.in(r)
	if err != nil {
		return err
	}
	old, err := divided(quantity.Mul(decimal.NewFromInt(int64(oldDays))), decimal.NewFromInt(int64(days)), 0, c.across.rounding)
	if err != nil {
		return err
	}
	r.provisional = r.provisional || c.across.provisional || oldRule.provisional || newRule.provisional
	why := fmt.Sprintf("%s: %s × %d of %d days = %s before %s, %s from then on; widths by days of %d", c.across.act,
		quantity, oldDays, days, old, first, quantity.Sub(old), ofDays)
	line := c.line(to-1, oldRule)
	line.Code = c.across.old + line.Code
	if err := oldKind.tiered(r, line, share{old, oldDays, ofDays, c.across.rounding, []string{why}}); err != nil {
		return err
	}
	line = c.line(to, newRule)
	line.Code = c.across.new + line.Code
	return newKind.tiered(r, line, share{quantity.Sub(old), days - oldDays, ofDays, c.across.rounding, []string{why}})
}
