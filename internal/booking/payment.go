package booking

import "exchequer/ledger"

// PaymentConfirmed: a provider says that a payer has paid (rows 1, 10 and 11 of the accountant's table). Lines are what
// the book's bills take, by budget line; Excess is what no bill takes and belongs to the payer: all of it where the
// bill was paid before, is expired or the payment is too low, the surplus where too much was paid.
type PaymentConfirmed struct {
	Head
	Book    string
	Channel string // the provider's channel, e.g. vnpay
	Lines   []PayableLine
	Excess  int64 // đồng, may be zero
}

// Transactions debits clearing and credits the payables and the excess.
func (e PaymentConfirmed) Transactions() ([]ledger.Transaction, error) {
	const kind = KindPaymentConfirmed
	if err := collecting(kind, e.Book); err != nil {
		return nil, err
	}
	postings, err := credits(kind, Clearing(e.Channel), e.Lines, e.Excess)
	if err != nil {
		return nil, err
	}
	return []ledger.Transaction{e.transaction(e.Book, e.Reference, kind, postings...)}, nil
}

// credits moves what arrived on one debit account to the payables and the excess.
func credits(kind, debit string, lines []PayableLine, excess int64) ([]ledger.Posting, error) {
	sum, err := total(kind, lines)
	if err != nil {
		return nil, err
	}
	switch {
	case excess < 0:
		return nil, &ImpossibleError{kind, "the excess is below zero"}
	case sum == 0 && excess == 0:
		return nil, &ImpossibleError{kind, "it has neither lines nor excess"}
	}
	postings := make([]ledger.Posting, 0, len(lines)+1)
	for _, l := range lines {
		postings = append(postings, ledger.Posting{Debit: debit, Credit: Payable(l.Body, l.Budget), Amount: l.Amount})
	}
	return append(postings, ledger.Posting{Debit: debit, Credit: Excess, Amount: excess}), nil
}
