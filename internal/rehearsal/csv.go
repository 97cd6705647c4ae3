package rehearsal

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
)

// columns are those of the file of rows, in order. An amount that does not exist is left empty, never written as 0.
var columns = []struct {
	name string
	of   func(*Row) string
}{
	{"book", func(r *Row) string { return text(r.Book) }},
	{"body", func(r *Row) string { return text(r.Body) }},
	{"service", func(r *Row) string { return text(r.Service) }},
	{"ref", func(r *Row) string { return text(r.Ref) }},
	{"source_ref", func(r *Row) string { return text(r.SourceRef) }},
	{"payer", func(r *Row) string { return text(r.Payer) }},
	{"date", func(r *Row) string { return r.Date.String() }},
	{"state", func(r *Row) string { return string(r.State) }},
	{"charged", func(r *Row) string { return amount(r.Charged) }},
	{"paid", func(r *Row) string { return amount(r.Paid) }},
	{"in_force", func(r *Row) string { return r.InForce.given(r.InForce.Amount) }},
	{"under_draft", func(r *Row) string { return r.Draft.given(r.Draft.Amount) }},
	{"difference", func(r *Row) string { return r.Draft.given(r.Difference()) }},
	{"overpaid", func(r *Row) string { return r.Draft.given(r.Overpaid()) }},
	{"underpaid", func(r *Row) string { return r.Draft.given(r.Underpaid()) }},
	{"outcome", func(r *Row) string { return string(r.Outcome()) }},
	{"act", func(r *Row) string { return text(r.Draft.act()) }},
	{"reason", func(r *Row) string { return text(r.Draft.reason()) }},
}

// CSV writes rows as RFC 4180 text with a header, one line a bill.
type CSV struct {
	w      *csv.Writer
	fields []string
}

// NewCSV writes the header. What the writer refuses comes to light in Write or Flush.
func NewCSV(w io.Writer) *CSV {
	c := &CSV{csv.NewWriter(w), make([]string, len(columns))}
	for i, column := range columns {
		c.fields[i] = column.name
	}
	_ = c.w.Write(c.fields) // the writer keeps its error
	return c
}

// Write writes rows; it serves as a Watcher's Rows.
func (c *CSV) Write(rows []Row) error {
	for i := range rows {
		for k, column := range columns {
			c.fields[k] = column.of(&rows[i])
		}
		if err := c.w.Write(c.fields); err != nil {
			return err
		}
	}
	return c.w.Error()
}

// Flush writes what is left and gives the first error there was.
func (c *CSV) Flush() error {
	c.w.Flush()
	return c.w.Error()
}

// given writes an amount that rests on the result's.
func (r *Result) given(n int64) string {
	if r.Refusal != nil {
		return ""
	}
	return amount(n)
}

func (r *Result) act() string {
	if r.Refusal == nil {
		return ""
	}
	return r.Refusal.Act
}

func (r *Result) reason() string {
	if r.Refusal == nil {
		return ""
	}
	return r.Refusal.Error()
}

func amount(n int64) string { return strconv.FormatInt(n, 10) }

// formulas are the characters for which a spreadsheet takes a text for a formula, with their full-width forms; the
// apostrophe is how a spreadsheet marks a text.
const formulas = "=+-@\t\r＝＋－＠'"

// text is other people's: an apostrophe before what a spreadsheet would run makes it a text there. A text that begins
// with an apostrophe gets one too, so that whoever takes one off has the text as it was.
func text(s string) string {
	if s != "" && strings.ContainsRune(formulas, []rune(s)[0]) {
		return "'" + s
	}
	return s
}
