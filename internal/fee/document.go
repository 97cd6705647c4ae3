package fee

import (
	"fmt"

	"github.com/goccy/go-yaml"
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
	Type        string   `yaml:"type"` // decimal, int, date, enum, bool
	Aliases     []string `yaml:"aliases"`
	Required    bool     `yaml:"required"`
	Default     quoted   `yaml:"default"`
	DefaultFrom string   `yaml:"default_from"` // `date`, the request's date, or an earlier input
	Min         quoted   `yaml:"min"`
	Max         quoted   `yaml:"max"`
	Places      int32    `yaml:"places"` // decimal places allowed in a decimal
	Values      []string `yaml:"values"` // of an enum
}

// useDoc brings a shared parameter in under a name, in the version of a date.
type useDoc struct {
	Name      string `yaml:"name"`
	Parameter string `yaml:"parameter"`
	By        string `yaml:"by"`
}

// checkDoc is a condition over the inputs; where it does not hold the request is Invalid at the field.
type checkDoc struct {
	That  string `yaml:"that"`
	Field string `yaml:"field"`
	Say   string `yaml:"say"`
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
	Act      string         `yaml:"act"`
	Mark     evidence       `yaml:",inline"`
}

// versionDoc is what the law says from a day on: until the day before the next version, or until To.
type versionDoc struct {
	Version string        `yaml:"version"`
	From    calendar.Date `yaml:"from"`
	To      calendar.Date `yaml:"to"`
	Act     string        `yaml:"act"`
	Unknown string        `yaml:"unknown"` // why no amount is known: the request is refused
	Mark    evidence      `yaml:",inline"`
	Rules   []ruleDoc     `yaml:"rules"`
}

// ruleDoc is one way to an amount; of a version's rules the first that applies decides. It has exactly one kind.
type ruleDoc struct {
	Rule    string            `yaml:"rule"`
	Is      map[string]string `yaml:"is"` // enum inputs and the value each must have
	When    string            `yaml:"when"`
	Act     string            `yaml:"act"`     // instead of the version's
	Article string            `yaml:"article"` // added to the version's act
	Mark    evidence          `yaml:",inline"`

	Fixed      quoted         `yaml:"fixed"`
	Exempt     bool           `yaml:"exempt"`
	Midpoint   []quoted       `yaml:"midpoint"` // of a range, both ends given
	PerUnit    *perUnitDoc    `yaml:"per_unit"`
	Graduated  *graduatedDoc  `yaml:"graduated"`
	Percentage *percentageDoc `yaml:"percentage"`
	Discount   *percentageDoc `yaml:"discount"`
	PerDay     *perDayDoc     `yaml:"per_day"`
	Unknown    string         `yaml:"unknown"`
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

type percentageDoc struct {
	Rate     quoted         `yaml:"rate"`
	Of       quoted         `yaml:"of"`
	Min      quoted         `yaml:"min"`
	Max      quoted         `yaml:"max"`
	Rounding money.Rounding `yaml:"rounding"`
}

// perDayDoc charges a rate for each day counted between two dates.
type perDayDoc struct {
	Rate     quoted         `yaml:"rate"`
	Of       quoted         `yaml:"of"`
	From     string         `yaml:"from"`
	To       string         `yaml:"to"`
	Count    string         `yaml:"count"`
	Rounding money.Rounding `yaml:"rounding"`
}

// exampleDoc is a worked case that the loader runs.
type exampleDoc struct {
	Why     string        `yaml:"why"`
	On      calendar.Date `yaml:"on"`
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
	Versions  []parameterVersion `yaml:"versions"`
}

type parameterVersion struct {
	Version string        `yaml:"version"`
	From    calendar.Date `yaml:"from"`
	To      calendar.Date `yaml:"to"`
	Value   quoted        `yaml:"value"`
	Unknown string        `yaml:"unknown"`
	Act     string        `yaml:"act"`
	Mark    evidence      `yaml:",inline"`
}

// quoted is an amount, a rate or an expression. It must stand in quotes: a bare number would have been through
// the YAML reader's idea of numbers, and 0.10 is not a float here.
type quoted string

// UnmarshalYAML takes the text of a quoted scalar.
func (q *quoted) UnmarshalYAML(n ast.Node) error {
	s, ok := n.(*ast.StringNode)
	if !ok {
		return fmt.Errorf("line %d: %s must stand in quotes", n.GetToken().Position.Line, n.String())
	}
	*q = quoted(s.Value)
	return nil
}

// inputsDoc is the inputs of an example, kept as the JSON a caller would send.
type inputsDoc []byte

// UnmarshalYAML turns the mapping into JSON text.
func (i *inputsDoc) UnmarshalYAML(n ast.Node) error {
	text, err := yaml.YAMLToJSON([]byte(n.String()))
	if err != nil {
		return fmt.Errorf("line %d: the inputs cannot be read: %w", n.GetToken().Position.Line, err)
	}
	*i = text
	return nil
}
