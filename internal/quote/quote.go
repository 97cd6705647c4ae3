// Package quote owns the whole answer to what a service costs: the amount with its law, whom it is paid to, and the
// budget lines it is made of; signed, so that a bank or a counter can check it with nothing but the published keys.
//
// It guarantees that a quote is a pure function of the law as it was known, the body, the date and the inputs, and that
// the same quote signed with the same key is the same bytes; that the budget lines of each charge add up to that charge,
// so that all of them are the total; and that a charge whose share or budget line is not known is refused, never given
// to another line.
//
// It is no bill: nothing is owed by a quote, and nothing of it is kept.
package quote

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/problem"
)

// Request asks what a service costs. Inputs is a JSON object with the inputs that the service's schedule declares; Body
// may be left out where one body collects for the service.
type Request struct {
	Service string
	Body    string
	Date    calendar.Date
	Inputs  json.RawMessage
}

// Quote is what a service costs, by which law, and where the money goes. Amounts are whole đồng.
type Quote struct {
	fee.Quote
	// Procedure is the portal's code of the procedure that is paid for.
	Procedure string `json:"procedure"`
	Currency  string `json:"currency"` // ISO 4217
	// Inputs is what the amount was worked out from, with its names in order and its numbers as they were written.
	Inputs json.RawMessage `json:"inputs,omitempty"`
	Payee  Payee           `json:"payee"`
	Budget []BudgetLine    `json:"budget"`
	// Revision is the publication of the law that the quote follows; KnownSince is when it became known.
	Revision   int64     `json:"revision"`
	KnownSince time.Time `json:"known_since"`
}

// Payee is the collecting body, with the accounts to which its lines are paid over.
type Payee struct {
	Body     string    `json:"body"`
	Book     string    `json:"book"`
	Name     fee.Text  `json:"name"`
	Accounts []Account `json:"accounts"`
}

// Account finds an account by its code; an empty one where the payee has none of it.
func (p Payee) Account(code string) Account {
	i := slices.IndexFunc(p.Accounts, func(a Account) bool { return a.Code == code })
	if i < 0 {
		return Account{}
	}
	return p.Accounts[i]
}

// Account is an account of the payee, or of the body that took its place.
type Account struct {
	Code   string `json:"code"`
	Body   string `json:"body"`
	Kind   string `json:"kind" enum:"treasury,bank"`
	Number string `json:"number"`
	At     string `json:"at" doc:"The treasury unit or the bank"`
}

// BudgetLine is the part of a charge that goes to one budget line. Act is the one that shares the charge out; it is
// empty where the charge goes to one line whole.
type BudgetLine struct {
	Charge      string   `json:"charge"`
	Part        string   `json:"part"`
	Budget      string   `json:"budget"`
	Chapter     string   `json:"chapter"`
	SubItem     string   `json:"sub_item"`
	Area        string   `json:"area"`
	Account     string   `json:"account"` // code of one of the payee's accounts
	Amount      int64    `json:"amount"`  // whole đồng
	Act         fee.Text `json:"act,omitzero"`
	Provisional bool     `json:"provisional,omitempty"` // the share rests on evidence that is not yet certain
}

// Canonical writes inputs in the one form in which a quote keeps them: names in order, no blanks, numbers as they were
// written. Nothing at all is an object without members. Invalid where it is not one JSON document.
func Canonical(inputs json.RawMessage) (json.RawMessage, error) {
	if len(bytes.TrimSpace(inputs)) == 0 {
		return json.RawMessage("{}"), nil
	}
	d := json.NewDecoder(bytes.NewReader(inputs))
	d.UseNumber()
	var v any
	if !json.Valid(inputs) || d.Decode(&v) != nil {
		return nil, problem.Both(problem.Invalid, "inputs", "cần một đối tượng JSON", "give one JSON object")
	}
	return json.Marshal(v)
}
