package fee

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// HeadChange is something that a document says of all its days, and what it says instead; one of both is empty where only
// the other document says it.
type HeadChange struct{ What, Was, Is string }

// CompareHeads tells two texts of a schedule or parameter apart by what they say outside of their dated versions: whom the
// service is owed to, how long a quote holds, each input, parameter in use and check, the order of the components that both
// have. Names, labels, examples and comments change nothing but words. A text that cannot be read says nothing.
func CompareHeads(name string, was, is []byte) []HeadChange {
	old, oldOrder := head(name, was, true)
	now, order := head(name, is, false)
	if before, after := inBoth(oldOrder, order), inBoth(order, oldOrder); before != after {
		old["order of the components"], now["order of the components"] = before, after
	}
	all := maps.Clone(old)
	maps.Copy(all, now)
	var out []HeadChange
	for _, what := range slices.Sorted(maps.Keys(all)) {
		if old[what] != now[what] {
			out = append(out, HeadChange{what, old[what], now[what]})
		}
	}
	return out
}

// head gives what a text says outside of its versions, and the components in their order.
func head(name string, text []byte, accepted bool) (says map[string]string, components []string) {
	says = map[string]string{}
	var anything any
	l, err := read(name, text, accepted, &anything)
	if err != nil {
		return says, nil
	}
	for key, value := range l.plain {
		switch key {
		case "name", "examples", "versions":
		case "components":
			for _, one := range list(value) {
				components = append(components, nameOf(one, "id"))
			}
		case "inputs", "parameters":
			for _, one := range list(value) {
				says[strings.TrimSuffix(key, "s")+" "+nameOf(one, "name")] = canonical(one)
			}
		case "checks":
			for i, one := range list(value) {
				says[fmt.Sprintf("check %d", i+1)] = canonical(one)
			}
		default:
			says[key] = written(value)
		}
	}
	return says, components
}

func nameOf(one any, key string) string {
	declared, _ := one.(map[string]any)
	name, _ := declared[key].(string)
	return name
}

// written is a text as it is, and anything else in one way.
func written(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	return canonical(value)
}

// inBoth lists those of some names that are among others too.
func inBoth(names, others []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !slices.Contains(others, n) }), ", ")
}
