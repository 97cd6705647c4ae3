package fee

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Schedules holds every loaded schedule. It never changes after Load and may be used by many goroutines.
type Schedules struct {
	tariffs map[string]*tariff
}

// Load reads *.yaml and parameters/*.yaml of fsys and runs the examples of every schedule. Any fault refuses the whole
// set, with file, line and reason of each fault found: a service must not go on with half of the law.
func Load(fsys fs.FS) (*Schedules, error) {
	parameters, err := loadParameters(fsys)
	if err != nil {
		return nil, err
	}
	files, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("listing the schedules: %w", err)
	}
	if len(files) == 0 {
		return nil, errors.New("there is no schedule (*.yaml) in the folder of schedules")
	}
	s := &Schedules{tariffs: map[string]*tariff{}}
	var faults []error
	for _, file := range files {
		t, err := loadTariff(fsys, file, parameters)
		switch {
		case err != nil:
			faults = append(faults, err)
		case s.tariffs[t.service] != nil:
			faults = append(faults, fmt.Errorf("%s: the service %s has a schedule already", file, t.service))
		default:
			s.tariffs[t.service] = t
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return s, nil
}

// loader reads one file and gathers its faults.
type loader struct {
	file   string
	source []byte
	tree   *ast.File
	faults []error
}

// read decodes a file strictly: unknown and repeated keys are faults, and so is what plain data does not need.
func read(fsys fs.FS, file string, into any) (_ *loader, err error) {
	// The YAML library panics on some malformed texts instead of refusing them; the text is then at fault, not we.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s:1: this is no well-formed YAML: %v", file, r)
		}
	}()
	source, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	l := &loader{file: file, source: source}
	if l.tree, err = parser.ParseBytes(source, 0); err != nil {
		return nil, l.decodeFault(err)
	}
	if len(l.tree.Docs) != 1 {
		return nil, fmt.Errorf("%s:1: a file holds exactly one YAML document, this one %d", file, len(l.tree.Docs))
	}
	ast.Walk(l, l.tree.Docs[0])
	if len(l.faults) > 0 {
		return nil, errors.Join(l.faults...)
	}
	if err := yaml.NewDecoder(bytes.NewReader(source), yaml.Strict()).Decode(into); err != nil {
		return nil, l.decodeFault(err)
	}
	return l, nil
}

// Visit refuses tags, anchors, aliases and merge keys: a schedule is read by people of the law, and what a line says
// must stand in that line.
func (l *loader) Visit(n ast.Node) ast.Visitor {
	switch n.Type() {
	case ast.TagType, ast.AnchorType, ast.AliasType, ast.MergeKeyType:
		l.faults = append(l.faults, fmt.Errorf("%s:%d: tags, anchors, aliases and merge keys are not allowed in a schedule",
			l.file, n.GetToken().Position.Line))
		return nil
	}
	return l
}

// decodeFault turns the YAML reader's error, which knows its token, into file, line and reason.
func (l *loader) decodeFault(err error) error {
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		return fmt.Errorf("%s:%d: %s", l.file, located.GetToken().Position.Line, located.GetMessage())
	}
	return fmt.Errorf("%s: %w", l.file, err)
}

// fault records what is wrong at a path within the document, such as components[0].versions[2].from.
func (l *loader) fault(at, format string, args ...any) {
	l.faults = append(l.faults, fmt.Errorf("%s:%d: %s", l.file, l.line(at), fmt.Sprintf(format, args...)))
}

func (l *loader) needIf(wrong bool, at, format string, args ...any) {
	if wrong {
		l.fault(at, format, args...)
	}
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
