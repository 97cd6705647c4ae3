package fee

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// CaseResult is what came of one row of a file of worked cases. Want and Got are a total in đồng, `refused`, or `invalid`.
type CaseResult struct {
	ID      string `json:"id"`
	Service string `json:"service"`
	Date    string `json:"date"`
	Want    string `json:"want"`
	Got     string `json:"got"`
	OK      bool   `json:"ok"`
	Reason  string `json:"reason,omitempty"` // what differs, or why it was refused
}

// What stands for the total of a case that expects none: the law refuses, naming its act, or the input is at fault.
const refused, faulty = "refused", "invalid"

// CheckCases works out every row of a CSV of worked cases and compares the total and, where the row has lines, their
// amounts in order; whatever else stands in the lines is notes. The columns are id, service, date, inputs, total_vnd
// and lines (the last may be missing), found by their names in the first row. Only the named services are looked at,
// all when there are none. A difference is a result, not an error; an error is a file that is no such CSV, or a named
// service that has no schedule (problem.NotFound).
func CheckCases(r io.Reader, s *Schedules, services []string) ([]CaseResult, error) {
	if _, err := s.Named(services); err != nil {
		return nil, err
	}
	rows := csv.NewReader(r)
	columns, err := caseColumns(rows)
	if err != nil {
		return nil, err
	}
	var results []CaseResult
	for {
		row, err := rows.Read()
		if err == io.EOF {
			return results, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the cases: %w", err)
		}
		if len(services) > 0 && !slices.Contains(services, row[columns["service"]]) {
			continue
		}
		one := CaseResult{ID: row[columns["id"]], Service: row[columns["service"]], Date: row[columns["date"]],
			Want: row[columns["total_vnd"]]}
		lines := ""
		if i, ok := columns["lines"]; ok {
			lines = row[i]
		}
		one.compare(s, row[columns["inputs"]], lines)
		results = append(results, one)
	}
}

// caseColumns finds the columns by the names in the first row.
func caseColumns(rows *csv.Reader) (map[string]int, error) {
	head, err := rows.Read()
	if err != nil {
		return nil, fmt.Errorf("reading the first row of the cases: %w", err)
	}
	columns := map[string]int{}
	for i, name := range head {
		columns[name] = i
	}
	for _, name := range []string{"id", "service", "date", "inputs", "total_vnd"} {
		if _, ok := columns[name]; !ok {
			return nil, fmt.Errorf("the cases have no column %q: the first row must name id, service, date, inputs, total_vnd", name)
		}
	}
	return columns, nil
}

// compare fills in what came of the case.
func (c *CaseResult) compare(s *Schedules, inputs, lines string) {
	date, err := calendar.ParseDate(c.Date)
	if err != nil {
		c.Reason = err.Error()
		return
	}
	q, err := s.Quote(Request{Service: c.Service, Date: date, Inputs: json.RawMessage(inputs)})
	if err != nil {
		c.Reason = err.Error()
		c.Got = outcome(err)
		c.OK = c.Got != "" && c.Got == c.Want
		return
	}
	c.Got = strconv.FormatInt(q.TotalVND, 10)
	if c.Got != c.Want {
		c.Reason = "the total differs; the quote has " + brief(q)
		return
	}
	if c.Reason = differingLines(q, lines); c.Reason == "" {
		c.OK = true
	}
}

// outcome tells a refusal by law from a faulty input: a misspelt one must not pass for an amount that the law refuses. An
// input beyond a bound of the law is refused by it. A service that is not there is neither.
func outcome(err error) string {
	refusal, ok := errors.AsType[*problem.Error](err)
	switch {
	case ok && (refusal.Code == problem.Refused || refusal.Act != ""):
		return refused
	case ok && refusal.Code == problem.Invalid:
		return faulty
	}
	return ""
}

// differingLines compares the amounts of a case's lines, in order, with those of the quote.
func differingLines(q *Quote, text string) string {
	if text == "" {
		return ""
	}
	var want []struct {
		Code   string `json:"code"`
		Amount int64  `json:"amount"`
	}
	if err := json.Unmarshal([]byte(text), &want); err != nil {
		return "the lines of the case are not a JSON list of objects with `amount` in whole đồng"
	}
	if len(want) != len(q.Lines) {
		return fmt.Sprintf("the case has %d lines, the quote %d: %s", len(want), len(q.Lines), brief(q))
	}
	for i := range want {
		if want[i].Amount != q.Lines[i].Amount {
			return fmt.Sprintf("line %d (%s) should be %d; the quote has %s", i+1, want[i].Code, want[i].Amount, brief(q))
		}
	}
	return ""
}
