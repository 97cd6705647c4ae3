package ledger

import (
	"fmt"
	"strings"
)

// Beancount's accounts begin with one of five roots, and their parts with a capital or a digit followed by letters,
// digits and hyphens. What a code has besides is written as a hyphen and a capital:
//
//	.  -D     _  -U     /  -S     -  itself, or -H where a small letter or digit does not follow
//
// Marks stand at the end of a part. A part of a code begins with a small letter or digit, which is made a capital,
// unless it is marked: -C it has the capital, -N it has not the N it begins with. A book begins with a capital or
// digit, unless it is marked: -L it is a small letter, -N as before. And -R after the book says that the root is not
// part of the code: the code begins with none of the five, and the root shows the normal side.

var beancountRoots = map[string]string{
	"assets": "Assets", "liabilities": "Liabilities", "equity": "Equity", "income": "Income", "expenses": "Expenses",
}

const (
	rootless    = "-R"
	keptCapital = "-C"
	keptSmall   = "-L"
	extraN      = "-N"
)

// BeancountName is how an account of a book is called in a Beancount journal: assets:bank:1 of book A01 is
// Assets:A01:Bank:1. Two accounts never share a name.
func BeancountName(book, code string, normal Side) string {
	parts := strings.Split(code, ":")
	root, known := beancountRoots[parts[0]]
	mark := ""
	if known {
		parts = parts[1:]
	} else {
		root, mark = "Assets", rootless
		if normal == Credit {
			root = "Liabilities"
		}
	}
	name := root + ":" + beancountPart(book, keptSmall) + mark
	for _, p := range parts {
		name += ":" + beancountPart(p, keptCapital)
	}
	return name
}

// beancountPart writes one part. marked is the mark of the case that is not the usual one for it.
func beancountPart(s, marked string) string {
	var out strings.Builder
	mark := ""
	switch c := s[0]; {
	case isCapital(c) && marked == keptCapital, isSmall(c) && marked == keptSmall:
		mark = marked
	case !isCapital(c) && !isSmall(c) && !isDigit(c):
		mark = extraN
		out.WriteByte('N')
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			out.WriteString("-D")
		case c == '_':
			out.WriteString("-U")
		case c == '/':
			out.WriteString("-S")
		case c == '-' && (i+1 == len(s) || !isSmall(s[i+1]) && !isDigit(s[i+1])):
			out.WriteString("-H")
		case i == 0 && isSmall(c):
			out.WriteByte(c - 'a' + 'A')
		default:
			out.WriteByte(c)
		}
	}
	return out.String() + mark
}

// ParseBeancountName gives the book and the code of an account that BeancountName named.
func ParseBeancountName(name string) (book, code string, err error) {
	parts := strings.Split(name, ":")
	if len(parts) < 2 {
		return "", "", fmt.Errorf("%s is no account of a ledger's journal: it has no book", name)
	}
	first, rootIsNoPart := strings.CutSuffix(parts[1], rootless)
	if book, err = parseBeancountPart(first, keptSmall); err != nil {
		return "", "", fmt.Errorf("%s is no account of a ledger's journal: %w", name, err)
	}
	var codes []string
	if !rootIsNoPart {
		codes = append(codes, strings.ToLower(parts[0]))
	}
	for _, p := range parts[2:] {
		code, err := parseBeancountPart(p, keptCapital)
		if err != nil {
			return "", "", fmt.Errorf("%s is no account of a ledger's journal: %w", name, err)
		}
		codes = append(codes, code)
	}
	return book, strings.Join(codes, ":"), nil
}

func parseBeancountPart(s, marked string) (string, error) {
	s, isMarked := strings.CutSuffix(s, marked)
	s, hasN := strings.CutSuffix(s, extraN)
	if s == "" {
		return "", fmt.Errorf("a part of it is empty")
	}
	switch {
	case hasN:
		s = s[1:]
	case (marked == keptCapital) != isMarked:
		s = strings.ToLower(s[:1]) + s[1:]
	}
	return beancountEscapes.Replace(s), nil
}

var beancountEscapes = strings.NewReplacer("-D", ".", "-U", "_", "-S", "/", "-H", "-")

func isCapital(c byte) bool { return c >= 'A' && c <= 'Z' }
func isSmall(c byte) bool   { return c >= 'a' && c <= 'z' }
func isDigit(c byte) bool   { return c >= '0' && c <= '9' }
