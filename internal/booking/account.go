package booking

import (
	"fmt"
	"strings"

	"exchequer/ledger"
)

// House is the key of the gateway's own book.
const House = "000"

// The accounts of a book, as docs/architecture.md names them. A code is its prefix and what it is about.
const (
	Excess        = "liabilities:excess"      // the payer's: paid twice, too much, too late; waits to be refunded
	Unallocated   = "liabilities:unallocated" // house only: money nobody can place yet
	ServiceCharge = "income:service-charge"   // what a payer paid for the payment itself
	Difference    = "expenses:difference"     // written off by two persons
	Funding       = "equity:funding"          // house only: what the gateway put in
)

const (
	clearingPrefix    = "assets:clearing:"
	bankPrefix        = "assets:bank:"
	receivablePrefix  = "assets:receivable:"
	dueFromPrefix     = "assets:due-from:"
	dueToPrefix       = "liabilities:due-to:"
	payablePrefix     = "liabilities:payable:"
	payoutPrefix      = "liabilities:payout:"
	refundPrefix      = "liabilities:refund:"
	providerFeePrefix = "expenses:provider-fee:"
)

// Mirror says which accounts of two books mirror each other, for ledger.Verify.
var Mirror = ledger.Mirror{DueFrom: dueFromPrefix, DueTo: dueToPrefix}

// Clearing is money a provider holds for the book; it may go below zero while refunds are netted later.
func Clearing(channel string) string { return clearingPrefix + channel }

// Bank is the book's share of a collection account.
func Bank(account string) string { return bankPrefix + account }

// Receivable is what a body has to give back after it was paid out.
func Receivable(body, budget string) string { return receivablePrefix + body + ":" + budget }

// DueFrom is what another book owes this one.
func DueFrom(book string) string { return dueFromPrefix + book }

// DueTo is what this book owes another.
func DueTo(book string) string { return dueToPrefix + book }

// Payable is what is owed to a body under a budget code.
func Payable(body, budget string) string { return payablePrefix + body + ":" + budget }

// Payout is what was instructed from a collection account and is not yet certain.
func Payout(account string) string { return payoutPrefix + account }

// Refund is what was asked back through a channel and is not yet certain.
func Refund(channel string) string { return refundPrefix + channel }

// ProviderFee is what a provider charged.
func ProviderFee(provider string) string { return providerFeePrefix + provider }

// definition is what all accounts of a kind have in common. A name ending in a colon is a prefix.
type definition struct {
	name   string
	normal ledger.Side
	limits ledger.Limits
}

func (d definition) covers(code string) bool {
	if strings.HasSuffix(d.name, ":") {
		return strings.HasPrefix(code, d.name) && len(code) > len(d.name)
	}
	return code == d.name
}

// chart is every kind of account there is: its normal side and what it refuses.
var chart = [...]definition{
	{clearingPrefix, ledger.Debit, 0},
	{bankPrefix, ledger.Debit, ledger.NeverBelowZero},
	{receivablePrefix, ledger.Debit, 0},
	{dueFromPrefix, ledger.Debit, 0},
	{dueToPrefix, ledger.Credit, 0},
	{payablePrefix, ledger.Credit, ledger.NeverBelowZero},
	{payoutPrefix, ledger.Credit, ledger.NeverBelowZero},
	{refundPrefix, ledger.Credit, ledger.NeverBelowZero},
	{Excess, ledger.Credit, ledger.NeverBelowZero},
	{Unallocated, ledger.Credit, 0},
	{ServiceCharge, ledger.Credit, 0},
	{providerFeePrefix, ledger.Debit, 0},
	{Difference, ledger.Debit, 0},
	{Funding, ledger.Credit, 0},
}

// Account gives the definition of an account of a book. It panics on a code that is not in the chart: codes come from
// the functions above, never from input.
func Account(book, code string) ledger.Account {
	for _, d := range chart {
		if d.covers(code) {
			return ledger.Account{Book: book, Code: code, Currency: Currency, Normal: d.normal, Limits: d.limits}
		}
	}
	panic(fmt.Sprintf("booking: account %q is not in the chart", code))
}

// AccountsFor gives the definition of each account that transactions touch, once each, for ledger.OpenAccountsTx.
func AccountsFor(txs []ledger.Transaction) []ledger.Account {
	type key struct{ book, code string }
	seen := make(map[key]bool)
	var accounts []ledger.Account
	for _, t := range txs {
		for _, p := range t.Postings {
			for _, code := range []string{p.Debit, p.Credit} {
				if k := (key{t.Book, code}); !seen[k] {
					seen[k] = true
					accounts = append(accounts, Account(t.Book, code))
				}
			}
		}
	}
	return accounts
}
