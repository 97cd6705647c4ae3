package vnpay

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"exchequer/providers"
)

const settlementFile = `record,day,batch,terminal,txn_ref,transaction_no,pay_date,currency,lines,amount,fee,net
P,2025-06-03,VNP20250603-AAAAAAA1,AAAAAAA1,R1,14000001,20250602120100,VND,1,100000,1500,98500
P,2025-06-03,VNP20250603-AAAAAAA1,AAAAAAA1,R2,14000002,20250602120200,VND,1,50000,1250,48750
T,2025-06-03,VNP20250603-AAAAAAA1,AAAAAAA1,,,,VND,2,150000,2750,147250
P,2025-06-03,VNP20250603-BBBBBBB2,BBBBBBB2,R3,14000003,20250602120300,VND,1,70000,0,70000
T,2025-06-03,VNP20250603-BBBBBBB2,BBBBBBB2,,,,VND,1,70000,0,70000
E,2025-06-03,,,,,,VND,3,220000,2750,217250
`

func TestReadSettlement(t *testing.T) {
	a := adapter(t, "https://vnpay.example", http.DefaultClient)
	got, err := a.ReadSettlement(strings.NewReader(settlementFile))
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if s := got[0]; s.Merchant != "a" || s.Net != 147_250 || len(s.Lines) != 2 || s.Lines[0].Fee != 1_500 ||
		!s.Lines[0].Paid.Equal(time.Date(2025, 6, 2, 5, 1, 0, 0, time.UTC)) {
		t.Errorf("batch %+v", s)
	}
	header := settlementFile[:strings.Index(settlementFile, "\n")+1]
	if got, err := a.ReadSettlement(strings.NewReader(header + "E,2025-06-03,,,,,,VND,0,0,0,0\n")); err != nil || len(got) != 0 {
		t.Errorf("a day without payments: %+v, %v", got, err)
	}
}

func TestReadSettlementTellsWhatDoesNotAgree(t *testing.T) {
	a := adapter(t, "https://vnpay.example", http.DefaultClient)
	without := func(line int) string {
		lines := strings.SplitAfter(settlementFile, "\n")
		return strings.Join(append(lines[:line:line], lines[line+1:]...), "")
	}
	change := func(old, with string) string { return strings.Replace(settlementFile, old, with, 1) }
	cases := []struct {
		name, file string
		said       string // in the error
		lines      int    // read all the same
	}{
		{"a payment is missing", without(1), "does not foot", 2},
		{"a total is missing", without(3), "has no total", 3},
		{"the end is missing", without(6), "cut off", 3},
		{"after the end", settlementFile + settlementFile[strings.Index(settlementFile, "P,"):], "after the end", 3},
		{"an amount too high", change("1,100000,1500,98500", "1,100001,1500,98501"), "does not foot", 3},
		{"net is not amount - fee", change("1,100000,1500,98500", "1,100000,1500,98600"), "net must be", 2},
		{"below zero", change("1,100000,1500,98500", "1,-1,0,-1"), "below 0", 2},
		{"not a number", change("1,100000,1500,98500", "1,1e5,1500,98500"), "invalid syntax", 2},
		{"another currency", strings.ReplaceAll(settlementFile, "VND", "USD"), "is not VND", 3},
		{"unknown terminal", strings.ReplaceAll(settlementFile, "BBBBBBB2", "CCCCCCC3"), "not in the configuration", 3},
		{"unknown record", change("P,2025", "X,2025"), "none of P, T, E", 2},
		{"bad date", change("20250602120100", "20250602"), "pay_date", 3},
		{"too few columns", change(",VND,1,100000", ",1,100000"), "number of fields", 0},
		{"another header", change("txn_ref", "ref"), "first line", 0},
	}
	for _, c := range cases {
		got, err := a.ReadSettlement(strings.NewReader(c.file))
		if !errors.Is(err, providers.ErrMalformed) || !strings.Contains(err.Error(), c.said) {
			t.Errorf("%s: %v, want %q", c.name, err, c.said)
		}
		lines := 0
		for _, s := range got {
			lines += len(s.Lines)
		}
		if lines != c.lines {
			t.Errorf("%s: %d lines were read, want %d", c.name, lines, c.lines)
		}
	}
}

func TestFetchSettlementTellsApartNotThereAndNotKnown(t *testing.T) {
	status := http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/settlement/2025-06-03.csv" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	day := time.Date(2025, 6, 3, 0, 0, 0, 0, time.UTC)
	a := adapter(t, server.URL, server.Client())
	for code, want := range map[int]error{200: nil, 404: providers.ErrNotDone, 500: providers.ErrUnknown, 302: providers.ErrUnknown} {
		status = code
		if _, err := a.FetchSettlement(t.Context(), day); !errors.Is(err, want) {
			t.Errorf("HTTP %d: %v, want %v", code, err, want)
		}
	}
	server.Close()
	if _, err := a.FetchSettlement(t.Context(), day); !errors.Is(err, providers.ErrUnknown) {
		t.Errorf("nobody there: %v", err)
	}
	a.config.SettlementURL = ""
	if _, err := a.FetchSettlement(t.Context(), day); !errors.Is(err, providers.ErrNotDone) {
		t.Errorf("no address: %v", err)
	}
}

// FuzzReadSettlement: no file crashes the reader, and one that is read without error foots.
func FuzzReadSettlement(f *testing.F) {
	f.Add(settlementFile)
	f.Add(strings.Replace(settlementFile, "98500", "98600", 1))
	a, err := New(configOf("https://vnpay.example"), http.DefaultClient, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, file string) {
		got, err := a.ReadSettlement(strings.NewReader(file))
		if err != nil {
			if !errors.Is(err, providers.ErrMalformed) {
				t.Errorf("%v is not ErrMalformed", err)
			}
			return
		}
		for _, s := range got {
			net := s.Net
			for _, l := range s.Lines {
				net -= l.Amount - l.Fee
			}
			if net != 0 {
				t.Errorf("batch %+v does not foot", s)
			}
		}
	})
}

// FuzzRead: no query crashes the reader, and nothing unsigned is believed.
func FuzzRead(f *testing.F) {
	a, err := New(configOf("https://vnpay.example"), http.DefaultClient, time.Now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("vnp_TmnCode=AAAAAAA1&vnp_Amount=100&vnp_TxnRef=R1&vnp_ResponseCode=00&vnp_TransactionStatus=00&vnp_SecureHash=00")
	f.Add("vnp_TmnCode=%zz&=&&vnp_=%")
	f.Fuzz(func(t *testing.T, query string) {
		if o, err := a.Read(providers.Notification{RawQuery: query}); err == nil {
			t.Errorf("believed: %+v", o)
		}
	})
}
