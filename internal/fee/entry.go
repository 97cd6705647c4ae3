package fee

import (
	"maps"
	"slices"

	"exchequer/internal/calendar"
)

// Entry is one dated version of a component, or of a parameter (Component is empty then). A component that follows a
// parameter has an entry for each version of it.
type Entry struct {
	Document    string // by its name among the documents
	Of          string // the service, or the parameter
	Component   string
	Name        Text          // of the version
	From, To    calendar.Date // both included; To is zero for an open end
	Act         Text
	Unknown     bool     // no amount is on file: who asks is refused
	Provisional bool     // an amount of it rests on evidence that is not yet certain
	Optional    bool     // outside the component's versions there is no such line: its days may end
	Later       bool     // a date of the case chooses it, not the quote's own: quotes of days after To still come to it
	Charges     []string // the charge keys of its lines, those of an amount that is not on file among them; none of a parameter

	// Proved: an example on one of its days asked for it, of its own schedule, or of one that uses the parameter.
	Proved bool

	// Digest is the SHA-256, in hex, of what the entry says: all that can change an amount, an act or a mark, and with
	// it the inputs and parameters that the entry names. Comments, layout and labels are not in it; nor are From and To,
	// which may change because another version follows, and the values of parameters, which have entries of their own.
	Digest string
}

// choice is a version that a case came to: of a component or parameter, by its slot in the tariff.
type choice struct{ slot, version int }

// asked notes a version that an example came to.
func (t *tariff) asked(slot, version int) {
	if t.proof != nil && version != none {
		t.proof[choice{slot, version}] = true
	}
}

// Entries lists what the law on file says and from when: first the services in the order of their names, each with its
// components in the order of their lines and their versions in time; then the parameters.
func (s *Schedules) Entries() []Entry {
	var out []Entry
	for _, name := range s.names() {
		out = append(out, s.tariffs[name].entries...)
	}
	for _, name := range slices.Sorted(maps.Keys(s.parameters)) {
		out = append(out, s.parameters[name].entries...)
	}
	return out
}

// Charges lists every charge key that a line of the service can have, in order; none for an unknown service.
func (s *Schedules) Charges(service string) []string {
	found := map[string]bool{}
	if t := s.tariffs[service]; t != nil {
		for i := range t.components {
			t.components[i].charges(found)
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// BodyKind gives the kind of collecting body that the service is owed to, empty for an unknown service.
func (s *Schedules) BodyKind(service string) string {
	if t := s.tariffs[service]; t != nil {
		return t.body
	}
	return ""
}

// Hash gives the ScheduleHash that quotes of the service carry, empty for an unknown service: where two laws have the same
// one, they charge the same.
func (s *Schedules) Hash(service string) string {
	if t := s.tariffs[service]; t != nil {
		return t.hash
	}
	return ""
}

// Documents names the documents that quotes of the service rest on: its own, then those of the parameters it uses; none for
// an unknown service.
func (s *Schedules) Documents(service string) []string {
	t := s.tariffs[service]
	if t == nil {
		return nil
	}
	out := []string{service + ".yaml"}
	for _, u := range t.uses {
		if !slices.Contains(out, u.parameter.file) {
			out = append(out, u.parameter.file)
		}
	}
	return out
}

// Name gives what the service is called, in both languages; empty for an unknown service.
func (s *Schedules) Name(service string) Text {
	if t := s.tariffs[service]; t != nil {
		return Text(t.name)
	}
	return Text{}
}

// charges notes the charge keys of the component's lines. A rule without a known amount makes no line.
func (c *component) charges(found map[string]bool) {
	for _, v := range c.versions {
		for i := range v.rules {
			if _, ok := v.rules[i].kind.(unknown); !ok {
				c.chargesBy(&v.rules[i], found)
			}
		}
	}
}

func (c *component) chargesBy(r *rule, found map[string]bool) {
	k, shared := r.kind.(split)
	if !shared {
		found[c.chargeFor(r)] = true
	}
	for _, p := range k.parts {
		found[p.chargeOr(c.chargeFor(r))] = true
	}
}

// chargesIn lists what a version charges or, where the amount is not on file, would charge.
func (c *component) chargesIn(v *version) []string {
	found := map[string]bool{}
	for i := range v.rules {
		c.chargesBy(&v.rules[i], found)
	}
	if len(v.rules) == 0 {
		found[c.chargeCode] = true
	}
	return slices.Sorted(maps.Keys(found))
}

func (l *loader) entries(t *tariff) []Entry {
	var out []Entry
	for i, written := range list(l.plain["components"]) {
		c := &t.components[i]
		base := Entry{Document: l.file, Of: t.service, Component: c.id, Optional: c.optional, Later: c.by != fromRequest}
		digests := l.digests(written)
		if c.follows != none {
			out = append(out, c.followingEntries(t, base, digests[0])...)
			continue
		}
		for j := range c.versions {
			v, e := &c.versions[j], base
			e.Name, e.From, e.To = c.periods[j].version, c.periods[j].from, c.periods[j].to
			e.Act, e.Unknown, e.Provisional = v.act, v.unknown != Text{}, v.provisional
			if len(v.rules) > 0 {
				e.Provisional = slices.ContainsFunc(v.rules, func(r rule) bool { return r.provisional })
			}
			e.Charges, e.Proved = c.chargesIn(v), t.proof[choice{c.slot, j}]
			e.Digest = digests[j]
			out = append(out, e)
		}
	}
	return out
}

func (c *component) followingEntries(t *tariff, base Entry, digest string) []Entry {
	var out []Entry
	base.Charges, base.Later = c.chargesIn(&c.versions[0]), t.uses[c.follows].by != fromRequest
	for i, e := range t.uses[c.follows].parameter.entries {
		base.Proved = t.proof[choice{c.slot, i}]
		base.Name, base.From, base.To, base.Act, base.Unknown, base.Digest = e.Name, e.From, e.To, e.Act, e.Unknown, digest
		base.Provisional = t.uses[c.follows].parameter.versions[i].provisional() ||
			slices.ContainsFunc(c.versions[0].rules, func(r rule) bool { return r.provisional })
		out = append(out, base)
	}
	return out
}

func (l *loader) entriesOf(p *parameter) []Entry {
	var out []Entry
	written := list(l.plain["versions"])
	for i, period := range p.periods {
		v := &p.versions[i]
		out = append(out, Entry{Document: l.file, Of: p.name, Name: period.version, From: period.from, To: period.to, Act: v.act,
			Unknown: v.all != nil && v.all.unknown != Text{} && len(v.of) == 0, Provisional: v.provisional(), Digest: l.digest(l.passage(undated(written[i])))})
	}
	return out
}

func list(written any) []any {
	out, _ := written.([]any)
	return out
}

// undated is a version without its days.
func undated(written any) any {
	version, _ := written.(map[string]any)
	version = maps.Clone(version)
	delete(version, "from")
	delete(version, "to")
	return version
}
