package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/quote"
	"exchequer/internal/quote/quotetest"
	"exchequer/internal/sign"
)

// counter is a folder as somebody at a counter has it: signed quotes, and the published keys.
type counter struct {
	*testing.T
	dir  string
	keys *sign.Keys
}

func newCounter(t *testing.T) *counter {
	keys, err := sign.OpenKeys(filepath.Join(t.TempDir(), "keys"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{T: t, dir: t.TempDir(), keys: keys}
	c.put("jwks.json", string(keys.Public().JSON()))
	return c
}

func (c *counter) put(name, text string) string {
	c.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.Fatal(err)
	}
	return path
}

// licence signs the quote of a driving licence of 3 June 2025, changed before.
func (c *counter) licence(change func(*quote.Quote)) string {
	c.Helper()
	q, err := quote.Make(quotetest.Bundled(c).Law, quote.Request{Service: "driving_licence", Body: "CSGT-C08", Date: calendar.MustDate("2025-06-03"),
		Inputs: []byte(`{"channel":"online","action":"exchange"}`)})
	if err != nil {
		c.Fatal(err)
	}
	if change != nil {
		change(q)
	}
	compact, err := q.Sign(c.keys, realm.Issuer, "")
	if err != nil {
		c.Fatal(err)
	}
	return compact
}

func (c *counter) verify(args ...string) (status int, out, errs string) {
	c.Helper()
	var stdout, stderr bytes.Buffer
	status = execute(c.Context(), append([]string{"fees", "verify"}, args...), &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

func TestASignedQuoteIsCheckedAtACounter(t *testing.T) {
	c := newCounter(t)
	keys := filepath.Join(c.dir, "jwks.json")
	good := c.put("good", c.licence(nil)+"\n")
	for name, tc := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"on its day":          {[]string{good, "--keys", keys, "--at", "2025-06-03"}, 0, "115,000"},
		"its procedure":       {[]string{good, "--keys", keys, "--at", "2025-06-03"}, 0, "procedure EX.1004 of the portal"},
		"an account":          {[]string{good, "--keys", keys, "--at", "2025-06-03"}, 0, "at the State Treasury, EXKBNN"},
		"another issuer":      {[]string{good, "--keys", keys, "--at", "2025-06-03", "--issuer", "elsewhere"}, 1, "signed by exchequer, not by elsewhere"},
		"in Vietnamese":       {[]string{good, "--keys", keys, "--at", "2025-06-03", "--lang", "vi"}, 0, "Cục Cảnh sát giao thông"},
		"its last second":     {[]string{good, "--keys", keys, "--at", "2025-07-03T23:59:59+07:00"}, 0, "115,000 VND can be paid until 2025-07-04T00:00:00+07:00"},
		"a second later":      {[]string{good, "--keys", keys, "--at", "2025-07-04T00:00:00+07:00"}, 1, "expired"},
		"now":                 {[]string{good, "--keys", keys}, 1, "expired"},
		"before its day":      {[]string{good, "--keys", keys, "--at", "2025-06-02"}, 1, "not_yet"},
		"one đồng more":       {[]string{c.put("more", c.licence(func(q *quote.Quote) { q.TotalVND++ })), "--keys", keys, "--at", "2025-06-03"}, 1, "add up to 115,000 VND"},
		"a budget line gone":  {[]string{c.put("gone", c.licence(func(q *quote.Quote) { q.Budget = q.Budget[1:] })), "--keys", keys, "--at", "2025-06-03"}, 1, "budget"},
		"somebody else's":     {[]string{c.put("other", newCounter(t).licence(nil)), "--keys", keys}, 2, "no key of that id"},
		"changed by a letter": {[]string{c.put("letter", strings.Replace(c.licence(nil), ".", ".A", 1)), "--keys", keys}, 2, "not accepted"},
		"no quote":            {[]string{c.put("text", "115000"), "--keys", keys}, 2, "not accepted"},
		"an endless file":     {[]string{"/dev/zero", "--keys", keys}, 2, "is over"},
		"no file":             {[]string{filepath.Join(c.dir, "none"), "--keys", keys}, 2, "no such file"},
		"no keys":             {[]string{good}, 2, "--keys"},
		"keys that are none":  {[]string{good, "--keys", good}, 2, "--keys"},
		"keys over the wire":  {[]string{good, "--keys", "http://pay.example/.well-known/jwks.json"}, 2, "give an https address"},
		"a day that is none":  {[]string{good, "--keys", keys, "--at", "2024-02-30"}, 2, "--at"},
	} {
		if status, out, errs := c.verify(tc.args...); status != tc.status || !strings.Contains(out+errs, tc.says) {
			t.Errorf("%s: ended with %d, want %d and %q:\n%s%s", name, status, tc.status, tc.says, out, errs)
		}
	}
}

// englishWords are words of the English text, none of which a Vietnamese one has.
var englishWords = regexp.MustCompile(`(?i)\b(VND|on|by|the|signed|payee|account|amount|charge|part|chapter|paid|until|total|revision|it|held|lines)\b|\d,\d`)

func TestTheCheckOfAQuoteIsInOneLanguage(t *testing.T) {
	c := newCounter(t)
	keys := filepath.Join(c.dir, "jwks.json")
	for name, compact := range map[string]string{
		"good": c.licence(nil), "wrong": c.licence(func(q *quote.Quote) { q.TotalVND++; q.Budget[0].Account = "none"; q.Budget[0].Amount = -1 }),
	} {
		_, out, _ := c.verify(c.put(name, compact), "--keys", keys, "--at", "2030-01-01", "--issuer", "elsewhere", "--lang", "vi")
		if !strings.Contains(out, "tổng cộng") {
			t.Errorf("%s says nothing: %s", name, out)
		}
		for line := range strings.Lines(out) {
			line = regexp.MustCompile(`^[a-z_]+ `).ReplaceAllString(line, "") // codes
			if word := englishWords.FindString(line); word != "" {
				t.Errorf("%s: %q stands in: %s", name, word, line)
			}
		}
	}
}

func TestTheCheckOfAQuoteIsOneDocument(t *testing.T) {
	c := newCounter(t)
	answers := map[string]func(http.ResponseWriter){
		"/jwks.json": func(w http.ResponseWriter) { _, _ = w.Write(c.keys.Public().JSON()) },
		"/gone":      func(w http.ResponseWriter) { w.WriteHeader(http.StatusGone) },
		"/elsewhere": func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://pay.example/")
			w.WriteHeader(http.StatusFound)
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answers[r.URL.Path](w) }))
	defer server.Close()
	good := c.put("good", c.licence(nil))
	type document struct {
		OK       *bool
		Findings []quote.Finding
		Quote    *quote.Signed
		Error    *struct{ Code, Reason string }
	}
	read := func(want int, args ...string) (d document) {
		t.Helper()
		status, out, errs := c.verify(append(args, "--json")...)
		if err := json.Unmarshal([]byte(out), &d); status != want || err != nil {
			t.Fatalf("%v: ended with %d: %v\n%s%s", args, status, err, out, errs)
		}
		return d
	}
	if d := read(0, good, "--keys", server.URL+"/jwks.json", "--at", "2025-06-03"); !*d.OK || d.Quote.TotalVND != 115_000 || d.Findings == nil || d.Quote.Payee.Book != "BCA" {
		t.Errorf("%+v", d)
	}
	if d := read(1, good, "--keys", server.URL+"/jwks.json", "--at", "2025-08-03"); *d.OK || len(d.Findings) != 1 || d.Findings[0].Code != "expired" {
		t.Errorf("%+v", d)
	}
	for _, path := range []string{"/gone", "/elsewhere"} {
		if d := read(2, good, "--keys", server.URL+path); d.Error == nil || d.Error.Code != "invalid" || !strings.Contains(d.Error.Reason, "answers") {
			t.Errorf("%s: %+v", path, d)
		}
	}
}

func TestARotatedKeyIsPublishedBeforeItSigns(t *testing.T) {
	state := t.TempDir()
	t.Setenv("EXCHEQUER_STATE", state)
	keys, err := sign.OpenKeys(filepath.Join(state, keysFolder), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	var made rotated
	if status := execute(t.Context(), []string{"keys", "rotate", "--json"}, &out, &errs); status != 0 || json.Unmarshal(out.Bytes(), &made) != nil {
		t.Fatalf("ended with %d: %s%s", status, &out, &errs)
	}
	after, err := sign.OpenKeys(made.Folder, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := after.Sign("x", []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Verify(compact, "x"); err != nil || time.Until(made.SignsFrom) < 15*time.Minute || strings.Count(string(after.Public().JSON()), `"kid"`) != 2 {
		t.Errorf("signs from %s: %v, %s", made.SignsFrom, err, after.Public().JSON())
	}
}

// TestAKeyOfOnesOwnSignsNothingOfASharedDatabase: a quote signed with it could be checked by nobody.
func TestAKeyOfOnesOwnSignsNothingOfASharedDatabase(t *testing.T) {
	d := newDeskOf(t, "residence_registration", "charge_split")
	ask := []string{"fees", "quote", "--service", "residence_registration", "--body", "CA-HNI", "--on", today(), "--inputs", `{"action":"permanent","channel":"online"}`, "--sign"}
	d.says(2, []string{"no server of this database publishes the key in " + d.dir, "EXCHEQUER_STATE"}, ask...)
	server, err := sign.OpenKeys(filepath.Join(d.dir, keysFolder), time.Now)
	if err == nil {
		err = server.Note(t.Context(), d.pool)
	}
	if err != nil {
		t.Fatal(err)
	}
	out, stderr, status := d.run(ask...)
	if _, err := quote.Open(server, strings.TrimSpace(out)); status != 0 || err != nil {
		t.Errorf("with the server's key it ended with %d, %v: %s", status, err, stderr)
	}
	t.Setenv("EXCHEQUER_STATE", t.TempDir())
	d.says(2, []string{"--sign: no server"}, ask...)
}

func TestWhatCannotBeSignedIsRefusedBeforeAnythingStarts(t *testing.T) {
	for says, args := range map[string][]string{
		"--body: goes with --sign":           {"--body", "CSGT-C08"},
		"--known: what was known before":     {"--sign", "--known", "2025-06-03"},
		"--on: \"2024-02-30\" is not a date": {"--sign", "--on", "2024-02-30"},
	} {
		var out, errs bytes.Buffer
		args = append([]string{"fees", "quote", "--service", "driving_licence", "--on", "2025-06-03", "--json"}, args...)
		if status := execute(t.Context(), args, &out, &errs); status != 2 || !strings.Contains(errs.String(), says) || !strings.Contains(out.String(), `"invalid"`) {
			t.Errorf("%v ended with %d: %s%s", args, status, &out, &errs)
		}
	}
}
