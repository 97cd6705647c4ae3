package booking

import (
	"fmt"

	"exchequer/internal/money"
	"exchequer/ledger"
)

// Terms says how a provider takes its fee; contract data of (provider, book).
type Terms string

// The terms.
const (
	Gross Terms = "gross" // the whole amount arrives, the fee is invoiced
	Net   Terms = "net"   // the fee is taken off what arrives, and the gateway bears it
)

// Settled: a provider has paid a book's money to the collection account (row 2, and row 3 where terms are net).
type Settled struct {
	Head
	Book     string
	Channel  string
	Provider string
	Account  string // the collection account
	Gross    int64  // đồng that leave clearing
	Fee      int64  // đồng the provider took off; zero on gross terms
}

// Transactions debits the bank with what arrived; a fee stands between the book and the house until made good.
func (e Settled) Transactions() ([]ledger.Transaction, error) {
	const kind = "settled"
	if err := collecting(kind, e.Book); err != nil {
		return nil, err
	}
	if err := positive(kind, "the gross amount", e.Gross); err != nil {
		return nil, err
	}
	if e.Fee < 0 || e.Fee > e.Gross {
		return nil, &ImpossibleError{kind, "the fee is below zero or above the gross amount"}
	}
	clearing := Clearing(e.Channel)
	txs := []ledger.Transaction{e.transaction(e.Book, e.Reference, kind,
		ledger.Posting{Debit: Bank(e.Account), Credit: clearing, Amount: e.Gross - e.Fee},
		ledger.Posting{Debit: DueFrom(House), Credit: clearing, Amount: e.Fee},
	)}
	if e.Fee > 0 {
		txs = append(txs, e.transaction(House, e.counterpart(e.Book), "fee-borne",
			ledger.Posting{Debit: ProviderFee(e.Provider), Credit: DueTo(e.Book), Amount: e.Fee}))
	}
	return txs, nil
}

// Share is one book's part of a credit for many.
type Share struct {
	Book  string
	Gross int64 // đồng
	Terms Terms
}

// SettledForMany: one bank credit settles many books (row 5).
type SettledForMany struct {
	Head
	Channel  string
	Provider string
	Account  string
	Shares   []Share // one a book
	Fee      int64   // đồng taken off the credit in all; split over the net shares by largest remainder of their gross
	Credited int64   // đồng of the statement line: the shares less the fee
}

// Transactions gives rows 2 or 3 for each book, all with the credit's link; their bank postings add up to Credited.
func (e SettledForMany) Transactions() ([]ledger.Transaction, error) {
	const kind = "settled-for-many"
	fees, err := e.fees(kind)
	if err != nil {
		return nil, err
	}
	var txs []ledger.Transaction
	for i, s := range e.Shares {
		one := Settled{Head: e.Head, Book: s.Book, Channel: e.Channel, Provider: e.Provider, Account: e.Account,
			Gross: s.Gross, Fee: fees[i]}
		part, err := one.Transactions()
		if err != nil {
			return nil, err
		}
		txs = append(txs, part...)
	}
	return txs, nil
}

// fees splits the fee over the net shares and checks that the shares are the credit.
func (e SettledForMany) fees(kind string) ([]int64, error) {
	if len(e.Shares) == 0 {
		return nil, &ImpossibleError{kind, "it has no shares"}
	}
	seen := make(map[string]bool)
	weights := make([]int64, len(e.Shares))
	var gross, net int64
	for i, s := range e.Shares {
		if err := positive(kind, "the share of book "+s.Book, s.Gross); err != nil {
			return nil, err
		}
		if seen[s.Book] {
			return nil, &ImpossibleError{kind, "book " + s.Book + " has two shares"}
		}
		seen[s.Book] = true
		if gross += s.Gross; gross < 0 {
			return nil, &ImpossibleError{kind, "the shares add up to more than any amount of money"}
		}
		switch s.Terms {
		case Net:
			weights[i], net = s.Gross, net+s.Gross
		case Gross:
		default:
			return nil, &ImpossibleError{kind, fmt.Sprintf("book %s has terms %q: say gross or net", s.Book, s.Terms)}
		}
	}
	if e.Fee < 0 || e.Fee > net {
		return nil, &ImpossibleError{kind, "the fee is below zero or above the net shares"}
	}
	if gross-e.Fee != e.Credited {
		return nil, &ImpossibleError{kind, fmt.Sprintf("shares of %d less a fee of %d are not the %d credited",
			gross, e.Fee, e.Credited)}
	}
	if e.Fee == 0 {
		return make([]int64, len(e.Shares)), nil
	}
	fees, err := money.Split(e.Fee, weights)
	if err != nil {
		return nil, fmt.Errorf("split the fee: %w", err)
	}
	return fees, nil
}

// FeeMadeGood: the house pays a book the fee that a provider took off (row 3, last line).
type FeeMadeGood struct {
	Head
	Book    string
	Account string // the collection account in which the house's share becomes the book's
	Amount  int64  // đồng
}

// Transactions clears the due-from/due-to pair against the bank in both books.
func (e FeeMadeGood) Transactions() ([]ledger.Transaction, error) {
	const kind = "fee-made-good"
	if err := collecting(kind, e.Book); err != nil {
		return nil, err
	}
	if err := positive(kind, "the amount", e.Amount); err != nil {
		return nil, err
	}
	bank := Bank(e.Account)
	return []ledger.Transaction{
		e.transaction(e.Book, e.Reference, kind, ledger.Posting{Debit: bank, Credit: DueFrom(House), Amount: e.Amount}),
		e.transaction(House, e.counterpart(e.Book), kind, ledger.Posting{Debit: DueTo(e.Book), Credit: bank, Amount: e.Amount}),
	}, nil
}
