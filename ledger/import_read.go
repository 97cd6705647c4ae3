package ledger

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
)

// rowReader reads a file of rows strictly: one row a line, each with every column.
type rowReader struct {
	csv  *csv.Reader
	room *room
	line int // of the row read last
}

// longestRow bounds what one row may take, so that a quote that is never closed does not fill the memory. Metadata at
// its longest with every quote doubled is a quarter of it.
const longestRow = 256 << 10

// room is a reader that ends where a row goes on for too long.
type room struct {
	from io.Reader
	left int
}

var errRowTooLong = errors.New("the row does not end: a quote may not be closed")

func (r *room) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errRowTooLong
	}
	n, err := r.from.Read(p)
	r.left -= n
	return n, err
}

// readCSV begins a file: its first row must be the header.
func readCSV(r io.Reader) (*rowReader, error) {
	limited := &room{from: r}
	rows := &rowReader{csv: csv.NewReader(bufio.NewReaderSize(limited, 64<<10)), room: limited}
	rows.csv.FieldsPerRecord = len(header)
	rows.csv.ReuseRecord = true
	first, err := rows.next()
	if errors.Is(err, io.EOF) {
		return nil, &ImportError{Line: 1, Reason: "the file is empty"}
	}
	if err != nil {
		return nil, err
	}
	for i := range first {
		if first[i] != header[i] {
			return nil, &ImportError{Line: 1, Reason: fmt.Sprintf("column %d is %q, expected %q: this is no CSV export of a ledger, or one of another version",
				i+1, first[i], header[i])}
		}
	}
	return rows, nil
}

// next gives the next row, io.EOF after the last.
func (r *rowReader) next() (row, error) {
	r.room.left = longestRow
	fields, err := r.csv.Read()
	if parse, ok := errors.AsType[*csv.ParseError](err); ok {
		if errors.Is(err, csv.ErrFieldCount) {
			return row{}, &ImportError{Line: parse.Line, Reason: fmt.Sprintf("it has %d columns, expected %d", len(fields), len(header))}
		}
		return row{}, &ImportError{Line: parse.Line, Reason: fmt.Sprintf("at byte %d: %v", parse.Column, parse.Err)}
	}
	switch {
	case errors.Is(err, errRowTooLong):
		return row{}, &ImportError{Line: r.line + 1, Reason: err.Error()}
	case errors.Is(err, io.EOF):
		return row{}, err
	case err != nil:
		return row{}, fault("read the file", err)
	}
	before := r.line
	if r.line, _ = r.csv.FieldPos(0); r.line != before+1 {
		return row{}, &ImportError{Line: before + 1, Reason: "it is empty, or the row before goes on in it"}
	}
	return row(fields), nil
}

// at makes a fault of the row read last.
func (r *rowReader) at(column int, format string, args ...any) *ImportError {
	return faultAt(r.line, column, format, args...)
}

func faultAt(line, column int, format string, args ...any) *ImportError {
	e := &ImportError{Line: line, Reason: fmt.Sprintf(format, args...)}
	if column >= 0 {
		e.Column = header[column]
	}
	return e
}

// wholeRow is the column of a fault that is in none.
const wholeRow = -1

// same refuses a row that is not written as Export would write what was read from it. It is what makes reading strict.
func (r *rowReader) same(got row, want row) error {
	for i := colType; i < columns; i++ {
		if got[i] != want[i] {
			return r.at(i, "%s, expected %s", quote(got[i]), quote(want[i]))
		}
	}
	return nil
}

// quote shows the beginning of a field.
func quote(s string) string {
	if len(s) > 80 {
		return strconv.Quote(s[:80]) + "…"
	}
	return strconv.Quote(s)
}

// transaction reads a transaction's first row, without its posting.
func (r *rowReader) transaction(in row) (*record, error) {
	out := &record{Transaction: Transaction{
		Book: in[colBook], Reference: in[colReference], Kind: in[colKind], Link: in[colLink], Of: in[colOf], Phase: Phase(in[colType]),
	}}
	if out.Phase == "post" {
		out.Phase = Post
	}
	var err error
	if out.Occurred, err = r.instant(in, colOccurred); err != nil {
		return nil, err
	}
	if in[colExpires] != "" {
		if out.Expires, err = r.instant(in, colExpires); err != nil {
			return nil, err
		}
	}
	if out.Day, err = r.day(in, colAskedDay); err != nil {
		return nil, err
	}
	if out.effective, err = r.day(in, colEffectiveDay); err != nil {
		return nil, err
	}
	out.Metadata, err = r.metadata(in)
	return out, err
}

// posting reads a row's posting; again says that it is not the transaction's first row. A void and an expiry have none.
func (r *rowReader) posting(in row, to *record, again bool) error {
	if to.Phase == Void || to.Phase == expiry {
		if again {
			return r.at(colReference, "%s stands twice: a %s is one row", to.Reference, to.Phase)
		}
		return nil
	}
	amount, err := strconv.ParseInt(in[colAmount], 10, 64)
	if err != nil || amount <= 0 {
		return r.at(colAmount, "%s is no whole number of minor units above zero", quote(in[colAmount]))
	}
	to.Postings = append(to.Postings, Posting{Debit: in[colDebit], Credit: in[colCredit], Amount: amount, Currency: in[colCurrency]})
	return nil
}

func (r *rowReader) instant(in row, column int) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, in[column])
	if err != nil || !stored(t).Equal(t) {
		return t, r.at(column, "%s is no instant in UTC to the microsecond, like 2025-06-02T05:00:00Z", quote(in[column]))
	}
	return t, nil
}

func (r *rowReader) day(in row, column int) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, in[column])
	if err != nil {
		return t, r.at(column, "%s is no day like 2025-06-02", quote(in[column]))
	}
	return t, nil
}

func (r *rowReader) metadata(in row) (map[string]string, error) {
	if in[colMetadata] == "" {
		return nil, nil
	}
	var m map[string]string
	if err := json.Unmarshal([]byte(in[colMetadata]), &m); err != nil || len(m) == 0 {
		return nil, r.at(colMetadata, "%s is no JSON object of texts", quote(in[colMetadata]))
	}
	for k, v := range m {
		if !storable(k) || !storable(v) {
			return nil, r.at(colMetadata, "it has a character that PostgreSQL cannot keep")
		}
	}
	if b, err := json.Marshal(m); err != nil || len(b) > MaxMetadata {
		return nil, r.at(colMetadata, "it is longer than %d bytes", MaxMetadata)
	}
	return m, nil
}
