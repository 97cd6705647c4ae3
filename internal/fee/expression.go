package fee

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"exchequer/internal/calendar"
	"exchequer/internal/money"
)

// maxCost bounds an expression, in CEL's cost units: a condition over a dozen inputs costs under 100. What could cost
// more is refused when the schedule is loaded; the same bound stops it at run time should the estimate be wrong.
const maxCost = 1000

// givenPrefix makes given(x) a variable of its own; no input can have such a name.
const givenPrefix = "@given_"

// requestDay is the variable of the quote's date, and the name by which a version or a default is chosen by it.
const requestDay = "date"

// language is CEL as one schedule sees it: its variables, decimals, dates, and no loops.
type language struct {
	env    *cel.Env
	slots  map[string]int
	kinds  []valueKind
	values [][]string // that an enum or a set can have
}

// newLanguage declares the variables. Macros are cleared because comprehensions are the only loops of CEL.
func newLanguage(variables []variable) (*language, error) {
	l := &language{slots: map[string]int{}}
	options := []cel.EnvOption{
		cel.ClearMacros(), cel.Macros(cel.GlobalMacro("given", 1, expandGiven)),
		function("dec", "dec_string", []*cel.Type{cel.StringType}, decimalType, decOfString),
		function("dec", "dec_int", []*cel.Type{cel.IntType}, decimalType, decOfInt),
		function("date", "date_string", []*cel.Type{cel.StringType}, dateType, dateOfString),
		function("div", "div_decimal", []*cel.Type{decimalType, decimalType, cel.IntType, cel.StringType}, decimalType, divide),
		operator(operators.Add, "add_decimal", decimalType, decimalType),
		operator(operators.Subtract, "subtract_decimal", decimalType, decimalType),
		operator(operators.Multiply, "multiply_decimal", decimalType, decimalType),
		cel.Variable(requestDay, dateType),
		cel.Function(operators.Negate, cel.Overload("negate_decimal", []*cel.Type{decimalType}, decimalType)),
	}
	for _, op := range []struct{ sign, word string }{
		{operators.Less, "less"}, {operators.LessEquals, "less_equals"},
		{operators.Greater, "greater"}, {operators.GreaterEquals, "greater_equals"},
	} {
		options = append(options, operator(op.sign, op.word+"_decimal", decimalType, cel.BoolType),
			operator(op.sign, op.word+"_date", dateType, cel.BoolType))
	}
	for i, v := range variables {
		l.slots[v.name] = i
		l.kinds, l.values = append(l.kinds, v.kind), append(l.values, v.values)
		options = append(options, cel.Variable(v.name, v.kind.celType()), cel.Variable(givenPrefix+v.name, cel.BoolType))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		return nil, fmt.Errorf("declaring the variables: %w", err)
	}
	l.env = env
	return l, nil
}

// operator declares an overload without a binding: the standard binding dispatches on the traits of the operand, and
// giving one here would contradict it.
func operator(sign, id string, operand, result *cel.Type) cel.EnvOption {
	return cel.Function(sign, cel.Overload(id, []*cel.Type{operand, operand}, result))
}

func function(name, id string, args []*cel.Type, result *cel.Type, do func(...ref.Val) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.Overload(id, args, result, cel.FunctionBinding(do)))
}

func decOfString(args ...ref.Val) ref.Val {
	n, err := parseNumber(string(args[0].(types.String)))
	if err != nil {
		return types.WrapErr(err)
	}
	return n
}

func decOfInt(args ...ref.Val) ref.Val {
	return whole(int64(args[0].(types.Int)))
}

func dateOfString(args ...ref.Val) ref.Val {
	d, err := calendar.ParseDate(string(args[0].(types.String)))
	if err != nil {
		return types.WrapErr(err)
	}
	return day{d}
}

// divide is the only division of the language: its scale and rounding are said, because most quotients have no end.
// That they are sound was checked when the schedule was loaded.
func divide(args ...ref.Val) ref.Val {
	a, b := args[0].(number), args[1].(number)
	if b.isZero() {
		return types.NewErr("%s is divided by 0", a)
	}
	quotient, err := a.dividedBy(b, int32(args[2].(types.Int)), money.Rounding(args[3].(types.String)))
	if err != nil {
		return types.WrapErr(err)
	}
	return quotient
}

// expandGiven turns given(x) into the variable that says whether the caller sent x.
func expandGiven(help cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *common.Error) {
	if args[0].Kind() != ast.IdentKind {
		return nil, help.NewError(args[0].ID(), "given() takes the name of an input")
	}
	return help.NewIdent(givenPrefix + args[0].AsIdent()), nil
}

// compile checks an expression against the wanted type and its cost, and makes it ready to run.
func (l *language) compile(text string, want *cel.Type) (cel.Program, *ast.AST, error) {
	checked, issues := l.env.Compile(text)
	if issues.Err() != nil {
		var reasons []string
		for _, e := range issues.Errors() {
			reasons = append(reasons, e.Message)
		}
		return nil, nil, fmt.Errorf("%s: %s", shown(text), strings.Join(reasons, "; "))
	}
	if !checked.OutputType().IsExactType(want) {
		return nil, nil, fmt.Errorf("%s gives a %s where a %s is needed", shown(text), checked.OutputType(), want)
	}
	if err := l.literals(checked.NativeRep()); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", shown(text), err)
	}
	estimate, err := l.env.EstimateCost(checked, sizes{})
	if err != nil {
		return nil, nil, fmt.Errorf("%s: estimating its cost: %w", shown(text), err)
	}
	if estimate.Max > maxCost {
		return nil, nil, fmt.Errorf("%s may cost %d units; at most %d are allowed: make it simpler", shown(text), estimate.Max, maxCost)
	}
	program, err := l.env.Program(checked, cel.CostLimit(maxCost), cel.EvalOptions(cel.OptOptimize))
	return program, checked.NativeRep(), err
}

// shown is an expression as a fault quotes it: whole, or the beginning of a long one.
func shown(text string) string {
	if words := []rune(text); len(words) > 120 {
		return strconv.Quote(string(words[:100])) + "…"
	}
	return strconv.Quote(text)
}

// literals holds dec(), date(), div() and the values of inputs to what can be checked now: a schedule must not wait for a
// citizen's case to find out that "one" is no number, and a misspelt value would let another rule decide it.
func (l *language) literals(checked *ast.AST) error {
	var fault error
	ast.PostOrderVisit(checked.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || fault != nil {
			return
		}
		args := e.AsCall().Args()
		switch name := e.AsCall().FunctionName(); name {
		case "dec", "date":
			if checked.GetType(args[0].ID()).Kind() == types.IntKind {
				return // dec() of a whole number
			}
			s, ok := literal[types.String](args[0])
			if !ok {
				fault = fmt.Errorf("%s() takes a literal text", name)
				return
			}
			fault = map[string]func(string) error{"dec": isDecimal, "date": isDate}[name](string(s))
		case "div":
			fault = scaleAndRounding(args[2], args[3])
		case operators.Equals, operators.NotEquals:
			fault = cmp.Or(l.possible(args[0], args[1]), l.possible(args[1], args[0]))
		case operators.In:
			if fault = l.possible(args[1], args[0]); args[1].Kind() == ast.ListKind {
				fault = l.possible(args[0], args[1].AsList().Elements()...)
			}
		}
	}))
	return fault
}

// possible holds texts with which an enum or a set is compared to the values that it can have.
func (l *language) possible(of ast.Expr, texts ...ast.Expr) error {
	if of.Kind() != ast.IdentKind {
		return nil
	}
	slot, ok := l.slots[of.AsIdent()]
	if !ok || len(l.values[slot]) == 0 {
		return nil
	}
	for _, e := range texts {
		if text, constant := literal[types.String](e); constant && !slices.Contains(l.values[slot], string(text)) {
			return fmt.Errorf("%s is never %q: its values are %s", of.AsIdent(), text, strings.Join(l.values[slot], ", "))
		}
	}
	return nil
}

func isDecimal(s string) error {
	_, err := parseNumber(s)
	return err
}

func isDate(s string) error {
	_, err := calendar.ParseDate(s)
	return err
}

func scaleAndRounding(scale, rounding ast.Expr) error {
	places, ok := literal[types.Int](scale)
	mode, named := literal[types.String](rounding)
	if !ok || places < 0 || places > maxDecimalPlaces || !named || mode == "" || !money.Rounding(mode).Valid() {
		return fmt.Errorf("div() needs literals for its scale, 0 to %d places, and for its named rounding", maxDecimalPlaces)
	}
	return nil
}

func literal[T ref.Val](e ast.Expr) (T, bool) {
	if e.Kind() != ast.LiteralKind {
		var none T
		return none, false
	}
	v, ok := e.AsLiteral().(T)
	return v, ok
}

// condition is a compiled yes-or-no expression; nil always holds.
type condition struct {
	plain   yesNo       // without CEL; nil where it is not plain
	program cel.Program // otherwise
}

func (l *language) condition(text string) (*condition, error) {
	if text == "" {
		return nil, nil
	}
	program, checked, err := l.compile(text, cel.BoolType)
	if err != nil {
		return nil, err
	}
	if plain := (plainly{l, checked}).condition(checked.Expr()); plain != nil {
		return &condition{plain: plain}, nil
	}
	return &condition{program: program}, nil
}

func (c *condition) holds(r *run) (bool, error) {
	if c == nil {
		return true, nil
	}
	if c.plain != nil {
		return c.plain(r)
	}
	out, err := r.eval(c.program)
	if err != nil {
		return false, err
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, errors.New("a condition gave no yes or no")
	}
	return bool(b), nil
}
