package ledger

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Lengths of a transaction's texts, in bytes.
const (
	maxReference = 128
	maxKind      = 64
	maxLink      = 128
)

// check says whether a transaction is well formed, before any account is looked at.
func check(t *Transaction) (Result, bool) {
	if field := malformed(t); field != "" {
		return Result{Code: InvalidField, Field: field}, false
	}
	switch {
	case len(t.Postings) == 0 && !t.resolves():
		return Result{Code: NoPostings, Field: "postings"}, false
	case len(t.Postings) > MaxPostings:
		return Result{Code: TooManyPostings, Field: "postings"}, false
	}
	if len(t.Metadata) > 0 {
		if b, err := json.Marshal(t.Metadata); err != nil || len(b) > MaxMetadata {
			return Result{Code: MetadataTooLarge, Field: "metadata"}, false
		}
	}
	for i, p := range t.Postings {
		if p.Amount <= 0 {
			return Result{Code: InvalidAmount, Field: postingField(i, "amount")}, false
		}
		if p.Debit == p.Credit {
			return Result{Code: SameAccount, Field: postingField(i, "credit"), Account: p.Credit}, false
		}
	}
	return Result{}, true
}

// malformed names the first field that is empty, too long or not of its form.
func malformed(t *Transaction) string {
	switch {
	case !bookForm.MatchString(t.Book):
		return "book"
	case t.Reference == "" || !wellFormed(t.Reference, maxReference):
		return "reference"
	case t.Kind == "" || !wellFormed(t.Kind, maxKind):
		return "kind"
	case !wellFormed(t.Link, maxLink):
		return "link"
	case t.Occurred.IsZero() || !sensible(t.Occurred):
		return "occurred"
	case t.Day.IsZero() || !sensible(t.Day) || !isDay(t.Day):
		return "day"
	}
	if field := malformedPhase(t); field != "" {
		return field
	}
	for k, v := range t.Metadata {
		if !storable(k) || !storable(v) {
			return "metadata"
		}
	}
	return ""
}

// malformedPhase names the first field that does not go with the phase.
func malformedPhase(t *Transaction) string {
	switch t.Phase {
	case Post, Hold, Capture, Void:
	default:
		return "phase"
	}
	switch {
	case !wellFormed(t.Of, maxReference), t.resolves() && t.Of == "", t.Phase == Hold && t.Of != "":
		return "of"
	case t.Phase == Hold && !t.Expires.IsZero() && len(t.Reference) > maxReference-len(expiredSuffix):
		return "reference" // its expiry must have one too
	case !t.Expires.IsZero() && (t.Phase != Hold || !sensible(t.Expires)):
		return "expires"
	case len(t.Postings) > 0 && t.resolves() && t.Phase != Capture:
		return "postings"
	}
	return ""
}

// storable reports that jsonb gives a text back as it was.
func storable(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }

// wellFormed allows what every journal format can carry unquoted: no space, quote, bracket, comma or semicolon.
func wellFormed(s string, most int) bool {
	if len(s) > most {
		return false
	}
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-._:/#+=@", rune(c)) {
			return false
		}
	}
	return true
}

func sensible(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }

func postingField(i int, name string) string { return fmt.Sprintf("postings[%d].%s", i, name) }

// differs names the first field in which two transactions of one reference are not the same, "" when they are equal.
func differs(a, b *Transaction) string {
	switch {
	case a.Phase != b.Phase:
		return "phase"
	case a.Kind != b.Kind:
		return "kind"
	case a.Of != b.Of:
		return "of"
	case !stored(a.Expires).Equal(stored(b.Expires)):
		return "expires"
	case !stored(a.Occurred).Equal(stored(b.Occurred)):
		return "occurred"
	case !a.Day.Equal(b.Day):
		return "day"
	case len(a.Postings) != len(b.Postings):
		return "postings"
	}
	for i, p := range a.Postings {
		q := b.Postings[i]
		switch {
		case p.Debit != q.Debit:
			return postingField(i, "debit")
		case p.Credit != q.Credit:
			return postingField(i, "credit")
		case p.Amount != q.Amount:
			return postingField(i, "amount")
		case p.Currency != q.Currency:
			return postingField(i, "currency")
		}
	}
	if a.Link != b.Link {
		return "link"
	}
	if len(a.Metadata) != len(b.Metadata) {
		return "metadata"
	}
	for k, v := range a.Metadata {
		if w, ok := b.Metadata[k]; !ok || v != w {
			return "metadata"
		}
	}
	return ""
}

// stored is an instant as PostgreSQL keeps it, so that a repeated transaction equals its first.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
