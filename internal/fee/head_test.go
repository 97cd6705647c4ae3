package fee_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"exchequer/internal/fee"
	"exchequer/schedules"
)

func TestHeadsAreToldApart(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"valid_days: 30", "valid_days: 10", "valid_days: 30 -> 10"},
		{"body: road_authority", "body: other_authority", "body: road_authority -> other_authority"},
		{"name: {vi: Phí, en: Toll}", "name: {vi: Phí đường bộ, en: Road toll}", ""},
		{"components:", "# read again\ncomponents:", ""},
	} {
		changed := strings.Replace(sound, c.old, c.new, 1)
		if changed == sound {
			t.Fatalf("the schedule has no %q", c.old)
		}
		var got []string
		for _, h := range fee.CompareHeads("toll.yaml", []byte(sound), []byte(changed)) {
			got = append(got, fmt.Sprintf("%s: %s -> %s", h.What, h.Was, h.Is))
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %v, want %s", c.new, got, c.want)
		}
	}
	const one, two = "components: [{id: a, code: A}, {id: b, code: B}]", "components: [{id: b, code: B}, {id: c}, {id: a, code: A}]"
	want := []fee.HeadChange{{What: "order of the components", Was: "a, b", Is: "b, a"}}
	if got := fee.CompareHeads("x.yaml", []byte(one), []byte(two)); !slices.Equal(got, want) {
		t.Errorf("the order: %v", got)
	}
	if got := fee.CompareHeads("x.yaml", []byte(one), []byte("components: [{id: a}, {id: c}, {id: b}]")); got != nil {
		t.Errorf("a component more: %v", got)
	}
	if got := fee.CompareHeads("x.yaml", []byte("{"), []byte("valid_days: 5")); len(got) != 1 || got[0].Was != "" || got[0].Is != "5" {
		t.Errorf("a text that cannot be read: %v", got)
	}
}

// TestNothingButWordsChangesUnseen changes every leaf of real documents, and takes away every key, one after another: but for
// names, labels and examples each is another head, digest or day.
func TestNothingButWordsChangesUnseen(t *testing.T) {
	docs, err := fee.ReadDocuments(schedules.FS)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"electricity_household.yaml", "parameters/car_registration_rate.yaml"} {
		var tree map[string]any
		if err := yaml.Unmarshal(docs[name], &tree); err != nil {
			t.Fatal(err)
		}
		shorten(tree)
		before := asYAML(t, tree)
		digests, err := fee.Digests(name, before)
		if err != nil {
			t.Fatal(err)
		}
		if got := fee.CompareHeads(name, docs[name], before); got != nil { // also: what was shortened is no head
			t.Fatalf("%s written in another way: %v", name, got)
		}
		changed := 0
		eachChange(tree, "", func(path string) {
			changed++
			text := asYAML(t, tree)
			now, err := fee.Digests(name, text)
			seen := !slices.Equal(digests, now) || len(fee.CompareHeads(name, before, text)) > 0
			if err != nil || seen == words(path) {
				t.Errorf("%s, %s: seen is %t, %v", name, path, seen, err)
			}
		})
		if changed < 50 {
			t.Errorf("%s: only %d changes were tried", name, changed)
		}
	}
}

// shorten leaves one example, and of each component and parameter the last two versions: reading is slow.
func shorten(tree map[string]any) {
	last := func(of map[string]any, key string, n int) {
		if all, _ := of[key].([]any); len(all) > n {
			of[key] = all[len(all)-n:]
		}
	}
	last(tree, "examples", 1)
	last(tree, "versions", 2)
	components, _ := tree["components"].([]any)
	for _, c := range components {
		last(c.(map[string]any), "versions", 2)
	}
}

// words reports whether a path leads to what is for people only.
func words(path string) bool {
	return strings.HasPrefix(path, ".name") || strings.HasPrefix(path, ".examples") || strings.Contains(path, ".label")
}

func asYAML(t *testing.T, tree any) []byte {
	t.Helper()
	text, err := json.Marshal(tree) // which is YAML too
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// eachChange calls fn while one leaf, or one key, of the tree is another or away.
func eachChange(node any, path string, fn func(path string)) {
	visit := func(at string, get any, set func(any)) {
		switch get.(type) {
		case map[string]any, []any:
			eachChange(get, at, fn)
		default:
			set(fmt.Sprint(get) + "7")
			fn(at)
			set(get)
		}
	}
	switch n := node.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(n)) {
			at, kept := path+"."+key, n[key]
			visit(at, kept, func(v any) { n[key] = v })
			delete(n, key)
			fn(at + " away")
			n[key] = kept
		}
	case []any:
		for i := range n {
			visit(fmt.Sprintf("%s[%d]", path, i), n[i], func(v any) { n[i] = v })
		}
	}
}
