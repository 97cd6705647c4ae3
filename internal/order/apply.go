package order

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/finding"
	"exchequer/internal/outbox"
	"exchequer/internal/pg"
	"exchequer/internal/reference"
	"exchequer/ledger"
	"exchequer/providers"
)

// recorder acts on a provider's word.
var recorder = authn.Exchequer("orders")

// word is an observation about one attempt, from the inbox (Notification above 0) or from asking.
type word struct {
	Notification int64
	Attempt      string
	Seen         providers.Observation
	event        event
}

// HandleApply applies what waits in a book's inbox; the handler of ApplyJob.
func (s *Service) HandleApply(ctx context.Context, j outbox.Job) error {
	for {
		n, err := s.ApplyWaiting(ctx, j.Ref)
		if err != nil {
			return err
		}
		if n == 0 {
			return pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error { return outbox.DoneTx(ctx, tx, j, s.now()) })
		}
	}
}

// ApplyWaiting applies up to one batch of a book's recorded notifications and says how many it handled. One
// transaction takes the whole batch with its bookings; an unexpected refusal rolls it back and applies one by one.
func (s *Service) ApplyWaiting(ctx context.Context, book string) (int, error) {
	n, err := s.applyBatch(ctx, book, s.Timing.BatchSize)
	if _, ok := errors.AsType[*ledger.RefusedError](err); !ok {
		return n, err
	}
	return s.applyEach(ctx, book)
}

// applyEach gives each waiting notification a transaction of its own. One that is refused stays in the inbox, and its
// error is returned after all others had their turn.
func (s *Service) applyEach(ctx context.Context, book string) (int, error) {
	var ids []int64
	rows, err := s.Pool.Query(ctx, `SELECT id FROM gateway.notification WHERE book = $1 AND state = 'received' ORDER BY id LIMIT $2`,
		book, s.Timing.BatchSize)
	if err != nil {
		return 0, err
	}
	if ids, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil {
		return 0, err
	}
	var refused error
	for _, id := range ids {
		err := pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
			words, err := waitingTx(ctx, tx, book, `AND id = $2`, id)
			if err != nil {
				return err
			}
			return s.applyTx(ctx, tx, book, words)
		})
		if err != nil {
			refused = errors.Join(refused, fmt.Errorf("notification %d of book %s: %w", id, book, err))
		}
	}
	return len(ids), refused
}

func (s *Service) applyBatch(ctx context.Context, book string, limit int) (int, error) {
	var n int
	err := pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		words, err := waitingTx(ctx, tx, book, `ORDER BY id LIMIT $2`, limit)
		if err != nil || len(words) == 0 {
			return err
		}
		n = len(words)
		return s.applyTx(ctx, tx, book, words)
	})
	return n, err
}

func waitingTx(ctx context.Context, tx pgx.Tx, book, which string, arg any) ([]word, error) {
	rows, err := tx.Query(ctx, `SELECT id, attempt, observation FROM gateway.notification
		WHERE book = $1 AND state = 'received' `+which+` FOR UPDATE SKIP LOCKED`, book, arg)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (word, error) {
		var w word
		err := r.Scan(&w.Notification, &w.Attempt, &w.Seen)
		w.event = event(w.Seen.Kind)
		return w, err
	})
}

// applyTx is the one place where a provider's word changes an attempt: state, claims, bookings, bills, payments,
// expectations, findings, audit and the notification's own mark, all in the caller's transaction.
func (s *Service) applyTx(ctx context.Context, tx pgx.Tx, home string, words []word) error {
	attempts, err := lockAttemptsTx(ctx, tx, home, words)
	if err != nil {
		return err
	}
	var captures []capture
	for _, w := range words {
		a := attempts[w.Attempt]
		if a == nil {
			return fmt.Errorf("attempt %s of book %s is gone", w.Attempt, home)
		}
		mark := "duplicate"
		if c, ok := next(a.State, w.event); ok {
			mark = "applied"
			if err := s.changeTx(ctx, tx, a, w, c); err != nil {
				return err
			}
			if c.do == book {
				captures = append(captures, capture{attempt: *a, amount: w.Seen.Amount})
			}
		}
		if err := s.handledTx(ctx, tx, home, w, mark); err != nil {
			return err
		}
	}
	return s.captureTx(ctx, tx, captures)
}

// lockAttemptsTx locks the orders first and then the attempts, each in reference order, as Start does.
func lockAttemptsTx(ctx context.Context, tx pgx.Tx, home string, words []word) (map[string]*Attempt, error) {
	var refs []string
	for _, w := range words {
		refs = append(refs, w.Attempt)
	}
	slices.Sort(refs)
	refs = slices.Compact(refs)
	orders := make([]string, len(refs))
	for i, ref := range refs {
		orders[i] = reference.Order(ref)
	}
	if _, err := tx.Exec(ctx, `SELECT 1 FROM gateway.payment_order WHERE book = $1 AND ref = ANY($2) ORDER BY ref FOR UPDATE`, home, orders); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `SELECT `+attemptColumns+` FROM gateway.attempt WHERE book = $1 AND ref = ANY($2) ORDER BY ref FOR UPDATE`, home, refs)
	if err != nil {
		return nil, err
	}
	list, err := pgx.CollectRows(rows, pgx.RowToAddrOfStructByPos[Attempt])
	if err != nil {
		return nil, err
	}
	attempts := make(map[string]*Attempt, len(list))
	for _, a := range list {
		attempts[a.Ref] = a
	}
	return attempts, nil
}

// changeTx stores the new state of an attempt with what the provider said, and gives back its claims where the state
// no longer holds them.
func (s *Service) changeTx(ctx context.Context, tx pgx.Tx, a *Attempt, w word, c change) error {
	a.State = c.to
	if w.Seen.ProviderID != "" {
		a.ProviderID = w.Seen.ProviderID
	}
	if w.Seen.Code != "" {
		a.Code = w.Seen.Code
	}
	if !w.Seen.Occurred.IsZero() {
		at := w.Seen.Occurred.UTC()
		a.OccurredAt = &at
	}
	if err := s.storeTx(ctx, tx, *a); err != nil {
		return err
	}
	if c.do == release || c.do == book {
		if err := releaseTx(ctx, tx, *a); err != nil {
			return err
		}
	}
	if c.do == escalate {
		f := finding.Finding{Book: a.Book, Kind: finding.LateReversal, Subject: a.Ref, Detail: map[string]string{"provider": a.Provider, "code": a.Code}}
		if err := finding.WriteTx(ctx, tx, f, s.now()); err != nil {
			return err
		}
	}
	return audit.WriteTx(ctx, tx, recorder, audit.Act{Action: "attempt." + string(w.event), Book: a.Book, Subject: a.Ref}, s.now())
}

func (s *Service) handledTx(ctx context.Context, tx pgx.Tx, home string, w word, mark string) error {
	if w.Notification == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE gateway.notification SET state = $3, handled_at = $4 WHERE book = $1 AND id = $2`,
		home, w.Notification, mark, s.now())
	return err
}
