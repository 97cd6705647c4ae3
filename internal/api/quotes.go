package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
	"exchequer/internal/quote"
)

// quoteRequest is the body of POST /v1/quotes.
type quoteRequest struct {
	Service string `json:"service" minLength:"1" maxLength:"64" doc:"The service's key" example:"electricity_household"`
	Body    string `json:"body,omitempty" maxLength:"64" doc:"The collecting body's code; may be left out where one body collects for the service"`
	Date    string `json:"date" minLength:"10" maxLength:"10" doc:"The day the quote is for, YYYY-MM-DD" example:"2025-05-31"`
	Known   string `json:"known,omitempty" maxLength:"35" doc:"By the law as it was known at this instant (RFC 3339), or at the end of this day in Vietnam; such a quote is information and is not signed" example:"2025-05-31"`
	Inputs  inputs `json:"inputs" doc:"What the service's schedule asks for"`
}

// said gives every field of the body, also one that was left out: a refusal may be about its absence.
func (r quoteRequest) said() any {
	return map[string]any{"service": r.Service, "body": r.Body, "date": r.Date, "known": r.Known, "inputs": r.Inputs}
}

// quoteView is a quote, and the same signed.
type quoteView struct {
	quote.Quote
	Signed   string   `json:"signed,omitempty" doc:"The quote as a compact JWS of typ quote+jwt (ES256), to be checked with /.well-known/jwks.json; it holds until valid_until"`
	Unsigned fee.Text `json:"unsigned,omitzero" doc:"Why it is information and not signed: its day lies ahead, it no longer holds, or it is by what was known before"`
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
	Body quoteView
}

func (s *server) quotes(api huma.API) {
	op := operation("quote", http.MethodPost, "/v1/quotes", "Work out what a service costs, whom it is paid to and by which budget lines; nothing is kept")
	op.Errors = []int{400, 401, 404, 413, 415}
	huma.Register(api, op, s.quote)
}

func (s *server) quote(ctx context.Context, in *struct{ Body quoteRequest }) (*quoteAnswer, error) {
	v, err := s.makeQuote(ctx, in.Body)
	if err != nil {
		return nil, s.refuse(ctx, err, in.Body.said())
	}
	return &quoteAnswer{Body: v}, nil
}

func (s *server) makeQuote(ctx context.Context, r quoteRequest) (quoteView, error) {
	date, err := readDate(r.Date)
	if err != nil {
		return quoteView{}, err
	}
	law, err := s.lawOf(ctx, r.Known)
	if err != nil {
		return quoteView{}, err
	}
	q, err := quote.Make(law, quote.Request{Service: r.Service, Body: r.Body, Date: date, Inputs: json.RawMessage(r.Inputs)})
	if err != nil {
		return quoteView{}, err
	}
	v := quoteView{Quote: *q, Unsigned: q.Unsigned(s.Clock.Now())}
	if r.Known != "" {
		v.Unsigned = wasKnown
	}
	if v.Unsigned == (fee.Text{}) {
		v.Signed, err = q.Sign(s.Signer, s.Issuer, "")
	}
	return v, err
}

var wasKnown = fee.Text{Vi: "điều đã được biết trước đây không phải là báo giá để nộp", En: "what was known before is no offer"}

// lawOf reads the law once: as it is, or as it was known.
func (s *server) lawOf(ctx context.Context, known string) (*publication.Law, error) {
	if known == "" {
		return s.Law.Current(ctx)
	}
	at, err := s.readKnown(known)
	if err != nil {
		return nil, err
	}
	return s.Law.KnownAt(ctx, at)
}

// readKnown reads an instant, or the end of a day in Vietnam, up to today.
func (s *server) readKnown(known string) (time.Time, error) {
	at, err := calendar.ParseInstant(known)
	if err != nil {
		return at, problem.Both(problem.Invalid, "known", "cần một thời điểm như 2025-06-02T09:00:00+07:00 hoặc một ngày như 2025-06-02",
			"give an instant like 2025-06-02T09:00:00+07:00 or a day like 2025-06-02")
	}
	if calendar.DayOf(at).After(calendar.DayOf(s.Clock.Now())) {
		return at, problem.Both(problem.Invalid, "known", "ở thời điểm chưa tới: những gì được biết khi đó thì nay chưa biết", "lies ahead: what will be known then is not known yet")
	}
	return at, nil
}

func readDate(text string) (calendar.Date, error) {
	d, err := calendar.ParseDate(text)
	if err != nil {
		return d, problem.Both(problem.Invalid, "date", "cần ngày theo dạng YYYY-MM-DD", "give the date in the form YYYY-MM-DD")
	}
	return d, nil
}
