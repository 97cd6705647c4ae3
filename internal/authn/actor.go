// Package authn owns who acts: the Actor every deciding function takes, and how a bearer token becomes one.
//
// It guarantees that an Actor holds ids only, and that a token is accepted only with an algorithm pinned by its key.
// It is not a user directory, and it does not decide what waits for a second person (internal/approval).
package authn

import (
	"slices"
	"strings"

	"exchequer/internal/problem"
)

// Role is what kind of person or program acts.
type Role string

// The roles. A payer sees his own, an officer his body's book, treasury staff their books, System is Exchequer itself,
// Client a partner program (the portal) that acts for payers, Bookkeeper one that keeps books of its own in the ledger.
const (
	Payer      Role = "payer"
	Client     Role = "client"
	Officer    Role = "officer"
	Treasury   Role = "treasury"
	Bookkeeper Role = "bookkeeper"
	System     Role = "system"
)

// Actor is who decides. ID is the token's subject; Books are the books it may act on ("*" for all).
type Actor struct {
	ID    string
	Role  Role
	Books []string
}

// systemPrefix begins the id of every part of the program.
const systemPrefix = "exchequer:"

// Exchequer is the program itself acting on a timer or on a provider's word.
func Exchequer(part string) Actor {
	return Actor{ID: systemPrefix + part, Role: System, Books: []string{"*"}}
}

// The ids of the two actors that are no token's subject: what a token's subject did would pass for theirs otherwise.
const (
	payerOfPages = "payer:web"
	localClient  = "local"
)

// PayerOfPages acts for whoever holds a bill's reference and pays on the program's own pages, without a login.
func PayerOfPages() Actor { return Actor{ID: payerOfPages, Role: Payer, Books: []string{"*"}} }

// LocalClient is everybody who can reach a server that checks no tokens: a partner program with a right on all books.
func LocalClient() Actor { return Actor{ID: localClient, Role: Client, Books: []string{"*"}} }

// Local reports whether the actor is the LocalClient, which no token can be.
func (a Actor) Local() bool { return a.ID == localClient }

// reserved reports whether a token may not have the subject.
func reserved(subject string) bool {
	return strings.HasPrefix(subject, systemPrefix) || subject == payerOfPages || subject == localClient
}

// Name gives the id written into audit rows.
func (a Actor) Name() string { return a.ID }

// MayActOn reports whether the actor may act on the book.
func (a Actor) MayActOn(book string) bool {
	return slices.Contains(a.Books, "*") || slices.Contains(a.Books, book)
}

// Require refuses with Forbidden unless the actor has one of the roles (System always has) and may act on the book.
func (a Actor) Require(book string, roles ...Role) error {
	if a.ID == "" {
		return problem.New(problem.Unauthenticated, "no actor: send a bearer token")
	}
	if a.Role != System && !slices.Contains(roles, a.Role) {
		return problem.New(problem.Forbidden, "role %s may not do this", a.Role)
	}
	if !a.MayActOn(book) {
		return problem.New(problem.Forbidden, "no right on book %s", book)
	}
	return nil
}
