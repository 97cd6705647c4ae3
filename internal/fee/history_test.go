package fee

import (
	"encoding/json"
	"io/fs"
	"testing"

	"pgregory.net/rapid"

	"exchequer/internal/calendar"
	"exchequer/schedules"
)

var added = wording{Text: Text{"thêm", "added"}}

// later is the first day of a version that follows the last one.
func later(last, to dated, gapsAllowed bool) dated {
	if !to.IsZero() && !gapsAllowed {
		return dated{to.AddDays(1)}
	}
	return dated{calendar.NewDate(max(last.Year(), 2026)+3, 1, 1)}
}

func source(t *testing.T, name string) []byte {
	t.Helper()
	text, err := fs.ReadFile(schedules.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// withLaterVersions loads a schedule with one more version of every charge and of every parameter, and says from when
// on the first of them holds.
func withLaterVersions(t *testing.T, file string) (*tariff, calendar.Date) {
	t.Helper()
	var first calendar.Date
	add := func(from dated) dated {
		if first.IsZero() || from.Before(first) {
			first = from.Date
		}
		return from
	}
	parameters := map[string]*parameter{}
	files, err := fs.Glob(schedules.FS, "parameters/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		var doc parameterDoc
		l, err := read(name, source(t, name), &doc)
		if err != nil {
			t.Fatal(err)
		}
		v := doc.Versions[len(doc.Versions)-1]
		v.From, v.To, v.Value, v.Values, v.Otherwise, v.Unknown = add(later(v.From, v.To, false)), dated{}, "", nil, nil, added
		doc.Versions = append(doc.Versions, v)
		parameters[doc.Parameter] = l.parameter(&doc)
		if len(l.faults) > 0 {
			t.Fatal(l.faults)
		}
	}
	var doc document
	l, err := read(file, source(t, file), &doc)
	if err != nil {
		t.Fatal(err)
	}
	for i := range doc.Components {
		c := &doc.Components[i]
		if len(c.Versions) == 0 {
			continue
		}
		v := c.Versions[len(c.Versions)-1]
		v.From, v.To, v.Rules, v.Unknown = add(later(v.From, v.To, c.Elsewhere == "none")), dated{}, nil, added
		c.Versions = append(c.Versions, v)
	}
	out := l.tariff(&doc, parameters)
	if len(l.faults) > 0 {
		t.Fatal(l.faults)
	}
	return out, first
}

// TestALaterVersionDoesNotChangeThePast: for every case of every schedule, on days before the new versions begin, the
// lines or the refusal stay as they were, to the byte.
func TestALaterVersionDoesNotChangeThePast(t *testing.T) {
	s, err := Load(schedules.FS)
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Glob(schedules.FS, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		changed, first := withLaterVersions(t, file)
		before := s.tariffs[changed.service]
		rapid.Check(t, func(t *rapid.T) {
			example := before.examples[rapid.IntRange(0, len(before.examples)-1).Draw(t, "example")]
			on := example.On.Date
			if rapid.Bool().Draw(t, "another day") {
				on = first.AddDays(-rapid.IntRange(1, 3000).Draw(t, "days before"))
			}
			if !on.Before(first) || !datesBefore(example.Inputs, first) {
				return
			}
			request := Request{Service: changed.service, Date: on, Inputs: json.RawMessage(example.Inputs)}
			if a, b := answer(before.quote(request)), answer(changed.quote(request)); a != b {
				t.Fatalf("%s on %s with %s, before %s:\n%s\n%s", changed.service, on, example.Inputs, first, a, b)
			}
		})
	}
}

// datesBefore reports whether all dates in the inputs lie before a day: they choose versions too.
func datesBefore(inputs []byte, day calendar.Date) bool {
	var values map[string]any
	if json.Unmarshal(inputs, &values) != nil {
		return false
	}
	for _, v := range values {
		text, _ := v.(string)
		if d, err := calendar.ParseDate(text); err == nil && !d.Before(day) {
			return false
		}
	}
	return true
}

// answer writes the amounts of a quote with all that explains them, or its refusal.
func answer(q *Quote, err error) string {
	if err != nil {
		return err.Error()
	}
	out, _ := json.Marshal([]any{q.TotalVND, q.Provisional, q.Lines})
	return string(out)
}

// TestMoreUnitsAreNeverCheaperByTiers: whatever the tiers, one unit more of a graduated charge costs more by the price
// of the tier it lies in.
func TestMoreUnitsAreNeverCheaperByTiers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := &graduated{}
		for range rapid.IntRange(1, 8).Draw(t, "tiers") {
			k.tiers = append(k.tiers, tier{width: whole(rapid.Int64Range(1, 400).Draw(t, "width")), price: whole(rapid.Int64Range(0, 5000).Draw(t, "price"))})
		}
		k.coded("T", Text{})
		total := func(quantity int64) int64 {
			r := &run{tariff: &tariff{}}
			if err := k.tiered(r, Line{Code: "T"}, stretch{quantity: whole(quantity)}); err != nil {
				t.Fatal(err)
			}
			return r.sum
		}
		n := rapid.Int64Range(0, 4000).Draw(t, "quantity")
		inTier, upTo := 0, int64(0)
		for inTier < len(k.tiers)-1 && n >= upTo+k.tiers[inTier].width.coef {
			upTo += k.tiers[inTier].width.coef
			inTier++
		}
		if more := total(n+1) - total(n); more != k.tiers[inTier].price.coef {
			t.Fatalf("unit %d lies in tier %d of %s, and costs %d", n+1, inTier+1, k.tiers[inTier].price, more)
		}
	})
}
