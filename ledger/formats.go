package ledger

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// journal writes HLedger.
type journal struct {
	book string // of the transaction under way
	id   int64
}

func (j *journal) begin(out *bufio.Writer, accounts []Balance) error {
	var currencies []string
	for _, a := range accounts {
		currencies = append(currencies, a.Currency)
	}
	slices.Sort(currencies)
	for _, c := range slices.Compact(currencies) {
		sample := "1000."
		if n := exponent(c); n > 0 {
			sample += strings.Repeat("0", n)
		}
		fmt.Fprintf(out, "commodity %s %s\n", sample, c)
	}
	for _, a := range accounts {
		fmt.Fprintf(out, "account %s:%s\n", a.Book, a.Account)
	}
	return nil
}

func (j *journal) record(out *bufio.Writer, r *record) error {
	if r.book != j.book || r.id != j.id {
		j.book, j.id = r.book, r.id
		fmt.Fprintf(out, "\n%s (%s) %s  ; id:%d", r.effective.Format(time.DateOnly), r.reference, r.kind, r.id)
		if r.link != "" {
			fmt.Fprintf(out, ", link:%s", r.link)
		}
		out.WriteByte('\n')
	}
	p := r.posting
	amount := major(p.Amount, p.Currency)
	fmt.Fprintf(out, "    %s:%s  %s %s\n", r.book, p.Debit, amount, p.Currency)
	_, err := fmt.Fprintf(out, "    %s:%s  -%s %s\n", r.book, p.Credit, amount, p.Currency)
	return err
}

// table writes CSV. Amounts are in minor units.
type table struct{}

func (table) begin(out *bufio.Writer, _ []Balance) error {
	_, err := out.WriteString("book,id,reference,kind,occurred,effective_day,recorded,link,line,debit,credit,currency,amount\n")
	return err
}

func (table) record(out *bufio.Writer, r *record) error {
	w := csv.NewWriter(out)
	err := w.Write([]string{
		r.book, strconv.FormatInt(r.id, 10), r.reference, r.kind, r.occurred.UTC().Format(time.RFC3339Nano),
		r.effective.Format(time.DateOnly), r.recorded.UTC().Format(time.RFC3339Nano), r.link,
		strconv.Itoa(int(r.line)), r.posting.Debit, r.posting.Credit, r.posting.Currency,
		strconv.FormatInt(r.posting.Amount, 10),
	})
	w.Flush()
	if err == nil {
		err = w.Error()
	}
	return err
}

// exponent gives the number of decimals of a currency (ISO 4217, those that do not have two).
func exponent(currency string) int {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}

// major writes an amount of minor units above zero with the decimals of its currency.
func major(amount int64, currency string) string {
	n := exponent(currency)
	s := strconv.FormatInt(amount, 10)
	if n == 0 {
		return s
	}
	if len(s) <= n {
		s = strings.Repeat("0", n+1-len(s)) + s
	}
	return s[:len(s)-n] + "." + s[len(s)-n:]
}
