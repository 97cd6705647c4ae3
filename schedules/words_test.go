package schedules_test

import (
	"fmt"
	"testing"

	"github.com/goccy/go-yaml"

	"exchequer/internal/fee"
	"exchequer/schedules"
)

// What people are shown stands in both languages: why an amount is refused, what an input must be, and the words of every
// line, be they the component's or, where its lines differ, the rules' or the parts' own.
func TestWordsStandInBothLanguages(t *testing.T) {
	docs, err := fee.ReadDocuments(schedules.FS)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range docs {
		var doc map[string]any
		if err := yaml.Unmarshal(text, &doc); err != nil {
			t.Fatal(err)
		}
		for _, fault := range append(oneLanguage(doc), wordless(doc)...) {
			t.Errorf("%s: %s", name, fault)
		}
	}
}

// oneLanguage finds what is written plainly.
func oneLanguage(node any) (faults []string) {
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			if plain, ok := value.(string); ok && (key == "unknown" || key == "say") {
				faults = append(faults, fmt.Sprintf("%s: %q is in one language", key, plain))
			}
			faults = append(faults, oneLanguage(value)...)
		}
	case []any:
		for _, one := range node {
			faults = append(faults, oneLanguage(one)...)
		}
	}
	return faults
}

// wordless finds components with lines that have no words.
func wordless(doc map[string]any) (faults []string) {
	for _, component := range list(doc["components"]) {
		if component["label"] != nil {
			continue
		}
		for _, version := range append(list(component["versions"]), component) {
			for _, rule := range list(version["rules"]) {
				if !labelled(rule) {
					faults = append(faults, fmt.Sprintf("the rule %v of %v has no label", rule["rule"], component["id"]))
				}
			}
		}
	}
	return faults
}

func labelled(rule map[string]any) bool {
	if rule["unknown"] != nil || rule["label"] != nil {
		return true
	}
	split, ok := rule["split"].(map[string]any)
	for _, part := range list(split["parts"]) {
		ok = ok && part["label"] != nil
	}
	return ok
}

func list(node any) (out []map[string]any) {
	items, _ := node.([]any)
	for _, item := range items {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
