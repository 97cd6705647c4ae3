// Package fee owns the fee schedules and turns one into a quote: what is owed, line by line, each with its law.
//
// It guarantees that a quote is a pure function of the schedules, the date and the inputs (no clock, no network, no
// database), that every amount is exact whole đồng reached by exact decimals with rounding named in the schedule, and
// that an amount which is not known is refused with the act that decides it, never answered with an older one.
// A schedule that cannot prove itself by its own worked examples does not load.
//
// It is not the law, and not the catalogue: a line names a charge code, and which body and budget line that code
// belongs to is said elsewhere.
package fee

import (
	"encoding/json"
	"time"

	"exchequer/internal/calendar"
)

// Request asks what a service costs. Inputs is a JSON object with the inputs that the service's schedule declares.
type Request struct {
	Service string
	Date    calendar.Date // the day the quote is for: the reading of a bill, the payment day of a fine
	Inputs  json.RawMessage
}

// Quote is the answer: the lines in the schedule's order and their sum. Amounts are whole đồng.
type Quote struct {
	Service     string        `json:"service"`
	Date        calendar.Date `json:"date"`
	TotalVND    int64         `json:"total_vnd"`
	Provisional bool          `json:"provisional"` // a line rests on evidence that is not yet certain
	Lines       []Line        `json:"lines"`
	// Forecast is the input that names another day of payment than Date; empty where there is none. Nobody can pay by a
	// forecast: it has the interest of days that have not passed, or lacks that of days that have.
	Forecast string `json:"forecast,omitempty"`

	// ScheduleHash is the SHA-256, in hex, of the schedule file and of every parameter file it uses.
	ScheduleHash string `json:"schedule_hash"`
	// ValidUntil is the first instant at which the quote no longer holds: a midnight of Asia/Ho_Chi_Minh, in UTC.
	ValidUntil time.Time `json:"valid_until"`
}

// Payable refuses a forecast: Invalid, at the input that names the day.
func (q *Quote) Payable() error {
	if q.Forecast == "" {
		return nil
	}
	return invalid(q.Forecast, said("phải là ngày của báo giá, %s: số tiền của ngày khác chỉ để tham khảo, không nộp được",
		"must be the quote's date, %s: the amount of another day is a forecast, by which nobody can pay", q.Date))
}

// Line is one amount of a quote with the law behind it. A reduction is negative.
type Line struct {
	Code    string `json:"code"`   // as printed on the bill: T1, VAT, fine
	Label   Text   `json:"label"`  // the code in words; empty on bills from before lines had one
	Charge  string `json:"charge"` // the catalogue's key for budget lines
	Amount  int64  `json:"amount"` // whole đồng
	Version Text   `json:"version"`
	Rule    Text   `json:"rule"`
	Act     string `json:"act"`    // act and article, by its English name
	ActVi   string `json:"act_vi"` // and by its Vietnamese one
	Steps   []Text `json:"steps"`  // how the amount came about
}

// ActName is the act's name in both languages; bills from before acts had two have the English one alone.
func (l Line) ActName() Text {
	if l.ActVi == "" {
		return Text{l.Act, l.Act}
	}
	return Text{l.ActVi, l.Act}
}
