package fee

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// lastYear leaves the end of a quote within the years that a date can be written for.
const lastYear = 9000

// Quote works out what a request costs. Refusals are *problem.Error: NotFound for an unknown service, Invalid (with
// Field) for inputs, Refused (with Act) where the law gives no certain amount.
func (s *Schedules) Quote(req Request) (*Quote, error) {
	t, ok := s.tariffs[req.Service]
	if !ok {
		return nil, s.unknownService(req.Service)
	}
	if req.Date.IsZero() {
		return nil, invalid("date", said("cần có", "is required"))
	}
	if req.Date.Year() > lastYear {
		return nil, invalid("date", said("không được sau năm %d", "must not lie after the year %d", lastYear))
	}
	return t.quote(req)
}

func (s *Schedules) unknownService(name string) error {
	shown := Text{"tên đó", "that name"} // it is the caller's text: it is repeated only where it can be nothing but a name
	if identifier(name) && len(name) <= 64 {
		shown = Text{"tên " + name, "the name " + name}
	}
	detail := said("không có biểu mức thu nào mang %s; các dịch vụ là %s", "there is no fee schedule of %s; the services are %s",
		shown, strings.Join(s.names(), ", "))
	return &problem.Error{Code: problem.NotFound, Field: "service", Detail: detail.En, DetailVi: detail.Vi}
}

func (t *tariff) quote(req Request) (*Quote, error) {
	r := t.begin(req.Date)
	defer t.end(r)
	if err := t.readInputs(req.Inputs, req.Date, r.slots); err != nil {
		return nil, err
	}
	if err := t.checkDays(r); err != nil {
		return nil, err
	}
	if err := t.checkBounds(r); err != nil {
		return nil, err
	}
	for _, c := range t.checks {
		ok, err := c.that.holds(r)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, invalid(c.field, c.say)
		}
	}
	r.today = false // a check decides who is quoted, not what: a later day asks it anew
	for i := range t.components {
		if err := t.components[i].charge(r); err != nil {
			return nil, err
		}
	}
	return r.quote()
}

// charge adds the component's lines.
func (c *component) charge(r *run) error {
	r.sum, r.used, r.basis = 0, 0, 0
	err := c.chargeEach(r)
	if err == nil {
		r.slots[c.slot] = value{set: true, kind: kindDecimal, dec: whole(r.sum)}
	}
	return err
}

// chargeEach charges the component once, or once for each value of its set.
func (c *component) chargeEach(r *run) error {
	if ok, err := c.when.holds(r); err != nil || !ok {
		return err
	}
	if c.each == none {
		return c.chargeVersion(r)
	}
	of, err := r.value(c.each)
	if err != nil {
		return err
	}
	for _, r.element = range of.texts {
		if err := c.chargeVersion(r); err != nil {
			return err
		}
	}
	return nil
}

func (c *component) chargeVersion(r *run) error {
	if c.follows != none {
		return c.chargeFollowing(r)
	}
	on, err := r.date(c.by)
	if err != nil {
		return err
	}
	r.holdsWith(c.periods, c.by, on)
	i := chosen(c.periods, on)
	r.tariff.asked(c.slot, i)
	switch {
	case i != none:
		return c.versioned(c.periods[i].version, c.chargeBy(r, i, on))
	case c.optional:
		return nil
	}
	return c.outside(on)
}

// versioned names the version where the schedule is at fault: a refusal names its act.
func (c *component) versioned(version Text, err error) error {
	if err == nil {
		return nil
	}
	if _, refused := errors.AsType[*problem.Error](err); refused {
		return err
	}
	return fmt.Errorf("version %s of %s: %w", version.En, c.id, err)
}

// chargeBy charges by the version of a day, or by two where one took over within the period.
func (c *component) chargeBy(r *run, i int, on calendar.Date) error {
	if c.across != nil && r.slots[c.across.since].set {
		since := r.slots[c.across.since].date
		to, err := c.change(since, on)
		if err != nil {
			return err
		}
		if to != none {
			return c.chargeAcross(r, to, since, on)
		}
	}
	if v := &c.versions[i]; v.unknown != (Text{}) {
		return notOnFile(c.lineCalled(r), v.act, v.unknown)
	}
	rule, err := c.versions[i].applying(r, c.each)
	if err != nil {
		return err
	}
	if rule == nil {
		return c.noRule(i)
	}
	return r.apply(rule, c.line(r, i, rule), rule.provisional)
}

func (c *component) chargeFollowing(r *run) error {
	rule, err := c.versions[0].applying(r, c.each)
	if err != nil {
		return err
	}
	u := &r.tariff.uses[c.follows]
	on, err := r.date(u.by)
	if err != nil {
		return err
	}
	i := chosen(u.parameter.periods, on)
	r.tariff.asked(c.slot, i)
	if _, err := r.value(len(r.tariff.inputs) + c.follows); err != nil {
		return err // also where no version was chosen
	}
	r.basis = 1 << c.follows
	act := r.found[c.follows].act
	if rule == nil {
		return noAmount(act, said("chưa có quy định nào cho trường hợp này của %s", "no rule on file covers this case of %s", c.called()))
	}
	if rule.act.En != "" {
		act = rule.act
	}
	version := u.parameter.periods[i].version
	return c.versioned(version, r.apply(rule, Line{Code: c.lineCode(r), Label: rule.label, Charge: c.chargeFor(rule), Version: version,
		Rule: rule.name, Act: act.En, ActVi: act.Vi}, rule.provisional))
}

// lineCode is the component's code, followed by the value at work of the set it is charged for.
func (c *component) lineCode(r *run) string {
	if c.each == none {
		return c.code
	}
	return c.code + r.element
}

// lineCalled is how a refusal names a line of the component.
func (c *component) lineCalled(r *run) Text {
	if c.each == none || c.label != (Text{}) {
		return c.called()
	}
	return Text{c.lineCode(r), c.lineCode(r)}
}

// apply charges a rule; its evidence marks the quote unless the kind found that the rule does not apply yet.
func (r *run) apply(rule *rule, line Line, provisional bool) error {
	r.skipped = false
	if err := rule.kind.charge(r, line); err != nil {
		return err
	}
	r.provisional = r.provisional || provisional && !r.skipped
	return nil
}

func (r *run) notApplied() { r.skipped = true }

// applying gives the first rule that holds, nil when none does.
func (v *version) applying(r *run, each int) (*rule, error) {
next:
	for i := range v.rules {
		rule := &v.rules[i]
		for _, m := range rule.is {
			if !r.matches(m, each) {
				continue next
			}
		}
		ok, err := rule.when.holds(r)
		if err != nil {
			return nil, err
		}
		if ok {
			return rule, nil
		}
	}
	return nil, nil
}

// matches reports whether an enum has a value, or a set holds it; of the set that a component is charged for each value
// of, the value at work counts.
func (r *run) matches(m match, each int) bool {
	v := &r.slots[m.slot]
	switch {
	case m.slot == each:
		return r.element == m.want
	case v.kind == kindSet:
		return slices.Contains(v.texts, m.want)
	}
	return v.text == m.want
}

func (c *component) line(r *run, version int, rule *rule) Line {
	return Line{Code: c.lineCode(r), Label: rule.label, Charge: c.chargeFor(rule), Version: c.periods[version].version, Rule: rule.name,
		Act: rule.act.En, ActVi: rule.act.Vi}
}

func (c *component) noRule(version int) error {
	act := c.versions[version].act
	return noAmount(act, said("%s: chưa có quy định cho trường hợp này của %s", "%s has no rule on file for this case of %s", act, c.called()))
}

func (c *component) outside(on calendar.Date) error {
	first, begin, last := c.versions[0].act, c.periods[0].from, c.versions[len(c.versions)-1].act
	if on.Before(begin) {
		return noAmount(first, said("ngày %s ở trước quy định đầu tiên đã có về %s, %s từ ngày %s",
			"%s lies before the first version of %s on file, %s from %s", on, c.called(), first, begin))
	}
	return noAmount(last, said("không có quy định về %s cho ngày %s; quy định cuối cùng là %s",
		"no version of %s is on file for %s; the last one is %s", c.called(), on, last))
}
