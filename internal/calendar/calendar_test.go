package calendar_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"exchequer/internal/calendar"
)

func vietnam(t *testing.T) *calendar.Calendar {
	t.Helper()
	c, err := calendar.Vietnam()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestIsBusinessDay(t *testing.T) {
	c := vietnam(t)
	for _, day := range []struct {
		date string
		want bool
		why  string
	}{
		{"2025-06-02", true, "a Monday"},
		{"2025-06-07", false, "a Saturday"},
		{"2025-01-29", false, "Tet"},
		{"2025-01-24", true, "the Friday before Tet"},
		{"2025-04-26", true, "a Saturday worked to make up for 2 May"},
		{"2025-05-02", false, "the day it makes up for"},
		{"2026-08-22", true, "a Saturday worked to make up for 31 August"},
		{"2019-01-05", true, "a Saturday worked to make up for 31 December"},
	} {
		got, err := c.IsBusinessDay(calendar.MustDate(day.date))
		if err != nil || got != day.want {
			t.Errorf("%s, %s: got %v, %v; want %v", day.date, day.why, got, err, day.want)
		}
	}
}

func TestNothingIsGuessed(t *testing.T) {
	c := vietnam(t)
	for _, date := range []string{"2018-12-31", "2027-01-04", "2026-11-24", "2027-01-02"} {
		if got, err := c.IsBusinessDay(calendar.MustDate(date)); !errors.Is(err, calendar.ErrNotOnFile) {
			t.Errorf("%s: got %v, %v; want ErrNotOnFile", date, got, err)
		}
	}
	if d, err := c.Next(calendar.MustDate("2026-12-31")); !errors.Is(err, calendar.ErrNotOnFile) {
		t.Errorf("the day after the last year on file: got %s, %v", d, err)
	}
	if d, err := c.Add(calendar.MustDate("2026-11-20"), 3); !errors.Is(err, calendar.ErrNotOnFile) {
		t.Errorf("counting over a day that is unknown: got %s, %v", d, err)
	}
}

func TestMovingByBusinessDays(t *testing.T) {
	c := vietnam(t)
	for _, m := range []struct {
		from string
		n    int
		want string
	}{
		{"2025-06-02", 0, "2025-06-02"}, {"2025-06-07", 0, "2025-06-09"}, {"2025-06-06", 1, "2025-06-09"},
		{"2025-01-24", 1, "2025-02-03"}, {"2025-01-28", 0, "2025-02-03"}, {"2025-04-25", 1, "2025-04-26"},
		{"2025-04-25", 2, "2025-04-28"}, {"2025-04-29", 1, "2025-05-05"},
	} {
		got, err := c.Add(calendar.MustDate(m.from), m.n)
		if err != nil || got.String() != m.want {
			t.Errorf("%s + %d: got %s, %v; want %s", m.from, m.n, got, err, m.want)
		}
	}
	if d, err := c.Add(calendar.MustDate("2025-06-02"), -1); err == nil {
		t.Errorf("moving backwards: got %s, want an error", d)
	}
}

func TestBusinessDayOfAnInstant(t *testing.T) {
	c := vietnam(t)
	for _, i := range []struct {
		instant string // UTC
		want    string
		why     string
	}{
		{"2025-06-02T08:59:59Z", "2025-06-02", "15:59:59 in Vietnam, before the cut-off"},
		{"2025-06-02T09:00:00Z", "2025-06-03", "16:00 sharp is past it"},
		{"2025-06-02T17:00:00Z", "2025-06-03", "midnight in Vietnam begins the next day"},
		{"2025-06-06T09:00:00Z", "2025-06-09", "Friday after the cut-off"},
		{"2025-06-07T02:00:00Z", "2025-06-09", "Saturday morning"},
		{"2025-01-24T10:00:00Z", "2025-02-03", "the evening before Tet"},
		{"2025-04-26T02:00:00Z", "2025-04-26", "a worked Saturday"},
	} {
		at, err := time.Parse(time.RFC3339, i.instant)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.BusinessDay(at, 16*time.Hour)
		if err != nil || got.String() != i.want {
			t.Errorf("%s (%s): got %s, %v; want %s", i.instant, i.why, got, err, i.want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	const head = "date,kind,why,source\n"
	for name, text := range map[string]string{
		"no head":             "2025-01-01,off,New Year,recalled\n",
		"empty":               "",
		"a kind nobody knows": head + "2025-01-01,holiday,New Year,recalled\n",
		"a date that is none": head + "2025-02-30,off,?,recalled\n",
		"a day twice":         head + "2025-01-01,off,a,recalled\n2025-01-01,off,b,recalled\n",
		"a Sunday off":        head + "2025-06-08,off,a,recalled\n",
		"a Monday worked":     head + "2025-06-09,work,a,recalled\n",
		"a column missing":    head + "2025-06-09,off,a\n",
	} {
		if _, err := calendar.Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}
