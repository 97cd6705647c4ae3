package fee

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"exchequer/internal/calendar"
	"exchequer/internal/money"
	"exchequer/internal/problem"
)

// input is a declared input, compiled. Its place in the schedule's list is its slot.
type input struct {
	name       string
	label      names
	kind       valueKind
	required   bool
	preset     *value // the default
	presetBy   int    // slot of the date it defaults to; fromRequest for the request's date, none for none
	paymentDay bool   // a quote by it ends with the version of that day
	min, max   *number
	least      *amount // bounds that depend on other inputs or on parameters
	most       *amount
	places     int32
	allowed    []string
	spellings  []string // name and aliases
}

// What a number outside its bounds is told: the number and the bound.
const (
	belowVi, belowEn = "%s nhỏ hơn mức thấp nhất được nhận, %s", "%s is below the least allowed, %s"
	overVi, overEn   = "%s vượt mức cao nhất được nhận, %s", "%s is over the most allowed, %s"
)

// Places from which a date may be taken, besides slots.
const (
	none        = -1
	fromRequest = -2
)

func (l *loader) input(doc inputDoc, at string) input {
	in := input{
		name: doc.Name, label: names(l.label(doc.Label, at+".label")), kind: kindNames[doc.Type], required: doc.Required, presetBy: none, paymentDay: doc.PaymentDay,
		places: doc.Places, allowed: doc.Values, spellings: append([]string{doc.Name}, doc.Aliases...),
	}
	l.needIf(!identifier(doc.Name), at+".name", "an input needs a name of small letters, digits and _; %q is none", doc.Name)
	l.needIf(in.kind == 0, at+".type", "type %q is none of decimal, int, date, enum, set, bool", doc.Type)
	listed := in.kind == kindEnum || in.kind == kindSet
	l.needIf(listed && len(doc.Values) == 0, at, "the %s %q needs values", in.kind, doc.Name)
	l.needIf(!listed && len(doc.Values) > 0, at+".values", "only an enum or a set has values")
	l.needIf(in.kind != kindDecimal && in.kind != kindInt && doc.Min+doc.Max != "", at, "only a number has `min` and `max`")
	l.needIf(in.kind != kindDecimal && doc.Places != 0, at+".places", "only a decimal has places")
	l.needIf(in.kind != kindDate && in.paymentDay, at+".payment_day", "only a date can be the day of payment")
	in.min, in.max = constant(doc.Min), constant(doc.Max)
	if doc.Default != "" {
		v, err := in.parse(string(doc.Default))
		if err != nil {
			l.fault(at+".default", "the default of %q: %v", doc.Name, err)
		}
		in.preset = &v
	}
	return in
}

// constant gives a bound that is a plain number; what is none is an expression, and compiled when all names are known.
func constant(text quoted) *number {
	if n, err := parseNumber(string(text)); err == nil {
		return &n
	}
	return nil
}

// bounds compiles the bounds that depend on other values.
func (l *loader) bounds(t *tariff, docs []inputDoc) {
	for i := range docs {
		in, at := &t.inputs[i], fmt.Sprintf("inputs[%d]", i)
		if in.min == nil {
			in.least = l.amount(t, docs[i].Min, at+".min", false)
		}
		if in.max == nil {
			in.most = l.amount(t, docs[i].Max, at+".max", false)
		}
	}
}

// canBe reports whether a text is a value that a rule may ask for.
func (in *input) canBe(text string) bool {
	switch in.kind {
	case kindEnum, kindSet:
		return slices.Contains(in.allowed, text)
	case kindBool:
		return text == "true" || text == "false"
	}
	return false
}

// parse reads the text of one value: a JSON number or string without its quotes.
func (in *input) parse(text string) (value, error) {
	v := value{set: true, kind: in.kind}
	switch in.kind {
	case kindDecimal, kindInt:
		return in.parseNumber(text)
	case kindDate:
		d, err := calendar.ParseDate(text)
		if err != nil {
			return v, wrongly("%q không phải ngày theo dạng YYYY-MM-DD", "%q is not a date in the form YYYY-MM-DD", text)
		}
		v.date = d
	case kindEnum:
		v.text = text
		if !slices.Contains(in.allowed, text) {
			return v, wrongly("%q không được nhận: dùng một trong %s", "%q is not allowed: use one of %s", text, strings.Join(in.allowed, ", "))
		}
	case kindSet:
		return in.parseSet(strings.Split(text, ","))
	case kindBool:
		if text != "true" && text != "false" {
			return v, wrongly("%q không phải true hay false", "%q is neither true nor false", text)
		}
		v.text, v.yes = text, text == "true"
	}
	return v, nil
}

func (in *input) parseNumber(text string) (value, error) {
	v := value{set: true, kind: in.kind}
	n, err := parseNumber(text)
	if err == errTooLarge {
		return v, in.outOfRange(text)
	}
	if err != nil {
		return v, err
	}
	if n.big != nil || int32(n.scale) > in.places { // an int has 0 places
		if in.places == 0 {
			return v, wrongly("%s không phải số nguyên", "%s is not a whole number", text)
		}
		return v, wrongly("%s có hơn %d chữ số thập phân", "%s has more than %d decimal places", text, in.places)
	}
	if in.min != nil && n.less(*in.min) {
		return v, wrongly(belowVi, belowEn, text, in.min)
	}
	if in.max != nil && in.max.less(n) {
		return v, wrongly(overVi, overEn, text, in.max)
	}
	v.dec = n
	return v, nil
}

// outOfRange says from where to where a number may be.
func (in *input) outOfRange(text string) error {
	low, high := whole(-money.MaxAmount), whole(money.MaxAmount)
	if in.min != nil {
		low = *in.min
	}
	if in.max != nil {
		high = *in.max
	}
	return wrongly("%s ngoài phạm vi được nhận, từ %s đến %s", "%s is out of the range allowed, %s to %s", text, low, high)
}

// parseSet reads the values of a set; it holds them in the order in which they are declared.
func (in *input) parseSet(texts []string) (value, error) {
	v := value{set: true, kind: kindSet}
	for _, text := range texts {
		if !slices.Contains(in.allowed, text) {
			return v, wrongly("%q không được nhận: dùng một hay nhiều trong %s", "%q is not allowed: use one or more of %s", text, strings.Join(in.allowed, ", "))
		}
		if slices.Contains(v.texts, text) {
			return v, wrongly("%q có hai lần", "%q is named twice", text)
		}
		v.texts = append(v.texts, text)
	}
	if len(v.texts) == 0 {
		return v, wrongly("cần một hay nhiều trong %s", "needs one or more of %s", strings.Join(in.allowed, ", "))
	}
	slices.SortFunc(v.texts, func(a, b string) int { return slices.Index(in.allowed, a) - slices.Index(in.allowed, b) })
	return v, nil
}

// parseJSON reads a JSON value.
func (in *input) parseJSON(raw json.RawMessage) (value, error) {
	if in.kind != kindSet {
		text, err := in.jsonText(raw)
		if err != nil {
			return value{}, err
		}
		return in.parse(text)
	}
	var texts []string
	if json.Unmarshal(raw, &texts) != nil {
		return value{}, wrongly("cần danh sách các giá trị %s", "needs a list of %s", strings.Join(in.allowed, ", "))
	}
	return in.parseSet(texts)
}

// jsonText gives the text of a JSON value of a kind that suits the input; a number may come as a string, because that
// is how a client sends a decimal it does not want to be rounded on the way.
func (in *input) jsonText(raw json.RawMessage) (string, error) {
	switch first := raw[0]; {
	case first == '"' && in.kind != kindBool:
		return unquote(raw)
	case (first == '-' || first >= '0' && first <= '9') && (in.kind == kindDecimal || in.kind == kindInt):
		return string(raw), nil
	case (first == 't' || first == 'f') && in.kind == kindBool:
		return string(raw), nil
	}
	allowed := strings.Join(in.allowed, ", ")
	return "", wrongly("cần %s", "needs %s", map[valueKind]Text{
		kindDecimal: {"một số", "a number"}, kindInt: {"một số nguyên", "a whole number"},
		kindDate: {"ngày theo dạng YYYY-MM-DD", "a date in the form YYYY-MM-DD"},
		kindEnum: {"một trong " + allowed, "one of " + allowed}, kindBool: {"true hoặc false", "true or false"},
	}[in.kind])
}

// readInputs fills the slots of the inputs from a JSON object. Unknown and repeated keys are refused: a misspelt name
// must not silently leave a default in place.
func (t *tariff) readInputs(raw json.RawMessage, on calendar.Date, slots []value) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		raw = json.RawMessage("{}")
	}
	if !json.Valid(raw) {
		return invalid("inputs", said("dữ liệu vào không phải một đối tượng JSON hợp lệ", "the inputs are not one well-formed JSON object"))
	}
	if raw[0] != '{' {
		return invalid("inputs", said("dữ liệu vào phải là một đối tượng JSON", "the inputs must be one JSON object"))
	}
	for m := (members{rest: raw[1:]}); m.next(); {
		if err := t.readInput(m.key, m.value, slots); err != nil {
			return err
		}
	}
	return t.fillDefaults(on, slots)
}

func (t *tariff) readInput(key string, raw json.RawMessage, slots []value) error {
	slot, ok := t.spellings[key]
	if !ok {
		// The key is the caller's own text and is not repeated: it could be anything.
		return invalid("inputs", said("có dữ liệu mà %s không dùng: dữ liệu cần là %s", "there is an input that %s does not have: its inputs are %s",
			t.service, strings.Join(t.inputNames(), ", ")))
	}
	if string(raw) == "null" {
		return nil // the same as not sent
	}
	in := &t.inputs[slot]
	v, err := in.parseJSON(raw)
	if err != nil {
		return invalidBy(in.name, err)
	}
	if old := &slots[slot]; old.given && !old.equals(&v) {
		return invalid(in.name, said("có hai giá trị khác nhau (các tên là %s)", "is given twice with different values (its names are %s)",
			strings.Join(in.spellings, ", ")))
	}
	v.given = true
	slots[slot] = v
	return nil
}

func (t *tariff) fillDefaults(on calendar.Date, slots []value) error {
	for i := range t.inputs {
		in, v := &t.inputs[i], &slots[i]
		switch {
		case v.set:
		case in.preset != nil:
			*v = *in.preset
		case in.presetBy == fromRequest:
			*v = value{set: true, kind: kindDate, date: on}
		case in.presetBy >= 0:
			*v = slots[in.presetBy]
			v.given = false
		case in.required:
			return invalid(in.name, said("cần có", "is required"))
		}
	}
	return nil
}

// checkDays refuses a case by the law of a day to come, which nobody knows.
func (t *tariff) checkDays(r *run) error {
	for _, slot := range t.choosing {
		if v := &r.slots[slot]; v.set && v.date.After(r.on) {
			return invalid(t.inputs[slot].name, said("không được sau ngày của báo giá", "must not lie after the quote's date"))
		}
	}
	return nil
}

// checkBounds holds the inputs to the bounds that depend on other values, and names the acts that those come from.
func (t *tariff) checkBounds(r *run) error {
	for i := range t.inputs {
		in := &t.inputs[i]
		if in.least == nil && in.most == nil || !r.slots[i].set {
			continue
		}
		r.used = 0
		if in.least != nil {
			least, err := in.least.in(r)
			if err != nil {
				return err
			}
			if r.slots[i].dec.less(least) {
				return r.outOfBounds(in.name, said(belowVi, belowEn, r.slots[i].dec, least))
			}
		}
		r.used = 0
		if in.most != nil {
			most, err := in.most.in(r)
			if err != nil {
				return err
			}
			if most.less(r.slots[i].dec) {
				return r.outOfBounds(in.name, said(overVi, overEn, r.slots[i].dec, most))
			}
		}
	}
	return nil
}

// outOfBounds refuses an input with the acts of the parameters that its bound was worked out from.
func (r *run) outOfBounds(field string, detail Text) error {
	var vi, en []string
	for i := range r.tariff.uses {
		if r.used&(1<<i) != 0 {
			vi, en = append(vi, r.found[i].act.Vi), append(en, r.found[i].act.En)
		}
	}
	acts := Text{strings.Join(vi, "; "), strings.Join(en, "; ")}
	if acts.En != "" {
		detail = detail.of(acts)
	}
	return &problem.Error{Code: problem.Invalid, Field: field, Detail: detail.En, DetailVi: detail.Vi, Act: acts.En}
}

func (t *tariff) inputNames() []string {
	out := make([]string, len(t.inputs))
	for i := range t.inputs {
		out[i] = t.inputs[i].name
	}
	return out
}

// identifier reports whether a name can be a variable of the expressions.
func identifier(s string) bool {
	for i, c := range s {
		if !(c == '_' || c >= 'a' && c <= 'z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != ""
}
