package ledger

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/transparency-dev/merkle/proof"
)

// Proof shows that a transaction stands in a book's tree as a checkpoint has it. It is checked without the ledger, by
// CheckProof or by any program that knows RFC 6962 section 2.1.1 and signed notes.
type Proof struct {
	Book       string   `json:"book"`
	Leaf       int64    `json:"leaf"`       // counted from 0
	Size       int64    `json:"size"`       // of the tree, in leaves
	Hashes     [][]byte `json:"hashes"`     // the audit path, from the leaf to the root, in base64
	Content    string   `json:"content"`    // what the leaf says of the transaction
	Checkpoint string   `json:"checkpoint"` // the signed note with the tree's root
}

// ProofQuery asks for the proof of one transaction.
type ProofQuery struct {
	Book      string
	Reference string
	// Checkpoints are those published so far. The proof is made for the first of them that has the transaction.
	Checkpoints []Checkpoint
}

var (
	// ErrUnknownReference: the book has no transaction of that reference.
	ErrUnknownReference = errors.New("no transaction of the book has this reference")
	// ErrNotCheckpointed: the transaction is in the ledger and in no checkpoint yet: ask again after the next one.
	ErrNotCheckpointed = errors.New("no checkpoint has this transaction yet: ask again after the next one")
)

// Prove gives the proof of one transaction. Besides faults it gives ErrUnknownReference and ErrNotCheckpointed. The
// proof is checked before it is given: rows that were altered give an error, not a proof that fails elsewhere.
func (l *Ledger) Prove(ctx context.Context, q ProofQuery) (Proof, error) {
	p := Proof{Book: q.Book}
	err := l.reading(ctx, func(tx pgx.Tx) error {
		id, err := p.find(ctx, tx, q.Reference)
		if err != nil {
			return err
		}
		tree, ok := p.choose(q.Checkpoints)
		if !ok {
			return ErrNotCheckpointed
		}
		var content strings.Builder
		if err := readLeaf(ctx, tx, q.Book, id, &content); err != nil {
			return err
		}
		p.Content = content.String()
		if err := p.readPath(ctx, tx); err != nil {
			return err
		}
		return p.fits(tree)
	})
	if err != nil {
		return Proof{}, err
	}
	return p, nil
}

// find gives the transaction's id and sets its leaf, one behind all trees where it has none yet.
func (p *Proof) find(ctx context.Context, tx pgx.Tx, reference string) (id int64, err error) {
	var leaf *int64
	err = tx.QueryRow(ctx, sqlFindLeaf, p.Book, reference).Scan(&id, &leaf)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, ErrUnknownReference
	}
	if err != nil {
		return 0, fault("find the leaf", err)
	}
	if leaf == nil {
		return 0, ErrNotCheckpointed
	}
	p.Leaf = *leaf
	return id, nil
}

func (p *Proof) choose(checkpoints []Checkpoint) (chosen Tree, ok bool) {
	var day Checkpoint
	for _, c := range checkpoints {
		if t, has := c.Tree(p.Book); has && t.Size > p.Leaf && (!ok || c.Day.Before(day.Day)) {
			chosen, day, ok = t, c, true
		}
	}
	p.Size, p.Checkpoint = chosen.Size, string(day.Signed)
	return chosen, ok
}

func (p *Proof) readPath(ctx context.Context, tx pgx.Tx) error {
	nodes, err := proof.Inclusion(uint64(p.Leaf), uint64(p.Size))
	if err != nil {
		return fault("prove", err)
	}
	hashes, err := readNodes(ctx, tx, p.Book, nodes.IDs)
	if err != nil {
		return err
	}
	if p.Hashes, err = nodes.Rehash(hashes, hasher.HashChildren); err != nil {
		return fault("prove", err)
	}
	return nil
}

// fits reports whether the path leads from the content to the tree's root.
func (p *Proof) fits(tree Tree) error {
	if p.Leaf < 0 || p.Size != tree.Size || p.Leaf >= p.Size {
		return fmt.Errorf("ledger: leaf %d of size %d is not of the checkpoint's tree, which has %d leaves", p.Leaf, p.Size, tree.Size)
	}
	leaf := hasher.HashLeaf([]byte(p.Content))
	if err := proof.VerifyInclusion(hasher, uint64(p.Leaf), uint64(p.Size), leaf, p.Hashes, tree.Root); err != nil {
		return fmt.Errorf("ledger: leaf %d of book %s does not lead to the checkpoint's root: the transaction or the tree was altered",
			p.Leaf, p.Book)
	}
	return nil
}

// CheckProof checks a proof with nothing but the public key of the checkpoints, and gives the checkpoint it rests on.
// What the proof's Content says then stood in the ledger when the checkpoint was signed. An error says what is not so.
func CheckProof(p Proof, publicKey string) (Checkpoint, error) {
	c, err := OpenCheckpoint([]byte(p.Checkpoint), publicKey)
	if err != nil {
		return Checkpoint{}, err
	}
	tree, ok := c.Tree(p.Book)
	if !ok {
		return Checkpoint{}, fmt.Errorf("ledger: the checkpoint has no book %s", p.Book)
	}
	// A leaf of another book in this book's place: the tree would not have it, and whoever reads the proof must not either.
	if !strings.HasPrefix(p.Content, leafVersion+"\nbook "+p.Book+"\n") {
		return Checkpoint{}, fmt.Errorf("ledger: the content is not that of a leaf of book %s", p.Book)
	}
	return c, p.fits(tree)
}

const sqlFindLeaf = `
SELECT t.id, l.leaf
FROM (SELECT id FROM ledger.transactions WHERE book = $1 AND reference = $2 OFFSET 0) t
LEFT JOIN LATERAL (SELECT leaf FROM ledger.leaves WHERE book = $1 AND transaction_id = t.id OFFSET 0) l ON true`
