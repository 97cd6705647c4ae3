package booking

import "exchequer/ledger"

// PayoutInstructed: the bank was told to pay bodies from a collection account (row 6).
type PayoutInstructed struct {
	Head
	Book    string
	Account string // the collection account
	Lines   []PayableLine
}

// Transactions moves the payables to payout.
func (e PayoutInstructed) Transactions() ([]ledger.Transaction, error) {
	const kind = KindPayoutInstructed
	return payablesWith(e.Head, kind, e.Book, e.Lines, func(payable string) ledger.Posting {
		return ledger.Posting{Debit: payable, Credit: Payout(e.Account)}
	})
}

// PayoutExecuted: the statement shows that the bank has paid (row 6).
type PayoutExecuted struct {
	Head
	Book    string
	Account string
	Amount  int64 // đồng
}

// Transactions moves payout to the bank.
func (e PayoutExecuted) Transactions() ([]ledger.Transaction, error) {
	const kind = KindPayoutExecuted
	if err := collecting(kind, e.Book); err != nil {
		return nil, err
	}
	if err := positive(kind, "the amount", e.Amount); err != nil {
		return nil, err
	}
	return []ledger.Transaction{e.transaction(e.Book, e.Reference, kind,
		ledger.Posting{Debit: Payout(e.Account), Credit: Bank(e.Account), Amount: e.Amount})}, nil
}

// PayoutRejected: the bank did not carry an instruction out (row 7).
type PayoutRejected struct {
	Head
	Book    string
	Account string
	Lines   []PayableLine // those of the instruction
}

// Transactions moves payout back to the payables.
func (e PayoutRejected) Transactions() ([]ledger.Transaction, error) {
	const kind = KindPayoutRejected
	return payablesWith(e.Head, kind, e.Book, e.Lines, func(payable string) ledger.Posting {
		return ledger.Posting{Debit: Payout(e.Account), Credit: payable}
	})
}

// payablesWith makes one transaction with a posting a line.
func payablesWith(h Head, kind, book string, lines []PayableLine, leg func(payable string) ledger.Posting,
) ([]ledger.Transaction, error) {
	if err := collecting(kind, book); err != nil {
		return nil, err
	}
	sum, err := total(kind, lines)
	if err != nil {
		return nil, err
	}
	if sum == 0 {
		return nil, &ImpossibleError{kind, "it has no lines"}
	}
	postings := make([]ledger.Posting, len(lines))
	for i, l := range lines {
		postings[i] = leg(Payable(l.Body, l.Budget))
		postings[i].Amount = l.Amount
	}
	return []ledger.Transaction{h.transaction(book, h.Reference, kind, postings...)}, nil
}
