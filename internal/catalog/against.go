package catalog

import (
	"encoding/json"
	"slices"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/money"
	"exchequer/internal/problem"
)

// CheckAgainst holds the catalogue against the fee schedules, for every day on which a procedure is open and its schedule
// charges something: each service is offered by a procedure with the schedule's kind of body, and by somebody who collects;
// each of its charges is entered, and what shares it out is a schedule that knows it; and each body that collects has a
// regime for each fee, and an open budget line for every part that comes to it. The error is Invalid and names each fault
// as Parse does.
func (c *Catalog) CheckAgainst(law *fee.Schedules) error {
	h := held{Catalog: c, law: law, versions: map[string][]fee.Entry{}}
	for _, e := range law.Entries() {
		if e.Component != "" {
			h.versions[e.Of] = append(h.versions[e.Of], e)
		}
	}
	for _, s := range law.Services() {
		h.checkOffer(s.Service)
	}
	for _, one := range c.procedures.list {
		p := one.value
		switch kind := law.BodyKind(p.Service); kind {
		case "":
			h.add(c.procedures.file, one.line, "service", "there is no schedule of %s", p.Service)
		case p.BodyKind:
			h.checkCollectors(one)
			h.checkCharges(p)
		default:
			h.add(c.procedures.file, one.line, "body_kind", "the schedule of %s says %s", p.Service, kind)
		}
	}
	slices.Sort(h.faults)
	return slices.Compact(h.faults).err() // services share charges
}

// held is a catalogue that is held against schedules. Nothing between the two changes but on a turn: a first day of
// something, or the day after its last.
type held struct {
	*Catalog
	law      *fee.Schedules
	versions map[string][]fee.Entry // by service
	faults
}

// charged reports whether a service makes a charge on a day, for one of that or of an earlier day, be it that the amount
// is unknown. Any charge will do where none is named.
func (h *held) charged(service, code string, on calendar.Date) bool {
	return slices.ContainsFunc(h.versions[service], func(e fee.Entry) bool {
		return (code == "" || slices.Contains(e.Charges, code)) && (Period{e.From, e.To}.Covers(on) || e.Later && on.After(e.From))
	})
}

// begins are the first days of what a schedule says.
func (h *held) begins(service string) []calendar.Date {
	var days []calendar.Date
	for _, e := range h.versions[service] {
		days = append(days, e.From)
	}
	return days
}

// checkOffer: the portal offers every service that is no way to share a charge out, as long as its schedule goes on.
func (h *held) checkOffer(service string) {
	if slices.ContainsFunc(h.charges.list, func(one row[Charge]) bool { return one.value.Split == service }) {
		return
	}
	offered := false
	for _, one := range h.procedures.list {
		p := one.value
		if p.Service != service {
			continue
		}
		offered = true
		if p.Until.IsZero() || !h.charged(service, "", p.Until.AddDays(1)) {
			continue
		}
		if _, err := h.Procedure(service, p.Until.AddDays(1)); err != nil {
			h.add(h.procedures.file, one.line, "until", "no procedure offers %s on %s, and its schedule goes on", service, p.Until.AddDays(1))
		}
	}
	if !offered {
		h.add(h.procedures.file, 0, "service", "no procedure offers %s, which has a schedule", service)
	}
}

// checkCollectors: somebody collects for a procedure on each day.
func (h *held) checkCollectors(one row[Procedure]) {
	p := one.value
	days := append(h.begins(p.Service), p.From)
	for _, b := range h.bodies.values() {
		if b.Kind == p.BodyKind {
			days = append(days, h.bodies.turns(b.Code)...)
		}
	}
	for _, on := range h.open(p, "", days) {
		if !slices.ContainsFunc(h.bodies.values(), func(b Body) bool { return b.Kind == p.BodyKind && b.Covers(on) }) {
			h.add(h.procedures.file, one.line, "body_kind", "no %s collects for %s on %s", p.BodyKind, p.Service, on)
		}
	}
}

// open leaves those days on which a procedure is open and makes a charge, each once and in order.
func (h *held) open(p Procedure, code string, days []calendar.Date) []calendar.Date {
	days = slices.DeleteFunc(days, func(d calendar.Date) bool { return !p.Covers(d) || !h.charged(p.Service, code, d) })
	slices.SortFunc(days, calendar.Date.Compare)
	return slices.Compact(days)
}

func (h *held) checkCharges(p Procedure) {
	for _, code := range h.law.Charges(p.Service) {
		if !h.charges.has(code) {
			h.add(h.charges.file, 0, "charge", "the charge %s of %s is missing", code, p.Service)
			continue
		}
		fit := true
		for _, i := range h.charges.byKey[code] {
			one := h.charges.list[i]
			if split := one.value.Split; split != "" && h.law.BodyKind(split) == "" {
				h.add(h.charges.file, one.line, "split", "there is no schedule %s", split)
				fit = false
			}
		}
		for _, b := range h.bodies.values() {
			if fit && b.Kind == p.BodyKind {
				h.checkParts(p, b, code)
			}
		}
	}
}

// checkParts: a body that collects a charge has an open budget line for each of its parts. That its account is open
// follows from the tables alone.
func (h *held) checkParts(p Procedure, b Body, code string) {
	for _, on := range h.open(p, code, h.turns(p, b, code)) {
		if !b.Covers(on) {
			continue
		}
		for _, part := range h.parts(b, code, on) {
			_, err := h.Budget(b.Code, code, part, on)
			if _, there := h.lines.on(keyed(b.Code, code, part), on); !there {
				h.add(h.lines.file, 0, "part", "%s has no line for the part %s of the charge %s on %s", b.Code, part, code, on)
			} else if err != nil {
				h.add(h.lines.file, 0, "part", "%v", err)
			}
		}
	}
}

// parts are those into which a charge falls at a body on a day. A case for which the law gives no shares has none.
func (h *held) parts(b Body, code string, on calendar.Date) []string {
	charge, err := h.charge(code, on)
	switch {
	case err != nil:
		h.add(h.charges.file, 0, "from", "%v", err)
		return nil
	case charge.Split == "":
		return []string{Whole}
	}
	regime, err := h.Regime(b.Code, code, on)
	if err != nil {
		h.add(h.regimes.file, 0, "regime", "%v", err)
		return nil
	}
	parts := h.shares(b, charge, regime, on)
	for _, other := range []string{Allotted, AllottedDifficultArea} {
		if charge.Nature != Fee && !slices.Equal(h.shares(b, charge, other, on), parts) {
			h.add(h.charges.file, 0, "nature", "%s shares out the charge %s by the regime of who collects it: that is for a fee", charge.Split, code)
		}
	}
	return parts
}

// shares asks the schedule that shares a charge out for the parts.
func (h *held) shares(b Body, charge Charge, regime string, on calendar.Date) []string {
	inputs, _ := json.Marshal(map[string]any{ // texts and a number
		"charge": charge.Code, "paid": money.MaxAmount, "regime": regime, "level": b.Level})
	q, err := h.law.Quote(fee.Request{Service: charge.Split, Date: on, Inputs: inputs})
	if err != nil {
		if problem.CodeOf(err) != problem.Refused {
			h.add(h.charges.file, 0, "split", "%s does not share out the charge %s: %v", charge.Split, charge.Code, err)
		}
		return nil
	}
	var out []string
	for _, l := range q.Lines {
		out = append(out, l.Charge)
	}
	return out
}

// turns are the days on which anything may change of what a body collects under a charge for a procedure.
func (h *held) turns(p Procedure, b Body, code string) []calendar.Date {
	days := append(h.begins(p.Service), p.From, b.From)
	days = append(days, h.charges.turns(code)...)
	for _, split := range h.Splits(code) {
		days = append(days, h.begins(split)...)
	}
	days = append(days, h.regimes.turns(keyed(b.Code, code))...)
	for _, l := range h.lines.values() {
		if l.Body == b.Code && l.Charge == code {
			days = slices.Concat(days, h.lines.turns(h.lines.key(l)), h.chapters.turns(l.Chapter), h.subItems.turns(l.SubItem), h.areas.turns(l.Area))
		}
	}
	return days
}
