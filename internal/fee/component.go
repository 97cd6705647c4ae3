package fee

import (
	"fmt"
	"maps"
	"slices"
)

func (l *loader) component(t *tariff, doc *componentDoc, index int) component {
	at := fmt.Sprintf("components[%d]", index)
	c := component{id: doc.ID, chargeCode: doc.Charge, code: doc.Code, follows: none, by: fromRequest,
		slot: len(t.inputs) + len(t.uses) + index, when: l.condition(t, doc.When, at+".when"), optional: doc.Elsewhere == "none"}
	l.needIf(doc.Charge == "" || doc.Code == "", at, "component %s needs `charge` (for the catalogue) and `code` (for the bill)", doc.ID)
	l.needIf(doc.Elsewhere != "" && doc.Elsewhere != "none", at+".elsewhere", "`elsewhere` can only be none")
	if doc.Follows != "" {
		l.following(t, &c, doc, at)
		return c
	}
	c.by = l.dateSource(t, doc.By, at+".by")
	l.needIf(len(doc.Rules) > 0, at+".rules", "rules stand within versions, except where the component follows a parameter")
	l.needIf(len(doc.Versions) == 0, at, "component %s needs at least one version", doc.ID)
	place := func(i int) string { return fmt.Sprintf("%s.versions[%d]", at, i) }
	for i := range doc.Versions {
		v := &doc.Versions[i]
		c.periods = append(c.periods, period{v.Version, v.From, v.To})
		c.versions = append(c.versions, l.version(t, v, place(i)))
	}
	c.periods = l.periods(c.periods, place, c.optional)
	if doc.Across != nil {
		c.across = l.across(t, &c, doc.Across, at+".across")
	}
	return c
}

// following compiles a component whose versions are those of a parameter: the rule stays, the parameter is dated.
func (l *loader) following(t *tariff, c *component, doc *componentDoc, at string) {
	c.follows = slices.IndexFunc(t.uses, func(u use) bool { return u.name == doc.Follows })
	l.needIf(c.follows == none, at+".follows", "%q is none of the schedule's parameters", doc.Follows)
	l.needIf(doc.By != "" || len(doc.Versions) > 0 || doc.Across != nil || doc.Elsewhere != "", at,
		"a component that follows a parameter has no `by`, `versions`, `across` or `elsewhere` of its own")
	l.needIf(len(doc.Rules) == 0, at, "component %s needs rules", doc.ID)
	v := version{}
	for i := range doc.Rules {
		v.rules = append(v.rules, l.rule(t, &doc.Rules[i], "", false, fmt.Sprintf("%s.rules[%d]", at, i)))
	}
	c.versions = []version{v}
}

func (l *loader) version(t *tariff, doc *versionDoc, at string) version {
	v := version{act: doc.Act, unknown: doc.Unknown, provisional: l.provisional(doc.Mark, at)}
	l.needIf(doc.Act == "", at, "version %s needs its legal basis, `act`", doc.Version)
	l.needIf((doc.Unknown == "") == (len(doc.Rules) == 0), at,
		"version %s needs either rules or, in `unknown`, why there is no amount", doc.Version)
	for i := range doc.Rules {
		v.rules = append(v.rules, l.rule(t, &doc.Rules[i], doc.Act, v.provisional, fmt.Sprintf("%s.rules[%d]", at, i)))
	}
	return v
}

func (l *loader) rule(t *tariff, doc *ruleDoc, act string, provisional bool, at string) rule {
	r := rule{name: doc.Rule, act: act, provisional: provisional, when: l.condition(t, doc.When, at+".when")}
	if doc.Act != "" {
		r.act = doc.Act
	}
	if doc.Article != "" {
		r.act += " " + doc.Article
	}
	if doc.Mark != (evidence{}) {
		r.provisional = l.provisional(doc.Mark, at)
	}
	l.needIf(doc.Rule == "", at, "a rule needs a name in `rule`: it stands on the quote's line")
	for _, name := range slices.Sorted(maps.Keys(doc.Is)) {
		slot, known := t.spellings[name]
		if !known || t.inputs[slot].kind != kindEnum || !slices.Contains(t.inputs[slot].allowed, doc.Is[name]) {
			l.fault(at+".is", "%s: %q is no value of an enum input", name, doc.Is[name])
			continue
		}
		r.is = append(r.is, match{slot, doc.Is[name]})
	}
	r.kind = l.kind(t, doc, at)
	return r
}

// kind compiles the one kind of a rule.
func (l *loader) kind(t *tariff, doc *ruleDoc, at string) kind {
	var found []kind
	if doc.Fixed != "" {
		found = append(found, fixed{l.amount(t, doc.Fixed, at+".fixed", true)})
	}
	if doc.Exempt {
		found = append(found, exempt{})
	}
	if doc.Unknown != "" {
		found = append(found, unknown{doc.Unknown})
	}
	if doc.Midpoint != nil {
		found = append(found, l.midpoint(doc.Midpoint, at+".midpoint"))
	}
	if doc.PerUnit != nil {
		found = append(found, l.perUnit(t, doc.PerUnit, at+".per_unit"))
	}
	if doc.Graduated != nil {
		found = append(found, l.graduated(t, doc.Graduated, at+".graduated"))
	}
	if doc.Percentage != nil {
		found = append(found, l.percentage(t, doc.Percentage, at+".percentage"))
	}
	if doc.Discount != nil {
		found = append(found, discount{l.percentage(t, doc.Discount, at+".discount")})
	}
	if doc.PerDay != nil {
		found = append(found, l.perDay(t, doc.PerDay, at+".per_day"))
	}
	if len(found) != 1 {
		l.fault(at, "rule %q needs exactly one kind of amount, it has %d", doc.Rule, len(found))
		return exempt{}
	}
	return found[0]
}
