package story

import (
	"encoding/json"
	"fmt"

	"exchequer/internal/calendar"
	"exchequer/providers/vnpay/simulator"
)

// payersPerTariff is how many payers of each of the three tariffs a run has.
const payersPerTariff = 20

// twist is what goes wrong with one payer, besides the faults ordered at the simulator.
type twist string

const (
	straight  twist = ""
	cancels   twist = "cancels at the provider"
	changes   twist = "abandons an attempt, pays another, then pays the first one's page too"
	shortLine       = 1000 // đồng by which one settlement line is too low
)

// payer is one person of the story with the bill he pays.
type payer struct {
	no      int
	service string
	body    string
	date    calendar.Date
	inputs  json.RawMessage
	twist   twist
	fault   *simulator.Fault // ordered for his first attempt; TxnRef is filled in when it is known
}

// troubles is what goes wrong in every run: who meets it is the payer's number.
func troubles() map[int]payer {
	return map[int]payer{
		3:  {fault: &simulator.Fault{Kind: simulator.IPNLost}},
		8:  {fault: &simulator.Fault{Kind: simulator.IPNDuplicated}},
		14: {fault: &simulator.Fault{Kind: simulator.IPNLate}, twist: changes},
		22: {fault: &simulator.Fault{Kind: simulator.IPNWrongAmount, Amount: 1}},
		27: {fault: &simulator.Fault{Kind: simulator.IPNBadSignature}},
		33: {twist: cancels},
		41: {fault: &simulator.Fault{Kind: simulator.SettlementMissing}},
		46: {fault: &simulator.Fault{Kind: simulator.SettlementShort, Amount: shortLine}},
	}
}

// cast makes the payers of a run whose first day is given: each has a bill of his own, drawn from run and number so
// that a run that is played on has the same ones.
func cast(run int, day calendar.Date) []payer {
	trouble := troubles()
	var out []payer
	for n := range 3 * payersPerTariff {
		p := trouble[n]
		p.no = n
		switch n % 3 {
		case 0:
			p.service, p.body, p.date, p.inputs = "electricity_household", "EVNHANOI", lastReading(day), electricity(run, n, day)
		case 1:
			p.service, p.body, p.date, p.inputs = "driving_licence", "CSGT-C08", day, licence(n)
		case 2:
			p.service, p.body, p.date, p.inputs = "traffic_fine", "KBNN-HNI", day, fine(n, day)
		}
		out = append(out, p)
	}
	return out
}

// lastReading is the end of the month before.
func lastReading(day calendar.Date) calendar.Date {
	return calendar.NewDate(day.Year(), day.Month(), 1).AddDays(-1)
}

func electricity(run, n int, day calendar.Date) json.RawMessage {
	reading := lastReading(day)
	in := map[string]any{"kwh": 60 + (n*37+run*13)%640, "households": 1, "reading": reading, "period_end": reading}
	// The price changed on 10 May 2025: the first run's month has days at two prices.
	if change := calendar.MustDate("2025-05-10"); !change.After(reading) && reading.DaysSince(change) < 30 {
		in["prev_reading"] = lastReading(reading)
	}
	return inputs(in)
}

func licence(n int) json.RawMessage {
	channel := "online"
	if n%4 == 1 {
		channel = "counter"
	}
	return inputs(map[string]any{"channel": channel, "action": "exchange"})
}

func fine(n int, day calendar.Date) json.RawMessage {
	offences := []string{"red_light_motorbike", "no_helmet_motorbike", "red_light_car"}
	deadline := day.AddDays(8 - n%24) // some pay in time, some late
	return inputs(map[string]any{
		"offence": offences[n/3%len(offences)], "violation_date": deadline.AddDays(-20), "deadline": deadline, "paid": day,
	})
}

func inputs(v map[string]any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("story: %v", err)) // only maps of dates, numbers and texts come here
	}
	return b
}
