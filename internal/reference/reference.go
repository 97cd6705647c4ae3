// Package reference owns the 16-character reference that is followed the whole way: bill, order, provider, bank.
//
// It guarantees that a reference carries its book (3 characters), a number that cannot be guessed (12) and a check
// character (ISO 7064 MOD 37,36) that finds every single mistyped character. It does not say whether anything
// exists under a reference.
package reference

import (
	"crypto/rand"
	"fmt"
	"strings"

	"exchequer/internal/problem"
)

const (
	alphabet   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	bookLen    = 3
	numberLen  = 12
	Len        = bookLen + numberLen + 1 // characters of a reference
	AttemptLen = Len + 1                 // an attempt adds a letter
	// MaxAttempts is how many attempts an order can have: letters A to Z.
	MaxAttempts = 26
)

// New makes a reference in a book. The number is drawn from the system's random source.
func New(book string) string {
	b := make([]byte, 0, Len)
	b = append(b, book...)
	for len(b) < bookLen+numberLen {
		var r [numberLen]byte
		_, _ = rand.Read(r[:]) // never fails: the runtime aborts the program instead
		for _, v := range r {
			// Bytes from 252 on are dropped: 256 is no multiple of 36 and would favour the first characters.
			if v < 252 && len(b) < bookLen+numberLen {
				b = append(b, alphabet[v%36])
			}
		}
	}
	return string(append(b, check(string(b))))
}

// Book gives the book a reference or an attempt's reference carries.
func Book(ref string) string { return ref[:bookLen] }

// IsBook reports whether a name has the form of the gateway's books, which references carry.
func IsBook(name string) bool { return len(name) == bookLen && strings.Trim(name, alphabet) == "" }

// Order gives the order's reference of an attempt's reference.
func Order(attempt string) string { return attempt[:Len] }

// Attempt gives the reference of the n-th attempt (from 0) of an order.
func Attempt(order string, n int) string { return order + string(rune('A'+n)) }

// Parse checks a reference as a person typed it: blanks and hyphens are dropped, letters made capital. The error
// is Invalid and names what is wrong.
func Parse(s string) (string, error) {
	s = strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(s))
	if len(s) != Len {
		return "", problem.AtField(problem.Invalid, "ref", "a reference has %d characters, this has %d", Len, len(s))
	}
	return s, verify(s)
}

// ParseAttempt checks an attempt's reference.
func ParseAttempt(s string) (string, error) {
	if len(s) != AttemptLen || s[Len] < 'A' || s[Len] > 'Z' {
		return "", problem.AtField(problem.Invalid, "ref", "not the reference of a payment attempt")
	}
	return s, verify(s[:Len])
}

func verify(s string) error {
	for _, r := range s {
		if !strings.ContainsRune(alphabet, r) {
			return problem.AtField(problem.Invalid, "ref", "a reference holds only 0-9 and A-Z")
		}
	}
	if check(s[:Len-1]) != s[Len-1] {
		return problem.AtField(problem.Invalid, "ref", "the check character does not fit: look for a mistyped character")
	}
	return nil
}

// check computes the hybrid check character of ISO 7064 (MOD 37,36).
func check(s string) byte {
	p := 36
	for i := range len(s) {
		p = (p + strings.IndexByte(alphabet, s[i])) % 36
		if p == 0 {
			p = 36
		}
		p = p * 2 % 37
	}
	return alphabet[(37-p)%36]
}

// Format writes a reference in groups of four, for people.
func Format(ref string) string {
	var b strings.Builder
	for i, r := range ref {
		if i > 0 && i%4 == 0 && i < Len {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%c", r)
	}
	return b.String()
}
