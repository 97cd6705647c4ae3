package tidy

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// moneyDirs is where amounts are.
var moneyDirs = []string{
	"ledger", "providers", "reconciliation", "internal/money", "internal/fee", "internal/booking", "internal/bill",
	"internal/order", "internal/settlement", "internal/expectation", "internal/receipt", "internal/catalog", "internal/rehearsal",
	"internal/quote",
}

// floatNames make or read a binary fraction, which cannot hold a tenth.
var floatNames = []string{
	"float32", "float64", "ParseFloat", "FormatFloat", "NewFromFloat", "NewFromFloat32", "InexactFloat64", "Float64", "Float32",
	"Float8", "Float4", "AppendFloat",
}

// noFloats: no binary fraction comes near money.
func noFloats(tree []source) []string {
	var faults []string
	for _, s := range tree {
		if !s.isCode() || !s.under(moneyDirs...) {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && slices.Contains(floatNames, id.Name) {
				faults = append(faults, fmt.Sprintf("%s: %s near money", s.at(id), id.Name))
			}
			return true
		})
	}
	return faults
}

var badFloats = map[string]string{
	"ledger/a.go":              `package ledger; var x float64`,
	"providers/vnpay/a.go":     `package vnpay; import "strconv"; var x, _ = strconv.ParseFloat("1", 64)`,
	"internal/fee/a.go":        `package fee; func f(x interface{ InexactFloat64() float64 }) {}`,
	"internal/web/a.go":        `package web; var share float64`,
	"internal/money/a_test.go": `package money; var x float64`,
}

// publicDirs are the packages that others may import: their signatures must be usable without internal/.
var publicDirs = []string{"ledger", "providers", "reconciliation"}

// publicSignatures: no exported declaration of a public package shows a type of internal/.
func publicSignatures(tree []source) []string {
	var faults []string
	for _, s := range tree {
		if !s.isCode() || !s.under(publicDirs...) {
			continue
		}
		internal := internalImports(s)
		for _, decl := range s.ast.Decls {
			for _, shown := range exposed(decl) {
				ast.Inspect(shown, func(n ast.Node) bool {
					sel, ok := n.(*ast.SelectorExpr)
					if !ok {
						return true
					}
					if id, ok := sel.X.(*ast.Ident); ok && internal[id.Name] {
						faults = append(faults, fmt.Sprintf("%s: %s.%s is shown to those who may not import it", s.at(sel), id.Name, sel.Sel.Name))
					}
					return true
				})
			}
		}
	}
	return faults
}

// internalImports gives the names under which a file knows packages of internal/.
func internalImports(s source) map[string]bool {
	names := map[string]bool{}
	for _, spec := range s.ast.Imports {
		target, own := ownImport(spec.Path.Value)
		if !own || !strings.HasPrefix(target, "internal/") {
			continue
		}
		name := target[strings.LastIndex(target, "/")+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = true
	}
	return names
}

// exposed gives the type expressions of a declaration that a user of the package sees.
func exposed(decl ast.Decl) []ast.Node {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d))) {
			return []ast.Node{d.Type}
		}
	case *ast.GenDecl:
		var nodes []ast.Node
		for _, spec := range d.Specs {
			nodes = append(nodes, exposedSpec(spec)...)
		}
		return nodes
	}
	return nil
}

func exposedSpec(spec ast.Spec) []ast.Node {
	switch sp := spec.(type) {
	case *ast.TypeSpec:
		if sp.Name.IsExported() {
			return exposedType(sp.Type)
		}
	case *ast.ValueSpec:
		if !slices.ContainsFunc(sp.Names, func(n *ast.Ident) bool { return n.IsExported() }) {
			return nil
		}
		if sp.Type != nil {
			return []ast.Node{sp.Type}
		}
		var nodes []ast.Node
		for _, v := range sp.Values { // without a written type the value decides it
			nodes = append(nodes, v)
		}
		return nodes
	}
	return nil
}

// exposedType leaves out what a user of the type cannot reach: unexported fields and methods.
func exposedType(t ast.Expr) []ast.Node {
	var list *ast.FieldList
	switch x := t.(type) {
	case *ast.StructType:
		list = x.Fields
	case *ast.InterfaceType:
		list = x.Methods
	default:
		return []ast.Node{t}
	}
	var nodes []ast.Node
	for _, f := range list.List {
		if len(f.Names) == 0 || slices.ContainsFunc(f.Names, func(n *ast.Ident) bool { return n.IsExported() }) {
			nodes = append(nodes, f.Type)
		}
	}
	return nodes
}

var badSignatures = map[string]string{
	"ledger/a.go": `package ledger
import "exchequer/internal/calendar"
import p "exchequer/internal/problem"
func New(c calendar.Clock) {}
func newer(c calendar.Clock) {}
type Ledger struct { Day calendar.Date; clock calendar.Clock }
type Clock = calendar.Clock
type Poster interface { Post() *p.Error; post() calendar.Date }
type hidden struct { Day calendar.Date }
func (hidden) Day() calendar.Date { return calendar.Date{} }
func (l *Ledger) Close(days map[string][]calendar.Date) { _ = calendar.Date{} }
var ErrClosed = p.New("closed")
type Embeds struct { calendar.Date }
`,
}
