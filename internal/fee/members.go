package fee

import (
	"bytes"
	"encoding/json"
)

// members walks over the members of a JSON object that was found to be valid; rest begins after its opening brace.
// Unlike a map it shows a key that comes twice, and unlike the decoder's tokens it makes nothing but the keys.
type members struct {
	rest  []byte
	key   string
	value json.RawMessage
}

// next goes to the next member and reports whether there is one.
func (m *members) next() bool {
	m.rest = bytes.TrimLeft(m.rest, " \t\r\n,")
	if m.rest[0] == '}' {
		return false
	}
	end := textEnd(m.rest)
	key, err := unquote(m.rest[:end])
	if err != nil {
		key = "" // no input has this name: it is refused as unknown
	}
	m.key = key
	m.rest = bytes.TrimLeft(m.rest[end:], " \t\r\n:")
	end = valueEnd(m.rest)
	m.value, m.rest = json.RawMessage(m.rest[:end]), m.rest[end:]
	return true
}

// textEnd gives the length of the JSON string that b begins with.
func textEnd(b []byte) int {
	for i := 1; ; i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// valueEnd gives the length of the JSON value that b begins with.
func valueEnd(b []byte) int {
	for i, depth := 0, 0; ; i++ {
		switch b[i] {
		case '"':
			i += textEnd(b[i:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // of the object around it
			}
			depth--
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
}

// unquote gives the text of a JSON string.
func unquote(raw []byte) (string, error) {
	if bytes.IndexByte(raw, '\\') < 0 && isASCII(raw) {
		return string(raw[1 : len(raw)-1]), nil
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
