package tidy

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const module = "exchequer"

// layers gives each package's place: a package imports from its own layer or a lower one. Money is at the bottom. A new
// package gets its line here; its subfolders stand with it unless they have a line of their own.
var layers = map[string]int{
	"internal/money": 0, "internal/calendar": 0, "internal/problem": 0, "internal/reference": 0,

	"ledger": 1, "providers": 1, "migrations": 1, "schedules": 1, "reconciliation/statement": 1,
	"internal/authn": 1, "internal/embedded": 1, "internal/pg": 1, "internal/sign": 1, "internal/fee": 1,

	"internal/booking": 2, "internal/catalog": 2, "internal/expectation": 2, "internal/finding": 2,
	"internal/outbox": 2, "internal/audit": 2,

	"internal/bill": 3, "internal/bookkeeping": 3, "internal/approval": 3, "internal/publication": 3, "internal/quote": 3, "internal/receipt": 3,

	"internal/order": 4, "internal/settlement": 4, "internal/biller": 4, "internal/rehearsal": 4, "reconciliation": 4,

	"internal/jobs": 5, "internal/api": 6, "internal/web": 6, "internal/story": 7, "internal/bench": 7, "internal/tidy": 7, "cmd": 8,
}

// importDirections holds the directions: towards money, the fences between siblings, and what a provider may know.
func importDirections(tree []source) []string {
	var faults []string
	for _, s := range tree {
		if !s.isGo() {
			continue
		}
		if _, known := layerOf(s.dir()); !known {
			faults = append(faults, fmt.Sprintf("%s: package %s has no place yet: give it one in layers of internal/tidy", s.path, s.dir()))
			continue
		}
		for _, spec := range s.ast.Imports {
			target, own := ownImport(spec.Path.Value)
			if !own || target == s.dir() {
				continue
			}
			if why := refusal(s, target); why != "" {
				faults = append(faults, fmt.Sprintf("%s: imports %s: %s", s.at(spec), target, why))
			}
		}
	}
	return faults
}

// refusal says why the file may not import the target, or "".
func refusal(s source, target string) string {
	// A test may build what it needs around its package; what it may not do is let a provider look past the contract.
	if !s.isTest() {
		from, _ := layerOf(s.dir())
		to, known := layerOf(target)
		switch {
		case !known:
			return "that package has no place in layers of internal/tidy"
		case to > from:
			return "it points away from money"
		case isTop(target) && !s.under("cmd", "internal/story") && top(s.dir()) != top(target):
			return "only cmd and the story put the parts together"
		case siblings(s.dir(), target):
			return "order, settlement and reconciliation never import each other"
		case s.under("ledger") && !within(target, "ledger"):
			return "the ledger knows no other package"
		}
	}
	return providerRefusal(s, target)
}

func isTop(dir string) bool {
	return slices.Contains([]string{"internal/api", "internal/web", "internal/jobs", "cmd"}, top(dir))
}

func siblings(a, b string) bool {
	fenced := []string{"internal/order", "internal/settlement", "reconciliation"}
	return top(a) != top(b) && slices.Contains(fenced, top(a)) && slices.Contains(fenced, top(b))
}

// providerRefusal: an adapter knows the contract only, and its simulator not even the adapter: a mistake they shared
// would never be found.
func providerRefusal(s source, target string) string {
	if !s.under("providers") {
		return ""
	}
	parts := strings.Split(s.dir(), "/")
	switch {
	case !s.isTest() && !within(target, "providers"):
		return "providers know no package outside providers"
	case len(parts) == 1 || parts[1] == "all":
		return ""
	case simulates(s.dir()) && !s.isTest():
		if target != "providers" && target != "providers/journal" && !within(target, s.dir()) {
			return "a simulator shares no code with its adapter"
		}
	case !s.isTest() && target != "providers" && !within(target, s.dir()):
		return "a provider knows the contract only"
	case !s.isTest() && path.Base(target) == "simulator":
		return "an adapter shares no code with its simulator"
	}
	return ""
}

// simulates reports whether the package plays the other side; the bank is nothing but that.
func simulates(dir string) bool {
	return path.Base(dir) == "simulator" || within(dir, "providers/bank")
}

// top is the folder that counts as one part: internal/order, reconciliation, cmd.
func top(dir string) string {
	parts := strings.SplitN(dir, "/", 3)
	if parts[0] == "internal" && len(parts) > 1 {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

func layerOf(dir string) (int, bool) {
	for d := dir; d != "."; d = path.Dir(d) {
		if n, ok := layers[d]; ok {
			return n, true
		}
	}
	return 0, false
}

// ownImport gives the folder of a package of this module.
func ownImport(quoted string) (string, bool) {
	p, err := strconv.Unquote(quoted)
	if err != nil {
		return "", false
	}
	return strings.CutPrefix(p, module+"/")
}

var badImports = map[string]string{
	"internal/money/a.go":              `package money; import _ "exchequer/internal/fee"`,
	"internal/order/a.go":              `package order; import _ "exchequer/internal/settlement"; import _ "exchequer/internal/jobs"`,
	"internal/story/a.go":              `package story; import _ "exchequer/internal/jobs"`,
	"reconciliation/a.go":              `package reconciliation; import _ "exchequer/internal/order"`,
	"internal/web/a.go":                `package web; import _ "exchequer/internal/api"`,
	"ledger/a.go":                      `package ledger; import _ "exchequer/internal/problem"`,
	"internal/new/a.go":                `package new`,
	"internal/bill/a.go":               `package bill; import _ "exchequer/internal/new"`,
	"providers/vnpay/a.go":             `package vnpay; import _ "exchequer/providers/momo"; import _ "exchequer/internal/money"; import _ "exchequer/providers"`,
	"providers/vnpay/b.go":             `package vnpay; import _ "exchequer/providers/vnpay/simulator"`,
	"providers/vnpay/simulator/a.go":   `package simulator; import _ "exchequer/providers/vnpay"; import _ "exchequer/providers/journal"`,
	"providers/all/a.go":               `package all; import _ "exchequer/providers/vnpay"`,
	"providers/vnpay/a_test.go":        `package vnpay; import _ "exchequer/providers/providertest"`,
	"internal/pg/pgtest/a.go":          `package pgtest; import _ "exchequer/internal/embedded"; import _ "exchequer/internal/pg"`,
	"cmd/exchequer/a.go":               `package main; import _ "exchequer/internal/api"`,
	"reconciliation/statement/a.go":    `package statement; import _ "exchequer/reconciliation"`,
	"internal/settlement/some_test.go": `package settlement; import _ "exchequer/internal/order"`,
}

// owners are the libraries behind a fence: replacing one touches one folder.
var owners = map[string][]string{
	"github.com/hibiken/asynq":        {"internal/jobs"},
	"github.com/lestrrat-go/jwx/v2":   {"internal/sign"},
	"github.com/pressly/goose/v3":     {"internal/pg"},
	"github.com/alicebob/miniredis":   {"internal/embedded"},
	"github.com/alecthomas/kong":      {"cmd"},
	"cel.dev/cel-go":                  {"internal/fee"},
	"github.com/danielgtaylor/huma":   {"internal/api"},
	"github.com/shopspring/decimal":   {"internal/money", "internal/fee"},
	"github.com/goccy/go-yaml":        {"internal/fee", "internal/catalog", "cmd"},
	"github.com/prometheus/client_go": {"internal/api", "internal/jobs", "cmd"},
}

// libraryOwners keeps each fenced library in its folder.
func libraryOwners(tree []source) []string {
	var faults []string
	for _, s := range tree {
		if !s.isCode() {
			continue
		}
		for _, spec := range s.ast.Imports {
			for library, dirs := range owners {
				if p, _ := strconv.Unquote(spec.Path.Value); strings.HasPrefix(p, library) && !s.under(dirs...) {
					faults = append(faults, fmt.Sprintf("%s: %s belongs to %s", s.at(spec), library, strings.Join(dirs, " and ")))
				}
			}
		}
	}
	return faults
}

var badLibraries = map[string]string{
	"internal/order/a.go":      `package order; import _ "github.com/hibiken/asynq"`,
	"internal/api/a.go":        `package api; import _ "github.com/lestrrat-go/jwx/v2/jwt"`,
	"internal/jobs/a.go":       `package jobs; import _ "github.com/hibiken/asynq"`,
	"internal/order/a_test.go": `package order; import _ "github.com/hibiken/asynq"`,
}

var writeStatement = regexp.MustCompile(`(?i)\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+((?:gateway|ledger)\.\w+)`)

// measures writes the ledger's rows by hand in databases of its own, to say what the ledger costs beside that.
const measures = "internal/bench"

// tableWriters: a table has one package that writes it, where its invariants are kept.
func tableWriters(tree []source) []string {
	writers := map[string]string{}
	var faults []string
	for _, s := range tree {
		if !s.isCode() || s.under(measures) {
			continue
		}
		for _, lit := range stringLiterals(s) {
			for _, m := range writeStatement.FindAllStringSubmatch(lit.Value, -1) {
				table := strings.ToLower(m[1])
				if first := writers[table]; first != "" && first != s.dir() {
					faults = append(faults, fmt.Sprintf("%s: %s is written by %s too", s.at(lit), table, first))
					continue
				}
				writers[table] = s.dir()
			}
		}
	}
	return faults
}

var badWriters = map[string]string{
	"internal/bill/a.go":  "package bill\nconst q = `UPDATE gateway.bill SET paid = 1`",
	"internal/order/a.go": "package order\nconst q = `INSERT INTO gateway.bill (ref) VALUES (1)`\nconst p = `SELECT 1 FROM gateway.bill FOR UPDATE`",
}
