// Package bookkeeping owns who may read and write which book of the ledger from outside the program.
//
// It guarantees that a partner system posts to those books only which its token names, and nobody to a book of the
// gateway's own: what stands there is booked by package booking alone. A name of three capitals or digits is the
// gateway's, so no partner can come to share a book with a collecting body, one of tomorrow included.
// It is not the ledger, and knows no business event.
package bookkeeping

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
	"exchequer/ledger"
)

// Books is the ledger for those outside the program.
type Books struct {
	Pool   *pgxpool.Pool
	Ledger *ledger.Ledger
	Now    func() time.Time
}

// Post posts as (*ledger.Ledger).Post does, whose errors it gives. Where the actor does not keep one of the books it is
// Forbidden and nothing is posted. A transaction is its own record: it has no audit row.
func (b *Books) Post(ctx context.Context, actor authn.Actor, txs []ledger.Transaction) ([]ledger.Result, error) {
	seen := ""
	for i := range txs {
		book := txs[i].Book
		if book == seen { // "" is the ledger's to refuse
			continue
		}
		if err := keeps(actor, book); err != nil {
			return nil, err
		}
		seen = book
	}
	return b.Ledger.Post(ctx, txs)
}

// OpenAccounts opens the accounts of one book that are not open yet. Forbidden where the actor does not keep the book,
// Invalid or Conflict (open with another definition) where one cannot be opened: then none is.
func (b *Books) OpenAccounts(ctx context.Context, actor authn.Actor, book string, accounts []ledger.Account) error {
	if err := keeps(actor, book); err != nil {
		return err
	}
	return pg.InTx(ctx, b.Pool, func(tx pgx.Tx) error {
		if err := b.Ledger.OpenAccountsTx(ctx, tx, accounts); err != nil {
			return refused(err)
		}
		for _, a := range accounts {
			act := audit.Act{Action: "account.open", Book: book, Subject: a.Code}
			if err := audit.WriteTx(ctx, tx, actor, act, b.Now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// CloseAccount closes an account for good. Forbidden where the actor does not keep the book, Conflict where the account
// is not open or does not stand at zero.
func (b *Books) CloseAccount(ctx context.Context, actor authn.Actor, book, code string) error {
	if err := keeps(actor, book); err != nil {
		return err
	}
	return pg.InTx(ctx, b.Pool, func(tx pgx.Tx) error {
		if err := b.Ledger.CloseAccountTx(ctx, tx, book, code); err != nil {
			return refused(err)
		}
		return audit.WriteTx(ctx, tx, actor, audit.Act{Action: "account.close", Book: book, Subject: code}, b.Now())
	})
}

// keeps refuses whoever may not write to the book. A right on all books is none here: it would reach other partners'.
func keeps(actor authn.Actor, book string) error {
	switch {
	case reference.IsBook(book):
		return problem.New(problem.Forbidden, "a book named by three capitals or digits is the gateway's own, which it alone keeps: post to a book of yours")
	case actor.Local():
		return nil
	case actor.Role != authn.Bookkeeper:
		return actor.Require(book, authn.Bookkeeper)
	case !slices.Contains(actor.Books, book):
		return problem.New(problem.Forbidden, "the token does not name this book: ask for one that does")
	}
	return nil
}

// refused says why an account cannot be opened or closed: it is named by its code, which is the caller's own text.
func refused(err error) error {
	if account, ok := errors.AsType[*ledger.AccountError](err); ok {
		return problem.AtField(problem.Conflict, "code", "%s", account.Reason)
	}
	return err
}
