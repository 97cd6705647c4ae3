package money_test

import (
	"math"
	"testing"

	"github.com/shopspring/decimal"
	"pgregory.net/rapid"

	"exchequer/internal/money"
)

func TestSplit(t *testing.T) {
	for _, c := range []struct {
		name    string
		total   int64
		weights []int64
		want    []int64
	}{
		{"one part", 100_000, []int64{7}, []int64{100_000}},
		{"even", 100, []int64{1, 1}, []int64{50, 50}},
		{"the larger remainder takes the đồng", 100, []int64{1, 2}, []int64{33, 67}},
		{"ties go to the lower index", 100, []int64{1, 1, 1}, []int64{34, 33, 33}},
		{"a part without weight gets nothing", 101, []int64{1, 0, 1}, []int64{51, 0, 50}},
		{"nothing to split", 0, []int64{3, 4}, []int64{0, 0}},
		{"a reversal mirrors its original", -100, []int64{1, 1, 1}, []int64{-34, -33, -33}},
		{"products beyond 64 bits", math.MaxInt64, []int64{math.MaxInt64 - 1, 1}, []int64{math.MaxInt64 - 1, 1}},
		{"the lowest int64", math.MinInt64, []int64{1}, []int64{math.MinInt64}},
		{"certificate of origin 83/17", 60_000, []int64{83, 17}, []int64{49_800, 10_200}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := money.Split(c.total, c.weights)
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.want {
				if got[i] != c.want[i] {
					t.Fatalf("got %v, want %v", got, c.want)
				}
			}
		})
	}
}

func TestSplitRefuses(t *testing.T) {
	for name, weights := range map[string][]int64{
		"no weights": nil, "all zero": {0, 0}, "negative": {1, -1}, "overflow": {math.MaxInt64, math.MaxInt64, 2},
	} {
		if parts, err := money.Split(100, weights); err == nil {
			t.Errorf("%s: got %v, want an error", name, parts)
		}
	}
}

func TestSplitAddsUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64().Draw(t, "total")
		weights := rapid.SliceOfN(rapid.Int64Range(0, money.MaxAmount), 1, 8).Draw(t, "weights")
		weights[0]++
		parts, err := money.Split(total, weights)
		if err != nil {
			t.Fatal(err)
		}
		var sum, all int64
		for i, p := range parts {
			sum += p
			all += weights[i]
			if (p > 0 && total < 0) || (p < 0 && total > 0) {
				t.Fatalf("part %d has the wrong sign: %d of %d", i, p, total)
			}
		}
		if sum != total {
			t.Fatalf("the parts %v add up to %d, not %d", parts, sum, total)
		}
		for i, p := range parts {
			exact := decimal.NewFromInt(total).Mul(decimal.NewFromInt(weights[i])).DivRound(decimal.NewFromInt(all), 8)
			if exact.Sub(decimal.NewFromInt(p)).Abs().GreaterThan(decimal.NewFromInt(1)) {
				t.Fatalf("part %d is %d, more than one đồng from %s", i, p, exact)
			}
		}
	})
}

func TestRounding(t *testing.T) {
	for _, c := range []struct {
		mode  money.Rounding
		value string
		want  int64
	}{
		{money.HalfUp, "750.003", 750}, {money.HalfUp, "0.5", 1}, {money.HalfUp, "-0.5", -1},
		{money.HalfEven, "0.5", 0}, {money.HalfEven, "1.5", 2}, {money.HalfEven, "2.5", 2},
		{money.Down, "1.999", 1}, {money.Down, "-1.999", -1},
		{money.Up, "1.001", 2}, {money.Up, "-1.001", -2},
		{money.Exact, "12.000", 12}, {money.HalfUp, "1000000000000000.4", money.MaxAmount},
	} {
		got, err := c.mode.Whole(decimal.RequireFromString(c.value))
		if err != nil || got != c.want {
			t.Errorf("%s of %s: got %d, %v; want %d", c.mode, c.value, got, err, c.want)
		}
	}
}

func TestRoundingRefuses(t *testing.T) {
	for _, c := range []struct {
		mode  money.Rounding
		value string
	}{
		{money.Exact, "0.1"}, {"nearest", "1"},
		{money.HalfUp, "1000000000000000.5"}, {money.HalfUp, "-1000000000000001"}, {money.Down, "1e30"},
	} {
		if got, err := c.mode.Whole(decimal.RequireFromString(c.value)); err == nil {
			t.Errorf("%q of %s: got %d, want an error", c.mode, c.value, got)
		}
	}
}

func TestFormat(t *testing.T) {
	for _, c := range []struct {
		amount int64
		vi, en string
	}{
		{0, "0 ₫", "0 VND"}, {999, "999 ₫", "999 VND"}, {1000, "1.000 ₫", "1,000 VND"},
		{1_250_000, "1.250.000 ₫", "1,250,000 VND"}, {-15_400, "-15.400 ₫", "-15,400 VND"},
		{math.MinInt64, "-9.223.372.036.854.775.808 ₫", "-9,223,372,036,854,775,808 VND"},
	} {
		if vi, en := money.Format(c.amount, "vi"), money.Format(c.amount, "en"); vi != c.vi || en != c.en {
			t.Errorf("%d: got %q and %q, want %q and %q", c.amount, vi, en, c.vi, c.en)
		}
	}
}
