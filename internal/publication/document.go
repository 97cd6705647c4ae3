package publication

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/problem"
	"exchequer/schedules"
)

// Documents are texts by name: "schedules/passport.yaml", "schedules/parameters/base_salary.yaml", "catalog/bodies.csv".
type Documents map[string][]byte

// The folders of the names.
const (
	feeFolder     = "schedules/"
	catalogFolder = "catalog/"
)

// The limits of a draft. A document of the program's own is one of the law too; only their number is its own affair.
const (
	maxDocumentBytes = 1 << 20
	maxDocuments     = 50
)

var documentName = regexp.MustCompile(`^(schedules/(parameters/)?[a-z_][a-z0-9_]{0,63}\.yaml|catalog/[a-z_][a-z0-9_]{0,63}\.csv)$`)

// Included gives the documents that come with the program.
func Included() (Documents, error) {
	law, err := fee.ReadDocuments(schedules.FS)
	if err != nil {
		return nil, err
	}
	tables, err := catalog.Included()
	if err != nil {
		return nil, err
	}
	docs := Documents{}
	for name, text := range law {
		docs[feeFolder+name] = text
	}
	for name, text := range tables {
		docs[catalogFolder+name] = text
	}
	return docs, nil
}

// check refuses what is no document by its name or its form: Invalid, or TooLarge.
func (d Documents) check() error {
	for _, name := range slices.Sorted(maps.Keys(d)) {
		switch text := d[name]; {
		case !documentName.MatchString(name):
			return problem.AtField(problem.Invalid, "documents", "%.80q is no document: name schedules/<service>.yaml, schedules/parameters/<name>.yaml or catalog/<table>.csv", name)
		case len(text) > maxDocumentBytes:
			return problem.AtField(problem.TooLarge, "documents", "%s has %d bytes, at most %d are taken", name, len(text), maxDocumentBytes)
		case len(text) == 0:
			return problem.AtField(problem.Invalid, "documents", "%s is empty: a document that was published cannot be taken away, end its versions instead", name)
		case !utf8.Valid(text):
			return problem.AtField(problem.Invalid, "documents", "%s is not UTF-8", name)
		}
	}
	return nil
}

// with gives all documents with some of them replaced.
func (d Documents) with(others Documents) Documents {
	all := maps.Clone(d)
	maps.Copy(all, others)
	return all
}

// under gives the documents of a folder by their names in it.
func (d Documents) under(folder string) map[string][]byte {
	out := map[string][]byte{}
	for name, text := range d {
		if inside, ok := strings.CutPrefix(name, folder); ok {
			out[inside] = text
		}
	}
	return out
}

func digestOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
