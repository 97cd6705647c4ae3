package fee

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

// parameter is a dated value that schedules share; of a keyed one every version has a value for each key.
type parameter struct {
	file     string // and its text, for the hash of the schedules that use it
	source   []byte
	name     string
	title    Text
	keyed    bool
	key      string // what chooses a value, in English
	periods  []period
	versions []parameterVersions
	entries  []Entry
}

// parameterVersions is what one version says: `all`, or of a keyed parameter `of` each key, and `all` for the others.
type parameterVersions struct {
	act Text
	of  map[string]*parameterValue
	all *parameterValue // nil: other keys have no value
}

// provisional reports whether a value of the version rests on evidence that is not certain.
func (v *parameterVersions) provisional() bool {
	for _, value := range v.of {
		if value.provisional {
			return true
		}
	}
	return v.all != nil && v.all.provisional
}

// keys are those that have a value of their own in some version.
func (p *parameter) keys() []string {
	found := map[string]bool{}
	for _, v := range p.versions {
		for key := range v.of {
			found[key] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

type parameterValue struct {
	act         Text
	unknown     Text
	provisional bool
	value       number
}

// compileParameters reads the named documents as parameters, by the parameter's name.
func compileParameters(docs Documents, files []string, accepted bool, faults *faults) map[string]*parameter {
	out := map[string]*parameter{}
	for _, file := range files {
		if faults.full() {
			break
		}
		var doc parameterDoc
		l, err := read(file, docs[file], accepted, &doc)
		if err != nil {
			faults.add(err)
			continue
		}
		l.wantIf(doc.Parameter != strings.TrimSuffix(path.Base(file), ".yaml"), "parameter",
			"the parameter %q must stand in a file of its own name", doc.Parameter)
		p := l.parameter(&doc)
		if l.faults.any() {
			faults.add(&l.faults)
			continue
		}
		p.entries = l.entriesOf(p)
		out[doc.Parameter] = p
	}
	return out
}

func (l *loader) parameter(doc *parameterDoc) *parameter {
	p := &parameter{file: l.file, source: l.source, name: doc.Parameter, title: l.label(doc.Name, "name"), keyed: doc.Key != (names{}), key: doc.Key.En}
	at := func(i int) string { return fmt.Sprintf("versions[%d]", i) }
	l.needIf(!identifier(doc.Parameter), "parameter", "%q is no name for a parameter", doc.Parameter)
	l.wantIf(doc.Name.Vi == "" || doc.Name.En == "", "name", "the parameter %s needs its name in vi and en", doc.Parameter)
	l.wantIf(p.keyed && (doc.Key.Vi == "" || doc.Key.En == ""), "key", "the key of %s needs its name in vi and en", doc.Parameter)
	l.needIf(len(doc.Versions) == 0, "versions", "the parameter %s has no version", doc.Parameter)
	for i := range doc.Versions {
		v := &doc.Versions[i]
		p.periods = append(p.periods, period{l.text(v.Version, at(i)+".version"), v.From.Date, v.To.Date})
		l.wantIf(v.Act.En == "", at(i), "it needs its legal basis, `act`")
		one := keyedValue{Value: v.Value, Unknown: v.Unknown, Act: v.Act, Mark: v.Mark}
		if p.keyed && v.Unknown.En == "" {
			p.versions = append(p.versions, l.keyedVersion(v, one, at(i)))
			continue
		}
		l.needIf(len(v.Values) > 0 || v.Otherwise != nil, at(i), "`values` and `otherwise` need the parameter's `key`, and a value that is known")
		all := l.parameterValue(one, one, at(i))
		p.versions = append(p.versions, parameterVersions{act: all.act, all: all})
	}
	p.periods = l.periods(p.periods, at, false)
	return p
}

func (l *loader) keyedVersion(doc *parameterVersion, base keyedValue, at string) parameterVersions {
	out := parameterVersions{act: l.act(doc.Act, at+".act"), of: map[string]*parameterValue{}}
	l.needIf(doc.Value != "", at, "a keyed parameter has `values`, not one `value`")
	l.needIf(len(doc.Values) == 0, at, "it needs `values`")
	for i, entry := range doc.Values {
		place := fmt.Sprintf("%s.values[%d]", at, i)
		l.needIf(len(entry.Keys) == 0, place, "a value needs its `keys`")
		value := l.parameterValue(entry, base, place)
		for _, key := range entry.Keys {
			l.needIf(out.of[key] != nil, place, "the key %q has two values", key)
			out.of[key] = value
		}
	}
	if doc.Otherwise != nil {
		l.needIf(len(doc.Otherwise.Keys) > 0, at+".otherwise", "`otherwise` is for all other keys and names none")
		out.all = l.parameterValue(*doc.Otherwise, base, at+".otherwise")
	}
	return out
}

// parameterValue compiles a value; basis and evidence are those of its version where it has none of its own.
func (l *loader) parameterValue(doc, version keyedValue, at string) *parameterValue {
	if doc.Act.En == "" {
		doc.Act = version.Act
	}
	if doc.Mark == (evidence{}) {
		doc.Mark = version.Mark
	}
	v := &parameterValue{act: l.act(doc.Act, at+".act"), unknown: l.text(doc.Unknown, at+".unknown"), provisional: l.provisional(doc.Mark, at)}
	l.needIf((doc.Unknown.En == "") == (doc.Value == ""), at, "a version, and each of its keys, needs either a value or why it is unknown")
	if n := l.bound(doc.Value, at+".value"); n != nil {
		v.value = *n
	}
	return v
}

// lookUp finds the value that a schedule's parameter has for this request: the version of its date, and its key.
func (r *run) lookUp(index int) error {
	u := &r.tariff.uses[index]
	on, err := r.date(u.by)
	if err != nil {
		return err
	}
	p := u.parameter
	r.holdsWith(p.periods, u.by, on)
	i := chosen(p.periods, on)
	r.tariff.asked(len(r.tariff.inputs)+index, i)
	if i == none {
		first := p.versions[0].act
		return noAmount(first, said("không có %s cho ngày %s; văn bản đầu tiên là %s", "no value of %s is on file for %s; the first is %s",
			p.title, on, first))
	}
	v, key := p.versions[i].all, ""
	if u.key != none {
		chosen, err := r.value(u.key)
		if err != nil {
			return err
		}
		key = chosen.text
		if own := p.versions[i].of[key]; own != nil {
			v = own
		}
	}
	if v == nil {
		return noAmount(p.versions[i].act, said("không có %s của %s ngày %s", "no value of %s is on file for %s on %s", p.title, key, on))
	}
	if v.unknown != (Text{}) {
		return notOnFile(said("%s %s", "%s %s", p.title, key), v.act, v.unknown)
	}
	r.provisional = r.provisional || v.provisional
	r.found[index] = v
	r.slots[len(r.tariff.inputs)+index] = value{set: true, kind: kindDecimal, dec: v.value}
	return nil
}
