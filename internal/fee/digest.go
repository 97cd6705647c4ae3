package fee

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// passage is a part of a document, written in one way, with the declared inputs and parameters that it names.
type passage struct {
	text  string
	names []string
}

// declaration is an input or a parameter in use.
type declaration struct {
	key string // section and name
	passage
}

var nameInText = regexp.MustCompile(`[a-z_][a-z0-9_]*`)

// passage reads each part of a document for names once. A word that only looks like a name does no harm.
func (l *loader) passage(written any) passage {
	return l.naming(canonical(written))
}

func (l *loader) naming(text string) passage {
	p := passage{text: text}
	seen := map[string]bool{}
	for _, word := range nameInText.FindAllString(text, -1) {
		if l.declarations()[word] != nil && !seen[word] {
			p.names, seen[word] = append(p.names, word), true
		}
	}
	return p
}

// declarations are the inputs and parameters by their names.
func (l *loader) declarations() map[string]*declaration {
	if l.declared != nil {
		return l.declared
	}
	l.declared = map[string]*declaration{}
	for _, section := range []string{"inputs", "parameters"} {
		for _, one := range list(l.plain[section]) {
			written, _ := one.(map[string]any)
			name := fmt.Sprint(written["name"])
			l.declared[name] = &declaration{section + name, passage{text: canonical(written)}}
		}
	}
	for _, d := range l.declared { // they may name further ones
		d.passage = l.naming(d.text)
	}
	return l.declared
}

// digests are those of a component's versions; of one that follows a parameter, the one of all.
func (l *loader) digests(written any) []string {
	component, _ := written.(map[string]any)
	header := maps.Clone(component)
	delete(header, "versions")
	charge := l.passage(header)
	var out []string
	for _, version := range list(component["versions"]) {
		out = append(out, l.digest(charge, l.passage(undated(version))))
	}
	if len(out) == 0 {
		out = append(out, l.digest(charge))
	}
	return out
}

// digest is that of passages and of the inputs and parameters they name, which stand elsewhere in the document: another
// default of an input is another amount.
func (l *loader) digest(passages ...passage) string {
	named := map[string]string{}
	var texts, names []string
	for _, p := range passages {
		texts, names = append(texts, p.text), append(names, p.names...)
	}
	for len(names) > 0 {
		d := l.declared[names[0]]
		names = names[1:]
		if _, known := named[d.key]; !known {
			named[d.key] = d.text
			names = append(names, d.names...)
		}
	}
	sum := sha256.Sum256([]byte("[" + strings.Join(texts, ",") + "]" + canonical(named)))
	return hex.EncodeToString(sum[:])
}

// canonical writes plain data in one way.
func canonical(written any) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(written) // of maps, lists and texts: it cannot fail
	return strings.TrimSuffix(out.String(), "\n")
}
