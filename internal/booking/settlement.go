package booking

import "exchequer/ledger"

// Terms says how a provider takes its fee; contract data of (provider, book).
type Terms string

// The terms.
const (
	Gross Terms = "gross" // the whole amount arrives, the fee is invoiced
	Net   Terms = "net"   // the fee is taken off what arrives, and the gateway bears it
)

// Settled: a provider has paid a book's money to the collection account (row 2, and row 3 where terms are net). A credit
// for many books is one Settled a book, all linked by the statement line (row 5).
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
	const kind = KindSettled
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
		txs = append(txs, e.transaction(House, e.counterpart(e.Book), KindFeeBorne,
			ledger.Posting{Debit: ProviderFee(e.Provider), Credit: DueTo(e.Book), Amount: e.Fee}))
	}
	return txs, nil
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
	const kind = KindFeeMadeGood
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
