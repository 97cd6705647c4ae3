package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"hash"
	"io"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// leafVersion is the first line of a leaf's content. Another form of content is another version.
const leafVersion = "exchequer ledger leaf v1"

// leafRow is a transaction's row. Its instants and days may be infinite: somebody may have made them so.
type leafRow struct {
	id                          int64
	reference, phase, kind      string
	occurred, recorded, expires pgtype.Timestamptz
	asked, effective            pgtype.Date
	link                        string
	of                          *int64
	metadata                    []byte
}

// content is what a leaf says before its postings; docs/tamper-evidence.md describes it for other programs.
func (r *leafRow) content(book string) []byte {
	out := make([]byte, 0, 512)
	out = append(out, leafVersion...)
	line := func(name, value string) {
		out = append(append(out, '\n'), name...)
		if value != "" {
			out = append(append(out, ' '), value...)
		}
	}
	line("book", escaped(book))
	line("id", strconv.FormatInt(r.id, 10))
	line("reference", escaped(r.reference))
	line("phase", escaped(r.phase))
	line("kind", escaped(r.kind))
	line("occurred", instantText(r.occurred))
	line("asked", dayText(r.asked))
	line("effective", dayText(r.effective))
	line("recorded", instantText(r.recorded))
	line("link", escaped(r.link))
	of := ""
	if r.of != nil {
		of = strconv.FormatInt(*r.of, 10)
	}
	line("of", of)
	line("expires", instantText(r.expires))
	line("metadata", metadataDigest(r.metadata))
	return append(out, '\n')
}

// lineRow is a row of postings or of pending.
type lineRow struct {
	id                      int64
	line                    int32
	debit, credit, currency string
	amount                  int64
}

func (r *lineRow) content(table string) []byte {
	out := make([]byte, 0, 128)
	out = append(append(out, table...), ' ')
	out = append(strconv.AppendInt(out, int64(r.line), 10), ' ')
	for _, s := range []string{r.debit, r.credit, r.currency} {
		out = append(append(out, escaped(s)...), ' ')
	}
	return append(strconv.AppendInt(out, r.amount, 10), '\n')
}

// escaped keeps a text in its place. None that the ledger accepts needs it; rows that others wrote may.
func escaped(s string) string {
	if !strings.ContainsAny(s, "\\\n ") {
		return s
	}
	return strings.NewReplacer("\\", `\\`, "\n", `\n`, " ", `\s`).Replace(s)
}

func instantText(t pgtype.Timestamptz) string {
	switch {
	case !t.Valid:
		return ""
	case t.InfinityModifier != pgtype.Finite:
		return t.InfinityModifier.String()
	}
	return t.Time.UTC().Format("2006-01-02T15:04:05.000000Z")
}

func dayText(d pgtype.Date) string {
	switch {
	case !d.Valid:
		return ""
	case d.InfinityModifier != pgtype.Finite:
		return d.InfinityModifier.String()
	}
	return d.Time.Format("2006-01-02")
}

// metadataDigest is the SHA-256, in hex, of the metadata as one JSON object: keys in the order of their bytes, no white
// space, nothing escaped but what RFC 8259 demands and U+2028 and U+2029. It keeps the metadata itself out of proofs.
func metadataDigest(stored []byte) string {
	if stored == nil {
		return ""
	}
	var pairs map[string]string
	if err := json.Unmarshal(stored, &pairs); err == nil {
		var canonical bytes.Buffer
		enc := json.NewEncoder(&canonical)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(pairs); err == nil {
			stored = bytes.TrimSuffix(canonical.Bytes(), []byte("\n"))
		}
	}
	sum := sha256.Sum256(stored)
	return hex.EncodeToString(sum[:])
}

// leafHashes are RFC 6962 leaf hashes under way, by transaction: SHA-256 over a zero byte and the content.
type leafHashes map[int64]hash.Hash

func (l leafHashes) open(id int64) io.Writer {
	h := sha256.New()
	h.Write([]byte{0})
	l[id] = h
	return h
}

// sum gives the leaf hash of a transaction, nil where it has no row.
func (l leafHashes) sum(id int64) []byte {
	if h := l[id]; h != nil {
		return h.Sum(nil)
	}
	return nil
}

// readLeaves writes what the leaves of the transactions must say to what open gives for each, and gives their
// references. A transaction without a row is left out. Memory grows with the transactions, not with their postings.
func readLeaves(ctx context.Context, tx pgx.Tx, book string, ids []int64, open func(id int64) io.Writer) (map[int64]string, error) {
	references, writers := make(map[int64]string, len(ids)), make(map[int64]io.Writer, len(ids))
	var held []int64
	batch := &pgx.Batch{}
	batch.Queue(sqlReadLeafTransactions, book, ids).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var r leafRow // a new one each: what is NULL must not keep the last row's
			err := rows.Scan(&r.id, &r.reference, &r.phase, &r.kind, &r.occurred, &r.asked, &r.effective, &r.recorded, &r.link, &r.of,
				&r.expires, &r.metadata)
			if err != nil {
				return err
			}
			if r.phase == string(Hold) {
				held = append(held, r.id)
			}
			references[r.id], writers[r.id] = r.reference, open(r.id)
			if _, err := writers[r.id].Write(r.content(book)); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	lines := func(table string) func(rows pgx.Rows) error {
		return func(rows pgx.Rows) error {
			var r lineRow
			_, err := pgx.ForEachRow(rows, []any{&r.id, &r.line, &r.debit, &r.credit, &r.currency, &r.amount}, func() error {
				if w := writers[r.id]; w != nil {
					_, err := w.Write(r.content(table))
					return err
				}
				return nil
			})
			return err
		}
	}
	batch.Queue(sqlReadLeafPostings, book, ids).Query(lines("posting"))
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fault("read what leaves say", err)
	}
	if len(held) > 0 {
		batch = &pgx.Batch{}
		batch.Queue(sqlReadLeafPending, book, held).Query(lines("pending"))
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return nil, fault("read what leaves say", err)
		}
	}
	return references, nil
}

// readLeaf writes what the leaf of one transaction must say.
func readLeaf(ctx context.Context, tx pgx.Tx, book string, id int64, w io.Writer) error {
	_, err := readLeaves(ctx, tx, book, []int64{id}, func(int64) io.Writer { return w })
	return err
}

// Each id is looked up by itself (see state.go), so rows come in the order of the ids and of the lines.
const (
	sqlReadLeafTransactions = `
SELECT t.id, t.reference, t.phase, t.kind, t.occurred, t.asked_day, t.effective_day, t.recorded, t.link, t.of_id, t.expires, t.metadata
FROM unnest($2::bigint[]) AS w (id)
CROSS JOIN LATERAL (
    SELECT id, reference, phase, kind, occurred, asked_day, effective_day, recorded, link, of_id, expires, metadata
    FROM ledger.transactions WHERE book = $1 AND id = w.id OFFSET 0
) t`

	sqlReadLeafPostings = `
SELECT p.transaction_id, p.line, p.debit_account, p.credit_account, p.currency, p.amount
FROM unnest($2::bigint[]) AS w (id)
CROSS JOIN LATERAL (
    SELECT transaction_id, line, debit_account, credit_account, currency, amount
    FROM ledger.postings WHERE book = $1 AND transaction_id = w.id ORDER BY line OFFSET 0
) p`

	sqlReadLeafPending = `
SELECT p.transaction_id, p.line, p.debit_account, p.credit_account, p.currency, p.amount
FROM unnest($2::bigint[]) AS w (id)
CROSS JOIN LATERAL (
    SELECT transaction_id, line, debit_account, credit_account, currency, amount
    FROM ledger.pending WHERE book = $1 AND transaction_id = w.id ORDER BY line OFFSET 0
) p`
)
