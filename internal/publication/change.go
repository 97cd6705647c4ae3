package publication

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strings"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
)

// ChangeKind says how a draft changes an entry.
type ChangeKind string

// Added: there was no entry of this first day. Ended: it says the same, until another last day. Corrected: it says
// something else. Removed: there is none any more. Reworded: the document differs, but none of its entries does.
const (
	Added     ChangeKind = "added"
	Ended     ChangeKind = "ended"
	Corrected ChangeKind = "corrected"
	Removed   ChangeKind = "removed"
	Reworded  ChangeKind = "reworded"
)

// Change is one entry that a draft changes: a dated version of a component or parameter, or a row of a catalogue table.
// From, To (zero: open end), Act and the marks are those of the entry as the draft has it, or as it was where it is removed.
type Change struct {
	Document    string        `json:"document"`
	Kind        ChangeKind    `json:"kind"`
	Of          string        `json:"of,omitempty"`        // service or parameter; of a catalogue row the table
	Component   string        `json:"component,omitempty"` // of a service
	Name        fee.Text      `json:"name"`                // of the version
	Row         string        `json:"row,omitempty"`       // of a catalogue table, without its last day
	From        calendar.Date `json:"from"`
	To          calendar.Date `json:"to"`
	Act         fee.Text      `json:"act"`
	Unknown     bool          `json:"unknown,omitempty"`
	Provisional bool          `json:"provisional,omitempty"`
	Since       calendar.Date `json:"since"` // the first day on which something else holds; zero: on every day
	Past        bool          `json:"past"`  // that day was past when the draft was decided, or is now: a correction
}

// entry is what may change: one side of a Change with the digest of what it says.
type entry struct {
	id int64 // of its row, where it is published
	Change
	digest   string
	optional bool // outside its versions there is no such line
}

func (e entry) key() string {
	return strings.Join([]string{e.Of, e.Component, e.Row, e.From.String()}, "\x00")
}

// feeEntries are the entries of compiled schedules.
func feeEntries(s *fee.Schedules) []entry {
	var out []entry
	for _, e := range s.Entries() {
		out = append(out, entry{digest: e.Digest, optional: e.Optional, Change: Change{
			Document: feeFolder + e.Document, Of: e.Of, Component: e.Component, Name: e.Name, From: e.From, To: e.To, Act: e.Act,
			Unknown: e.Unknown, Provisional: e.Provisional,
		}})
	}
	return out
}

// tableEntries are the rows of a catalogue table that was parsed before.
func tableEntries(name string, text []byte) ([]entry, error) {
	if len(text) == 0 {
		return nil, nil
	}
	lines, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading the rows of %s: %w", name, err)
	}
	table := strings.TrimSuffix(strings.TrimPrefix(name, catalogFolder), ".csv")
	from, until := slices.Index(lines[0], "from"), slices.Index(lines[0], "until")
	day := func(cells []string, column int) (d calendar.Date) {
		if column >= 0 {
			d, _ = calendar.ParseDate(cells[column]) // a table without the day, or a row of all days
		}
		return d
	}
	var out []entry
	for _, cells := range lines[1:] {
		e := entry{Change: Change{Document: name, Of: table, From: day(cells, from), To: day(cells, until)}}
		if until >= 0 {
			cells = slices.Delete(cells, until, until+1)
		}
		e.Row = strings.Join(cells, ",")
		out = append(out, e)
	}
	return out, nil
}

// difference lists what becomes of the entries, in the order of documents, things and days.
func difference(before, after []entry) []Change {
	was := map[string]entry{}
	for _, e := range before {
		was[e.key()] = e
	}
	var out []Change
	for _, e := range after {
		old, there := was[e.key()]
		delete(was, e.key())
		c := e.Change
		c.Since = c.From
		switch {
		case !there:
			c.Kind = Added
		case old.digest != e.digest || !sameMarks(old.Change, c):
			c.Kind = Corrected
		case old.To != c.To:
			c.Kind, c.Since = Ended, earlierEnd(old.To, c.To).AddDays(1)
		default:
			continue
		}
		out = append(out, c)
	}
	for _, e := range was {
		c := e.Change
		c.Kind, c.Since = Removed, c.From
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Document, b.Document), strings.Compare(a.Of, b.Of), strings.Compare(a.Component, b.Component),
			a.From.Compare(b.From), strings.Compare(a.Row, b.Row))
	})
	return out
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

// changes lists what a law with new documents changes: the entries of the schedules, the rows of the tables, and the
// documents that say the same in other words.
func changes(published, docs Documents, before, after []entry) ([]Change, error) {
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		if !strings.HasPrefix(name, catalogFolder) {
			continue
		}
		was, err := tableEntries(name, published[name])
		if err != nil {
			return nil, err
		}
		is, err := tableEntries(name, docs[name])
		if err != nil {
			return nil, err
		}
		before, after = append(before, was...), append(after, is...)
	}
	out := difference(before, after)
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		if !slices.ContainsFunc(out, func(c Change) bool { return c.Document == name }) {
			out = append(out, Change{Document: name, Kind: Reworded})
		}
	}
	return out, nil
}
