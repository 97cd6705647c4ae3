package ledger

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"hash"
	"strconv"
	"strings"
	"time"
)

// A row of CSV. The first two columns are what a copy has of its own; the digest leaves them out.
const (
	colID = iota
	colRecorded
	colType
	colBook
	colReference
	colKind
	colOccurred
	colAskedDay
	colEffectiveDay
	colLink
	colOf
	colExpires
	colMetadata
	colDebit
	colCredit
	colCurrency
	colAmount
	colAccount
	colNormalSide
	colLimits
	colClosed
	columns
)

type row [columns]string

var header = row{"id", "recorded", "type", "book", "reference", "kind", "occurred", "asked_day", "effective_day", "link", "of",
	"expires", "metadata", "debit", "credit", "currency", "amount", "account", "normal_side", "limits", "closed"}

// The types of row that are no phase of a transaction.
const (
	rowBook    = "book"    // begins a book
	rowExtract = "extract" // begins a part of a book: the days asked for
	rowAccount = "account"
	rowClose   = "close" // a day was closed: effective_day, by metadata.by
	rowEnd     = "end"   // ends a book: metadata.sha256 is its digest
)

// neverBelowZero is what the column limits says of an account with that limit.
const neverBelowZero = "never_below_zero"

// digester hashes what is content in the rows of a book.
type digester struct {
	hash hash.Hash
	rows *csv.Writer
}

func newDigester() *digester {
	sum := sha256.New()
	return &digester{sum, csv.NewWriter(sum)}
}

func (d *digester) add(r *row) error { return d.rows.Write(r[colType:]) }

// sum gives the digest in hex and begins the next.
func (d *digester) sum() string {
	d.rows.Flush() // a hash takes all that is written to it
	sum := hex.EncodeToString(d.hash.Sum(nil))
	d.hash.Reset()
	return sum
}

func endRow(book, digest string) row {
	return row{colType: rowEnd, colBook: book, colMetadata: encode(map[string]string{"sha256": digest})}
}

func accountRow(a Account, closed bool) row {
	r := row{colType: rowAccount, colBook: a.Book, colCurrency: a.Currency, colAccount: a.Code, colNormalSide: string(a.Normal)}
	if a.Limits&NeverBelowZero != 0 {
		r[colLimits] = neverBelowZero
	}
	if closed {
		r[colClosed] = "closed"
	}
	return r
}

func closeRow(book string, p period) row {
	r := row{colType: rowClose, colBook: book, colEffectiveDay: p.day.Format(time.DateOnly),
		colMetadata: encode(map[string]string{"by": p.by})}
	if p.afterID != 0 {
		r[colID], r[colRecorded] = strconv.FormatInt(p.afterID, 10), instant(p.closed)
	}
	return r
}

// rows gives a transaction's i-th row: one a posting, one in all where there is none. Metadata stands in the first.
func (r *record) row(i int) row {
	out := row{
		colType: phaseWord(r.Phase), colBook: r.Book, colReference: r.Reference, colKind: r.Kind,
		colOccurred: instant(r.Occurred), colAskedDay: r.Day.Format(time.DateOnly),
		colEffectiveDay: r.effective.Format(time.DateOnly), colLink: r.Link, colOf: r.Of,
	}
	if r.id != 0 {
		out[colID], out[colRecorded] = strconv.FormatInt(r.id, 10), instant(r.recorded)
	}
	if !r.Expires.IsZero() {
		out[colExpires] = instant(r.Expires)
	}
	if i == 0 && len(r.Metadata) > 0 {
		out[colMetadata] = encode(r.Metadata)
	}
	if i < len(r.Postings) {
		p := r.Postings[i]
		out[colDebit], out[colCredit], out[colCurrency] = p.Debit, p.Credit, p.Currency
		out[colAmount] = strconv.FormatInt(p.Amount, 10)
	}
	return out
}

func phaseWord(p Phase) string {
	if p == Post {
		return "post"
	}
	return string(p)
}

// encode writes texts as JSON on one line, names in order, and no more escaped than JSON asks for.
func encode(m map[string]string) string {
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(m); err != nil {
		panic(err) // a map of strings can always be written
	}
	return strings.TrimSuffix(out.String(), "\n")
}
