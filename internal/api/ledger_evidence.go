package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/ledger"
)

// entryView is what one posting did to an account.
type entryView struct {
	ID           int64     `json:"id" doc:"The transaction's"`
	Line         int32     `json:"line" doc:"Of the posting in it, from 0"`
	Reference    string    `json:"reference"`
	Kind         string    `json:"kind"`
	Occurred     time.Time `json:"occurred"`
	EffectiveDay string    `json:"effective_day"`
	Recorded     time.Time `json:"recorded"`
	OtherAccount string    `json:"other_account"`
	Debit        int64     `json:"debit"`
	Credit       int64     `json:"credit"`
	Balance      int64     `json:"balance" doc:"After the entry"`
}

// statementView is a page of entries between two balances, which stand on the account's normal side.
type statementView struct {
	Currency   string      `json:"currency"`
	NormalSide string      `json:"normal_side" enum:"debit,credit"`
	Opening    int64       `json:"opening"`
	Entries    []entryView `json:"entries"`
	Closing    int64       `json:"closing" doc:"Opening and the entries; the next page's opening"`
	Next       string      `json:"next,omitempty" doc:"next of the page that follows; left out on the last"`
}

type statementInput struct {
	Book    string    `path:"book" maxLength:"32"`
	Account string    `path:"account" maxLength:"200" doc:"Escaped, as it may have a slash"`
	From    string    `query:"from" format:"date" doc:"First effective day"`
	Through string    `query:"through" format:"date" doc:"Last effective day"`
	Since   time.Time `query:"since" doc:"Instead of days: only what was recorded after this instant, in the order of that"`
	At      time.Time `query:"at" doc:"Only what was recorded up to and at this instant"`
	Next    string    `query:"next" maxLength:"200" doc:"next of the page before"`
	Limit   int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type proofInput struct {
	Book      string `path:"book" maxLength:"32"`
	Reference string `path:"reference" maxLength:"128" doc:"Escaped, as it may have a slash"`
}

func (s *server) ledgerEvidence(api huma.API) {
	statement := operation("ledger-statement", http.MethodGet, "/v1/ledger/statements/{book}/{account}", "An account's entries between two balances")
	statement.Errors = []int{401, 403, 404, 422}
	huma.Register(api, statement, s.statement)
	proof := operation("ledger-proof", http.MethodGet, "/v1/ledger/proofs/{book}/{reference}", "The proof that a transaction stands in a checkpoint")
	proof.Errors = []int{401, 403, 404, 409, 422}
	huma.Register(api, proof, s.proof)
}

func (s *server) statement(ctx context.Context, in *statementInput) (*struct{ Body statementView }, error) {
	q := ledger.StatementQuery{Book: in.Book, Account: in.Account, Since: in.Since, At: in.At, Next: in.Next, Limit: in.Limit,
		From: moment(time.DateOnly, in.From), Through: moment(time.DateOnly, in.Through)}
	st, err := s.Evidence.Statement(ctx, actorOf(ctx), q)
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	v := statementView{st.Currency, string(st.Normal), st.Opening, make([]entryView, len(st.Entries)), st.Closing, st.Next}
	for i, e := range st.Entries {
		v.Entries[i] = entryView{e.Transaction, e.Line, e.Reference, e.Kind, e.Occurred.UTC(), e.Day.Format(time.DateOnly), e.Recorded.UTC(),
			e.OtherAccount, e.Debit, e.Credit, e.Balance}
	}
	return &struct{ Body statementView }{v}, nil
}

func (s *server) proof(ctx context.Context, in *proofInput) (*struct{ Body ledger.Proof }, error) {
	published, err := s.Checkpoints.Published()
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	p, err := s.Evidence.Prove(ctx, actorOf(ctx), ledger.ProofQuery{Book: in.Book, Reference: in.Reference, Checkpoints: published})
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	return &struct{ Body ledger.Proof }{p}, nil
}
