package statement_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"exchequer/providers/bank"
	"exchequer/reconciliation/statement"
)

// TestReadsTheSimulatedBank: what the bank simulator writes is read back whole, without a finding.
func TestReadsTheSimulatedBank(t *testing.T) {
	now := time.Date(2025, 6, 3, 2, 0, 0, 0, time.UTC)
	b, err := bank.New(bank.Config{
		Accounts: []bank.Account{{Number: "1130000001", Owner: "Kho bạc"}}, Journal: filepath.Join(t.TempDir(), "bank.jsonl"),
		Now: func() time.Time { return now }, IsBusinessDay: func(time.Time) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	server := httptest.NewServer(b.Handler())
	defer server.Close()
	post := func(path, body string) {
		t.Helper()
		r, err := http.Post(server.URL+path, "application/json", strings.NewReader(body))
		if err != nil || r.StatusCode != http.StatusCreated {
			t.Fatalf("%s: %v, %v", path, r, err)
		}
		r.Body.Close()
	}
	post("/credits", `{"id":"VNP20250603-EXCHQ001","account":"1130000001","amount":98599,"currency":"VND","remittance":"VNPAY QUYET TOAN VNP20250603-EXCHQ001"}`)
	post("/payouts", `{"end_to_end_id":"00001H7K2P9QX4RT","debtor_account":"1130000001","creditor_account":"9","amount":50000,"currency":"VND"}`)
	var closing int64
	for i, want := range []string{"98599 true VNP20250603-EXCHQ001; 50000 false 00001H7K2P9QX4RT; ", ""} {
		now = now.AddDate(0, 0, 1)
		r, err := http.Get(server.URL + "/statements/1130000001/" + now.AddDate(0, 0, -1).Format(time.DateOnly))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		got, findings, err := statement.ReadCAMT053(bytes.NewReader(raw))
		if err != nil || len(findings) > 0 || len(got) != 1 {
			t.Fatalf("day %d: %+v, %v, %v", i, got, findings, err)
		}
		s, read := got[0], ""
		for _, e := range s.Entries {
			read += fmt.Sprintf("%d %v %s; ", e.Amount, e.Credit, e.EndToEndID)
		}
		if read != want || s.Opening != closing || !s.Foots() || s.Sequence != int64(i+1) || s.Account != "1130000001" {
			t.Errorf("day %d: %+v; entries %q, want %q", i, s, read, want)
		}
		closing = s.Closing
	}
}
