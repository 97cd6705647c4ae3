package catalog

import "exchequer/internal/calendar"

// Areas lists the areas that exist on a day.
func (c *Catalog) Areas(on calendar.Date) []Area {
	var out []Area
	for _, a := range c.areas.values() {
		if a.Covers(on) {
			out = append(out, a)
		}
	}
	return out
}
