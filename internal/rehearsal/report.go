package rehearsal

import (
	"cmp"
	"math"
	"slices"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// Report is what the draft does to all bills of the request. Amounts are whole đồng.
type Report struct {
	From     calendar.Date `json:"from"`
	To       calendar.Date `json:"to"`
	Services []Effect      `json:"services"`
	Total    Effect        `json:"total"`
}

// WithoutRule counts the bills for which the draft gives no amount.
func (r *Report) WithoutRule() int64 { return r.Total.Refused.Bills + r.Total.Invalid.Bills }

// Effect is what the draft does to the bills of one service, or of all.
type Effect struct {
	Service    string `json:"service,omitempty"` // none for the total
	Bills      int64  `json:"bills"`
	Difference int64  `json:"difference"` // what the draft asks less what was asked before, over the bills it has an amount for

	Same    Group `json:"same"`
	More    Group `json:"more"`
	Less    Group `json:"less"`
	Refused Group `json:"refused"` // no rule or no certain amount for the case
	Invalid Group `json:"invalid"` // the draft asks for other inputs

	LargestRise Extreme `json:"largest_rise"`
	LargestFall Extreme `json:"largest_fall"`

	// Earlier is the part of the differences that is there without the draft: the law in force already gives another
	// amount than was charged, because it was corrected since.
	Earlier Change `json:"earlier_corrections"`
	// RefusedInForce counts the bills without an amount under the draft that have none under the law in force either.
	RefusedInForce int64 `json:"refused_in_force_too"`

	Overpaid  Change   `json:"overpaid"`  // bills that were paid with more than the draft asks
	Underpaid Change   `json:"underpaid"` // and with less
	Spread    []Bucket `json:"spread"`    // of the differences, falls first
	Reasons   []Reason `json:"reasons"`   // for which there is no amount, the most frequent first
}

// Group is the bills of one outcome: what they come to before (see Row.Before) and under the draft. UnderDraft and
// Difference are 0 where the draft gives no amount.
type Group struct {
	Bills      int64 `json:"bills"`
	Before     int64 `json:"before"`
	UnderDraft int64 `json:"under_draft"`
	Difference int64 `json:"difference"`
}

// Change is how many bills are concerned and by how many đồng in all.
type Change struct {
	Bills  int64 `json:"bills"`
	Amount int64 `json:"amount"`
}

// Extreme is the bill that changes most; Ref is empty where none changes that way.
type Extreme struct {
	Ref        string `json:"ref"`
	Difference int64  `json:"difference"`
}

// Reason is one way in which bills have no amount, by the act or the input that decides, with the first bill's words.
type Reason struct {
	Outcome Outcome `json:"outcome"`
	Act     string  `json:"act,omitempty"`
	Field   string  `json:"field,omitempty"`
	Bills   int64   `json:"bills"`
	Charged int64   `json:"charged"`
	Example string  `json:"example"` // reference of the first bill
	Words   string  `json:"reason"`
}

// Bucket counts the bills whose difference is Least to Most đồng, both included.
type Bucket struct {
	Least int64 `json:"least"`
	Most  int64 `json:"most"`
	Bills int64 `json:"bills"`
}

func newReport(r Request) *Report {
	report := &Report{From: r.From, To: r.To, Total: Effect{Spread: buckets()}}
	for _, service := range r.Services {
		report.Services = append(report.Services, Effect{Service: service, Spread: buckets()})
	}
	return report
}

// add counts a row in its service and in the total.
func (r *Report) add(row *Row) error {
	for i := range r.Services {
		if r.Services[i].Service == row.Service {
			if err := r.Services[i].add(row); err != nil {
				return err
			}
		}
	}
	return r.Total.add(row)
}

func (e *Effect) add(row *Row) error {
	e.Bills++
	if err := sum(&e.Difference, row.Difference()); err != nil {
		return err
	}
	outcome := row.Outcome()
	if err := e.group(outcome).add(row); err != nil {
		return err
	}
	if row.Draft.Refusal != nil {
		if row.InForce.Refusal != nil {
			e.RefusedInForce++
		}
		return e.addReason(row, outcome)
	}
	e.addDifference(row)
	if row.InForce.Refusal == nil {
		if err := e.Earlier.add(row.InForce.Amount - row.Before()); err != nil {
			return err
		}
	}
	if err := e.Overpaid.add(row.Overpaid()); err != nil {
		return err
	}
	return e.Underpaid.add(row.Underpaid())
}

func (e *Effect) group(o Outcome) *Group {
	switch o {
	case More:
		return &e.More
	case Less:
		return &e.Less
	case Refused:
		return &e.Refused
	case Invalid:
		return &e.Invalid
	}
	return &e.Same
}

func (e *Effect) addDifference(row *Row) {
	d := row.Difference()
	if d > e.LargestRise.Difference {
		e.LargestRise = Extreme{row.Ref, d}
	}
	if d < e.LargestFall.Difference {
		e.LargestFall = Extreme{row.Ref, d}
	}
	for i := range e.Spread {
		if b := &e.Spread[i]; d >= b.Least && d <= b.Most {
			b.Bills++
		}
	}
}

// addReason counts by act or input, never by words: these may name a day, and memory must not grow with the bills.
func (e *Effect) addReason(row *Row, outcome Outcome) error {
	refusal := row.Draft.Refusal
	i := slices.IndexFunc(e.Reasons, func(r Reason) bool {
		return r.Outcome == outcome && r.Act == refusal.Act && r.Field == refusal.Field
	})
	if i < 0 {
		i = len(e.Reasons)
		e.Reasons = append(e.Reasons, Reason{Outcome: outcome, Act: refusal.Act, Field: refusal.Field, Example: row.Ref, Words: refusal.Error()})
	}
	e.Reasons[i].Bills++
	return sum(&e.Reasons[i].Charged, row.Charged)
}

func (g *Group) add(row *Row) error {
	g.Bills++
	if err := sum(&g.Before, row.Before()); err != nil {
		return err
	}
	if row.Draft.Refusal != nil {
		return nil
	}
	if err := sum(&g.UnderDraft, row.Draft.Amount); err != nil {
		return err
	}
	return sum(&g.Difference, row.Difference())
}

// add counts a bill that is concerned: by 0 none is.
func (c *Change) add(amount int64) error {
	if amount != 0 {
		c.Bills++
	}
	return sum(&c.Amount, amount)
}

// sum adds an amount to a total and refuses one that an int64 cannot hold: a total that wraps round would look like one.
func sum(total *int64, amount int64) error {
	if amount > 0 && *total > math.MaxInt64-amount || amount < 0 && *total < math.MinInt64-amount {
		return problem.New(problem.Invalid, "the amounts of these bills add up to more than %d đồng: take a shorter period or fewer services", int64(math.MaxInt64))
	}
	*total += amount
	return nil
}

// finish drops empty buckets at both ends and puts the reasons in order.
func (r *Report) finish() *Report {
	for i := range r.Services {
		r.Services[i].finish()
	}
	r.Total.finish()
	return r
}

func (e *Effect) finish() {
	filled := func(b Bucket) bool { return b.Bills > 0 }
	first := slices.IndexFunc(e.Spread, filled)
	if first < 0 {
		e.Spread = []Bucket{}
	} else {
		last := len(e.Spread)
		for !filled(e.Spread[last-1]) {
			last--
		}
		e.Spread = e.Spread[first:last]
	}
	slices.SortStableFunc(e.Reasons, func(a, b Reason) int { return cmp.Compare(b.Bills, a.Bills) })
	if e.Reasons == nil {
		e.Reasons = []Reason{}
	}
}

// buckets are the decades of falls and rises from a thousand to ten million đồng, and no change between them. The outer
// two have no end, which is written as the end of int64.
func buckets() []Bucket {
	ends := []int64{1_000, 10_000, 100_000, 1_000_000, 10_000_000, math.MaxInt64}
	out := []Bucket{{}}
	least := int64(1)
	for _, most := range ends {
		out = append(out, Bucket{Least: least, Most: most})
		out = slices.Insert(out, 0, Bucket{Least: -most, Most: -least})
		if most < math.MaxInt64 {
			least = most + 1
		}
	}
	return out
}
