package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"exchequer/ledger"
)

const accountsPath = "/v1/ledger/accounts"

// AccountBody is the definition of an account. It never changes.
type AccountBody struct {
	Code           string `json:"code" maxLength:"200" pattern:"^[0-9A-Za-z._/-]+(:[0-9A-Za-z._/-]+)*$" patternDescription:"parts of letters, digits, . _ / - joined by colons" example:"assets:clearing"`
	Currency       string `json:"currency" pattern:"^[A-Z]{3}$" patternDescription:"three capital letters (ISO 4217)" example:"VND"`
	NormalSide     string `json:"normal_side" enum:"debit,credit" doc:"The side on which it grows"`
	NeverBelowZero bool   `json:"never_below_zero,omitempty" doc:"Refuse what would leave it below zero; money held counts as gone"`
}

// accountView is an account with its times.
type accountView struct {
	AccountBody
	Opened time.Time `json:"opened"`
	Closed time.Time `json:"closed,omitzero" doc:"Left out while it is open"`
}

type openInput struct {
	Body struct {
		Book     string        `json:"book" pattern:"^[0-9A-Za-z_-]{1,32}$" patternDescription:"1 to 32 letters, digits, _ or -" example:"tolls"`
		Accounts []AccountBody `json:"accounts" minItems:"1" maxItems:"1000"`
	}
}

type closeInput struct {
	Body struct {
		Book string `json:"book" pattern:"^[0-9A-Za-z_-]{1,32}$" patternDescription:"1 to 32 letters, digits, _ or -" example:"tolls"`
		Code string `json:"code" maxLength:"200" pattern:"^[0-9A-Za-z._:/-]+$" patternDescription:"an account's code"`
	}
}

type accountsInput struct {
	Book  string `query:"book" required:"true" maxLength:"32"`
	After string `query:"after" maxLength:"200" doc:"next of the page before"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"100"`
}

type accountsAnswer struct {
	Body struct {
		Accounts []accountView `json:"accounts" doc:"By code"`
		Next     string        `json:"next,omitempty" doc:"after of the page that follows; left out on the last"`
	}
}

// ledgerAccounts needs no Idempotency-Key: what is open or closed already stays so.
func (s *server) ledgerAccounts(api huma.API) {
	list := operation("ledger-accounts", http.MethodGet, accountsPath, "A book's accounts")
	list.Errors = []int{401, 403, 422}
	huma.Register(api, list, s.listAccounts)
	open := operation("open-accounts", http.MethodPost, accountsPath, "Open those of the accounts that are not open yet, and their book, or none")
	open.Errors = []int{400, 401, 403, 409, 413, 415, 422}
	huma.Register(api, open, s.openAccounts)
	closing := operation("close-account", http.MethodPost, accountsPath+"/close", "Close an account that stands at zero, for good")
	closing.Errors = []int{400, 401, 403, 409, 413, 415, 422}
	huma.Register(api, closing, s.closeAccount)
}

func (s *server) openAccounts(ctx context.Context, in *openInput) (*struct{}, error) {
	accounts := make([]ledger.Account, len(in.Body.Accounts))
	for i, a := range in.Body.Accounts {
		accounts[i] = ledger.Account{Book: in.Body.Book, Code: a.Code, Currency: a.Currency, Normal: ledger.Side(a.NormalSide)}
		if a.NeverBelowZero {
			accounts[i].Limits = ledger.NeverBelowZero
		}
	}
	if err := s.Books.OpenAccounts(ctx, actorOf(ctx), in.Body.Book, accounts); err != nil {
		return nil, s.refuse(ctx, err, in.Body)
	}
	return nil, nil
}

func (s *server) closeAccount(ctx context.Context, in *closeInput) (*struct{}, error) {
	if err := s.Books.CloseAccount(ctx, actorOf(ctx), in.Body.Book, in.Body.Code); err != nil {
		return nil, s.refuse(ctx, err, in.Body)
	}
	return nil, nil
}

func (s *server) listAccounts(ctx context.Context, in *accountsInput) (*accountsAnswer, error) {
	list, err := s.Ledger.Accounts(ctx, actorOf(ctx), in.Book, in.After, in.Limit)
	if err != nil {
		return nil, s.refuse(ctx, err, nil)
	}
	var a accountsAnswer
	a.Body.Accounts = make([]accountView, len(list))
	for i, o := range list {
		v := accountView{AccountBody: AccountBody{o.Code, o.Currency, string(o.Normal), o.Limits&ledger.NeverBelowZero != 0}, Opened: o.Opened.UTC()}
		if !o.Closed.IsZero() {
			v.Closed = o.Closed.UTC()
		}
		a.Body.Accounts[i] = v
	}
	if len(list) == in.Limit {
		a.Body.Next = list[len(list)-1].Code
	}
	return &a, nil
}
