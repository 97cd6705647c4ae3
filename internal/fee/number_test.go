package fee

import (
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"exchequer/internal/money"
)

// drawnNumber is a number of any size, short or long, and the library's decimal of the same value.
func drawnNumber(t *rapid.T, name string) (number, decimal.Decimal) {
	coef := rapid.OneOf(rapid.Int64Range(-1000, 1000), rapid.Int64(),
		rapid.Map(rapid.Int64Range(-1000, 1000), func(n int64) int64 { return n * 1_000_000_000_000_000 })).Draw(t, name)
	d := decimal.New(coef, -rapid.Int32Range(-3, 20).Draw(t, name+" places"))
	return numberOf(d), d
}

// TestTheShortFormIsExact: whole đồng and rates are worked out in int64, and give what the decimals give.
func TestTheShortFormIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, x := drawnNumber(t, "a")
		b, y := drawnNumber(t, "b")
		for name, pair := range map[string][2]decimal.Decimal{
			"itself":  {a.decimal(), x},
			"plus":    {a.plus(b).decimal(), x.Add(y)},
			"minus":   {a.minus(b).decimal(), x.Sub(y)},
			"times":   {a.times(b).decimal(), x.Mul(y)},
			"negated": {a.negated().decimal(), x.Neg()},
		} {
			if !pair[0].Equal(pair[1]) {
				t.Fatalf("%s of %s and %s: got %s, want %s", name, x, y, pair[0], pair[1])
			}
		}
		if a.compare(b) != x.Cmp(y) || a.less(b) != x.LessThan(y) || a.isZero() != x.IsZero() || a.isWhole() != x.IsInteger() ||
			a.overLimit() != x.Abs().GreaterThan(maxInput) {
			t.Fatalf("%s and %s compare otherwise", x, y)
		}
		if a.big == nil && a.scale > 0 && a.coef%10 == 0 {
			t.Fatalf("%s is not in its shortest form", x)
		}
	})
}

func TestTheShortFormRoundsAsTheDecimalsDo(t *testing.T) {
	modes := []money.Rounding{money.Exact, money.HalfUp, money.HalfEven, money.Down, money.Up, "nearest"}
	rapid.Check(t, func(t *rapid.T) {
		a, x := drawnNumber(t, "a")
		mode := rapid.SampledFrom(modes).Draw(t, "mode")
		got, fault := a.rounded(mode)
		want, err := mode.Whole(x)
		if (fault == nil) != (err == nil) || err == nil && got != want {
			t.Fatalf("%s of %s: got %d, %v; want %d, %v", mode, x, got, fault, want, err)
		}
		b := rapid.Int64Range(1, 1_000_000).Draw(t, "b")
		n := whole(rapid.OneOf(rapid.Int64Range(-1000, 1000), rapid.Int64()).Draw(t, "n"))
		quick, fault := n.dividedBy(whole(b), 0, mode)
		n = number{big: new(n.decimal())} // the long form takes the decimals' way
		slow, err := n.dividedBy(whole(b), 0, mode)
		if (fault == nil) != (err == nil) || err == nil && quick.compare(slow) != 0 {
			t.Fatalf("%s / %d by %s: got %s, %v; want %s, %v", n, b, mode, quick, fault, slow, err)
		}
	})
}

func TestNumbersAreWrittenAsPeopleDo(t *testing.T) {
	for text, want := range map[string][2]string{
		"0": {"0", "0"}, "999": {"999", "999"}, "1000": {"1.000", "1,000"}, "-1234567": {"-1.234.567", "-1,234,567"},
		"0.05": {"0,05", "0.05"}, "12345.678": {"12.345,678", "12,345.678"}, "-0.5": {"-0,5", "-0.5"},
		"1234567890123.123456789012": {"1.234.567.890.123,123456789012", "1,234,567,890,123.123456789012"}, // the long form
	} {
		n := numberOf(decimal.RequireFromString(text))
		if vi, en := string(vietnamese.append(nil, n)), string(english.append(nil, n)); vi != want[0] || en != want[1] {
			t.Errorf("%s: got %s and %s", text, vi, en)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n, d := drawnNumber(t, "n")
		if plain := strings.ReplaceAll(string(english.append(nil, n)), ",", ""); plain != d.String() {
			got, err := decimal.NewFromString(plain)
			if err != nil || !got.Equal(d) {
				t.Fatalf("%s is written %s", d, plain)
			}
		}
	})
}
