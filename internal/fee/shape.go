package fee

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The shape of a document is bounded before the YAML parser sees it, because that one's time grows with the square of
// the nesting, of the keys in a mapping and of the documents in a text. The law on file needs
// a third of each at most.
const (
	maxDocuments = 2 << 20   // bytes, of all together
	maxDocument  = 256 << 10 // bytes
	maxNesting   = 64
	maxKeys      = 200 // of one mapping
	maxInputs    = 200
	maxText      = 8 << 10 // bytes
)

// parse makes the tree of a text whose shape is that of a schedule. One that was
// accepted before only has to be YAML.
func (l *loader) parse(source []byte) (*ast.File, error) {
	if l.accepted {
		return parser.ParseBytes(source, 0)
	}
	if len(source) > maxDocument {
		return nil, misplaced{1, fmt.Sprintf("the document has %d bytes, at most %d are read", len(source), maxDocument)}
	}
	tokens := lexer.Tokenize(string(source))
	var s shape
	for _, t := range tokens {
		if reason := s.next(t); reason != "" {
			return nil, misplaced{t.Position.Line, reason}
		}
	}
	return parser.Parse(tokens, 0)
}

// shape is what was seen of a text up to a token.
type shape struct {
	headers  int
	brackets []level // the open ones, with their lines
	blocks   []level // written by indentation, with their columns
}

// level is a mapping or a list.
type level struct{ at, keys int }

// next takes the next token and says what is wrong with it.
func (s *shape) next(t *token.Token) string {
	switch t.Type {
	case token.TagType, token.AnchorType, token.AliasType, token.MergeKeyType:
		// A schedule is read by people of the law, and what a line says must stand in that line.
		return "tags, anchors, aliases and merge keys are not allowed in a schedule"
	case token.MappingKeyType:
		return "a key is written before a colon, without `?`"
	case token.DocumentHeaderType:
		if s.headers++; s.headers > 1 {
			return "a file holds exactly one YAML document"
		}
	case token.StringType, token.SingleQuoteType, token.DoubleQuoteType:
		return misread(t)
	case token.SequenceStartType, token.MappingStartType:
		s.brackets = append(s.brackets, level{at: t.Position.Line})
	case token.SequenceEndType, token.MappingEndType:
		if len(s.brackets) == 0 {
			return fmt.Sprintf("%s closes nothing", t.Value)
		}
		s.brackets = s.brackets[:len(s.brackets)-1]
	case token.SequenceEntryType:
		if n := len(s.brackets); n > 0 {
			return fmt.Sprintf("a dash stands within the bracket of line %d, which is not closed before it", s.brackets[n-1].at)
		}
		s.enter(t.Position.Column, 0)
	case token.MappingValueType:
		if n := len(s.brackets); n > 0 {
			s.brackets[n-1].keys++
		} else if t.Prev != nil {
			s.enter(t.Prev.Position.Column, 1)
		}
	}
	if len(s.brackets)+len(s.blocks) > maxNesting {
		return fmt.Sprintf("it is nested deeper than %d levels", maxNesting)
	}
	if crowded(s.brackets) || crowded(s.blocks) {
		return fmt.Sprintf("a mapping has more than %d keys", maxKeys)
	}
	return ""
}

func crowded(levels []level) bool {
	return len(levels) > 0 && levels[len(levels)-1].keys > maxKeys
}

// enter goes to the block that begins at a column, out of those that stand to the right of it.
func (s *shape) enter(column, keys int) {
	for len(s.blocks) > 0 && s.blocks[len(s.blocks)-1].at > column {
		s.blocks = s.blocks[:len(s.blocks)-1]
	}
	if n := len(s.blocks); n > 0 && s.blocks[n-1].at == column {
		s.blocks[n-1].keys += keys
		return
	}
	s.blocks = append(s.blocks, level{column, keys})
}

// misread says why a text cannot be what its author meant. The lexer takes a bracket too many for a part of the text
// before it, and a name would then end in it.
func misread(t *token.Token) string {
	if strings.ContainsFunc(t.Value, func(r rune) bool { return unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) }) {
		return fmt.Sprintf("%.80q holds a line break or another character that cannot be seen", t.Value)
	}
	if len(t.Value) > maxText {
		return fmt.Sprintf("%.80q… has %d bytes, a text has at most %d", t.Value, len(t.Value), maxText)
	}
	if t.Type == token.StringType && !balanced(t.Value) {
		return fmt.Sprintf("%.80q has a bracket too many or too few: a text that is meant so stands in quotes", t.Value)
	}
	return ""
}

// balanced reports whether square and curly brackets are closed in the order in which they were opened.
func balanced(text string) bool {
	var open []rune
	for _, r := range text {
		switch r {
		case '[':
			open = append(open, ']')
		case '{':
			open = append(open, '}')
		case ']', '}':
			if len(open) == 0 || open[len(open)-1] != r {
				return false
			}
			open = open[:len(open)-1]
		}
	}
	return len(open) == 0
}
