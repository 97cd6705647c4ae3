package statement

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/unicode"
)

// limits keep a hostile file from using up the machine. encoding/xml itself has none of these.
type limits struct {
	bytes int64 // of the file
	token int64 // of one tag or text
	depth int   // of nesting
}

// fileLimits allow a statement of some million entries.
var fileLimits = limits{bytes: 4 << 30, token: 1 << 20, depth: 64}

// meter counts what is read and fails past a limit.
type meter struct {
	in       io.Reader
	limits   limits
	total    int64
	ofToken  int64
	exceeded error
}

func (m *meter) Read(p []byte) (int, error) {
	if m.exceeded != nil {
		return 0, m.exceeded
	}
	n, err := m.in.Read(p)
	m.total += int64(n)
	m.ofToken += int64(n)
	switch {
	case m.total > m.limits.bytes:
		m.exceeded = fmt.Errorf("%w: over %d bytes", ErrTooLarge, m.limits.bytes)
	case m.ofToken > m.limits.token+readAhead:
		m.exceeded = fmt.Errorf("%w: one element over %d bytes", ErrTooLarge, m.limits.token)
	}
	if m.exceeded != nil {
		return 0, m.exceeded
	}
	return n, err
}

// readAhead is how far the buffers in front of the parser run before it.
const readAhead = 256 << 10

// guard hands tokens on and refuses what encoding/xml would let pass: a document type, deep nesting, anything but
// white space and comments after the root.
type guard struct {
	raw    *xml.Decoder
	meter  *meter
	depth  int
	closed bool // the root has ended
}

// newReader gives a decoder whose tokens have passed the guard.
func newReader(r io.Reader, l limits) (*xml.Decoder, *guard, error) {
	m := &meter{in: r, limits: l}
	in := bufio.NewReaderSize(m, 64<<10)
	text, converted, err := asUTF8(in)
	if err != nil {
		return nil, nil, err
	}
	g := &guard{raw: xml.NewDecoder(text), meter: m}
	g.raw.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		switch strings.ToLower(label) {
		case "utf-16", "utf-16le", "utf-16be":
			if converted { // by its byte order mark, before the declaration was read
				return in, nil
			}
		case "us-ascii":
			return in, nil
		}
		return nil, fmt.Errorf("encoding %q is not read here: ask the bank for UTF-8", label)
	}
	return xml.NewTokenDecoder(g), g, nil
}

// asUTF8 converts UTF-16 with a byte order mark, and says so; it drops the mark of UTF-8. UTF-16 without one is refused.
func asUTF8(in *bufio.Reader) (text io.Reader, converted bool, err error) {
	head, err := in.Peek(4)
	switch {
	case len(head) == 0 && err != nil && !errors.Is(err, io.EOF):
		return nil, false, err
	case len(head) == 0:
		return nil, false, fmt.Errorf("%w: it is empty", ErrMalformed)
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		_, err := in.Discard(3)
		return in, false, err
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}), bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM).NewDecoder().Reader(in), true, nil
	case bytes.IndexByte(head, 0) >= 0:
		return nil, false, fmt.Errorf("%w: UTF-16 or UTF-32 without a byte order mark: ask the bank for UTF-8", ErrMalformed)
	}
	return in, false, nil
}

// Token gives the next raw token; it is what the outer decoder reads from.
func (g *guard) Token() (xml.Token, error) {
	t, err := g.raw.RawToken()
	g.meter.ofToken = 0
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case xml.StartElement:
		if g.closed {
			return nil, errors.New("content after the end of the document")
		}
		if g.depth++; g.depth > g.meter.limits.depth {
			return nil, fmt.Errorf("%w: nested deeper than %d", ErrTooLarge, g.meter.limits.depth)
		}
	case xml.EndElement:
		g.depth--
		g.closed = g.depth <= 0
	case xml.CharData:
		if g.depth == 0 && len(bytes.TrimSpace(t)) > 0 {
			return nil, errors.New("text outside the document")
		}
	case xml.Directive:
		return nil, errors.New("a document type is not allowed")
	case xml.ProcInst:
		if g.closed {
			return nil, errors.New("content after the end of the document")
		}
	}
	return t, nil
}

// fault says where in the file reading failed. Of two errors the limit is the cause.
func (g *guard) fault(err error) error {
	line, _ := g.raw.InputPos()
	if g.meter.exceeded != nil {
		err = g.meter.exceeded
	}
	for _, known := range []error{ErrTooLarge, ErrAmount, ErrVersion, ErrMalformed} {
		if errors.Is(err, known) {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
	return fmt.Errorf("line %d: %w: %w", line, ErrMalformed, err)
}
