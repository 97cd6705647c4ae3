package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"exchequer/internal/calendar"
)

const (
	// releaseEvery is how long money may stay set aside after its time.
	releaseEvery = 10 * time.Second
	// releasedAtOnce bounds what shares a look at a book.
	releasedAtOnce = 1_000
)

// releaseHolds releases the ledger's holds whose time is over, until ctx ends. What fails is tried again.
func (g *gateway) releaseHolds(ctx context.Context) error {
	t := time.NewTicker(releaseEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if err := g.releaseDue(ctx); err != nil && ctx.Err() == nil {
				g.log.Warn("holds whose time is over were not released", "error", err)
			}
		}
	}
}

// releaseDue releases in every book the holds whose time is over now. A fault in one book keeps no other from it.
func (g *gateway) releaseDue(ctx context.Context) error {
	books, err := g.ledger.Books(ctx)
	if err != nil {
		return err
	}
	var faults []error
	today := calendar.DayOf(g.clock.Now()).UTC()
	for _, book := range books {
		for {
			n, err := g.ledger.ExpireHolds(ctx, book, today, releasedAtOnce)
			if err != nil {
				faults = append(faults, fmt.Errorf("book %s: %w", book, err))
			}
			if err != nil || n < releasedAtOnce {
				break
			}
		}
	}
	return errors.Join(faults...)
}
