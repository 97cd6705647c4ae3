package api

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// strict reads a JSON document member by member: a body of postings costs a fifth of what the standard decoder and a
// search for repeated names take, and a fault has an exact place. The text is known to be well-formed. After a fault
// everything reads as nothing.
type strict struct {
	text  []byte
	at    int
	path  []byte // JSON pointer to the value being read
	fault *Fault // the first

	postings int // read so far
}

// fail notes what is wrong with the value at the path.
func (s *strict) fail(detail string) {
	if s.fault == nil {
		s.fault = &Fault{Detail: detail, Pointer: "#" + string(s.path)}
	}
	s.at = len(s.text)
}

// next gives the first byte of what follows, 0 at the end.
func (s *strict) next() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
		default:
			return c
		}
	}
	return 0
}

// begins reports whether the value is one that begins so, and fails where it is not.
func (s *strict) begins(with byte, what string) bool {
	if s.next() != with {
		s.fail("expected " + what)
		return false
	}
	s.at++
	return true
}

// more reports whether an object or list goes on, and steps past its end.
func (s *strict) more(end byte) bool {
	c := s.next()
	if c == end {
		s.at++
	}
	return c != end && c != 0
}

// object reads the members of an object, whose names are among those given; read is told which one it stands before.
func (s *strict) object(names []string, read func(member int)) {
	if !s.begins('{', "an object") {
		return
	}
	depth, seen := len(s.path), uint32(0)
	for s.more('}') {
		member := s.member(names)
		switch {
		case member < 0:
			s.fail("there is a field that this request does not have: see /openapi.json")
		case seen&(1<<member) != 0:
			s.fail(nameRepeated)
		default:
			seen |= 1 << member
			s.path = append(append(s.path, '/'), names[member]...)
			read(member)
			s.path = s.path[:depth]
		}
	}
}

func (s *strict) member(names []string) int {
	literal := s.literal()
	for i, name := range names {
		if len(literal) == len(name)+2 && string(literal[1:len(literal)-1]) == name {
			return i
		}
	}
	return -1
}

// list reads the elements of a list, of which there are most at most.
func (s *strict) list(most int, read func(index int)) {
	if !s.begins('[', "a list") {
		return
	}
	depth := len(s.path)
	for i := 0; s.more(']'); i++ {
		if i == most {
			s.fail(fmt.Sprintf("there are %d at most: send the rest by itself", most))
			return
		}
		s.path = strconv.AppendInt(append(s.path, '/'), int64(i), 10)
		read(i)
		s.path = s.path[:depth]
	}
}

// literal gives a text with its quotes, a number or a word, and steps past it.
func (s *strict) literal() []byte {
	quoted, from := s.next() == '"', s.at
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case quoted && c == '\\':
			s.at++
		case quoted && c == '"':
			s.at++
			return s.text[from:s.at]
		case !quoted && (c == ',' || c == '}' || c == ']' || c <= ' '):
			return s.text[from:s.at]
		}
	}
	return s.text[min(from, len(s.text)):]
}

func (s *strict) string() (text string) {
	if s.next() != '"' {
		s.fail("expected string")
		return ""
	}
	literal := s.literal()
	for _, c := range literal {
		if c == '\\' || c >= 0x80 {
			_ = json.Unmarshal(literal, &text) // well-formed
			return text
		}
	}
	return string(literal[1 : len(literal)-1])
}

// integer takes no fraction and no exponent: whoever reads one as a floating-point number may read another amount.
func (s *strict) integer() int64 {
	s.next()
	n, err := strconv.ParseInt(string(s.literal()), 10, 64)
	if err != nil {
		s.fail("expected an integer in the range of int64, written without fraction or exponent")
	}
	return n
}

func (s *strict) bool() bool {
	s.next()
	word := string(s.literal())
	if word != "true" && word != "false" {
		s.fail("expected boolean")
	}
	return word == "true"
}

// texts reads an object whose names are free and whose values are texts.
func (s *strict) texts() map[string]string {
	if !s.begins('{', "an object") {
		return nil
	}
	m := make(map[string]string)
	for s.more('}') {
		name := s.string()
		if _, twice := m[name]; twice {
			s.fail(nameRepeated)
			break
		}
		s.next()
		m[name] = s.string()
	}
	return m
}
