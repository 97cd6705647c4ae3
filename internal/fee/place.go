package fee

import (
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// places are the lines of a document, read once: a bad document has many faults.
type places struct {
	lines  map[string]int // of each path, such as components[0].versions[2].from
	owners []ownership    // in the order of their lines
}

func placesOf(tree *ast.File) *places {
	p := &places{lines: map[string]int{}}
	if tree != nil && len(tree.Docs) > 0 {
		p.note("", tree.Docs[0].Body)
		p.owners = ownersIn(tree.Docs[0].Body)
	}
	return p
}

// note writes down where a node stands, and what is in it.
func (p *places) note(at string, n ast.Node) {
	if n == nil {
		return
	}
	p.lines[at] = startOf(n)
	for _, pair := range pairsOf(n) {
		p.note(strings.TrimPrefix(at+"."+pair.Key.GetToken().Value, "."), pair.Value)
	}
	if list, ok := n.(*ast.SequenceNode); ok {
		for i, value := range list.Values {
			p.note(at+"["+strconv.Itoa(i)+"]", value)
		}
	}
}

// line finds the line of a path, or of the nearest thing above it that is written in the file.
func (p *places) line(at string) int {
	for at != "" {
		if line, ok := p.lines[at]; ok {
			return line
		}
		at = at[:max(strings.LastIndexAny(at, ".["), 0)]
	}
	return 1
}

// owner names the version that a line belongs to, or else the component; it is empty for what belongs to all of them.
func (p *places) owner(line int) string {
	next, _ := slices.BinarySearchFunc(p.owners, line+1, func(o ownership, line int) int { return o.from - line })
	if next == 0 {
		return ""
	}
	return p.owners[next-1].name
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
