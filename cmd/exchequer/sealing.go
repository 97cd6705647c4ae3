package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"exchequer/ledger"
)

// sealEvery is how long a transaction may wait for its leaf.
const sealEvery = time.Second

// seal keeps the books' trees up, and publishes a checkpoint when a day was closed, until ctx ends. What fails is tried
// again: the ledger works without its trees, and what is not sealed is a metric.
func (g *gateway) seal(ctx context.Context) error {
	t := time.NewTicker(sealEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if err := g.sealNext(ctx); err != nil && ctx.Err() == nil {
				g.log.Warn("the books could not be sealed", "error", err)
			}
		}
	}
}

// sealNext seals what is new in every book. A fault in one book keeps no other from it.
func (g *gateway) sealNext(ctx context.Context) error {
	books, err := g.ledger.Books(ctx)
	if err != nil {
		return err
	}
	var faults []error
	var closed time.Time
	for _, book := range books {
		for {
			n, err := g.ledger.SealStep(ctx, book)
			faults = append(faults, err)
			if err != nil || n < ledger.SealAtOnce {
				break
			}
		}
		through, err := g.ledger.ClosedThrough(ctx, book)
		faults = append(faults, err)
		if through.After(closed) {
			closed = through
		}
	}
	if !closed.IsZero() {
		faults = append(faults, g.publishOnce(ctx, closed))
	}
	return errors.Join(faults...)
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
