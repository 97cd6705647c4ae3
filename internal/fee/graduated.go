package fee

import (
	"fmt"
	"strconv"

	"exchequer/internal/money"
)

// graduated charges every tier of a quantity at its own price, a line a tier that is reached.
type graduated struct {
	quantity, times *amount
	rounding        money.Rounding
	tiers           []tier
	code            string // of the component, and of each tier
	codes           []string
	labels          []Text
}

type tier struct {
	width number // of one household, class, …; the last tier's is not looked at
	price number
}

func (l *loader) graduated(t *tariff, doc *graduatedDoc, at string) kind {
	k := &graduated{quantity: l.amount(t, doc.Quantity, at+".quantity", true),
		times: l.amount(t, doc.Times, at+".times", false), rounding: doc.Rounding}
	l.rounding(doc.Rounding, at+".rounding")
	l.needIf(len(doc.Tiers) == 0, at, "graduated needs tiers")
	for i, tierDoc := range doc.Tiers {
		place, last := fmt.Sprintf("%s.tiers[%d]", at, i), i == len(doc.Tiers)-1
		l.needIf((tierDoc.Width == "") != last, place, "every tier but the last has a width")
		one := tier{}
		if price := l.bound(tierDoc.Price, place+".price"); price != nil {
			one.price = *price
			l.wholeUnless(doc.Rounding, *price, place+".price")
		} else {
			l.fault(place, "the tier needs a price")
		}
		if width := l.bound(tierDoc.Width, place+".width"); width != nil {
			one.width = *width
			l.needIf(!(number{}).less(*width), place+".width", "the width of a tier must be above 0")
		}
		k.tiers = append(k.tiers, one)
	}
	return k
}

// coded gives each tier its code and label beforehand: a household's bill has up to six of them.
func (k *graduated) coded(code string, label Text) {
	k.code, k.codes, k.labels = code, make([]string, len(k.tiers)), make([]Text, len(k.tiers))
	for i := range k.codes {
		k.codes[i] = code + strconv.Itoa(i+1)
		k.labels[i] = label.numbered(tierWord, i+1)
	}
}

func (k *graduated) charge(r *run, line Line) error {
	quantity, err := k.quantity.told(r)
	if err != nil {
		return err
	}
	return k.tiered(r, line, stretch{quantity: quantity})
}

// stretch is what a graduated rule is applied to: a quantity, and for a part of a period the days by which the widths
// shrink.
type stretch struct {
	quantity       number
	days, ofDays   int // 0 of 0: the widths are whole
	widthsRounding money.Rounding
}

func (k *graduated) tiered(r *run, line Line, s stretch) error {
	times, err := k.multiplier(r)
	if err != nil {
		return err
	}
	code, left := line.Code, s.quantity
	for i := range k.tiers {
		part, price := left, k.tiers[i].price
		if i < len(k.tiers)-1 {
			width, err := s.width(k.tiers[i].width.times(times))
			if err != nil {
				return err
			}
			if width.less(left) {
				part = width
			}
		}
		// Nothing used still makes a line, so that the quote says what it was asked; an empty part of a period does not.
		if part.isZero() && !(i == 0 && s.quantity.isZero() && s.ofDays == 0) {
			continue
		}
		left = left.minus(part)
		line.Code, line.Label = k.codes[i], k.labels[i]
		if code != k.code { // a part of a period has a prefix
			line.Code, line.Label = code+strconv.Itoa(i+1), k.labels[i].of(line.Version)
		}
		n := part.times(price)
		r.say(productForm, figure(part), figure(price), figure(n))
		if err := r.add(line, n, k.rounding); err != nil {
			return err
		}
	}
	return nil
}

// multiplier gives what the widths are multiplied by.
func (k *graduated) multiplier(r *run) (number, error) {
	if k.times == nil {
		return whole(1), nil
	}
	return k.times.in(r)
}

func (s stretch) width(full number) (number, error) {
	if s.ofDays == 0 {
		return full, nil
	}
	return full.times(whole(int64(s.days))).dividedBy(whole(int64(s.ofDays)), 0, s.widthsRounding)
}
