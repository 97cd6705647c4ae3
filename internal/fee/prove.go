package fee

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"exchequer/internal/problem"
)

// prove runs one worked example of the schedule.
func (t *tariff) prove(e *exampleDoc) error {
	outcomes := 0
	for _, given := range []bool{e.Total != "", e.Refused != "", e.Invalid != ""} {
		if given {
			outcomes++
		}
	}
	if e.On.IsZero() || outcomes != 1 {
		return errors.New("an example needs `on` and exactly one of `total`, `refused` and `invalid`")
	}
	q, err := t.quote(Request{Service: t.service, Date: e.On.Date, Inputs: []byte(e.Inputs)})
	if e.Refused != "" || e.Invalid != "" {
		return e.refusedAs(q, err)
	}
	if err != nil {
		return err
	}
	if len(e.Lines) > 0 && len(e.Lines) != len(q.Lines) {
		return fmt.Errorf("it has %d lines, the quote has %d: %s", len(e.Lines), len(q.Lines), brief(q))
	}
	for i, line := range e.Lines {
		if got := q.Lines[i]; got.Code != line.Code || strconv.FormatInt(got.Amount, 10) != string(line.Amount) {
			return fmt.Errorf("line %d should be %s %s, the quote has: %s", i+1, line.Code, line.Amount, brief(q))
		}
	}
	if strconv.FormatInt(q.TotalVND, 10) != string(e.Total) {
		return fmt.Errorf("the total should be %s, the quote has: %s", e.Total, brief(q))
	}
	return nil
}

// proveParameters ends the proof: the versions of parameters that examples came to are proved by them.
func (t *tariff) proveParameters() {
	for i, u := range t.uses {
		for j := range u.parameter.entries {
			if t.proof[choice{len(t.inputs) + i, j}] {
				u.parameter.entries[j].Proved = true
			}
		}
	}
	t.proof = nil
}

func (e *exampleDoc) refusedAs(q *Quote, err error) error {
	if err == nil {
		return fmt.Errorf("it should be refused, the quote has: %s", brief(q))
	}
	refusal, ok := errors.AsType[*problem.Error](err)
	switch {
	case !ok:
		return err
	case e.Refused != "" && (refusal.Code != problem.Refused || !strings.Contains(refusal.Act, e.Refused)):
		return fmt.Errorf("it should be refused with the act %q, it is %s with %q: %w", e.Refused, refusal.Code, refusal.Act, err)
	case e.Invalid != "" && (refusal.Code != problem.Invalid || refusal.Field != e.Invalid):
		return fmt.Errorf("it should be invalid at %q, it is %s at %q: %w", e.Invalid, refusal.Code, refusal.Field, err)
	}
	return nil
}

// brief writes a quote's amounts, each with its version, in one line.
func brief(q *Quote) string {
	var out strings.Builder
	for _, line := range q.Lines {
		fmt.Fprintf(&out, "%s %d by %s, ", line.Code, line.Amount, line.Version.En)
	}
	return out.String() + "total " + strconv.FormatInt(q.TotalVND, 10)
}

// Service describes a loaded schedule for people and for clients that build a form.
type Service struct {
	Service      string  `json:"service"`
	NameVi       string  `json:"name_vi"`
	NameEn       string  `json:"name_en"`
	Body         string  `json:"body"` // kind of collecting body
	Inputs       []Input `json:"inputs"`
	Examples     int     `json:"examples"` // worked examples that were run
	ScheduleHash string  `json:"schedule_hash"`
}

// Input describes one input of a service. Min and Max are those that are plain numbers; a quote also holds an input to
// bounds that follow from the law of its day.
type Input struct {
	Name        string   `json:"name"`
	LabelVi     string   `json:"label_vi"`
	LabelEn     string   `json:"label_en"`
	Type        string   `json:"type"` // decimal, int, date, enum, set, bool
	Required    bool     `json:"required"`
	Values      []string `json:"values,omitempty"` // of an enum or a set
	Default     string   `json:"default,omitempty"`
	DefaultFrom string   `json:"default_from,omitempty"` // `date`, the day of the quote, or the input whose date it takes
	Min         string   `json:"min,omitempty"`
	Max         string   `json:"max,omitempty"`
	Places      int32    `json:"places,omitempty"` // decimal places that a decimal may have
}

// Named lists the named schedules as Services does, all when there are none. NotFound where one of them has no schedule: a
// misspelt name must not pass for a check of nothing.
func (s *Schedules) Named(services []string) ([]Service, error) {
	for _, name := range services {
		if s.tariffs[name] == nil {
			return nil, s.unknownService(name)
		}
	}
	out := slices.DeleteFunc(s.Services(), func(one Service) bool { return len(services) > 0 && !slices.Contains(services, one.Service) })
	return out, nil
}

// Services lists the loaded schedules in the order of their names.
func (s *Schedules) Services() []Service {
	var out []Service
	for _, name := range s.names() {
		t := s.tariffs[name]
		one := Service{Service: name, NameVi: t.name.Vi, NameEn: t.name.En, Body: t.body, Examples: len(t.examples), ScheduleHash: t.hash}
		for i := range t.inputs {
			one.Inputs = append(one.Inputs, t.declared(&t.inputs[i]))
		}
		out = append(out, one)
	}
	return out
}

func (t *tariff) declared(in *input) Input {
	out := Input{Name: in.name, LabelVi: in.label.Vi, LabelEn: in.label.En, Type: in.kind.String(), Required: in.required,
		Values: slices.Clone(in.allowed), Places: in.places}
	if in.preset != nil {
		out.Default = in.preset.written()
	}
	switch {
	case in.presetBy == fromRequest:
		out.DefaultFrom = "date"
	case in.presetBy >= 0:
		out.DefaultFrom = t.inputs[in.presetBy].name
	}
	if in.min != nil {
		out.Min = in.min.String()
	}
	if in.max != nil {
		out.Max = in.max.String()
	}
	return out
}

func (s *Schedules) names() []string { return slices.Sorted(maps.Keys(s.tariffs)) }
