package catalog

import (
	"fmt"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// words is a part of a refusal that differs by language.
type words struct{ vi, en string }

// refusal says in both languages, with the same terms, why something is not given and what to do. A date among the terms
// is written as each language has it.
func refusal(code problem.Code, field, vi, en string, terms ...any) error {
	inVi, inEn := make([]any, len(terms)), make([]any, len(terms))
	for i, t := range terms {
		switch t := t.(type) {
		case words:
			inVi[i], inEn[i] = t.vi, t.en
		case calendar.Date:
			inVi[i], inEn[i] = fmt.Sprintf("%02d/%02d/%d", t.Day(), t.Month(), t.Year()), t
		default:
			inVi[i], inEn[i] = t, t
		}
	}
	return &problem.Error{Code: code, Field: field, Detail: fmt.Sprintf(en, inEn...), DetailVi: fmt.Sprintf(vi, inVi...)}
}
