package catalog

import (
	"strings"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// The levels of a body: its money belongs to the central budget or to the one of its province.
const (
	Central = "central"
	Local   = "local"
)

// Body is a collecting body: who the money is for. After its last day it gives no new quotes and bills; its successor
// is who took over, and what was still owed to it is paid to there.
type Body struct {
	Code      string
	Book      string
	Kind      string // as schedules name it: tax_authority
	Area      string // empty: the whole country
	Level     string // Central or Local
	NameVI    string
	NameEN    string
	Successor string
	Period
}

// Procedure is an administrative procedure of the portal: a service by the code under which citizens find it, and the
// kind of body that collects for it. On a day a service has one at most.
type Procedure struct {
	Code     string
	Service  string
	NameVI   string
	NameEN   string
	BodyKind string
	Period
}

// Bodies lists every collecting body, those that are no more included.
func (c *Catalog) Bodies() []Body { return c.bodies.values() }

// Procedures lists every procedure.
func (c *Catalog) Procedures() []Procedure { return c.procedures.values() }

// Body finds a collecting body by code; NotFound when there is none.
func (c *Catalog) Body(code string) (Body, error) {
	if b, ok := c.bodies.last(code); ok {
		return b, nil
	}
	return Body{}, refusal(problem.NotFound, "body", "không có cơ quan thu nào mang mã này", "no collecting body has this code")
}

// Procedure finds the procedure that offers a service on a day; NotFound when the portal offers none then.
func (c *Catalog) Procedure(service string, on calendar.Date) (Procedure, error) {
	for _, p := range c.procedures.values() {
		if p.Service == service && p.Covers(on) {
			return p, nil
		}
	}
	return Procedure{}, refusal(problem.NotFound, "service", "cổng không có thủ tục nào của dịch vụ này vào ngày %s",
		"no procedure of the portal offers this service on %s", on)
}

// BodyFor finds who collects for a service on a day: the named body, or the only one there is. NotFound: the portal
// offers no such service then, or no body has the code; Invalid: several collect and none is named, or the named one
// does not; Refused: it no longer collects, or not yet. The error says whom to name.
func (c *Catalog) BodyFor(service, code string, on calendar.Date) (Body, error) {
	p, err := c.Procedure(service, on)
	if err != nil {
		return Body{}, err
	}
	var choices []string
	for _, b := range c.bodies.values() {
		if b.Kind == p.BodyKind && b.Covers(on) {
			choices = append(choices, b.Code)
		}
	}
	if code == "" && len(choices) == 1 {
		code = choices[0]
	}
	if code == "" {
		return Body{}, refusal(problem.Invalid, "body", "hãy nêu cơ quan thu: %s", "name the body that collects: %s", oneOfThese(choices))
	}
	b, err := c.Body(code)
	switch {
	case err != nil:
		return Body{}, refusal(problem.NotFound, "body", "không có cơ quan thu nào mang mã này: hãy nêu %s",
			"no collecting body has this code: name %s", oneOfThese(choices))
	case b.Kind != p.BodyKind:
		return Body{}, refusal(problem.Invalid, "body", "%s không thu cho %s: hãy nêu %s", "%s does not collect for %s: name %s",
			code, service, oneOfThese(choices))
	}
	return b, c.inOffice(b, on)
}

// TookOverFrom lists the bodies that are over on a day and whose tasks the body has then: those whose successors, one
// after the other, lead to it.
func (c *Catalog) TookOverFrom(body string, on calendar.Date) []Body {
	var out []Body
	for _, b := range c.bodies.values() {
		if b.Successor == body && !b.Until.IsZero() && b.Until.Before(on) {
			out = append(append(out, b), c.TookOverFrom(b.Code, on)...)
		}
	}
	return out
}

// inOffice refuses a body before its first day and after its last.
func (c *Catalog) inOffice(b Body, on calendar.Date) error {
	switch {
	case b.Covers(on):
		return nil
	case on.Before(b.From):
		return refusal(problem.Refused, "body", "%s thu từ ngày %s", "%s collects from %s on", b.Code, b.From)
	case b.Successor == "":
		return refusal(problem.Refused, "body", "%s đã thu đến hết ngày %s", "%s collected until %s", b.Code, b.Until)
	}
	return refusal(problem.Refused, "body", "%s đã thu đến hết ngày %s: hãy nêu cơ quan kế thừa %s",
		"%s collected until %s: name its successor %s", b.Code, b.Until, b.Successor)
}

func oneOfThese(codes []string) words {
	switch len(codes) {
	case 0:
		return words{"ngày này không có cơ quan nào thu", "none does on this day"}
	case 1:
		return words{codes[0], codes[0]}
	}
	list := strings.Join(codes, ", ")
	return words{"một trong " + list, "one of " + list}
}
