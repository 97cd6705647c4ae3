package fee

import (
	"errors"
	"fmt"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// said writes a sentence in both languages with the same terms; a text or a date among them stands as its language has it.
func said(vi, en string, terms ...any) Text {
	in := func(format, lang string) string {
		args := make([]any, len(terms))
		for i, t := range terms {
			switch t := t.(type) {
			case Text:
				args[i] = t.In(lang)
			case calendar.Date:
				args[i] = on(t).text.In(lang)
			default:
				args[i] = t
			}
		}
		return fmt.Sprintf(format, args...)
	}
	return Text{in(vi, "vi"), in(en, "en")}
}

// noAmount refuses where the law gives no certain amount, with the act that decides.
func noAmount(act, detail Text) error {
	return &problem.Error{Code: problem.Refused, Act: act.En, ActVi: act.Vi, Detail: detail.En, DetailVi: detail.Vi}
}

// invalid refuses an input by its name.
func invalid(field string, detail Text) error {
	return &problem.Error{Code: problem.Invalid, Field: field, Detail: detail.En, DetailVi: detail.Vi}
}

// wrong is what is wrong with a value, before it is known whose it is.
type wrong struct{ Text }

// Error gives the English text.
func (w wrong) Error() string { return w.En }

func wrongly(vi, en string, terms ...any) error { return wrong{said(vi, en, terms...)} }

// invalidBy refuses an input for what is wrong with its value.
func invalidBy(field string, err error) error {
	if w, ok := errors.AsType[wrong](err); ok {
		return invalid(field, w.Text)
	}
	return problem.AtField(problem.Invalid, field, "%v", err)
}
