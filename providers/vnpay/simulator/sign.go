package simulator

import (
	"crypto/hmac"
	"crypto/sha512"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// pairs holds the decoded vnp_ fields of a message.
type pairs map[string]string

// formEncode writes bytes as an HTML form does: letters, digits and * - . _ stand, a space is +, the rest is %XX.
func formEncode(s string) string {
	const upperHex = "0123456789ABCDEF"
	out := make([]byte, 0, len(s)+8)
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("*-._", c) >= 0:
			out = append(out, c)
		case c == ' ':
			out = append(out, '+')
		default:
			out = append(out, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(out)
}

// query writes fields without a value away, sorts the rest by name and appends their hash.
func (p pairs) query(secret string) string {
	names := make([]string, 0, len(p))
	for name, value := range p {
		if value != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		names[i] = formEncode(name) + "=" + formEncode(p[name])
	}
	signed := strings.Join(names, "&")
	return signed + "&vnp_SecureHash=" + hmacHex(secret, signed)
}

// verifyQuery checks a signed query over its bytes as they came and gives its fields.
func verifyQuery(raw string, secretOf func(terminal string) (string, bool)) (pairs, error) {
	fields := make(pairs)
	var signed []string
	for _, part := range strings.Split(raw, "&") {
		name, value, _ := strings.Cut(part, "=")
		decoded, err := url.QueryUnescape(value)
		if err != nil {
			return nil, fmt.Errorf("%s is not URL-encoded", name)
		}
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("%s stands twice", name)
		}
		fields[name] = decoded
		if strings.HasPrefix(name, "vnp_SecureHash") || !strings.HasPrefix(name, "vnp_") {
			continue
		}
		signed = append(signed, part)
	}
	slices.SortFunc(signed, func(a, b string) int {
		aName, _, _ := strings.Cut(a, "=")
		bName, _, _ := strings.Cut(b, "=")
		return strings.Compare(aName, bName)
	})
	secret, ok := secretOf(fields["vnp_TmnCode"])
	if !ok {
		return nil, fmt.Errorf("terminal %q is not known", fields["vnp_TmnCode"])
	}
	want := hmacHex(secret, strings.Join(signed, "&"))
	if !hmac.Equal([]byte(want), []byte(strings.ToLower(fields["vnp_SecureHash"]))) {
		return nil, errSignature
	}
	return fields, nil
}

// barred joins values with bars, the form in which querydr and its answer are signed.
func barred(values ...string) string { return strings.Join(values, "|") }

func hmacHex(secret, text string) string {
	h := hmac.New(sha512.New, []byte(secret))
	_, _ = h.Write([]byte(text)) // a hash never fails to write
	return fmt.Sprintf("%x", h.Sum(nil))
}
