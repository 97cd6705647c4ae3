package publication

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/approval"
	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/problem"
)

// approvalKind is the kind of a draft's request for approval.
const approvalKind = "law"

// Propose asks a second person to publish a draft. NotFound; Forbidden unless the actor is treasury staff of the house;
// Conflict where it was proposed or decided before, or what it replaces was published anew.
func (s *Store) Propose(ctx context.Context, actor authn.Actor, id int64) (Draft, error) {
	return s.step(ctx, actor, id, s.proposeTx)
}

// Approve publishes a proposed draft: from now on its documents are what is known of the law. The whole law is compiled
// again with it first, so this takes a moment. NotFound; Forbidden unless the actor is treasury staff of the house and
// neither drafted nor proposed it; Conflict where it is not proposed, what it replaces was published anew, or what it changes is
// no longer what was shown; Invalid where it is no law together with what is published now; Unavailable where this host's
// clock is behind the proposal or the last publication.
func (s *Store) Approve(ctx context.Context, actor authn.Actor, id int64) (Draft, error) {
	return s.step(ctx, actor, id, s.approveTx)
}

// mostReason is the most of a reason that is kept, in bytes.
const mostReason = 200

// Reject turns a draft down, proposed or not; who made it may do so too. The reason is kept for good: one line, and no name
// of a person. NotFound; Forbidden unless the actor is treasury staff of the house; Conflict where it was decided
// before; Invalid for a reason that is none.
func (s *Store) Reject(ctx context.Context, actor authn.Actor, id int64, reason string) (Draft, error) {
	unprintable := strings.ContainsFunc(reason, func(r rune) bool { return !unicode.IsPrint(r) })
	if strings.TrimSpace(reason) == "" || len(reason) > mostReason || !utf8.ValidString(reason) || unprintable {
		return Draft{}, problem.Both(problem.Invalid, "reason", fmt.Sprintf("hãy ghi lý do trong một dòng, không quá %d byte", mostReason),
			fmt.Sprintf("give the reason in one line of at most %d bytes", mostReason))
	}
	return s.step(ctx, actor, id, func(ctx context.Context, tx pgx.Tx, actor authn.Actor, d Draft) error {
		return s.rejectTx(ctx, tx, actor, d, reason)
	})
}

// step takes the turn, so that what is published does not change meanwhile, locks the draft, lets fn act on it and reads it
// again.
func (s *Store) step(ctx context.Context, actor authn.Actor, id int64, fn func(context.Context, pgx.Tx, authn.Actor, Draft) error) (Draft, error) {
	if err := require(actor); err != nil {
		return Draft{}, err
	}
	var d Draft
	err := s.inTurn(ctx, func(tx pgx.Tx) (err error) {
		if d, err = s.readTx(ctx, tx, id, " FOR UPDATE"); err != nil {
			return err
		}
		if err := fn(ctx, tx, actor, d); err != nil {
			return err
		}
		d, err = s.readTx(ctx, tx, id, "")
		return err
	})
	return d, err
}

func (s *Store) proposeTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, d Draft) error {
	if d.State != Drafted {
		return d.errNotOpen()
	}
	if err := d.checkBase(ctx, tx); err != nil {
		return err
	}
	request, err := approval.AskTx(ctx, tx, actor, approval.Request{
		Kind: approvalKind, Book: booking.House, Ref: subject(d.ID), Digest: d.digest, Detail: d.detail(),
	}, s.now())
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		UPDATE gateway.law_draft SET state = 'proposed', approval = $2, proposed_by = $3, proposed_at = $4 WHERE id = $1 AND state = 'drafted'`,
		d.ID, request, actor.Name(), s.now())
	if err != nil {
		return fmt.Errorf("proposing: %w", err)
	}
	return nil
}

// detail is what the second person is shown of the draft in the list of what waits; the draft itself has every change.
func (d Draft) detail() map[string]string {
	past := 0
	for _, c := range d.Changes {
		if c.Past {
			past++
		}
	}
	out := map[string]string{"base": strconv.FormatInt(d.Base, 10), "past": strconv.Itoa(past)}
	for kind, n := range d.Counts {
		out[string(kind)] = strconv.Itoa(n)
	}
	var names []string
	for _, doc := range d.Documents {
		names = append(names, doc.Name)
	}
	out["documents"] = strings.Join(names, " ")
	return out
}

func (s *Store) approveTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, d Draft) error {
	if d.State != Proposed {
		return d.errNotOpen()
	}
	if actor.Name() == d.DraftedBy || actor.Name() == d.ProposedBy {
		return both(problem.Forbidden, "chính bạn đã soạn hoặc trình dự thảo này: phải có người khác của kho bạc phê duyệt",
			"you drafted or proposed this yourself: another person of the treasury must approve it")
	}
	if now := s.now(); now.Before(*d.ProposedAt) {
		return errClock(now, fee.Text{Vi: "việc trình dự thảo này", En: "the proposal of this draft"}, *d.ProposedAt)
	}
	digest, err := digestOfDraft(d.Documents)
	if err != nil {
		return err
	}
	if _, err := approval.ApproveTx(ctx, tx, actor, approval.Decision{ID: d.approval, Digest: digest}, s.now()); err != nil {
		return err
	}
	c, err := d.prepareAgain(ctx, tx, s.today())
	if err != nil {
		return err
	}
	e, err := s.publishTx(ctx, tx, actor, d.ID, c)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
		UPDATE gateway.law_draft SET state = 'published', decided_by = $2, decided_at = $3, revision = $4 WHERE id = $1 AND state = 'proposed'`,
		d.ID, actor.Name(), e.since, e.revision)
	if err != nil {
		return fmt.Errorf("marking the draft as published: %w", err)
	}
	return writeAudit(ctx, tx, actor, "law.publish", d.ID, map[string]string{"revision": strconv.FormatInt(e.revision, 10), "digest": digest}, e.since)
}

// prepareAgain prepares the draft's change beside what is published by now. Conflict where that is not what was shown: by
// now another service may follow a parameter in it, and a newer program may read the documents in another way.
func (d Draft) prepareAgain(ctx context.Context, tx pgx.Tx, today calendar.Date) (change, error) {
	if err := d.checkBase(ctx, tx); err != nil {
		return change{}, err
	}
	docs, err := textsOf(ctx, tx, d.ID)
	if err != nil {
		return change{}, err
	}
	c, err := prepare(ctx, tx, docs, today)
	if err != nil {
		return c, err
	}
	shown, err := asShown(d.Changes)
	if err != nil {
		return c, err
	}
	now, err := asShown(c.changes)
	if err == nil && (now != shown || !slices.Equal(c.services, d.Services)) {
		err = both(problem.Conflict, "những gì dự thảo %d thay đổi không còn như đã hiển thị: hãy soạn lại và xem lại",
			"what draft %d changes is no longer what was shown: draft it again and look at it anew", d.ID)
	}
	return c, err
}

// asShown writes changes without what differs from day to day.
func asShown(changes []Change) (string, error) {
	changes = slices.Clone(changes)
	for i := range changes {
		changes[i].Past = false
	}
	text, err := json.Marshal(changes)
	return string(text), err
}

func (s *Store) rejectTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, d Draft, reason string) error {
	switch d.State {
	case Drafted:
	case Proposed:
		if _, err := approval.RejectTx(ctx, tx, actor, d.approval, s.now()); err != nil {
			return err
		}
	default:
		return d.errNotOpen()
	}
	_, err := tx.Exec(ctx, `
		UPDATE gateway.law_draft SET state = 'rejected', decided_by = $2, decided_at = $3, reason = $4
		WHERE id = $1 AND state IN ('drafted', 'proposed')`, d.ID, actor.Name(), s.now(), reason)
	if err != nil {
		return fmt.Errorf("rejecting: %w", err)
	}
	return writeAudit(ctx, tx, actor, "law.reject", d.ID, nil, s.now())
}
