package fee_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"pgregory.net/rapid"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/problem"
	"exchequer/schedules"
)

func ask(s *fee.Schedules, service, date, inputs string) (*fee.Quote, error) {
	return s.Quote(fee.Request{Service: service, Date: calendar.MustDate(date), Inputs: json.RawMessage(inputs)})
}

func mustAsk(t testing.TB, s *fee.Schedules, service, date, inputs string) *fee.Quote {
	t.Helper()
	q, err := ask(s, service, date, inputs)
	if err != nil {
		t.Fatalf("%s on %s with %s: %v", service, date, inputs, err)
	}
	return q
}

func TestBadInputIsRefused(t *testing.T) {
	s := load(t)
	for _, c := range []struct {
		name, service, date, inputs string
		code                        problem.Code
		field                       string
	}{
		{"unknown service", "dog_licence", "2025-06-02", `{}`, problem.NotFound, "service"},
		{"missing input", "electricity_household", "2025-06-02", `{}`, problem.Invalid, "kwh"},
		{"no inputs at all", "electricity_household", "2025-06-02", ``, problem.Invalid, "kwh"},
		{"null is missing", "electricity_household", "2025-06-02", `{"kwh": null}`, problem.Invalid, "kwh"},
		{"a text for a number", "electricity_household", "2025-06-02", `{"kwh": "many"}`, problem.Invalid, "kwh"},
		{"a list for a number", "electricity_household", "2025-06-02", `{"kwh": [1]}`, problem.Invalid, "kwh"},
		{"a bool for a number", "electricity_household", "2025-06-02", `{"kwh": true}`, problem.Invalid, "kwh"},
		{"below the least", "electricity_household", "2025-06-02", `{"kwh": -1}`, problem.Invalid, "kwh"},
		{"no household", "electricity_household", "2025-06-02", `{"kwh": 1, "households": 0}`, problem.Invalid, "households"},
		{"half a household", "electricity_household", "2025-06-02", `{"kwh": 1, "households": 1.5}`, problem.Invalid, "households"},
		{"a huge exponent", "electricity_household", "2025-06-02", `{"kwh": 1e999999999}`, problem.Invalid, "kwh"},
		{"a tiny exponent", "electricity_household", "2025-06-02", `{"kwh": 1e-999999999}`, problem.Invalid, "kwh"},
		{"over the limit", "electricity_household", "2025-06-02", `{"kwh": 1000000000000001}`, problem.Invalid, "kwh"},
		{"an amount over the limit", "electricity_household", "2025-06-02", `{"kwh": 1000000000000}`, problem.Invalid, "inputs"},
		{"an input it does not have", "electricity_household", "2025-06-02", `{"kwh": 1, "housholds": 2}`, problem.Invalid, "inputs"},
		{"one input twice", "electricity_household", "2025-06-02", `{"kwh": 1, "kwh": 2}`, problem.Invalid, "kwh"},
		{"two names, two values", "electricity_household", "2025-06-02", `{"kwh": 1, "reading": "2025-06-01", "period_end": "2025-06-02"}`, problem.Invalid, "reading"},
		{"a date that is none", "electricity_household", "2025-06-02", `{"kwh": 1, "reading": "02/06/2025"}`, problem.Invalid, "reading"},
		{"a number for a date", "electricity_household", "2025-06-02", `{"kwh": 1, "reading": 20250602}`, problem.Invalid, "reading"},
		{"a text for a bool", "driving_licence", "2026-08-15", `{"channel": "online", "action": "new", "digital_citizen": "true"}`, problem.Invalid, "digital_citizen"},
		{"a list of inputs", "electricity_household", "2025-06-02", `[]`, problem.Invalid, "inputs"},
		{"no JSON", "electricity_household", "2025-06-02", `kwh=1`, problem.Invalid, "inputs"},
		{"cut off", "electricity_household", "2025-06-02", `{"kwh": 1`, problem.Invalid, "inputs"},
		{"two objects", "electricity_household", "2025-06-02", `{"kwh": 1} {}`, problem.Invalid, "inputs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q, err := ask(s, c.service, c.date, c.inputs)
			refusal, ok := errors.AsType[*problem.Error](err)
			if !ok || refusal.Code != c.code || refusal.Field != c.field {
				t.Errorf("want %s at %s, got %v, %#v", c.code, c.field, q, err)
			}
		})
	}
	if _, err := s.Quote(fee.Request{Service: "driving_licence"}); problem.CodeOf(err) != problem.Invalid {
		t.Errorf("without a date: %v", err)
	}
}

// TestAnUnknownKeyIsNotEchoed: the key is the caller's text and may hold anything, personal data included.
func TestAnUnknownKeyIsNotEchoed(t *testing.T) {
	_, err := ask(load(t), "electricity_household", "2025-06-02", `{"kwh": 1, "Nguyen Van A": 2}`)
	if err == nil || strings.Contains(err.Error(), "Nguyen") {
		t.Errorf("got %v", err)
	}
}

func TestNumbersAreReadAsDecimals(t *testing.T) {
	s := load(t)
	want := mustAsk(t, s, "electricity_household", "2025-07-15", `{"kwh": 250}`)
	for _, inputs := range []string{`{"kwh": "250"}`, `{"kwh": 250.000}`, `{"kwh": 2.5e2}`, `{"kwh":250,"kwh":250}`} {
		if got := mustAsk(t, s, "electricity_household", "2025-07-15", inputs); got.TotalVND != want.TotalVND {
			t.Errorf("%s: got %d, want %d", inputs, got.TotalVND, want.TotalVND)
		}
	}
}

func TestEveryLineNamesItsLaw(t *testing.T) {
	q := mustAsk(t, load(t), "traffic_fine", "2025-06-03",
		`{"offence": "no_helmet_motorbike", "violation_date": "2025-05-05", "deadline": "2025-05-22"}`)
	want := []fee.Line{
		{Code: "fine", Label: fee.Text{Vi: "Tiền phạt", En: "Fine"}, Charge: "fine", Amount: 500_000, Version: fee.Text{Vi: "168/2024", En: "168/2024"},
			Rule: fee.Text{Vi: "đi mô tô, xe gắn máy không đội mũ bảo hiểm", En: "motorbike, no helmet"},
			Act:  "Decree 168/2024/ND-CP art. 7(2)", ActVi: "Nghị định 168/2024/NĐ-CP điều 7 khoản 2",
			Steps: []fee.Text{{Vi: "mức giữa của khung từ 400.000 đến 600.000 = 500.000", En: "middle of 400,000 to 600,000 = 500,000"}}},
		{Code: "late_charge", Label: fee.Text{Vi: "Tiền chậm nộp phạt", En: "Late charge"}, Charge: "late_charge", Amount: 2_750, Version: fee.Text{Vi: "18/2023", En: "18/2023"},
			Rule: fee.Text{Vi: "0,05% mỗi ngày", En: "0.05% a day"},
			Act:  "Circular 18/2023/TT-BTC", ActVi: "Thông tư 18/2023/TT-BTC", Steps: []fee.Text{
				{Vi: "11 ngày: từ sau ngày 22/05/2025 đến trước ngày 03/06/2025", En: "11 days: after 2025-05-22 and before 2025-06-03"},
				{Vi: "0,05% × 500.000 × 11 = 2.750", En: "0.05% × 500,000 × 11 = 2,750"}}},
	}
	got, _ := json.Marshal(q.Lines)
	expected, _ := json.Marshal(want)
	if string(got) != string(expected) {
		t.Errorf("got  %s\nwant %s", got, expected)
	}
}

func TestOffencesByDecree(t *testing.T) {
	s := load(t)
	want := map[string][3]int64{ // thousands of đồng under the decrees of 2020, 2022 and 2025
		"red_light_motorbike":        {800, 900, 5_000},
		"red_light_car":              {4_000, 5_000, 19_000},
		"no_helmet_motorbike":        {250, 500, 500},
		"phone_motorbike":            {800, 900, 900},
		"alcohol_low_motorbike":      {2_500, 2_500, 2_500},
		"alcohol_mid_motorbike":      {4_500, 4_500, 7_000},
		"alcohol_high_motorbike":     {7_000, 7_000, 9_000},
		"no_licence_motorbike_le125": {1_000, 1_500, 3_000},
		"no_licence_motorbike_gt125": {3_500, 4_500, 7_000},
	}
	for offence, amounts := range want {
		for i, day := range []string{"2020-01-01", "2022-01-01", "2025-01-01"} {
			q := mustAsk(t, s, "traffic_fine", day, `{"offence": "`+offence+`", "violation_date": "`+day+`", "deadline": "`+day+`"}`)
			if q.TotalVND != amounts[i]*1000 {
				t.Errorf("%s on %s: got %d, want %d000", offence, day, q.TotalVND, amounts[i])
			}
		}
	}
}

func TestProvisional(t *testing.T) {
	s := load(t)
	for _, c := range []struct {
		name, service, date, inputs string
		want                        bool
	}{
		{"an amount on high evidence", "driving_licence", "2024-06-03", `{"channel": "online", "action": "new"}`, false},
		{"recalled with high confidence", "traffic_fine", "2022-01-10", `{"offence": "red_light_car", "violation_date": "2022-01-05", "deadline": "2022-01-20"}`, false},
		{"recalled with medium confidence", "traffic_fine", "2022-01-10", `{"offence": "phone_motorbike", "violation_date": "2022-01-05", "deadline": "2022-01-20"}`, true},
		{"in time", "traffic_fine", "2025-03-13", `{"fine": 500000, "deadline": "2025-03-13"}`, false},
		{"the day on which counting is disputed", "traffic_fine", "2025-03-14", `{"fine": 500000, "deadline": "2025-03-13"}`, true},
		{"the month of a price change", "electricity_household", "2025-05-25", `{"kwh": 300, "prev_reading": "2025-04-25"}`, true},
		{"another month", "electricity_household", "2025-06-25", `{"kwh": 300, "prev_reading": "2025-05-25"}`, false},
	} {
		if q := mustAsk(t, s, c.service, c.date, c.inputs); q.Provisional != c.want {
			t.Errorf("%s: got %v", c.name, q.Provisional)
		}
	}
}

func TestAQuoteEndsWhereItsAmountMayChange(t *testing.T) {
	s := load(t)
	for _, c := range []struct {
		name, service, date, inputs string
		lastDay                     string
	}{
		{"30 days where nothing changes", "driving_licence", "2024-06-03", `{"channel": "online", "action": "new"}`, "2024-07-03"},
		{"the last days of a version", "driving_licence", "2025-12-20", `{"channel": "online", "action": "new"}`, "2025-12-31"},
		{"the last day of a version", "driving_licence", "2025-12-31", `{"channel": "online", "action": "new"}`, "2025-12-31"},
		{"a late fine grows every day", "traffic_fine", "2025-06-03", `{"fine": 500000, "deadline": "2025-05-22"}`, "2025-06-03"},
		{"a fine in time holds until its deadline", "traffic_fine", "2025-05-20", `{"fine": 500000, "deadline": "2025-05-22"}`, "2025-05-22"},
		{"a reading of the past does not change", "electricity_household", "2025-07-20", `{"kwh": 100, "reading": "2025-06-30"}`, "2026-07-20"},
		{"nor does a reading of today", "electricity_household", "2025-06-30", `{"kwh": 100}`, "2026-06-30"},
		{"said or not", "electricity_household", "2025-06-05", `{"kwh": 100, "reading": "2025-06-05"}`, "2026-06-05"},
		{"the tax of a year that is over", "business_licence_tax", "2025-12-20", `{"kind": "branch"}`, "2026-01-19"},
		{"a fine on the eve of a circular", "traffic_fine", "2023-05-01", `{"fine": 500000, "deadline": "2023-05-20"}`, "2023-05-04"},
		{"so too where the day of payment is said", "traffic_fine", "2023-05-01", `{"fine": 500000, "deadline": "2023-05-20", "paid": "2023-05-01"}`, "2023-05-04"},
		{"or is a later one", "traffic_fine", "2023-05-01", `{"fine": 500000, "deadline": "2023-05-20", "paid": "2023-05-03"}`, "2023-05-04"},
		{"the day of the violation ends nothing", "traffic_fine", "2024-12-20", `{"offence": "red_light_car", "violation_date": "2024-12-20", "deadline": "2025-01-10"}`, "2025-01-10"},
		{"a tax on the eve of a law", "business_tax_late", "2026-06-25", `{"tax": 1000, "due": "2026-07-20"}`, "2026-06-30"},
	} {
		q := mustAsk(t, s, c.service, c.date, c.inputs)
		want := calendar.MustDate(c.lastDay).At(24 * time.Hour)
		if !q.ValidUntil.Equal(want) || q.ValidUntil.Location() != time.UTC {
			t.Errorf("%s: got %s, want %s", c.name, q.ValidUntil, want)
		}
	}
}

func TestPriceChangeWithManyHouseholds(t *testing.T) {
	q := mustAsk(t, load(t), "electricity_household", "2025-05-25", `{"kwh": 300, "households": 4, "prev_reading": "2025-04-25"}`)
	// 15 of 30 days: 150 kWh each; the first tier is 50 x 15/30 x 4 = 100 wide, the second too.
	want := []int64{100 * 1893, 50 * 1956, 100 * 1984, 50 * 2050}
	for i, amount := range want {
		if q.Lines[i].Amount != amount {
			t.Errorf("line %d is %d, want %d", i, q.Lines[i].Amount, amount)
		}
	}
	if len(q.Lines) != 5 {
		t.Errorf("%d lines", len(q.Lines))
	}
}

// TestPriceChangeWidthsUseTheMonthBefore: May has 31 days, so 5 old days make a first tier of 50 x 5/31 = 8.06 kWh and
// 26 new ones 50 x 26/31 = 41.9; 310 kWh over 31 days are 50 old and 260 new.
func TestPriceChangeWidthsUseTheMonthBefore(t *testing.T) {
	q := mustAsk(t, load(t), "electricity_household", "2025-06-05", `{"kwh": 310, "prev_reading": "2025-05-05"}`)
	want := []int64{8 * 1893, 8 * 1956, 16 * 2271, 16 * 2860, 2 * 3197, 42 * 1984, 42 * 2050, 84 * 2380, 84 * 2998, 8 * 3350}
	if len(q.Lines) != len(want)+1 {
		t.Fatalf("%d lines", len(q.Lines))
	}
	for i, amount := range want {
		if q.Lines[i].Amount != amount {
			t.Errorf("%s is %d, want %d", q.Lines[i].Code, q.Lines[i].Amount, amount)
		}
	}
}

// TestAnInputThatOnlyThisCaseNeeds is optional in general; where a rule asks for it, the refusal names it.
func TestAnInputThatOnlyThisCaseNeeds(t *testing.T) {
	schedule := strings.Replace(sound, "  - {name: axles", "  - {name: weight, type: decimal}\n  - {name: axles", 1)
	schedule = strings.Replace(schedule, `is: {class: truck}, fixed`, `when: class == "truck" && weight > dec("3"), fixed`, 1)
	s, err := fee.Load(folder(schedule, soundParameter))
	if err != nil {
		t.Fatal(err)
	}
	mustAsk(t, s, "toll", "2020-06-01", `{"km": 2}`)
	_, err = ask(s, "toll", "2020-06-01", `{"km": 2, "class": "truck"}`)
	if refusal, ok := errors.AsType[*problem.Error](err); !ok || refusal.Code != problem.Invalid || refusal.Field != "weight" {
		t.Errorf("got %#v", err)
	}
}

func TestTheLimitHoldsForTheTotalToo(t *testing.T) {
	_, err := ask(load(t), "traffic_fine", "2025-03-15", `{"fine": 1000000000000000, "deadline": "2025-03-13"}`)
	if refusal, ok := errors.AsType[*problem.Error](err); !ok || refusal.Code != problem.Invalid {
		t.Errorf("got %#v", err)
	}
}

func TestPriceChangeOnTheDayOfTheReading(t *testing.T) {
	q := mustAsk(t, load(t), "electricity_household", "2025-05-10", `{"kwh": 30, "prev_reading": "2025-04-10"}`)
	if len(q.Lines) != 2 || q.Lines[0].Code != "old:T1" || q.Lines[0].Amount != 30*1893 {
		t.Errorf("all of it is at the old price: %+v", q.Lines)
	}
}

func TestTheHashCoversTheParameters(t *testing.T) {
	first, err := fee.Load(folder(sound, soundParameter))
	if err != nil {
		t.Fatal(err)
	}
	second, err := fee.Load(folder(sound, soundParameter+"# one more comment\n"))
	if err != nil {
		t.Fatal(err)
	}
	a := mustAsk(t, first, "toll", "2020-06-01", `{"km": 2}`).ScheduleHash
	b := mustAsk(t, second, "toll", "2020-06-01", `{"km": 2}`).ScheduleHash
	if len(a) != 64 || a == b {
		t.Errorf("the hashes are %s and %s", a, b)
	}
}

func TestAfterTheLastVersionOnFile(t *testing.T) {
	s, err := fee.Load(folder(sound, soundParameter))
	if err != nil {
		t.Fatal(err)
	}
	for date, act := range map[string]string{"2022-01-01": "Law 2", "2019-12-31": "Law 1"} {
		_, err := ask(s, "toll", date, `{"km": 2}`)
		if refusal, ok := errors.AsType[*problem.Error](err); !ok || refusal.Code != problem.Refused || refusal.Act != act {
			t.Errorf("%s: got %#v", date, err)
		}
	}
}

// TestAnUnknownParameterRefusesOnlyWhatNeedsIt: a value nobody knows must not stop a case that does not depend on it.
func TestAnUnknownParameterRefusesOnlyWhatNeedsIt(t *testing.T) {
	parameter := strings.Replace(soundParameter, "source: read, confidence: high}", "source: read, confidence: high}\n"+
		"  - {version: V2, from: 2020-07-01, unknown: {vi: chưa công bố, en: not published}, act: Law 10, source: read, confidence: low}", 1)
	schedule := strings.Replace(sound, "    follows: vat_rate", "    when: class == \"car\"\n    follows: vat_rate", 1)
	s, err := fee.Load(fstest.MapFS{"toll.yaml": {Data: []byte(schedule)}, "parameters/vat.yaml": {Data: []byte(parameter)}})
	if err != nil {
		t.Fatal(err)
	}
	if q := mustAsk(t, s, "toll", "2020-07-01", `{"km": 2, "class": "truck"}`); q.TotalVND != 9000 {
		t.Errorf("got %d", q.TotalVND)
	}
	_, err = ask(s, "toll", "2020-07-01", `{"km": 2}`)
	if refusal, ok := errors.AsType[*problem.Error](err); !ok || refusal.Act != "Law 10" {
		t.Errorf("got %#v", err)
	}
}

func TestAnotherKilowattHourCostsMore(t *testing.T) {
	s := load(t)
	rapid.Check(t, func(t *rapid.T) {
		date := rapid.SampledFrom([]string{"2019-12-09", "2023-08-10", "2024-03-10", "2025-07-15"}).Draw(t, "date")
		households := rapid.IntRange(1, 20).Draw(t, "households")
		less := rapid.Int64Range(0, 5000).Draw(t, "kwh")
		total := func(kwh int64) int64 {
			q, err := ask(s, "electricity_household", date, `{"kwh": `+strconv.FormatInt(kwh, 10)+`, "households": `+strconv.Itoa(households)+`}`)
			if err != nil {
				t.Fatal(err)
			}
			return q.TotalVND
		}
		if a, b := total(less), total(less+1); b <= a {
			t.Fatalf("%d kWh cost %d, one more %d", less, a, b)
		}
	})
}

func TestLinesAddUpAndTheSameInputGivesTheSameBytes(t *testing.T) {
	s := load(t)
	docs, err := fee.ReadDocuments(schedules.FS)
	if err != nil {
		t.Fatal(err)
	}
	again, err := fee.Compile(fee.Documents{"electricity_household.yaml": docs["electricity_household.yaml"],
		"parameters/vat_electricity.yaml": docs["parameters/vat_electricity.yaml"]})
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		since := calendar.MustDate("2023-10-01").AddDays(rapid.IntRange(0, 600).Draw(t, "since"))
		until := since.AddDays(rapid.IntRange(1, 62).Draw(t, "days"))
		kwh := rapid.Int64Range(0, 3000).Draw(t, "kwh")
		inputs := `{"kwh": ` + strconv.FormatInt(kwh, 10) + `, "prev_reading": "` + since.String() + `"}`
		q, err := ask(s, "electricity_household", until.String(), inputs)
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for _, line := range q.Lines {
			sum += line.Amount
		}
		if sum != q.TotalVND {
			t.Fatalf("the lines add up to %d, the total is %d", sum, q.TotalVND)
		}
		other, err := ask(again, "electricity_household", until.String(), inputs)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(q)
		b, _ := json.Marshal(other)
		if !slices.Equal(a, b) {
			t.Fatalf("two answers:\n%s\n%s", a, b)
		}
	})
}

// FuzzQuote looks for inputs that make a quote panic, hang or answer with something other than a quote or a refusal.
func FuzzQuote(f *testing.F) {
	f.Add("electricity_household", 20_000, `{"kwh": 250, "households": 1, "prev_reading": "2025-04-25"}`)
	f.Add("traffic_fine", 20_250, `{"offence": "red_light_car", "violation_date": "2025-02-20", "deadline": "2025-03-13"}`)
	f.Add("traffic_fine", 20_250, `{"fine": 1000000000000000, "deadline": "1970-03-13"}`)
	f.Add("driving_licence", 20_700, `{"channel": "online", "action": "exchange", "eid_level": 2, "digital_citizen": true}`)
	f.Add("driving_licence", -5, `{"channel": "online", "channel": 1e400}`)
	f.Add("thing", 20_700, `{"parts": ["practical", "theory"], "n": 7, "province": "Hue"}`)
	f.Add("thing", 20_700, `{"parts": "theory", "n": -7.5, "province": "Vinh"}`)
	real, made := load(f), one(f, "- {name: parts, type: set, values: [theory, practical], default: theory}\n"+
		"- {name: n, type: int, min: \"0\", max: base_salary, required: true}"+province, strings.Replace(eachParts, "    rules:\n", `    rules:
      - {rule: R3, is: {province: Hue, parts: theory}, ordinal: {count: n, base: base_salary, shares: ["1", "0.5"], then: "0.1", rounding: down}}
      - {rule: R4, is: {province: Hue}, split: {of: 'dec(n)', rounding: half_up, parts: [{code: a, share: "0.5"}, {code: b, rest: true}]}}
`, 1))
	for _, r := range real.ExampleRequests() {
		f.Add(r.Service, r.Date.DaysSince(calendar.NewDate(1970, 1, 1)), string(r.Inputs))
	}
	f.Fuzz(func(t *testing.T, service string, days int, inputs string) {
		s := real
		if service == "thing" {
			s = made
		}
		date := calendar.NewDate(1970, 1, 1+days%100_000)
		q, err := s.Quote(fee.Request{Service: service, Date: date, Inputs: json.RawMessage(inputs)})
		if err != nil {
			if problem.CodeOf(err) == problem.Internal {
				t.Errorf("not a refusal: %v", err)
			}
			return
		}
		if q.TotalVND < 0 || len(q.Lines) == 0 || q.ScheduleHash == "" {
			t.Errorf("got %+v", q)
		}
	})
}

// TestQuotesAtOnce: what is used again from one quote to the next must not be seen by another.
func TestQuotesAtOnce(t *testing.T) {
	s := load(t)
	bytesOf := func(kwh int) string {
		q, err := ask(s, "electricity_household", "2025-07-15", `{"kwh": `+strconv.Itoa(kwh)+`}`)
		if err != nil {
			return err.Error()
		}
		text, _ := json.Marshal(q)
		return string(text)
	}
	var want [50]string
	for i := range want {
		want[i] = bytesOf(i*20 - 20) // the first is refused
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range 2000 {
				if got := bytesOf(i%50*20 - 20); got != want[i%50] {
					t.Errorf("got  %s\nwant %s", got, want[i%50])
					return
				}
			}
		})
	}
	all.Wait()
}
