package statement_test

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"exchequer/reconciliation/statement"
)

const samples = "../../../shared/testdata/thirdparty"

// sampleTable reads a CSV beside the samples, by column name. They are not part of the project.
func sampleTable(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(samples, name))
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %s is not here, nothing was read of files that others wrote", samples)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		m := make(map[string]string, len(row))
		for i, column := range rows[0] {
			m[column] = row[i]
		}
		out = append(out, m)
	}
	return out
}

// TestSamples holds what is read of files that others wrote against facts that other programs counted in them.
func TestSamples(t *testing.T) {
	read, entries := 0, 0
	for _, row := range sampleTable(t, "PROVENANCE.csv") {
		if !strings.HasPrefix(row["message"], "camt.053.") {
			continue
		}
		raw, err := os.Open(filepath.Join(samples, row["file"]))
		if err != nil {
			t.Fatal(err)
		}
		got, findings, err := statement.ReadCAMT053(raw)
		raw.Close()
		if err != nil {
			t.Errorf("%s: %v", row["file"], err)
			continue
		}
		read++
		entries += compare(t, row, got, findings)
	}
	t.Logf("%d files, %d entries", read, entries)
	if read < 80 {
		t.Errorf("only %d samples were read", read)
	}
}

// compare holds one file against its facts and gives the number of its entries.
func compare(t *testing.T, row map[string]string, got []statement.Statement, findings []statement.Finding) int {
	t.Helper()
	name, entries := row["file"], 0
	left := 0
	for _, f := range findings {
		if f.Kind == statement.NotBooked {
			left += f.Count
		}
	}
	columns := map[string][]string{}
	for _, c := range []string{"credit", "debit", "opening", "closing", "foots"} {
		columns[c] = strings.Split(row[c], ";")
	}
	if want := row["statements"]; fmt.Sprint(len(got)) != want && want != "" {
		t.Errorf("%s: %d statements, want %s", name, len(got), want)
		return 0
	}
	for i, s := range got {
		entries += len(s.Entries)
		var credit, debit int64
		for _, e := range s.Entries {
			if e.Credit {
				credit += e.Amount
			} else {
				debit += e.Amount
			}
		}
		if has(findings, statement.CurrencyDiffers, i) {
			// A balance in another currency: the facts pass over that, we do not use it.
			if s.Foots() {
				t.Errorf("%s, statement %d foots with balances in two currencies", name, i)
			}
			continue
		}
		for column, amount := range map[string]int64{"credit": credit, "debit": debit, "opening": s.Opening, "closing": s.Closing} {
			if want := columns[column][i]; want != "None" && want != minor(want, amount, s.Currency) {
				t.Errorf("%s, statement %d: %s %s, want %s", name, i, column, minor(want, amount, s.Currency), want)
			}
		}
		if s.OpeningKnown != (columns["opening"][i] != "None") || s.ClosingKnown != (columns["closing"][i] != "None") {
			t.Errorf("%s, statement %d: balances known %v, %v", name, i, s.OpeningKnown, s.ClosingKnown)
		}
		if want := columns["foots"][i]; want != "None" && s.Foots() != (want == "True") {
			t.Errorf("%s, statement %d: foots %v, want %s", name, i, s.Foots(), want)
		}
		if s.Foots() == (has(findings, statement.DoesNotFoot, i) || !s.OpeningKnown || !s.ClosingKnown) {
			t.Errorf("%s, statement %d: foots %v, but the findings are %v", name, i, s.Foots(), findings)
		}
	}
	if want := row["entries"]; want != "" && fmt.Sprint(entries+left) != want {
		t.Errorf("%s: %d entries and %d not booked, want %s", name, entries, left, want)
	}
	return entries
}

func has(findings []statement.Finding, kind statement.FindingKind, index int) bool {
	for _, f := range findings {
		if f.Kind == kind && f.Statement == index {
			return true
		}
	}
	return false
}

// minor writes minor units in the way the fact is written: with as many decimals as it has.
func minor(like string, amount int64, currency string) string {
	sign := ""
	if amount < 0 {
		sign, amount = "-", -amount
	}
	places := 2
	if currency == "VND" || currency == "JPY" {
		places = 0
	}
	text := fmt.Sprintf("%0*d", places+1, amount)
	whole, fraction := text[:len(text)-places], text[len(text)-places:]
	_, wanted, _ := strings.Cut(like, ".")
	for len(fraction) < len(wanted) {
		fraction += "0"
	}
	for len(fraction) > len(wanted) && strings.HasSuffix(fraction, "0") {
		fraction = fraction[:len(fraction)-1]
	}
	if fraction == "" {
		return sign + whole
	}
	return sign + whole + "." + fraction
}

// TestDailyStatementsJoin: one account's daily statements in unbroken sequence, each opening where the last one closed.
func TestDailyStatementsJoin(t *testing.T) {
	sampleTable(t, "PROVENANCE.csv")
	files, err := filepath.Glob(filepath.Join(samples, "Subite-eu__camt-to-coda/LT625883379695428516/CAMT_053/*.xml"))
	if err != nil || len(files) < 70 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	closed := make(map[string]statement.Statement)
	digests := make(map[string]string)
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		got, findings, err := statement.ReadCAMT053(f)
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
		if !has(findings, statement.SignMissing, 0) {
			t.Errorf("%s: its balances have no CdtDbtInd, yet the findings are %v", filepath.Base(name), findings)
		}
		for _, s := range got {
			before, ok := closed[s.Account]
			if ok && (before.Closing != s.Opening || !before.Day.Before(s.Day)) {
				t.Errorf("%s: %s opens at %d, the day before closed at %d", filepath.Base(name), s.Account, s.Opening, before.Closing)
			}
			closed[s.Account] = s
			if other, twice := digests[s.Digest]; twice {
				t.Errorf("%s and %s have one digest", other, name)
			}
			digests[s.Digest] = name
		}
	}
}
