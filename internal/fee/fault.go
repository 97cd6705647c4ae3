package fee

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

const (
	maxFaults = 50  // of one set of documents that are told; of the others not all are looked for
	maxReason = 800 // bytes that are told of one
)

// faults are what is wrong with documents, as an error of a line each.
type faults struct {
	told []error
	more int
}

// add takes a fault, or several, as long as there is room for them.
func (f *faults) add(err error) {
	if several, ok := errors.AsType[*faults](err); ok {
		for _, one := range several.told {
			f.add(one)
		}
		f.more += several.more
		return
	}
	if f.full() {
		f.more++
		return
	}
	f.told = append(f.told, err)
}

func (f *faults) full() bool { return len(f.told) == maxFaults }

func (f *faults) any() bool { return len(f.told) > 0 }

// err is nil where there is no fault.
func (f *faults) err() error {
	if !f.any() {
		return nil
	}
	return f
}

// Error gives a line to each fault.
func (f *faults) Error() string {
	text := errors.Join(f.told...).Error()
	if f.more > 0 {
		text += fmt.Sprintf("\nand at least %d more faults", f.more)
	}
	return text
}

// fault records what is wrong at a path within the document, such as components[0].versions[2].from.
func (l *loader) fault(at, format string, args ...any) {
	if l.faults.full() {
		l.faults.more++
		return
	}
	l.faults.add(l.faultAt(l.where().line(at), fmt.Sprintf(format, args...)))
}

func (l *loader) needIf(wrong bool, at, format string, args ...any) {
	if wrong {
		l.fault(at, format, args...)
	}
}

// wantIf is needIf for what no amount depends on: words for people, marks, examples. What is published keeps its quotes
// when such a rule becomes stricter, so a new rule belongs here unless amounts would be wrong without it.
func (l *loader) wantIf(wrong bool, at, format string, args ...any) {
	l.needIf(wrong && !l.accepted, at, format, args...)
}

// where gives the lines of the document.
func (l *loader) where() *places {
	if l.places == nil {
		l.places = placesOf(l.tree)
	}
	return l.places
}

// faultAt names file, line and reason, in one line, and the version that the line belongs to: people of the law look for
// that.
func (l *loader) faultAt(line int, reason string) error {
	reason = strings.Join(strings.Fields(l.where().owner(line)+reason), " ")
	if len(reason) > maxReason {
		reason = strings.ToValidUTF8(reason[:maxReason], "") + " …"
	}
	return fmt.Errorf("%s:%d: %s", l.file, line, reason)
}

// misplaced is a text that cannot be read as what belongs there, and its line.
type misplaced struct {
	line   int
	reason string
}

// Error gives the reason.
func (m misplaced) Error() string { return m.reason }

func misplacedAt(n ast.Node, format string, args ...any) error {
	return misplaced{n.GetToken().Position.Line, fmt.Sprintf(format, args...)}
}

// located turns the YAML reader's error, which knows its token, into line and reason. Its own text is not taken: that
// prints the lines around the fault, at a cost that grows with the square of their length.
func located(err error) misplaced {
	if m, ok := errors.AsType[misplaced](err); ok {
		return m
	}
	at, ok := errors.AsType[yaml.Error](err)
	if !ok || at.GetToken() == nil {
		return misplaced{1, err.Error()}
	}
	reason := at.GetMessage()
	if e, ok := errors.AsType[*yaml.TypeError](err); ok {
		reason = needed[e.DstType.Kind()] + " is needed here"
	}
	if e, ok := errors.AsType[*yaml.OverflowError](err); ok {
		reason = "the number " + e.SrcNum + " is too large"
	}
	return misplaced{at.GetToken().Position.Line, reason}
}

func (l *loader) decodeFault(err error) error {
	m := located(err)
	return l.faultAt(m.line, m.reason)
}

// needed is how people call the types that a document's values can have.
var needed = map[reflect.Kind]string{reflect.String: "a text", reflect.Int: "a whole number", reflect.Int32: "a whole number",
	reflect.Bool: "true or false", reflect.Slice: "a list", reflect.Map: "a list of keys and values", reflect.Struct: "a list of keys and values",
	reflect.Pointer: "a list of keys and values"}

// syntaxFault is for a text that is no YAML, or not of the shape of a schedule. The part before the fault, up to where it
// is, tells the version.
func (l *loader) syntaxFault(err error) error {
	m := located(err)
	lines := bytes.SplitAfter(l.source, []byte("\n"))
	for n := min(m.line, len(lines)) - 1; n > 0 && n > m.line-8; n-- {
		if tree, err := l.parse(bytes.Join(lines[:n], nil)); err == nil {
			l.tree = tree
			break
		}
	}
	return l.faultAt(m.line, m.reason)
}
