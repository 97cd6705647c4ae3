package fee

import (
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"exchequer/internal/calendar"
)

// Most conditions compare an input with a constant, and most amounts add or multiply a few numbers. CEL checks them
// all when a schedule is loaded; those made of nothing else then run without it, several times faster. Whatever is not
// plain stays with CEL, and a test holds the two to the same answers.

// yesNo is a plain condition, figured a plain amount.
type (
	yesNo   func(r *run) (bool, error)
	figured func(r *run) (number, error)
)

// plainly makes plain functions of a checked expression.
type plainly struct {
	language *language
	checked  *ast.AST
}

// condition gives nil for what is not plain.
func (p plainly) condition(e ast.Expr) yesNo {
	switch e.Kind() {
	case ast.IdentKind:
		return p.flag(e.AsIdent())
	case ast.CallKind:
	default:
		return nil
	}
	args := e.AsCall().Args()
	switch name := e.AsCall().FunctionName(); name {
	case operators.LogicalNot:
		if of := p.condition(args[0]); of != nil {
			return func(r *run) (bool, error) {
				yes, err := of(r)
				return !yes && err == nil, err
			}
		}
	case operators.LogicalAnd, operators.LogicalOr:
		return p.joined(args[0], args[1], name == operators.LogicalOr)
	case operators.In:
		return p.among(args[0], args[1])
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return p.compared(name, args[0], args[1])
	}
	return nil
}

// flag is a bool input, or whether an input was sent.
func (p plainly) flag(name string) yesNo {
	if of, ok := strings.CutPrefix(name, givenPrefix); ok {
		slot := p.language.slots[of]
		return func(r *run) (bool, error) { return r.slots[slot].given, nil }
	}
	slot, ok := p.language.slots[name]
	if !ok || p.language.kinds[slot] != kindBool {
		return nil
	}
	return func(r *run) (bool, error) {
		v, err := r.value(slot)
		if err != nil {
			return false, err
		}
		return v.yes, nil
	}
}

// joined is && or ||: as in CEL a side that cannot be told does not matter where the other one decides.
func (p plainly) joined(left, right ast.Expr, decides bool) yesNo {
	a, b := p.condition(left), p.condition(right)
	if a == nil || b == nil {
		return nil
	}
	return func(r *run) (bool, error) {
		first, fault := a(r)
		if fault == nil && first == decides {
			return decides, nil
		}
		second, err := b(r)
		switch {
		case err == nil && second == decides:
			return decides, nil
		case fault != nil:
			return false, fault
		}
		return err == nil && second, err
	}
}

// among is an enum in a list of constants.
func (p plainly) among(of, list ast.Expr) yesNo {
	slot, ok := p.variable(of, kindEnum)
	if !ok || list.Kind() != ast.ListKind {
		return nil
	}
	var texts []string
	for _, e := range list.AsList().Elements() {
		text, ok := literal[types.String](e)
		if !ok {
			return nil
		}
		texts = append(texts, string(text))
	}
	return func(r *run) (bool, error) {
		v, err := r.value(slot)
		if err != nil {
			return false, err
		}
		for _, text := range texts {
			if v.text == text {
				return true, nil
			}
		}
		return false, nil
	}
}

func (p plainly) variable(e ast.Expr, kind valueKind) (int, bool) {
	if e.Kind() != ast.IdentKind {
		return 0, false
	}
	slot, ok := p.language.slots[e.AsIdent()]
	return slot, ok && p.language.kinds[slot] == kind
}

// compared compares two numbers, two dates, or an enum with a constant.
func (p plainly) compared(sign string, left, right ast.Expr) yesNo {
	verdict := map[string]func(int) bool{
		operators.Equals: func(c int) bool { return c == 0 }, operators.NotEquals: func(c int) bool { return c != 0 },
		operators.Less: func(c int) bool { return c < 0 }, operators.LessEquals: func(c int) bool { return c <= 0 },
		operators.Greater: func(c int) bool { return c > 0 }, operators.GreaterEquals: func(c int) bool { return c >= 0 },
	}[sign]
	if a, b := p.number(left), p.number(right); a != nil && b != nil {
		return func(r *run) (bool, error) {
			x, err := a(r)
			if err != nil {
				return false, err
			}
			y, err := b(r)
			return err == nil && verdict(x.compare(y)), err
		}
	}
	if a, b := p.date(left), p.date(right); a != nil && b != nil {
		return func(r *run) (bool, error) {
			x, err := a(r)
			if err != nil {
				return false, err
			}
			y, err := b(r)
			return err == nil && verdict(x.Compare(y)), err
		}
	}
	slot, ok := p.variable(left, kindEnum)
	text, constant := literal[types.String](right)
	if !ok || !constant {
		return nil
	}
	return func(r *run) (bool, error) {
		v, err := r.value(slot)
		if err != nil {
			return false, err
		}
		return verdict(strings.Compare(v.text, string(text))), nil
	}
}

// date is a date variable or constant, nil for anything else.
func (p plainly) date(e ast.Expr) func(r *run) (calendar.Date, error) {
	if e.Kind() == ast.IdentKind && e.AsIdent() == requestDay {
		return func(r *run) (calendar.Date, error) {
			r.today = true
			return r.on, nil
		}
	}
	if slot, ok := p.variable(e, kindDate); ok {
		return func(r *run) (calendar.Date, error) { return r.date(slot) }
	}
	text, ok := constantOf(e, "date")
	d, err := calendar.ParseDate(text)
	if !ok || err != nil {
		return nil
	}
	return func(*run) (calendar.Date, error) { return d, nil }
}

// constantOf gives the text in dec("…") or date("…").
func constantOf(e ast.Expr, function string) (string, bool) {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != function {
		return "", false
	}
	text, ok := literal[types.String](e.AsCall().Args()[0])
	return string(text), ok
}

// number gives a sum, a product, a variable or a constant, nil for anything else. An int compares as the number it is.
func (p plainly) number(e ast.Expr) figured {
	if n, ok := literal[types.Int](e); ok {
		return func(*run) (number, error) { return whole(int64(n)), nil }
	}
	if text, ok := constantOf(e, "dec"); ok {
		n, err := parseNumber(text)
		return func(*run) (number, error) { return n, err }
	}
	slot, ok := p.variable(e, kindDecimal)
	if !ok {
		slot, ok = p.variable(e, kindInt)
	}
	if ok {
		return func(r *run) (number, error) {
			v, err := r.value(slot)
			if err != nil {
				return number{}, err
			}
			return v.dec, nil
		}
	}
	// Ints have CEL's own arithmetic, with an end: it stays there.
	if e.Kind() != ast.CallKind || !p.checked.GetType(e.ID()).IsExactType(decimalType) {
		return nil
	}
	return p.worked(e.AsCall())
}

// worked is arithmetic on decimals.
func (p plainly) worked(call ast.CallExpr) figured {
	args := call.Args()
	op, ok := map[string]func(a, b number) number{
		operators.Add: number.plus, operators.Subtract: number.minus, operators.Multiply: number.times,
	}[call.FunctionName()]
	switch {
	case call.FunctionName() == "dec":
		return p.number(args[0]) // of an int
	case !ok:
		return nil
	}
	a, b := p.number(args[0]), p.number(args[1])
	if a == nil || b == nil {
		return nil
	}
	return func(r *run) (number, error) {
		x, err := a(r)
		if err != nil {
			return number{}, err
		}
		y, err := b(r)
		if err != nil {
			return number{}, err
		}
		return op(x, y), nil
	}
}
