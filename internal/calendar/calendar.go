// Package calendar owns dates, business days, cut-offs and holidays.
//
// It guarantees that a business day is a day of Asia/Ho_Chi_Minh and that nothing is computed past a year whose
// holidays are not on file. It is not a source of the current time: a Clock is passed in.
package calendar

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// ErrNotOnFile is returned, wrapped with the day, when it cannot be said whether a day is worked: its year's days off
// are not on file, or the day itself is marked unknown. The caller must not guess; the data file must be completed.
var ErrNotOnFile = errors.New("the calendar does not say whether this day is worked")

type kind byte

const (
	dayOff kind = iota + 1
	dayWorked
	dayUnknown
)

// Calendar knows which days are worked. It never changes after it was read.
type Calendar struct {
	years map[int]bool
	days  map[Date]kind
}

//go:embed data/vietnam.csv
var vietnam string

// Vietnam gives the calendar of Vietnam's civil service and banks, from the data file compiled in. Every caller gets
// the same one.
func Vietnam() (*Calendar, error) { return readVietnam() }

var readVietnam = sync.OnceValues(func() (*Calendar, error) { return Read(strings.NewReader(vietnam)) })

// Read reads a calendar as CSV with the columns date, kind (off, work, unknown; year = this year is on file), why and
// source. A line that starts with # is a comment. A day named twice or a weekend day marked off is refused.
func Read(r io.Reader) (*Calendar, error) {
	rows := csv.NewReader(r)
	rows.Comment = '#'
	rows.FieldsPerRecord = 4
	all, err := rows.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("reading the calendar: %w", err)
	}
	if len(all) == 0 || all[0][0] != "date" || all[0][1] != "kind" {
		return nil, errors.New("reading the calendar: the first row must be date,kind,why,source")
	}
	c := &Calendar{years: map[int]bool{}, days: map[Date]kind{}}
	for _, row := range all[1:] {
		if err := c.add(row[0], row[1]); err != nil {
			return nil, fmt.Errorf("reading the calendar: %w", err)
		}
	}
	return c, nil
}

func (c *Calendar) add(date, word string) error {
	d, err := ParseDate(date)
	if err != nil {
		return err
	}
	if word == "year" {
		c.years[d.Year()] = true
		return nil
	}
	k, ok := map[string]kind{"off": dayOff, "work": dayWorked, "unknown": dayUnknown}[word]
	switch {
	case !ok:
		return fmt.Errorf("%s: kind %q is none of off, work, unknown, year", d, word)
	case c.days[d] != 0:
		return fmt.Errorf("%s is named twice", d)
	case k == dayOff && weekend(d), k == dayWorked && !weekend(d):
		return fmt.Errorf("%s is a %s: marking it %q changes nothing", d, d.Weekday(), word)
	}
	c.days[d] = k
	return nil
}

func weekend(d Date) bool { return d.Weekday() == time.Saturday || d.Weekday() == time.Sunday }

// IsBusinessDay reports whether the day is worked. It fails with ErrNotOnFile.
func (c *Calendar) IsBusinessDay(d Date) (bool, error) {
	if !c.years[d.Year()] {
		return false, fmt.Errorf("%s: %w: complete the days off of %d", d, ErrNotOnFile, d.Year())
	}
	switch c.days[d] {
	case dayOff:
		return false, nil
	case dayWorked:
		return true, nil
	case dayUnknown:
		return false, fmt.Errorf("%s: %w: it is marked unknown", d, ErrNotOnFile)
	}
	return !weekend(d), nil
}

// OnOrAfter gives the day itself when it is worked, else the next day that is. It fails with ErrNotOnFile.
func (c *Calendar) OnOrAfter(d Date) (Date, error) {
	for {
		worked, err := c.IsBusinessDay(d)
		if err != nil {
			return Date{}, err
		}
		if worked {
			return d, nil
		}
		d = d.AddDays(1)
	}
}

// Next gives the first worked day after d. It fails with ErrNotOnFile.
func (c *Calendar) Next(d Date) (Date, error) { return c.OnOrAfter(d.AddDays(1)) }

// Add moves on by n worked days, n >= 0: 0 gives the day itself when it is worked, else the next one, and every
// further one is a Next. It fails with ErrNotOnFile, and for a negative n.
func (c *Calendar) Add(d Date, n int) (Date, error) {
	if n < 0 {
		return Date{}, fmt.Errorf("cannot move by %d business days: only forwards", n)
	}
	d, err := c.OnOrAfter(d)
	for ; n > 0 && err == nil; n-- {
		d, err = c.Next(d)
	}
	return d, err
}

// BusinessDay gives the business day an instant belongs to: the civil day in Asia/Ho_Chi_Minh when it is worked and
// the clocks show less than the cut-off (time since midnight), else the next worked day. It fails with ErrNotOnFile.
func (c *Calendar) BusinessDay(t time.Time, cutoff time.Duration) (Date, error) {
	d := DayOf(t)
	if t.Before(d.At(cutoff)) {
		return c.OnOrAfter(d)
	}
	return c.Next(d)
}
