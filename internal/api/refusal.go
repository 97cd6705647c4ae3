package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"exchequer/internal/problem"
)

// codeOfStatus gives the code of a refusal that the framework makes, by its status.
var codeOfStatus = map[int]problem.Code{
	http.StatusBadRequest:            problem.Invalid,
	http.StatusUnprocessableEntity:   problem.Invalid,
	http.StatusUnsupportedMediaType:  problem.Invalid,
	http.StatusNotAcceptable:         problem.Invalid,
	http.StatusRequestTimeout:        problem.Invalid,
	http.StatusRequestEntityTooLarge: problem.TooLarge,
}

var detailOfStatus = map[int]string{
	http.StatusBadRequest:            "the body is not a JSON document: send one JSON object",
	http.StatusUnsupportedMediaType:  "send the body as application/json",
	http.StatusNotAcceptable:         "answers are application/json: accept it",
	http.StatusRequestTimeout:        "the body did not arrive in time: send it again",
	http.StatusRequestEntityTooLarge: "the body is too large: send a smaller one",
}

// refusal builds the refusals that the framework makes by itself (checks against the schema), from its own words only:
// its messages and details hold what the caller sent.
func refusal(h huma.Context, status int, _ string, errs ...error) huma.StatusError {
	ctx := context.Background()
	if h != nil {
		ctx = h.Context()
	}
	if p, ok := errors.AsType[*Problem](errors.Join(errs...)); ok {
		return p
	}
	code, ok := codeOfStatus[status]
	if !ok {
		return newProblem(ctx, problem.Internal, "something went wrong here: report the instance of this document")
	}
	detail, faults := detailOfStatus[status], faultsOf(errs)
	if status == http.StatusBadRequest && slices.ContainsFunc(faults, func(f Fault) bool { return f.Detail == nameRepeated }) {
		detail = nameRepeated
	}
	if h != nil && status == http.StatusRequestEntityTooLarge {
		detail = fmt.Sprintf("the body is over %d bytes: send a smaller one", h.Operation().MaxBodyBytes)
	}
	if detail == "" {
		detail = fmt.Sprintf("%d things are wrong with the request: errors names them", len(faults))
	}
	if len(faults) == 1 && status == http.StatusUnprocessableEntity {
		detail = faults[0].Detail
	}
	p := newProblem(ctx, code, detail)
	p.Status = status
	if status == http.StatusUnprocessableEntity {
		p.Errors = faults
	}
	return p
}

func faultsOf(errs []error) []Fault {
	var out []Fault
	for _, err := range errs {
		if d, ok := err.(huma.ErrorDetailer); ok {
			out = append(out, faultOf(d.ErrorDetail()))
		}
	}
	return out
}

func faultOf(d *huma.ErrorDetail) Fault {
	if d.Message == validation.MsgUnexpectedProperty {
		// The place ends in the caller's own word, which could be anything.
		return Fault{Detail: "there is a field that this request does not have: see /openapi.json", Pointer: "#"}
	}
	if d.Message == nameRepeated {
		return Fault{Detail: nameRepeated, Pointer: "#"}
	}
	var f Fault
	in, name, _ := strings.Cut(d.Location, ".")
	if in == "body" {
		f.Pointer = pointer(name)
	} else {
		f.Parameter = name
	}
	f.Detail = "is not acceptable: see /openapi.json"
	if strings.HasPrefix(d.Message, "expected ") || strings.HasPrefix(d.Message, "required ") {
		// What follows a colon is a parser's message, and may quote what it could not parse.
		f.Detail, _, _ = strings.Cut(d.Message, ": ")
	}
	return f
}

// pointer turns the framework's place (bills[0]) into a JSON pointer as a URI fragment (#/bills/0).
func pointer(place string) string {
	if place == "" {
		return "#"
	}
	return "#/" + strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(place)
}
