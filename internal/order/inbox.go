package order

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/booking"
	"exchequer/internal/finding"
	"exchequer/internal/money"
	"exchequer/internal/outbox"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/internal/reference"
	"exchequer/providers"
)

// The kinds of wake-up this package handles.
const (
	ApplyJob = "notifications.apply" // ref: a book; applies what waits in it
	AskJob   = "attempt.ask"         // ref: an attempt; asks its provider
)

// Receive records a provider's notification and answers it in the provider's own form. What is accepted is applied
// afterwards in batches; what is refused stays in the inbox with a finding and changes nothing else. A fault of ours
// is answered so that the provider sends it again.
func (s *Service) Receive(ctx context.Context, name string, n providers.Notification) (providers.Reply, error) {
	p, ok := s.Providers[name]
	if !ok {
		return providers.Reply{}, problem.New(problem.NotFound, "there is no provider %q", name)
	}
	m, err := s.judge(ctx, p, n)
	if err == nil {
		err = pg.InTx(ctx, s.Pool, func(tx pgx.Tx) error { return s.recordTx(ctx, tx, m) })
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "notification could not be recorded", "provider", name, "error", err)
		return p.Answer(providers.Fault), nil
	}
	return p.Answer(m.verdict), nil
}

// message is a notification with what was made of it.
type message struct {
	provider string
	raw      providers.Notification
	verdict  providers.Verdict
	attempt  Attempt // zero where none is known
	seen     *providers.Observation
	ask      bool // the attempt is not certain and this word does not make it so
}

// judge reads and checks a notification, in the order signature, order, amount, not yet final.
func (s *Service) judge(ctx context.Context, p providers.Provider, n providers.Notification) (message, error) {
	m := message{provider: p.Name(), raw: n, verdict: providers.Accepted}
	o, err := p.Read(n)
	switch {
	case errors.Is(err, providers.ErrBadSignature):
		m.verdict = providers.BadSignature
		return m, nil
	case err != nil:
		m.verdict = providers.Malformed
		return m, nil
	}
	m.seen = &o
	m.attempt, err = s.attemptSeen(ctx, p.Name(), o)
	switch {
	case problem.CodeOf(err) == problem.NotFound, problem.CodeOf(err) == problem.Invalid:
		m.verdict = providers.UnknownOrder
	case err != nil:
		return m, err
	case !fits(o, m.attempt):
		m.verdict = providers.AmountDiffers
	default:
		_, moves := next(m.attempt.State, event(o.Kind))
		switch {
		case moves:
		case m.attempt.State.Certain():
			m.verdict = providers.AlreadyFinal
		default: // a word that decides nothing: taken, and the provider is asked for one that does
			m.ask = true
		}
	}
	return m, nil
}

// fits reports whether an observation speaks of the amount that was asked for. A payment that was not made may come
// without an amount; one that was made may not.
func fits(o providers.Observation, a Attempt) bool {
	if o.Amount == 0 && o.Kind != providers.Succeeded {
		return true
	}
	return o.Amount == a.Amount && o.Currency == money.VND
}

// attemptSeen finds the attempt an observation is about. Another provider's attempt is as unknown as none.
func (s *Service) attemptSeen(ctx context.Context, provider string, o providers.Observation) (Attempt, error) {
	ref, err := reference.ParseAttempt(o.Reference)
	if err != nil {
		return Attempt{}, err
	}
	a, err := readAttempt(ctx, s.Pool, ref, "")
	if err == nil && (a.Provider != provider || a.Merchant != o.Merchant) {
		return Attempt{}, problem.New(problem.NotFound, "not this provider's payment")
	}
	return a, err
}

var inboxState = map[providers.Verdict]string{providers.Accepted: "received", providers.AlreadyFinal: "duplicate"}

func (s *Service) recordTx(ctx context.Context, tx pgx.Tx, m message) error {
	book, state := m.attempt.Book, inboxState[m.verdict]
	if book == "" {
		book = booking.House
	}
	if state == "" {
		state = "refused"
	}
	header, err := json.Marshal(kept(m.raw.Header))
	if err != nil {
		return err
	}
	body := m.raw.Body
	if body == nil {
		body = []byte{}
	}
	now := s.now()
	_, err = tx.Exec(ctx, `
		INSERT INTO gateway.notification (book, provider, method, raw_query, header, body, received_at, verdict, attempt, observation, state)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		book, m.provider, m.raw.Method, []byte(m.raw.RawQuery), header, body, now, m.verdict, m.attempt.Ref, m.seen, state)
	if err != nil {
		return err
	}
	if m.ask {
		if err := s.askSoonTx(ctx, tx, m.attempt); err != nil {
			return err
		}
	}
	if m.verdict == providers.Accepted {
		_, err = outbox.EnqueueTx(ctx, tx, outbox.Job{Kind: ApplyJob, Book: book, Ref: book, Due: now})
		return err
	}
	return s.refuseTx(ctx, tx, book, m)
}

// refuseTx writes the finding of a refused notification. A wrong amount puts the attempt up to be asked about at
// once: the provider's answer to a question decides, not the message.
func (s *Service) refuseTx(ctx context.Context, tx pgx.Tx, book string, m message) error {
	if m.verdict == providers.AmountDiffers {
		if err := s.askSoonTx(ctx, tx, m.attempt); err != nil {
			return err
		}
		return finding.WriteTx(ctx, tx, wrongAmount(m.attempt, m.seen.Amount), s.now())
	}
	kind, ok := junk[m.verdict]
	if !ok {
		return nil
	}
	// The provider's retries are the same message: one finding that counts up, not one a retry.
	sum := sha256.Sum256(append([]byte(m.provider+m.raw.Method+m.raw.RawQuery), m.raw.Body...))
	f := finding.Finding{Book: book, Kind: kind, Subject: hex.EncodeToString(sum[:8]), Detail: map[string]string{"provider": m.provider}}
	return finding.WriteCappedTx(ctx, tx, f, s.now())
}

// junk are the verdicts on messages that anybody can send.
var junk = map[providers.Verdict]finding.Kind{
	providers.BadSignature: finding.BadSignature, providers.Malformed: finding.Malformed, providers.UnknownOrder: finding.UnknownOrder,
}

// keptHeaders are what a message is read by and signed with. Everything else may name a person or hold a secret, under
// names that proxies make up.
var keptHeaders = []string{"Content-Type", "Content-Digest", "Date", "Digest", "Signature", "Signature-Input", "User-Agent", "X-Request-Id", "X-Signature"}

func kept(h http.Header) http.Header {
	out := make(http.Header)
	for _, name := range keptHeaders {
		if v := h.Values(name); len(v) > 0 {
			out[name] = v
		}
	}
	return out
}
