package fee

import (
	"fmt"
	"reflect"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"github.com/shopspring/decimal"

	"exchequer/internal/calendar"
)

// decimalType and dateType are opaque to CEL: it has no operator that would mix them with its own numbers, so
// `fine * 0.5` and `fine > 3` do not compile and a binary fraction cannot get near an amount.
var (
	decimalType = cel.OpaqueType("decimal").WithTraits(
		traits.AdderType | traits.SubtractorType | traits.MultiplierType | traits.NegatorType | traits.ComparerType)
	dateType = cel.OpaqueType("date").WithTraits(traits.ComparerType)
)

// ConvertToNative gives the decimal itself and nothing else: there is no other exact form.
func (n number) ConvertToNative(t reflect.Type) (any, error) {
	if t == reflect.TypeFor[decimal.Decimal]() {
		return n.decimal(), nil
	}
	return nil, fmt.Errorf("a decimal is not a %s", t)
}

// ConvertToType gives the value's own type only.
func (n number) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return decimalType
	}
	return types.NewErr("a decimal cannot become a %s", t.TypeName())
}

// Equal compares by value: 1.0 equals 1.
func (n number) Equal(other ref.Val) ref.Val {
	o, ok := other.(number)
	return types.Bool(ok && n.compare(o) == 0)
}

// Type is the opaque decimal.
func (n number) Type() ref.Type { return decimalType }

// Value gives the decimal.Decimal.
func (n number) Value() any { return n.decimal() }

// Add is exact.
func (n number) Add(other ref.Val) ref.Val { return n.with(other, number.plus) }

// Subtract is exact.
func (n number) Subtract(other ref.Val) ref.Val { return n.with(other, number.minus) }

// Multiply is exact.
func (n number) Multiply(other ref.Val) ref.Val { return n.with(other, number.times) }

// Negate turns the sign.
func (n number) Negate() ref.Val { return n.negated() }

// Compare orders by value.
func (n number) Compare(other ref.Val) ref.Val {
	o, ok := other.(number)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return types.Int(n.compare(o))
}

func (n number) with(other ref.Val, op func(a, b number) number) ref.Val {
	o, ok := other.(number)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return op(n, o)
}

// day is a civil date as a CEL value.
type day struct{ calendar.Date }

// ConvertToNative gives the date itself and nothing else.
func (d day) ConvertToNative(t reflect.Type) (any, error) {
	if t == reflect.TypeFor[calendar.Date]() {
		return d.Date, nil
	}
	return nil, fmt.Errorf("a date is not a %s", t)
}

// ConvertToType gives the value's own type only.
func (d day) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return dateType
	}
	return types.NewErr("a date cannot become a %s", t.TypeName())
}

// Equal compares the civil dates.
func (d day) Equal(other ref.Val) ref.Val {
	o, ok := other.(day)
	return types.Bool(ok && d.Date == o.Date)
}

// Type is the opaque date.
func (d day) Type() ref.Type { return dateType }

// Value gives the calendar.Date.
func (d day) Value() any { return d.Date }

// Compare orders in time.
func (d day) Compare(other ref.Val) ref.Val {
	o, ok := other.(day)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return types.Int(d.Date.Compare(o.Date))
}
