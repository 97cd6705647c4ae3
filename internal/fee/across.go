package fee

import (
	"exchequer/internal/calendar"
	"exchequer/internal/money"
)

// across lets a component use two versions when one takes over within the period that a bill spans.
type across struct {
	since       int // slot of the date that begins the period
	old, new    string
	rounding    money.Rounding
	act         Text
	provisional bool
}

func (l *loader) across(t *tariff, c *component, doc *acrossDoc, at string) *across {
	a := &across{since: l.dateSource(t, doc.Since, at+".since"), old: doc.Old, new: doc.New, rounding: doc.Rounding,
		act: l.act(doc.Act, at+".act"), provisional: l.provisional(doc.Mark, at)}
	l.roundingOf("`across`", doc.Rounding, at)
	l.needIf(doc.Act.En == "", at, "`across` needs its legal basis, `act`")
	l.needIf(a.since == fromRequest, at+".since", "a period begins on a date input")
	for _, v := range c.versions {
		for _, r := range v.rules {
			if _, ok := r.kind.(*graduated); !ok {
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
			return none, noAmount(c.across.act, said(
				"từ %s đến %s có hơn một lần thay đổi %s, hoặc thay đổi từ trước quy định đầu tiên đã có: %s chỉ tính cho một lần",
				"from %s to %s more than one change of %s, or one from before the first version on file: %s covers one change",
				since, until, c.called(), c.across.act))
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
	quantity, err := old.kind.(*graduated).quantity.in(r)
	if err != nil {
		return err
	}
	first := c.periods[to].from
	days, oldDays := until.DaysSince(since), first.DaysSince(since)
	before, err := quantity.times(whole(int64(oldDays))).dividedBy(whole(int64(days)), 0, c.across.rounding)
	if err != nil {
		return err
	}
	after := quantity.minus(before)
	r.provisional = r.provisional || c.across.provisional || old.provisional || current.provisional
	part := stretch{quantity: before, days: oldDays, widthsRounding: c.across.rounding,
		ofDays: calendar.NewDate(until.Year(), until.Month(), 0).Day()} // day 0 of a month is the last of the one before
	r.say(beforeForm, phrase(c.across.act), figure(quantity), count(oldDays), count(days), figure(before), on(first), count(part.ofDays))
	if err := c.chargePart(r, to-1, old, c.across.old, part); err != nil {
		return err
	}
	part.quantity, part.days = after, days-oldDays
	r.forget() // what was said of a part that has no line
	r.say(afterForm, phrase(c.across.act), figure(quantity), figure(before), figure(after), on(first), count(part.days), count(part.ofDays))
	err = c.chargePart(r, to, current, c.across.new, part)
	r.forget()
	return err
}

var (
	beforeForm = forms("{0}: {1} × {2}/{3} ngày = {4} trước ngày {5}; độ rộng bậc × {2}/{6}",
		"{0}: {1} × {2} of {3} days = {4} before {5}; tier widths × {2}/{6}")
	afterForm = forms("{0}: {1} − {2} = {3} từ ngày {4}; độ rộng bậc × {5}/{6}",
		"{0}: {1} − {2} = {3} from {4}; tier widths × {5}/{6}")
)

// graduatedRule gives the rule of a version that applies; the loader saw to it that it is graduated.
func (c *component) graduatedRule(r *run, version int) (*rule, error) {
	r.tariff.asked(c.slot, version)
	v := &c.versions[version]
	if v.unknown != (Text{}) {
		return nil, notOnFile(c.called(), v.act, v.unknown)
	}
	rule, err := v.applying(r, c.each)
	if err == nil && rule == nil {
		err = c.noRule(version)
	}
	return rule, err
}

func (c *component) chargePart(r *run, version int, rule *rule, prefix string, part stretch) error {
	line := c.line(r, version, rule)
	line.Code = prefix + line.Code
	return rule.kind.(*graduated).tiered(r, line, part)
}
