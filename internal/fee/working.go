package fee

import (
	"cmp"
	"fmt"
	"slices"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// working is how an expression comes to its number, for the steps of a line: sums and products of single values, each
// called by the words of its input, parameter or component.
type working struct {
	sign        string // between the two sides; empty for a single value
	left, right *working

	value figured
	slot  int   // of a variable; none
	from  []int // slots of the inputs that a value which is no variable was chosen or worked out from
}

var signs = map[string]string{operators.Add: " + ", operators.Subtract: " − ", operators.Multiply: " × "}

// maxTold is how many values the working of one expression may name: nobody follows more, and they are said with each case.
const maxTold = 20

// toldOf gives the working of an expression, nil where it is too long to be told.
func (l *language) toldOf(checked *ast.AST) (*working, error) {
	w, err := l.working(checked, checked.Expr())
	if err != nil || w.named() > maxTold {
		return nil, err
	}
	return w, nil
}

func (w *working) named() int {
	if w.sign == "" {
		return max(1, len(w.from))
	}
	return w.left.named() + w.right.named()
}

// working takes a checked expression apart. A choice, a quotient and all else without such a form is a single value.
func (l *language) working(checked *ast.AST, e ast.Expr) (*working, error) {
	if e.Kind() != ast.CallKind {
		return l.single(checked, e)
	}
	call := e.AsCall()
	if _, constant := constantOf(e, "dec"); call.FunctionName() == "dec" && !constant {
		return l.working(checked, call.Args()[0])
	}
	sign := signs[call.FunctionName()]
	if sign == "" {
		return l.single(checked, e)
	}
	left, err := l.working(checked, call.Args()[0])
	if err != nil {
		return nil, err
	}
	right, err := l.working(checked, call.Args()[1])
	return &working{sign: sign, left: left, right: right}, err
}

func (l *language) single(checked *ast.AST, e ast.Expr) (*working, error) {
	w := &working{value: plainly{l, checked}.number(e), slot: none}
	if e.Kind() == ast.IdentKind {
		w.slot = l.slots[e.AsIdent()]
		return w, nil
	}
	ast.PostOrderVisit(e, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.IdentKind {
			return
		}
		slot, ok := l.slots[e.AsIdent()]
		if number := ok && (l.kinds[slot] == kindInt || l.kinds[slot] == kindDecimal); number && !slices.Contains(w.from, slot) {
			w.from = append(w.from, slot)
		}
	}))
	if w.value != nil {
		return w, nil
	}
	program, err := l.env.PlanProgram(ast.NewCheckedAST(ast.NewAST(e, checked.SourceInfo()), checked.TypeMap(), checked.ReferenceMap()), cel.CostLimit(maxCost))
	if err != nil {
		return nil, fmt.Errorf("a part of the expression cannot be run: %w", err)
	}
	w.value = func(r *run) (number, error) {
		out, err := r.eval(program)
		if n, whole := out.(types.Int); whole {
			return number{coef: int64(n)}, err
		}
		n, _ := out.(number)
		return n, err
	}
	return w, nil
}

// told gives the number as `in` does and says how an expression came to it; of a value alone there is nothing to say.
func (a *amount) told(r *run) (number, error) {
	n, err := a.in(r)
	if err != nil || a.working == nil {
		return n, err
	}
	w, result := a.working.without(r), figure(n)
	if w.sign == "" {
		return n, nil
	}
	if a.isRate {
		result = share(n)
	}
	text, err := w.text(r)
	r.say(workingForm, phrase(text), result)
	return n, err
}

var workingForm = forms("{0} = {1}", "{0} = {1}")

// without leaves out the components of a sum that charged nothing: they are other cases.
func (w *working) without(r *run) *working {
	switch {
	case w.sign != signs[operators.Add]:
		return w
	case w.left.isNothing(r):
		return w.right.without(r)
	case w.right.isNothing(r):
		return w.left.without(r)
	}
	return &working{sign: w.sign, left: w.left.without(r), right: w.right}
}

func (w *working) isNothing(r *run) bool {
	sum := w.sign == "" && w.slot >= len(r.tariff.inputs)+len(r.tariff.uses)
	return sum && r.slots[w.slot].dec.isZero()
}

// text writes the working, with brackets where a side would otherwise read as part of another.
func (w *working) text(r *run) (Text, error) {
	if w.sign == "" {
		return w.singleText(r)
	}
	left, err := w.left.text(r)
	if err != nil {
		return Text{}, err
	}
	right, err := w.right.text(r)
	if times := signs[operators.Multiply]; w.sign == times && w.left.sign != times {
		left = w.left.bracketed(left)
	}
	if w.sign != signs[operators.Add] {
		right = w.right.bracketed(right)
	}
	return Text{left.Vi + w.sign + right.Vi, left.En + w.sign + right.En}, err
}

func (w *working) bracketed(t Text) Text {
	if w.sign == "" {
		return t
	}
	return Text{"(" + t.Vi + ")", "(" + t.En + ")"}
}

// singleText writes a value and what it is, or the inputs it follows from.
func (w *working) singleText(r *run) (Text, error) {
	n, err := w.value(r)
	if err != nil {
		return Text{}, err
	}
	t := r.tariff
	switch {
	case w.slot >= len(t.inputs) && w.slot < len(t.inputs)+len(t.uses):
		return said("%s (%s)", "%s (%s)", share(n).both(), t.called(w.slot)), nil
	case w.slot != none:
		return said("%s (%s)", "%s (%s)", figure(n).both(), t.called(w.slot)), nil
	}
	out, between := figure(n).both(), Text{" (theo ", " (by "}
	for _, slot := range w.from {
		if r.had(slot) {
			out = said("%s%s%s %s", "%s%s%s %s", out, between, t.called(slot), figure(r.slots[slot].dec).both())
			between = Text{"; ", "; "}
		}
	}
	if between.En != "; " { // a constant, or a choice of constants
		return share(n).both(), nil
	}
	return said("%s)", "%s)", out), nil
}

// had reports whether a value was there for the line at work. The side of a choice that was not taken may name an input that
// was not sent, or a parameter that is not on file: telling how must not ask for it.
func (r *run) had(slot int) bool {
	use := slot - len(r.tariff.inputs)
	ofParameter := use >= 0 && use < len(r.tariff.uses)
	return r.slots[slot].set && (!ofParameter || r.used&(1<<use) != 0)
}

// called gives the words for a variable: an input's label, a parameter's name, a component's label.
func (t *tariff) called(slot int) Text {
	switch inputs := len(t.inputs); {
	case slot >= inputs+len(t.uses):
		return t.components[slot-inputs-len(t.uses)].called()
	case slot >= inputs:
		return t.uses[slot-inputs].parameter.title
	}
	in := &t.inputs[slot]
	return cmp.Or(Text(in.label), Text{in.name, in.name})
}

// both writes a number as each language does.
func (t term) both() Text {
	return Text{string(t.append(nil, vietnamese)), string(t.append(nil, english))}
}
