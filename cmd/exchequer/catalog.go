package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

type catalogCmd struct {
	Show   catalogShowCmd   `cmd:"" help:"The tables as they are published, or the rows of one."`
	Export catalogExportCmd `cmd:"" help:"Writes every table as CSV into a folder, the same content always in the same form."`
	Import catalogImportCmd `cmd:"" help:"Checks changed tables, prints what they change and keeps them as a draft, which is proposed and approved like one of a tariff (fees propose, fees approve)."`
}

type catalogShowCmd struct {
	Table string `arg:"" optional:"" help:"Table, e.g. bodies."`
	On    string `help:"Only the rows that hold on this day, YYYY-MM-DD."`
	Known string `help:"As known at this instant (RFC 3339), or at the end of this day (YYYY-MM-DD, Vietnam); now where it is left out."`
	JSON  bool   `name:"json" help:"One JSON document."`
}

// Run prints a table, or the names of all.
func (c catalogShowCmd) Run(ctx context.Context, e *environment) (err error) {
	var on calendar.Date
	if c.On != "" {
		if on, err = parseDay("--on", c.On); err != nil {
			return err
		}
	}
	return withGateway(ctx, e.log, func(g *gateway) error {
		law, err := g.lawKnown(ctx, c.Known)
		if err != nil {
			return err
		}
		docs := law.Catalog.Documents()
		if c.Table == "" {
			return e.tables(c.JSON, docs)
		}
		text, there := docs[c.Table+".csv"]
		if !there {
			return problem.AtField(problem.NotFound, "table", "the catalogue has no such table: its tables are %s", strings.Join(tableNames(docs), ", "))
		}
		header, rows, err := tableOn(text, on)
		if err != nil {
			return err
		}
		return e.print(c.JSON, records(header, rows), func(w io.Writer) {
			for _, cells := range append([][]string{header}, rows...) {
				fmt.Fprintln(w, strings.Join(cells, "\t"))
			}
		})
	})
}

// tableOn reads the table of a catalogue and keeps the rows that hold on a day; zero keeps all.
func tableOn(text []byte, on calendar.Date) (header []string, rows [][]string, err error) {
	rows, err = csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return nil, nil, err
	}
	header, rows = rows[0], rows[1:]
	from, until := slices.Index(header, "from"), slices.Index(header, "until")
	if on.IsZero() || from < 0 {
		return header, rows, nil
	}
	// Days in the form YYYY-MM-DD are ordered as texts are.
	day := on.String()
	return header, slices.DeleteFunc(rows, func(cells []string) bool {
		return cells[from] > day || cells[until] != "" && cells[until] < day
	}), nil
}

// records names each cell by its column.
func records(header []string, rows [][]string) []map[string]string {
	out := make([]map[string]string, len(rows))
	for i, cells := range rows {
		out[i] = map[string]string{}
		for j, name := range header {
			out[i][name] = cells[j]
		}
	}
	return out
}

func (e *environment) tables(asJSON bool, docs map[string][]byte) error {
	names := tableNames(docs)
	return e.print(asJSON, names, func(w io.Writer) {
		for _, name := range names {
			fmt.Fprintf(w, "%s\t%d rows\n", name, bytes.Count(docs[name+".csv"], []byte("\n"))-1)
		}
	})
}

func tableNames(docs map[string][]byte) []string {
	var out []string
	for _, file := range slices.Sorted(maps.Keys(docs)) {
		out = append(out, strings.TrimSuffix(file, ".csv"))
	}
	return out
}

type catalogExportCmd struct {
	To    string `required:"" type:"path" help:"Folder to write to. A file that stands there already is not replaced."`
	Known string `help:"As known at this instant (RFC 3339), or at the end of this day (YYYY-MM-DD, Vietnam); now where it is left out."`
	JSON  bool   `name:"json" help:"One JSON document: the paths."`
}

// Run writes the tables.
func (c catalogExportCmd) Run(ctx context.Context, e *environment) error {
	return withGateway(ctx, e.log, func(g *gateway) error {
		law, err := g.lawKnown(ctx, c.Known)
		if err != nil {
			return err
		}
		return e.write(c.JSON, c.To, law.Catalog.Documents())
	})
}

type catalogImportCmd struct {
	Files []string `arg:"" name:"file" type:"existingfile" help:"Tables as CSV, whole, each under its own name: bodies.csv."`
	JSON  bool     `name:"json" help:"One JSON document."`
}

// Run keeps changed tables as a draft.
func (c catalogImportCmd) Run(ctx context.Context, e *environment) error {
	for _, path := range c.Files {
		if filepath.Ext(path) != ".csv" {
			return problem.AtField(problem.Invalid, path, "a table of the catalogue is a .csv file")
		}
	}
	docs, err := readDocuments(c.Files)
	if err != nil {
		return err
	}
	return e.draft(ctx, c.JSON, docs)
}
