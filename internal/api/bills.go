package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/internal/bill"
	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/quote"
)

// billRequest is the body of POST /v1/bills.
type billRequest struct {
	Service   string `json:"service" minLength:"1" maxLength:"64" example:"traffic_fine"`
	Body      string `json:"body,omitempty" maxLength:"64" doc:"The collecting body's code; may be left out where one body collects for the service"`
	SourceRef string `json:"source_ref" minLength:"1" maxLength:"64" doc:"The issuer's own number: the same number is the same bill"`
	Payer     string `json:"payer" minLength:"1" maxLength:"64" doc:"The payer's subject id, never a name"`
	Date      string `json:"date" minLength:"10" maxLength:"10" example:"2025-05-31"`
	Inputs    inputs `json:"inputs"`
}

// billView is a bill as clients see it; the payer's id stays inside.
type billView struct {
	Ref          string        `json:"ref" doc:"16 characters; cannot be guessed"`
	Book         string        `json:"book"`
	Body         string        `json:"body"`
	Service      string        `json:"service"`
	SourceRef    string        `json:"source_ref"`
	Edition      int           `json:"edition" doc:"Counts from 1 the bills of one number: the next one takes the place of one that no longer holds"`
	ReplacedBy   string        `json:"replaced_by,omitempty" doc:"Reference of the next edition"`
	Amount       int64         `json:"amount" doc:"Whole đồng"`
	Paid         int64         `json:"paid" doc:"Whole đồng"`
	Due          int64         `json:"due" doc:"Whole đồng still owed"`
	State        bill.State    `json:"state" enum:"open,paid,nothing_due"`
	QuoteDate    calendar.Date `json:"quote_date" format:"date"`
	ValidUntil   time.Time     `json:"valid_until" doc:"The first instant at which the amount no longer holds"`
	Expired      bool          `json:"expired"`
	CreatedAt    time.Time     `json:"created_at"`
	Provisional  bool          `json:"provisional" doc:"A line rests on evidence that is not yet certain"`
	ScheduleHash string        `json:"schedule_hash"`
	Payee        quote.Payee   `json:"payee,omitzero" doc:"Who collects, and the accounts to which the money is paid over"`
	Lines        []fee.Line    `json:"lines" doc:"Each amount with its law"`
	Split        []budgetShare `json:"split" doc:"The same amount by budget line"`
	Signed       string        `json:"signed,omitempty" doc:"While it can be paid and no payment of it is under way: the bill as a compact JWS of typ quote+jwt (ES256), to be checked with /.well-known/jwks.json"`
}

// budgetShare is the part of a bill for one budget line of its body.
type budgetShare struct {
	Charge string `json:"charge"`
	Budget string `json:"budget"`
	Amount int64  `json:"amount" doc:"Whole đồng"`
}

type billAnswer struct {
	Location string `header:"Location"`
	Body     billView
}

func (s *server) bills(api huma.API) {
	issue := operation("issue-bill", http.MethodPost, "/v1/bills", "Issue a bill from a quote, or find the one of the same number")
	issue.DefaultStatus = http.StatusCreated
	issue.Errors = []int{400, 401, 403, 404, 409, 413, 415}
	huma.Register(api, issue, s.issueBill)
	get := operation("get-bill", http.MethodGet, "/v1/bills/{ref}", "Find a bill by its reference: one that was issued by the caller, is owed by it, or is of its own book")
	get.Errors = []int{401, 404}
	huma.Register(api, get, s.getBill)
}

func (s *server) issueBill(ctx context.Context, in *struct{ Body billRequest }) (*billAnswer, error) {
	date, err := readDate(in.Body.Date)
	if err != nil {
		return nil, s.refuse(ctx, err, in.Body.said())
	}
	b, err := s.Bills.Issue(ctx, actorOf(ctx), bill.Request{
		Service: in.Body.Service, Body: in.Body.Body, SourceRef: in.Body.SourceRef, Payer: in.Body.Payer,
		Date: date, Inputs: json.RawMessage(in.Body.Inputs),
	})
	if err != nil {
		return nil, s.refuse(ctx, err, in.Body.said())
	}
	return s.answerBill(ctx, b, "/v1/bills/"+b.Ref)
}

// said gives every field of the body, also one that was left out: a refusal may be about its absence.
func (r billRequest) said() any {
	return map[string]any{"service": r.Service, "body": r.Body, "source_ref": r.SourceRef, "payer": r.Payer,
		"date": r.Date, "inputs": r.Inputs}
}

// Referred is the part of an input that names a bill or an order in the path.
type Referred struct {
	Ref string `path:"ref" maxLength:"32" doc:"16 characters; blanks and hyphens are passed over" example:"EHN0123456789ABX"`
}

func (s *server) getBill(ctx context.Context, in *Referred) (*billAnswer, error) {
	b, err := s.Bills.Get(ctx, actorOf(ctx), in.Ref)
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	return s.answerBill(ctx, b, "")
}

func (s *server) answerBill(ctx context.Context, b bill.Bill, location string) (*billAnswer, error) {
	v := s.viewBill(b)
	// Who sees a signed bill may take money for it, so there is none while somebody else's payment is under way. Bills from
	// before quotes had a payee cannot be signed as quotes.
	if b.State == bill.Open && !v.Expired && !b.Claimed && b.Quote.Payee.Body != "" {
		var err error
		if v.Signed, err = b.Quote.Sign(s.Signer, s.Issuer, b.Ref); err != nil {
			return nil, s.refuse(ctx, err, nil)
		}
	}
	return &billAnswer{Location: location, Body: v}, nil
}

func (s *server) viewBill(b bill.Bill) billView {
	split := make([]budgetShare, len(b.Lines))
	for i, l := range b.Lines {
		split[i] = budgetShare{l.Charge, l.Budget, l.Amount}
	}
	return billView{
		Ref: b.Ref, Book: b.Book, Body: b.Body, Service: b.Service, SourceRef: b.SourceRef,
		Edition: b.Edition, ReplacedBy: b.ReplacedBy, Payee: b.Quote.Payee,
		Amount: b.Amount, Paid: b.Paid, Due: b.Due(), State: b.State,
		QuoteDate: b.QuoteDate, ValidUntil: b.ValidUntil, Expired: b.State == bill.Open && b.Expired(s.Clock.Now()),
		CreatedAt: b.CreatedAt, Provisional: b.Quote.Provisional, ScheduleHash: b.ScheduleHash,
		Lines: b.Quote.Lines, Split: split,
	}
}
