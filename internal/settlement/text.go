package settlement

import (
	"fmt"
	"io"
	"text/tabwriter"

	"exchequer/internal/money"
)

// WriteText writes the close for a person: the two roll-forwards as sums that can be added up by hand, what is open,
// and what does not agree.
func (c Close) WriteText(w io.Writer) error {
	state := "closed and signed"
	if !c.Closed {
		state = "NOT closed"
	}
	fmt.Fprintf(w, "%s: %s\n", c.Day, state)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...any) {
		for _, cell := range cells {
			if amount, ok := cell.(int64); ok {
				cell = money.Format(amount, "vi")
			}
			fmt.Fprintf(t, "%v\t", cell)
		}
		fmt.Fprintln(t)
	}
	row("book", "partner", "opening", "+ confirmed", "- settled net", "- fee", "- refunded, reversed, written off", "= closing", "not yet due", "overdue")
	for _, b := range c.Books {
		for _, r := range b.Clearing {
			row(b.Book, r.Partner, r.Opening, r.Confirmed, r.SettledNet, r.Fee, r.Refunded+r.Reversed+r.WrittenOff, r.Closing, r.NotYetDue, r.Overdue)
		}
	}
	row()
	row("book", "", "owed to bodies", "being paid out", "excess to refund", "fees to make good", "at the bank")
	for _, b := range c.Books {
		row(b.Book, "", b.Payable.Closing, b.Payout.Closing, b.Excess.Closing, b.FeesOwed, b.Bank)
	}
	row()
	row("account", "", "opening", "+ credits", "- debits", "= closing", "ledger", "open lines")
	for _, b := range c.House.Banks {
		row(b.Account, "", b.Opening, b.Credits, b.Debits, b.Closing, b.Ledger, fmt.Sprint(len(b.Open)))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, b := range c.House.Breaks {
		fmt.Fprintf(w, "open break: %s %s %s of %s, expected %d, found %d\n", b.Book, b.Kind, b.Ref, b.Day, b.Expected, b.Found)
	}
	fmt.Fprintf(w, "excess to be refunded: %d payments, %s\n", c.House.Excess.Payments, money.Format(c.House.Excess.Amount, "vi"))
	for _, f := range c.Findings {
		fmt.Fprintf(w, "does not agree: %s, book %s, %s: ledger %d, items %d: %s\n", f.Code, f.Book, f.Subject, f.Ledger, f.Items, f.Detail)
	}
	_, err := fmt.Fprintf(w, "digest %s\n", c.Digest)
	return err
}
