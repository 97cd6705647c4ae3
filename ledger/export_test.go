package ledger_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"exchequer/ledger"
)

// exported is a ledger of two books and two currencies: accounts below accounts, late entries, holds and what became of
// them, a correction, more than one page of a book.
func exported(t *testing.T) *bench {
	b := start(t)
	b.open("A01", "assets:bank>0", "assets:bank:1", "l:pay", "liabilities:due-to:000", "assets:Never_used/1.x")
	b.open("000", "assets:due-from:A01", "equity:funding", "income", "income:fee")
	b.inTx(func(tx pgx.Tx) error {
		return b.OpenAccountsTx(context.Background(), tx, []ledger.Account{
			{Book: "000", Code: "assets:usd", Currency: "USD", Normal: ledger.Debit},
			{Book: "000", Code: "equity:usd", Currency: "USD", Normal: ledger.Credit},
		})
	})
	house := func(tx ledger.Transaction) ledger.Transaction { tx.Book = "000"; return tx }
	dollars := house(move("USD1", "assets:usd", "equity:usd", 5))
	dollars.Day, dollars.Link = monday.AddDate(0, 0, -3), "camt/1:2"
	dollars.Postings[0].Currency = "USD"
	fee := house(move("FEE", "equity:funding", "income:fee", 7))
	fee.Postings = append(fee.Postings, ledger.Posting{Debit: "equity:funding", Credit: "income", Amount: 2, Currency: "VND"})
	b.mustPost(dollars, fee)
	var batch []ledger.Transaction
	for i := range 700 {
		tx := move(fmt.Sprintf("P%d", i), "assets:bank", "l:pay", int64(i+1))
		tx.Day = monday.AddDate(0, 0, i%5)
		tx.Postings = append(tx.Postings, ledger.Posting{Debit: "assets:bank:1", Credit: "l:pay", Amount: 3, Currency: "VND"})
		batch = append(batch, tx)
	}
	b.mustPost(batch...)
	correction := move("C1", "l:pay", "assets:bank", 1)
	correction.Of, correction.Metadata = "P0", map[string]string{"why": "odd \" , \n <é> \u2028"}
	expires := move("H3", "l:pay", "assets:bank", 6)
	expires.Phase, expires.Expires = ledger.Hold, noon.Add(time.Second)
	b.mustPost(correction, hold("H1", 5), hold("H2", 4), hold("H4", 8), expires)
	b.mustPost(resolve("V2", "H2", ledger.Void, 0), resolve("K1", "H1", ledger.Capture, 3))
	if n, err := b.ExpireHolds(context.Background(), "A01", monday, 10); n != 1 || err != nil {
		t.Fatalf("%d holds expired (%v), want 1", n, err)
	}
	b.inTx(func(tx pgx.Tx) error { return b.CloseDayTx(context.Background(), tx, "A01", monday, "tester") })
	b.mustPost(move("LATE", "assets:bank", "l:pay", 1))
	b.inTx(func(tx pgx.Tx) error {
		return b.CloseAccountTx(context.Background(), tx, "A01", "assets:Never_used/1.x")
	})
	return b
}

func hold(reference string, amount int64) ledger.Transaction {
	tx := move(reference, "l:pay", "assets:bank", amount)
	tx.Phase = ledger.Hold
	return tx
}

// resolve ends a hold; an amount of 0 has no postings.
func resolve(reference, of string, phase ledger.Phase, amount int64) ledger.Transaction {
	tx := move(reference, "l:pay", "assets:bank", amount)
	if tx.Phase, tx.Of = phase, of; amount == 0 {
		tx.Postings = nil
	}
	return tx
}

func (b *bench) export(o ledger.ExportOptions) string {
	b.t.Helper()
	var out bytes.Buffer
	if err := b.Export(context.Background(), &out, o); err != nil {
		b.t.Fatal(err)
	}
	return out.String()
}

// TestProgramsAcceptTheJournals has the three programs check what is written for them, and compares what they make of it
// with the ledger's own balances.
func TestProgramsAcceptTheJournals(t *testing.T) {
	t.Parallel()
	programs := []struct {
		format   ledger.Format
		name     string
		check    []string
		balances []string // prints account, amount and currency with a comma between account and amount
		called   func(ledger.Balance) string
	}{
		{ledger.HLedger, "hledger", []string{"check", "-s", "balancednoautoconversion", "ordereddates", "-f"},
			[]string{"balance", "-N", "--flat", "--empty", "--declared", "-O", "csv", "-f"}, underBook},
		{ledger.LedgerCLI, "ledger", []string{"--pedantic", "balance", "-f"},
			[]string{"--pedantic", "balance", "--flat", "--empty", "--no-total", "--balance-format", "%(account),%(amount)\n", "-f"}, underBook},
		{ledger.Beancount, "bean-check", nil, nil, func(x ledger.Balance) string {
			return ledger.BeancountName(x.Book, x.Account, x.Normal)
		}},
	}
	friday := monday.AddDate(0, 0, 4)
	selections := map[string]ledger.ExportOptions{
		"everything":    {},
		"one book":      {Book: "A01"},
		"a period":      {From: monday.AddDate(0, 0, 1), To: monday.AddDate(0, 0, 3)},
		"from a day":    {From: friday},
		"up to a day":   {Book: "000", To: monday},
		"an empty part": {From: friday.AddDate(1, 0, 0), To: friday.AddDate(1, 0, 1)},
		"before all":    {To: monday.AddDate(-1, 0, 0)},
	}
	b := exported(t)
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) {
			needs(t, p.name)
			for name, o := range selections {
				o.Format = p.format
				file := filepath.Join(t.TempDir(), "journal")
				if err := os.WriteFile(file, []byte(b.export(o)), 0o600); err != nil {
					t.Fatal(err)
				}
				run(t, p.name, append(p.check, file)...)
				var printed []byte
				if p.format == ledger.Beancount {
					printed = run(t, "bean-query", "-f", "csv", file, "SELECT account, sum(position) GROUP BY account")
				} else {
					printed = run(t, p.name, append(p.balances, file)...)
				}
				compareBalances(t, name, b, o, printed, p.called)
			}
		})
	}
}

func underBook(x ledger.Balance) string { return x.Book + ":" + x.Account }

// compareBalances: an account that a program does not list stands at nothing.
func compareBalances(t *testing.T, name string, b *bench, o ledger.ExportOptions, printed []byte, called func(ledger.Balance) string) {
	t.Helper()
	rows := csv.NewReader(bytes.NewReader(printed))
	rows.FieldsPerRecord, rows.TrimLeadingSpace = -1, true
	list, err := rows.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, row := range list {
		if len(row) == 1 && row[0] == "(empty)" { // bean-query, of no rows
			continue
		}
		got[strings.TrimSpace(row[0])] = strings.Join(strings.Fields(row[1]), " ")
	}
	delete(got, "account") // the heading
	want, err := b.Balances(context.Background(), ledger.Query{Book: o.Book, Through: o.To})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range want {
		amount := fmt.Sprintf("%d %s", x.DebitsPosted-x.CreditsPosted, x.Currency)
		if amount == "5 USD" || amount == "-5 USD" {
			amount = strings.Replace(amount, "5", "0.05", 1)
		}
		has := got[called(x)]
		if delete(got, called(x)); strings.HasPrefix(amount, "0 ") && (has == "" || strings.HasPrefix(has, "0")) {
			continue
		}
		if has != amount {
			t.Errorf("%s: the program has %q on %s, the ledger %q", name, has, called(x), amount)
		}
	}
	for account, amount := range got {
		if amount != "" && amount != "0" {
			t.Errorf("%s: the program has %q on %s, which the ledger has not", name, amount, account)
		}
	}
}

// needs skips where a program is not installed; where everything has to be checked that is a failure.
func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", program)
	}
	t.Skipf("SKIPPED: %s is not installed, the journal was not checked by it", program)
}

func run(t *testing.T, program string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, out, stderr.String())
	}
	return out
}

// TestProgramsRefuseWhatDoesNotBalance: the balances in a journal are asserted, not only told.
func TestProgramsRefuseWhatDoesNotBalance(t *testing.T) {
	b := exported(t)
	for format, command := range map[ledger.Format][]string{
		ledger.HLedger: {"hledger", "check", "-f"}, ledger.LedgerCLI: {"ledger", "balance", "-f"}, ledger.Beancount: {"bean-check"},
	} {
		needs(t, command[0])
		journal := b.export(ledger.ExportOptions{Format: format})
		for _, c := range []string{"7 VND", "0.05 USD"} { // one posting of the fee, and the dollars, by the smallest unit
			other := map[string]string{"7 VND": "8 VND", "0.05 USD": "0.06 USD"}[c]
			at := strings.Index(journal, "  "+c)
			tampered := journal[:at] + strings.Replace(strings.Replace(journal[at:], c, other, 1), "-"+c, "-"+other, 1)
			file := filepath.Join(t.TempDir(), "journal")
			if err := os.WriteFile(file, []byte(tampered), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command(command[0], append(command[1:], file)...).CombinedOutput(); err == nil {
				t.Errorf("%s took a journal with %s instead of %s: %s", command[0], other, c, out)
			}
		}
	}
}

// full takes so many bytes and no more.
type full struct{ room int }

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

var errFull = errors.New("no room")

func TestExportSaysThatItCouldNotWrite(t *testing.T) {
	b := exported(t)
	for _, format := range []ledger.Format{ledger.HLedger, ledger.LedgerCLI, ledger.Beancount, ledger.CSV} {
		whole := len(b.export(ledger.ExportOptions{Format: format}))
		for _, room := range []int{0, whole / 2, whole - 1} {
			if err := b.Export(context.Background(), &full{room}, ledger.ExportOptions{Format: format}); !errors.Is(err, errFull) {
				t.Errorf("%s, with room for %d bytes of %d: %v", format, room, whole, err)
			}
		}
	}
}

func TestJournalsSayWhatTheyLeaveOut(t *testing.T) {
	b := exported(t)
	for _, format := range []ledger.Format{ledger.HLedger, ledger.LedgerCLI, ledger.Beancount} {
		journal := b.export(ledger.ExportOptions{Format: format})
		if !strings.HasSuffix(journal, "; left out, as they post nothing: holds 4, voids 1, expiries 1\n") {
			t.Errorf("%s ends with %q", format, journal[len(journal)-80:])
		}
	}
}

// beancountAccount is how Beancount's lexer reads an account.
var beancountAccount = regexp.MustCompile(`^(Assets|Liabilities|Equity|Income|Expenses)(:[A-Z0-9][A-Za-z0-9-]*)+$`)

// TestBeancountNames: each name is one that Beancount reads, and leads back to its account.
func TestBeancountNames(t *testing.T) {
	part := rapid.StringMatching(`[0-9A-Za-z._/-]{1,8}`)
	rapid.Check(t, func(rt *rapid.T) {
		book := rapid.StringMatching(`[0-9A-Za-z_-]{1,8}`).Draw(rt, "book")
		parts := rapid.SliceOfN(rapid.OneOf(part, rapid.SampledFrom([]string{"assets", "Assets", "income"})), 1, 4).Draw(rt, "parts")
		code := strings.Join(parts, ":")
		name := ledger.BeancountName(book, code, rapid.SampledFrom([]ledger.Side{ledger.Debit, ledger.Credit}).Draw(rt, "side"))
		if !beancountAccount.MatchString(name) {
			rt.Fatalf("%s of %s is called %s, which Beancount does not read", code, book, name)
		}
		gotBook, gotCode, err := ledger.ParseBeancountName(name)
		if err != nil || gotBook != book || gotCode != code {
			rt.Fatalf("%s leads back to %s of %s (%v), not to %s of %s", name, gotCode, gotBook, err, code, book)
		}
	})
	for code, want := range map[string]string{
		"assets:bank:1": "Assets:A01:Bank:1", "expenses:provider-fee:vnpay": "Expenses:A01:Provider-fee:Vnpay",
		"l:pay": "Liabilities:A01-R:L:Pay", "assets": "Assets:A01", "assets:VND_1.": "Assets:A01:VND-U1-D-C",
	} {
		if got := ledger.BeancountName("A01", code, ledger.Credit); got != want {
			t.Errorf("%s is called %s, want %s", code, got, want)
		}
	}
	for _, name := range []string{"Assets", "", "Assets:", "Assets:A01:-C"} {
		if book, code, err := ledger.ParseBeancountName(name); err == nil {
			t.Errorf("%q was read as %s of %s", name, code, book)
		}
	}
}

func TestExportRefuses(t *testing.T) {
	b := exported(t)
	early := move("EARLY", "assets:bank", "l:pay", 1)
	early.Book, early.Day = "000", time.Date(999, 1, 1, 0, 0, 0, 0, time.UTC)
	early.Postings[0].Debit, early.Postings[0].Credit = "equity:funding", "income"
	b.mustPost(early)
	for name, c := range map[string]struct {
		o    ledger.ExportOptions
		want string
	}{
		"another format":       {ledger.ExportOptions{Format: "gnucash"}, `the ledger cannot be written as "gnucash": use hledger, ledger, beancount or csv`},
		"a year of no journal": {ledger.ExportOptions{Format: ledger.Beancount}, "beancount cannot carry the day 0999-01-01: choose another format or period"},
		"too early for ledger": {ledger.ExportOptions{Format: ledger.LedgerCLI}, "ledger cannot carry the day 0999-01-01: choose another format or period"},
		"no such book":         {ledger.ExportOptions{Format: ledger.CSV, Book: "NOT"}, "book NOT is not open: name one that has accounts"},
	} {
		var out bytes.Buffer
		if err := b.Export(context.Background(), &out, c.o); err == nil || err.Error() != c.want || out.Len() > 0 {
			t.Errorf("%s: %v and %d bytes, want %q and nothing", name, err, out.Len(), c.want)
		}
	}
	if _, err := b.Digest(context.Background(), "NOT"); err == nil {
		t.Error("a book that is not open has a digest")
	} else if _, ok := errors.AsType[*ledger.BookError](err); !ok {
		t.Errorf("the digest of a book that is not open: %v", err)
	}
}
