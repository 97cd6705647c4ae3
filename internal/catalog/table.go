package catalog

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"exchequer/internal/calendar"
)

// Period is the days on which a row holds: from the first to the last, both included. Without a last day it holds
// until it gets one.
type Period struct {
	From  calendar.Date
	Until calendar.Date
}

// Covers reports whether a day lies in the period.
func (p Period) Covers(on calendar.Date) bool {
	return !on.Before(p.From) && (p.Until.IsZero() || !on.After(p.Until))
}

// end brings the last day forward to the first of the days that is one.
func (p *Period) end(days ...calendar.Date) {
	for _, d := range days {
		if !d.IsZero() && (p.Until.IsZero() || d.Before(p.Until)) {
			p.Until = d
		}
	}
}

func (p Period) overlaps(o Period) bool { return p.Covers(o.From) || o.Covers(p.From) }

// table says how one file is read and written: its columns, those that make a row the only one of its kind, and the days
// on which it holds, where it has days.
type table[T any] struct {
	file     string
	columns  []column[T]
	identity []string
	period   func(*T) *Period
}

// key is what makes a row the only one of its kind: its identity, in the order of the columns named.
func (t *table[T]) key(v T) string {
	parts := make([]string, len(t.identity))
	for _, c := range t.columns {
		if i := slices.Index(t.identity, c.name); i >= 0 {
			parts[i] = c.get(v)
		}
	}
	return keyed(parts...)
}

// column is one column of a table, by its name in the header.
type column[T any] struct {
	name string
	set  func(*T, string) error
	get  func(T) string
}

// row is one line of a file: what it says and where that comes from.
type row[T any] struct {
	value  T
	line   int
	mark   string
	source string
}

// rows is a table as it was read. Rows keep the order of the file.
type rows[T any] struct {
	*table[T]
	list  []row[T]
	byKey map[string][]int
}

// text is a column of words.
func text[T any, S ~string](name string, form form, at func(*T) *S) column[T] {
	return column[T]{
		name: name,
		set:  func(v *T, cell string) error { *at(v) = S(cell); return form(cell) },
		get:  func(v T) string { return string(*at(&v)) },
	}
}

// count is a column of whole numbers from 0 to 999.
func count[T any](name string, at func(*T) *int) column[T] {
	return column[T]{
		name: name,
		set: func(v *T, cell string) error {
			n, err := strconv.Atoi(cell)
			if err != nil || n < 0 || n > 999 || strconv.Itoa(n) != cell {
				return errors.New("give a whole number from 0 to 999")
			}
			*at(v) = n
			return nil
		},
		get: func(v T) string { return strconv.Itoa(*at(&v)) },
	}
}

// day is a column of dates.
func day[T any](name string, form form, at func(*T) *calendar.Date) column[T] {
	return column[T]{
		name: name,
		set: func(v *T, cell string) error {
			if err := form(cell); err != nil {
				return err
			}
			return at(v).UnmarshalText([]byte(cell))
		},
		get: func(v T) string { return at(&v).String() },
	}
}

// dated adds the columns of a period.
func dated[T any](period func(*T) *Period, columns ...column[T]) []column[T] {
	return append(columns,
		day("from", isText, func(v *T) *calendar.Date { return &period(v).From }),
		day("until", orNone(isText), func(v *T) *calendar.Date { return &period(v).Until }))
}

// example marks a row that is made up.
const example = "example"

// origin are the columns that every table has: how sure the row is, and where it comes from.
func (t *table[T]) origin() []column[row[T]] {
	return []column[row[T]]{
		text("mark", oneOf("read", "recalled", example), func(r *row[T]) *string { return &r.mark }),
		text("source", isText, func(r *row[T]) *string { return &r.source }),
	}
}

// all are the columns of a file, in the order in which they are written.
func (t *table[T]) all() []column[row[T]] {
	var out []column[row[T]]
	for _, c := range t.columns {
		out = append(out, column[row[T]]{
			name: c.name,
			set:  func(r *row[T], cell string) error { return c.set(&r.value, cell) },
			get:  func(r row[T]) string { return c.get(r.value) },
		})
	}
	return append(out, t.origin()...)
}

// on finds the row of a key that holds on a day.
func (r rows[T]) on(key string, day calendar.Date) (T, bool) {
	for _, i := range r.byKey[key] {
		if v := r.list[i].value; r.period == nil || r.period(&v).Covers(day) {
			return v, true
		}
	}
	var none T
	return none, false
}

// turns are the days on which what holds for a key may change: the first of each of its rows and the one after its last.
func (r rows[T]) turns(key string) []calendar.Date {
	var days []calendar.Date
	for _, i := range r.byKey[key] {
		v := r.list[i].value
		days = append(days, r.period(&v).From)
		if until := r.period(&v).Until; !until.IsZero() {
			days = append(days, until.AddDays(1))
		}
	}
	return days
}

// last finds the row of a key that holds longest.
func (r rows[T]) last(key string) (T, bool) {
	var out T
	found := false
	for _, i := range r.byKey[key] {
		if v := r.list[i].value; !found || r.period(&out).From.Before(r.period(&v).From) {
			out, found = v, true
		}
	}
	return out, found
}

// lastDay is the last day from a given one on without a gap on which the key has a row; zero where there is no such end.
func (r rows[T]) lastDay(key string, on calendar.Date) calendar.Date {
	var last calendar.Date
	for v, ok := r.on(key, on); ok; v, ok = r.on(key, last.AddDays(1)) {
		if last = r.period(&v).Until; last.IsZero() {
			break
		}
	}
	return last
}

func (r rows[T]) has(key string) bool { return len(r.byKey[key]) > 0 }

// values are the rows in the order of the file.
func (r rows[T]) values() []T {
	out := make([]T, len(r.list))
	for i, one := range r.list {
		out[i] = one.value
	}
	return out
}

// form says what may stand in a cell.
type form func(cell string) error

var (
	numberOf = regexp.MustCompile(`^[0-9A-Za-z.-]{1,34}$`)
	partOf   = regexp.MustCompile(`^[0-9A-Za-z._/-]{1,64}$`)
	nameOf   = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	bookOf   = regexp.MustCompile(`^[0-9A-Z]{3}$`)
)

// isPart: what the ledger takes as one part of an account's code. It is asked for here, because a code that the ledger
// refuses would be found out only when a payment is booked.
func isPart(cell string) error { return match(partOf, cell, "give 1 to 64 letters, digits or . _ / -") }

// isName: a key of a schedule: a service, a charge, a kind of body.
func isName(cell string) error { return match(nameOf, cell, "give a name of a-z, 0-9 and _") }

func isBook(cell string) error { return match(bookOf, cell, "give 3 characters of 0-9A-Z") }

// isNumber: an account as an ISO 20022 message can carry it.
func isNumber(cell string) error {
	return match(numberOf, cell, "give 1 to 34 letters, digits or . -")
}

func isText(cell string) error {
	if cell == "" {
		return errors.New("give a text")
	}
	return nil
}

func match(pattern *regexp.Regexp, cell, say string) error {
	if !pattern.MatchString(cell) {
		return errors.New(say)
	}
	return nil
}

// orNone lets a cell be empty.
func orNone(f form) form {
	return func(cell string) error {
		if cell == "" {
			return nil
		}
		return f(cell)
	}
}

func oneOf(words ...string) form {
	return func(cell string) error {
		if !slices.Contains(words, cell) {
			return fmt.Errorf("give %s", strings.Join(words, ", "))
		}
		return nil
	}
}
