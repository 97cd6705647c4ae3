package settlement_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"exchequer/internal/settlement"
)

func TestBankAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		body   string
		clash  bool
		code   string // of a certain refusal
		taken  bool
	}{
		"taken":                         {status: 201, body: `{"state":"accepted"}`, taken: true},
		"taken before":                  {status: 200, taken: true},
		"another content":               {status: 409, clash: true},
		"refused":                       {status: 422, body: `{"state":"refused","reason":"AM04"}`, code: "422 AM04"},
		"refused without a code":        {status: 422, body: `no`, code: "422"},
		"refused with a person's name":  {status: 422, body: `{"reason":"account of Nguyen Van A is closed"}`, code: "422"},
		"not found may be an address":   {status: 404},
		"bad request may be a proxy":    {status: 400},
		"too many":                      {status: 429},
		"broken":                        {status: 500},
		"gateway timeout, nobody knows": {status: 504},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || r.URL.Path != "/payouts" {
					t.Errorf("%s %s", r.Method, r.URL.Path)
				}
				w.WriteHeader(tc.status)
				_, _ = w.Write([]byte(tc.body))
			}))
			defer server.Close()
			err := settlement.HTTPBank{URL: server.URL + "/", Doer: server.Client()}.Pay(t.Context(), settlement.Instruction{EndToEndID: "E", Amount: 1})
			refused, certain := errors.AsType[*settlement.RefusedError](err)
			if (err == nil) != tc.taken || errors.Is(err, settlement.ErrClash) != tc.clash || certain != (tc.code != "") {
				t.Fatalf("got %v", err)
			}
			if certain && refused.Code != tc.code {
				t.Errorf("code %q, want %q", refused.Code, tc.code)
			}
		})
	}
}
