package simulator

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestVectors holds this side's signing against vectors made by another implementation; the adapter has its own test.
func TestVectors(t *testing.T) {
	const path = "../../../../shared/facts/vectors.json"
	raw, err := os.ReadFile(path)
	if os.IsNotExist(err) && os.Getenv("CI") != "true" {
		t.Skipf("SKIPPED: %s is not here, the published vectors were not checked", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			ID, Secret, Canonical string
			Expected              json.RawMessage
		}
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, v := range file.Vectors {
		if !strings.HasPrefix(v.ID, "vnpay-") {
			continue
		}
		checked++
		var want struct {
			Hash string `json:"vnp_SecureHash"`
			Body pairs
		}
		if err := json.Unmarshal(v.Expected, &want); err != nil {
			want.Body = nil // numbers among the fields: only the hash is compared
		}
		secretOf := func(string) (string, bool) { return v.Secret, true }
		switch {
		case strings.HasPrefix(v.ID, "vnpay-pay-"), strings.HasPrefix(v.ID, "vnpay-ipn-"):
			fields, err := verifyQuery(v.Canonical+"&vnp_SecureHash="+want.Hash, secretOf)
			if err != nil {
				t.Errorf("%s is not verified: %v", v.ID, err)
				continue
			}
			delete(fields, "vnp_SecureHash")
			if got := fields.query(v.Secret); got != v.Canonical+"&vnp_SecureHash="+want.Hash {
				t.Errorf("%s:\n got %s\nwant %s", v.ID, got, v.Canonical)
			}
		case v.ID == "vnpay-querydr-response":
			if got := barredAnswer(want.Body); got != v.Canonical || hmacHex(v.Secret, got) != want.Body["vnp_SecureHash"] {
				t.Errorf("%s is signed over %s, want %s", v.ID, got, v.Canonical)
			}
		}
	}
	if checked == 0 {
		t.Fatal("no vector of VNPAY in the file")
	}
}
