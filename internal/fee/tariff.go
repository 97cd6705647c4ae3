package fee

import (
	"fmt"
	"maps"
	"slices"
	"sync"
)

// tariff is a compiled schedule. Its slots are the inputs, then the parameters in use, then the components' sums.
type tariff struct {
	service    string
	name       names
	body       string
	validDays  int
	inputs     []input
	spellings  map[string]int // name or alias of an input -> slot
	uses       []use
	checks     []check
	components []component
	choosing   []int // slots of the dates that choose a version or begin a period, but for days of payment
	examples   []exampleDoc
	language   *language
	hash       string
	entries    []Entry
	proof      map[choice]bool // the versions its examples came to, while they run
	runs       sync.Pool       // of *run
}

// use is a shared parameter under its name in the schedule.
type use struct {
	name      string
	parameter *parameter
	by        int // slot of a date, or fromRequest
	key       int // slot of the enum that chooses the value; none
}

type check struct {
	that  *condition
	field string
	say   Text
}

// component is one charge with its versions, or one that follows a parameter's versions with rules of its own.
type component struct {
	id         string
	chargeCode string
	code       string
	label      Text // zero where none is written
	by         int  // slot of the date that chooses the version, or fromRequest
	follows    int  // index in uses, none
	slot       int  // of its sum
	each       int  // slot of a set: charged once for each value in it; none
	when       *condition
	optional   bool // outside its versions there is no such line
	across     *across
	periods    []period
	versions   []version
}

type version struct {
	act         Text
	unknown     Text // why there is no amount; zero where there are rules
	provisional bool
	rules       []rule
}

// rule is one way to an amount.
type rule struct {
	name        Text
	label       Text // zero where none is written
	is          []match
	when        *condition
	act         Text
	charge      string // instead of the component's; may be empty
	provisional bool
	kind        kind
}

// match is an enum or bool input and the value it must have, or a set and the value it must hold.
type match struct {
	slot int
	want string
}

func compileTariff(file string, source []byte, parameters map[string]*parameter, accepted bool) (*tariff, error) {
	var doc document
	l, err := read(file, source, accepted, &doc)
	if err != nil {
		return nil, err
	}
	t := l.tariff(&doc, parameters)
	if l.faults.any() {
		return nil, &l.faults
	}
	t.proof = map[choice]bool{}
	for i := 0; i < len(t.examples) && !l.accepted && !l.faults.full(); i++ {
		if err := t.prove(&t.examples[i]); err != nil {
			l.fault(fmt.Sprintf("examples[%d]", i), "the example of %s does not hold: %v", t.examples[i].On, err)
		}
	}
	t.entries = l.entries(t)
	t.proveParameters()
	t.language.env = nil // all is compiled: what CEL keeps for that is many times the schedule's own size
	return t, l.faults.err()
}

// tariff compiles a document. After a fault it goes on where it can, to report as many as there are.
func (l *loader) tariff(doc *document, parameters map[string]*parameter) *tariff {
	t := &tariff{service: doc.Service, name: doc.Name, body: doc.Body, validDays: doc.ValidDays,
		spellings: map[string]int{}, examples: doc.Examples}
	l.needIf(!identifier(doc.Service), "service", "%q is no name for a service", doc.Service)
	l.wantIf(doc.Service+".yaml" != l.file, "service", "the service %q must stand in a document of its own name", doc.Service)
	l.wantIf(doc.Name.Vi == "" || doc.Name.En == "", "name", "the service needs its name in vi and en")
	l.needIf(doc.Body == "", "service", "the service needs the kind of its collecting body, `body`")
	l.needIf(doc.ValidDays < 1 || doc.ValidDays > 366, "valid_days", "`valid_days` must be 1 to 366")
	l.needIf(len(doc.Components) == 0, "service", "the service needs at least one component")
	if len(doc.Inputs) > maxInputs && !l.accepted {
		l.fault("inputs", "a schedule has at most %d inputs, this one %d", maxInputs, len(doc.Inputs))
		return t
	}
	l.wantIf(len(doc.Examples) == 0, "service", "the schedule needs examples that prove it")
	for i := range doc.Inputs {
		at := fmt.Sprintf("inputs[%d]", i)
		in := l.input(doc.Inputs[i], at)
		in.presetBy = l.earlierDate(t, doc.Inputs[i].DefaultFrom, at+".default_from")
		for _, s := range in.spellings {
			_, taken := t.spellings[s]
			l.needIf(taken, at, "the input name %q is used twice", s)
			t.spellings[s] = i
		}
		t.inputs = append(t.inputs, in)
	}
	l.uses(t, doc, parameters)
	if !l.declare(t, doc) {
		return t
	}
	l.bounds(t, doc.Inputs)
	for i, c := range doc.Checks {
		at := fmt.Sprintf("checks[%d]", i)
		_, known := t.spellings[c.Field]
		l.needIf(!known || c.Say.En == "" || c.That == "", at, "a check needs `that`, the input's name in `field`, and what to `say`")
		t.checks = append(t.checks, check{l.condition(t, c.That, at+".that"), c.Field, l.text(c.Say, at+".say")})
	}
	for i := range doc.Components {
		t.components = append(t.components, l.component(t, &doc.Components[i], i))
	}
	t.choosing = t.choosers()
	return t
}

// choosers gives the date inputs that choose the law. One that is the day of payment may lie ahead: that is a forecast.
func (t *tariff) choosers() []int {
	var out []int
	for i := range t.inputs {
		chooses := slices.ContainsFunc(t.uses, func(u use) bool { return u.by == i }) || slices.ContainsFunc(t.components, func(c component) bool {
			return c.by == i || c.across != nil && c.across.since == i
		})
		if chooses && !t.inputs[i].paymentDay {
			out = append(out, i)
		}
	}
	return out
}

// earlierDate finds the date an input defaults to among the inputs before it.
func (l *loader) earlierDate(t *tariff, name, at string) int {
	if name == "" {
		return none
	}
	return l.dateSource(t, name, at)
}

// dateSource finds where a date is taken from: `date` is the request's.
func (l *loader) dateSource(t *tariff, name, at string) int {
	if name == requestDay {
		return fromRequest
	}
	for i := range t.inputs {
		if t.inputs[i].name == name && t.inputs[i].kind == kindDate {
			return i
		}
	}
	l.fault(at, "%q is neither `date` nor a date input", name)
	return fromRequest
}

func (l *loader) uses(t *tariff, doc *document, parameters map[string]*parameter) {
	files := map[string][]byte{l.file: l.source}
	for i, u := range doc.Parameters {
		at := fmt.Sprintf("parameters[%d]", i)
		p := parameters[u.Parameter]
		if p == nil {
			l.fault(at+".parameter", "there is no parameter %q: the folder has %v", u.Parameter, slices.Sorted(maps.Keys(parameters)))
			continue
		}
		l.needIf(!identifier(u.Name), at, "%q is no name for a parameter", u.Name)
		t.uses = append(t.uses, use{u.Name, p, l.dateSource(t, u.By, at+".by"), l.keySource(t, u, p, at)})
		files[p.file] = p.source
	}
	l.needIf(len(t.uses) > maxUses, "parameters", "a schedule uses at most %d parameters", maxUses)
	t.hash = hash(files)
}

// keySource finds the enum input that chooses the value of a keyed parameter.
func (l *loader) keySource(t *tariff, u useDoc, p *parameter, at string) int {
	if !p.keyed {
		l.needIf(u.Key != "", at+".key", "the parameter %s has one value for all and no key", p.name)
		return none
	}
	for i := range t.inputs {
		if in := &t.inputs[i]; in.name == u.Key && in.kind == kindEnum {
			for _, key := range p.keys() {
				l.wantIf(!slices.Contains(in.allowed, key), at, "the parameter %s has a value for %q, which is none of the values of %s", p.name, key, in.name)
			}
			return i
		}
	}
	l.fault(at, "the parameter %s has a value for each %s: name the enum input in `key`", p.name, p.key)
	return none
}

// declare makes the language of the schedule's expressions.
func (l *loader) declare(t *tariff, doc *document) bool {
	var names []variable
	taken := map[string]bool{}
	add := func(name string, kind valueKind, values []string, at string, i int) {
		l.needIf(taken[name], fmt.Sprintf(at, i), "the name %q is used twice among inputs, parameters and components", name)
		l.needIf(name == requestDay, fmt.Sprintf(at, i), "the name %q is taken: it is the quote's date", name)
		names, taken[name] = append(names, variable{name, kind, values}), true
	}
	for i := range t.inputs {
		if t.inputs[i].kind == 0 || !identifier(t.inputs[i].name) {
			return false // a fault already
		}
		values := t.inputs[i].allowed
		if l.accepted { // a comparison that never holds changes no amount of what was accepted
			values = nil
		}
		add(t.inputs[i].name, t.inputs[i].kind, values, "inputs[%d].name", i)
	}
	for i, u := range t.uses {
		add(u.name, kindDecimal, nil, "parameters[%d].name", i)
	}
	for i, c := range doc.Components {
		l.needIf(!identifier(c.ID), fmt.Sprintf("components[%d].id", i), "a component needs a name of small letters, digits and _ in `id`")
		add(c.ID, kindDecimal, nil, "components[%d].id", i)
	}
	if l.faults.any() {
		return false
	}
	language, err := newLanguage(names)
	if err != nil {
		l.fault("service", "%v", err)
		return false
	}
	t.language = language
	return true
}

func (l *loader) condition(t *tariff, text, at string) *condition {
	if l.faults.full() {
		return nil // what is wrong with more expressions would take long to find, and not be told
	}
	c, err := t.language.condition(text)
	if err != nil {
		l.fault(at, "%v", err)
	}
	return c
}

func (l *loader) amount(t *tariff, text quoted, at string, required bool) *amount {
	if l.faults.full() {
		return nil
	}
	a, err := t.language.amount(text)
	if err != nil {
		l.fault(at, "%v", err)
	}
	l.needIf(required && text == "", at, "an amount is missing here")
	l.notBelowZero(a.constant(), at)
	return a
}

func (l *loader) rate(t *tariff, text quoted, at string, required bool) *amount {
	a := l.amount(t, text, at, required)
	if a != nil {
		a.isRate = true
	}
	return a
}
