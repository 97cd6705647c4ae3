package booking

import "exchequer/ledger"

// UnknownCredit: money arrived on a collection account and nobody knows whose it is (row 15).
type UnknownCredit struct {
	Head
	Account string
	Amount  int64 // đồng
}

// Transactions keeps the money in the house's book, unallocated.
func (e UnknownCredit) Transactions() ([]ledger.Transaction, error) {
	const kind = KindUnknownCredit
	if err := positive(kind, "the amount", e.Amount); err != nil {
		return nil, err
	}
	return []ledger.Transaction{e.transaction(House, e.Reference, kind,
		ledger.Posting{Debit: Bank(e.Account), Credit: Unallocated, Amount: e.Amount})}, nil
}

// Placed: money that was unallocated belongs to a book (row 15), to its payables or to a payer's excess.
type Placed struct {
	Head
	Book    string
	Account string
	Lines   []PayableLine
	Excess  int64 // đồng, may be zero
}

// Transactions hands the bank's money from the house to the book.
func (e Placed) Transactions() ([]ledger.Transaction, error) {
	const kind = KindPlaced
	if err := collecting(kind, e.Book); err != nil {
		return nil, err
	}
	bank := Bank(e.Account)
	postings, err := credits(kind, bank, e.Lines, e.Excess)
	if err != nil {
		return nil, err
	}
	var amount int64
	for _, p := range postings {
		if amount += p.Amount; amount < 0 {
			return nil, &ImpossibleError{kind, "lines and excess add up to more than any amount of money"}
		}
	}
	return []ledger.Transaction{
		e.transaction(e.Book, e.Reference, kind, postings...),
		e.transaction(House, e.counterpart(e.Book), kind,
			ledger.Posting{Debit: Unallocated, Credit: bank, Amount: amount}),
	}, nil
}

// HouseFunded: the gateway pays in money for fees and shortfalls (row 18).
type HouseFunded struct {
	Head
	Account string
	Amount  int64 // đồng
}

// Transactions debits the house's bank against its funding.
func (e HouseFunded) Transactions() ([]ledger.Transaction, error) {
	const kind = KindHouseFunded
	if err := positive(kind, "the amount", e.Amount); err != nil {
		return nil, err
	}
	return []ledger.Transaction{e.transaction(House, e.Reference, kind,
		ledger.Posting{Debit: Bank(e.Account), Credit: Funding, Amount: e.Amount})}, nil
}
