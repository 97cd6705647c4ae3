package api

import "testing"

func TestADetailLosesWhatTheCallerSent(t *testing.T) {
	body := map[string]any{"service": "s", "inputs": map[string]any{"action": "Nguyễn \"A\"", "kwh": 12345, "list": []any{"B C"}}}
	for detail, want := range map[string]string{
		`"Nguyễn \"A\"" is not allowed: use one of new, exchange`: `the value is not allowed: use one of new, exchange`,
		`12345 is over the most allowed, 999`:                     `the value is over the most allowed, 999`,
		`neither "B C" nor "12345"`:                               `neither the value nor the value`,
		`"action" is required`:                                    `"action" is required`,
	} {
		if got := reading(body).unsaid(detail, "the value"); got != want {
			t.Errorf("%s\nbecame %s\n  want %s", detail, got, want)
		}
	}
	if got := reading(body).unsaid(`12345 vượt mức cao nhất được nhận, 999`, "giá trị"); got != "giá trị vượt mức cao nhất được nhận, 999" {
		t.Errorf("in Vietnamese it became %s", got)
	}
}

func TestWhereAFieldStands(t *testing.T) {
	for field, want := range map[string]Fault{
		"service": {Pointer: "#/service"}, "kwh": {Pointer: "#/inputs/kwh"}, "charge": {}, headerKey: {Parameter: headerKey},
	} {
		if got := reading(map[string]any{"service": "s", "inputs": map[string]any{}}).place(field); got != want {
			t.Errorf("%s: %+v", field, got)
		}
	}
	if got := reading(map[string]any{"bills": []string{"x"}}).place("ref"); got.Pointer != "#/bills" {
		t.Errorf("%+v", got)
	}
	if got := reading(nil).place("ref"); got.Parameter != "ref" {
		t.Errorf("%+v", got)
	}
}

func TestReadingAKey(t *testing.T) {
	for value, want := range map[string]string{`k-1`: "k-1", `"k-1"`: "k-1", ` "a \"b\"" `: `a "b"`, "": "", `"`: "", "a\tb": "", "é": ""} {
		got, err := readKey(value)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q gives %q, %v", value, got, err)
		}
	}
}
