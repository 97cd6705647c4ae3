package fee

import (
	"strconv"

	"exchequer/internal/money"
)

// instalments gives one of several payments of an amount. The first is a share of it; the others are equal parts of
// the rest by the largest remainder, so that all of them add up to the amount.
type instalments struct {
	of            *amount
	number, count int // slots
	first         number
	rounding      money.Rounding
}

func (l *loader) instalments(t *tariff, doc *instalmentsDoc, at string) kind {
	l.roundingOf("a share of an amount", doc.Rounding, at)
	return instalments{of: l.amount(t, doc.Of, at+".of", true), number: l.intSource(t, doc.Number, at+".number"),
		count: l.intSource(t, doc.Count, at+".count"), first: l.portion(doc.First, at+".first"), rounding: doc.Rounding}
}

// intSource finds an int input.
func (l *loader) intSource(t *tariff, name, at string) int {
	for i := range t.inputs {
		if t.inputs[i].name == name && t.inputs[i].kind == kindInt {
			return i
		}
	}
	l.fault(at, "%q is no int input", name)
	return 0
}

// maxInstalments bounds the payments one quote may be worked out for.
const maxInstalments = 120

var (
	wholeForm = forms("một lần: {0}", "one payment: {0}")
	laterForm = forms("({0} − {1}) chia đều {2} kỳ, đồng lẻ vào các kỳ đầu: {3}",
		"({0} − {1}) in {2} equal parts, odd đồng to the first ones: {3}")
)

func (k instalments) charge(r *run, line Line) error {
	of, err := k.of.told(r)
	if err != nil {
		return err
	}
	number, err := r.value(k.number)
	if err != nil {
		return err
	}
	count, err := r.value(k.count)
	if err != nil {
		return err
	}
	n, m := number.dec.coef, count.dec.coef
	if m < 1 || m > maxInstalments {
		return invalid(r.tariff.inputs[k.count].name, said("phải từ 1 đến %d", "must be 1 to %d", maxInstalments))
	}
	if n < 1 || n > m {
		return invalid(r.tariff.inputs[k.number].name, said("phải từ 1 đến %d, là số kỳ", "must be 1 to %d, the number of payments", m))
	}
	line.Code, line.Label = line.Code+strconv.FormatInt(n, 10), line.Label.numbered(instalmentWord, int(n))
	if m == 1 {
		r.say(wholeForm, figure(of))
		return r.add(line, of, k.rounding)
	}
	exact := of.times(k.first)
	if n == 1 {
		r.say(productForm, percent(k.first), figure(of), figure(exact))
		return r.add(line, exact, k.rounding)
	}
	return k.later(r, line, of, exact, int(n), int(m))
}

// later charges an instalment after the first.
func (k instalments) later(r *run, line Line, of, exact number, n, m int) error {
	first, err := exact.rounded(k.rounding)
	if err != nil {
		return tooLarge()
	}
	total, err := of.rounded(k.rounding)
	if err != nil {
		return tooLarge()
	}
	weights := make([]int64, m-1)
	for i := range weights {
		weights[i] = 1
	}
	parts, err := money.Split(total-first, weights)
	if err != nil {
		return err
	}
	part := whole(parts[n-2])
	r.say(laterForm, figure(whole(total)), figure(whole(first)), count(m-1), figure(part))
	return r.add(line, part, money.Exact)
}
