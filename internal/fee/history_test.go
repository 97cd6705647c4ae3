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

// additions counts the versions added, by their first day.
type additions struct{ first calendar.Date }

func (a *additions) add(from dated) dated {
	if a.first.IsZero() || from.Before(a.first) {
		a.first = from.Date
	}
	return from
}

// laterParameters compiles the parameters on file with one more version of each.
func laterParameters(t *testing.T, a *additions) map[string]*parameter {
	t.Helper()
	out := map[string]*parameter{}
	files, err := fs.Glob(schedules.FS, "parameters/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		var doc parameterDoc
		l, err := read(name, source(t, name), false, &doc)
		if err != nil {
			t.Fatal(err)
		}
		v := doc.Versions[len(doc.Versions)-1]
		v.From, v.To, v.Value, v.Values, v.Otherwise, v.Unknown = a.add(later(v.From, v.To, false)), dated{}, "", nil, nil, added
		doc.Versions = append(doc.Versions, v)
		if out[doc.Parameter] = l.parameter(&doc); l.faults.any() {
			t.Fatal(l.faults)
		}
	}
	return out
}

// laterVersions compiles a schedule with one more version of every charge.
func laterVersions(t *testing.T, a *additions, file string, parameters map[string]*parameter) *tariff {
	t.Helper()
	var doc document
	l, err := read(file, source(t, file), false, &doc)
	if err != nil {
		t.Fatal(err)
	}
	for i := range doc.Components {
		c := &doc.Components[i]
		if len(c.Versions) == 0 {
			continue
		}
		v := c.Versions[len(c.Versions)-1]
		v.From, v.To, v.Rules, v.Unknown = a.add(later(v.From, v.To, c.Elsewhere == "none")), dated{}, nil, added
		c.Versions = append(c.Versions, v)
	}
	out := l.tariff(&doc, parameters)
	if l.faults.any() {
		t.Fatal(l.faults)
	}
	return out
}

// TestALaterVersionDoesNotChangeThePast: whatever is asked of any service, with days before a new version of its charges
// and of all parameters begins, the lines or the refusal stay as they were, to the byte.
func TestALaterVersionDoesNotChangeThePast(t *testing.T) {
	var ofParameters additions
	parameters := laterParameters(t, &ofParameters)
	for _, before := range everyTariff(t) {
		a, compared := ofParameters, 0
		changed := laterVersions(t, &a, before.service+".yaml", parameters)
		rapid.Check(t, func(t *rapid.T) {
			request := drawRequest(t, before)
			if !request.Date.Before(a.first) || !datesBefore(request.Inputs, a.first) {
				return
			}
			compared++
			if was, is := answer(before.quote(request)), answer(changed.quote(request)); was != is {
				t.Fatalf("%s on %s with %s, before %s:\n%s\n%s", changed.service, request.Date, request.Inputs, a.first, was, is)
			}
		})
		if compared == 0 {
			t.Errorf("no case of %s lies before %s", before.service, a.first)
		}
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
