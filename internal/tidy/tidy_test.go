// Package tidy owns the rules of the house that a compiler does not know: who may import whom, what is documented, how
// long a file may be, what may not stand near money.
//
// It guarantees that each rule is checked on the whole tree, and that each check was seen to fail on a bad example. It
// holds tests only.
package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the repository's folder as seen from this package.
const root = "../.."

// source is one file of the tree.
type source struct {
	path string // from the root, with slashes
	text string
	fset *token.FileSet
	ast  *ast.File // nil unless the file is Go
}

func (s source) dir() string     { return path.Dir(s.path) }
func (s source) isGo() bool      { return s.ast != nil }
func (s source) isTest() bool    { return strings.HasSuffix(s.path, "_test.go") }
func (s source) isSQL() bool     { return strings.HasSuffix(s.path, ".sql") }
func (s source) isCode() bool    { return s.isGo() && !s.isTest() && !s.generated() }
func (s source) generated() bool { return s.isGo() && ast.IsGenerated(s.ast) }

// under reports whether the file stands in one of the folders or below.
func (s source) under(dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return within(s.dir(), d) })
}

func within(dir, parent string) bool { return dir == parent || strings.HasPrefix(dir, parent+"/") }

// line gives where a node stands, as path:line.
func (s source) at(n ast.Node) string {
	p := s.fset.Position(n.Pos())
	p.Filename, p.Column = s.path, 0
	return p.String()
}

// check is one rule: it answers one line for each place that breaks it.
type check func(tree []source) []string

// rules are all checks, each with a small tree that breaks it and how often it must find fault there.
func rules() map[string]rule {
	return map[string]rule{
		"imports point towards money":             {importDirections, badImports, 13},
		"one package owns a library":              {libraryOwners, badLibraries, 2},
		"one package writes a table":              {tableWriters, badWriters, 1},
		"packages are documented":                 {packageComments, badPackageComments, 2},
		"exported identifiers are documented":     {exportedComments, badExportedComments, 6},
		"no float near money":                     {noFloats, badFloats, 4},
		"public signatures use no internal type":  {publicSignatures, badSignatures, 7},
		"sizes":                                   {sizes, badSizes, 3},
		"business code is given the time":         {clocks, badClocks, 3},
		"statements are given the time":           {sqlClocks, badSQLClocks, 3},
		"columns are enumerated":                  {enumeratedColumns, badColumns, 2},
		"constraints are named":                   {namedConstraints, badConstraints, 2},
		"keys of tables with money begin by book": {bookFirst, badKeys, 2},
		"the project speaks of itself alone":      {ownWords, badWords, 5},
		"package names say what is in them":       {packageNames, badPackageNames, 2},
	}
}

type rule struct {
	check  check
	bad    map[string]string
	faults int
}

func TestTree(t *testing.T) {
	tree := load(t)
	for name, r := range rules() {
		t.Run(name, func(t *testing.T) {
			for _, fault := range r.check(tree) {
				t.Error(fault)
			}
		})
	}
}

func TestEachRuleCanFail(t *testing.T) {
	for name, r := range rules() {
		t.Run(name, func(t *testing.T) {
			var tree []source
			for name, text := range r.bad {
				tree = append(tree, parse(t, name, text))
			}
			if faults := r.check(tree); len(faults) != r.faults {
				t.Errorf("found %d faults in the bad example, want %d:\n%s", len(faults), r.faults, strings.Join(faults, "\n"))
			}
		})
	}
}

// load reads every file that people write.
func load(t *testing.T) []source {
	t.Helper()
	var tree []source
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if slices.Contains([]string{".git", "bin"}, rel) || d.Name() == "testdata" || d.Name() == "vendored" {
				return filepath.SkipDir
			}
			return nil
		}
		if !written(rel) {
			return nil
		}
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		tree = append(tree, parse(t, rel, string(text)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// written reports whether the file is text that people write here.
func written(rel string) bool {
	return slices.Contains([]string{".go", ".sql", ".md", ".yaml", ".templ", ".csv"}, path.Ext(rel)) ||
		strings.HasPrefix(rel, ".ci/") || path.Base(rel) == "Makefile" || path.Base(rel) == "go.mod"
}

func parse(t *testing.T, name, text string) source {
	t.Helper()
	s := source{path: name, text: text, fset: token.NewFileSet()}
	if strings.HasSuffix(name, ".go") {
		var err error
		if s.ast, err = parser.ParseFile(s.fset, name, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
	}
	return s
}
