package api

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/ledger"
)

// RecordedView is a transaction as it stands in the ledger.
type RecordedView struct {
	ID           int64             `json:"id"`
	Book         string            `json:"book"`
	Reference    string            `json:"reference"`
	Kind         string            `json:"kind"`
	Phase        string            `json:"phase" enum:"post,hold,capture,void,expiry"`
	Of           string            `json:"of,omitempty" doc:"Reference of the hold that was resolved, or of the transaction that was corrected"`
	Occurred     time.Time         `json:"occurred"`
	Day          string            `json:"day" doc:"As it was sent"`
	EffectiveDay string            `json:"effective_day"`
	Recorded     time.Time         `json:"recorded"`
	Expires      time.Time         `json:"expires,omitzero"`
	Link         string            `json:"link,omitempty"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	Postings     []postingBody     `json:"postings"`
}

func recordedAs(r ledger.Recorded) RecordedView {
	v := RecordedView{ID: r.ID, Book: r.Book, Reference: r.Reference, Kind: r.Kind, Phase: cmp.Or(string(r.Phase), "post"), Of: r.Of,
		Occurred: r.Occurred.UTC(), Day: r.Day.Format(time.DateOnly), EffectiveDay: r.Effective.Format(time.DateOnly),
		Recorded: r.Recorded.UTC(), Link: r.Link, Metadata: r.Metadata, Postings: make([]postingBody, len(r.Postings))}
	if !r.Expires.IsZero() {
		v.Expires = r.Expires.UTC()
	}
	for i, p := range r.Postings {
		v.Postings[i] = postingBody(p)
	}
	return v
}

// heldView is a hold with what became of it.
type heldView struct {
	RecordedView
	Resolution string `json:"resolution,omitempty" enum:"capture,void,expiry" doc:"Left out while the hold is open"`
	By         string `json:"by,omitempty" doc:"Reference of the transaction that resolved it"`
}

// balanceView is what stands on an account, in minor units of its currency.
type balanceView struct {
	Account        string `json:"account"`
	Currency       string `json:"currency"`
	NormalSide     string `json:"normal_side" enum:"debit,credit"`
	Net            int64  `json:"net" doc:"Posted, on the normal side"`
	DebitsPosted   int64  `json:"debits_posted"`
	CreditsPosted  int64  `json:"credits_posted"`
	DebitsPending  int64  `json:"debits_pending" doc:"Held"`
	CreditsPending int64  `json:"credits_pending"`
}

// Paged is the part of an input that names a page of a book.
type Paged struct {
	Book  string `query:"book" required:"true" maxLength:"32"`
	After int64  `query:"after" minimum:"0" doc:"next of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"100"`
}

func (in Paged) page() ledger.Page {
	return ledger.Page{Book: in.Book, After: in.After, Limit: in.Limit}
}

// next is what the page after this one begins behind; 0 where this one, of n transactions with so many postings, is the
// last.
func (in Paged) next(n, postings int, last func() int64) int64 {
	if n < in.Limit && postings < ledger.MaxPostings {
		return 0
	}
	return last()
}

type transactionsAnswer struct {
	Body struct {
		Transactions []RecordedView `json:"transactions" doc:"By id; fewer than limit where they have 10,000 postings"`
		Next         int64          `json:"next,omitempty" doc:"after of the page that follows; left out on the last"`
	}
}

type holdsInput struct {
	Paged
	State string `query:"state" enum:"open,all" default:"open"`
}

type holdsAnswer struct {
	Body struct {
		Holds []heldView `json:"holds" doc:"By id. A page of open ones may be short or empty before the last"`
		Next  int64      `json:"next,omitempty" doc:"after of the page that follows; left out on the last"`
	}
}

type balancesInput struct {
	Book    string    `query:"book" required:"true" minLength:"1" maxLength:"32"`
	Prefix  string    `query:"prefix" maxLength:"200" doc:"How the accounts' codes begin"`
	At      time.Time `query:"at" doc:"Only what was recorded up to and at this instant"`
	Through string    `query:"through" format:"date" doc:"Only what took effect up to and on this day"`
}

type balancesAnswer struct {
	Body struct {
		Balances []balanceView `json:"balances" doc:"By account"`
	}
}

func (s *server) ledgerReading(api huma.API) {
	get := func(id, path, summary string, statuses ...int) huma.Operation {
		op := operation(id, http.MethodGet, path, summary)
		op.Errors = append([]int{401, 403, 422}, statuses...)
		return op
	}
	huma.Register(api, get("ledger-transaction", transactionsPath+"/{book}/{reference}", "A transaction by its reference", 404), s.getTransaction)
	huma.Register(api, get("ledger-transactions", transactionsPath, "A book's transactions"), s.listTransactions)
	huma.Register(api, get("ledger-holds", "/v1/ledger/holds", "A book's holds, open ones or all"), s.listHolds)
	huma.Register(api, get("ledger-balances", "/v1/ledger/balances", "What stands on a book's accounts, now, at an instant or at the end of a day"), s.listBalances)
}

func (s *server) getTransaction(ctx context.Context, in *struct {
	Book      string `path:"book" maxLength:"32"`
	Reference string `path:"reference" maxLength:"128" doc:"Escaped, as it may have a slash"`
}) (*struct{ Body RecordedView }, error) {
	r, err := s.Ledger.Transaction(ctx, actorOf(ctx), in.Book, in.Reference)
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	return &struct{ Body RecordedView }{recordedAs(r)}, nil
}

func (s *server) listTransactions(ctx context.Context, in *Paged) (*transactionsAnswer, error) {
	list, err := s.Ledger.Transactions(ctx, actorOf(ctx), in.page())
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	var a transactionsAnswer
	a.Body.Transactions = make([]RecordedView, len(list))
	postings := 0
	for i, r := range list {
		a.Body.Transactions[i] = recordedAs(r)
		postings += len(r.Postings)
	}
	a.Body.Next = in.next(len(list), postings, func() int64 { return list[len(list)-1].ID })
	return &a, nil
}

func (s *server) listHolds(ctx context.Context, in *holdsInput) (*holdsAnswer, error) {
	list, err := s.Ledger.Holds(ctx, actorOf(ctx), in.page())
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	var a holdsAnswer
	a.Body.Holds = make([]heldView, 0, len(list))
	postings := 0
	for _, h := range list {
		postings += len(h.Postings)
		if in.State == "all" || h.Resolution == "" {
			a.Body.Holds = append(a.Body.Holds, heldView{recordedAs(h.Recorded), string(h.Resolution), h.By})
		}
	}
	a.Body.Next = in.next(len(list), postings, func() int64 { return list[len(list)-1].ID })
	return &a, nil
}

func (s *server) listBalances(ctx context.Context, in *balancesInput) (*balancesAnswer, error) {
	q := ledger.Query{Book: in.Book, Prefix: in.Prefix, At: in.At}
	if in.Through != "" {
		q.Through, _ = time.Parse(time.DateOnly, in.Through) // the framework checked its form
	}
	list, err := s.Ledger.Balances(ctx, actorOf(ctx), q)
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	var a balancesAnswer
	a.Body.Balances = make([]balanceView, len(list))
	for i, b := range list {
		a.Body.Balances[i] = balanceView{b.Account, b.Currency, string(b.Normal), b.Net(), b.DebitsPosted, b.CreditsPosted, b.DebitsPending, b.CreditsPending}
	}
	return &a, nil
}
