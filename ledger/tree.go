package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Tree is a book's Merkle tree (RFC 6962 section 2.1, SHA-256) at one size.
type Tree struct {
	Book string `json:"book"`
	Size int64  `json:"size"` // leaves
	Root []byte `json:"root"` // 32 bytes
}

// hasher and ranges are RFC 6962's.
var (
	hasher = rfc6962.DefaultHasher
	ranges = &compact.RangeFactory{Hash: hasher.HashChildren}
)

// nodeLevels: the inner nodes of every such level are kept, so each other node is at most 128 rows away.
const nodeLevels = 8

// errTreeGap is a tree whose rows are not all there.
var errTreeGap = errors.New("leaves or nodes are missing: run Verify, which says which")

// root gives the root of a tree from its compact range; that of no leaves is the hash of nothing.
func root(tree *compact.Range) []byte {
	if tree.End() == 0 {
		return hasher.EmptyRoot()
	}
	hash, err := tree.GetRootHash(nil)
	if err != nil { // only for a range that does not begin at 0: none here
		panic(err)
	}
	return hash
}

// readTree gives a book's tree of the given size as what it takes to go on appending.
func readTree(ctx context.Context, tx pgx.Tx, book string, size int64) (*compact.Range, error) {
	hashes, err := readNodes(ctx, tx, book, compact.RangeNodes(0, uint64(size), nil))
	if err != nil {
		return nil, err
	}
	return ranges.NewRange(0, uint64(size), hashes)
}

// readNodes gives the hashes of nodes that stand over leaves alone, each from the rows of the nearest level below it
// that is kept.
func readNodes(ctx context.Context, tx pgx.Tx, book string, nodes []compact.NodeID) ([][]byte, error) {
	hashes := make([][]byte, len(nodes))
	batch := &pgx.Batch{}
	for i, n := range nodes {
		kept := n.Level / nodeLevels * nodeLevels
		begin, end := n.Index<<(n.Level-kept), (n.Index+1)<<(n.Level-kept)
		collect := func(rows pgx.Rows) (err error) {
			hashes[i], err = fold(rows, int(end-begin))
			return err
		}
		if kept == 0 {
			batch.Queue(sqlReadLeafHashes, book, int64(begin), int64(end)).Query(collect)
		} else {
			batch.Queue(sqlReadNodeHashes, book, int32(kept), int64(begin), int64(end)).Query(collect)
		}
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fault("read the tree of book "+book, err)
	}
	return hashes, nil
}

// fold gives the hash over n rows, n a power of two: the top of a perfect tree.
func fold(rows pgx.Rows, n int) ([]byte, error) {
	hashes, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return nil, err
	}
	if len(hashes) != n {
		return nil, errTreeGap
	}
	for ; n > 1; n /= 2 {
		for i := range n / 2 {
			hashes[i] = hasher.HashChildren(hashes[2*i], hashes[2*i+1])
		}
	}
	return hashes[0], nil
}

// newestSeal gives a book's tree as it was last sealed, that of no leaves where it never was.
func newestSeal(ctx context.Context, tx pgx.Tx, book string) (Tree, error) {
	t := Tree{Book: book, Root: hasher.EmptyRoot()}
	err := tx.QueryRow(ctx, sqlNewestSeal, book).Scan(&t.Size, &t.Root)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Tree{}, fault("read the last seal of book "+book, err)
	}
	return t, nil
}

// checkRoot refuses to build on leaves that are not those that were sealed.
func checkRoot(tree *compact.Range, sealed []byte, book string) error {
	if !bytes.Equal(root(tree), sealed) {
		return fmt.Errorf("ledger: the tree of book %s is not the one that was sealed at size %d: run Verify, which says where it was altered",
			book, tree.End())
	}
	return nil
}

const (
	sqlReadLeafHashes = `SELECT hash FROM ledger.leaves WHERE book = $1 AND leaf >= $2 AND leaf < $3 ORDER BY leaf`

	sqlReadNodeHashes = `
SELECT hash FROM ledger.nodes WHERE book = $1 AND level = $2 AND index >= $3 AND index < $4 ORDER BY index`

	sqlNewestSeal = `SELECT size, root FROM ledger.seals WHERE book = $1 ORDER BY size DESC, sealed_below DESC LIMIT 1`
)
