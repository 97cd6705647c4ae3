package bookkeeping

import (
	"context"
	"errors"
	"slices"
	"strings"

	"exchequer/internal/authn"
	"exchequer/internal/problem"
	"exchequer/ledger"
)

// Transaction gives one transaction. NotFound where the book has none of the reference.
func (b *Books) Transaction(ctx context.Context, actor authn.Actor, book, reference string) (ledger.Recorded, error) {
	if err := reads(actor, book); err != nil {
		return ledger.Recorded{}, err
	}
	r, err := b.Ledger.Transaction(ctx, book, reference)
	if errors.Is(err, ledger.ErrUnknownReference) {
		return r, noSuchReference()
	}
	return r, err
}

// Transactions lists a page of a book's transactions.
func (b *Books) Transactions(ctx context.Context, actor authn.Actor, p ledger.Page) ([]ledger.Recorded, error) {
	if err := reads(actor, p.Book); err != nil {
		return nil, err
	}
	return b.Ledger.Transactions(ctx, p)
}

// Holds lists a page of a book's holds.
func (b *Books) Holds(ctx context.Context, actor authn.Actor, p ledger.Page) ([]ledger.HeldTransaction, error) {
	if err := reads(actor, p.Book); err != nil {
		return nil, err
	}
	return b.Ledger.Holds(ctx, p)
}

// Accounts lists a book's accounts after a code.
func (b *Books) Accounts(ctx context.Context, actor authn.Actor, book, after string, limit int) ([]ledger.OpenedAccount, error) {
	if err := reads(actor, book); err != nil {
		return nil, err
	}
	return b.Ledger.Accounts(ctx, book, after, limit)
}

// Balances gives what stands on accounts of one book.
func (b *Books) Balances(ctx context.Context, actor authn.Actor, q ledger.Query) ([]ledger.Balance, error) {
	if err := reads(actor, q.Book); err != nil {
		return nil, err
	}
	return b.Ledger.Balances(ctx, q)
}

// reads refuses whoever may not read the book: treasury staff read theirs, a bookkeeper those which its token names.
func reads(actor authn.Actor, book string) error {
	switch {
	case actor.Local() || actor.Role == authn.Bookkeeper && slices.Contains(actor.Books, book):
		return nil
	case actor.Role == authn.Bookkeeper:
		return problem.New(problem.Forbidden, "the token does not name this book: ask for one that does")
	}
	return actor.Require(book, authn.Treasury)
}

// Statement gives a page of an account's entries. NotFound where the account is not open, Invalid where the query makes no
// sense.
func (b *Books) Statement(ctx context.Context, actor authn.Actor, q ledger.StatementQuery) (ledger.Statement, error) {
	if err := reads(actor, q.Book); err != nil {
		return ledger.Statement{}, err
	}
	s, err := b.Ledger.Statement(ctx, q)
	if account, ok := errors.AsType[*ledger.AccountError](err); ok {
		return s, problem.AtField(problem.NotFound, "account", "%s", account.Reason)
	}
	if wrong, ok := errors.AsType[*ledger.StatementError](err); ok {
		return s, problem.AtField(problem.Invalid, strings.ToLower(wrong.Field), "%s", wrong.Reason)
	}
	return s, err
}

// Prove gives the proof that a transaction stands in one of the checkpoints. NotFound where the book has none of the
// reference, Conflict where no checkpoint has it yet.
func (b *Books) Prove(ctx context.Context, actor authn.Actor, q ledger.ProofQuery) (ledger.Proof, error) {
	if err := reads(actor, q.Book); err != nil {
		return ledger.Proof{}, err
	}
	p, err := b.Ledger.Prove(ctx, q)
	switch {
	case errors.Is(err, ledger.ErrUnknownReference):
		return p, noSuchReference()
	case errors.Is(err, ledger.ErrNotCheckpointed):
		return p, problem.AtField(problem.Conflict, "reference", "no checkpoint has this transaction yet: ask again after the next one")
	}
	return p, err
}

func noSuchReference() error {
	return problem.AtField(problem.NotFound, "reference", "no transaction of the book has this reference")
}
