package settlement

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Instruction asks the bank for one transfer. EndToEndID makes it idempotent: the bank carries out one content a id.
type Instruction struct {
	EndToEndID      string `json:"end_to_end_id"`
	DebtorAccount   string `json:"debtor_account"`
	CreditorAccount string `json:"creditor_account"`
	CreditorAgent   string `json:"creditor_agent,omitempty"` // treasury unit or bank that keeps CreditorAccount
	Amount          int64  `json:"amount"`                   // minor units of Currency
	Currency        string `json:"currency"`
	Remittance      string `json:"remittance"`
}

// Bank takes instructions. nil: it has this one, now or from before. *RefusedError: it certainly does not carry it out.
// ErrClash: the id stands for something else. Every other error leaves the outcome unknown: ask again with the same id.
type Bank interface {
	Pay(ctx context.Context, i Instruction) error
}

// ErrClash says that the bank knows the id with another content. Nothing may be undone and nothing sent under another
// id before a person has asked the bank.
var ErrClash = errors.New("the bank knows this id with another content")

// RefusedError is the bank's certain no. Code is the bank's, never its text: that could name a person.
type RefusedError struct{ Code string }

// Error gives the code.
func (e *RefusedError) Error() string {
	return "the bank refused the instruction (" + e.Code + "): correct the cause and propose the payout again"
}

// Doer sends an HTTP request; *http.Client is one.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// HTTPBank instructs a bank over HTTP: POST <URL>/payouts with an Instruction as JSON.
type HTTPBank struct {
	URL  string // of the bank's interface, without the path
	Doer Doer
}

// mostAnswer is the most of an answer that is read, in bytes.
const mostAnswer = 64 << 10

// Pay sends the instruction once. 2xx: taken. 409: ErrClash. 422: *RefusedError. All else is unknown, also a 400 or 404:
// those come from a wrong address or a proxy as well, and do not say what became of the same instruction sent before.
func (b HTTPBank) Pay(ctx context.Context, i Instruction) error {
	body, err := json.Marshal(i)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(b.URL, "/")+"/payouts", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := b.Doer.Do(req)
	if err != nil {
		return fmt.Errorf("the bank did not answer: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, mostAnswer))
	switch {
	case resp.StatusCode/100 == 2:
		return nil // whatever the body says: the bank has it
	case err != nil:
		return fmt.Errorf("the bank's answer broke off: %w", err)
	case resp.StatusCode == http.StatusConflict:
		return ErrClash
	case resp.StatusCode == http.StatusUnprocessableEntity:
		return &RefusedError{Code: refusalCode(resp.StatusCode, answer)}
	}
	return fmt.Errorf("the bank answered %d: it is not known whether it has the instruction", resp.StatusCode)
}

// refusalCode takes the reason the bank gives where it has the form of a code (ISO 20022: AM04), else the status.
func refusalCode(status int, answer []byte) string {
	var said struct {
		Reason string `json:"reason"`
	}
	code := strconv.Itoa(status)
	if json.Unmarshal(answer, &said) != nil || said.Reason == "" || len(said.Reason) > 40 {
		return code
	}
	for _, r := range said.Reason {
		if r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return code
		}
	}
	return code + " " + said.Reason
}
