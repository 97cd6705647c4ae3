package fee

import (
	"cmp"

	"exchequer/internal/money"
)

// percentage is a rate of an amount, at least min and at most max. With a cap it is charged in full, and what lies
// above the cap is taken off again by a line of its own.
type percentage struct {
	rate, of, min, max *amount
	cap                *amount
	capCode            string
	capLabel           Text
	rounding           money.Rounding
}

func (l *loader) percentage(t *tariff, doc *percentageDoc, at string) kind {
	l.roundingOf("a rate of an amount", doc.Rounding, at)
	k := percentage{
		rate: l.rate(t, doc.Rate, at+".rate", true), of: l.amount(t, doc.Of, at+".of", true),
		min: l.amount(t, doc.Min, at+".min", false), max: l.amount(t, doc.Max, at+".max", false), rounding: doc.Rounding,
	}
	l.wantIf(k.max != nil && k.max.how == amountFixed && k.max.fixed.less(k.min.constant()), at+".max", "the most is below the least")
	if doc.Cap != nil {
		l.needIf(doc.Cap.Code == "", at+".cap", "a cap needs the `code` of the line that takes off what lies above it")
		k.cap, k.capCode = l.amount(t, doc.Cap.At, at+".cap.at", true), doc.Cap.Code
		k.capLabel = cmp.Or(l.label(doc.Cap.Label, at+".cap.label"), capLabel)
	}
	return k
}

func (k percentage) charge(r *run, line Line) error {
	rate, of, err := both(r, k.rate, k.of)
	if err != nil {
		return err
	}
	n, err := r.shareOf(rate, of)
	if err != nil {
		return err
	}
	if n, err = r.atLeast(n, k.min); err != nil {
		return err
	}
	if n, err = r.atMost(n, k.max); err != nil {
		return err
	}
	before := r.sum
	if err := r.add(line, n, k.rounding); err != nil || k.cap == nil {
		return err
	}
	return k.capped(r, line, whole(r.sum-before))
}

// shareOf says a rate of an amount. It is held to the limit here, because a maximum would hide it.
func (r *run) shareOf(rate, of number) (number, error) {
	n := rate.times(of)
	r.say(productForm, share(rate), figure(of), figure(n))
	return limited(n)
}

var capForm = forms("tối đa {0}: {0} − {1}", "at most {0}: {0} − {1}")

func (k percentage) capped(r *run, line Line, charged number) error {
	most, err := k.cap.in(r)
	if err != nil || !most.less(charged) {
		return err
	}
	if _, err := k.cap.told(r); err != nil {
		return err
	}
	line.Code, line.Label = k.capCode, k.capLabel
	r.say(capForm, figure(most), figure(charged))
	return r.add(line, most.minus(charged), k.rounding)
}

// atLeast and atMost hold an amount to a limit and say so where the limit decides; nil is no limit.
func (r *run) atLeast(n number, limit *amount) (number, error) {
	if limit == nil {
		return n, nil
	}
	least, err := limit.in(r)
	if err != nil || !n.less(least) {
		return n, err
	}
	if _, err := limit.told(r); err != nil {
		return n, err
	}
	r.say(atLeastForm, figure(least))
	return least, nil
}

func (r *run) atMost(n number, limit *amount) (number, error) {
	if limit == nil {
		return n, nil
	}
	most, err := limit.in(r)
	if err != nil || !most.less(n) {
		return n, err
	}
	if _, err := limit.told(r); err != nil {
		return n, err
	}
	r.say(atMostForm, figure(most))
	return most, nil
}

// discount takes a share of an amount, or an amount, off; where that is nothing there is no line.
type discount struct {
	rate, of *amount
	amount   *amount // instead of a share
	max      *amount
	rounding money.Rounding
}

func (l *loader) discount(t *tariff, doc *discountDoc, at string) kind {
	k := discount{rate: l.rate(t, doc.Rate, at+".rate", false), of: l.amount(t, doc.Of, at+".of", false),
		amount: l.amount(t, doc.Amount, at+".amount", false), max: l.amount(t, doc.Max, at+".max", false), rounding: doc.Rounding}
	l.needIf((k.rate == nil) != (k.of == nil) || (k.rate == nil) == (k.amount == nil), at,
		"a discount needs either `rate` and `of`, or `amount`")
	if k.amount == nil {
		l.roundingOf("a rate of an amount", doc.Rounding, at)
	}
	l.wantIf(whole(1).less(k.rate.constant()), at+".rate", "a discount of %s takes off more than there is", k.rate.constant())
	l.wholeUnless(doc.Rounding, k.amount.constant(), at+".amount")
	l.rounding(doc.Rounding, at)
	return k
}

var takenOffForm = forms("được giảm", "taken off")

func (k discount) charge(r *run, line Line) error {
	n, err := k.size(r)
	if err != nil {
		return err
	}
	if n, err = r.atMost(n, k.max); err != nil {
		return err
	}
	if n.isZero() {
		r.forget()
		return nil
	}
	r.say(takenOffForm)
	return r.add(line, n.negated(), k.rounding)
}

func (k discount) size(r *run) (number, error) {
	if k.amount != nil {
		n, err := k.amount.told(r)
		if err == nil {
			r.say(fixedForm, figure(n))
		}
		return n, err
	}
	rate, of, err := both(r, k.rate, k.of)
	if err != nil {
		return number{}, err
	}
	return r.shareOf(rate, of)
}
