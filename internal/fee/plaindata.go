package fee

import "github.com/goccy/go-yaml/ast"

// plain gives what is written at a node as maps, lists and texts: without comments and layout, and without labels,
// which change nothing but words.
func plain(n ast.Node) any {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return plainMap(pairsOf(n))
	case *ast.SequenceNode:
		out := make([]any, len(n.Values))
		for i, value := range n.Values {
			out[i] = plain(value)
		}
		return out
	case ast.ScalarNode:
		return textOf(n)
	}
	return nil
}

// pairsOf gives the keys of a mapping and their values; a mapping of one key has another node.
func pairsOf(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

func plainMap(pairs []*ast.MappingValueNode) map[string]any {
	out := map[string]any{}
	for _, pair := range pairs {
		key, value := pair.Key.GetToken().Value, plain(pair.Value)
		if _, words := value.(map[string]any); words && key == "label" {
			continue
		}
		out[key] = value
	}
	return out
}

// textOf gives the text of a scalar, however it is written.
func textOf(n ast.ScalarNode) string {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value
	case *ast.LiteralNode:
		return n.Value.Value
	}
	return n.GetToken().Value
}
