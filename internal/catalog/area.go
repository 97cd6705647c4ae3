package catalog

import (
	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// Area is an administrative unit by its code of the General Statistics Office. A code may name another unit later.
type Area struct {
	Code   string
	Level  string // province
	NameVI string
	NameEN string
	Period
}

// succession says which area an area went into on a day.
type succession struct {
	Old string
	New string
	On  calendar.Date
}

// AreaOn finds the area to which, on a day, the area belongs that had the code on an earlier day. NotFound when no area
// had the code then, or what became of it is not entered.
func (c *Catalog) AreaOn(code string, then, on calendar.Date) (Area, error) {
	a, ok := c.areas.on(code, then)
	for ok && !a.Covers(on) {
		var next succession
		next, ok = c.successions.last(keyed(a.Code, a.Until.AddDays(1).String()))
		if ok {
			a, ok = c.areas.on(next.New, next.On)
		}
	}
	if !ok || on.Before(then) {
		return Area{}, refusal(problem.NotFound, "area", "không có địa bàn nào của ngày %s mang mã %q vào ngày %s",
			"no area of %s had the code %q on %s", on, code, then)
	}
	return a, nil
}
