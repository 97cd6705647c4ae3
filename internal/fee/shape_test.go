package fee_test

import (
	"fmt"
	"strings"
	"testing"

	"exchequer/internal/fee"
)

// TestATextOfNoSchedulesShapeIsRefused: what would take the YAML parser minutes is refused before it, by size and shape.
func TestATextOfNoSchedulesShapeIsRefused(t *testing.T) {
	var keys strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&keys, "a%d: b\n", i)
	}
	flow := "a: {" + strings.ReplaceAll(keys.String(), "\n", ", ") + "}"
	for _, c := range []struct{ name, text, want string }{
		{"too long", strings.Repeat("[", 1<<20), "1: the document has 1048576 bytes, at most 262144 are read"},
		{"brackets", strings.Repeat("[", 50_000), "1: it is nested deeper than 64 levels"},
		{"brackets on many lines", strings.Repeat("{a:\n", 50_000), "65: it is nested deeper than 64 levels"},
		{"lists of lists", strings.Repeat("- ", 50_000), "1: it is nested deeper than 64 levels"},
		{"lists within brackets", "[" + strings.Repeat("- ", 50_000), "1: a dash stands within the bracket of line 1, which is not closed before it"},
		{"keys of keys", strings.Repeat("a: ", 40_000), "1: it is nested deeper than 64 levels"},
		{"deeper by a space a line", stairs(300), "65: it is nested deeper than 64 levels"},
		{"brackets that close nothing", "a: b\n" + strings.Repeat("]", 50_000), "2: ] closes nothing"},
		{"keys", keys.String(), "201: a mapping has more than 200 keys"},
		{"keys between brackets", flow, "1: a mapping has more than 200 keys"},
		{"documents", strings.Repeat("---\na\n", 40_000), "3: a file holds exactly one YAML document"},
		{"keys with a question mark", strings.Repeat("? a\n", 40_000), "1: a key is written before a colon, without `?`"},
		{"a text", "a: " + strings.Repeat("long ", 2000), `1: "` + strings.Repeat("long ", 16) + `"… has 9999 bytes, a text has at most 8192`},
		{"a text of two directions", "a: fee \u202eeef", `1: "fee \u202eeef" holds a line break or another character that cannot be seen`},
		{"a text with nothing in it", "a: fe\u200be", `1: "fe\u200be" holds a line break or another character that cannot be seen`},
		{"anchors", "a: " + strings.Repeat("&a ", 40_000), "1: tags, anchors, aliases and merge keys are not allowed in a schedule"},
	} {
		_, err := fee.Compile(fee.Documents{"toll.yaml": []byte(c.text), "parameters/vat.yaml": []byte(soundParameter)})
		if err == nil || err.Error() != "toll.yaml:"+c.want {
			t.Errorf("%s: got %.300v", c.name, err)
		}
	}
}

func stairs(n int) string {
	var out strings.Builder
	for i := range n {
		out.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return out.String()
}

func TestABracketThatIsMeantStandsInQuotes(t *testing.T) {
	text := strings.Replace(sound, "rule: KM,", `rule: "KM]",`, 1)
	s, err := fee.Load(folder(text, soundParameter))
	if err != nil {
		t.Fatal(err)
	}
	if q := mustAsk(t, s, "toll", "2020-06-01", `{"km": 10.1}`); q.Lines[0].Rule.En != "KM]" {
		t.Errorf("the rule is called %q", q.Lines[0].Rule.En)
	}
}

func TestDocumentsAreBoundedTogether(t *testing.T) {
	docs := fee.Documents{}
	for i := range 9 {
		docs[fmt.Sprintf("parameters/p%c.yaml", 'a'+i)] = []byte(strings.Repeat("#\n", 120_000))
	}
	if _, err := fee.Compile(docs); err == nil || err.Error() != "the documents have 2160000 bytes together, at most 2097152 are read" {
		t.Errorf("got %.300v", err)
	}
}

// TestFaultsAreToldInMeasure: a document with thousands of faults, in whatever place, is refused with the first fifty.
func TestFaultsAreToldInMeasure(t *testing.T) {
	long := strings.Repeat("a", 50_000)
	for _, c := range []struct{ name, old, new, last string }{
		{"components of nothing", "components:\n", "components:\n" + strings.Repeat("- {}\n", 20_000) + "rest:\n", ""},
		{"components", "  - id: toll\n", strings.Repeat("  - {}\n", 2000) + "  - id: toll\n", "and at least 3"},
		{"rules", "          - {rule: TRUCKS,", strings.Repeat("          - {rule: R, is: {wheels: a}, exempt: true}\n", 1500) + "          - {rule: TRUCKS,", "and at least 1450 more faults"},
		{"expressions", "          - {rule: TRUCKS,", strings.Repeat("          - {rule: R, when: wheels, exempt: true}\n", 1500) + "          - {rule: TRUCKS,", ""},
		{"examples", "  - {on: 2020", strings.Repeat("  - {on: 2020-06-01, inputs: {km: 1}, total: \"1\"}\n", 1500) + "  - {on: 2020", ""},
		{"inputs", "  - {name: axles", strings.Repeat("  - {name: A!}\n", 1500) + "  - {name: axles", ""},
		{"a long name", "class: truck", "class: " + long, ""},
		{"a long key", "body: ", long + ": a\nbody: ", ""},
	} {
		_, err := fee.Load(folder(strings.Replace(sound, c.old, c.new, 1), soundParameter))
		if err == nil {
			t.Errorf("%s: it loaded", c.name)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		if len(lines) > 51 || len(err.Error()) > 20_000 || !strings.HasPrefix(lines[len(lines)-1], c.last) {
			t.Errorf("%s: %d lines of %d bytes, the last %.100q", c.name, len(lines), len(err.Error()), lines[len(lines)-1])
		}
	}
	bad := strings.Replace(sound, "          - {rule: TRUCKS,", strings.Repeat("          - {rule: R, is: {wheels: a}, exempt: true}\n", 40)+"          - {rule: TRUCKS,", 1)
	docs := fee.Documents{"parameters/vat.yaml": []byte(soundParameter)}
	for _, name := range []string{"a", "b", "c"} {
		docs[name+".yaml"] = []byte(strings.Replace(bad, "service: toll", "service: "+name, 1))
	}
	_, err := fee.Compile(docs)
	if err == nil || strings.Count(err.Error(), "\n") != 50 || !strings.HasSuffix(err.Error(), "\nand at least 30 more faults") {
		t.Errorf("of three documents: %.3000v", err)
	}
}
