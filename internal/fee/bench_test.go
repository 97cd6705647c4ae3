package fee_test

import (
	"encoding/json"
	"syscall"
	"testing"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
)

// BenchmarkQuote works out explained quotes on one goroutine: inputs read, lines, law and steps made, not yet encoded.
func BenchmarkQuote(b *testing.B) {
	real, capped := load(b), one(b, `- {name: value, type: decimal, required: true}`+province,
		ruled("code: registration_fee", `percentage: {rate: rate, of: value, cap: {at: "500000000", code: cap_adjustment}, rounding: half_up}`))
	for _, c := range []struct{ name, service, date, inputs string }{
		{"vehicle registration with cap", "thing", "2025-07-25", `{"value": 30000000000, "province": "Ha Noi"}`},
		{"six tiers with VAT", "electricity_household", "2025-07-15", `{"kwh": 750, "households": 1}`},
		{"month of a price change", "electricity_household", "2025-05-25", `{"kwh": 300, "prev_reading": "2025-04-25"}`},
		{"flat", "driving_licence", "2024-06-03", `{"channel": "online", "action": "exchange"}`},
		{"fine with late charge", "traffic_fine", "2025-06-03",
			`{"offence": "no_helmet_motorbike", "violation_date": "2025-05-05", "deadline": "2025-05-22"}`},
	} {
		request := fee.Request{Service: c.service, Date: calendar.MustDate(c.date), Inputs: json.RawMessage(c.inputs)}
		s := real
		if c.service == "thing" {
			s = capped
		}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			before := processorTime(b)
			for b.Loop() {
				q, err := s.Quote(request)
				if err != nil || q.Lines[0].Steps[0].Vi == "" {
					b.Fatal(q, err)
				}
			}
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// processorTime is what the process has used of the processor, collecting garbage included: on a machine with other
// work the time on the wall says little.
func processorTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
