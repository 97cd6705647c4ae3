package fee

import (
	"cmp"
	"fmt"

	"exchequer/internal/money"
)

// split shares an amount among several, a line each. Each share is rounded by itself and is at most what is left; one
// part takes the rest, so that the parts add up to the amount.
type split struct {
	of       *amount
	rounding money.Rounding
	parts    []part
	rest     int // index of the part that takes what the others leave
}

type part struct {
	code, charge string
	label        Text // instead of the rule's; may be zero
	share        number
	within       *number // the share is one of this share, which is rounded first
}

func (l *loader) split(t *tariff, doc *splitDoc, at string) kind {
	l.roundingOf("a split", doc.Rounding, at)
	k := split{of: l.amount(t, doc.Of, at+".of", true), rounding: doc.Rounding, rest: none}
	total := number{}
	for i, p := range doc.Parts {
		place := fmt.Sprintf("%s.parts[%d]", at, i)
		l.needIf(p.Code == "", place, "a part needs its `code`")
		one := part{code: p.Code, charge: p.Charge, label: l.label(p.Label, place+".label")}
		if p.Rest {
			l.needIf(k.rest != none || p.Share != "" || p.Within != "", place, "one part takes the rest, and has no share of its own")
			k.rest = i
			k.parts = append(k.parts, one)
			continue
		}
		one.share = l.portion(p.Share, place+".share")
		size := one.share
		if p.Within != "" {
			within := l.portion(p.Within, place+".within")
			one.within, size = &within, size.times(within)
		}
		total = total.plus(size)
		k.parts = append(k.parts, one)
	}
	l.needIf(k.rest == none, at, "one part must take the rest: `rest: true`")
	l.needIf(whole(1).less(total), at, "the shares add up to %s, which is more than the whole", total)
	return k
}

var (
	withinForm = forms("{0} của {1} = {2}, lấy tròn {3}", "{0} of {1} = {2}, in whole đồng {3}")
	restForm   = forms("phần còn lại của {0}", "the rest of {0}")
	allForm    = forms("toàn bộ {0}", "all of {0}")
)

func (k split) charge(r *run, line Line) error {
	of, err := k.of.told(r)
	if err != nil {
		return err
	}
	total, err := of.rounded(money.Exact)
	if err != nil || total < 0 {
		return noAmount(line.ActName(), said("%s: %s không phải số nguyên đồng từ 0 trở lên, không chia được",
			"%s: %s is no whole amount of 0 or more, and cannot be shared out", cmp.Or(line.Label, line.Rule), of))
	}
	sizes, left := make([]int64, len(k.parts)), total
	for i := range k.parts {
		if i == k.rest {
			continue
		}
		if sizes[i], err = k.parts[i].size(of, k.rounding); err != nil {
			return fmt.Errorf("%s of %s: %w", line.Code, r.tariff.service, err)
		}
		sizes[i] = min(sizes[i], left)
		left -= sizes[i]
	}
	sizes[k.rest] = left
	given := line
	for i := range k.parts {
		p := &k.parts[i]
		line.Code, line.Charge, line.Label = given.Code+p.code, p.chargeOr(given.Charge), cmp.Or(p.label, given.Label)
		k.tell(r, i, of)
		if err := r.add(line, whole(sizes[i]), money.Exact); err != nil {
			return err
		}
	}
	return nil
}

// chargeOr gives the part's charge key, or that of its rule.
func (p *part) chargeOr(charge string) string { return cmp.Or(p.charge, charge) }

// size rounds at each step: first the share that the part is a share of, then the part.
func (p *part) size(of number, rounding money.Rounding) (int64, error) {
	if p.within != nil {
		within, err := of.times(*p.within).rounded(rounding)
		if err != nil {
			return 0, err
		}
		of = whole(within)
	}
	return of.times(p.share).rounded(rounding)
}

func (k split) tell(r *run, i int, of number) {
	p := &k.parts[i]
	if len(k.parts) == 1 {
		r.say(allForm, figure(of))
		return
	}
	if i == k.rest {
		r.say(restForm, figure(of))
		return
	}
	if p.within != nil {
		exact := of.times(*p.within)
		rounded, _ := exact.rounded(k.rounding) // it was rounded before: no error
		r.say(withinForm, percent(*p.within), figure(of), figure(exact), figure(whole(rounded)))
		of = whole(rounded)
	}
	r.say(productForm, percent(p.share), figure(of), figure(of.times(p.share)))
}
