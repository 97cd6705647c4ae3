package fee

import (
	"cmp"
	"github.com/shopspring/decimal"

	"exchequer/internal/money"
)

// kind is a way to reach the lines of one rule. The line it is given carries code, charge, version, rule and act.
type kind interface {
	charge(r *run, line Line) error
}

// kind compiles the one kind of a rule.
func (l *loader) kind(t *tariff, doc *ruleDoc, at string) kind {
	var found []kind
	add := func(written bool, make func() kind) {
		if written {
			found = append(found, make())
		}
	}
	add(doc.Fixed != "", func() kind {
		k := fixed{l.amount(t, doc.Fixed, at+".fixed", true)}
		l.wholeUnless(money.Exact, k.amount.constant(), at+".fixed")
		return k
	})
	add(doc.Exempt, func() kind { return exempt{} })
	add(doc.Unknown.En != "", func() kind { return unknown{why: l.text(doc.Unknown, at+".unknown")} })
	add(doc.Midpoint != nil, func() kind { return l.midpoint(doc.Midpoint, at+".midpoint") })
	add(doc.PerUnit != nil, func() kind { return l.perUnit(t, doc.PerUnit, at+".per_unit") })
	add(doc.Graduated != nil, func() kind { return l.graduated(t, doc.Graduated, at+".graduated") })
	add(doc.Volume != nil, func() kind { return l.volume(t, doc.Volume, at+".volume") })
	add(doc.Percentage != nil, func() kind { return l.percentage(t, doc.Percentage, at+".percentage") })
	add(doc.Ordinal != nil, func() kind { return l.ordinal(t, doc.Ordinal, at+".ordinal") })
	add(doc.Discount != nil, func() kind { return l.discount(t, doc.Discount, at+".discount") })
	add(doc.PerDay != nil, func() kind { return l.perDay(t, doc.PerDay, at+".per_day") })
	add(doc.Split != nil, func() kind { return l.split(t, doc.Split, at+".split") })
	add(doc.Instalments != nil, func() kind { return l.instalments(t, doc.Instalments, at+".instalments") })
	if len(found) != 1 {
		l.fault(at, "rule %q needs exactly one kind of amount, it has %d", doc.Rule.En, len(found))
		return exempt{}
	}
	return found[0]
}

// fixed is an amount as the act or an input names it.
type fixed struct{ amount *amount }

func (k fixed) charge(r *run, line Line) error {
	n, err := k.amount.told(r)
	if err != nil {
		return err
	}
	r.sayFixed(n)
	return r.add(line, n, money.Exact)
}

var (
	fixedForm  = forms("mức ấn định {0}", "fixed at {0}")
	freeForm   = forms("không thu tiền", "no charge")
	exemptForm = forms("được miễn", "exempt")
)

func (r *run) sayFixed(n number) {
	if n.isZero() {
		r.say(freeForm)
		return
	}
	r.say(fixedForm, figure(n))
}

// exempt is an amount of 0 by law, which stands on the quote with its act.
type exempt struct{}

func (exempt) charge(r *run, line Line) error {
	r.say(exemptForm)
	return r.add(line, number{}, money.Exact)
}

// unknown refuses: the law has an amount, but it is not on file with certainty.
type unknown struct{ why Text }

func (k unknown) charge(_ *run, line Line) error {
	return notOnFile(cmp.Or(line.Label, said("trường hợp “%s”", "the case “%s”", line.Rule)), line.ActName(), k.why)
}

func notOnFile(what, act, why Text) error {
	return noAmount(act, said("chưa có mức thu chắc chắn cho %s (%s): %s", "no certain amount is on file for %s (%s): %s", what, act, why))
}

// midpoint is the middle of a range.
type midpoint struct{ low, high, middle number }

func (l *loader) midpoint(ends []quoted, at string) kind {
	if len(ends) != 2 {
		l.fault(at, "a midpoint needs the two ends of its range")
		return exempt{}
	}
	low, high := l.bound(ends[0], at), l.bound(ends[1], at)
	if low == nil || high == nil || high.less(*low) {
		l.fault(at, "a range needs a lower and a higher end")
		return exempt{}
	}
	middle := low.plus(*high).times(numberOf(decimal.New(5, -1)))
	l.needIf(!middle.isWhole(), at, "the middle of the range is %s, which is not whole đồng", middle)
	return midpoint{*low, *high, middle}
}

var midpointForm = forms("mức giữa của khung từ {0} đến {1} = {2}", "middle of {0} to {1} = {2}")

func (k midpoint) charge(r *run, line Line) error {
	r.say(midpointForm, figure(k.low), figure(k.high), figure(k.middle))
	return r.add(line, k.middle, money.Exact)
}

// perUnit is a price for each unit.
type perUnit struct {
	quantity, price *amount
	rounding        money.Rounding
}

func (l *loader) perUnit(t *tariff, doc *perUnitDoc, at string) kind {
	l.rounding(doc.Rounding, at+".rounding")
	k := perUnit{l.amount(t, doc.Quantity, at+".quantity", true), l.amount(t, doc.Price, at+".price", true), doc.Rounding}
	l.wholeUnless(doc.Rounding, k.price.constant(), at+".price")
	return k
}

func (k perUnit) charge(r *run, line Line) error {
	quantity, price, err := both(r, k.quantity, k.price)
	if err != nil {
		return err
	}
	n := quantity.times(price)
	r.say(productForm, figure(quantity), figure(price), figure(n))
	return r.add(line, n, k.rounding)
}

func both(r *run, a, b *amount) (x, y number, err error) {
	if x, err = a.told(r); err == nil {
		y, err = b.told(r)
	}
	return x, y, err
}

// rounding checks a rounding's name; roundingOf one where a fraction is to be expected, which must then be named.
func (l *loader) rounding(m money.Rounding, at string) {
	l.needIf(!m.Valid(), at, "%q is not a rounding", m)
}

func (l *loader) roundingOf(what string, m money.Rounding, at string) {
	l.needIf(!m.Valid() || m == money.Exact, at, "%s needs a rounding: half_up, half_even, down or up", what)
}

// notBelowZero and wholeUnless hold constants to what an amount can be made of, before a payer meets them: what only a
// case can tell is refused there.
func (l *loader) notBelowZero(n number, at string) {
	l.wantIf(n.less(number{}), at, "%s must not be below 0: only a discount takes something off, and is written as what it takes", n)
}

func (l *loader) wholeUnless(rounding money.Rounding, n number, at string) {
	l.wantIf(rounding == money.Exact && !n.isWhole(), at, "%s is not whole đồng, and no rounding is named", n)
}

// bound reads a constant, nil where none is written.
func (l *loader) bound(text quoted, at string) *number {
	if text == "" {
		return nil
	}
	n, err := parseNumber(string(text))
	if err != nil {
		l.fault(at, "%v", err)
	}
	l.notBelowZero(n, at)
	return &n
}

// portion reads a constant share, 0 to 1.
func (l *loader) portion(text quoted, at string) number {
	n := l.bound(text, at)
	if n == nil || n.less(number{}) || whole(1).less(*n) {
		l.fault(at, "a share from 0 to 1 is needed here")
		return number{}
	}
	return *n
}
