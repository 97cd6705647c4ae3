package fee

import (
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzMembers compares the walk with the standard library on every valid object without repeated keys.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { } `, `{"a":1}`, `{ "a" : 1 , "b" : "x" }`, "{\n\t\"a\":\r\n-1.5e3\n}", `{"a\"}":"}\\","b":[1,{"c":"]"}],"c":{"d":{}}}`,
		`{"":null,"k\u0077h":true,"số":"hộ"}`, `{"a":[],"b":""}`, `{"a":1,"a":2}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &want) != nil || want == nil {
			return
		}
		got := map[string]json.RawMessage{}
		start := 0
		for text[start] != '{' {
			start++
		}
		for m := (members{rest: []byte(text[start+1:])}); m.next(); {
			got[m.key] = m.value
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	})
}
