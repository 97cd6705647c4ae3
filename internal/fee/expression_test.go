package fee

import (
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"exchequer/internal/calendar"
	"exchequer/internal/money"
)

// evaluate runs a decimal expression over one decimal x, one int n and one date d; e is an input that was not sent.
func evaluate(t *testing.T, text string) (decimal.Decimal, error) {
	t.Helper()
	l, err := newLanguage([]variable{{name: "x", kind: kindDecimal}, {name: "n", kind: kindInt}, {name: "d", kind: kindDate}, {name: "e", kind: kindDecimal}})
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.amount(quoted(text))
	if err != nil {
		return decimal.Decimal{}, err
	}
	r := &run{slots: make([]value, 4), tariff: &tariff{service: "test", language: l,
		inputs: []input{{name: "x"}, {name: "n"}, {name: "d"}, {name: "e"}}}}
	r.slots[0] = value{set: true, given: true, kind: kindDecimal, dec: short(1, 1)}
	r.slots[1] = value{set: true, given: true, kind: kindInt, dec: whole(3)}
	r.slots[2] = value{set: true, given: true, kind: kindDate, date: calendar.MustDate("2025-06-02")}
	n, err := a.in(r)
	return n.decimal(), err
}

func TestExpressions(t *testing.T) {
	for text, want := range map[string]string{
		`12.50`:                                    "12.5",
		`x`:                                        "0.1",
		`n`:                                        "3",
		`x + dec("0.2")`:                           "0.3", // exactly, which no binary fraction gives
		`x * dec(n) - dec("1")`:                    "-0.7",
		`-x`:                                       "-0.1",
		`div(dec("1"), dec("3"), 4, "half_up")`:    "0.3333",
		`div(dec("2"), dec("3"), 0, "down")`:       "0",
		`div(dec("-2"), dec("3"), 0, "up")`:        "-1",
		`x == dec("0.10") ? dec("1") : dec("2")`:   "1",
		`x >= dec("0.2") ? dec("1") : dec("2")`:    "2",
		`d < date("2025-06-03") ? x : dec("2")`:    "0.1",
		`d == date("2025-06-02") ? x : dec("2")`:   "0.1",
		`given(e) && e > x ? dec("1") : dec("2")`:  "2",
		`!given(e) || e > x ? dec("1") : dec("2")`: "1",
		`given(x) ? dec("1") : dec("2")`:           "1",
	} {
		got, err := evaluate(t, text)
		if err != nil || !got.Equal(decimal.RequireFromString(want)) {
			t.Errorf("%s: got %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestExpressionsThatAreRefused(t *testing.T) {
	for _, text := range []string{
		`x + 1`, `x * 0.5`, `x + n`, `x / x`, `x % x`, `x < 1`, `x == 1`, `d + x`, `d < "2025-06-03"`, `dec(0.5)`, `"1"`, `1.5 + 2.5`, `n + 1`,
		`div(x, x, 20, "up")`, `div(x, x, 2, "nearest")`, `div(x, x, n, "up")`, `dec("1e999999999")`, `d`, `given(1) ? x : x`,
		`e + x`, `div(x, x - x, 2, "up")`, // at run time: a value not sent, and a division by 0
	} {
		if got, err := evaluate(t, text); err == nil {
			t.Errorf("%s: got %s, want an error", text, got)
		}
	}
}

// TestDividedRoundsOnce compares with the definition: the result is within half a unit of a/b, and exact halves go up.
func TestDividedRoundsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := decimal.NewFromInt(rapid.Int64Range(-1_000_000, 1_000_000).Draw(t, "a"))
		b := decimal.NewFromInt(rapid.Int64Range(1, 1000).Draw(t, "b"))
		quotient, err := numberOf(a).dividedBy(numberOf(b), 0, money.HalfUp)
		if err != nil {
			t.Fatal(err)
		}
		got := quotient.decimal()
		two := decimal.NewFromInt(2)
		twice := got.Mul(b).Sub(a).Mul(two) // 2(qb - a): at most b in size, and away from zero when equal
		if twice.Abs().GreaterThan(b) || twice.Abs().Equal(b) && twice.Sign() != a.Sign() {
			t.Fatalf("%s / %s = %s", a, b, got)
		}
	})
	// A quotient just under a half stays under it: no digit that was cut off earlier may carry it over.
	for _, c := range []struct{ a, b, want string }{{"44999999999999999999", "100000000000000000000", "0"}, {"41", "2", "21"}, {"-41", "2", "-21"}} {
		got, err := numberOf(decimal.RequireFromString(c.a)).dividedBy(numberOf(decimal.RequireFromString(c.b)), 0, money.HalfUp)
		if err != nil || got.String() != c.want {
			t.Errorf("%s / %s: got %s, %v; want %s", c.a, c.b, got, err, c.want)
		}
	}
}
