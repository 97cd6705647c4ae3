// Package catalog owns the standing data of collection: who collects for which procedure, into which account of the
// treasury or of a bank each part of a charge goes, areas and their merger, the budget index, and what was agreed with
// the payment providers. The data are tables, CSV documents that hold from a day until a day.
//
// It guarantees that every reference inside the tables resolves and that no two rows hold for the same thing on the same
// day; that a charge without a budget line, or whose code is closed, is refused rather than booked somewhere; and that
// every code in it can be part of an account of the ledger. It knows no amount of any tariff and no state of any bill.
package catalog

import (
	"slices"
	"strings"

	"exchequer/internal/booking"
	"exchequer/internal/problem"
)

// Book is the accounts of one collecting body. Key is its 3 characters everywhere.
type Book struct {
	Key  string
	Name string
}

// Contract is what was agreed with a provider for a book.
type Contract struct {
	Provider        string
	Book            string
	Merchant        string // the provider's terminal
	Settlement      booking.Terms
	DueBusinessDays int // business days after the payment's until the credit is late
}

// CollectionAccount is the bank account into which providers pay.
type CollectionAccount struct {
	Account  string
	Bank     string
	Currency string
}

// Catalog is the tables, read and checked as a whole.
type Catalog struct {
	books       rows[Book]
	bodies      rows[Body]
	accounts    rows[Account]
	procedures  rows[Procedure]
	charges     rows[Charge]
	regimes     rows[regime]
	areas       rows[Area]
	successions rows[succession]
	chapters    rows[IndexCode]
	subItems    rows[IndexCode]
	lines       rows[BudgetLine]
	contracts   rows[Contract]
	collection  rows[CollectionAccount]

	accountCodes map[string]string // by body and budget
}

// Books lists every book, the house first, in key order.
func (c *Catalog) Books() []Book {
	out := c.books.values()
	slices.SortFunc(out, func(a, b Book) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// CollectionAccount gives the account into which providers pay.
func (c *Catalog) CollectionAccount() CollectionAccount { return c.collection.list[0].value }

// Contract finds what was agreed with a provider for a book; NotFound when nothing was.
func (c *Catalog) Contract(provider, book string) (Contract, error) {
	if k, ok := c.contracts.last(keyed(provider, book)); ok {
		return k, nil
	}
	return Contract{}, refusal(problem.NotFound, "provider", "chưa có hợp đồng với %q cho sổ %s", "provider %q has no contract for book %s", provider, book)
}

// Contracts lists every contract.
func (c *Catalog) Contracts() []Contract { return c.contracts.values() }
