package vnpay

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"net/url"
	"sort"
	"strings"
)

const (
	hashField     = "vnp_SecureHash"
	hashTypeField = "vnp_SecureHashType" // of 2.0; never sent in 2.1.0, never signed
)

// field is one name=value pair of a message, in the form in which it travels.
type field struct{ name, value string }

// encode writes a value as HTML forms do (WHATWG URL standard, application/x-www-form-urlencoded): space as +, and
// unlike url.QueryEscape it keeps * and escapes ~. This is the encoder the published vectors were made with.
func encode(s string) string {
	s = strings.ReplaceAll(url.QueryEscape(s), "%2A", "*")
	return strings.ReplaceAll(s, "~", "%7E")
}

// signsAlike reports that every URL encoder in use at VNPAY's clients writes s in the same way. They differ on
// ! ' ( ) * ~ and on what is not ASCII, so such values are never signed by us.
func signsAlike(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r < 0x20 || r > 0x7e || strings.ContainsRune(`!'()*~`, r)
	})
}

// canonical is the text that pay, return and IPN messages are signed over: vnp_ pairs but the hash, sorted by name.
func canonical(fields []field) string {
	signed := make([]field, 0, len(fields))
	for _, f := range fields {
		if strings.HasPrefix(f.name, "vnp_") && f.name != hashField && f.name != hashTypeField {
			signed = append(signed, f)
		}
	}
	sort.SliceStable(signed, func(i, j int) bool { return signed[i].name < signed[j].name })
	var b strings.Builder
	for i, f := range signed {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(f.name)
		b.WriteByte('=')
		b.WriteString(f.value)
	}
	return b.String()
}

// withoutEmpty drops the pairs without a value: VNPAY's demo programs leave those out before they sign.
func withoutEmpty(fields []field) []field {
	kept := make([]field, 0, len(fields))
	for _, f := range fields {
		if f.value != "" {
			kept = append(kept, f)
		}
	}
	return kept
}

// sign gives the HMAC-SHA512 in lower-case hex.
func sign(secret, text string) string {
	return hex.EncodeToString(digest(secret, text))
}

// verifies compares in constant time and accepts the hash in either case, as VNPAY's own programs do.
func verifies(secret, text, hash string) bool {
	got, err := hex.DecodeString(hash)
	return err == nil && hmac.Equal(got, digest(secret, text))
}

func digest(secret, text string) []byte {
	mac := hmac.New(sha512.New, []byte(secret))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}
