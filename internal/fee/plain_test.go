package fee

import (
	"testing"

	"cel.dev/cel-go/cel"
	"pgregory.net/rapid"

	"exchequer/internal/calendar"
)

// drawn is an expression made of random parts, and whether it is a condition or a decimal.
func drawnCondition(t *rapid.T, depth int) string {
	if depth == 0 || rapid.Bool().Draw(t, "leaf") {
		sign := rapid.SampledFrom([]string{"==", "!=", "<", "<=", ">", ">="}).Draw(t, "sign")
		switch rapid.IntRange(0, 7).Draw(t, "kind") {
		case 0:
			return "given(" + rapid.SampledFrom([]string{"x", "n", "d", "e", "b"}).Draw(t, "name") + ")"
		case 1:
			return "b"
		case 2:
			return `e in ["a", "c"]`
		case 3:
			return "d " + sign + ` date("2025-06-02")`
		case 4:
			return "n " + sign + " " + rapid.SampledFrom([]string{"3", "n", "0"}).Draw(t, "int")
		case 5:
			return "e " + sign + ` "b"`
		default:
			return drawnDecimal(t, 2) + " " + sign + " " + drawnDecimal(t, 2)
		}
	}
	switch rapid.IntRange(0, 2).Draw(t, "joint") {
	case 0:
		return "!(" + drawnCondition(t, depth-1) + ")"
	case 1:
		return "(" + drawnCondition(t, depth-1) + " && " + drawnCondition(t, depth-1) + ")"
	}
	return "(" + drawnCondition(t, depth-1) + " || " + drawnCondition(t, depth-1) + ")"
}

func drawnDecimal(t *rapid.T, depth int) string {
	if depth == 0 || rapid.Bool().Draw(t, "leaf") {
		return rapid.SampledFrom([]string{"x", "dec(n)", `dec("0.1")`, `dec("-3")`, "dec(7)"}).Draw(t, "number")
	}
	return "(" + drawnDecimal(t, depth-1) + rapid.SampledFrom([]string{" + ", " - ", " * "}).Draw(t, "op") + drawnDecimal(t, depth-1) + ")"
}

// drawnRun has values, some of them missing.
func drawnRun(t *rapid.T, l *language) *run {
	r := &run{slots: make([]value, 5), tariff: &tariff{service: "test", language: l,
		inputs: []input{{name: "x"}, {name: "n"}, {name: "d"}, {name: "e"}, {name: "b"}}}}
	values := []value{
		{kind: kindDecimal, dec: short(rapid.Int64Range(-50, 50).Draw(t, "x"), 1)},
		{kind: kindInt, dec: whole(rapid.Int64Range(-1, 4).Draw(t, "n"))},
		{kind: kindDate, date: calendar.NewDate(2025, 6, rapid.IntRange(1, 3).Draw(t, "d"))},
		{kind: kindEnum, text: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "e")},
		{kind: kindBool, yes: rapid.Bool().Draw(t, "b")},
	}
	for i, v := range values {
		if rapid.IntRange(0, 4).Draw(t, "sent") > 0 {
			v.set, v.given = true, rapid.Bool().Draw(t, "given")
			r.slots[i] = v
		}
	}
	return r
}

// TestPlainExpressionsAreThoseOfCEL: what runs without CEL gives CEL's answers, missing values included.
func TestPlainExpressionsAreThoseOfCEL(t *testing.T) {
	l, err := newLanguage([]variable{{name: "x", kind: kindDecimal}, {name: "n", kind: kindInt}, {name: "d", kind: kindDate}, {name: "e", kind: kindEnum}, {name: "b", kind: kindBool}})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		r := drawnRun(t, l)
		text := drawnCondition(t, 3)
		c, err := l.condition(text)
		if err != nil {
			t.Fatal(err)
		}
		if c.plain == nil {
			t.Fatalf("%s is not plain", text)
		}
		got, fault := c.holds(r)
		want, celFault := (&condition{program: compiled(t, l, text, cel.BoolType)}).holds(r)
		if got != want || (fault == nil) != (celFault == nil) {
			t.Fatalf("%s: got %v, %v; CEL has %v, %v", text, got, fault, want, celFault)
		}
		text = drawnDecimal(t, 3) + " + x"
		a, err := l.amount(quoted(text))
		if err != nil {
			t.Fatal(err)
		}
		if a.how != amountPlain {
			t.Fatalf("%s is not plain", text)
		}
		figure, fault := a.in(r)
		a.how, a.program = amountProgram, compiled(t, l, text, decimalType)
		exact, celFault := a.in(r)
		if figure.compare(exact) != 0 || (fault == nil) != (celFault == nil) {
			t.Fatalf("%s: got %s, %v; CEL has %s, %v", text, figure, fault, exact, celFault)
		}
	})
}

func compiled(t *rapid.T, l *language, text string, want *cel.Type) cel.Program {
	program, _, err := l.compile(text, want)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func TestWhatIsNotPlainStaysWithCEL(t *testing.T) {
	l, err := newLanguage([]variable{{name: "x", kind: kindDecimal}, {name: "n", kind: kindInt}})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{`n + 1 > 2`, `n * n > 3`, `-x > dec("1")`, `(n > 1 ? x : dec("2")) > dec("1")`, `n in [1, 2]`,
		`div(x, dec("3"), 2, "up") > dec("1")`} {
		_, checked, err := l.compile(text, cel.BoolType)
		if err != nil {
			t.Fatal(err)
		}
		if (plainly{l, checked}).condition(checked.Expr()) != nil {
			t.Errorf("%s", text)
		}
	}
}
