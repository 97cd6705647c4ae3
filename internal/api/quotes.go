package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/problem"
)

// quoteRequest is the body of POST /v1/quotes.
type quoteRequest struct {
	Service string `json:"service" minLength:"1" maxLength:"64" doc:"The service's key" example:"electricity_household"`
	Date    string `json:"date" minLength:"10" maxLength:"10" doc:"The day the quote is for, YYYY-MM-DD" example:"2025-05-31"`
	Inputs  inputs `json:"inputs" doc:"What the service's schedule asks for"`
}

// inputs is a JSON object that is kept as it was written: its numbers are read as exact decimals by the schedule.
type inputs json.RawMessage

// Schema describes the inputs: which there are depends on the service.
func (inputs) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// UnmarshalJSON keeps the text.
func (i *inputs) UnmarshalJSON(b []byte) error { return (*json.RawMessage)(i).UnmarshalJSON(b) }

// MarshalJSON gives the text.
func (i inputs) MarshalJSON() ([]byte, error) { return json.RawMessage(i).MarshalJSON() }

type quoteAnswer struct {
	Body fee.Quote
}

func (s *server) quotes(api huma.API) {
	op := operation("quote", http.MethodPost, "/v1/quotes", "Work out what a service costs; nothing is kept")
	op.Errors = []int{400, 401, 404, 413, 415}
	huma.Register(api, op, s.quote)
}

func (s *server) quote(ctx context.Context, in *struct{ Body quoteRequest }) (*quoteAnswer, error) {
	date, err := readDate(in.Body.Date)
	if err != nil {
		return nil, s.refuse(ctx, err, in.Body)
	}
	q, err := s.Quoter.Quote(fee.Request{Service: in.Body.Service, Date: date, Inputs: json.RawMessage(in.Body.Inputs)})
	if err != nil {
		return nil, s.refuse(ctx, err, in.Body)
	}
	return &quoteAnswer{Body: *q}, nil
}

func readDate(text string) (calendar.Date, error) {
	d, err := calendar.ParseDate(text)
	if err != nil {
		return d, problem.AtField(problem.Invalid, "date", "give the date in the form YYYY-MM-DD")
	}
	return d, nil
}
