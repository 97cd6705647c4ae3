package fee

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

func (l *loader) component(t *tariff, doc *componentDoc, index int) component {
	at := fmt.Sprintf("components[%d]", index)
	c := component{id: doc.ID, chargeCode: doc.Charge, code: doc.Code, label: l.label(doc.Label, at+".label"), follows: none, by: fromRequest, each: none,
		slot: len(t.inputs) + len(t.uses) + index, when: l.condition(t, doc.When, at+".when"), optional: doc.Elsewhere == "none"}
	l.needIf(doc.Charge == "", at, "component %s needs `charge`, for the catalogue", doc.ID)
	if doc.Each != "" {
		c.each = l.setSource(t, doc.Each, at+".each")
	}
	l.needIf(doc.Elsewhere != "" && doc.Elsewhere != "none", at+".elsewhere", "`elsewhere` can only be none")
	if doc.Follows != "" {
		l.following(t, &c, doc, at)
		l.codes(&c, at)
		return c
	}
	c.by = l.dateSource(t, doc.By, at+".by")
	l.needIf(len(doc.Rules) > 0, at+".rules", "rules stand within versions, except where the component follows a parameter")
	l.needIf(len(doc.Versions) == 0, at, "component %s needs at least one version", doc.ID)
	place := func(i int) string { return fmt.Sprintf("%s.versions[%d]", at, i) }
	for i := range doc.Versions {
		v := &doc.Versions[i]
		c.periods = append(c.periods, period{l.text(v.Version, place(i)+".version"), v.From.Date, v.To.Date})
		c.versions = append(c.versions, l.version(t, v, c.label, place(i)))
	}
	c.periods = l.periods(c.periods, place, c.optional)
	l.codes(&c, at)
	if doc.Across != nil {
		c.across = l.across(t, &c, doc.Across, at+".across")
	}
	return c
}

// codes sees to it that every line gets a code: the parts of a split and the values of a set bring their own.
func (l *loader) codes(c *component, at string) {
	for _, v := range c.versions {
		for _, r := range v.rules {
			if _, ok := r.kind.(unknown); ok {
				continue // it makes no line
			}
			if tiers, ok := r.kind.(*graduated); ok {
				tiers.coded(c.code, r.label)
			}
			_, parts := r.kind.(split)
			l.needIf(c.code == "" && c.each == none && !parts, at, "component %s needs `code`, for the bill", c.id)
		}
	}
}

// called is how a refusal names the component: by its label, or else its code, which a split has not.
func (c *component) called() Text {
	code := cmp.Or(c.code, c.id)
	return cmp.Or(c.label, Text{code, code})
}

// setSource finds a set among the inputs.
func (l *loader) setSource(t *tariff, name, at string) int {
	for i := range t.inputs {
		if t.inputs[i].name == name && t.inputs[i].kind == kindSet {
			return i
		}
	}
	l.fault(at, "%q is no set input", name)
	return none
}

// following compiles a component whose versions are those of a parameter: the rule stays, the parameter is dated.
func (l *loader) following(t *tariff, c *component, doc *componentDoc, at string) {
	c.follows = slices.IndexFunc(t.uses, func(u use) bool { return u.name == doc.Follows })
	l.needIf(c.follows == none, at+".follows", "%q is none of the schedule's parameters", doc.Follows)
	l.needIf(doc.By != "" || len(doc.Versions) > 0 || doc.Across != nil || doc.Elsewhere != "", at,
		"a component that follows a parameter has no `by`, `versions`, `across` or `elsewhere` of its own")
	l.needIf(len(doc.Rules) == 0, at, "component %s needs rules", doc.ID)
	c.versions = []version{{rules: l.rules(t, doc.Rules, version{}, c.label, at)}}
}

func (l *loader) version(t *tariff, doc *versionDoc, label Text, at string) version {
	v := version{act: l.act(doc.Act, at+".act"), unknown: l.text(doc.Unknown, at+".unknown"), provisional: l.provisional(doc.Mark, at)}
	l.wantIf(doc.Act.En == "", at, "it needs its legal basis, `act`")
	l.needIf((doc.Unknown.En == "") == (len(doc.Rules) == 0), at,
		"it needs either rules or, in `unknown`, why there is no amount")
	v.rules = l.rules(t, doc.Rules, v, label, at)
	return v
}

// rules compiles those of a version. One behind a rule that always applies would be read and never used.
func (l *loader) rules(t *tariff, docs []ruleDoc, v version, label Text, at string) []rule {
	var out []rule
	for i := range docs {
		place := fmt.Sprintf("%s.rules[%d]", at, i)
		l.wantIf(i > 0 && len(docs[i-1].Is) == 0 && docs[i-1].When == "", place, "the rule before has neither `is` nor `when`: this one never applies")
		out = append(out, l.rule(t, &docs[i], v, label, place))
	}
	return out
}

// rule compiles a rule of a version; act, evidence and label are the version's and the component's where it has none.
func (l *loader) rule(t *tariff, doc *ruleDoc, v version, label Text, at string) rule {
	r := rule{name: l.text(doc.Rule, at+".rule"), label: cmp.Or(l.label(doc.Label, at+".label"), label), act: v.act, charge: doc.Charge,
		provisional: v.provisional, when: l.condition(t, doc.When, at+".when")}
	if doc.Act.En != "" {
		r.act = l.act(doc.Act, at+".act")
	}
	if doc.Article != "" {
		r.act = Text{r.act.Vi + " " + vietnameseArticle(doc.Article), r.act.En + " " + doc.Article}
	}
	if doc.Mark != (evidence{}) {
		r.provisional = l.provisional(doc.Mark, at)
	}
	l.wantIf(doc.Rule.En == "", at, "a rule needs a name in `rule`: it stands on the quote's line")
	for _, name := range slices.Sorted(maps.Keys(doc.Is)) {
		slot, known := t.spellings[name]
		if !known || !t.inputs[slot].canBe(doc.Is[name]) {
			l.fault(at+".is", "%s: %q is no value of an enum, a set or a bool", name, doc.Is[name])
			continue
		}
		r.is = append(r.is, match{slot, doc.Is[name]})
	}
	r.kind = l.kind(t, doc, at)
	return r
}
