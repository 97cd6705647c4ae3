package fee

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"exchequer/internal/calendar"
	"exchequer/internal/money"
)

// maxUses is how many parameters one schedule may use.
const maxUses = 64

// run is the working of one quote: the values of the slots and the lines so far. It is CEL's view of the variables.
type run struct {
	tariff  *tariff
	on      calendar.Date
	slots   []value
	found   []*parameterValue // of the parameters looked up
	used    uint64            // the parameters asked for since the line before, a bit each
	basis   uint64            // the parameter that the component follows: its act is the line's own
	element string            // the value at work of a component that is charged for each value of a set
	lines   []Line
	teller
	until       calendar.Date // the last day on which the quote holds
	today       bool          // an amount depends on the quote's day itself: it holds on no other
	provisional bool
	skipped     bool  // the kind found that the rule does not apply yet
	sum         int64 // of the component at work
	fault       error // met while CEL asked for a value
}

// begin takes a run that was used before, or makes one: its buffers are most of what a quote would allocate.
func (t *tariff) begin(on calendar.Date) *run {
	r, ok := t.runs.Get().(*run)
	if !ok {
		r = &run{tariff: t, slots: make([]value, len(t.inputs)+len(t.uses)+len(t.components)), found: make([]*parameterValue, len(t.uses))}
	}
	r.on, r.until, r.provisional = on, on.AddDays(t.validDays), false
	return r
}

// end clears a run, so that nothing of one payer's case can be seen in the next, and keeps it.
func (t *tariff) end(r *run) {
	clear(r.slots)
	clear(r.found)
	clear(r.lines)
	*r = run{tariff: t, slots: r.slots, found: r.found, lines: r.lines[:0], teller: r.teller.empty()}
	t.runs.Put(r)
}

func (r *run) quote() (*Quote, error) {
	if r.today {
		r.holdsUntil(r.on)
	}
	q := &Quote{Service: r.tariff.service, Date: r.on, Provisional: r.provisional, Lines: slices.Clone(r.lines),
		ScheduleHash: r.tariff.hash, ValidUntil: r.until.AddDays(1).At(0).UTC()}
	r.hand(q.Lines)
	for i := range r.tariff.inputs {
		if in := &r.tariff.inputs[i]; in.paymentDay && r.slots[i].set && r.slots[i].date != r.on {
			q.Forecast = in.name
		}
	}
	for i := range q.Lines {
		if q.TotalVND += q.Lines[i].Amount; outOfLimit(q.TotalVND) {
			return nil, tooLarge()
		}
	}
	if err := belowZero(q.Lines); err != nil {
		return nil, err
	}
	return q, nil
}

// belowZero refuses lines of which those of one charge are less than nothing together, with the act of the reduction:
// no budget line can pay a citizen, and no charge is reduced by another's.
func belowZero(lines []Line) error {
	for i := range lines {
		if lines[i].Amount >= 0 {
			continue
		}
		left := int64(0)
		for j := range lines {
			if lines[j].Charge == lines[i].Charge {
				left += lines[j].Amount
			}
		}
		if left < 0 {
			return noAmount(lines[i].ActName(), said("với khoản “%s” số phải thu thành %d đồng, dưới 0", "with “%s” the charge comes to %d đồng, which is below 0",
				lines[i].Label, left))
		}
	}
	return nil
}

// outOfLimit is asked after each addition: two amounts within the limit do not overflow.
func outOfLimit(sum int64) bool { return magnitude(sum) > uint64(money.MaxAmount) }

func tooLarge() error {
	return invalid("inputs", said("dẫn đến số tiền vượt giới hạn %s", "they lead to an amount over the limit of %s",
		Text{money.Format(money.MaxAmount, "vi"), money.Format(money.MaxAmount, "en")}))
}

// add rounds an amount to whole đồng and makes its line, with the steps said before. A line without a label is called
// by its rule.
func (r *run) add(line Line, n number, rounding money.Rounding) error {
	if n.overLimit() {
		return tooLarge()
	}
	if rounding == money.Exact && !n.isWhole() {
		return noAmount(line.ActName(), said("%s ra %s đồng, có phần lẻ, mà chưa có quy định làm tròn", "%s comes to %s đồng, which is not whole, and no rounding is on file",
			cmp.Or(line.Label, line.Rule), n))
	}
	amount, err := n.rounded(rounding)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", line.Code, r.tariff.service, err)
	}
	if !n.isWhole() {
		r.say(roundedForms[rounding], figure(whole(amount)))
	}
	if r.used &^= r.basis; r.used != 0 {
		r.sayParameters()
	}
	line.Amount, line.Label = amount, cmp.Or(line.Label, line.Rule)
	r.lines = append(r.lines, line)
	r.lineMade()
	if r.sum += amount; outOfLimit(r.sum) {
		return tooLarge()
	}
	return nil
}

var parameterForm = forms("{0}: {1} ({2})", "{0}: {1} ({2})")

// sayParameters names the parameters that were used since the line before, each with its law.
func (r *run) sayParameters() {
	for i := range r.tariff.uses {
		if r.used&(1<<i) != 0 {
			v := r.found[i]
			r.say(parameterForm, phrase(r.tariff.uses[i].parameter.title), share(v.value), phrase(v.act))
		}
	}
	r.used = 0
}

// date gives the date of a slot, or the request's.
func (r *run) date(slot int) (calendar.Date, error) {
	if slot == fromRequest {
		return r.on, nil
	}
	v, err := r.value(slot)
	if err != nil {
		return calendar.Date{}, err
	}
	return v.date, nil
}

// value gives what stands in a slot. A parameter is looked up when it is first asked for: one that is unknown on a
// date must not refuse a case that does not depend on it.
func (r *run) value(slot int) (*value, error) {
	v, inputs, uses := &r.slots[slot], len(r.tariff.inputs), len(r.tariff.uses)
	if slot >= inputs && slot < inputs+uses {
		r.used |= 1 << (slot - inputs)
	}
	switch {
	case v.set:
		return v, nil
	case slot < inputs:
		return nil, invalid(r.tariff.inputs[slot].name, said("cần có trong trường hợp này", "is required in this case"))
	case slot < inputs+uses:
		return v, r.lookUp(slot - inputs)
	}
	return nil, fmt.Errorf("the schedule of %s uses %s before it is charged", r.tariff.service,
		r.tariff.components[slot-inputs-uses].id)
}

// holdsWith ends the quote's validity with the version it rests on, where the day of payment chooses the version. That
// an input is the day of payment is said in the schedule: a bill read today has the day of the request too, and paying
// it later changes nothing.
func (r *run) holdsWith(periods []period, by int, on calendar.Date) {
	if by != fromRequest && !r.tariff.inputs[by].paymentDay {
		return
	}
	if last := lastSameDay(periods, on); !last.IsZero() {
		r.holdsUntil(last)
	}
}

func (r *run) holdsUntil(last calendar.Date) {
	if last.Before(r.until) {
		r.until = last
	}
}

// eval runs an expression. A value it could not get is the error of the run, not CEL's word for it.
func (r *run) eval(program cel.Program) (ref.Val, error) {
	r.fault = nil
	out, _, err := program.Eval(r)
	if err != nil {
		switch {
		case r.fault != nil:
			return nil, r.fault
		case strings.HasSuffix(err.Error(), "integer overflow"): // CEL's ints have 64 bits; its error has no type
			return nil, tooLarge()
		}
		return nil, fmt.Errorf("an expression of the schedule of %s failed: %w", r.tariff.service, err)
	}
	return out, nil
}

// ResolveName gives CEL the value of a variable. An input that was not sent is no value: && and || look past it where
// the other side decides, and otherwise the run refuses by that input's name.
func (r *run) ResolveName(name string) (any, bool) {
	if of, ok := strings.CutPrefix(name, givenPrefix); ok {
		slot, ok := r.tariff.language.slots[of]
		return types.Bool(ok && r.slots[slot].given), ok
	}
	if name == requestDay {
		r.today = true
		return day{r.on}, true
	}
	slot, ok := r.tariff.language.slots[name]
	if !ok {
		return nil, false
	}
	v, err := r.value(slot)
	if err != nil {
		r.fault = err
		return nil, false
	}
	return v.cel(), true
}

// Parent is nil: there is nothing outside the run.
func (r *run) Parent() cel.Activation { return nil }
