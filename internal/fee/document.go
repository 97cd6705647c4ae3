package fee

import (
	"encoding/json"

	"github.com/goccy/go-yaml/ast"

	"exchequer/internal/calendar"
	"exchequer/internal/money"
)

// The types here are the schedule language as it is written in YAML. Every key has a field: an unknown one, and with
// it a component kind that does not exist, is refused by the decoder.

// document is one schedule file.
type document struct {
	Service    string         `yaml:"service"`
	Name       names          `yaml:"name"`
	Body       string         `yaml:"body"`       // kind of collecting body
	ValidDays  int            `yaml:"valid_days"` // how long a quote holds at most
	Inputs     []inputDoc     `yaml:"inputs"`
	Parameters []useDoc       `yaml:"parameters"`
	Checks     []checkDoc     `yaml:"checks"`
	Components []componentDoc `yaml:"components"`
	Examples   []exampleDoc   `yaml:"examples"`
}

// names are for people, in both languages of the portal.
type names struct {
	Vi string `yaml:"vi"`
	En string `yaml:"en"`
}

// inputDoc declares one input.
type inputDoc struct {
	Name        string   `yaml:"name"`
	Label       names    `yaml:"label"`
	Type        string   `yaml:"type"` // decimal, int, date, enum, set, bool
	Aliases     []string `yaml:"aliases"`
	Required    bool     `yaml:"required"`
	Default     quoted   `yaml:"default"`
	DefaultFrom string   `yaml:"default_from"` // `date`, the request's date, or an earlier input
	PaymentDay  bool     `yaml:"payment_day"`  // it is the day of payment: the quote ends with the version of that day
	Min         quoted   `yaml:"min"`          // a decimal, or an expression over inputs and parameters
	Max         quoted   `yaml:"max"`
	Places      int32    `yaml:"places"` // decimal places allowed in a decimal
	Values      []string `yaml:"values"` // of an enum or a set
}

// useDoc brings a shared parameter in under a name, in the version of a date.
type useDoc struct {
	Name      string `yaml:"name"`
	Parameter string `yaml:"parameter"`
	By        string `yaml:"by"`
	Key       string `yaml:"key"` // the enum input that chooses the value of a keyed parameter
}

// checkDoc is a condition over the inputs; where it does not hold the request is Invalid at the field.
type checkDoc struct {
	That  string  `yaml:"that"`
	Field string  `yaml:"field"`
	Say   wording `yaml:"say"`
}

// evidence says how far an entry can be trusted.
type evidence struct {
	Source      string `yaml:"source"`      // read, recalled, mixed
	Confidence  string `yaml:"confidence"`  // high, medium, low
	Provisional bool   `yaml:"provisional"` // also where confidence is high
}

// componentDoc is one charge of the service, or a reduction of one.
type componentDoc struct {
	ID        string       `yaml:"id"` // the name under which later components use its sum
	Charge    string       `yaml:"charge"`
	Code      string       `yaml:"code"`
	Label     names        `yaml:"label"`   // the code in words; lines of one rule that are numbered get their number after it
	Each      string       `yaml:"each"`    // a set: the component is charged once for each value in it
	By        string       `yaml:"by"`      // the date that chooses the version: `date` or a date input
	Follows   string       `yaml:"follows"` // instead: versions and act are those of this parameter
	When      string       `yaml:"when"`
	Elsewhere string       `yaml:"elsewhere"` // `none`: outside its versions there is no such line
	Across    *acrossDoc   `yaml:"across"`
	Versions  []versionDoc `yaml:"versions"`
	Rules     []ruleDoc    `yaml:"rules"` // of a component that follows a parameter
}

// acrossDoc lets a component use two versions when one takes over within the period that the inputs span: the
// quantity is shared by days, and the tier widths by the days of the calendar month before the period's end.
type acrossDoc struct {
	Since    string         `yaml:"since"` // the date input that begins the period; it ends on the component's `by`
	Old      string         `yaml:"old"`   // prefix of the codes at the old version
	New      string         `yaml:"new"`
	Rounding money.Rounding `yaml:"rounding"` // of quantities and widths to whole units
	Act      wording        `yaml:"act"`
	Mark     evidence       `yaml:",inline"`
}

// versionDoc is what the law says from a day on: until the day before the next version, or until To.
type versionDoc struct {
	Version wording   `yaml:"version"`
	From    dated     `yaml:"from"`
	To      dated     `yaml:"to"`
	Act     wording   `yaml:"act"`
	Unknown wording   `yaml:"unknown"` // why no amount is known: the request is refused
	Mark    evidence  `yaml:",inline"`
	Rules   []ruleDoc `yaml:"rules"`
}

// ruleDoc is one way to an amount; of a version's rules the first that applies decides. It has exactly one kind.
type ruleDoc struct {
	Rule    wording           `yaml:"rule"`
	Is      map[string]string `yaml:"is"` // enum and bool inputs and the value each must have; of a set: must hold
	When    string            `yaml:"when"`
	Act     wording           `yaml:"act"`     // instead of the version's
	Article string            `yaml:"article"` // added to the version's act
	Charge  string            `yaml:"charge"`  // instead of the component's
	Label   names             `yaml:"label"`   // instead of the component's
	Mark    evidence          `yaml:",inline"`

	Fixed       quoted          `yaml:"fixed"`
	Exempt      bool            `yaml:"exempt"`
	Midpoint    []quoted        `yaml:"midpoint"` // of a range, both ends given
	PerUnit     *perUnitDoc     `yaml:"per_unit"`
	Graduated   *graduatedDoc   `yaml:"graduated"`
	Volume      *volumeDoc      `yaml:"volume"`
	Percentage  *percentageDoc  `yaml:"percentage"`
	Ordinal     *ordinalDoc     `yaml:"ordinal"`
	Discount    *discountDoc    `yaml:"discount"`
	PerDay      *perDayDoc      `yaml:"per_day"`
	Split       *splitDoc       `yaml:"split"`
	Instalments *instalmentsDoc `yaml:"instalments"`
	Unknown     wording         `yaml:"unknown"`
}

type perUnitDoc struct {
	Quantity quoted         `yaml:"quantity"`
	Price    quoted         `yaml:"price"`
	Rounding money.Rounding `yaml:"rounding"`
}

// graduatedDoc charges each tier at its own price; the last tier has no width.
type graduatedDoc struct {
	Quantity quoted         `yaml:"quantity"`
	Times    quoted         `yaml:"times"` // multiplies the widths
	Rounding money.Rounding `yaml:"rounding"`
	Tiers    []tierDoc      `yaml:"tiers"`
}

type tierDoc struct {
	Width quoted `yaml:"width"`
	Price quoted `yaml:"price"`
}

// volumeDoc charges the whole quantity by the one tier it lies in; the last tier has no end.
type volumeDoc struct {
	Quantity quoted         `yaml:"quantity"`
	Rounding money.Rounding `yaml:"rounding"`
	Tiers    []volumeTier   `yaml:"tiers"`
}

type volumeTier struct {
	UpTo   quoted `yaml:"up_to"`  // included
	Price  quoted `yaml:"price"`  // of a unit
	Amount quoted `yaml:"amount"` // or of the whole
}

type percentageDoc struct {
	Rate     quoted         `yaml:"rate"`
	Of       quoted         `yaml:"of"`
	Min      quoted         `yaml:"min"` // the line itself is at least and at most so much
	Max      quoted         `yaml:"max"`
	Cap      *capDoc        `yaml:"cap"`
	Rounding money.Rounding `yaml:"rounding"`
}

// capDoc takes what is over a limit off again, as a line of its own.
type capDoc struct {
	At    quoted `yaml:"at"`
	Code  string `yaml:"code"`
	Label names  `yaml:"label"`
}

// ordinalDoc charges the first, the second, … of a number of people each at its own share of a base.
type ordinalDoc struct {
	Count    quoted         `yaml:"count"`
	After    quoted         `yaml:"after"` // how many were counted before: the next is the first of this quote
	Base     quoted         `yaml:"base"`
	Shares   []quoted       `yaml:"shares"`
	Then     quoted         `yaml:"then"` // the share of all further ones
	Rounding money.Rounding `yaml:"rounding"`
}

// discountDoc takes a share of an amount, or an amount, off.
type discountDoc struct {
	Rate     quoted         `yaml:"rate"`
	Of       quoted         `yaml:"of"`
	Amount   quoted         `yaml:"amount"`
	Max      quoted         `yaml:"max"`
	Rounding money.Rounding `yaml:"rounding"`
}

// perDayDoc charges a rate for each day counted between two dates.
type perDayDoc struct {
	Rate     quoted         `yaml:"rate"`
	Of       quoted         `yaml:"of"`
	From     string         `yaml:"from"`
	Moves    string         `yaml:"moves"` // `next_working_day`: what From becomes when it is a day off
	To       string         `yaml:"to"`
	Count    string         `yaml:"count"`
	Rounding money.Rounding `yaml:"rounding"`
}

// splitDoc shares an amount among several, a line each; exactly one takes what the others leave.
type splitDoc struct {
	Of       quoted         `yaml:"of"`
	Rounding money.Rounding `yaml:"rounding"`
	Parts    []partDoc      `yaml:"parts"`
}

type partDoc struct {
	Code   string `yaml:"code"`
	Charge string `yaml:"charge"` // instead of the component's
	Label  names  `yaml:"label"`  // instead of the rule's
	Share  quoted `yaml:"share"`
	Within quoted `yaml:"within"` // the share is one of this share, which is rounded first
	Rest   bool   `yaml:"rest"`
}

// instalmentsDoc gives one of several payments of an amount: the first is a share, the others equal parts of the rest.
type instalmentsDoc struct {
	Of       quoted         `yaml:"of"`
	Number   string         `yaml:"number"` // the int input that says which payment this is
	Count    string         `yaml:"count"`  // and of how many
	First    quoted         `yaml:"first"`  // the share of the first
	Rounding money.Rounding `yaml:"rounding"`
}

// exampleDoc is a worked case that the loader runs.
type exampleDoc struct {
	Why     string        `yaml:"why"`
	On      dated         `yaml:"on"`
	Inputs  inputsDoc     `yaml:"inputs"`
	Lines   []exampleLine `yaml:"lines"`
	Total   quoted        `yaml:"total"`
	Refused string        `yaml:"refused"` // a part of the act that the refusal must name
	Invalid string        `yaml:"invalid"` // the field that the refusal must name
}

type exampleLine struct {
	Code   string `yaml:"code"`
	Amount quoted `yaml:"amount"`
}

// parameterDoc is one file of parameters/.
type parameterDoc struct {
	Parameter string             `yaml:"parameter"`
	Name      names              `yaml:"name"`
	Key       names              `yaml:"key"` // what the values depend on: province, zone, …
	Versions  []parameterVersion `yaml:"versions"`
}

type parameterVersion struct {
	Version   wording      `yaml:"version"`
	From      dated        `yaml:"from"`
	To        dated        `yaml:"to"`
	Value     quoted       `yaml:"value"`
	Values    []keyedValue `yaml:"values"`
	Otherwise *keyedValue  `yaml:"otherwise"` // for the keys that `values` does not name
	Unknown   wording      `yaml:"unknown"`
	Act       wording      `yaml:"act"`
	Mark      evidence     `yaml:",inline"`
}

// keyedValue is the value for some keys, with a basis of its own where it differs from the version's.
type keyedValue struct {
	Keys    []string `yaml:"keys"`
	Value   quoted   `yaml:"value"`
	Unknown wording  `yaml:"unknown"`
	Act     wording  `yaml:"act"`
	Mark    evidence `yaml:",inline"`
}

// quoted is an amount, a rate or an expression. It must stand in quotes: a bare number would have been through
// the YAML reader's idea of numbers, and 0.10 is not a float here.
type quoted string

// UnmarshalYAML takes the text of a quoted scalar.
func (q *quoted) UnmarshalYAML(n ast.Node) error {
	s, ok := n.(*ast.StringNode)
	if !ok {
		return misplacedAt(n, "%.80s must stand in quotes", n)
	}
	*q = quoted(s.Value)
	return nil
}

// dated is a day in the form YYYY-MM-DD.
type dated struct{ calendar.Date }

// UnmarshalYAML takes the text of a scalar.
func (d *dated) UnmarshalYAML(n ast.Node) error {
	text, _ := n.(ast.ScalarNode)
	if text == nil {
		return misplacedAt(n, "a date in the form YYYY-MM-DD is needed here")
	}
	var err error
	if d.Date, err = calendar.ParseDate(textOf(text)); err != nil {
		return misplacedAt(n, "%v", err)
	}
	return nil
}

// inputsDoc is the inputs of an example, kept as the JSON a caller would send.
type inputsDoc []byte

// UnmarshalYAML turns the mapping into JSON text.
func (i *inputsDoc) UnmarshalYAML(n ast.Node) error {
	text, err := json.Marshal(sent(n))
	if err != nil {
		return misplacedAt(n, "the inputs cannot be read: %s", located(err).reason)
	}
	*i = text
	return nil
}

// sent is YAML as it can be sent as JSON: a number as it is written, for it must not go through a float.
func sent(n ast.Node) any {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		out := map[string]any{}
		for _, pair := range pairsOf(n) {
			out[pair.Key.GetToken().Value] = sent(pair.Value)
		}
		return out
	case *ast.SequenceNode:
		out := make([]any, len(n.Values))
		for i, value := range n.Values {
			out[i] = sent(value)
		}
		return out
	case *ast.StringNode, *ast.LiteralNode:
		return textOf(n.(ast.ScalarNode))
	case *ast.BoolNode:
		return n.Value
	case *ast.NullNode:
		return nil
	}
	return json.Number(n.GetToken().Value)
}
