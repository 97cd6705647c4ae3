package vnpay

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"exchequer/providers"
)

var noon = time.Date(2025, 6, 2, 5, 0, 0, 0, time.UTC)

const codeA, secretA = "AAAAAAA1", "secret of A"

func configOf(host string) Config {
	return Config{
		Terminals: []Terminal{{Merchant: "a", TmnCode: codeA, HashSecret: secretA}, {TmnCode: "BBBBBBB2", HashSecret: "b"}},
		PayURL:    host + "/pay", TransactionURL: host + "/query", SettlementURL: host + "/settlement",
		ReturnURL: "https://portal.example/return",
	}
}

func adapter(t *testing.T, host string, do providers.Doer) *Adapter {
	t.Helper()
	a, err := New(configOf(host), do, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestConfigNamesEveryFault(t *testing.T) {
	_, err := New(Config{
		Terminals: []Terminal{{TmnCode: "short", HashSecret: "hush"}, {TmnCode: codeA}},
		PayURL:    "not absolute", ReturnURL: "https://portal.example/~me", ServerIP: "localhost",
	}, http.DefaultClient, time.Now)
	if err == nil {
		t.Fatal("a wrong configuration was taken")
	}
	for _, part := range []string{"Terminals[0].TmnCode", "Terminals[1].HashSecret", "PayURL", "TransactionURL", "ReturnURL", "ServerIP"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s is not named in: %v", part, err)
		}
	}
	if strings.Contains(err.Error(), "hush") {
		t.Error("the error shows a secret")
	}
}

func TestStartKeepsToWhatVNPAYTakes(t *testing.T) {
	a := adapter(t, "https://vnpay.example", http.DefaultClient)
	p := providers.Payment{
		Reference: "00001H7K2P9QX4RTA", Merchant: "a", Amount: 135_000, Currency: "VND",
		Description: "Lệ phí (đợt 1): 5*2 ~ a&b", PayerIP: "::1", Locale: "vi", Created: noon, Expires: noon.Add(15 * time.Minute),
	}
	action, err := a.Start(t.Context(), p)
	if err != nil || action.Kind != providers.Redirect {
		t.Fatalf("%+v, %v", action, err)
	}
	u, err := url.Parse(action.URL)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"vnp_Amount": "13500000", "vnp_CreateDate": "20250602120000", "vnp_ExpireDate": "20250602121500", "vnp_Locale": "vn",
		"vnp_IpAddr": "0000:0000:0000:0000:0000:0000:0000:0001", "vnp_OrderInfo": "L ph t 1 5 2 a b",
		"vnp_TxnRef": p.Reference, "vnp_TmnCode": codeA, "vnp_ReturnUrl": "https://portal.example/return",
	}
	for name, value := range want {
		if got := u.Query().Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	if u.Query().Has("vnp_SecureHashType") {
		t.Error("vnp_SecureHashType is not part of 2.1.0")
	}
	for name, spoil := range map[string]func(*providers.Payment){
		"over 12 digits":    func(p *providers.Payment) { p.Amount = maxDong + 1 },
		"odd reference":     func(p *providers.Payment) { p.Reference = "A-1" },
		"unsafe return":     func(p *providers.Payment) { p.ReturnURL = "https://portal.example/~me" },
		"relative return":   func(p *providers.Payment) { p.ReturnURL = "/return/to/me" },
		"time is over":      func(p *providers.Payment) { p.Created = noon.Add(-time.Hour); p.Expires = noon },
		"ends at its start": func(p *providers.Payment) { p.Created = noon.Add(time.Hour); p.Expires = p.Created },
	} {
		bad := p
		spoil(&bad)
		if _, err := a.Start(t.Context(), bad); !errors.Is(err, providers.ErrNotDone) {
			t.Errorf("%s: %v, want ErrNotDone", name, err)
		}
	}
}

func TestKindOfResult(t *testing.T) {
	cases := []struct {
		response, status string
		want             providers.Kind
	}{
		{"00", "00", providers.Succeeded},
		{"00", "01", providers.Pending},
		{"24", "02", providers.Cancelled},
		{"24", "11", providers.Cancelled},
		{"51", "02", providers.Failed},
		{"11", "08", providers.Failed},
		{"99", "02", providers.Failed},
		{"00", "02", providers.Uncertain}, // the codes contradict each other
		{"51", "00", providers.Uncertain},
		{"24", "00", providers.Uncertain},
		{"07", "07", providers.Uncertain},
		{"07", "02", providers.Uncertain},
		{"07", "00", providers.Uncertain},
		{"00", "07", providers.Uncertain},
		{"00", "04", providers.Reversed},
		{"99", "04", providers.Reversed},
		{"00", "05", providers.Uncertain},
		{"00", "20", providers.Uncertain},
		{"zz", "zz", providers.Uncertain},
	}
	for _, c := range cases {
		if got, err := kindOfResult(c.response, c.status); err != nil || got != c.want {
			t.Errorf("%s/%s is %s, %v; want %s", c.response, c.status, got, err, c.want)
		}
	}
	if _, err := kindOfResult("00", ""); err == nil {
		t.Error("a missing status was read")
	}
}

// signed makes a notification as the sender would.
func signed(secret, query string) string {
	fields, _ := splitQuery(query)
	return query + "&vnp_SecureHash=" + sign(secret, canonical(fields))
}

func TestReadRefuses(t *testing.T) {
	a := adapter(t, "https://vnpay.example", http.DefaultClient)
	const good = "vnp_TmnCode=AAAAAAA1&vnp_Amount=100&vnp_TxnRef=R1&vnp_ResponseCode=00&vnp_TransactionStatus=00&vnp_TransactionNo=7"
	replace := func(old, with string) string { return signed(secretA, strings.Replace(good, old, with, 1)) }
	if o, err := a.Read(providers.Notification{RawQuery: signed(secretA, good)}); err != nil || o.Amount != 1 || o.Merchant != "a" {
		t.Fatalf("a good one: %+v, %v", o, err)
	}
	cases := []struct {
		name, method, query string
		want                error
	}{
		{"nothing", "GET", "", providers.ErrMalformed},
		{"posted", "POST", signed(secretA, good), providers.ErrMalformed},
		{"too long", "GET", good + strings.Repeat("&vnp_a=", maxQuery), providers.ErrMalformed},
		{"twice", "GET", signed(secretA, good) + "&vnp_Amount=900", providers.ErrMalformed},
		{"no hash", "GET", good, providers.ErrBadSignature},
		{"odd hash", "GET", good + "&vnp_SecureHash=xyz", providers.ErrBadSignature},
		{"secret of another", "GET", signed("b", good), providers.ErrBadSignature},
		{"unknown terminal", "GET", replace("AAAAAAA1", "CCCCCCC3"), providers.ErrBadSignature},
		{"escaped name", "GET", signed(secretA, good) + "&vnp%5FAmount=900", nil}, // not signed, and not read
		{"part of a đồng", "GET", replace("vnp_Amount=100", "vnp_Amount=150"), providers.ErrMalformed},
		{"below zero", "GET", replace("vnp_Amount=100", "vnp_Amount=-100"), providers.ErrMalformed},
		{"exponent", "GET", replace("vnp_Amount=100", "vnp_Amount=1e4"), providers.ErrMalformed},
		{"no amount", "GET", replace("vnp_Amount=100&", ""), providers.ErrMalformed},
		{"no reference", "GET", replace("vnp_TxnRef=R1&", ""), providers.ErrMalformed},
		{"no status", "GET", replace("&vnp_TransactionStatus=00", ""), providers.ErrMalformed},
		{"paid, no number", "GET", replace("vnp_TransactionNo=7", "vnp_TransactionNo=0"), providers.ErrMalformed},
		{"bad date", "GET", replace("vnp_TxnRef", "vnp_PayDate=20259999999999&vnp_TxnRef"), providers.ErrMalformed},
		{"bad escape", "GET", replace("vnp_TxnRef=R1", "vnp_TxnRef=%zz"), providers.ErrMalformed},
	}
	for _, c := range cases {
		o, err := a.Read(providers.Notification{Method: c.method, RawQuery: c.query})
		if c.want == nil && (err != nil || o.Amount != 1) || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v; want %v", c.name, o, err, c.want)
		}
	}
}

func TestAnswerSpeaksVNPAYsCodes(t *testing.T) {
	a := adapter(t, "https://vnpay.example", http.DefaultClient)
	for verdict, want := range map[providers.Verdict]string{
		providers.Accepted:      `{"RspCode":"00","Message":"Confirm Success"}`,
		providers.AlreadyFinal:  `{"RspCode":"02","Message":"Order already confirmed"}`,
		providers.UnknownOrder:  `{"RspCode":"01","Message":"Order not found"}`,
		providers.AmountDiffers: `{"RspCode":"04","Message":"Invalid amount"}`,
		providers.BadSignature:  `{"RspCode":"97","Message":"Invalid signature"}`,
		providers.Malformed:     `{"RspCode":"99","Message":"Unknown error"}`,
		providers.Fault:         `{"RspCode":"99","Message":"Unknown error"}`,
	} {
		if r := a.Answer(verdict); r.Status != 200 || string(r.Body) != want {
			t.Errorf("%s is answered %d %s", verdict, r.Status, r.Body)
		}
	}
}

// answering serves one answer to querydr, changed and signed by the case.
func answering(t *testing.T, change func(a map[string]any, w http.ResponseWriter) (secret string)) *Adapter {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q queryRequest
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		answer := map[string]any{
			"vnp_ResponseId": "1", "vnp_Command": "querydr", "vnp_ResponseCode": "00", "vnp_TmnCode": q.TmnCode,
			"vnp_TxnRef": q.TxnRef, "vnp_Amount": 13500000, "vnp_PayDate": "20250602120100", "vnp_TransactionNo": 14000001,
			"vnp_TransactionType": "01", "vnp_TransactionStatus": "00",
		}
		secret := change(answer, w)
		if secret != "" {
			raw, _ := json.Marshal(answer)
			var a queryAnswer
			if err := json.Unmarshal(raw, &a); err != nil {
				t.Error(err)
			}
			answer["vnp_SecureHash"] = strings.ToUpper(sign(secret, a.signedText()))
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	return adapter(t, server.URL, server.Client())
}

func TestQueryReadsTheState(t *testing.T) {
	cases := []struct {
		name, field, value string
		want               providers.Kind
	}{
		{"paid", "vnp_TransactionStatus", "00", providers.Succeeded},
		{"not finished", "vnp_TransactionStatus", "01", providers.Pending},
		{"failed", "vnp_TransactionStatus", "02", providers.Failed},
		{"reversed", "vnp_TransactionStatus", "04", providers.Reversed},
		{"fraud", "vnp_TransactionStatus", "07", providers.Uncertain},
		{"of a refund", "vnp_TransactionType", "02", providers.Uncertain},
		{"no such payment", "vnp_ResponseCode", "91", providers.NotKnown},
		{"asked too often", "vnp_ResponseCode", "94", providers.Uncertain},
		{"its own error", "vnp_ResponseCode", "99", providers.Uncertain},
	}
	for _, c := range cases {
		a := answering(t, func(answer map[string]any, _ http.ResponseWriter) string {
			answer[c.field] = c.value
			return secretA
		})
		o, err := a.Query(t.Context(), providers.Inquiry{Reference: "R1", Merchant: "a", Created: noon})
		if err != nil || o.Kind != c.want || o.Reference != "R1" {
			t.Errorf("%s: %+v, %v; want %s", c.name, o, err, c.want)
		}
		if c.want == providers.Succeeded && (o.Amount != 135_000 || o.ProviderID != "14000001") {
			t.Errorf("%s: %+v", c.name, o)
		}
	}
}

func TestQueryBelievesNothingDoubtful(t *testing.T) {
	set := func(name string, value any) func(map[string]any, http.ResponseWriter) string {
		return func(a map[string]any, _ http.ResponseWriter) string { a[name] = value; return secretA }
	}
	cases := map[string]func(map[string]any, http.ResponseWriter) string{
		"unsigned":                  func(map[string]any, http.ResponseWriter) string { return "" },
		"unsigned word of no state": func(a map[string]any, _ http.ResponseWriter) string { a["vnp_ResponseCode"] = "91"; return "" },
		"signed by another":         func(map[string]any, http.ResponseWriter) string { return "b" },
		"about another payment":     set("vnp_TxnRef", "R2"),
		"about another terminal":    set("vnp_TmnCode", "BBBBBBB2"),
		"another command":           set("vnp_Command", "refund"),
		"bad checksum, it says":     set("vnp_ResponseCode", "97"),
		"not an amount":             set("vnp_Amount", "1e9"),
		"paid without number":       set("vnp_TransactionNo", ""),
		"HTTP 500": func(_ map[string]any, w http.ResponseWriter) string {
			w.WriteHeader(http.StatusInternalServerError)
			return secretA
		},
		"HTTP 404": func(_ map[string]any, w http.ResponseWriter) string {
			w.WriteHeader(http.StatusNotFound)
			return secretA
		},
		"not JSON": func(_ map[string]any, w http.ResponseWriter) string {
			_, _ = io.WriteString(w, "<html>")
			return secretA
		},
		"endless": func(_ map[string]any, w http.ResponseWriter) string {
			_, _ = io.WriteString(w, strings.Repeat(" ", maxAnswer+1))
			return secretA
		},
	}
	for name, change := range cases {
		o, err := answering(t, change).Query(t.Context(), providers.Inquiry{Reference: "R1", Merchant: "a", Created: noon})
		if !errors.Is(err, providers.ErrUnknown) || errors.Is(err, providers.ErrNotDone) {
			t.Errorf("%s: %+v, %v; want ErrUnknown", name, o, err)
		}
	}
}
