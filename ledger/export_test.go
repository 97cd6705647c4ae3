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
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// exported is a ledger of two books and two currencies, with late entries and more than one page of a book.
func exported(t *testing.T) *bench {
	b := start(t)
	b.story("A01", "000")
	b.inTx(func(tx pgx.Tx) error {
		return b.OpenAccountsTx(context.Background(), tx, []ledger.Account{
			{Book: "000", Code: "assets:usd", Currency: "USD", Normal: ledger.Debit},
			{Book: "000", Code: "equity:usd", Currency: "USD", Normal: ledger.Credit},
		})
	})
	dollars := move("USD1", "assets:usd", "equity:usd", 5)
	dollars.Book, dollars.Day, dollars.Link = "000", monday.AddDate(0, 0, -3), "camt/1:2"
	dollars.Postings[0].Currency = "USD"
	batch := []ledger.Transaction{dollars}
	for i := range 700 {
		tx := move(fmt.Sprintf("P%d", i), "assets:bank", "l:pay", int64(i+1))
		tx.Day = monday.AddDate(0, 0, i%5)
		tx.Postings = append(tx.Postings, tx.Postings[0])
		batch = append(batch, tx)
	}
	b.mustPost(batch...)
	return b
}

func TestHLedgerAcceptsTheJournal(t *testing.T) {
	if _, err := exec.LookPath("hledger"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("hledger is not installed")
		}
		t.Skip("SKIPPED: hledger is not installed, the journal was not checked by it")
	}
	b := exported(t)
	for _, book := range []string{"", "A01"} {
		var journal bytes.Buffer
		if err := b.Export(context.Background(), &journal, ledger.ExportOptions{Format: ledger.HLedger, Book: book}); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "ledger.journal")
		if err := os.WriteFile(file, journal.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		hledger(t, file, "check", "-s", "balancednoautoconversion", "ordereddates")
		want, err := b.Balances(context.Background(), ledger.Query{Book: book})
		if err != nil {
			t.Fatal(err)
		}
		got := journalBalances(t, file)
		for _, x := range want {
			name, amount := x.Book+":"+x.Account, fmt.Sprintf("%d %s", x.DebitsPosted-x.CreditsPosted, x.Currency)
			if x.Currency == "USD" {
				amount = map[string]string{"assets:usd": "0.05 USD", "equity:usd": "-0.05 USD"}[x.Account]
			}
			if amount == "0 VND" {
				amount = "0"
			}
			if got[name] != amount {
				t.Errorf("hledger has %q on %s, the ledger %q", got[name], name, amount)
			}
			delete(got, name)
		}
		if len(got) > 0 {
			t.Errorf("hledger has accounts the ledger has not: %v", got)
		}
	}
}

func journalBalances(t *testing.T, file string) map[string]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(hledger(t, file, "balance", "-N", "--flat", "--empty", "--declared", "-O", "csv"))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	balances := make(map[string]string)
	for _, row := range rows[1:] {
		balances[row[0]] = row[1]
	}
	return balances
}

func hledger(t *testing.T, file string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("hledger", append([]string{"-f", file}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("hledger %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return out
}

func TestExportAsCSV(t *testing.T) {
	b := start(t)
	b.story("A01", "000")
	var out bytes.Buffer
	if err := b.Export(context.Background(), &out, ledger.ExportOptions{Format: ledger.CSV, Book: "A01"}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(rows) != 4 {
		t.Fatalf("%d rows (%v), want a header and 3 postings", len(rows), err)
	}
	if got, want := strings.Join(rows[1][2:], " "), "R1 test 2025-06-02T05:00:00Z 2025-06-02 "; !strings.HasPrefix(got, want) {
		t.Errorf("first row %q, want it to begin with %q", got, want)
	}
	if got := strings.Join(rows[3][8:], " "); got != "0 assets:bank l:pay VND 1" {
		t.Errorf("last row ends with %q", got)
	}
}

func TestExportRefusesAnotherFormat(t *testing.T) {
	b := start(t)
	var out bytes.Buffer
	err := b.Export(context.Background(), &out, ledger.ExportOptions{Format: "beancount"})
	if _, refused := errors.AsType[*ledger.FormatError](err); !refused || out.Len() > 0 {
		t.Errorf("beancount: %v and %d bytes, want a refusal and nothing", err, out.Len())
	}
}
