package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/publication"
	"exchequer/internal/quote"
	"exchequer/internal/sign"
	"exchequer/schedules"
)

// sixTierBody collects for electricity; there are several.
const sixTierBody = "EVNHANOI"

// variety is how many different requests a run goes through, where the amount is one of the inputs: the same request
// over and over would flatter the processor's caches.
const variety = 512

// tariffCase is a service to quote: inputs gives the i-th request's, total is what the first one costs in đồng.
type tariffCase struct {
	name, service, date string
	inputs              func(i int64) string
	lines               int
	total               int64
}

var tariffCases = []tariffCase{
	{"flat", "driving_licence", "2024-06-03", func(int64) string { return `{"channel":"online","action":"exchange"}` }, 1, 115_000},
	{"electricity_six_tiers_vat", "electricity_household", "2025-07-15",
		func(i int64) string { return fmt.Sprintf(`{"kwh":%d,"households":1}`, 750+i) }, 7, 2_468_340},
	{"vehicle_registration_capped", "registration_fee_vehicle_or_house", "2024-03-01",
		func(i int64) string {
			return fmt.Sprintf(`{"asset":"truck","turn":"first","value":%d}`, 30_000_000_000+i*1_000_000)
		},
		2, 500_000_000},
}

// Fees measures explained quotes from the schedules of the program, on one core: inputs read, lines, law and steps in
// both languages made, before JSON and signature. What the payee and the budget lines add to the six-tier quote, and what
// signing it costs, are runs of their own.
func Fees(ctx context.Context, o Options) (*Report, error) {
	s, err := fee.Load(schedules.FS)
	if err != nil {
		return nil, err
	}
	var works []work
	for _, c := range tariffCases {
		w, err := c.work(s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
		works = append(works, w)
	}
	folder, err := os.MkdirTemp("", "exchequer-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	whole, err := wholeQuotes(s, folder, o.Wall)
	if err != nil {
		return nil, err
	}
	return onOneCore(ctx, o, append(works, whole...))
}

func (c tariffCase) request(i int64) fee.Request {
	return fee.Request{Service: c.service, Date: calendar.MustDate(c.date), Inputs: json.RawMessage(c.inputs(i))}
}

// work proves the first quote to the đồng, and each one by its number of lines and its last explanation.
func (c tariffCase) work(s *fee.Schedules) (work, error) {
	requests := make([]fee.Request, variety)
	for i := range requests {
		requests[i] = c.request(int64(i))
	}
	q, err := s.Quote(requests[0])
	if err != nil {
		return work{}, err
	}
	if q.TotalVND != c.total {
		return work{}, fmt.Errorf("the quote is %d đồng and should be %d", q.TotalVND, c.total)
	}
	return work{c.name, func(i int64) error {
		q, err := s.Quote(requests[i%variety])
		if err != nil {
			return err
		}
		if len(q.Lines) != c.lines || len(q.Lines[c.lines-1].Steps) == 0 {
			return errors.New("the quote lacks lines or steps")
		}
		return nil
	}}, nil
}

// wholeQuotes makes six-tier quotes with payee and budget lines, and signs one of them (JSON and ES256) with a key of its
// own, which is gone with the folder.
func wholeQuotes(s *fee.Schedules, folder string, wall func() time.Time) ([]work, error) {
	c, err := catalog.Default()
	if err != nil {
		return nil, err
	}
	keys, err := sign.OpenKeys(folder, wall)
	if err != nil {
		return nil, err
	}
	law := &publication.Law{Revision: 1, Schedules: s, Catalog: c}
	six := tariffCases[1]
	whole := func(i int64) (*quote.Quote, error) {
		return quote.Make(law, quote.Request{Service: six.service, Body: sixTierBody, Date: calendar.MustDate(six.date), Inputs: json.RawMessage(six.inputs(i))})
	}
	q, err := whole(0)
	if err != nil {
		return nil, err
	}
	compact, err := q.Sign(keys, "bench", "")
	if err != nil {
		return nil, err
	}
	signed, err := quote.Open(keys, compact)
	if err != nil {
		return nil, err
	}
	if found := signed.Check(q.Date.At(0), "bench"); len(found) > 0 {
		return nil, fmt.Errorf("the signed quote does not hold: %v", found)
	}
	return []work{
		{"payee_and_budget_lines", func(i int64) error { _, err := whole(i % variety); return err }},
		{"signing", func(int64) error { _, err := q.Sign(keys, "bench", ""); return err }},
	}, nil
}
