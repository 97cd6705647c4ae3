package fee

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"exchequer/internal/calendar"
)

// valueKind is the type of an input, a parameter or a component's sum.
type valueKind byte

const (
	kindDecimal valueKind = iota + 1
	kindInt
	kindDate
	kindEnum
	kindBool
	kindSet // of an enum's values, each at most once
)

var kindNames = map[string]valueKind{
	"decimal": kindDecimal, "int": kindInt, "date": kindDate, "enum": kindEnum, "bool": kindBool,
	"set": kindSet,
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
	return [...]*cel.Type{nil, decimalType, cel.IntType, dateType, cel.StringType, cel.BoolType, cel.ListType(cel.StringType)}[k]
}

// variable is a name of the language and its type.
type variable struct {
	name   string
	kind   valueKind
	values []string // of an enum or a set; none where an expression is not held to them
}

// value is what stands in a slot of a run. An int is kept as a decimal too, so that a quantity may be either.
type value struct {
	set   bool // there is a value
	given bool // the caller sent it
	kind  valueKind
	yes   bool
	dec   number
	date  calendar.Date
	text  string
	texts []string // of a set, in the order in which they are declared
}

func (v *value) cel() ref.Val {
	switch v.kind {
	case kindDecimal:
		return v.dec
	case kindInt:
		return types.Int(v.dec.coef)
	case kindDate:
		return day{v.date}
	case kindEnum:
		return types.String(v.text)
	case kindSet:
		return types.NewStringList(types.DefaultTypeAdapter, v.texts)
	}
	return types.Bool(v.yes)
}

// equals compares two values of one input.
func (v *value) equals(o *value) bool {
	return v.dec.compare(o.dec) == 0 && v.date == o.date && v.text == o.text && v.yes == o.yes && slices.Equal(v.texts, o.texts)
}

// written is the value as a caller or a schedule writes it.
func (v *value) written() string {
	switch v.kind {
	case kindDecimal, kindInt:
		return v.dec.String()
	case kindDate:
		return v.date.String()
	case kindSet:
		return strings.Join(v.texts, ",")
	}
	return v.text
}

// sizes tells CEL's cost estimate that no text and no list of ours is long: an enum's values are short and few.
type sizes struct{}

// EstimateSize bounds every text and list.
func (sizes) EstimateSize(cost.AstNode) *cost.SizeEstimate {
	return &cost.SizeEstimate{Min: 0, Max: 64}
}

// EstimateCallCost leaves the standard estimate in place.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// amount is a decimal that a rule needs: a constant, a variable, or an expression. The first two are by far the most
// common and skip CEL.
type amount struct {
	text    string
	fixed   number
	slot    int // of a bare variable
	program cel.Program
	plain   figured // instead of a program, where CEL is not needed
	how     amountKind
	working *working // of an expression
	isRate  bool     // below 1 it is written as a percentage
}

type amountKind byte

const (
	amountFixed amountKind = iota + 1
	amountSlot
	amountProgram
	amountPlain
)

// onlyDigits is what can only be meant as a number, even where it cannot be read as one.
var onlyDigits = regexp.MustCompile(`^-?[0-9][0-9.]*$`)

// amount compiles a decimal of the schedule. An int variable may stand alone as a quantity; within an expression it
// must become a decimal by dec().
func (l *language) amount(text quoted) (*amount, error) {
	if text == "" {
		return nil, nil
	}
	a := &amount{text: string(text)}
	if d, err := parseNumber(a.text); err == nil || onlyDigits.MatchString(a.text) {
		a.fixed, a.how = d, amountFixed
		return a, err
	}
	if slot, ok := l.slots[a.text]; ok {
		if k := l.kinds[slot]; k != kindDecimal && k != kindInt {
			return nil, fmt.Errorf("%q is no number", a.text)
		}
		a.slot, a.how = slot, amountSlot
		return a, nil
	}
	program, checked, err := l.compile(a.text, decimalType)
	if err != nil {
		return nil, err
	}
	a.program, a.how = program, amountProgram
	if plain := (plainly{l, checked}).number(checked.Expr()); plain != nil {
		a.plain, a.program, a.how = plain, nil, amountPlain
	}
	a.working, err = l.toldOf(checked)
	return a, err
}

// constant gives the number of a constant, and 0 for what only a case can tell.
func (a *amount) constant() number {
	if a == nil || a.how != amountFixed {
		return number{}
	}
	return a.fixed
}

// in gives the decimal in a run. What an expression makes is held to the limit of amounts, as inputs, parameters and
// sums are.
func (a *amount) in(r *run) (number, error) {
	switch a.how {
	case amountFixed:
		return a.fixed, nil
	case amountSlot:
		v, err := r.value(a.slot)
		if err != nil {
			return number{}, err
		}
		return v.dec, nil
	case amountPlain:
		n, err := a.plain(r)
		if err != nil {
			return number{}, err
		}
		return limited(n)
	}
	out, err := r.eval(a.program)
	if err != nil {
		return number{}, err
	}
	n, ok := out.(number)
	if !ok {
		return number{}, fmt.Errorf("%q gave no decimal", a.text)
	}
	return limited(n)
}

func limited(n number) (number, error) {
	if n.overLimit() {
		return number{}, tooLarge()
	}
	return n, nil
}
