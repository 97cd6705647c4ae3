package catalog

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"slices"

	"exchequer/internal/calendar"
)

// WrittenRow is a row of a table as it is written, whatever it says.
type WrittenRow struct {
	Key   string // of the columns that make it the only one of its kind, beside its days
	Dated bool   // it has days; without, it holds on every day
	Lasts bool   // money is booked under it on days that nothing tells: it cannot be taken away
	Period
	Cells []Cell // in the order of the file
}

// Cell is what a row says in one column.
type Cell struct{ Column, Text string }

// Cell gives what the row says in a column, empty where the table has no such column.
func (r WrittenRow) Cell(column string) string {
	for _, c := range r.Cells {
		if c.Column == column {
			return c.Text
		}
	}
	return ""
}

// WrittenRows reads a table, named by its file, without asking what its rows mean: so two texts of it can be told apart,
// also where one of them is of another version of this program. The error says what is no CSV.
func WrittenRows(file string, text []byte) ([]WrittenRow, error) {
	if len(text) == 0 {
		return nil, nil
	}
	lines, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff")))).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var out []WrittenRow
	for _, cells := range lines[min(1, len(lines)):] {
		r := WrittenRow{Dated: slices.Contains(lines[0], "from") && slices.Contains(lines[0], "until")}
		for i, text := range cells {
			r.Cells = append(r.Cells, Cell{lines[0][i], text})
		}
		// There is one collection account: the made-up one that comes with the program has to make room for the gateway's own.
		r.Lasts = slices.Contains(lasting, file) && (file != collectionTable.file || r.Cell("mark") != example)
		r.From, _ = calendar.ParseDate(r.Cell("from")) // what is no day is refused where the table is read for what it means
		r.Until, _ = calendar.ParseDate(r.Cell("until"))
		var key []string
		for _, column := range identities[file] {
			key = append(key, r.Cell(column))
		}
		r.Key = keyed(key...)
		out = append(out, r)
	}
	return out, nil
}
