package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/internal/problem"
	"exchequer/internal/rehearsal"
	"exchequer/internal/story"
)

// asked runs a command that needs no database.
func asked(t *testing.T, args ...string) (out, errs string, status int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	status = execute(t.Context(), args, &stdout, &stderr)
	return stdout.String(), stderr.String(), status
}

func TestAQuoteIsToldInWordsOfOneLanguage(t *testing.T) {
	licence := []string{"fees", "quote", "--service", "driving_licence", "--on", "2025-06-03", "--inputs", `{"channel":"online","action":"exchange"}`}
	for lang, want := range map[string]string{
		"en": "Driving licence: new, re-issue, exchange, 3 June 2025\n" +
			"by the schedules that come with this program\n\n" +
			"Driving licence charge  115,000 VND  63/2023  Circular 63/2023/TT-BTC art. 8\n" +
			"total                   115,000 VND\n",
		"vi": "Cấp mới, cấp lại, cấp đổi giấy phép lái xe, ngày 03/06/2025\n" +
			"theo các biểu mức thu đi kèm chương trình\n\n" +
			"Lệ phí cấp giấy phép lái xe  115.000 ₫  63/2023  Thông tư 63/2023/TT-BTC điều 8\n" +
			"tổng cộng                    115.000 ₫\n",
	} {
		if out, errs, status := asked(t, append(licence, "--lang", lang)...); status != 0 || out != want {
			t.Errorf("%s: ended with %d: %s\n%s\nwant\n%s", lang, status, errs, out, want)
		}
	}
	out, _, _ := asked(t, append(licence, "--json")...)
	var q struct {
		Law        string
		Revision   *int64
		KnownSince *string `json:"known_since"`
		Lines      []struct{ Code string }
	}
	if err := json.Unmarshal([]byte(out), &q); err != nil || q.Law != lawOfProgram || q.Revision != nil || q.KnownSince != nil || q.Lines[0].Code != "licence_fee" {
		t.Errorf("%v: %s", err, out)
	}
}

// TestAmountsStandUnderEachOther also where a line is longer than the total, since another one takes it back.
func TestAmountsStandUnderEachOther(t *testing.T) {
	out, errs, status := asked(t, "fees", "quote", "--service", "voluntary_social_insurance", "--on", "2025-07-15", "--explain",
		"--inputs", `{"income": 2000000, "months": 12, "group": "poor"}`)
	if status != 0 {
		t.Fatal(errs)
	}
	var ends []int
	for line := range strings.SplitSeq(out, "\n") {
		if at := strings.Index(line, " VND"); at >= 0 && !strings.HasPrefix(line, " ") {
			ends = append(ends, at)
		}
	}
	if len(ends) != 3 || slices.Min(ends) != slices.Max(ends) {
		t.Errorf("amounts end at %v:\n%s", ends, out)
	}
}

func TestARefusalIsInTheLanguageThatWasAskedFor(t *testing.T) {
	ask := func(service, on, inputs string, more ...string) []string {
		return append([]string{"fees", "quote", "--service", service, "--on", on, "--inputs", inputs}, more...)
	}
	unknown := func(more ...string) []string {
		return ask("driving_licence", "2026-01-05", `{"channel":"online","action":"new"}`, more...)
	}
	for name, c := range map[string]struct {
		args []string
		vi   string // in place of which in English something else is said
		en   string
	}{
		"by law":         {unknown(), "chưa có mức thu chắc chắn cho Lệ phí cấp giấy phép lái xe (Thông tư 154/2025/TT-BTC", "no certain amount is on file for Driving licence charge"},
		"an input":       {ask("driving_licence", "2025-06-03", `{"channel":"post","action":"new"}`), `channel: "post" không được nhận: dùng một trong counter, online`, "is not allowed"},
		"the service":    {ask("nope", "2025-06-03", `{}`), "service: không có biểu mức thu nào mang tên nope", "there is no fee schedule of the name nope"},
		"the day":        {ask("passport", "2025-02-30", `{}`), "--on: cần một ngày theo dạng YYYY-MM-DD", "is not a date"},
		"a body":         {unknown("--body", "CSGT-C08"), "--body: chỉ dùng cùng --sign", "goes with --sign"},
		"law of a day":   {[]string{"fees", "law", "passport", "--on", "2025-02-30"}, "--on: cần một ngày theo dạng YYYY-MM-DD", "is not a date"},
		"two knowledges": {[]string{"fees", "law", "passport", "--history", "--known", "2025-02-03"}, "--known: không dùng cùng --history", "leave it out with --history"},
	} {
		for lang, says := range map[string]string{"vi": c.vi, "en": c.en} {
			out, errs, status := asked(t, append(c.args, "--lang", lang, "--json")...)
			var r refusal
			if err := json.Unmarshal([]byte(out), &r); status != 2 || err != nil || !strings.HasPrefix(errs, "exchequer: ") || !strings.Contains(errs, says) || strings.Count(errs, "\n") != 1 {
				t.Errorf("%s in %s: ended with %d, %v: %s%s", name, lang, status, err, out, errs)
			}
			if !strings.Contains(r.Error.ReasonVi, c.vi) || !strings.Contains(r.Error.Reason, c.en) || strings.Contains(r.Error.Reason, c.vi) || r.Error.Code == "" {
				t.Errorf("%s: %s", name, out)
			}
			if name == "by law" && (!strings.HasPrefix(r.Error.Act, "Circular 154/2025") || !strings.HasPrefix(r.Error.ActVi, "Thông tư 154/2025")) {
				t.Errorf("acts: %s", out)
			}
		}
	}
}

func TestEachFaultHasItsOwnLine(t *testing.T) {
	fault := &problem.Error{Code: problem.Invalid, Field: "documents", Detail: "a.yaml:1: no name\na.yaml:2: no\tbody", DetailVi: "một\nhai"}
	plain := errors.New("no such file:\n\tx")
	for name, c := range map[string]struct {
		err  error
		lang string
		want []string
	}{
		"of a refusal":         {fault, "en", []string{"documents: a.yaml:1: no name", "documents: a.yaml:2: no body"}},
		"in Vietnamese":        {fault, "vi", []string{"documents: một", "documents: hai"}},
		"several errors":       {errors.Join(plain, errors.Join(fault)), "en", []string{"no such file: x", "documents: a.yaml:1: no name", "documents: a.yaml:2: no body"}},
		"words around it":      {fmt.Errorf("reading: %w", fault), "en", []string{"reading: documents: a.yaml:1: no name a.yaml:2: no body"}},
		"its own words in vi":  {fmt.Errorf("reading: %w", fault), "vi", []string{"documents: một", "documents: hai"}},
		"two causes":           {fmt.Errorf("%w: %w", plain, io.EOF), "en", []string{"no such file: x: EOF"}},
		"no words of one's vi": {problem.New(problem.Conflict, "paid"), "vi", []string{"paid"}},
	} {
		if got := sentences(c.err, c.lang); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestOnlyNamedServicesAreChecked(t *testing.T) {
	out, _, status := asked(t, "fees", "check", "--service", "passport,id_card")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); status != 0 || len(lines) != 2 || !strings.HasPrefix(lines[0], "id_card") || !strings.HasPrefix(lines[1], "passport") {
		t.Errorf("ended with %d: %s", status, out)
	}
	out, errs, status := asked(t, "fees", "check", "--service", "passport,nope", "--json")
	if status != 2 || !strings.Contains(errs, "of the name nope; the services are ") || !strings.Contains(out, `"not_found"`) {
		t.Errorf("a name that is none ended with %d: %s%s", status, out, errs)
	}
}

func TestARehearsalNamesAnActOnce(t *testing.T) {
	for want, why := range map[string]rehearsal.Reason{
		"no certain amount is on file for Fee (Law 1): sources differ": {Act: "Law 1", Words: "no certain amount is on file for Fee (Law 1): sources differ"},
		"no rule on file covers this case of VAT (Decree 2)":           {Act: "Decree 2", Words: "no rule on file covers this case of VAT"},
		"channel: is required":             {Field: "channel", Words: "channel: is required"},
		"it leads to more than is allowed": {Words: "it leads to more than is allowed"},
	} {
		if got := reason(why); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestWhatRunsOnAStorysClockSaysSo when it starts.
func TestWhatRunsOnAStorysClockSaysSo(t *testing.T) {
	d := newDeskOf(t, "promotion_notice")
	if _, err := story.StartClock(t.Context(), d.pool, time.Now); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EXCHEQUER_REDIS_URL", "redis://127.0.0.1:1") // it is for the workers
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	r, w := io.Pipe()
	ended := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		ended <- execute(ctx, []string{"serve", "--listen", "127.0.0.1:0"}, w, &errs)
		w.Close()
	}()
	told := readUntil(t, r, "kept with them")
	stop()
	go io.Copy(io.Discard, r)
	if want := story.FirstDay.String(); <-ended != 0 || !strings.HasPrefix(told, "serving http://") || !strings.Contains(told, "it is "+want) {
		t.Errorf("no %s in %s%s", want, told, &errs)
	}
}
