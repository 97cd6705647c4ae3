package ledger

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/transparency-dev/merkle/compact"
)

// treePage is how many leaves are in memory at once.
const treePage = 5_000

// treeCheck goes through a book's leaves in order: each against its transaction's rows, the tree they make against the
// kept nodes, the seals and the checkpoints.
type treeCheck struct {
	*Report
	tx      pgx.Tx
	book    string
	tree    *compact.Range
	next    int64 // the leaf that comes next
	broken  bool  // a leaf is missing: no tree can be computed from here on
	seals   pins
	noted   pins
	nodes   keptNodes
	strange bool                // a node was reported: those above it follow from it
	listed  map[FindingKind]int // findings so far
}

// pins are roots that a tree must have, by size.
type pins struct {
	kind  FindingKind
	what  string
	list  []pin
	good  int64 // the largest size that agreed
	ended bool  // one was reported: all that follow differ by that
}

type pin struct {
	size int64
	root []byte
	when string
}

// verifyTree adds what does not hold of a book's tree.
func (r *Report) verifyTree(ctx context.Context, tx pgx.Tx, book string, checkpoints []Checkpoint) error {
	c := &treeCheck{Report: r, tx: tx, book: book, tree: ranges.NewEmptyRange(0), listed: make(map[FindingKind]int),
		seals: pins{kind: TreeDiffers, what: "sealed"}, noted: pins{kind: CheckpointDiffers, what: "of the checkpoint"}}
	for _, k := range checkpoints {
		if t, ok := k.Tree(book); ok {
			c.noted.list = append(c.noted.list, pin{t.Size, t.Root, "of " + k.Day.Format(time.DateOnly)})
		}
	}
	slices.SortStableFunc(c.noted.list, func(a, b pin) int { return int(min(max(a.size-b.size, -1), 1)) })
	if _, err := tx.Exec(ctx, sqlPinIndexes); err != nil {
		return fault("verify the tree of book "+book, err)
	}
	for more := true; more; {
		var err error
		if more, err = c.page(ctx); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, sqlUnpinIndexes); err != nil {
		return fault("verify the tree of book "+book, err)
	}
	return c.end(ctx)
}

// find adds a finding, unless many of its kind stand there already.
func (c *treeCheck) find(f Finding) {
	if c.listed[f.Kind]++; c.listed[f.Kind] <= mostFindings {
		f.Book = c.book
		c.Findings = append(c.Findings, f)
	}
}

// leafRecord is a row of ledger.leaves.
type leafRecord struct {
	Leaf        int64
	Transaction int64
	Hash        []byte
}

// page checks the next leaves; false when there are none.
func (c *treeCheck) page(ctx context.Context) (bool, error) {
	rows, err := c.tx.Query(ctx, sqlPageLeaves, c.book, c.next, treePage)
	if err != nil {
		return false, fault("read leaves of book "+c.book, err)
	}
	leaves, err := pgx.CollectRows(rows, pgx.RowToStructByPos[leafRecord])
	if err != nil {
		return false, fault("read leaves of book "+c.book, err)
	}
	last := c.next
	if len(leaves) > 0 {
		last = leaves[len(leaves)-1].Leaf + 1
	}
	if err := c.readSeals(ctx, last); err != nil || len(leaves) == 0 {
		return false, err
	}
	ids, hashes := make([]int64, len(leaves)), make(leafHashes, len(leaves))
	for i, l := range leaves {
		ids[i] = l.Transaction
	}
	references, err := readLeaves(ctx, c.tx, c.book, ids, hashes.open)
	if err != nil {
		return false, err
	}
	for _, l := range leaves {
		c.compare(l, hashes.sum(l.Transaction), references[l.Transaction])
		if err := c.append(l); err != nil {
			return false, err
		}
	}
	return true, c.compareNodes(ctx)
}

// compare sets a leaf against the rows of its transaction.
func (c *treeCheck) compare(l leafRecord, want []byte, reference string) {
	switch {
	case want == nil:
		c.find(Finding{Kind: TransactionRemoved, Transaction: l.Transaction,
			Detail: fmt.Sprintf("leaf %d is of this transaction, which is gone", l.Leaf)})
	case !bytes.Equal(want, l.Hash):
		c.find(Finding{Kind: LeafDiffers, Transaction: l.Transaction, Reference: reference,
			Detail: fmt.Sprintf("its rows do not give the hash of its leaf %d: the transaction, a posting of it or the leaf was altered", l.Leaf)})
	}
}

// append puts a leaf into the tree and looks at the roots that are known of its size.
func (c *treeCheck) append(l leafRecord) error {
	if l.Leaf < c.next {
		c.find(Finding{Kind: TreeDiffers, Transaction: l.Transaction, Detail: fmt.Sprintf("leaf %d stands there twice", l.Leaf)})
		return nil
	}
	if l.Leaf > c.next {
		c.missing(c.next, l.Leaf-1)
	}
	if c.next = l.Leaf + 1; c.broken {
		return nil
	}
	if err := c.tree.Append(l.Hash, c.nodes.visit); err != nil {
		return fault("verify the tree of book "+c.book, err)
	}
	c.roots()
	return nil
}

func (c *treeCheck) missing(first, last int64) {
	c.broken = true
	c.find(Finding{Kind: LeafRemoved, Detail: fmt.Sprintf("leaves %d to %d are gone", first, last)})
}

// roots compares what is known of the tree's present size.
func (c *treeCheck) roots() {
	for _, p := range []*pins{&c.seals, &c.noted} {
		for ; len(p.list) > 0 && p.list[0].size == int64(c.tree.End()); p.list = p.list[1:] {
			known := p.list[0]
			switch {
			case p.ended:
			case bytes.Equal(known.root, root(c.tree)):
				p.good = known.size
			default:
				p.ended = true
				c.find(Finding{Kind: p.kind, Detail: fmt.Sprintf(
					"the tree of the first %d leaves is not the one %s %s: a leaf from %d on was rewritten, or that record was",
					known.size, p.what, known.when, p.good)})
			}
		}
	}
}

// readSeals reads the roots sealed at sizes above the present one up to last; at the beginning also of no leaves.
func (c *treeCheck) readSeals(ctx context.Context, last int64) error {
	if c.broken {
		return nil
	}
	above := c.next
	if above == 0 {
		above = -1
	}
	rows, err := c.tx.Query(ctx, sqlPageSeals, c.book, above, last)
	if err != nil {
		return fault("read seals of book "+c.book, err)
	}
	var p pin
	var sealed time.Time
	_, err = pgx.ForEachRow(rows, []any{&p.size, &p.root, &sealed}, func() error {
		c.seals.list = append(c.seals.list, pin{p.size, p.root, "at " + sealed.UTC().Format(time.RFC3339)})
		return nil
	})
	if err != nil {
		return fault("read seals of book "+c.book, err)
	}
	if c.next == 0 {
		c.roots()
	}
	return nil
}

// compareNodes sets the nodes that the page completed against those that are kept.
func (c *treeCheck) compareNodes(ctx context.Context) error {
	made := c.nodes
	c.nodes = keptNodes{}
	if len(made.levels) == 0 || c.strange {
		return nil
	}
	rows, err := c.tx.Query(ctx, sqlPageNodes, c.book, made.levels, made.indexes)
	if err != nil {
		return fault("read nodes of book "+c.book, err)
	}
	type place struct {
		Level int32
		Index int64
	}
	kept := make(map[place][]byte, len(made.levels))
	for rows.Next() {
		var at place
		var hash []byte
		if err := rows.Scan(&at.Level, &at.Index, &hash); err != nil {
			return fault("read nodes of book "+c.book, err)
		}
		kept[at] = hash
	}
	if rows.Err() != nil {
		return fault("read nodes of book "+c.book, rows.Err())
	}
	for i, level := range made.levels {
		index := made.indexes[i]
		if c.strange = !bytes.Equal(kept[place{level, index}], made.hashes[i]); c.strange {
			c.find(Finding{Kind: TreeDiffers, Detail: fmt.Sprintf("the node over leaves %d to %d is not what they give: one of them was rewritten, or the node was",
				index<<level, (index+1)<<level-1)})
			return nil
		}
	}
	return nil
}

// end looks at what must be there after the last leaf, and for transactions that the sealer never saw.
func (c *treeCheck) end(ctx context.Context) error {
	var size, below int64
	if err := c.tx.QueryRow(ctx, sqlLastSeal, c.book).Scan(&size, &below); err != nil {
		return fault("read the last seal of book "+c.book, err)
	}
	switch {
	case c.next < size:
		c.missing(c.next, size-1)
	case c.next > size && !c.broken:
		c.find(Finding{Kind: TreeDiffers, Detail: fmt.Sprintf("there are %d leaves and the last seal is of %d: leaves were added, or a seal was removed", c.next, size)})
	}
	if len(c.noted.list) > 0 && !c.broken && !c.noted.ended {
		known := c.noted.list[0]
		c.find(Finding{Kind: CheckpointDiffers, Detail: fmt.Sprintf("the checkpoint %s has %d leaves, the tree has %d", known.when, known.size, c.next)})
	}
	rows, err := c.tx.Query(ctx, sqlBehindTheSealer, c.book, below, mostFindings)
	if err != nil {
		return fault("look for transactions without leaf in book "+c.book, err)
	}
	f := Finding{Kind: TransactionAdded, Detail: fmt.Sprintf(
		"it has no leaf, and all below id %d had one: it was added behind the sealer's back, or its leaf was removed", below)}
	_, err = pgx.ForEachRow(rows, []any{&f.Transaction, &f.Reference}, func() error {
		c.find(f)
		return nil
	})
	if err != nil {
		return fault("look for transactions without leaf in book "+c.book, err)
	}
	return nil
}

// collectStrangers adds a finding for each book that a checkpoint has and the ledger has not.
func (r *Report) collectStrangers(books []string, checkpoints []Checkpoint) {
	seen := make(map[string]bool)
	for _, c := range checkpoints {
		for _, t := range c.Trees {
			if !seen[t.Book] && !slices.Contains(books, t.Book) {
				seen[t.Book] = true
				r.Findings = append(r.Findings, Finding{Kind: CheckpointDiffers, Book: t.Book,
					Detail: fmt.Sprintf("the checkpoint of %s has this book, the ledger has not", c.Day.Format(time.DateOnly))})
			}
		}
	}
}

const (
	sqlUnpinIndexes = `
SELECT set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'on', true),
       set_config('enable_sort', 'on', true)`

	sqlPageLeaves = `
SELECT leaf, transaction_id, hash FROM ledger.leaves WHERE book = $1 AND leaf >= $2 ORDER BY leaf LIMIT $3`

	sqlPageSeals = `
SELECT size, root, sealed FROM ledger.seals WHERE book = $1 AND size > $2 AND size <= $3 ORDER BY size, sealed_below`

	sqlPageNodes = `
SELECT n.level, n.index, n.hash
FROM unnest($2::integer[], $3::bigint[]) AS w (level, index)
CROSS JOIN LATERAL (
    SELECT level, index, hash FROM ledger.nodes WHERE book = $1 AND level = w.level AND index = w.index OFFSET 0
) n`

	sqlLastSeal = `SELECT coalesce(max(size), 0), coalesce(max(sealed_below), 0) FROM ledger.seals WHERE book = $1`

	sqlBehindTheSealer = `
SELECT t.id, t.reference FROM ledger.transactions t
WHERE t.book = $1 AND t.id < $2
  AND NOT EXISTS (SELECT FROM ledger.leaves l WHERE l.book = $1 AND l.transaction_id = t.id)
ORDER BY t.id LIMIT $3`
)
