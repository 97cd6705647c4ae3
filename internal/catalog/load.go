package catalog

import (
	"cmp"
	"embed"
	"io/fs"
	"maps"
	"path"
	"slices"
)

//go:embed data/*.csv
var data embed.FS

// Default reads the tables that are compiled in.
func Default() (*Catalog, error) {
	docs, err := Included()
	if err != nil {
		return nil, err
	}
	return Parse(docs)
}

// Included gives the tables that are compiled in, as they are.
func Included() (Documents, error) {
	names, err := fs.Glob(data, "data/*.csv")
	if err != nil {
		return nil, err
	}
	docs := Documents{}
	for _, n := range names {
		if docs[path.Base(n)], err = data.ReadFile(n); err != nil {
			return nil, err
		}
	}
	return docs, nil
}

// Parse reads all tables and checks them as a whole. The error is Invalid and names each fault with its file, line,
// column and reason; no part of a catalogue with a fault is used.
func Parse(docs Documents) (*Catalog, error) {
	var f faults
	f.unseen(docs)
	c := read(&f, docs)
	if len(f) == 0 { // a row that could not be read would be missed everywhere it is referred to
		c.check(&f)
	}
	if err := f.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Read reads tables that were accepted before, maybe by an older program with milder checks. What holds between rows and
// tables is not checked again; a row that cannot be read is a fault as in Parse.
func Read(docs Documents) (*Catalog, error) {
	var f faults
	c := read(&f, docs)
	if err := f.err(); err != nil {
		return nil, err
	}
	return c, nil
}

func read(f *faults, docs Documents) *Catalog {
	docs = maps.Clone(docs)
	c := &Catalog{
		books: bookTable.read(f, docs), bodies: bodyTable.read(f, docs), accounts: accountTable.read(f, docs),
		procedures: procedureTable.read(f, docs), charges: chargeTable.read(f, docs), regimes: regimeTable.read(f, docs),
		areas: areaTable.read(f, docs), successions: successionTable.read(f, docs),
		chapters: chapterTable.read(f, docs), subItems: subItemTable.read(f, docs), lines: budgetTable.read(f, docs),
		contracts: contractTable.read(f, docs), collection: collectionTable.read(f, docs),
	}
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		f.add(name, 0, "", "the catalogue has no such table")
	}
	if n := len(c.collection.list); n != 1 && len(*f) == 0 {
		f.add(collectionTable.file, 0, "account", "there are %d collection accounts: give one", n)
	}
	c.accountCodes = map[string]string{}
	for _, l := range c.lines.list {
		key := keyed(l.value.Body, l.value.Budget)
		c.accountCodes[key] = cmp.Or(c.accountCodes[key], l.value.Account)
	}
	return c
}

// Documents writes all tables in their canonical form: Parse reads them back to the same catalogue, which writes the
// same bytes.
func (c *Catalog) Documents() Documents {
	docs := Documents{}
	for _, write := range []func(Documents){
		c.books.write, c.bodies.write, c.accounts.write, c.procedures.write, c.charges.write, c.regimes.write, c.areas.write,
		c.successions.write, c.chapters.write, c.subItems.write, c.lines.write, c.contracts.write, c.collection.write,
	} {
		write(docs)
	}
	return docs
}
