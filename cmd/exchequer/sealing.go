package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"exchequer/internal/reference"
	"exchequer/ledger"
)

// sealEvery is how long a transaction may wait for its leaf.
const sealEvery = time.Second

// seal keeps the books' trees up, and publishes a checkpoint when a day was closed, until ctx ends. What fails is tried
// again: the ledger works without its trees, and what is not sealed is a metric.
func (g *gateway) seal(ctx context.Context) error {
	t := time.NewTicker(sealEvery)
	defer t.Stop()
	for behind := false; ; {
		if !behind {
			select {
			case <-ctx.Done():
			case <-t.C:
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		var err error
		if behind, err = g.sealNext(ctx); err != nil && ctx.Err() == nil {
			g.log.Warn("the books could not be sealed", "error", err)
		}
	}
}

// sealNext seals a step of every book; behind says that one has more. A book in which more is posted than is sealed, or
// one with a fault, keeps neither the others nor the checkpoint waiting.
func (g *gateway) sealNext(ctx context.Context) (behind bool, err error) {
	books, err := g.ledger.Books(ctx)
	if err != nil {
		return false, err
	}
	var faults []error
	for _, book := range books {
		n, err := g.ledger.SealStep(ctx, book)
		faults = append(faults, err)
		behind = behind || n == ledger.SealAtOnce
	}
	closed, err := g.lastClosed(ctx, books)
	faults = append(faults, err)
	if !closed.IsZero() {
		faults = append(faults, g.publishOnce(ctx, closed))
	}
	return behind, errors.Join(faults...)
}

// lastClosed gives the last day (00:00 UTC) that was closed in a book of the gateway's own, zero where none was. What a
// partner's book has closed, a copied one's years among it, is no day of the gateway.
func (g *gateway) lastClosed(ctx context.Context, books []string) (closed time.Time, err error) {
	for _, book := range books {
		if !reference.IsBook(book) {
			continue
		}
		through, err := g.ledger.ClosedThrough(ctx, book)
		if err != nil {
			return time.Time{}, err
		}
		if through.After(closed) {
			closed = through
		}
	}
	return closed, nil
}

// publishOnce publishes the checkpoint of a closed day (00:00 UTC) where there is none.
func (g *gateway) publishOnce(ctx context.Context, day time.Time) error {
	if _, err := g.checkpoints().Checkpoint(day); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	_, err := g.publish(ctx, g.checkpoints(), day)
	return err
}

// publish seals all that is committed and publishes the trees for a day (00:00 UTC): whatever was posted before the day
// was closed is in them.
func (g *gateway) publish(ctx context.Context, to checkpoints, day time.Time) (ledger.Checkpoint, error) {
	if _, err := g.sealAll(ctx); err != nil {
		return ledger.Checkpoint{}, err
	}
	trees, err := g.ledger.Trees(ctx)
	if err != nil {
		return ledger.Checkpoint{}, err
	}
	return to.publish(day, trees)
}

// sealAll seals all that is committed and says how many transactions that were, by book.
func (g *gateway) sealAll(ctx context.Context) (map[string]int, error) {
	books, err := g.ledger.Books(ctx)
	if err != nil {
		return nil, err
	}
	taken := make(map[string]int, len(books))
	for _, book := range books {
		if taken[book], err = g.ledger.Seal(ctx, book); err != nil {
			return nil, err
		}
	}
	return taken, nil
}
