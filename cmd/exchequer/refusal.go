package main

import (
	"errors"
	"strings"

	"github.com/alecthomas/kong"

	"exchequer/internal/problem"
)

// refusal is the one document of a command that was refused, where one is promised.
type refusal struct {
	Error struct {
		Code     problem.Code `json:"code"`
		Reason   string       `json:"reason"`
		ReasonVi string       `json:"reason_vi,omitempty"`
		Act      string       `json:"act"`
		ActVi    string       `json:"act_vi,omitempty"`
		Faults   []string     `json:"faults,omitempty"` // one by one, where there are several
	} `json:"error"`
}

// refuse prints the document of a refusal with --json, unless the command printed its own before. A fault of ours has none.
func (e *environment) refuse(command *kong.Context, err error) error {
	p, ok := errors.AsType[*problem.Error](err)
	if asJSON, _ := flag(command, "json").(bool); !ok || !asJSON || e.printed {
		return err
	}
	var r refusal
	r.Error.Code, r.Error.Reason, r.Error.Act, r.Error.ActVi = p.Code, p.Error(), p.Act, p.ActVi
	if p.DetailVi != "" {
		r.Error.ReasonVi = p.Say("vi")
	}
	if faults := sentences(p, "en"); len(faults) > 1 {
		r.Error.Faults = faults
	}
	return errors.Join(err, e.print(true, r, nil))
}

// flag gives the value of a flag of the command that is run, nil where it has none of that name or where what was typed
// is no command.
func flag(command *kong.Context, name string) any {
	if command == nil || command.Selected() == nil {
		return nil
	}
	for _, f := range command.Selected().Flags {
		if f.Name == name {
			return command.FlagValue(f)
		}
	}
	return nil
}

// sentences are what an error says, each of its faults by itself and in one line, in Vietnamese for "vi" where that was
// written.
func sentences(err error, lang string) []string {
	var out []string
	if parts := joined(err); parts != nil {
		for _, part := range parts {
			out = append(out, sentences(part, lang)...)
		}
		return out
	}
	p, refused := errors.AsType[*problem.Error](err)
	if !refused || err != error(p) && (lang == "en" || p.DetailVi == "") { // what stands around a refusal is said too
		return []string{oneLine(err)}
	}
	for line := range strings.SplitSeq(p.In(lang), "\n") {
		out = append(out, oneLine(problem.AtField(p.Code, p.Field, "%s", line)))
	}
	return out
}

// joined gives the parts of an error that has no words of its own besides them.
func joined(err error) []error {
	j, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	parts := j.Unwrap()
	if whole := errors.Join(parts...); whole == nil || whole.Error() != err.Error() {
		return nil
	}
	return parts
}
