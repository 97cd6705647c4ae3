package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"exchequer/internal/reference"
)

// name stands in the inputs of refused requests, as people do put things into the wrong field.
const name = "Nguyễn Văn Thử"

// nowhere is a well-formed reference under which there is nothing.
var nowhere = reference.New("HNI")

// TestBadInput holds every request that must be refused: with its status and code, as a problem document that repeats
// nothing, and without a row written.
func TestBadInput(t *testing.T) {
	r := newRig(t)
	quote := func(body string) [3]string { return [3]string{"POST", "/v1/quotes", body} }
	bill := func(body string) [3]string { return [3]string{"POST", "/v1/bills", body} }
	cases := map[string]struct {
		request [3]string
		status  int
		code    string
		at      string // pointer or parameter of the first fault
	}{
		"unknown service":            {quote(`{"service": "` + name + `", "date": "2025-06-02", "inputs": {}}`), 404, "not_found", "#/service"},
		"missing input":              {quote(`{"service": "driving_licence", "date": "2024-05-06", "inputs": {"action": "new"}}`), 422, "invalid", "#/inputs/channel"},
		"ill-typed input":            {quote(`{"service": "driving_licence", "date": "2024-05-06", "inputs": {"action": 7, "channel": "online"}}`), 422, "invalid", "#/inputs/action"},
		"value that is no choice":    {quote(`{"service": "driving_licence", "date": "2024-05-06", "inputs": {"action": "` + name + `", "channel": "online"}}`), 422, "invalid", "#/inputs/action"},
		"name for a number":          {quote(`{"service": "traffic_fine", "date": "2025-06-02", "inputs": {"fine": "` + name + `", "deadline": "2025-06-10"}}`), 422, "invalid", "#/inputs/fine"},
		"name for a date":            {quote(`{"service": "traffic_fine", "date": "2025-06-02", "inputs": {"fine": 1, "deadline": "` + name + `"}}`), 422, "invalid", "#/inputs/deadline"},
		"number with a fraction":     {quote(`{"service": "driving_licence", "date": "2024-05-06", "inputs": {"action": "new", "channel": "online", "eid_level": 0.123456789}}`), 422, "invalid", "#/inputs/eid_level"},
		"unknown input":              {quote(`{"service": "driving_licence", "date": "2024-05-06", "inputs": {"` + name + `": 1}}`), 422, "invalid", "#/inputs"},
		"inputs not an object":       {quote(`{"service": "driving_licence", "date": "2024-05-06", "inputs": "` + name + `"}`), 422, "invalid", "#/inputs"},
		"inputs missing":             {quote(`{"service": "driving_licence", "date": "2024-05-06"}`), 422, "invalid", "#"},
		"date not a date":            {quote(`{"service": "driving_licence", "date": "2024-13-06", "inputs": {}}`), 422, "invalid", "#/date"},
		"name for the date":          {quote(`{"service": "driving_licence", "date": "` + name + `", "inputs": {}}`), 422, "invalid", "#/date"},
		"before the first version":   {quote(`{"service": "driving_licence", "date": "2016-12-31", "inputs": {"action": "new", "channel": "online"}}`), 422, "refused", ""},
		"sources conflict":           {quote(`{"service": "driving_licence", "date": "2026-01-01", "inputs": {"action": "new", "channel": "online"}}`), 422, "refused", ""},
		"unknown field":              {quote(`{"service": "driving_licence", "date": "2024-05-06", "inputs": {}, "` + name + `": 1}`), 422, "invalid", "#"},
		"wrong type of a field":      {quote(`{"service": 77777777, "date": "2024-05-06", "inputs": {}}`), 422, "invalid", "#/service"},
		"not JSON":                   {quote(name + ` owes 5`), 400, "invalid", ""},
		"member twice":               {quote(`{"service": "` + name + `", "service": "passport", "date": "2024-05-06", "inputs": {}}`), 400, "invalid", ""},
		"member in other letters":    {quote(`{"service": "passport", "Service": "` + name + `", "date": "2024-05-06", "inputs": {}}`), 400, "invalid", ""},
		"input twice":                {quote(`{"service": "driving_licence", "date": "2024-05-06", "inputs": {"action": "new", "action": "` + name + `", "channel": "online"}}`), 400, "invalid", ""},
		"two documents":              {quote(`{} {}`), 400, "invalid", ""},
		"JSON that is cut off":       {quote(`{"service": "` + name), 400, "invalid", ""},
		"an array":                   {quote(`["` + name + `"]`), 422, "invalid", "#"},
		"no body":                    {quote(``), 400, "invalid", ""},
		"2 MB":                       {quote(`{"service": "` + strings.Repeat("a", 2<<20) + `"}`), 413, "too_large", ""},
		"quote of another body":      {quote(`{"service": "driving_licence", "body": "` + name + `", "date": "2024-05-06", "inputs": {"action": "new", "channel": "online"}}`), 404, "not_found", "#/body"},
		"quote known when":           {quote(`{"service": "driving_licence", "known": "` + name + `", "date": "2024-05-06", "inputs": {"action": "new", "channel": "online"}}`), 422, "invalid", "#/known"},
		"bill of an unknown service": {bill(strings.Replace(fine("a-1"), "traffic_fine", name, 1)), 404, "not_found", "#/service"},
		"bill of another body":       {bill(strings.Replace(fine("a-1"), "KBNN-HNI", name, 1)), 404, "not_found", "#/body"},
		"bill with a bad input":      {bill(strings.Replace(fine("a-1"), "2025-06-10", name, 1)), 422, "invalid", "#/inputs/deadline"},
		"bill before the law":        {bill(`{"service": "business_registration", "body": "DKKD-HNI", "source_ref": "a-1", "payer": "p", "date": "2019-09-19", "inputs": {"channel": "counter"}}`), 422, "refused", ""},
		"number with a NUL":          {bill(strings.Replace(fine("a-1"), "a-1", `a\u0000`, 1)), 422, "invalid", "#/source_ref"},
		"payer with a NUL":           {bill(strings.Replace(fine("a-1"), "subject-1", `a\u0000`, 1)), 422, "invalid", "#/payer"},
		"input with a NUL":           {bill(strings.Replace(fine("a-1"), "2025-06-10", `\u0000`, 1)), 422, "invalid", "#/inputs/deadline"},
		"bill without a payer":       {bill(`{"service": "driving_licence", "source_ref": "a-1", "date": "2024-05-06", "inputs": {}}`), 422, "invalid", "#"},
		"bill not there":             {[3]string{"GET", "/v1/bills/" + nowhere, ""}, 404, "not_found", "ref"},
		"bill mistyped":              {[3]string{"GET", "/v1/bills/HNI0000000000001", ""}, 422, "invalid", "ref"},
		"order not there":            {[3]string{"GET", "/v1/orders/" + nowhere, ""}, 404, "not_found", "ref"},
		"order of nothing":           {[3]string{"POST", "/v1/orders", `{"bills": []}`}, 422, "invalid", "#/bills"},
		"order of a mistyped bill":   {[3]string{"POST", "/v1/orders", `{"bills": ["` + name + `"]}`}, 422, "invalid", "#/bills"},
		"order of an unknown bill":   {[3]string{"POST", "/v1/orders", `{"bills": ["` + nowhere + `"]}`}, 404, "not_found", "#/bills"},
		"attempt on no order":        {[3]string{"POST", "/v1/orders/" + nowhere + "/attempts", `{"provider": "vnpay"}`}, 404, "not_found", ""},
		"no such path":               {[3]string{"GET", "/v1/" + "people", ""}, 404, "not_found", ""},
		"no such method":             {[3]string{"DELETE", "/v1/quotes", ""}, 405, "invalid", ""},
		"no such provider":           {[3]string{"GET", "/notifications/nobody", ""}, 404, "not_found", ""},
	}
	for title, c := range cases {
		t.Run(title, func(t *testing.T) {
			r := r.in(t)
			before := r.written()
			a := r.want(c.status, c.request[0], c.request[1], c.request[2], "Idempotency-Key", "k-"+title)
			refusedBy(t, a, c.status, c.code)
			if got := firstPlace(t, a); c.at != "" && got != c.at {
				t.Errorf("the fault is at %q, want %q: %s", got, c.at, a.body)
			}
			for _, word := range []string{name, "Nguy", "Thử", "77777777", "0.123456789"} {
				if strings.Contains(string(a.body), word) {
					t.Errorf("the answer repeats %q: %s", word, a.body)
				}
			}
			if after := r.written(); after != before {
				t.Errorf("%d rows were written", after-before)
			}
		})
	}
}

// refusedBy checks that an answer is a whole problem document.
func refusedBy(t *testing.T, a reply, status int, code string) {
	t.Helper()
	if ct := a.Header.Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("content type %q", ct)
	}
	if got := a.text(t, "code"); got != code {
		t.Errorf("code %q, want %q: %s", got, code, a.body)
	}
	if got, _ := a.field(t, "status").(float64); int(got) != status {
		t.Errorf("the document says status %v, the answer %d", got, status)
	}
	for _, member := range []string{"type", "title", "detail"} {
		if a.text(t, member) == "" {
			t.Errorf("no %s: %s", member, a.body)
		}
	}
	if want := "urn:exchequer:request:" + a.Header.Get("X-Request-Id"); a.text(t, "instance") != want {
		t.Errorf("instance %q, want %q", a.text(t, "instance"), want)
	}
}

func firstPlace(t *testing.T, a reply) string {
	t.Helper()
	var p struct {
		Errors []struct{ Pointer, Parameter string }
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Errors) == 0 {
		return ""
	}
	return p.Errors[0].Pointer + p.Errors[0].Parameter
}

func TestARefusalByLawNamesTheAct(t *testing.T) {
	r := newRig(t)
	a := r.want(422, "POST", "/v1/quotes", `{"service": "driving_licence", "date": "2016-12-31", "inputs": {"action": "new", "channel": "online"}}`)
	if act := a.text(t, "act"); !strings.Contains(act, "188/2016") {
		t.Errorf("act %q", act)
	}
	if detail := a.text(t, "detail_vi"); !strings.Contains(detail, "Thông tư 188/2016") {
		t.Errorf("in Vietnamese it is %q", detail)
	}
	if act := a.text(t, "act_vi"); !strings.Contains(act, "Thông tư 188/2016") {
		t.Errorf("act in Vietnamese %q", act)
	}
}

func TestAMemberThatStandsTwiceIsNamedAsThat(t *testing.T) {
	r := newRig(t)
	a := r.want(400, "POST", "/v1/quotes", `{"service": "passport", "inputs": {"a": [{"b": 1, "b": 2}]}, "date": "2024-05-06"}`)
	if detail := a.text(t, "detail"); !strings.Contains(detail, "twice in one object") {
		t.Errorf("detail %q", detail)
	}
	// The same name in two objects, and a value that looks like one, are nothing of the kind.
	if a := r.send("POST", "/v1/quotes", `{"service": "date", "inputs": {"service": {"a": 1}, "b": [{"a": 1}, {"a": 2}]}, "date": "2024-05-06"}`); a.StatusCode == 400 {
		t.Errorf("taken for repeated: %s", a.body)
	}
}

func TestABodyThatIsNotSaidToBeJSON(t *testing.T) {
	r := newRig(t)
	refusedBy(t, r.want(415, "POST", "/v1/quotes", name, "Content-Type", "text/plain"), 415, "invalid")
}

func TestTheTypeOfAProblemIsExplained(t *testing.T) {
	r := newRig(t)
	a := r.want(404, "GET", "/v1/bills/"+nowhere, "")
	page := r.want(200, "GET", a.text(t, "type"), "")
	if !strings.Contains(string(page.body), "404") {
		t.Errorf("%s", page.body)
	}
}
