package vnpay

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"

	"exchequer/providers"
)

// vector is one signature made by another implementation.
type vector struct {
	ID        string
	Secret    string
	TmnCode   string
	Input     map[string]any
	Canonical string
	Expected  struct {
		Hash string `json:"vnp_SecureHash"`
		URL  string
		Body map[string]any
	}
}

// vectors reads the VNPAY vectors whose id begins with prefix; the file is not part of the project.
func vectors(t *testing.T, prefix string) []vector {
	t.Helper()
	const path = "../../../shared/facts/vectors.json"
	raw, err := os.ReadFile(path)
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %s is not here, the published vectors were not checked", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []json.RawMessage }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	var out []vector
	for _, one := range file.Vectors {
		var id struct{ ID string }
		if err := json.Unmarshal(one, &id); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(id.ID, prefix) {
			continue
		}
		var v vector
		in := json.NewDecoder(strings.NewReader(string(one)))
		in.UseNumber()
		if err := in.Decode(&v); err != nil {
			t.Fatalf("%s: %v", id.ID, err)
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		t.Fatalf("no vector %s*", prefix)
	}
	return out
}

func TestPayURLVectors(t *testing.T) {
	for _, v := range vectors(t, "vnpay-pay-") {
		fields := []field{
			{"vnp_Version", "2.1.0"}, {"vnp_Command", "pay"}, {"vnp_CurrCode", "VND"}, {"vnp_TmnCode", v.TmnCode},
		}
		for name, value := range v.Input {
			if !strings.HasPrefix(name, "vnp_") {
				continue
			}
			written, isText := value.(string)
			if n, isNumber := value.(json.Number); isNumber {
				written = n.String()
			} else if !isText {
				t.Fatalf("%s: %s is %T", v.ID, name, value)
			}
			if name == "vnp_Amount" {
				written += "00"
			}
			fields = append(fields, field{name, written})
		}
		got := payURL("https://sandbox.vnpayment.vn/paymentv2/vpcpay.html", v.Secret, fields)
		if got != v.Expected.URL {
			t.Errorf("%s:\n got %s\nwant %s", v.ID, got, v.Expected.URL)
		}
	}
}

func TestNotificationVectors(t *testing.T) {
	for _, v := range vectors(t, "vnpay-ipn-") {
		a := &Adapter{byCode: map[string]Terminal{"2QXUI4B4": {Merchant: "m", TmnCode: "2QXUI4B4", HashSecret: v.Secret}}}
		read := func(query string) (providers.Observation, error) {
			return a.Read(providers.Notification{Method: "GET", RawQuery: query})
		}
		// In another order, with the hash first and in capitals, and with a pair that is not VNPAY's.
		pairs := strings.Split(v.Canonical, "&")
		pairs[0], pairs[5] = pairs[5], pairs[0]
		for name, query := range map[string]string{
			"as signed": v.Canonical + "&vnp_SecureHash=" + v.Expected.Hash,
			"reordered": "vnp_SecureHash=" + strings.ToUpper(v.Expected.Hash) + "&utm=1&" + strings.Join(pairs, "&"),
			"with type": v.Canonical + "&vnp_SecureHashType=HmacSHA512&vnp_SecureHash=" + v.Expected.Hash,
			"empty":     v.Canonical + "&vnp_BankTranNo2=&vnp_SecureHash=" + v.Expected.Hash,
		} {
			o, err := read(query)
			if err != nil || o.Kind != providers.Succeeded || o.Amount != 10_000 || o.Reference != "HS5" || o.ProviderID != "14226112" {
				t.Errorf("%s, %s: %+v, %v", v.ID, name, o, err)
			}
			if want := "2021-08-01T08:34:12Z"; o.Occurred.Format("2006-01-02T15:04:05Z07:00") != want {
				t.Errorf("%s, %s: paid at %v, want %s", v.ID, name, o.Occurred, want)
			}
		}
	}
}

func TestQueryVectors(t *testing.T) {
	for _, v := range vectors(t, "vnpay-querydr-request") {
		body := asText(v.Expected.Body)
		q := queryRequest{
			RequestID: body["vnp_RequestId"], Version: version, Command: "querydr", TmnCode: body["vnp_TmnCode"],
			TxnRef: body["vnp_TxnRef"], OrderInfo: body["vnp_OrderInfo"], TransactionNo: body["vnp_TransactionNo"],
			TransactionDate: body["vnp_TransactionDate"], CreateDate: body["vnp_CreateDate"], IPAddr: body["vnp_IpAddr"],
		}
		if q.signedText() != v.Canonical || sign(v.Secret, q.signedText()) != body["vnp_SecureHash"] {
			t.Errorf("%s: signed over %q, want %q", v.ID, q.signedText(), v.Canonical)
		}
	}
	for _, v := range vectors(t, "vnpay-querydr-response") {
		raw, err := json.Marshal(v.Expected.Body)
		if err != nil {
			t.Fatal(err)
		}
		var a queryAnswer
		if err := json.Unmarshal(raw, &a); err != nil {
			t.Fatal(err)
		}
		if a.signedText() != v.Canonical || !verifies(v.Secret, a.signedText(), string(a.SecureHash)) {
			t.Errorf("%s: signed over %q, want %q", v.ID, a.signedText(), v.Canonical)
		}
	}
}

func asText(body map[string]any) map[string]string {
	out := make(map[string]string, len(body))
	for name, value := range body {
		switch v := value.(type) {
		case string:
			out[name] = v
		case json.Number:
			out[name] = v.String()
		}
	}
	return out
}

// TestEncodersAgree: what we sign is written alike by Go's encoder and by ours, so a third one has nothing to differ on.
func TestEncodersAgree(t *testing.T) {
	for _, s := range []string{"Thanh toan 5", "https://a.example/r?x=1&y=%20", "2001:db8::1", "+,;:@/#[]{}|\\^`\"<>-._"} {
		if !signsAlike(s) || encode(s) != url.QueryEscape(s) {
			t.Errorf("%q: %q against %q", s, encode(s), url.QueryEscape(s))
		}
	}
	for _, s := range []string{"a*b", "a~b", "(a)", "it's", "wow!", "Lệ phí", "tab\t"} {
		if signsAlike(s) {
			t.Errorf("%q is signed although encoders differ on it", s)
		}
	}
}
