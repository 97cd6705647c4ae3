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
// version and reason of the first faults found, a line each: a service must not go on with half of the law. The work is
// bounded by the size of the documents, whatever they say.
func Compile(docs Documents) (*Schedules, error) { return compile(docs, false) }

// Read makes schedules of documents that were accepted before, maybe by an older program with milder rules. It runs no
// examples and asks for nothing that no amount depends on; what it cannot work out an amount from is a fault as ever.
func Read(docs Documents) (*Schedules, error) { return compile(docs, true) }

func compile(docs Documents, accepted bool) (*Schedules, error) {
	var files, shared []string
	var faults faults
	size := 0
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		size += len(docs[name])
		switch {
		case !documentName.MatchString(name):
			faults.add(fmt.Errorf("%.80q:1: a document is called <service>.yaml or parameters/<name>.yaml", name))
		case strings.HasPrefix(name, "parameters/"):
			shared = append(shared, name)
		default:
			files = append(files, name)
		}
	}
	if size > maxDocuments && !accepted {
		faults.add(fmt.Errorf("the documents have %d bytes together, at most %d are read", size, maxDocuments))
		return nil, &faults
	}
	if len(files) == 0 {
		faults.add(errors.New("there is no schedule (<service>.yaml) among the documents"))
	}
	parameters := compileParameters(docs, shared, accepted, &faults)
	if faults.any() {
		return nil, &faults
	}
	s := &Schedules{tariffs: map[string]*tariff{}, parameters: parameters}
	for _, file := range files {
		if faults.full() {
			break
		}
		t, err := compileTariff(file, docs[file], parameters, accepted)
		if err != nil {
			faults.add(err)
			continue
		}
		s.tariffs[t.service] = t
	}
	if faults.any() {
		return nil, &faults
	}
	return s, nil
}

// loader reads one file and gathers its faults.
type loader struct {
	file     string
	source   []byte
	accepted bool // it was accepted before: see wantIf
	tree     *ast.File
	places   *places // of the tree
	faults   faults

	plain    map[string]any // the document as maps, lists and texts, without labels
	declared map[string]*declaration
}

// read decodes a document strictly: unknown and repeated keys are faults, and so is what plain data does not need.
func read(file string, source []byte, accepted bool, into any) (_ *loader, err error) {
	// The YAML library panics on some malformed texts instead of refusing them; the text is then at fault, not we.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s:1: this is no well-formed YAML: %v", file, r)
		}
	}()
	l := &loader{file: file, source: source, accepted: accepted}
	if l.tree, err = l.parse(source); err != nil {
		return nil, l.syntaxFault(err)
	}
	if len(l.tree.Docs) != 1 {
		return nil, fmt.Errorf("%s:1: a file holds exactly one YAML document, this one %d", file, len(l.tree.Docs))
	}
	body := l.tree.Docs[0].Body
	if body == nil || body.Type() == ast.CommentType {
		return nil, fmt.Errorf("%s:1: the document is empty", file)
	}
	if err := yaml.NewDecoder(bytes.NewReader(nil), yaml.Strict()).DecodeFromNode(body, into); err != nil {
		return nil, l.decodeFault(err)
	}
	l.plain, _ = plain(body).(map[string]any)
	return l, nil
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
