package calendar

import (
	"cmp"
	"database/sql/driver"
	"fmt"
	"time"
	_ "time/tzdata" // the zone must be there on machines without a zone database
)

// Zone is Asia/Ho_Chi_Minh, the zone of every business day.
var Zone = mustZone("Asia/Ho_Chi_Minh")

// Clock tells the time. Business code is given one and never asks the machine's own.
type Clock interface {
	Now() time.Time
}

// Date is a civil date without zone or time of day. The zero Date means "none".
type Date struct {
	year  int
	month time.Month
	day   int
}

// NewDate makes a Date; out-of-range days roll over as in time.Date.
func NewDate(year int, month time.Month, day int) Date {
	return dateOf(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
}

// DayOf gives the civil date of an instant in Asia/Ho_Chi_Minh.
func DayOf(t time.Time) Date { return dateOf(t.In(Zone)) }

// ParseDate reads YYYY-MM-DD (ISO 8601).
func ParseDate(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return Date{}, fmt.Errorf("%q is not a date in the form YYYY-MM-DD", s)
	}
	return dateOf(t), nil
}

// ParseInstant reads an instant (RFC 3339), or a date, which stands for the last moment of that day in
// Asia/Ho_Chi_Minh.
func ParseInstant(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	d, err := ParseDate(s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither an instant like 2025-06-02T09:00:00+07:00 nor a day like 2025-06-02", s)
	}
	return d.AddDays(1).At(0).Add(-time.Nanosecond), nil
}

// MustDate is ParseDate for dates written in code; it panics on a malformed one.
func MustDate(s string) Date {
	d, err := ParseDate(s)
	if err != nil {
		panic(err)
	}
	return d
}

// DateOf gives the date a time shows in its own zone: for days that come as midnight UTC from public packages.
func DateOf(t time.Time) Date { return dateOf(t) }

func dateOf(t time.Time) Date {
	y, m, d := t.Date()
	return Date{y, m, d}
}

// IsZero reports whether the date is "none".
func (d Date) IsZero() bool { return d == Date{} }

// Year gives the calendar year.
func (d Date) Year() int { return d.year }

// Month gives the calendar month.
func (d Date) Month() time.Month { return d.month }

// Day gives the day of the month.
func (d Date) Day() int { return d.day }

// Weekday gives the day of the week.
func (d Date) Weekday() time.Weekday { return d.UTC().Weekday() }

// UTC gives midnight UTC of the date, the form in which public packages take days.
func (d Date) UTC() time.Time { return time.Date(d.year, d.month, d.day, 0, 0, 0, 0, time.UTC) }

// At gives the instant at which the clocks of Asia/Ho_Chi_Minh show this time of day on the date.
func (d Date) At(sinceMidnight time.Duration) time.Time {
	return time.Date(d.year, d.month, d.day, 0, 0, 0, 0, Zone).Add(sinceMidnight)
}

// AddDays moves by calendar days.
func (d Date) AddDays(n int) Date { return dateOf(d.UTC().AddDate(0, 0, n)) }

// DaysSince counts calendar days from o to d; negative when d is earlier.
func (d Date) DaysSince(o Date) int { return int(d.UTC().Sub(o.UTC()) / (24 * time.Hour)) }

// Before reports whether d is earlier than o.
func (d Date) Before(o Date) bool { return d.Compare(o) < 0 }

// After reports whether d is later than o.
func (d Date) After(o Date) bool { return d.Compare(o) > 0 }

// Compare orders dates: -1, 0 or 1.
func (d Date) Compare(o Date) int {
	return cmp.Or(cmp.Compare(d.year, o.year), cmp.Compare(d.month, o.month), cmp.Compare(d.day, o.day))
}

// String gives YYYY-MM-DD, and "" for none.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.UTC().Format(time.DateOnly)
}

// MarshalText writes YYYY-MM-DD.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads YYYY-MM-DD; the empty text is none.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = Date{}
		return nil
	}
	v, err := ParseDate(string(b))
	if err == nil {
		*d = v
	}
	return err
}

// Value stores the date; none is NULL.
func (d Date) Value() (driver.Value, error) {
	if d.IsZero() {
		return nil, nil
	}
	return d.UTC(), nil
}

// Scan reads a date column.
func (d *Date) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*d = Date{}
	case time.Time:
		*d = dateOf(v)
	case string:
		return d.UnmarshalText([]byte(v))
	default:
		return fmt.Errorf("cannot read a date from %T", src)
	}
	return nil
}

func mustZone(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err) // the zone database is compiled in: only a broken build gets here
	}
	return loc
}
