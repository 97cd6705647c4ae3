// Package problem owns the closed set of reasons for which Exchequer refuses a request.
//
// It guarantees that every refusal carries a code that callers can branch on and a sentence that says what to do,
// and that neither holds personal data. It is not an error for faults of ours: those stay plain wrapped errors and
// reach a client only as Internal.
package problem

import (
	"errors"
	"fmt"
)

// Code names why a request was refused. The set is closed; internal/api maps each to one HTTP status.
type Code string

// The codes, from the caller's faults to ours.
const (
	Invalid         Code = "invalid"          // the input is malformed or out of range: correct it
	Unauthenticated Code = "unauthenticated"  // no valid bearer token
	Forbidden       Code = "forbidden"        // the actor may not do this on this book
	NotFound        Code = "not_found"        // no such service, bill, order, payment
	Conflict        Code = "conflict"         // the state does not allow it (bill paid, attempt live)
	KeyReused       Code = "key_reused"       // Idempotency-Key seen with another body
	InProgress      Code = "in_progress"      // the same request is still being worked on: retry later
	Refused         Code = "refused"          // the law gives no certain amount for this case
	LedgerRefused   Code = "ledger_refused"   // the ledger refused a transaction and says why
	ReferenceReused Code = "reference_reused" // the ledger holds another transaction under the reference
	OutcomeUnknown  Code = "outcome_unknown"  // posted or not: send the same references again
	TooLarge        Code = "too_large"        // body over the limit
	Unavailable     Code = "unavailable"      // a provider or server is down: try again
	Internal        Code = "internal"         // our fault
)

// Error is a refusal. Detail is for the person, DetailVi says the same in Vietnamese (empty where there is none); Field
// names the input at fault, Act the legal act where one decides and ActVi its Vietnamese name.
type Error struct {
	Code     Code
	Detail   string
	DetailVi string
	Field    string
	Act      string
	ActVi    string
}

// In gives the detail in English for "en", and for any other language in Vietnamese where it was written.
func (e *Error) In(lang string) string {
	if lang == "en" || e.DetailVi == "" {
		return e.Detail
	}
	return e.DetailVi
}

// Error gives the detail in English, preceded by the field at fault where there is one.
func (e *Error) Error() string { return e.Say("en") }

// Say gives the detail as In does, preceded by the field at fault where there is one.
func (e *Error) Say(lang string) string {
	if e.Field != "" {
		return e.Field + ": " + e.In(lang)
	}
	return e.In(lang)
}

// New makes a refusal with a formatted detail.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// AtField makes a refusal that names the input at fault.
func AtField(code Code, field, format string, args ...any) *Error {
	return &Error{Code: code, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// Both makes a refusal in both languages that names the input at fault.
func Both(code Code, field, vi, en string) *Error {
	return &Error{Code: code, Field: field, Detail: en, DetailVi: vi}
}

// CodeOf gives the code an error carries, Internal for an error that carries none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}
