package fee

import (
	"strconv"

	"github.com/shopspring/decimal"

	"exchequer/internal/money"
	"exchequer/internal/problem"
)

// kind is a way to reach the lines of one rule. The line it is given carries code, charge, version, rule and act.
type kind interface {
	charge(r *run, line Line) error
}

// fixed is an amount as the act or an input names it.
type fixed struct{ amount *amount }

func (k fixed) charge(r *run, line Line) error {
	d, err := k.amount.in(r)
	if err != nil {
		return err
	}
	return r.add(line, d, money.Exact, "fixed at "+text(d))
}

// exempt is an amount of 0 by law, which stands on the quote with its act.
type exempt struct{}

func (exempt) charge(r *run, line Line) error {
	return r.add(line, decimal.Zero, money.Exact, "exempt")
}

// unknown refuses: the law has an amount, but it is not on file with certainty.
type unknown struct{ why string }

func (k unknown) charge(_ *run, line Line) error {
	return &problem.Error{Code: problem.Refused, Act: line.Act,
		Detail: "no certain amount is on file for " + line.Code + " (" + line.Act + "): " + k.why}
}

// midpoint is the middle of a range.
type midpoint struct{ low, high, middle decimal.Decimal }

func (l *loader) midpoint(ends []quoted, at string) kind {
	if len(ends) != 2 {
		l.fault(at, "a midpoint needs the two ends of its range")
		return exempt{}
	}
	low, high := l.bound(ends[0], at), l.bound(ends[1], at)
	if low == nil || high == nil || low.GreaterThan(*high) {
		l.fault(at, "a range needs a lower and a higher end")
		return exempt{}
	}
	middle := low.Add(*high).Mul(decimal.RequireFromString("0.5"))
	l.needIf(!middle.IsInteger(), at, "the middle of the range is %s, which is not whole đồng", middle)
	return midpoint{*low, *high, middle}
}

func (k midpoint) charge(r *run, line Line) error {
	return r.add(line, k.middle, money.Exact, "middle of "+text(k.low)+" to "+text(k.high)+" = "+text(k.middle))
}

// perUnit is a price for each unit.
type perUnit struct {
	quantity, price *amount
	rounding        money.Rounding
}

func (l *loader) perUnit(t *tariff, doc *perUnitDoc, at string) kind {
	l.needIf(!doc.Rounding.Valid(), at+".rounding", "%q is not a rounding", doc.Rounding)
	return perUnit{l.amount(t, doc.Quantity, at+".quantity", true), l.amount(t, doc.Price, at+".price", true), doc.Rounding}
}

func (k perUnit) charge(r *run, line Line) error {
	quantity, price, err := both(r, k.quantity, k.price)
	if err != nil {
		return err
	}
	d := quantity.Mul(price)
	return r.add(line, d, k.rounding, text(quantity)+" × "+text(price)+" = "+text(d))
}

// percentage is a rate of an amount, at least min and at most max.
type percentage struct {
	rate, of, min, max *amount
	rounding           money.Rounding
}

func (l *loader) percentage(t *tariff, doc *percentageDoc, at string) percentage {
	l.needIf(!doc.Rounding.Valid() || doc.Rounding == money.Exact, at, "a rate of an amount needs a rounding: half_up, half_even, down or up")
	return percentage{
		rate: l.amount(t, doc.Rate, at+".rate", true), of: l.amount(t, doc.Of, at+".of", true),
		min: l.amount(t, doc.Min, at+".min", false), max: l.amount(t, doc.Max, at+".max", false), rounding: doc.Rounding,
	}
}

func (k percentage) charge(r *run, line Line) error {
	d, steps, err := k.size(r)
	if err != nil {
		return err
	}
	return r.add(line, d, k.rounding, steps...)
}

func (k percentage) size(r *run) (decimal.Decimal, []string, error) {
	rate, of, err := both(r, k.rate, k.of)
	if err != nil {
		return decimal.Decimal{}, nil, err
	}
	d := rate.Mul(of)
	steps := []string{text(rate) + " × " + text(of) + " = " + text(d)}
	if k.min != nil {
		least, err := k.min.in(r)
		if err != nil {
			return d, nil, err
		}
		if d.LessThan(least) {
			d, steps = least, append(steps, "at least "+text(least))
		}
	}
	if k.max != nil {
		most, err := k.max.in(r)
		if err != nil {
			return d, nil, err
		}
		if d.GreaterThan(most) {
			d, steps = most, append(steps, "at most "+text(most))
		}
	}
	return d, steps, nil
}

// discount takes a share off; where that is nothing there is no line.
type discount struct{ percentage }

func (k discount) charge(r *run, line Line) error {
	d, steps, err := k.size(r)
	if err != nil || d.IsZero() {
		return err
	}
	return r.add(line, d.Neg(), k.rounding, append(steps, "taken off")...)
}

// perDay is a rate of an amount for each day counted. Nothing is charged, and no line made, for 0 days.
type perDay struct {
	rate, of *amount
	from, to int
	count    dayCount
	rounding money.Rounding
}

// dayCount says which of the two ends are counted.
type dayCount struct {
	name string
	less int // of the days between the two dates
	says string
}

var dayCounts = []dayCount{
	// From the day after the deadline to before the payment day (Circular 18/2023/TT-BTC; Law 38/2019 art. 59).
	{"after_first_to_before_last", 1, "from the day after the first to the day before the last"},
	{"after_first_to_last", 0, "from the day after the first to the last"},
}

func (l *loader) perDay(t *tariff, doc *perDayDoc, at string) kind {
	k := perDay{rate: l.amount(t, doc.Rate, at+".rate", true), of: l.amount(t, doc.Of, at+".of", true),
		from: l.dateSource(t, doc.From, at+".from"), to: l.dateSource(t, doc.To, at+".to"), rounding: doc.Rounding}
	l.needIf(!doc.Rounding.Valid() || doc.Rounding == money.Exact, at, "a charge per day needs a rounding: half_up, half_even, down or up")
	for _, c := range dayCounts {
		if c.name == doc.Count {
			k.count = c
			return k
		}
	}
	l.fault(at, "`count` must be after_first_to_before_last or after_first_to_last, not %q", doc.Count)
	return k
}

func (k perDay) charge(r *run, line Line) error {
	from, err := r.date(k.from)
	if err != nil {
		return err
	}
	to, err := r.date(k.to)
	if err != nil {
		return err
	}
	days := to.DaysSince(from)
	if days <= 0 { // in time: not charged, and the quote holds until the deadline's midnight
		r.holdsUntil(from)
		r.notApplied()
		return nil
	}
	r.holdsUntil(to)
	days -= k.count.less
	if days == 0 {
		return nil
	}
	rate, of, err := both(r, k.rate, k.of)
	if err != nil {
		return err
	}
	d := rate.Mul(of).Mul(decimal.NewFromInt(int64(days)))
	number := strconv.Itoa(days)
	return r.add(line, d, k.rounding,
		number+" days: "+from.String()+" to "+to.String()+", "+k.count.says,
		text(rate)+" × "+text(of)+" × "+number+" = "+text(d))
}

func both(r *run, a, b *amount) (x, y decimal.Decimal, err error) {
	if x, err = a.in(r); err == nil {
		y, err = b.in(r)
	}
	return x, y, err
}
