package ledger

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
	"time"
)

// plainText writes the journal that hledger and ledger share. They differ in one line: hledger wants to see how many
// decimals a commodity has, ledger refuses a sample without any.
type plainText struct{ samples bool }

func (p *plainText) begin(out *bufio.Writer, j *journal) {
	fmt.Fprintln(out, "; What is posted, by effective day. Each account stands under its book.")
	for _, c := range currencies(j.closing) {
		if !p.samples {
			fmt.Fprintf(out, "commodity %s\n", c)
			continue
		}
		fmt.Fprintf(out, "commodity 1000.%s %s\n", strings.Repeat("0", exponent(c)), c)
	}
	for _, tag := range []string{"id", "occurred", "recorded", "link", "of"} {
		fmt.Fprintf(out, "tag %s\n", tag)
	}
	for _, a := range j.closing {
		fmt.Fprintf(out, "account %s:%s\n", a.Book, a.Account)
	}
	book := ""
	for _, a := range j.opening {
		if a.standing() == 0 {
			continue
		}
		if a.Book != book {
			book = a.Book
			fmt.Fprintf(out, "\n%s * opening balances\n", j.first.Format(time.DateOnly))
		}
		fmt.Fprintf(out, "    %s:%s  %s %s\n", a.Book, a.Account, FormatAmount(a.standing(), a.Currency), a.Currency)
	}
}

func (p *plainText) transaction(out *bufio.Writer, r *record) {
	fmt.Fprintf(out, "\n%s * (%s) %s\n", r.effective.Format(time.DateOnly), r.Reference, r.Kind)
	fmt.Fprintf(out, "    ; id: %d\n    ; occurred: %s\n    ; recorded: %s\n", r.id, instant(r.Occurred), instant(r.recorded))
	if r.Link != "" {
		fmt.Fprintf(out, "    ; link: %s\n", r.Link)
	}
	if r.Of != "" {
		fmt.Fprintf(out, "    ; of: %s\n", r.Of)
	}
	for _, q := range r.Postings {
		amount := FormatAmount(q.Amount, q.Currency)
		fmt.Fprintf(out, "    %s:%s  %s %s\n", r.Book, q.Debit, amount, q.Currency)
		fmt.Fprintf(out, "    %s:%s  -%s %s\n", r.Book, q.Credit, amount, q.Currency)
	}
}

// end asserts what the ledger has on every account. Without a day there is no transaction, and nothing to assert.
func (p *plainText) end(out *bufio.Writer, j *journal) {
	if !j.last.IsZero() {
		fmt.Fprintf(out, "\n%s * closing balances\n", j.last.Format(time.DateOnly))
		for _, a := range j.closing {
			fmt.Fprintf(out, "    %s:%s  0 %s = %s %s\n", a.Book, a.Account, a.Currency, FormatAmount(a.standing(), a.Currency), a.Currency)
		}
	}
	leftOut(out, j)
}

func leftOut(out *bufio.Writer, j *journal) {
	fmt.Fprintf(out, "\n; left out, as they post nothing: holds %d, voids %d, expiries %d\n",
		j.pendings[Hold], j.pendings[Void], j.pendings[expiry])
}

func currencies(accounts []Balance) []string {
	var all []string
	for _, a := range accounts {
		all = append(all, a.Currency)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// instant writes an instant as every format does: UTC, to the microsecond.
func instant(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
