package fee

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// fault records what is wrong at a path within the document, such as components[0].versions[2].from.
func (l *loader) fault(at, format string, args ...any) {
	l.faults = append(l.faults, l.faultAt(l.line(at), fmt.Sprintf(format, args...)))
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

// faultAt names file, line and reason, in one line, and the version that the line belongs to: people of the law look for
// that.
func (l *loader) faultAt(line int, reason string) error {
	return fmt.Errorf("%s:%d: %s", l.file, line, strings.Join(strings.Fields(l.owner(line)+reason), " "))
}

// line finds the line of a path, or of the nearest thing above it that is written in the file.
func (l *loader) line(at string) int {
	for at != "" {
		if p, err := yaml.PathString("$." + at); err == nil {
			if node, err := p.FilterFile(l.tree); err == nil && node != nil {
				return startOf(node)
			}
		}
		at = at[:max(strings.LastIndexAny(at, ".["), 0)]
	}
	return 1
}

// startOf gives the line of a node; that of a mapping is the line of its first key, not of its first colon.
func startOf(node ast.Node) int {
	switch n := node.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			return n.Values[0].Key.GetToken().Position.Line
		}
	case *ast.MappingValueNode:
		return n.Key.GetToken().Position.Line
	}
	return node.GetToken().Position.Line
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

// decodeFault turns the YAML reader's error, which knows its token, into file, line and reason.
func (l *loader) decodeFault(err error) error {
	if m, ok := errors.AsType[misplaced](err); ok {
		return l.faultAt(m.line, m.reason)
	}
	located, ok := errors.AsType[yaml.Error](err)
	if !ok || located.GetToken() == nil {
		return l.faultAt(1, err.Error())
	}
	reason := located.GetMessage()
	if e, ok := errors.AsType[*yaml.TypeError](err); ok {
		reason = needed[e.DstType.Kind()] + " is needed here"
	}
	if e, ok := errors.AsType[*yaml.OverflowError](err); ok {
		reason = "the number " + e.SrcNum + " is too large"
	}
	return l.faultAt(located.GetToken().Position.Line, reason)
}

// needed is how people call the types that a document's values can have.
var needed = map[reflect.Kind]string{reflect.String: "a text", reflect.Int: "a whole number", reflect.Int32: "a whole number",
	reflect.Bool: "true or false", reflect.Slice: "a list", reflect.Map: "a list of keys and values", reflect.Struct: "a list of keys and values",
	reflect.Pointer: "a list of keys and values"}

// syntaxFault is for a text that is no YAML. The part before the fault, up to where it is, tells the version.
func (l *loader) syntaxFault(err error) error {
	if located, ok := errors.AsType[yaml.Error](err); ok && located.GetToken() != nil {
		lines := bytes.SplitAfter(l.source, []byte("\n"))
		for n := min(located.GetToken().Position.Line, len(lines)) - 1; n > 0 && n > located.GetToken().Position.Line-8; n-- {
			if tree, err := parser.ParseBytes(bytes.Join(lines[:n], nil), 0); err == nil {
				l.tree = tree
				break
			}
		}
	}
	return l.decodeFault(err)
}
