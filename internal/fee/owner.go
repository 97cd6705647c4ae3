package fee

import (
	"cmp"
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// ownership is what lines belong to, from one on until the next ownership begins.
type ownership struct {
	from int
	name string
}

// ownersIn lists the versions and components of a document in the order of their lines, each with the name that a fault
// begins with.
func ownersIn(body ast.Node) []ownership {
	var out []ownership
	begin := func(n ast.Node, of string) { out = append(out, ownership{startOf(n), of}) }
	for _, section := range pairsOf(body) {
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
	slices.SortStableFunc(out, func(a, b ownership) int { return cmp.Compare(a.from, b.from) })
	return out
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
