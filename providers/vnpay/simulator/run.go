package simulator

import (
	"context"
	"errors"
	"time"
)

// Run does what is due, again and again, until ctx ends.
func (s *Simulator) Run(ctx context.Context) error {
	ticker := time.NewTicker(s.config.TickEvery)
	defer ticker.Stop()
	for {
		if err := s.Tick(ctx); err != nil && ctx.Err() == nil {
			s.config.Log.Warn("the VNPAY simulator could not do all that is due; it tries again", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-s.wake:
		}
	}
}

// Tick does once all that is due by the simulator's clock: ends payments whose time is over, sends notifications,
// settles, pays over. It returns when the calls are answered and the book is durable.
func (s *Simulator) Tick(ctx context.Context) error {
	s.ticking.Lock()
	defer s.ticking.Unlock()
	now := s.config.Now()

	s.mu.Lock()
	err := s.expireAll(now)
	letters := s.dueLetters(now)
	s.mu.Unlock()
	// Nobody hears of a payment that a crash could still undo.
	if err = errors.Join(err, s.journal.Sync()); err != nil {
		return err
	}
	if err := s.send(ctx, letters); err != nil {
		return err
	}

	s.mu.Lock()
	err = s.settleAll(now)
	owed := append([]*Batch(nil), s.book.owed...)
	s.mu.Unlock()
	if err = errors.Join(err, s.journal.Sync()); err != nil {
		return err
	}
	return errors.Join(s.payOver(ctx, owed), s.journal.Sync())
}

// expireAll ends open payments whose time is over. The caller holds mu.
func (s *Simulator) expireAll(now time.Time) error {
	for p := range s.book.open {
		if err := s.expire(p, now); err != nil {
			return err
		}
	}
	return nil
}
