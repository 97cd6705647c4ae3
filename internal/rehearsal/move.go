package rehearsal

import (
	"bytes"
	"encoding/json"

	"exchequer/internal/calendar"
)

// movedBy gives the bill as if all of its days were so many days later, of no body: who collects on another day is
// another matter. An input in the form of a date is one: inputs are numbers, dates, words and truths.
func (b Bill) movedBy(days int) (Bill, error) {
	d := json.NewDecoder(bytes.NewReader(b.Inputs))
	d.UseNumber()
	var inputs map[string]any
	if err := d.Decode(&inputs); err != nil {
		return b, err
	}
	for name, value := range inputs {
		if text, ok := value.(string); ok {
			if on, err := calendar.ParseDate(text); err == nil {
				inputs[name] = on.AddDays(days).String()
			}
		}
	}
	var err error
	b.Body, b.Date = "", b.Date.AddDays(days)
	b.Inputs, err = json.Marshal(inputs)
	return b, err
}
