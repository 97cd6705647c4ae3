package money

import (
	"fmt"

	"github.com/shopspring/decimal"
)

// Rounding names how a fraction is dropped. The zero value is no rounding: an exact amount is demanded.
type Rounding string

// The roundings, as they are written in schedules.
const (
	Exact    Rounding = ""          // a fraction is an error
	HalfUp   Rounding = "half_up"   // arithmetic rounding: a half goes away from zero
	HalfEven Rounding = "half_even" // a half goes to the even neighbour
	Down     Rounding = "down"      // towards zero
	Up       Rounding = "up"        // away from zero
)

// Valid reports whether the name is one of the roundings.
func (r Rounding) Valid() bool {
	switch r {
	case Exact, HalfUp, HalfEven, Down, Up:
		return true
	}
	return false
}

// Round drops the digits after the given number of decimal places. It fails for a name that is no rounding, and for
// Exact when there is something to drop.
func (r Rounding) Round(d decimal.Decimal, places int32) (decimal.Decimal, error) {
	switch r {
	case HalfUp:
		return d.Round(places), nil
	case HalfEven:
		return d.RoundBank(places), nil
	case Down:
		return d.RoundDown(places), nil
	case Up:
		return d.RoundUp(places), nil
	case Exact:
		if cut := d.Truncate(places); !cut.Equal(d) {
			return decimal.Decimal{}, fmt.Errorf("%s is not exact to %d decimal places and no rounding is named", d, places)
		}
		return d, nil
	}
	return decimal.Decimal{}, fmt.Errorf("%q is not a rounding: use half_up, half_even, down or up", string(r))
}

// Whole rounds to whole đồng. It fails as Round does, and when the result is beyond MaxAmount either way.
func (r Rounding) Whole(d decimal.Decimal) (int64, error) {
	rounded, err := r.Round(d, 0)
	if err != nil {
		return 0, err
	}
	if rounded.Abs().GreaterThan(maxAmount) {
		return 0, fmt.Errorf("the amount is over the limit of %s", Format(MaxAmount, "en"))
	}
	return rounded.IntPart(), nil
}

var maxAmount = decimal.NewFromInt(MaxAmount)
