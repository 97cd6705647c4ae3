package vnpay

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"exchequer/providers"
)

// maxAnswer bounds an answer to querydr; VNPAY's are under 2 kB.
const maxAnswer = 64 << 10

// text is a JSON string or number as it was written: the signature is over the characters, not over a value.
type text string

// UnmarshalJSON keeps the characters of a string or number; null is empty.
func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(t))
	}
	if bytes.Equal(b, []byte("null")) {
		return nil
	}
	var n json.Number
	if err := json.Unmarshal(b, &n); err != nil {
		return errors.New("neither a string nor a number")
	}
	*t = text(n)
	return nil
}

// queryRequest is querydr as VNPAY wants it.
type queryRequest struct {
	RequestID       string `json:"vnp_RequestId"` // 1-32 letters and digits, once a day
	Version         string `json:"vnp_Version"`
	Command         string `json:"vnp_Command"`
	TmnCode         string `json:"vnp_TmnCode"`
	TxnRef          string `json:"vnp_TxnRef"`
	OrderInfo       string `json:"vnp_OrderInfo"`
	TransactionNo   string `json:"vnp_TransactionNo,omitempty"` // sent where known, never signed
	TransactionDate string `json:"vnp_TransactionDate"`         // vnp_CreateDate of the pay request
	CreateDate      string `json:"vnp_CreateDate"`
	IPAddr          string `json:"vnp_IpAddr"`
	SecureHash      string `json:"vnp_SecureHash"`
}

// signedText is what querydr is signed over: no URL encoding, and no vnp_TransactionNo.
func (q queryRequest) signedText() string {
	return strings.Join([]string{
		q.RequestID, q.Version, q.Command, q.TmnCode, q.TxnRef, q.TransactionDate, q.CreateDate, q.IPAddr, q.OrderInfo,
	}, "|")
}

// queryAnswer is VNPAY's answer to querydr. ResponseCode is the result of the call, TransactionStatus the payment's state.
type queryAnswer struct {
	ResponseID        text `json:"vnp_ResponseId"`
	Command           text `json:"vnp_Command"`
	ResponseCode      text `json:"vnp_ResponseCode"`
	Message           text `json:"vnp_Message"`
	TmnCode           text `json:"vnp_TmnCode"`
	TxnRef            text `json:"vnp_TxnRef"`
	Amount            text `json:"vnp_Amount"`
	BankCode          text `json:"vnp_BankCode"`
	PayDate           text `json:"vnp_PayDate"`
	TransactionNo     text `json:"vnp_TransactionNo"`
	TransactionType   text `json:"vnp_TransactionType"`
	TransactionStatus text `json:"vnp_TransactionStatus"`
	OrderInfo         text `json:"vnp_OrderInfo"`
	PromotionCode     text `json:"vnp_PromotionCode"`
	PromotionAmount   text `json:"vnp_PromotionAmount"`
	SecureHash        text `json:"vnp_SecureHash"`
}

// signedText is what the answer is signed over; an absent field is empty and keeps its bar.
func (a queryAnswer) signedText() string {
	fields := []text{
		a.ResponseID, a.Command, a.ResponseCode, a.Message, a.TmnCode, a.TxnRef, a.Amount, a.BankCode, a.PayDate,
		a.TransactionNo, a.TransactionType, a.TransactionStatus, a.OrderInfo, a.PromotionCode, a.PromotionAmount,
	}
	written := make([]string, len(fields))
	for i, f := range fields {
		written[i] = string(f)
	}
	return strings.Join(written, "|")
}

// Query asks VNPAY what it knows of a payment (querydr). Every way in which the answer does not arrive whole, signed
// and about this very payment is ErrUnknown; NotKnown (code 91) is final only once the payment's window is over, for
// the payer may open the address until then.
func (a *Adapter) Query(ctx context.Context, q providers.Inquiry) (providers.Observation, error) {
	terminal, ok := a.byMerchant[q.Merchant]
	if !ok {
		return providers.Observation{}, unknown("no terminal is configured for merchant %q", q.Merchant)
	}
	if !alphanumeric.MatchString(q.Reference) {
		return providers.Observation{}, unknown("reference %q must be 1 to 100 letters and digits", q.Reference)
	}
	request := queryRequest{
		RequestID: requestID(), Version: version, Command: "querydr", TmnCode: terminal.TmnCode, TxnRef: q.Reference,
		OrderInfo: "Truy van " + q.Reference, TransactionNo: q.ProviderID, TransactionDate: formatTime(q.Created),
		CreateDate: formatTime(a.now()), IPAddr: a.config.ServerIP,
	}
	request.SecureHash = sign(terminal.HashSecret, request.signedText())

	var answer queryAnswer
	if err := a.call(ctx, request, &answer); err != nil {
		return providers.Observation{}, err
	}
	// Before the signature is checked no word of the answer may be used, not even a refusal.
	if !verifies(terminal.HashSecret, answer.signedText(), string(answer.SecureHash)) {
		return providers.Observation{}, fmt.Errorf("%w: the answer: %w", providers.ErrUnknown, providers.ErrBadSignature)
	}
	if answer.Command != "querydr" || string(answer.TmnCode) != terminal.TmnCode || string(answer.TxnRef) != q.Reference {
		return providers.Observation{}, unknown("the answer is about another payment: %w", providers.ErrMalformed)
	}
	return readAnswer(answer, terminal)
}

// readAnswer turns a verified answer into an observation.
func readAnswer(answer queryAnswer, terminal Terminal) (providers.Observation, error) {
	o := providers.Observation{
		Reference: string(answer.TxnRef), Merchant: terminal.Merchant, Currency: currency,
		Code: string(answer.ResponseCode) + "/" + string(answer.TransactionStatus),
	}
	switch answer.ResponseCode {
	case success:
	case notFound:
		o.Kind = providers.NotKnown
		return o, nil
	case "02", "03", "97": // bad terminal code, form or checksum: asking again will not help
		return providers.Observation{}, unknown("VNPAY refuses the question with code %s: check terminal code and secret",
			answer.ResponseCode)
	default: // 94 asked too often, 99 its own error, 08 maintenance
		o.Kind = providers.Uncertain
		return o, nil
	}
	o.Kind = kindOfStatus(string(answer.TransactionStatus))
	if answer.TransactionType != "" && answer.TransactionType != "01" {
		o.Kind = providers.Uncertain // the state of a refund, not of the payment
	}
	var faults [2]error
	o.Amount, faults[0] = parseAmount(string(answer.Amount))
	o.Occurred, faults[1] = parseOptionalTime(string(answer.PayDate))
	o.ProviderID = transactionNo(string(answer.TransactionNo))
	if o.Kind == providers.Succeeded && o.ProviderID == "" {
		faults[1] = errors.Join(faults[1], errors.New("a payment without vnp_TransactionNo"))
	}
	if err := errors.Join(faults[:]...); err != nil {
		return providers.Observation{}, unknown("%w: %w", providers.ErrMalformed, err)
	}
	return o, nil
}

// call posts the question and reads the answer, within the time and size allowed.
func (a *Adapter) call(ctx context.Context, request queryRequest, answer *queryAnswer) error {
	body, err := json.Marshal(request)
	if err != nil {
		return unknown("writing the question: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, a.config.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, a.config.TransactionURL, bytes.NewReader(body))
	if err != nil {
		return unknown("making the question: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	status, got, err := a.fetch(r, maxAnswer)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return unknown("VNPAY answers HTTP %d", status)
	}
	if err := json.Unmarshal(got, answer); err != nil {
		return unknown("%w: the answer is not JSON of the form agreed", providers.ErrMalformed)
	}
	return nil
}

// fetch gives status and body of an answer that arrived whole; anything else is ErrUnknown.
func (a *Adapter) fetch(r *http.Request, limit int64) (int, []byte, error) {
	response, err := a.do.Do(r)
	if err != nil {
		return 0, nil, unknown("calling VNPAY: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return 0, nil, unknown("reading VNPAY's answer: %w", err)
	}
	if int64(len(body)) > limit {
		return 0, nil, unknown("VNPAY's answer is over %d bytes", limit)
	}
	return response.StatusCode, body, nil
}

// requestID is 32 letters and digits that are never used again.
func requestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, as its documentation promises
	return hex.EncodeToString(b[:])
}

func unknown(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{providers.ErrUnknown}, args...)...)
}
