package ledger

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/mod/sumdb/note"
)

// Checkpoint is what the books' trees were at one time, for the record of a day, signed so that anybody can hold the
// ledger to it. Signed is a note as of golang.org/x/mod/sumdb/note with one Ed25519 signature.
type Checkpoint struct {
	Day    time.Time // the day it is kept for, at 00:00 UTC
	Trees  []Tree    // by book
	Signed []byte
}

// Tree gives a book's tree, false where the checkpoint has none of it.
func (c Checkpoint) Tree(book string) (Tree, bool) {
	for _, t := range c.Trees {
		if t.Book == book {
			return t, true
		}
	}
	return Tree{}, false
}

// checkpointOrigin is the first line of a checkpoint's text.
const checkpointOrigin = "exchequer ledger"

// Trees gives the tree of each book as it was last sealed, by book. See Seal.
func (l *Ledger) Trees(ctx context.Context) ([]Tree, error) {
	var trees []Tree
	err := l.reading(ctx, func(tx pgx.Tx) error {
		books, err := bookNames(ctx, tx)
		for _, book := range books {
			t, err := newestSeal(ctx, tx, book)
			if err != nil {
				return err
			}
			trees = append(trees, t)
		}
		return err
	})
	return trees, err
}

// SignCheckpoint signs trees for the record of a day (00:00 UTC) with a private key of NewCheckpointKey. The trees must
// be sorted by book. An error is a malformed key, day or tree.
func SignCheckpoint(day time.Time, trees []Tree, privateKey string) (Checkpoint, error) {
	if day.IsZero() || !isDay(day) {
		return Checkpoint{}, fmt.Errorf("ledger: sign checkpoint: %s is not a day at 00:00 UTC", day)
	}
	signer, err := note.NewSigner(privateKey)
	if err != nil {
		return Checkpoint{}, fault("sign checkpoint", err)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s\n%s\n", checkpointOrigin, day.UTC().Format(time.DateOnly))
	for _, t := range trees {
		fmt.Fprintf(&text, "%s %d %s\n", t.Book, t.Size, base64.StdEncoding.EncodeToString(t.Root))
	}
	if _, err := parseCheckpoint(text.String()); err != nil {
		return Checkpoint{}, fault("sign checkpoint", err)
	}
	signed, err := note.Sign(&note.Note{Text: text.String()}, signer)
	if err != nil {
		return Checkpoint{}, fault("sign checkpoint", err)
	}
	return Checkpoint{Day: day.UTC(), Trees: trees, Signed: signed}, nil
}

// OpenCheckpoint reads a checkpoint and checks its signature with the public key. An error says that it is not one, or
// not signed with that key: what it says must not be used.
func OpenCheckpoint(signed []byte, publicKey string) (Checkpoint, error) {
	verifier, err := note.NewVerifier(strings.TrimSpace(publicKey))
	if err != nil {
		return Checkpoint{}, fault("open checkpoint", err)
	}
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return Checkpoint{}, fault("open checkpoint", err)
	}
	c, err := parseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, fault("open checkpoint", err)
	}
	c.Signed = bytes.Clone(signed)
	return c, nil
}

// parseCheckpoint reads a checkpoint's text: origin, day, and one line a book, books in order.
func parseCheckpoint(text string) (c Checkpoint, err error) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) < 2 || lines[0] != checkpointOrigin {
		return c, errors.New("it is no checkpoint of a ledger")
	}
	if c.Day, err = time.Parse(time.DateOnly, lines[1]); err != nil {
		return c, fmt.Errorf("its day: %w", err)
	}
	for _, line := range lines[2:] {
		book, rest, _ := strings.Cut(line, " ")
		size, hash, _ := strings.Cut(rest, " ")
		t := Tree{Book: book}
		var sizeFault, hashFault error
		t.Size, sizeFault = strconv.ParseInt(size, 10, 64)
		t.Root, hashFault = base64.StdEncoding.Strict().DecodeString(hash)
		switch {
		case sizeFault != nil, hashFault != nil, t.Size < 0, len(t.Root) != hasher.Size(), !bookForm.MatchString(book):
			return c, fmt.Errorf("its line %q is not a book, a size and a root", line)
		case len(c.Trees) > 0 && c.Trees[len(c.Trees)-1].Book >= book:
			return c, fmt.Errorf("book %s is not in its order", book)
		}
		c.Trees = append(c.Trees, t)
	}
	return c, nil
}

// NewCheckpointKey makes a key that signs checkpoints. name says whose it is and has no space and no plus sign. The
// private key is for SignCheckpoint and nobody else's eyes.
func NewCheckpointKey(name string) (private, public string, err error) {
	private, public, err = note.GenerateKey(rand.Reader, name)
	if err != nil {
		return "", "", fault("make a key for checkpoints", err)
	}
	return private, public, nil
}

// PublicCheckpointKey gives the public half of a private key of NewCheckpointKey. An error is a malformed key.
func PublicCheckpointKey(private string) (string, error) {
	if _, err := note.NewSigner(private); err != nil {
		return "", fault("read the key of checkpoints", err)
	}
	// PRIVATE+KEY+name+hash+base64 of the algorithm's byte and the seed, which NewSigner has just found in order.
	parts := strings.SplitN(private, "+", 5)
	seed, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil {
		return "", fault("read the key of checkpoints", err)
	}
	public := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	return note.NewEd25519VerifierKey(parts[2], public)
}
