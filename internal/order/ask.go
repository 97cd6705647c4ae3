package order

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/finding"
	"exchequer/internal/money"
	"exchequer/internal/outbox"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
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
	w := s.ask(ctx, a)
	err = pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
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
	if err != nil {
		return s.notApplied(ctx, a.Book, "answer on "+a.Ref, err)
	}
	return nil
}

// ask calls the provider, outside any transaction, and turns its answer into a word. What it cannot say now is a
// word that changes nothing: the attempt stays as it is and is asked about again.
func (s *Service) ask(ctx context.Context, a Attempt) word {
	w := word{Attempt: a.Ref}
	q, ok := s.Providers[a.Provider].(providers.Querier)
	if !ok {
		return w
	}
	at := s.now() // before the question: its answer may be older than the clock after it
	o, err := q.Query(ctx, providers.Inquiry{Reference: a.Ref, Merchant: a.Merchant, ProviderID: a.ProviderID, Created: a.CreatedAt})
	if err != nil {
		// Not knowing is a state: no error of a question ever becomes a failure of the payment.
		s.Log.WarnContext(ctx, "provider could not be asked", "attempt", a.Ref, "provider", a.Provider, "error", err)
		return w
	}
	if o.Reference != a.Ref || o.Merchant != a.Merchant || o.Currency != money.VND {
		w.found = append(w.found, finding.Finding{Book: a.Book, Kind: finding.WrongAnswer, Subject: a.Ref, Detail: map[string]string{
			"provider": a.Provider, "reference": o.Reference, "merchant": o.Merchant, "currency": o.Currency}})
		return w
	}
	if o.Kind == providers.Succeeded && o.Amount <= 0 {
		w.found = append(w.found, wrongAmount(a, o.Amount))
		return w
	}
	w.Seen, w.event = o, event(o.Kind)
	if (o.Kind == providers.NotKnown || o.Kind == providers.Pending) && at.After(a.ExpiresAt.Add(s.Timing.Grace)) {
		w.event = windowOver
	}
	return w
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

// soon is how long a question that is put up already may take to be due and still serve who looks now.
const soon = 3 * time.Second

// askSoonTx asks for one question however many look: reading must not pile up work.
func (s *Service) askSoonTx(ctx context.Context, tx pgx.Tx, a Attempt) error {
	if a.State.Certain() {
		return nil
	}
	var waits bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM gateway.outbox
		WHERE book = $1 AND kind = $2 AND ref = $3 AND state = 'waiting' AND due <= $4)`,
		a.Book, AskJob, a.Ref, s.now().Add(soon)).Scan(&waits)
	if err != nil || waits {
		return err
	}
	_, err = outbox.EnqueueTx(ctx, tx, outbox.Job{Kind: AskJob, Book: a.Book, Ref: a.Ref, Due: s.now()})
	return err
}

// ReadReturn finds the attempt of a browser that comes back from a provider: for showing only. What the browser brings
// along is not asked for, since the payer can change it; an attempt that is not certain is put up to be asked about
// instead, for its payer is looking. Invalid for a malformed reference, NotFound for an unknown one.
func (s *Service) ReadReturn(ctx context.Context, ref string) (Attempt, error) {
	ref, err := reference.ParseAttempt(ref)
	if err != nil {
		return Attempt{}, err
	}
	a, err := readAttempt(ctx, s.Pool, ref, "")
	if err != nil {
		return Attempt{}, err
	}
	return a, s.askSoon(ctx, a)
}
