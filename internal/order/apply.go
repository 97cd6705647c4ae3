package order

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/finding"
	"exchequer/internal/outbox"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
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
	found        []finding.Finding // what about it must reach a person, whatever it changes
}

// outcome collects what the words of one transaction bring about, to be done in the order that every transaction keeps:
// attempts, bills, ledger, claims, findings.
type outcome struct {
	captures []capture
	released []Attempt
	found    []finding.Finding
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
// transaction takes the whole batch with its bookings; an error that may be one notification's own rolls it back and
// applies them one by one, so that the innocent do not wait.
func (s *Service) ApplyWaiting(ctx context.Context, book string) (int, error) {
	n, err := s.applyBatch(ctx, book, s.Timing.BatchSize)
	if err == nil || everybodys(ctx, err) {
		return n, err
	}
	return s.applyEach(ctx, book)
}

// everybodys reports whether an error is no single notification's fault: it would meet each of them alone as well.
func everybodys(ctx context.Context, err error) bool {
	_, network := errors.AsType[net.Error](err)
	fromServer, _ := errors.AsType[*pgconn.PgError](err)
	// SQLSTATE classes: connection exception, insufficient resources, operator intervention.
	down := fromServer != nil && slices.Contains([]string{"08", "53", "57"}, fromServer.Code[:2])
	return ctx.Err() != nil || network || down || pg.IsSerialization(err) || errors.Is(err, outbox.ErrStale) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// applyEach gives each waiting notification a transaction of its own. One that cannot be applied is put aside with a
// finding: waiting, it would hold up its book for ever. Its attempt is still asked about.
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
	for _, id := range ids {
		err := pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
			words, err := waitingTx(ctx, tx, book, `AND id = $2`, id)
			if err != nil {
				return err
			}
			return s.applyTx(ctx, tx, book, words)
		})
		if err == nil {
			continue
		}
		if everybodys(ctx, err) {
			return 0, err
		}
		if err := s.putAside(ctx, book, id, err); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

func (s *Service) putAside(ctx context.Context, book string, id int64, cause error) error {
	s.Log.ErrorContext(ctx, "notification could not be applied", "book", book, "notification", id, "error", cause)
	return pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := s.handledTx(ctx, tx, book, word{Notification: id}, "failed"); err != nil {
			return err
		}
		return finding.WriteTx(ctx, tx, cannotApply(book, fmt.Sprintf("notification %d", id), cause), s.now())
	})
}

// notApplied passes on the error of a word that could not be applied, with a finding unless the word is not to blame.
func (s *Service) notApplied(ctx context.Context, book, subject string, cause error) error {
	err := fmt.Errorf("%s of book %s: %w", subject, book, cause)
	if everybodys(ctx, cause) {
		return err
	}
	f := cannotApply(book, subject, cause)
	return errors.Join(err, pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error { return finding.WriteTx(ctx, tx, f, s.now()) }))
}

func cannotApply(book, subject string, cause error) finding.Finding {
	return finding.Finding{Book: book, Kind: finding.NotApplied, Subject: subject, Detail: map[string]string{"cause": causeOf(cause)}}
}

// causeOf gives the code of an error, for a finding: a message could hold more than ids.
func causeOf(err error) string {
	if r, ok := errors.AsType[*ledger.RefusedError](err); ok {
		return "ledger: " + string(r.Result.Code)
	}
	return string(problem.CodeOf(err))
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
	var out outcome
	for _, w := range words {
		a := attempts[w.Attempt]
		if a == nil {
			return fmt.Errorf("attempt %s of book %s is gone", w.Attempt, home)
		}
		out.found = append(out.found, w.found...)
		mark := "duplicate"
		if c, ok := next(a.State, w.event); ok {
			mark = "applied"
			if err := s.changeTx(ctx, tx, a, w, c, &out); err != nil {
				return err
			}
		}
		if err := s.handledTx(ctx, tx, home, w, mark); err != nil {
			return err
		}
	}
	if err := s.captureTx(ctx, tx, &out); err != nil {
		return err
	}
	// After the bills: Start locks the bills and then writes the claims, and the other way round each would wait for the
	// other.
	for _, a := range out.released {
		if err := releaseTx(ctx, tx, a); err != nil {
			return err
		}
	}
	return s.findTx(ctx, tx, out.found)
}

// findTx writes findings in one order, for another transaction may count up the same ones.
func (s *Service) findTx(ctx context.Context, tx pgx.Tx, list []finding.Finding) error {
	slices.SortStableFunc(list, func(a, b finding.Finding) int {
		return cmp.Or(cmp.Compare(a.Book, b.Book), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject))
	})
	for _, f := range list {
		if err := finding.WriteTx(ctx, tx, f, s.now()); err != nil {
			return err
		}
	}
	return nil
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

// changeTx stores the new state of an attempt with what the provider said, and notes in out what the change does
// besides.
func (s *Service) changeTx(ctx context.Context, tx pgx.Tx, a *Attempt, w word, c change, out *outcome) error {
	a.State = c.to
	if w.Seen.ProviderID != "" {
		a.ProviderID = w.Seen.ProviderID
	}
	if w.Seen.Code != "" {
		a.Code = w.Seen.Code
	}
	if !w.Seen.Occurred.IsZero() {
		at := w.Seen.Occurred.UTC()
		if !believable(at, *a, s.now()) {
			out.found = append(out.found, finding.Finding{Book: a.Book, Kind: finding.OddTime, Subject: a.Ref,
				Detail: map[string]string{"provider": a.Provider, "said": at.Format(time.RFC3339)}})
			at = s.now()
		}
		a.OccurredAt = &at
	}
	if err := s.storeTx(ctx, tx, *a); err != nil {
		return err
	}
	switch c.do {
	case book:
		out.captures = append(out.captures, capture{attempt: *a, amount: w.Seen.Amount})
		out.released = append(out.released, *a)
		if w.Seen.Amount != a.Amount {
			out.found = append(out.found, wrongAmount(*a, w.Seen.Amount))
		}
	case release:
		out.released = append(out.released, *a)
	case escalate:
		out.found = append(out.found, finding.Finding{Book: a.Book, Kind: finding.LateReversal, Subject: a.Ref,
			Detail: map[string]string{"provider": a.Provider, "code": a.Code}})
	}
	return audit.WriteTx(ctx, tx, recorder, audit.Act{Action: "attempt." + string(w.event), Book: a.Book, Subject: a.Ref}, s.now())
}

// clockSkew is how far a provider's clock may be from ours.
const clockSkew = time.Hour

// believable reports whether a payment of the attempt can have been made at the time the provider says. What cannot be
// is not booked under that day: it could lie in a year without calendar, or make an expired bill valid.
func believable(at time.Time, a Attempt, now time.Time) bool {
	return !at.After(now.Add(clockSkew)) && !at.Before(a.CreatedAt.Add(-clockSkew))
}

func wrongAmount(a Attempt, said int64) finding.Finding {
	return finding.Finding{Book: a.Book, Kind: finding.WrongAmount, Subject: a.Ref,
		Detail: map[string]string{"provider": a.Provider, "asked": fmt.Sprint(a.Amount), "said": fmt.Sprint(said)}}
}

func (s *Service) handledTx(ctx context.Context, tx pgx.Tx, home string, w word, mark string) error {
	if w.Notification == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE gateway.notification SET state = $3, handled_at = $4 WHERE book = $1 AND id = $2`,
		home, w.Notification, mark, s.now())
	return err
}
