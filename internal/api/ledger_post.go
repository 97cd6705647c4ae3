package api

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"exchequer/internal/problem"
	"exchequer/ledger"
)

const (
	// maxTransactions is the most that one request may post.
	maxTransactions = 8_000
	// maxLedgerBody bounds a posting's body, in bytes: that many transactions of a kilobyte each, or one with the most postings.
	maxLedgerBody = 8 << 20
	// maxLedgerPostings is more than so long a body has room for if each is whole. Empty ones would take fifty times the
	// room of their text.
	maxLedgerPostings = maxLedgerBody / 50
)

// postingBody is one movement of an amount.
type postingBody struct {
	Debit    string `json:"debit" doc:"Code of the account" example:"assets:clearing"`
	Credit   string `json:"credit" doc:"Code of the account" example:"liabilities:payable"`
	Amount   int64  `json:"amount" doc:"Above zero, in minor units of the currency (whole đồng), without fraction or exponent" example:"100000"`
	Currency string `json:"currency" doc:"ISO 4217; that of both accounts" example:"VND"`
}

// transactionBody is a transaction as a partner sends it.
type transactionBody struct {
	Book      string            `json:"book" example:"tolls"`
	Reference string            `json:"reference" doc:"The sender's own, unique in the book: 1 to 128 letters, digits and -._:/#+=@" example:"toll-2025-06-02-000001"`
	Kind      string            `json:"kind" doc:"What happened, in the sender's words; 1 to 64 characters as in reference" example:"payment"`
	Occurred  string            `json:"occurred" doc:"When it happened (RFC 3339)" example:"2025-06-02T09:00:00+07:00"`
	Day       string            `json:"day" doc:"The business day of that. Where it is closed the transaction takes effect on the day after the last closed one" example:"2025-06-02"`
	FixedDay  bool              `json:"fixed_day,omitempty" doc:"Refuse it where the day is closed"`
	Phase     string            `json:"phase,omitempty" enum:"post,hold,capture,void" doc:"post where it is left out"`
	Of        string            `json:"of,omitempty" doc:"Reference of the hold that is captured or voided, or of the transaction that a post corrects"`
	Expires   string            `json:"expires,omitempty" doc:"From when a hold can no longer be captured (RFC 3339); never where it is left out"`
	Link      string            `json:"link,omitempty" doc:"Joins transactions of several books; at most 128 characters as in reference"`
	Metadata  map[string]string `json:"metadata,omitempty" doc:"Ids for the reader, at most 16 KiB. Never personal data: it is kept for good"`
	Postings  []postingBody     `json:"postings,omitempty" doc:"1 to 10,000. A capture without any takes the hold in full; a void has none"`
}

// resultView is what became of a transaction.
type resultView struct {
	Code    ledger.Code `json:"code" doc:"posted and duplicate stand in the ledger; after any other nothing was written"`
	ID      int64       `json:"id,omitempty" doc:"Of what stands. Ids rise in the order in which any one account was changed"`
	Day     string      `json:"day,omitempty" doc:"The effective day of what stands"`
	Field   string      `json:"field,omitempty" doc:"The field at fault" example:"postings[0].amount"`
	Account string      `json:"account,omitempty" doc:"The account at fault, where it is one of the book"`
}

// resultsView has a result for each transaction of a list, at its index.
type resultsView struct {
	Results []resultView `json:"results"`
}

// posted is the answer to a posting. Its body is written here: a result or results.
type posted struct {
	Status      int
	ContentType string `header:"Content-Type" hidden:"true"`
	Location    string `header:"Location"`
	Body        []byte
}

// postInput leaves the body unread: what the framework does with one costs as much as the posting.
type postInput struct {
	ContentType string `header:"Content-Type" hidden:"true"`
	RawBody     []byte `contentType:"application/json"`
}

func (s *server) postTransactions(ctx context.Context, in *postInput) (*posted, error) {
	if media, _, _ := strings.Cut(in.ContentType, ";"); !strings.EqualFold(strings.TrimSpace(media), "application/json") {
		p := newProblem(ctx, problem.Invalid, detailOfStatus[http.StatusUnsupportedMediaType])
		p.Status = http.StatusUnsupportedMediaType
		return nil, p
	}
	if !json.Valid(in.RawBody) {
		p := newProblem(ctx, problem.Invalid, "the body is not a JSON document: send one transaction as an object, or a list of them")
		p.Status = http.StatusBadRequest
		return nil, p
	}
	bodies, list, fault := readTransactions(in.RawBody)
	if fault != nil {
		p := newProblem(ctx, problem.Invalid, fault.Detail)
		p.Errors = []Fault{*fault}
		return nil, p
	}
	txs := make([]ledger.Transaction, len(bodies))
	for i := range bodies {
		txs[i] = bodies[i].transaction()
	}
	results, err := s.Books.Post(ctx, actorOf(ctx), txs)
	switch {
	case err != nil:
		return nil, s.notPosted(ctx, err)
	case list:
		return answerAll(results)
	}
	return answerOne(ctx, txs[0], results[0])
}

// readTransactions reads one transaction, or a list of them.
func readTransactions(body []byte) (bodies []transactionBody, list bool, fault *Fault) {
	s := &strict{text: body, path: make([]byte, 0, 64)}
	if list = s.next() == '['; !list {
		return []transactionBody{s.transaction()}, false, s.fault
	}
	s.list(maxTransactions, func(int) { bodies = append(bodies, s.transaction()) })
	if len(bodies) == 0 {
		s.fail("the list is empty: send at least one transaction")
	}
	return bodies, true, s.fault
}

var (
	transactionMembers = []string{"book", "reference", "kind", "occurred", "day", "fixed_day", "phase", "of", "expires", "link", "metadata", "postings"}
	postingMembers     = []string{"debit", "credit", "amount", "currency"}
)

func (s *strict) transaction() (t transactionBody) {
	texts := [...]*string{&t.Book, &t.Reference, &t.Kind, &t.Occurred, &t.Day, nil, &t.Phase, &t.Of, &t.Expires, &t.Link}
	s.object(transactionMembers, func(member int) {
		switch transactionMembers[member] {
		case "fixed_day":
			t.FixedDay = s.bool()
		case "metadata":
			t.Metadata = s.texts()
		case "postings":
			// More than a transaction may have is the ledger's to refuse, by itself: one too many shows it.
			s.list(len(s.text), func(i int) {
				if s.postings++; s.postings > maxLedgerPostings {
					s.fail("there are more postings than whole ones have room: send debit, credit, amount and currency of each")
				} else if p := s.posting(); i <= ledger.MaxPostings {
					t.Postings = append(t.Postings, p)
				}
			})
		default:
			*texts[member] = s.string()
		}
	})
	return t
}

func (s *strict) posting() (p postingBody) {
	texts := [...]*string{&p.Debit, &p.Credit, nil, &p.Currency}
	s.object(postingMembers, func(member int) {
		if text := texts[member]; text != nil {
			*text = s.string()
			return
		}
		p.Amount = s.integer()
	})
	return p
}

// transaction gives what was sent to the ledger, which says what is wrong with it.
func (b *transactionBody) transaction() ledger.Transaction {
	t := ledger.Transaction{
		Book: b.Book, Reference: b.Reference, Kind: b.Kind, FixedDay: b.FixedDay, Phase: ledger.Phase(b.Phase), Of: b.Of,
		Link: b.Link, Metadata: b.Metadata, Postings: make([]ledger.Posting, len(b.Postings)),
		Occurred: moment(time.RFC3339, b.Occurred), Day: moment(time.DateOnly, b.Day), Expires: moment(time.RFC3339, b.Expires),
	}
	if b.Phase == "post" {
		t.Phase = ledger.Post
	}
	for i, p := range b.Postings {
		t.Postings[i] = ledger.Posting(p)
	}
	return t
}

// noMoment is none that the ledger takes.
var noMoment = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)

// moment reads a time; the zero time where there is none, and one that the ledger refuses where it is not of the form.
func moment(layout, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(layout, text)
	if err != nil || t.IsZero() {
		return noMoment
	}
	return t
}

// answerAll is 200 whatever became of each: they do not depend on each other, and no one status is true of all.
func answerAll(results []ledger.Result) (*posted, error) {
	all := resultsView{Results: make([]resultView, len(results))}
	for i, r := range results {
		all.Results[i] = viewOf(r)
	}
	return answerJSON(http.StatusOK, all)
}

func answerOne(ctx context.Context, tx ledger.Transaction, r ledger.Result) (*posted, error) {
	if !r.OK() {
		return nil, ledgerRefusal(ctx, r)
	}
	if r.Code == ledger.Duplicate {
		return answerJSON(http.StatusOK, viewOf(r))
	}
	a, err := answerJSON(http.StatusCreated, viewOf(r))
	if err == nil {
		a.Location = transactionsPath + "/" + url.PathEscape(tx.Book) + "/" + url.PathEscape(tx.Reference)
	}
	return a, err
}

func answerJSON(status int, v any) (*posted, error) {
	text, err := json.Marshal(v)
	return &posted{Status: status, ContentType: "application/json", Body: text}, err
}

func viewOf(r ledger.Result) resultView {
	v := resultView{Code: r.Code, ID: r.ID, Field: r.Field}
	if !r.Day.IsZero() {
		v.Day = r.Day.Format(time.DateOnly)
	}
	switch r.Code {
	case ledger.ClosedAccount, ledger.CurrencyMismatch, ledger.Limit, ledger.Overflow, ledger.HoldExceeded:
		v.Account = r.Account // others may name what is no account, and could be any text
	}
	return v
}
