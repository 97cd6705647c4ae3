package ledger

import (
	"bufio"
	"fmt"
	"strings"
	"time"
)

// beancount writes Beancount. Its balance of an account counts the accounts below it, and holds where its day begins.
type beancount struct {
	names map[accountKey]string
}

type accountKey struct{ book, code string }

func (b *beancount) begin(out *bufio.Writer, j *journal) {
	fmt.Fprintln(out, "; What is posted, by effective day. Each account stands under its book; docs/ledger-formats.md says how they are named.")
	day := j.first
	if day.IsZero() {
		day = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC) // nothing is posted: any day does
	}
	b.names = make(map[accountKey]string, len(j.closing))
	for _, a := range j.closing {
		name := BeancountName(a.Book, a.Account, a.Normal)
		b.names[accountKey{a.Book, a.Account}] = name
		fmt.Fprintf(out, "%s open %s %s\n", day.Format(time.DateOnly), name, a.Currency)
	}
	book := ""
	for _, a := range j.opening {
		if a.standing() == 0 {
			continue
		}
		if a.Book != book {
			book = a.Book
			fmt.Fprintf(out, "\n%s * \"opening balances\"\n", day.Format(time.DateOnly))
		}
		fmt.Fprintf(out, "  %s  %s %s\n", b.name(a.Book, a.Account), FormatAmount(a.standing(), a.Currency), a.Currency)
	}
}

func (b *beancount) name(book, code string) string { return b.names[accountKey{book, code}] }

func (b *beancount) transaction(out *bufio.Writer, r *record) {
	fmt.Fprintf(out, "\n%s * \"%s\" \"%s\"\n", r.effective.Format(time.DateOnly), r.Reference, r.Kind)
	fmt.Fprintf(out, "  id: \"%d\"\n  occurred: \"%s\"\n  recorded: \"%s\"\n", r.id, instant(r.Occurred), instant(r.recorded))
	if r.Link != "" {
		fmt.Fprintf(out, "  link: \"%s\"\n", r.Link)
	}
	if r.Of != "" {
		fmt.Fprintf(out, "  of: \"%s\"\n", r.Of)
	}
	for _, q := range r.Postings {
		amount := FormatAmount(q.Amount, q.Currency)
		fmt.Fprintf(out, "  %s  %s %s\n", b.name(r.Book, q.Debit), amount, q.Currency)
		fmt.Fprintf(out, "  %s  -%s %s\n", b.name(r.Book, q.Credit), amount, q.Currency)
	}
}

func (b *beancount) end(out *bufio.Writer, j *journal) {
	if !j.last.IsZero() {
		b.assert(out, j)
	}
	leftOut(out, j)
}

// assert states each balance exactly: without the tolerance given, the last digit would be free.
func (b *beancount) assert(out *bufio.Writer, j *journal) {
	type subtree struct{ name, currency string }
	below := make(map[subtree]int64, len(j.closing))
	for _, a := range j.closing {
		for name := b.name(a.Book, a.Account); name != ""; name = parent(name) {
			below[subtree{name, a.Currency}] += a.standing()
		}
	}
	fmt.Fprintln(out)
	day := j.last.AddDate(0, 0, 1).Format(time.DateOnly)
	for _, a := range j.closing {
		name := b.name(a.Book, a.Account)
		amount := FormatAmount(below[subtree{name, a.Currency}], a.Currency)
		fmt.Fprintf(out, "%s balance %s  %s ~ 0 %s\n", day, name, amount, a.Currency)
	}
}

// parent is the account above, "" above the roots.
func parent(name string) string {
	i := strings.LastIndexByte(name, ':')
	return name[:max(i, 0)]
}
