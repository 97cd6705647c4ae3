package fee

import (
	"fmt"
	"strconv"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/shopspring/decimal"

	"exchequer/internal/calendar"
	"exchequer/internal/money"
)

// valueKind is the type of an input, a parameter or a component's sum.
type valueKind byte

const (
	kindDecimal valueKind = iota + 1
	kindInt
	kindDate
	kindEnum
	kindBool
)

var kindNames = map[string]valueKind{
	"decimal": kindDecimal, "int": kindInt, "date": kindDate, "enum": kindEnum, "bool": kindBool,
}

// String gives the name the kind has in schedules.
func (k valueKind) String() string {
	for name, kind := range kindNames {
		if kind == k {
			return name
		}
	}
	return "none"
}

func (k valueKind) celType() *cel.Type {
	return [...]*cel.Type{nil, decimalType, cel.IntType, dateType, cel.StringType, cel.BoolType}[k]
}

// variable is a name of the language and its type.
type variable struct {
	name string
	kind valueKind
}

// value is what stands in a slot of a run. An int is kept as a decimal too, so that a quantity may be either.
type value struct {
	set   bool // there is a value
	given bool // the caller sent it
	kind  valueKind
	dec   decimal.Decimal
	date  calendar.Date
	text  string
	yes   bool
}

func (v *value) cel() ref.Val {
	switch v.kind {
	case kindDecimal:
		return number{v.dec}
	case kindInt:
		return types.Int(v.dec.IntPart())
	case kindDate:
		return day{v.date}
	case kindEnum:
		return types.String(v.text)
	}
	return types.Bool(v.yes)
}

// equals compares two values of one input.
func (v *value) equals(o *value) bool {
	return v.dec.Equal(o.dec) && v.date == o.date && v.text == o.text && v.yes == o.yes
}

// sizes tells CEL's cost estimate that no text of ours is long: an enum's values are short.
type sizes struct{}

// EstimateSize bounds every text.
func (sizes) EstimateSize(cost.AstNode) *cost.SizeEstimate {
	return &cost.SizeEstimate{Min: 0, Max: 64}
}

// EstimateCallCost leaves the standard estimate in place.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// The limits of a decimal in text: more digits than any amount, quantity or rate needs, few enough that no exponent
// can make the arithmetic slow.
const (
	maxDecimalText   = 40
	maxDecimalPlaces = 12
)

// maxInput is the largest decimal an input may be.
var maxInput = decimal.NewFromInt(money.MaxAmount)

// parseDecimal reads a decimal exactly.
func parseDecimal(text string) (decimal.Decimal, error) {
	if len(text) > maxDecimalText {
		return decimal.Decimal{}, fmt.Errorf("the number has more than %d characters", maxDecimalText)
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return decimal.Decimal{}, fmt.Errorf("%q is not a decimal number", text)
	}
	if _, ok := small(d); ok {
		return d, nil
	}
	// The exponent is looked at before any comparison: 1e999999999 is short to write and endless to expand.
	if e := d.Exponent(); e > 18 || e < -18 {
		return decimal.Decimal{}, fmt.Errorf("%q is out of range", text)
	}
	if d.Abs().GreaterThan(maxInput) {
		return decimal.Decimal{}, fmt.Errorf("%q is over the limit of 10^15", text)
	}
	if !d.Equal(d.Truncate(maxDecimalPlaces)) {
		return decimal.Decimal{}, fmt.Errorf("%q has more than %d decimal places", text, maxDecimalPlaces)
	}
	return d, nil
}

// small gives a decimal as an int64 where it is written as a whole number of at most 15 digits. Nearly all are, and
// what is small needs no further look at its size, its places or its rounding.
func small(d decimal.Decimal) (int64, bool) {
	if d.Exponent() != 0 || d.NumDigits() > 15 {
		return 0, false
	}
	return d.CoefficientInt64(), true
}

// text writes a decimal for the steps of a quote.
func text(d decimal.Decimal) string {
	if n, ok := small(d); ok {
		return strconv.FormatInt(n, 10)
	}
	return d.String()
}

// amount is a decimal that a rule needs: a constant, a variable, or an expression. The first two are by far the most
// common and skip CEL.
type amount struct {
	text    string
	fixed   decimal.Decimal
	slot    int // of a bare variable
	program cel.Program
	how     amountKind
}

type amountKind byte

const (
	amountFixed amountKind = iota + 1
	amountSlot
	amountProgram
)

// amount compiles a decimal of the schedule. An int variable may stand alone as a quantity; within an expression it
// must become a decimal by dec().
func (l *language) amount(text quoted) (*amount, error) {
	if text == "" {
		return nil, nil
	}
	a := &amount{text: string(text)}
	if d, err := parseDecimal(a.text); err == nil {
		a.fixed, a.how = d, amountFixed
		return a, nil
	}
	if slot, ok := l.slots[a.text]; ok {
		if k := l.kinds[slot]; k != kindDecimal && k != kindInt {
			return nil, fmt.Errorf("%q is no number", a.text)
		}
		a.slot, a.how = slot, amountSlot
		return a, nil
	}
	program, err := l.compile(a.text, decimalType)
	if err != nil {
		return nil, err
	}
	a.program, a.how = program, amountProgram
	return a, nil
}

func (a *amount) in(r *run) (decimal.Decimal, error) {
	switch a.how {
	case amountFixed:
		return a.fixed, nil
	case amountSlot:
		v, err := r.value(a.slot)
		if err != nil {
			return decimal.Decimal{}, err
		}
		return v.dec, nil
	}
	out, err := r.eval(a.program)
	if err != nil {
		return decimal.Decimal{}, err
	}
	n, ok := out.(number)
	if !ok {
		return decimal.Decimal{}, fmt.Errorf("%q gave no decimal", a.text)
	}
	return n.Decimal, nil
}
