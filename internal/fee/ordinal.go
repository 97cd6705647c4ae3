package fee

import (
	"strconv"

	"exchequer/internal/money"
)

// ordinal charges the first, the second, … of a number of people each at its own share of a base, a line each.
type ordinal struct {
	count, after, base *amount
	shares             []number
	then               *number // of all further ones; nil: nothing is on file for them
	rounding           money.Rounding
}

// maxOrdinal is the most lines that one scale may make; a family is not larger.
const maxOrdinal = 100

func (l *loader) ordinal(t *tariff, doc *ordinalDoc, at string) kind {
	l.roundingOf("a share of an amount", doc.Rounding, at)
	l.needIf(len(doc.Shares) == 0, at, "ordinal needs the `shares` of the first, the second, …")
	k := ordinal{count: l.amount(t, doc.Count, at+".count", true), after: l.amount(t, doc.After, at+".after", false),
		base: l.amount(t, doc.Base, at+".base", true), rounding: doc.Rounding}
	for _, s := range doc.Shares {
		k.shares = append(k.shares, l.portion(s, at+".shares"))
	}
	if doc.Then != "" {
		then := l.portion(doc.Then, at+".then")
		k.then = &then
	}
	return k
}

var ordinalForm = forms("người thứ {0}: {1} × {2} = {3}", "number {0}: {1} × {2} = {3}")

func (k ordinal) charge(r *run, line Line) error {
	count, base, err := both(r, k.count, k.base)
	if err != nil {
		return err
	}
	after := number{}
	if k.after != nil {
		if after, err = k.after.told(r); err != nil {
			return err
		}
	}
	last := count.plus(after)
	if !count.isWhole() || !after.isWhole() || count.less(number{}) || after.less(number{}) || whole(maxOrdinal).less(last) {
		return invalid("inputs", said("dẫn đến %s người sau %s người; được nhận số nguyên đến %d",
			"they lead to %s people after %s; whole numbers up to %d are allowed", count, after, maxOrdinal))
	}
	code, label := line.Code, line.Label
	for i := after.coef + 1; i <= last.coef; i++ {
		part, ok := k.share(int(i))
		if !ok {
			return noAmount(line.ActName(), said("%s: chưa có mức cho %s", "%s has no share on file for %s",
				line.ActName(), label.numbered(memberWord, int(i))))
		}
		n := part.times(base)
		r.say(ordinalForm, figure(whole(i)), percent(part), figure(base), figure(n))
		line.Code, line.Label = code+strconv.FormatInt(i, 10), label.numbered(memberWord, int(i))
		if err := r.add(line, n, k.rounding); err != nil {
			return err
		}
	}
	return nil
}

func (k ordinal) share(i int) (number, bool) {
	switch {
	case i <= len(k.shares):
		return k.shares[i-1], true
	case k.then != nil:
		return *k.then, true
	}
	return number{}, false
}
