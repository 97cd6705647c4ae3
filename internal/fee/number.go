package fee

import (
	"math"
	"math/bits"
	"regexp"
	"strconv"

	"github.com/shopspring/decimal"

	"exchequer/internal/money"
)

// number is an exact decimal. Nearly every number of a tariff has at most 18 digits and is held as coef × 10^-scale,
// without trailing zeros behind the point; what is longer is held by `big` and worked out there, where the arithmetic
// is slower but has no end. Both ways give the same values; a property test holds them to it.
type number struct {
	coef  int64
	scale int8 // digits behind the point, 0 to maxScale
	big   *decimal.Decimal
}

// maxScale is how many digits behind the point the short form has: 10^18 is the largest power of ten in an int64.
const maxScale = 18

var powers = func() (p [maxScale + 1]int64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = p[i-1] * 10
	}
	return p
}()

func whole(n int64) number { return number{coef: n} }

// short makes a number in its shortest form.
func short(coef int64, scale int8) number {
	for scale > 0 && coef%10 == 0 {
		coef, scale = coef/10, scale-1
	}
	return number{coef: coef, scale: scale}
}

func numberOf(d decimal.Decimal) number {
	digits, exp := d.NumDigits(), int(d.Exponent())
	switch {
	case d.IsZero():
		return number{}
	case digits > 18 || exp < -maxScale || exp > 0 && digits+exp > 18:
	case exp > 0:
		return number{coef: d.CoefficientInt64() * powers[exp]}
	default:
		return short(d.CoefficientInt64(), int8(-exp))
	}
	return number{big: &d}
}

// decimal gives the number as the library has it.
func (n number) decimal() decimal.Decimal {
	if n.big != nil {
		return *n.big
	}
	return decimal.New(n.coef, -int32(n.scale))
}

// String writes the number plainly, as JSON has numbers: for refusals, which are the same in every language.
func (n number) String() string {
	if n.big == nil && n.scale == 0 {
		return strconv.FormatInt(n.coef, 10)
	}
	return n.decimal().String()
}

func (n number) times(o number) number {
	if n.big == nil && o.big == nil && n.scale+o.scale <= maxScale {
		if product, ok := product(n.coef, o.coef); ok {
			return short(product, n.scale+o.scale)
		}
	}
	return numberOf(n.decimal().Mul(o.decimal()))
}

func product(a, b int64) (int64, bool) {
	high, low := bits.Mul64(magnitude(a), magnitude(b))
	if high != 0 || low >= 1<<63 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(low), true
	}
	return int64(low), true
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func (n number) plus(o number) number {
	if a, b, scale, ok := aligned(n, o); ok {
		if sum := a + b; (sum > a) == (b > 0) && sum != math.MinInt64 { // which has no counterpart above 0
			return short(sum, scale)
		}
	}
	return numberOf(n.decimal().Add(o.decimal()))
}

func (n number) minus(o number) number { return n.plus(o.negated()) }

func (n number) negated() number {
	if n.big != nil {
		d := n.big.Neg()
		return number{big: &d}
	}
	return number{coef: -n.coef, scale: n.scale} // never the lowest int64
}

func (n number) compare(o number) int {
	if a, b, _, ok := aligned(n, o); ok {
		switch {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	}
	return n.decimal().Cmp(o.decimal())
}

func (n number) less(o number) bool { return n.compare(o) < 0 }

func (n number) isZero() bool { return n.big == nil && n.coef == 0 }

// aligned gives two short numbers as units of the same size, where both fit.
func aligned(n, o number) (a, b int64, scale int8, ok bool) {
	if n.big != nil || o.big != nil {
		return 0, 0, 0, false
	}
	a, b, scale, ok = n.coef, o.coef, n.scale, true
	switch {
	case n.scale < o.scale:
		scale = o.scale
		a, ok = product(a, powers[o.scale-n.scale])
	case n.scale > o.scale:
		b, ok = product(b, powers[n.scale-o.scale])
	}
	return a, b, scale, ok
}

// overLimit reports whether the number is larger than an amount may be, 10^15.
func (n number) overLimit() bool {
	if n.big != nil {
		return n.big.Abs().GreaterThan(maxInput)
	}
	unit := uint64(powers[n.scale])
	units, rest := magnitude(n.coef)/unit, magnitude(n.coef)%unit
	return units > uint64(money.MaxAmount) || units == uint64(money.MaxAmount) && rest > 0
}

// isWhole reports whether there is nothing behind the point.
func (n number) isWhole() bool {
	if n.big == nil {
		return n.scale == 0
	}
	return n.big.IsInteger()
}

// rounded drops the fraction.
func (n number) rounded(rounding money.Rounding) (int64, error) {
	if n.big != nil || rounding == money.Exact && n.scale > 0 || !rounding.Valid() || n.overLimit() {
		return rounding.Whole(n.decimal())
	}
	units := quotient(n.coef, powers[n.scale], rounding)
	if magnitude(units) > uint64(money.MaxAmount) {
		return rounding.Whole(n.decimal())
	}
	return units, nil
}

// quotient divides whole numbers by one above 0 and rounds once, by the named rounding; Exact is for the caller to
// refuse.
func quotient(a, b int64, rounding money.Rounding) int64 {
	whole, rest := a/b, a%b // towards zero
	if rest == 0 {
		return whole
	}
	left := uint64(b) - magnitude(rest) // compared with the rest itself: twice the rest may not fit
	up := rounding == money.Up || rounding == money.HalfUp && magnitude(rest) >= left ||
		rounding == money.HalfEven && (magnitude(rest) > left || magnitude(rest) == left && whole%2 != 0)
	switch {
	case !up:
		return whole
	case rest < 0:
		return whole - 1
	}
	return whole + 1
}

// dividedBy rounds the exact quotient once. The remainder decides what lies beyond the scale, so that no digit that was
// cut off earlier can turn a half into less than a half.
func (n number) dividedBy(o number, scale int32, rounding money.Rounding) (number, error) {
	short := n.big == nil && o.big == nil && n.scale+o.scale == 0 && o.coef > 0 && scale == 0
	if short && rounding.Valid() && (rounding != money.Exact || n.coef%o.coef == 0) {
		return whole(quotient(n.coef, o.coef, rounding)), nil
	}
	a, b := n.decimal(), o.decimal()
	quotient, rest := a.QuoRem(b, scale+1)
	if !rest.IsZero() { // one more digit, not 0 and not 5, stands for the endless rest
		sticky := decimal.New(1, -(scale + 2))
		if a.Sign()*b.Sign() < 0 {
			sticky = sticky.Neg()
		}
		quotient = quotient.Add(sticky)
	}
	d, err := rounding.Round(quotient, scale)
	return numberOf(d), err
}

// The limits of a decimal in text: more digits than any amount, quantity or rate needs, few enough that no exponent
// can make the arithmetic slow.
const (
	maxDecimalText   = 40
	maxDecimalPlaces = 12
)

// maxInput is the largest decimal an input may be.
var maxInput = decimal.NewFromInt(money.MaxAmount)

// errTooLarge and errTooFine refuse a number however it is written.
var (
	errTooLarge = wrongly("số vượt giới hạn 10^15", "the number is over the limit of 10^15")
	errTooFine  = wrongly("số có hơn %d chữ số thập phân", "the number has more than %d decimal places", maxDecimalPlaces)
)

// endless is a number whose exponent is too long to be read; its group is the exponent's sign.
var endless = regexp.MustCompile(`^-?[0-9]+(?:\.[0-9]+)?[eE]([+-]?)[0-9]+$`)

// parseNumber reads a decimal exactly.
func parseNumber(text string) (number, error) {
	if n, ok := parseWhole(text); ok {
		return n, nil
	}
	if len(text) > maxDecimalText {
		return number{}, wrongly("số có hơn %d ký tự", "the number has more than %d characters", maxDecimalText)
	}
	d, err := decimal.NewFromString(text)
	if err != nil {
		return number{}, unread(text)
	}
	// The exponent is looked at before any comparison: 1e999999999 is short to write and endless to expand.
	switch e := d.Exponent(); {
	case e > 18:
		return number{}, errTooLarge
	case e < -18:
		return number{}, errTooFine
	case d.Abs().GreaterThan(maxInput):
		return number{}, errTooLarge
	case !d.Equal(d.Truncate(maxDecimalPlaces)):
		return number{}, errTooFine
	}
	return numberOf(d), nil
}

// unread says why a text could not be read as a decimal.
func unread(text string) error {
	switch m := endless.FindStringSubmatch(text); {
	case m == nil:
		return wrongly("%q không phải số thập phân", "%q is not a decimal number", text)
	case m[1] == "-":
		return errTooFine
	}
	return errTooLarge
}

// parseWhole reads what most numbers are: up to 15 digits and nothing else.
func parseWhole(text string) (number, bool) {
	if len(text) == 0 || len(text) > 15 {
		return number{}, false
	}
	var n int64
	for i := range len(text) {
		c := text[i] - '0'
		if c > 9 {
			return number{}, false
		}
		n = n*10 + int64(c)
	}
	return number{coef: n}, true
}
