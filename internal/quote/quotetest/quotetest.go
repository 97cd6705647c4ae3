// Package quotetest gives tests the law that comes with the program.
//
// It guarantees that the law is compiled once a test process, since that takes a second. It publishes nothing: tests of
// what is published, and since when, take a publication.Store.
package quotetest

import (
	"context"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/publication"
	"exchequer/schedules"
)

// Since is when the law of the tests became known.
var Since = time.Date(2025, 1, 1, 2, 0, 0, 0, time.UTC)

// Law is a law that stays as it is.
type Law struct{ *publication.Law }

// Current gives it.
func (l Law) Current(context.Context) (*publication.Law, error) { return l.Law, nil }

// tables is the catalogue alone, which is there at once.
var tables = sync.OnceValues(catalog.Default)

var bundled = sync.OnceValues(func() (*publication.Law, error) {
	s, err := fee.Load(schedules.FS)
	if err != nil {
		return nil, err
	}
	c, err := tables()
	return &publication.Law{Revision: 1, Since: Since, Schedules: s, Catalog: c}, err
})

// Bundled is the law of the program's own documents, as its first publication.
func Bundled(t testing.TB) Law {
	t.Helper()
	law, err := bundled()
	if err != nil {
		t.Fatal(err)
	}
	return Law{law}
}

// Tariffs is a law of other schedules, by document name: with the program's own catalogue and its ways to share charges
// out, for tests that must choose amounts.
func Tariffs(tariffs fee.Documents) (Law, error) {
	docs, err := fee.ReadDocuments(schedules.FS)
	if err != nil {
		return Law{}, err
	}
	maps.DeleteFunc(docs, func(name string, _ []byte) bool {
		return !strings.HasSuffix(name, "_split.yaml") && !strings.HasPrefix(name, "parameters/")
	})
	maps.Copy(docs, tariffs)
	s, err := fee.Compile(docs)
	if err != nil {
		return Law{}, err
	}
	c, err := tables()
	return Law{&publication.Law{Revision: 1, Since: Since, Schedules: s, Catalog: c}}, err
}
