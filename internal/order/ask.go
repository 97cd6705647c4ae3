package order

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/outbox"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/providers"
)

// longestPause is the most time between two questions about an attempt that stays uncertain.
const longestPause = 24 * time.Hour

// HandleAsk asks the provider about one attempt and applies its word as a notification would be; the handler of
// AskJob. It asks again until the attempt is certain.
func (s *Service) HandleAsk(ctx context.Context, j outbox.Job) error {
	a, err := readAttempt(ctx, s.Pool, j.Ref, "")
	if problem.CodeOf(err) == problem.NotFound || err == nil && a.State.Certain() {
		return pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error { return outbox.DoneTx(ctx, tx, j, s.now()) })
	}
	if err != nil {
		return err
	}
	w, err := s.ask(ctx, a)
	if err != nil {
		return err
	}
	return pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := s.applyTx(ctx, tx, a.Book, []word{w}); err != nil {
			return err
		}
		after, err := readAttempt(ctx, tx, a.Ref, "")
		if err != nil {
			return err
		}
		if after.State.Certain() {
			return outbox.DoneTx(ctx, tx, j, s.now())
		}
		return outbox.RescheduleTx(ctx, tx, j, s.nextAsk(a))
	})
}

// ask calls the provider, outside any transaction, and turns its answer into a word. What it cannot say now is a
// word that changes nothing: the attempt stays as it is and is asked about again.
func (s *Service) ask(ctx context.Context, a Attempt) (word, error) {
	w := word{Attempt: a.Ref}
	q, ok := s.Providers[a.Provider].(providers.Querier)
	if !ok {
		return w, nil
	}
	o, err := q.Query(ctx, providers.Inquiry{Reference: a.Ref, Merchant: a.Merchant, ProviderID: a.ProviderID, Created: a.CreatedAt})
	if err != nil {
		// Not knowing is a state: no error of a question ever becomes a failure of the payment.
		s.Log.WarnContext(ctx, "provider could not be asked", "attempt", a.Ref, "provider", a.Provider, "error", err)
		return w, nil
	}
	if o.Kind == providers.Succeeded && o.Amount <= 0 {
		s.Log.ErrorContext(ctx, "provider says paid and names no amount", "attempt", a.Ref, "provider", a.Provider)
		return w, nil
	}
	w.Seen, w.event = o, event(o.Kind)
	if o.Kind == providers.NotKnown && s.now().After(a.ExpiresAt.Add(s.Timing.Grace)) {
		w.event = windowOver
	}
	return w, nil
}

// nextAsk spaces the questions: the configured steps first, then ever longer pauses.
func (s *Service) nextAsk(a Attempt) time.Time {
	now := s.now()
	for _, step := range s.Timing.AskAfter {
		if at := a.CreatedAt.Add(step); at.After(now) {
			return at
		}
	}
	return now.Add(min(now.Sub(a.CreatedAt), longestPause))
}

// askSoon puts an attempt up to be asked about now.
func (s *Service) askSoon(ctx context.Context, a Attempt) error {
	return pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error { return s.askSoonTx(ctx, tx, a) })
}

func (s *Service) askSoonTx(ctx context.Context, tx pgx.Tx, a Attempt) error {
	if a.State.Certain() {
		return nil
	}
	_, err := outbox.EnqueueTx(ctx, tx, outbox.Job{Kind: AskJob, Book: a.Book, Ref: a.Ref, Due: s.now()})
	return err
}

// ReadReturn reads the query of a browser that comes back from a provider: for showing only, never for a decision.
// It puts an attempt that is not certain up to be asked about, since its payer is looking.
func (s *Service) ReadReturn(ctx context.Context, ref string) (Attempt, error) {
	a, err := readAttempt(ctx, s.Pool, ref, "")
	if err != nil {
		return Attempt{}, err
	}
	return a, s.askSoon(ctx, a)
}
