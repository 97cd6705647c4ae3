package quote_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/problem"
	"exchequer/internal/quote"
	"exchequer/internal/sign"
)

const issuer = "https://pay.example"

func openKeys(t testing.TB) *sign.Keys {
	t.Helper()
	keys, err := sign.OpenKeys(filepath.Join(t.TempDir(), "keys"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// judicial is a fee of 200,000 đồng that two accounts share, and a fine of 5,000 with a reduction of 1,000.
func judicial() *quote.Quote {
	day := calendar.MustDate("2024-03-04")
	return &quote.Quote{
		Quote: fee.Quote{Service: "judicial_record", Date: day, TotalVND: 204_000, ValidUntil: day.AddDays(1).At(0).UTC(), ScheduleHash: "hash",
			Lines: []fee.Line{{Charge: "judicial_record_fee", Amount: 200_000}, {Charge: "fine", Amount: 5_000}, {Charge: "fine", Amount: -1_000}}},
		Currency: "VND", Inputs: json.RawMessage(`{"copies":1}`), Revision: 7, KnownSince: time.Date(2024, 3, 1, 2, 0, 0, 0, time.UTC),
		Payee: quote.Payee{Body: "STP", Book: "HNI", Accounts: []quote.Account{{Code: "own"}, {Code: "treasury"}}},
		Budget: []quote.BudgetLine{
			{Charge: "judicial_record_fee", Part: "retained", Budget: "kept", Account: "own", Amount: 162_000},
			{Charge: "judicial_record_fee", Part: "local_budget", Budget: "2751", Account: "treasury", Amount: 38_000},
			{Charge: "fine", Part: "whole", Budget: "4252", Account: "treasury", Amount: 4_000}},
	}
}

func TestASignedQuoteIsOpenedAndHoldsOnItsDay(t *testing.T) {
	keys := openKeys(t)
	compact, err := judicial().Sign(keys, issuer, "STP0123456789ABX")
	if err != nil {
		t.Fatal(err)
	}
	s, err := quote.Open(keys.Public(), compact)
	if err != nil {
		t.Fatal(err)
	}
	if s.Issuer != issuer || s.Bill != "STP0123456789ABX" || s.TotalVND != 204_000 || len(s.Budget) != 3 || string(s.Inputs) != `{"copies":1}` {
		t.Errorf("%+v", s)
	}
	for at, want := range map[string]string{"2024-03-03T16:59:59Z": "not_yet", "2024-03-03T17:00:00Z": "", "2024-03-04T16:59:59Z": "", "2024-03-04T17:00:00Z": "expired"} {
		instant, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := codes(s.Check(instant, issuer)); got != want {
			t.Errorf("at %s: %q, want %q", at, got, want)
		}
	}
}

func TestAForecastIsNeverSigned(t *testing.T) {
	q := judicial()
	q.Forecast = "paid"
	compact, err := q.Sign(openKeys(t), issuer, "")
	if p, ok := errors.AsType[*problem.Error](err); !ok || p.Code != problem.Invalid || p.Field != "paid" || compact != "" {
		t.Errorf("%q, %v", compact, err)
	}
}

func codes(findings []quote.Finding) string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Code)
	}
	return strings.Join(out, " ")
}

// A program that signs a wrong sum is found out by whoever checks, not only by itself.
func TestAQuoteThatDoesNotAddUpIsFound(t *testing.T) {
	keys, noon := openKeys(t), calendar.MustDate("2024-03-04").At(12*time.Hour)
	for name, c := range map[string]struct {
		change func(*quote.Quote)
		want   string
	}{
		"nothing changed":           {func(*quote.Quote) {}, ""},
		"another total":             {func(q *quote.Quote) { q.TotalVND++ }, "lines budget"},
		"a line more":               {func(q *quote.Quote) { q.Lines = append(q.Lines, fee.Line{Charge: "fine", Amount: 1}) }, "lines charge"},
		"a budget line less":        {func(q *quote.Quote) { q.Budget = q.Budget[:2] }, "budget charge"},
		"one charge pays another's": {func(q *quote.Quote) { q.Budget[0].Amount--; q.Budget[2].Amount++ }, "charge charge"},
		"a charge nobody owes":      {func(q *quote.Quote) { q.Budget[1].Charge = "other" }, "charge charge"},
		"below nothing":             {func(q *quote.Quote) { q.Budget[0].Amount, q.Budget[1].Amount = 201_000, -1_000 }, "budget"},
		"an account of nobody":      {func(q *quote.Quote) { q.Budget[2].Account = "elsewhere" }, "account"},
	} {
		q := judicial()
		c.change(q)
		compact, err := q.Sign(keys, issuer, "")
		if err != nil {
			t.Fatal(err)
		}
		s, err := quote.Open(keys.Public(), compact)
		if err != nil {
			t.Fatal(err)
		}
		if got := codes(s.Check(noon, issuer)); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestWhatIsNoQuoteIsRefused(t *testing.T) {
	keys := openKeys(t)
	signed := func(typ, payload string) string {
		compact, err := keys.Sign(typ, []byte(payload))
		if err != nil {
			t.Fatal(err)
		}
		return compact
	}
	good, err := judicial().Sign(keys, issuer, "")
	if err != nil {
		t.Fatal(err)
	}
	other, err := judicial().Sign(openKeys(t), issuer, "")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	for name, compact := range map[string]string{
		"empty": "", "another installation's": other, "a receipt": signed("receipt+jwt", `{"service":"x","exp":1,"currency":"VND"}`),
		"no object": signed(quote.Type, `[]`), "an empty object": signed(quote.Type, `{}`),
		"no expiry": signed(quote.Type, `{"service":"x","currency":"VND"}`), "other money": signed(quote.Type, `{"service":"x","exp":1,"currency":"USD"}`),
		"amount as text": signed(quote.Type, `{"service":"x","exp":1,"currency":"VND","total_vnd":"1"}`),
		"another amount": parts[0] + "." + strings.Replace(parts[1], parts[1][40:44], "AAAA", 1) + "." + parts[2],
	} {
		if _, err := quote.Open(keys.Public(), compact); !errors.Is(err, sign.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestABankChecksAQuoteWithTheStandardLibraryAlone uses nothing of this program but the message and the published set.
func TestABankChecksAQuoteWithTheStandardLibraryAlone(t *testing.T) {
	keys := openKeys(t)
	compact, err := judicial().Sign(keys, issuer, "")
	if err != nil {
		t.Fatal(err)
	}
	var set struct {
		Keys []struct{ Kty, Crv, Kid, X, Y string }
	}
	if err := json.Unmarshal(keys.Public().JSON(), &set); err != nil {
		t.Fatal(err)
	}
	part := strings.Split(compact, ".")
	decode := func(s string) []byte {
		raw, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	var header struct{ Alg, Kid, Typ string }
	if err := json.Unmarshal(decode(part[0]), &header); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(set.Keys, func(k struct{ Kty, Crv, Kid, X, Y string }) bool { return k.Kid == header.Kid })
	if i < 0 || header.Alg != "ES256" || header.Typ != "quote+jwt" || set.Keys[i].Kty != "EC" || set.Keys[i].Crv != "P-256" {
		t.Fatalf("header %+v, keys %+v", header, set.Keys)
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, decode(set.Keys[i].X), decode(set.Keys[i].Y)))
	if err != nil {
		t.Fatal(err)
	}
	digest, signature := sha256.Sum256([]byte(part[0]+"."+part[1])), decode(part[2])
	if len(signature) != 64 || !ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		t.Fatal("the signature does not hold")
	}
	var says struct {
		Iss      string
		Exp      int64
		Currency string
		Total    int64 `json:"total_vnd"`
		Payee    struct {
			Body     string
			Accounts []struct{ Code, Number string }
		}
		Lines  []struct{ Amount int64 }
		Budget []struct {
			Account string
			Amount  int64
		}
	}
	if err := json.Unmarshal(decode(part[1]), &says); err != nil {
		t.Fatal(err)
	}
	var lines, budget int64
	for _, l := range says.Lines {
		lines += l.Amount
	}
	for _, b := range says.Budget {
		budget += b.Amount
	}
	if says.Iss != issuer || says.Currency != "VND" || says.Total != 204_000 || lines != says.Total || budget != says.Total ||
		says.Payee.Body != "STP" || len(says.Payee.Accounts) != 2 || time.Unix(says.Exp, 0).UTC().Format(time.RFC3339) != "2024-03-04T17:00:00Z" {
		t.Errorf("%+v", says)
	}
}
