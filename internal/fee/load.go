package fee

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Schedules holds every loaded schedule. It never changes after Load and may be used by many goroutines.
type Schedules struct {
	tariffs    map[string]*tariff
	parameters map[string]*parameter
}

// Documents are the texts of schedules and parameters by their names: passport.yaml, parameters/base_salary.yaml.
type Documents map[string][]byte

// documentName is how a schedule and a parameter are called.
var documentName = regexp.MustCompile(`^(parameters/)?[a-z_][a-z0-9_]*\.yaml$`)

// ReadDocuments reads *.yaml and parameters/*.yaml of fsys.
func ReadDocuments(fsys fs.FS) (Documents, error) {
	docs := Documents{}
	for _, pattern := range []string{"*.yaml", "parameters/*.yaml"} {
		names, err := fs.Glob(fsys, pattern)
		if err != nil {
			return nil, fmt.Errorf("listing the schedules: %w", err)
		}
		for _, name := range names {
			if docs[name], err = fs.ReadFile(fsys, name); err != nil {
				return nil, fmt.Errorf("reading %s: %w", name, err)
			}
		}
	}
	return docs, nil
}

// Load reads and compiles the documents of a folder.
func Load(fsys fs.FS) (*Schedules, error) {
	docs, err := ReadDocuments(fsys)
	if err != nil {
		return nil, err
	}
	return Compile(docs)
}

// Compile makes schedules of documents and runs the examples of each. Any fault refuses the whole set, with file, line,
// version and reason of each fault found: a service must not go on with half of the law.
func Compile(docs Documents) (*Schedules, error) { return compile(docs, false) }

// Read makes schedules of documents that were accepted before, maybe by an older program with milder rules. It runs no
// examples and asks for nothing that no amount depends on; what it cannot work out an amount from is a fault as ever.
func Read(docs Documents) (*Schedules, error) { return compile(docs, true) }

func compile(docs Documents, accepted bool) (*Schedules, error) {
	var files, shared []string
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		switch {
		case !documentName.MatchString(name):
			faults = append(faults, fmt.Errorf("%q:1: a document is called <service>.yaml or parameters/<name>.yaml", name))
		case strings.HasPrefix(name, "parameters/"):
			shared = append(shared, name)
		default:
			files = append(files, name)
		}
	}
	if len(files) == 0 {
		faults = append(faults, errors.New("there is no schedule (<service>.yaml) among the documents"))
	}
	parameters, err := compileParameters(docs, shared, accepted)
	if err := errors.Join(append(faults, err)...); err != nil {
		return nil, err
	}
	s := &Schedules{tariffs: map[string]*tariff{}, parameters: parameters}
	for _, file := range files {
		t, err := compileTariff(file, docs[file], parameters, accepted)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		s.tariffs[t.service] = t
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	return s, nil
}

// loader reads one file and gathers its faults.
type loader struct {
	file     string
	source   []byte
	accepted bool // it was accepted before: see wantIf
	tree     *ast.File
	plain    map[string]any // the document as maps, lists and texts, without labels
	faults   []error
}

// read decodes a document strictly: unknown and repeated keys are faults, and so is what plain data does not need.
func read(file string, source []byte, into any) (_ *loader, err error) {
	// The YAML library panics on some malformed texts instead of refusing them; the text is then at fault, not we.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s:1: this is no well-formed YAML: %v", file, r)
		}
	}()
	l := &loader{file: file, source: source}
	if l.tree, err = parser.ParseBytes(source, 0); err != nil {
		return nil, l.syntaxFault(err)
	}
	if len(l.tree.Docs) != 1 {
		return nil, fmt.Errorf("%s:1: a file holds exactly one YAML document, this one %d", file, len(l.tree.Docs))
	}
	body := l.tree.Docs[0].Body
	if body == nil || body.Type() == ast.CommentType {
		return nil, fmt.Errorf("%s:1: the document is empty", file)
	}
	ast.Walk(l, body)
	if len(l.faults) > 0 {
		return nil, errors.Join(l.faults...)
	}
	if err := yaml.NewDecoder(bytes.NewReader(nil), yaml.Strict()).DecodeFromNode(body, into); err != nil {
		return nil, l.decodeFault(err)
	}
	l.plain, _ = plain(body).(map[string]any)
	return l, nil
}

// Visit refuses tags, anchors, aliases and merge keys: a schedule is read by people of the law, and what a line says
// must stand in that line.
func (l *loader) Visit(n ast.Node) ast.Visitor {
	switch n.Type() {
	case ast.TagType, ast.AnchorType, ast.AliasType, ast.MergeKeyType:
		l.faults = append(l.faults, l.faultAt(n.GetToken().Position.Line, "tags, anchors, aliases and merge keys are not allowed in a schedule"))
		return nil
	}
	return l
}

// hash is the SHA-256 over the files in the order of their names, each preceded by its name and length, so that no
// two different sets of files can give the same text to hash.
func hash(files map[string][]byte) string {
	sum := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(sum, "%s\n%d\n", name, len(files[name]))
		sum.Write(files[name])
	}
	return hex.EncodeToString(sum.Sum(nil))
}
