package api

import (
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

const transactionsPath = "/v1/ledger/transactions"

// ledger is what partner systems and treasury staff see of the books.
func (s *server) ledger(api huma.API) {
	s.ledgerPosting(api)
	s.ledgerReading(api)
	s.ledgerAccounts(api)
	s.ledgerEvidence(api)
}

// ledgerPosting takes no Idempotency-Key: the reference of a transaction is its key, for good and whoever sends it.
func (s *server) ledgerPosting(api huma.API) {
	op := operation("post-transactions", http.MethodPost, transactionsPath, "Post, hold, capture, void or correct: one transaction, or a list of up to 8,000")
	op.Description = "One transaction is answered 201 when it was posted, 200 when it stood already, 409 when its reference stands for another, 422 when " +
		"the ledger refuses it. A list is answered 200, with a result for each at its index: one that is refused does not touch the others."
	op.MaxBodyBytes, op.SkipValidateBody = maxLedgerBody, true
	op.Errors = []int{400, 401, 403, 409, 413, 415, 422, 503}
	schemas := api.OpenAPI().Components.Schemas
	one, list := schemas.Schema(reflect.TypeFor[transactionBody](), true, ""), schemas.Schema(reflect.TypeFor[[]transactionBody](), true, "")
	op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
	answer := func(description string, schema *huma.Schema) *huma.Response {
		return &huma.Response{Description: description, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
	}
	result, results := schemas.Schema(reflect.TypeFor[resultView](), true, ""), schemas.Schema(reflect.TypeFor[resultsView](), true, "")
	op.Responses = map[string]*huma.Response{
		"201": answer("Posted", result),
		"200": answer("A duplicate, or the results of a list", &huma.Schema{OneOf: []*huma.Schema{result, results}}),
	}
	huma.Register(api, op, s.postTransactions)
	// The framework calls a body that it does not read binary.
	op.RequestBody.Content["application/json"].Schema = &huma.Schema{OneOf: []*huma.Schema{one, list}}
}
