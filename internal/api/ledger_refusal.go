package api

import (
	"context"
	"errors"

	"exchequer/internal/problem"
	"exchequer/ledger"
)

// adviceOf says what each refusal of the ledger asks of the sender.
var adviceOf = map[ledger.Code]string{
	ledger.ReferenceReused:  "the reference stands for another transaction, which differs at field: use a new one for a new transaction",
	ledger.InvalidField:     "field is missing, too long or not of its form: see /openapi.json",
	ledger.NoPostings:       "there is nothing to post: send at least one posting",
	ledger.TooManyPostings:  "a transaction has 10,000 postings at most: split it",
	ledger.InvalidAmount:    "an amount is above zero: to move it back, exchange debit and credit",
	ledger.SameAccount:      "debit and credit are one account: name two",
	ledger.UnknownAccount:   "the account is not open in the book: open it first",
	ledger.ClosedAccount:    "the account is closed for good: post to another",
	ledger.CurrencyMismatch: "the currency is not the account's: send that one",
	ledger.Limit:            "the account would go below zero: send less, or wait until there is more on it",
	ledger.Overflow:         "the account's total would leave the range of int64: go on with another account",
	ledger.MetadataTooLarge: "metadata is over 16 KiB: send ids, and keep the rest with you",
	ledger.PeriodClosed:     "the day is closed: send a later day, or leave fixed_day out",
	ledger.UnknownOf:        "of names no transaction of the book: check it",
	ledger.NotPosted:        "of names a transaction that posted nothing: there is nothing to correct",
	ledger.NotHeld:          "of names no hold, or the posting is none of the hold's: check them",
	ledger.HoldExceeded:     "the hold has less between these accounts: capture no more than was held",
	ledger.HoldResolved:     "the hold was captured, voided or expired before: read it again",
	ledger.HoldExpired:      "the hold's time is over: void it",
}

// ledgerRefusal is the problem document of a transaction that was sent alone.
func ledgerRefusal(ctx context.Context, r ledger.Result) *Problem {
	code := problem.LedgerRefused
	if r.Code == ledger.ReferenceReused {
		code = problem.ReferenceReused
	}
	p, v := newProblem(ctx, code, adviceOf[r.Code]), viewOf(r)
	p.Result = &v
	if r.Field != "" {
		p.Errors = []Fault{{Detail: p.Detail, Pointer: pointer(r.Field)}}
	}
	return p
}

// notPosted turns an error of posting into a refusal. Nobody waits for the answer where the request itself was given up.
func (s *server) notPosted(ctx context.Context, err error) *Problem {
	unknown, ok := errors.AsType[*ledger.OutcomeUnknownError](err)
	if !ok && ctx.Err() == nil {
		return s.problem(ctx, err, nil)
	}
	if ok && ctx.Err() == nil {
		s.Log.WarnContext(ctx, "outcome of a posting unknown", "request", requestID(ctx), "book", unknown.Book, "error", unknown.Cause)
	}
	return newProblem(ctx, problem.OutcomeUnknown, "whether the transactions stand is not known: send the same references again, what stands is answered as duplicate")
}
