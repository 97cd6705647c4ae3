package publication

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/fee"
)

// ChangeKind says how a draft changes an entry.
type ChangeKind string

// Added: there was no entry of this first day. Ended: it says the same, until another last day. Corrected: it says
// something else. Removed: there is none any more. Head: what a schedule or parameter says outside of its versions, and so
// of all days. Reworded: the document differs in words alone.
const (
	Added     ChangeKind = "added"
	Ended     ChangeKind = "ended"
	Corrected ChangeKind = "corrected"
	Removed   ChangeKind = "removed"
	Head      ChangeKind = "head"
	Reworded  ChangeKind = "reworded"
)

// Change is one entry that a draft changes: a dated version of a component or parameter, what a document says outside of
// them, or a row of a catalogue table. From, To (zero: open end), Act and the marks are those of the entry as the draft has
// it, or as it was where it is removed.
type Change struct {
	Document    string        `json:"document"`
	Kind        ChangeKind    `json:"kind"`
	Of          string        `json:"of,omitempty"`        // service or parameter; of a catalogue row the table
	Component   string        `json:"component,omitempty"` // of a service
	Name        fee.Text      `json:"name"`                // of the version
	Row         string        `json:"row,omitempty"`       // of a catalogue table, without its last day; of a head what it is about
	Was         string        `json:"was,omitempty"`       // of a head, or of the cells of a row that differ
	Is          string        `json:"is,omitempty"`
	From        calendar.Date `json:"from"`
	To          calendar.Date `json:"to"`
	Act         fee.Text      `json:"act"`
	Unknown     bool          `json:"unknown,omitempty"`
	Provisional bool          `json:"provisional,omitempty"`
	Since       calendar.Date `json:"since"` // the first day on which something else holds; zero: on every day
	Past        bool          `json:"past"`  // that day is not to come, or was not when the draft was decided: quotes of it may be out
}

// entry is what may change: one side of a Change with the digest of what it says.
type entry struct {
	id int64 // of its row, where it is published
	Change
	digest   string
	optional bool     // outside its versions there is no such line
	charges  []string // of a component's lines
	proved   bool     // an example came to it
	row      catalog.WrittenRow
}

func (e entry) key() string {
	return strings.Join([]string{e.Of, e.Component, e.row.Key, e.From.String()}, "\x00")
}

// feeEntries are the entries of compiled schedules.
func feeEntries(s *fee.Schedules) []entry {
	var out []entry
	for _, e := range s.Entries() {
		out = append(out, entry{digest: e.Digest, optional: e.Optional, charges: append([]string{}, e.Charges...), proved: e.Proved, Change: Change{
			Document: feeFolder + e.Document, Of: e.Of, Component: e.Component, Name: e.Name, From: e.From, To: e.To, Act: e.Act,
			Unknown: e.Unknown, Provisional: e.Provisional,
		}})
	}
	return out
}

// tableEntries are the rows of a catalogue table.
func tableEntries(name string, text []byte) ([]entry, error) {
	file := strings.TrimPrefix(name, catalogFolder)
	rows, err := catalog.WrittenRows(file, text)
	var out []entry
	for _, row := range rows {
		var cells []string
		for _, c := range row.Cells {
			if c.Column != "until" {
				cells = append(cells, c.Text)
			}
		}
		out = append(out, entry{row: row, Change: Change{
			Document: name, Of: strings.TrimSuffix(file, ".csv"), Row: visible(strings.Join(cells, ",")), From: row.From, To: row.Until,
		}})
	}
	return out, err
}

// difference is an entry as it was and as it is; one of both is nil where it is added or removed.
type difference struct{ was, is *entry }

// differences lists what becomes of entries.
func differences(before, after []entry) []difference {
	was := map[string]*entry{}
	for i := range before {
		was[before[i].key()] = &before[i]
	}
	var out []difference
	for i := range after {
		e := &after[i]
		old := was[e.key()]
		delete(was, e.key())
		if d := (difference{old, e}); old == nil || d.corrected() || old.To != e.To {
			out = append(out, d)
		}
	}
	for _, old := range was {
		out = append(out, difference{was: old})
	}
	return out
}

// corrected: it says something else, not only until another day.
func (d difference) corrected() bool {
	return d.was.digest != d.is.digest || !sameMarks(d.was.Change, d.is.Change) ||
		slices.ContainsFunc(d.columns(), func(column string) bool { return column != "until" })
}

// columns are those in which the two rows of a table differ.
func (d difference) columns() (out []string) {
	for _, c := range slices.Concat(d.is.row.Cells, d.was.row.Cells) {
		if d.was.row.Cell(c.Column) != d.is.row.Cell(c.Column) && !slices.Contains(out, c.Column) {
			out = append(out, c.Column)
		}
	}
	return out
}

func (d difference) change() Change {
	switch {
	case d.is == nil:
		c := d.was.Change
		c.Kind, c.Since = Removed, c.From
		return c
	case d.was == nil:
		c := d.is.Change
		c.Kind, c.Since = Added, c.From
		return c
	}
	c := d.is.Change
	var was, is []string
	for _, column := range d.columns() {
		was, is = append(was, column+" "+d.was.row.Cell(column)), append(is, column+" "+d.is.row.Cell(column))
	}
	c.Was, c.Is = visible(strings.Join(was, ", ")), visible(strings.Join(is, ", "))
	if c.Kind, c.Since = Corrected, c.From; !d.corrected() {
		c.Kind, c.Since = Ended, earlierEnd(d.was.To, c.To).AddDays(1)
	}
	return c
}

func sameMarks(a, b Change) bool {
	return a.Name == b.Name && a.Act == b.Act && a.Unknown == b.Unknown && a.Provisional == b.Provisional
}

// earlierEnd is the earlier of two last days, one of which may be open.
func earlierEnd(a, b calendar.Date) calendar.Date {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// headChanges lists what a schedule or parameter says outside of its versions, and said otherwise.
func headChanges(name string, was, is []byte) []Change {
	file := strings.TrimPrefix(name, feeFolder)
	of := strings.TrimSuffix(strings.TrimPrefix(file, "parameters/"), ".yaml")
	var out []Change
	for _, h := range fee.CompareHeads(file, was, is) {
		out = append(out, Change{Document: name, Kind: Head, Of: of, Row: visible(h.What), Was: visible(h.Was), Is: visible(h.Is)})
	}
	return out
}

// told lists changes in the order of documents, things and days, and the documents in which nothing changes but words.
func (c change) told(entries []difference) []Change {
	var out []Change
	for _, d := range entries {
		out = append(out, d.change())
	}
	for _, name := range slices.Sorted(maps.Keys(c.docs)) {
		if was, there := c.published[name]; there && strings.HasPrefix(name, feeFolder) {
			out = append(out, headChanges(name, was, c.docs[name])...)
		}
		if !slices.ContainsFunc(out, func(c Change) bool { return c.Document == name }) {
			out = append(out, Change{Document: name, Kind: Reworded})
		}
	}
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Document, b.Document), strings.Compare(a.Of, b.Of), strings.Compare(a.Component, b.Component),
			a.From.Compare(b.From), strings.Compare(a.Row, b.Row))
	})
	return out
}
