package catalog

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"exchequer/internal/problem"
)

// maxCell is the most characters of a cell.
const maxCell = 200

// maxFaults is how many faults of a catalogue are told at once, mostFaults how many are kept: a table of
// some thousand rows can have millions.
const maxFaults, mostFaults = 20, 1000

// Documents are the tables of a catalogue by file name, as CSV: UTF-8, a header row with every column of the table.
type Documents map[string][]byte

// faults are what is wrong with a catalogue, a line each.
type faults []string

// add tells a fault by file, line (0: of the file as a whole) and column ("": of the line as a whole).
func (f *faults) add(file string, line int, column, format string, args ...any) {
	if len(*f) == mostFaults {
		return
	}
	at := file
	if line > 0 {
		at += fmt.Sprintf(" line %d", line)
	}
	if column != "" {
		at += ", column " + column
	}
	*f = append(*f, at+": "+fmt.Sprintf(format, args...))
}

func (f faults) err() error {
	switch {
	case len(f) == 0:
		return nil
	case len(f) > maxFaults:
		more := "and %d more"
		if len(f) == mostFaults {
			more = "and at least %d more"
		}
		f = append(f[:maxFaults:maxFaults], fmt.Sprintf(more, len(f)-maxFaults))
	}
	return problem.AtField(problem.Invalid, "catalog", "%s", strings.Join(f, "\n"))
}

// read takes the table's file out of the documents.
func (t *table[T]) read(f *faults, docs Documents) rows[T] {
	out := rows[T]{table: t, byKey: map[string][]int{}}
	raw, there := docs[t.file]
	delete(docs, t.file)
	switch {
	case !there:
		f.add(t.file, 0, "", "the file is missing")
		return out
	case !utf8.Valid(raw):
		f.add(t.file, 0, "", "the file is not UTF-8: save it as CSV UTF-8")
		return out
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff")))) // spreadsheets put the mark before the text
	order, ok := t.header(f, r)
	for ok {
		cells, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if ok = err == nil; !ok {
			f.unreadable(t.file, err)
			break
		}
		line, _ := r.FieldPos(0)
		out.add(f, line, order, cells)
	}
	return out
}

func (f *faults) unreadable(file string, err error) {
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		f.add(file, p.Line, "", "%v", p.Err)
		return
	}
	f.add(file, 0, "", "%v", err)
}

// header reads which column stands where.
func (t *table[T]) header(f *faults, r *csv.Reader) ([]column[row[T]], bool) {
	names, err := r.Read()
	if errors.Is(err, io.EOF) {
		f.add(t.file, 1, "", "the header row is missing")
		return nil, false
	}
	if err != nil {
		f.unreadable(t.file, err)
		return nil, false
	}
	before, columns := len(*f), t.all()
	var order []column[row[T]]
	for i, name := range names {
		at := slices.IndexFunc(columns, func(c column[row[T]]) bool { return c.name == name })
		switch {
		case at < 0:
			f.add(t.file, 1, name, "the table has no such column")
		case slices.Contains(names[:i], name):
			f.add(t.file, 1, name, "the column stands there twice")
		default:
			order = append(order, columns[at])
		}
	}
	for _, c := range columns {
		if !slices.Contains(names, c.name) {
			f.add(t.file, 1, c.name, "the column is missing")
		}
	}
	return order, len(*f) == before
}

// add takes one line, unless it has a fault.
func (r *rows[T]) add(f *faults, line int, order []column[row[T]], cells []string) {
	before, one := len(*f), row[T]{line: line}
	for i, c := range order {
		err := readable(cells[i])
		if err == nil {
			err = c.set(&one, cells[i])
		}
		if err != nil {
			f.add(r.file, line, c.name, "%v", err)
		}
	}
	if len(*f) > before {
		return
	}
	if p := r.period; p != nil && !p(&one.value).Covers(p(&one.value).From) {
		f.add(r.file, line, "until", "the last day lies before the first")
		return
	}
	key := r.key(one.value)
	for _, i := range r.byKey[key] {
		had := r.list[i]
		switch {
		case r.period == nil:
			f.add(r.file, line, "", "line %d is about the same: %s", had.line, key)
			return
		case r.period(&one.value).overlaps(*r.period(&had.value)):
			f.add(r.file, line, "from", "line %d is about the same on a same day: %s", had.line, key)
			return
		}
	}
	r.byKey[key] = append(r.byKey[key], len(r.list))
	r.list = append(r.list, one)
}

// readable keeps out what a person does not see.
func readable(cell string) error {
	switch {
	case cell != strings.TrimSpace(cell):
		return errors.New("there are blanks around the text")
	case slices.ContainsFunc([]rune(cell), unicode.IsControl):
		return errors.New("there is a control character in the text")
	case utf8.RuneCountInString(cell) > maxCell:
		return fmt.Errorf("the text has more than %d characters", maxCell)
	}
	return nil
}

// unseen keeps out of new tables what stands in the text and shows nothing, or shows it in another order: what a second
// person approves is what he sees.
func (f *faults) unseen(docs Documents) {
	hidden := func(r rune) bool { return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) }
	for _, file := range slices.Sorted(maps.Keys(docs)) {
		line := 0
		for text := range bytes.SplitSeq(bytes.TrimPrefix(docs[file], []byte("\ufeff")), []byte("\n")) {
			if line++; bytes.ContainsFunc(text, hidden) {
				f.add(file, line, "", "there is a character in the text that cannot be seen")
			}
		}
	}
}

// write puts the table as its file into the documents: the same content is the same bytes.
func (r rows[T]) write(docs Documents) {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	columns := r.all()
	cells := make([]string, len(columns))
	for i, c := range columns {
		cells[i] = c.name
	}
	_ = w.Write(cells) // a buffer takes everything, and the writer's own fault is its separator, which is not set
	for _, one := range r.list {
		for i, c := range columns {
			cells[i] = c.get(one)
		}
		_ = w.Write(cells)
	}
	w.Flush()
	docs[r.file] = out.Bytes()
}
