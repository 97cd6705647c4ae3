package fee

import (
	"cmp"
	"errors"

	"exchequer/internal/calendar"
	"exchequer/internal/money"
)

// perDay is a rate of an amount for each day counted. Nothing is charged, and no line made, for 0 days.
type perDay struct {
	rate, of *amount
	from, to int
	worked   *calendar.Calendar // moves a `from` that is a day off to the next working day; nil leaves it
	count    dayCount
	rounding money.Rounding
}

// dayCount says which of the two ends are counted.
type dayCount struct {
	name string
	less int // of the days between the two dates
	says *form
}

var dayCounts = []dayCount{
	// From the day after the deadline to before the day of payment (Circular 18/2023/TT-BTC; Law 38/2019 art. 59).
	{"after_first_to_before_last", 1, forms("{0} ngày: từ sau ngày {1} đến trước ngày {2}", "{0} days: after {1} and before {2}")},
	{"after_first_to_last", 0, forms("{0} ngày: từ sau ngày {1} đến hết ngày {2}", "{0} days: after {1} to the end of {2}")},
}

func (l *loader) perDay(t *tariff, doc *perDayDoc, at string) kind {
	k := perDay{rate: l.rate(t, doc.Rate, at+".rate", true), of: l.amount(t, doc.Of, at+".of", true),
		from: l.dateSource(t, doc.From, at+".from"), to: l.dateSource(t, doc.To, at+".to"), rounding: doc.Rounding}
	l.roundingOf("a charge per day", doc.Rounding, at)
	switch doc.Moves {
	case "":
	case "next_working_day":
		var err error
		k.worked, err = calendar.Vietnam()
		l.needIf(err != nil, at+".moves", "the calendar cannot be read: %v", err)
	default:
		l.fault(at+".moves", "`moves` can only be next_working_day")
	}
	for _, c := range dayCounts {
		if c.name == doc.Count {
			k.count = c
			return k
		}
	}
	l.fault(at, "`count` must be after_first_to_before_last or after_first_to_last, not %q", doc.Count)
	return k
}

var (
	perDayForm = figures("{0} × {1} × {2} = {3}")
	movedForm  = forms("ngày {0} là ngày nghỉ: hạn lùi đến ngày {1}", "{0} is a day off: the time ends on {1}")
)

func (k perDay) charge(r *run, line Line) error {
	from, err := r.date(k.from)
	if err != nil {
		return err
	}
	to, err := r.date(k.to)
	if err != nil {
		return err
	}
	if from, err = k.moved(r, from, to, line); err != nil {
		return err
	}
	days := to.DaysSince(from)
	if days <= 0 { // in time: not charged, and the quote holds until the deadline's midnight
		r.forget()
		r.holdsUntil(from)
		r.notApplied()
		return nil
	}
	r.holdsUntil(to)
	days -= k.count.less
	if days == 0 {
		r.forget()
		return nil
	}
	rate, of, err := both(r, k.rate, k.of)
	if err != nil {
		return err
	}
	n := rate.times(of).times(whole(int64(days)))
	r.say(k.count.says, count(days), on(from), on(to))
	r.say(perDayForm, percent(rate), figure(of), count(days), figure(n))
	return r.add(line, n, k.rounding)
}

// moved gives the day that a deadline becomes where it is a day off and the other day lies after it: the calendar is
// not asked for what does not depend on it.
func (k perDay) moved(r *run, from, to calendar.Date, line Line) (calendar.Date, error) {
	if k.worked == nil || !to.After(from) {
		return from, nil
	}
	moved, err := k.worked.OnOrAfter(from)
	if errors.Is(err, calendar.ErrNotOnFile) {
		return from, noAmount(line.ActName(), said("chưa biết ngày %s có phải ngày làm việc không, và %s tùy thuộc vào đó",
			"whether %s is a working day is not on file, and %s depends on it", from, cmp.Or(line.Label, line.Rule)))
	}
	if err == nil && moved != from {
		r.say(movedForm, on(from), on(moved))
	}
	return moved, err
}
