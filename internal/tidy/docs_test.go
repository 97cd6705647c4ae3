package tidy

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"sort"
	"strings"
)

// packageComments: every package says what it owns, in a comment that begins as Go's tools expect.
func packageComments(tree []source) []string {
	said := map[string]bool{}
	for _, s := range tree {
		// A folder of tests may speak in a test file; any other must speak where its code is.
		if s.isGo() && !strings.HasSuffix(s.ast.Name.Name, "_test") {
			good := s.ast.Doc != nil && (strings.HasPrefix(s.ast.Doc.Text(), "Package "+s.ast.Name.Name+" ") ||
				s.ast.Name.Name == "main" && strings.HasPrefix(s.ast.Doc.Text(), "Command "))
			said[s.dir()] = said[s.dir()] || good
		}
	}
	var faults []string
	for dir, ok := range said {
		if !ok {
			faults = append(faults, fmt.Sprintf("%s: no comment \"Package …\" (\"Command …\" for a program) that says what it owns, guarantees and is not", dir))
		}
	}
	sort.Strings(faults)
	return faults
}

var badPackageComments = map[string]string{
	"internal/a/a.go": "// Something else.\npackage a",
	"internal/a/b.go": "package a",
	"internal/b/a.go": "package b",
	"internal/c/a.go": "// Package c owns c.\npackage c",
	"internal/c/b.go": "package c",
}

// exportedComments: every exported identifier is documented.
func exportedComments(tree []source) []string {
	var faults []string
	for _, s := range tree {
		if !s.isCode() || s.ast.Name.Name == "main" {
			continue
		}
		for _, decl := range s.ast.Decls {
			for _, name := range undocumented(decl) {
				faults = append(faults, fmt.Sprintf("%s: %s is exported and has no comment", s.at(decl), name))
			}
		}
	}
	return faults
}

// undocumented gives the exported names of a declaration that nothing is said about.
func undocumented(decl ast.Decl) []string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && (d.Recv == nil || ast.IsExported(receiver(d))) {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		var names []string
		for _, spec := range d.Specs {
			names = append(names, undocumentedSpec(d, spec)...)
		}
		return names
	}
	return nil
}

func undocumentedSpec(d *ast.GenDecl, spec ast.Spec) []string {
	switch sp := spec.(type) {
	case *ast.TypeSpec:
		if sp.Name.IsExported() && sp.Doc == nil && (d.Doc == nil || d.Lparen.IsValid()) {
			return []string{sp.Name.Name}
		}
	case *ast.ValueSpec:
		// One comment may stand for a block of constants.
		if sp.Doc == nil && sp.Comment == nil && d.Doc == nil {
			var names []string
			for _, n := range sp.Names {
				if n.IsExported() {
					names = append(names, n.Name)
				}
			}
			return names
		}
	}
	return nil
}

// receiver gives the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

var badExportedComments = map[string]string{
	"internal/a/a.go": `package a
func F() {}
type T struct{}
func (T) M() {}
func (t *T) unexported() {}
type u struct{}
func (u) M() {}
// Said about the whole block.
const ( A = 1; B = 2 )
const C = 3
var D, e = 1, 2
type ( G[K any] struct{} )
// M2 is documented.
func (g *G[K]) M2() {}
`,
}

// packageNames: a package is named after what is in it.
func packageNames(tree []source) []string {
	var faults []string
	for _, s := range tree {
		vague := []string{"util", "utils", "common", "helper", "helpers", "manager", "misc", "base", "shared"}
		if s.isGo() && slices.Contains(vague, path.Base(s.dir())) {
			faults = append(faults, fmt.Sprintf("%s: a package %q could hold anything: give the code to the type it serves", s.path, path.Base(s.dir())))
		}
	}
	return faults
}

var badPackageNames = map[string]string{
	"internal/util/a.go":         "package util",
	"internal/order/common/a.go": "package common",
	"internal/order/a.go":        "package order",
}
