package fee

import (
	"fmt"
	"strconv"

	"github.com/shopspring/decimal"

	"exchequer/internal/money"
)

// graduated charges every tier of a quantity at its own price, a line a tier that is reached.
type graduated struct {
	quantity, times *amount
	rounding        money.Rounding
	tiers           []tier
}

type tier struct {
	width decimal.Decimal // of one household, class, …; the last tier's is not looked at
	price decimal.Decimal
}

func (l *loader) graduated(t *tariff, doc *graduatedDoc, at string) kind {
	k := graduated{quantity: l.amount(t, doc.Quantity, at+".quantity", true),
		times: l.amount(t, doc.Times, at+".times", false), rounding: doc.Rounding}
	l.needIf(!doc.Rounding.Valid(), at+".rounding", "%q is not a rounding", doc.Rounding)
	l.needIf(len(doc.Tiers) == 0, at, "graduated needs tiers")
	for i, tierDoc := range doc.Tiers {
		place, last := fmt.Sprintf("%s.tiers[%d]", at, i), i == len(doc.Tiers)-1
		l.needIf((tierDoc.Width == "") != last, place, "every tier but the last has a width")
		one := tier{}
		if price := l.bound(tierDoc.Price, place+".price"); price != nil {
			one.price = *price
		} else {
			l.fault(place, "the tier needs a price")
		}
		if width := l.bound(tierDoc.Width, place+".width"); width != nil {
			one.width = *width
			l.needIf(!width.IsPositive(), place+".width", "the width of a tier must be above 0")
		}
		k.tiers = append(k.tiers, one)
	}
	return k
}

func (k graduated) charge(r *run, line Line) error {
	quantity, err := k.quantity.in(r)
	if err != nil {
		return err
	}
	return k.tiered(r, line, whole(quantity))
}

// share is what a graduated rule is applied to: a quantity, and for a part of a period the days by which the widths
// shrink.
type share struct {
	quantity       decimal.Decimal
	days, ofDays   int // 0 of 0: the widths are whole
	widthsRounding money.Rounding
	why            string // how the quantity came about, for the first line
}

func whole(quantity decimal.Decimal) share { return share{quantity: quantity} }

func (k graduated) tiered(r *run, line Line, s share) error {
	times, err := k.multiplier(r)
	if err != nil {
		return err
	}
	code, left := line.Code, s.quantity
	for i, tier := range k.tiers {
		part := left
		if i < len(k.tiers)-1 {
			width := tier.width
			if times != nil {
				width = width.Mul(*times)
			}
			if width, err = s.width(width); err != nil {
				return err
			}
			if width.LessThan(left) {
				part = width
			}
		}
		// Nothing used still makes a line, so that the quote says what it was asked; an empty part of a period does not.
		if part.IsZero() && !(i == 0 && s.quantity.IsZero() && s.ofDays == 0) {
			continue
		}
		left = left.Sub(part)
		line.Code = code + strconv.Itoa(i+1)
		d := part.Mul(tier.price)
		step := text(part) + " × " + text(tier.price) + " = " + text(d)
		if s.why != "" {
			err, s.why = r.add(line, d, k.rounding, s.why, step), ""
		} else {
			err = r.add(line, d, k.rounding, step)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// multiplier gives what the widths are multiplied by, nil for 1.
func (k graduated) multiplier(r *run) (*decimal.Decimal, error) {
	if k.times == nil {
		return nil, nil
	}
	times, err := k.times.in(r)
	if n, ok := small(times); err != nil || ok && n == 1 {
		return nil, err
	}
	return &times, nil
}

func (s share) width(full decimal.Decimal) (decimal.Decimal, error) {
	if s.ofDays == 0 {
		return full, nil
	}
	return divided(full.Mul(decimal.NewFromInt(int64(s.days))), decimal.NewFromInt(int64(s.ofDays)), 0, s.widthsRounding)
}
