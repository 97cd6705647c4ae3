package fee

import (
	"cmp"

	"github.com/goccy/go-yaml/ast"
)

// owner names the version that a line belongs to, or else the component; it is empty for what belongs to all of them.
func (l *loader) owner(line int) string {
	if l.tree == nil || len(l.tree.Docs) == 0 {
		return ""
	}
	last, name := 0, ""
	begin := func(n ast.Node, of string) {
		if start := startOf(n); start >= last && start <= line {
			last, name = start, of
		}
	}
	for _, section := range pairsOf(l.tree.Docs[0].Body) {
		begin(section, "")
		parts, _ := section.Value.(*ast.SequenceNode)
		switch key := section.Key.GetToken().Value; {
		case parts == nil:
		case key == "versions":
			beginVersions(parts, "", begin)
		case key == "components":
			for _, part := range parts.Values {
				beginComponent(part, begin)
			}
		}
	}
	return name
}

func beginComponent(n ast.Node, begin func(n ast.Node, of string)) {
	written, _ := plain(n).(map[string]any)
	id, _ := written["id"].(string)
	begin(n, "component "+id+": ")
	for _, pair := range pairsOf(n) {
		begin(pair, "component "+id+": ")
		if versions, ok := pair.Value.(*ast.SequenceNode); ok && pair.Key.GetToken().Value == "versions" {
			beginVersions(versions, " of "+id, begin)
		}
	}
}

func beginVersions(versions *ast.SequenceNode, of string, begin func(n ast.Node, of string)) {
	for _, v := range versions.Values {
		written, _ := plain(v).(map[string]any)
		name, _ := written["version"].(string)
		if both, ok := written["version"].(map[string]any); ok {
			name, _ = both["en"].(string)
		}
		begin(v, "version "+cmp.Or(name, "without a name")+of+": ")
	}
}
