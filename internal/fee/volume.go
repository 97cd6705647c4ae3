package fee

import (
	"fmt"

	"exchequer/internal/money"
)

// volume charges the whole quantity by the one tier it lies in: at a price for each unit, or at one amount.
type volume struct {
	quantity *amount
	rounding money.Rounding
	tiers    []volumeBand
}

type volumeBand struct {
	upTo  *number // included; nil for the last
	price number
	flat  bool // the price is that of the whole
}

func (l *loader) volume(t *tariff, doc *volumeDoc, at string) kind {
	l.rounding(doc.Rounding, at+".rounding")
	l.needIf(len(doc.Tiers) == 0, at, "volume needs tiers")
	k := volume{quantity: l.amount(t, doc.Quantity, at+".quantity", true), rounding: doc.Rounding}
	for i, tier := range doc.Tiers {
		place, last := fmt.Sprintf("%s.tiers[%d]", at, i), i == len(doc.Tiers)-1
		l.needIf((tier.UpTo == "") != last, place, "every tier but the last has an end, `up_to`")
		l.needIf((tier.Price == "") == (tier.Amount == ""), place, "a tier needs either a `price` of a unit or an `amount`")
		band := volumeBand{upTo: l.bound(tier.UpTo, place+".up_to"), flat: tier.Amount != ""}
		if price := l.bound(tier.Price+tier.Amount, place); price != nil {
			band.price = *price
			l.wholeUnless(doc.Rounding, *price, place)
		}
		if i > 0 && band.upTo != nil && k.tiers[i-1].upTo != nil {
			l.needIf(!k.tiers[i-1].upTo.less(*band.upTo), place+".up_to", "tiers stand in order of their ends")
		}
		k.tiers = append(k.tiers, band)
	}
	return k
}

var (
	upToForm = forms("{0} thuộc mức đến {1}", "{0} lies in the tier up to {1}")
	overForm = forms("{0} thuộc mức trên {1}", "{0} lies in the tier over {1}")
)

func (k volume) charge(r *run, line Line) error {
	quantity, err := k.quantity.told(r)
	if err != nil {
		return err
	}
	i := 0
	for k.tiers[i].upTo != nil && k.tiers[i].upTo.less(quantity) {
		i++
	}
	switch tier := k.tiers[i]; {
	case tier.upTo != nil:
		r.say(upToForm, figure(quantity), figure(*tier.upTo))
	case i > 0:
		r.say(overForm, figure(quantity), figure(*k.tiers[i-1].upTo))
	}
	n := k.tiers[i].price
	if k.tiers[i].flat {
		r.sayFixed(n)
		return r.add(line, n, k.rounding)
	}
	n = quantity.times(n)
	r.say(productForm, figure(quantity), figure(k.tiers[i].price), figure(n))
	return r.add(line, n, k.rounding)
}
