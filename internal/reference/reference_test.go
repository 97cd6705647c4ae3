package reference

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// ISO 7064 gives A12425GABC1234002M as the worked example of MOD 37,36 (also the Global Release Identifier's).
func TestCheckCharacterOfThePublishedExample(t *testing.T) {
	if got := check("A12425GABC1234002"); got != 'M' {
		t.Errorf("check character %c, want M", got)
	}
}

func TestEverySingleSubstitutionIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ref := New("EHN")
		i := rapid.IntRange(0, Len-1).Draw(t, "place")
		c := alphabet[rapid.IntRange(0, 35).Draw(t, "character")]
		wrong := ref[:i] + string(c) + ref[i+1:]
		if _, err := Parse(wrong); (err == nil) != (wrong == ref) {
			t.Fatalf("%s read as %s: %v", ref, wrong, err)
		}
	})
}

func TestAReferenceCarriesItsBookAndIsNeverTheSame(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		r := New("BCA")
		if Book(r) != "BCA" || len(r) != Len || seen[r] {
			t.Fatalf("bad reference %s", r)
		}
		seen[r] = true
	}
}

func TestWhatAPersonTypes(t *testing.T) {
	r := New("HNI")
	typed := strings.ToLower(Format(r))
	if got, err := Parse(typed); err != nil || got != r {
		t.Errorf("%q read as %q: %v", typed, got, err)
	}
	for _, bad := range []string{"", r + "A", r[:15] + "é", "đ" + r[2:]} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	a := Attempt(r, 1)
	if got, err := ParseAttempt(a); err != nil || got != a || Order(a) != r {
		t.Errorf("%s: %s %v", a, got, err)
	}
	for _, bad := range []string{r, r + "1", r[:15] + "-A"} {
		if _, err := ParseAttempt(bad); err == nil {
			t.Errorf("%q was accepted as an attempt", bad)
		}
	}
}
