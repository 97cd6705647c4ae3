package vnpay

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"exchequer/providers"
)

// maxQuery bounds a notification; VNPAY's are under 1 kB.
const maxQuery = 16 << 10

// Read authenticates an IPN, or the query with which the browser comes back (same form). A message for a terminal we
// do not have counts as ErrBadSignature: nothing can vouch for it.
func (a *Adapter) Read(n providers.Notification) (providers.Observation, error) {
	if n.Method != "" && n.Method != http.MethodGet {
		return providers.Observation{}, malformed("notifications come as GET, not %s", n.Method)
	}
	raw, err := splitQuery(n.RawQuery)
	if err != nil {
		return providers.Observation{}, err
	}
	values, err := decodeFields(raw)
	if err != nil {
		return providers.Observation{}, err
	}
	terminal, ok := a.byCode[values["vnp_TmnCode"]]
	if !ok {
		return providers.Observation{}, fmt.Errorf("%w: terminal is not in the configuration", providers.ErrBadSignature)
	}
	// The hash is checked over the pairs as they arrived: decoding and encoding them again can give other bytes than
	// the sender signed. An empty pair says nothing, so the text with and without empty pairs means the same.
	hash := values[hashField]
	if !verifies(terminal.HashSecret, canonical(raw), hash) &&
		!verifies(terminal.HashSecret, canonical(withoutEmpty(raw)), hash) {
		return providers.Observation{}, providers.ErrBadSignature
	}
	o, err := readResult(values)
	o.Merchant = terminal.Merchant
	return o, err
}

// splitQuery gives the pairs as they arrived. A name that stands twice is refused: one copy could be signed and the
// other be read.
func splitQuery(query string) ([]field, error) {
	if query == "" || len(query) > maxQuery {
		return nil, malformed("query is empty or over %d bytes", maxQuery)
	}
	var fields []field
	seen := make(map[string]bool)
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, "vnp_") {
			continue // not VNPAY's: neither signed nor read
		}
		if seen[name] {
			return nil, malformed("field %q stands twice", name)
		}
		seen[name] = true
		fields = append(fields, field{name, value})
	}
	return fields, nil
}

func decodeFields(raw []field) (map[string]string, error) {
	values := make(map[string]string, len(raw))
	for _, f := range raw {
		value, err := url.QueryUnescape(f.value)
		if err != nil {
			return nil, malformed("field %q is not URL-encoded", f.name)
		}
		values[f.name] = value
	}
	return values, nil
}

// readResult reads the fields of a verified message.
func readResult(values map[string]string) (providers.Observation, error) {
	o := providers.Observation{
		Reference:  values["vnp_TxnRef"],
		Currency:   currency,
		ProviderID: transactionNo(values["vnp_TransactionNo"]),
		Code:       values["vnp_ResponseCode"] + "/" + values["vnp_TransactionStatus"],
	}
	var faults [3]error
	o.Amount, faults[0] = parseAmount(values["vnp_Amount"])
	o.Occurred, faults[1] = parseOptionalTime(values["vnp_PayDate"])
	o.Kind, faults[2] = kindOfResult(values["vnp_ResponseCode"], values["vnp_TransactionStatus"])
	if err := errors.Join(faults[:]...); err != nil {
		return providers.Observation{}, malformed("%w", err)
	}
	if o.Reference == "" {
		return providers.Observation{}, malformed("vnp_TxnRef is missing")
	}
	if o.Kind == providers.Succeeded && o.ProviderID == "" {
		return providers.Observation{}, malformed("a payment without vnp_TransactionNo")
	}
	return o, nil
}

// parseAmount reads đồng × 100. VNPAY takes whole đồng only, so another remainder is not an amount.
func parseAmount(s string) (int64, error) {
	if len(s) == 0 || len(s) > 15 || strings.Trim(s, "0123456789") != "" {
		return 0, errors.New("vnp_Amount is not a number")
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n%wireFactor != 0 {
		return 0, errors.New("vnp_Amount is not a whole number of đồng × 100")
	}
	return n / wireFactor, nil
}

func parseOptionalTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return parseTime(s)
}

// transactionNo drops VNPAY's "0", which it sends where there is no transaction.
func transactionNo(s string) string {
	if strings.Trim(s, "0") == "" {
		return ""
	}
	return s
}

// replies are VNPAY's RspCode and Message. 00 and 02 end its calls; it repeats up to 10 calls for the others, which
// is wanted: after a fault of ours the same message must come again.
var replies = map[providers.Verdict][2]string{
	providers.Accepted:      {"00", "Confirm Success"},
	providers.AlreadyFinal:  {"02", "Order already confirmed"},
	providers.UnknownOrder:  {"01", "Order not found"},
	providers.AmountDiffers: {"04", "Invalid amount"},
	providers.BadSignature:  {"97", "Invalid signature"},
	providers.Malformed:     {"99", "Unknown error"},
	providers.Fault:         {"99", "Unknown error"},
}

// Answer renders a verdict in VNPAY's form: always HTTP 200, the word is in the body.
func (a *Adapter) Answer(v providers.Verdict) providers.Reply {
	code, ok := replies[v]
	if !ok {
		code = replies[providers.Fault] // a verdict we do not know must not stop the provider's calls
	}
	body, _ := json.Marshal(struct { // two strings always marshal
		RspCode string
		Message string
	}{code[0], code[1]})
	return providers.Reply{Status: http.StatusOK, ContentType: "application/json", Body: body}
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{providers.ErrMalformed}, args...)...)
}
