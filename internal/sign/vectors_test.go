package sign_test

import (
	"encoding/json"
	"os"
	"slices"
	"testing"

	"exchequer/internal/sign"
)

// thirdParty reads a file of published test vectors that stand beside the repository.
func thirdParty(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile("../../../shared/testdata/thirdparty/" + name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("published test vectors are not there: ", err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

// stricter are the vectors of Wycheproof that are valid and that we refuse on purpose: symmetric keys and RS256 are not
// in the closed list of algorithms.
var stricter = []string{"acceptsValid", "long_key"}

func TestWycheproofKeySets(t *testing.T) {
	var file struct {
		TestGroups []struct {
			Comment         string
			Public, Private json.RawMessage
			Tests           []struct {
				ID      int `json:"tcId"`
				Comment string
				JWS     string
				Result  string
			}
		}
	}
	thirdParty(t, "C2SP__wycheproof/testvectors_v1/json_web_key_test.json", &file)
	refused := 0
	for _, group := range file.TestGroups {
		document := group.Public
		if document == nil {
			document = group.Private // symmetric keys stand there
		}
		set, err := sign.ParseKeySet(document)
		for _, test := range group.Tests {
			accepted := err == nil
			if accepted {
				_, verify := set.Verify(test.JWS, "")
				accepted = verify == nil
			}
			switch {
			case accepted && test.Result != "valid":
				t.Errorf("vector %d (%s, %s) must be refused", test.ID, group.Comment, test.Comment)
			case !accepted && test.Result == "valid" && !slices.Contains(stricter, test.Comment):
				t.Errorf("vector %d (%s, %s) must be accepted: %v", test.ID, group.Comment, test.Comment, err)
			case !accepted:
				refused++
			}
		}
	}
	if refused < 20 {
		t.Errorf("%d vectors were refused; is the file empty?", refused)
	}
}
