// Package approval owns the requests that wait for a second person: payouts, closings of breaks, large refunds.
//
// It guarantees that nobody approves what he asked for (CHECK approval_second_person), that only treasury staff of the
// book approve, that what is approved is what was asked (the digest, and columns the program's role may not update),
// that a request is decided once, and that each step leaves an audit row in the same transaction.
// It is not a workflow engine and carries nothing out: the package that asked does, in the transaction of ApproveTx.
package approval

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/problem"
)

// State is where a request stands.
type State string

// The states. Approved and rejected are final.
const (
	Pending  State = "pending"
	Approved State = "approved"
	Rejected State = "rejected"
)

// Request is what somebody wants done. Kind and Ref name it ("payout", its reference); Digest binds its content (see
// Digest); Detail is what the second person is shown: ids, codes, amounts. The rest is filled in by this package.
type Request struct {
	ID              int64
	Kind, Book, Ref string
	Digest          string
	Detail          map[string]string
	State           State
	RequestedBy     string
	RequestedAt     time.Time
}

// Decision names a request and the digest of its content as it stands now, computed by the caller from his own rows in
// the same transaction.
type Decision struct {
	ID     int64
	Digest string
}

// Digest is the SHA-256, in hex, of the content's JSON. Give it a struct, or a map with string keys: both have one JSON.
func Digest(content any) (string, error) {
	b, err := json.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("the content of a request cannot be written as JSON: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// AskTx records the request. Forbidden unless the actor is treasury staff of the book or the program itself; Conflict
// where the same (kind, book, ref) already waits.
func AskTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, r Request, at time.Time) (int64, error) {
	if err := actor.Require(r.Book, authn.Treasury); err != nil {
		return 0, err
	}
	if r.Kind == "" || r.Ref == "" || r.Digest == "" {
		return 0, problem.New(problem.Invalid, "a request for approval needs a kind, a reference and the digest of its content")
	}
	if r.Detail == nil {
		r.Detail = map[string]string{}
	}
	var id int64
	// ON CONFLICT keeps the caller's transaction usable: a unique violation would abort it.
	err := tx.QueryRow(ctx, `
		INSERT INTO gateway.approval (book, kind, ref, digest, detail, requested_by, requested_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (book, kind, ref) WHERE state = 'pending' DO NOTHING
		RETURNING id`, r.Book, r.Kind, r.Ref, r.Digest, r.Detail, actor.Name(), at.UTC()).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, r.conflict("đang chờ người thứ hai: hãy phê duyệt hoặc từ chối đề nghị đó trước", "already waits for a second person: approve or reject that request first")
	}
	if err != nil {
		return 0, fmt.Errorf("asking for approval: %w", err)
	}
	return id, writeAudit(ctx, tx, actor, "approval.ask", id, r, at)
}

// ApproveTx approves what another person asked for, and gives back the request. The caller carries it out in the same
// transaction.
//
// NotFound where there is no such request; Forbidden unless the actor is treasury staff of the book and not the one who
// asked (the program itself is nobody's second person); Conflict where it was decided before, or where the content is no
// longer what was asked.
func ApproveTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, d Decision, at time.Time) (Request, error) {
	r, err := lockPending(ctx, tx, actor, d.ID)
	if err != nil {
		return Request{}, err
	}
	if actor.Role != authn.Treasury {
		return Request{}, errNotTreasury(actor)
	}
	if actor.Name() == r.RequestedBy {
		return Request{}, errSamePerson()
	}
	if d.Digest != r.Digest {
		return Request{}, r.conflict("không còn như khi được đề nghị: hãy từ chối đề nghị này rồi đề nghị lại", "is no longer what was asked: reject this request and ask again")
	}
	_, err = tx.Exec(ctx, `
		UPDATE gateway.approval SET state = 'approved', approved_by = $2, decided_at = $3 WHERE id = $1 AND state = 'pending'`,
		d.ID, actor.Name(), at.UTC())
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.ConstraintName == "approval_second_person" {
		return Request{}, errSamePerson()
	}
	if err != nil {
		return Request{}, fmt.Errorf("approving: %w", err)
	}
	r.State = Approved
	return r, writeAudit(ctx, tx, actor, "approval.approve", r.ID, r, at)
}

// RejectTx turns the request down; the one who asked may do so too, and so the program takes back what it asked for.
// NotFound, Forbidden and Conflict as ApproveTx.
func RejectTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, id int64, at time.Time) (Request, error) {
	r, err := lockPending(ctx, tx, actor, id)
	if err != nil {
		return Request{}, err
	}
	if actor.Role != authn.Treasury && actor.Name() != r.RequestedBy {
		return Request{}, errNotTreasury(actor)
	}
	_, err = tx.Exec(ctx, `
		UPDATE gateway.approval SET state = 'rejected', rejected_by = $2, decided_at = $3 WHERE id = $1 AND state = 'pending'`,
		id, actor.Name(), at.UTC())
	if err != nil {
		return Request{}, fmt.Errorf("rejecting: %w", err)
	}
	r.State = Rejected
	return r, writeAudit(ctx, tx, actor, "approval.reject", r.ID, r, at)
}

// GetTx gives a request, whoever asked, to treasury staff of its book. NotFound also where the actor has no right on
// the book: which requests exist is the book's own business.
func GetTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, id int64) (Request, error) {
	return read(ctx, tx, actor, id, "")
}

// PendingTx lists what waits in a book, oldest first. Forbidden unless the actor is treasury staff of the book.
func PendingTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, book string) ([]Request, error) {
	if err := actor.Require(book, authn.Treasury); err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `
		SELECT id, kind, book, ref, digest, detail, state, requested_by, requested_at
		FROM gateway.approval WHERE book = $1 AND state = 'pending' ORDER BY id`, book)
	if err != nil {
		return nil, fmt.Errorf("reading the requests for approval: %w", err)
	}
	return pgx.CollectRows(rows, scan)
}

func lockPending(ctx context.Context, tx pgx.Tx, actor authn.Actor, id int64) (Request, error) {
	r, err := read(ctx, tx, actor, id, " FOR UPDATE")
	if err != nil {
		return Request{}, err
	}
	if r.State != Pending {
		return Request{}, r.conflict("đã được quyết định trước đó: không còn gì để quyết định", "was "+string(r.State)+" before: nothing is left to decide")
	}
	return r, nil
}

func read(ctx context.Context, tx pgx.Tx, actor authn.Actor, id int64, lock string) (Request, error) {
	rows, err := tx.Query(ctx, `
		SELECT id, kind, book, ref, digest, detail, state, requested_by, requested_at
		FROM gateway.approval WHERE id = $1`+lock, id)
	if err != nil {
		return Request{}, fmt.Errorf("reading the request for approval: %w", err)
	}
	r, err := pgx.CollectExactlyOneRow(rows, scan)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && !actor.MayActOn(r.Book) {
		return Request{}, problem.New(problem.NotFound, "no request for approval %d", id)
	}
	if err != nil {
		return Request{}, fmt.Errorf("reading the request for approval: %w", err)
	}
	return r, actor.Require(r.Book, authn.Treasury)
}

func scan(row pgx.CollectableRow) (r Request, err error) {
	err = row.Scan(&r.ID, &r.Kind, &r.Book, &r.Ref, &r.Digest, &r.Detail, &r.State, &r.RequestedBy, &r.RequestedAt)
	return r, err
}

func writeAudit(ctx context.Context, tx pgx.Tx, actor authn.Actor, action string, id int64, r Request, at time.Time) error {
	return audit.WriteTx(ctx, tx, actor, audit.Act{Action: action, Book: r.Book, Subject: r.Ref, Detail: map[string]string{
		"request": strconv.FormatInt(id, 10), "kind": r.Kind, "digest": r.Digest,
	}}, at)
}

// conflict refuses what the request's state does not allow.
func (r Request) conflict(vi, en string) error {
	name := r.Kind + " " + r.Ref + " "
	return problem.Both(problem.Conflict, "", name+vi, name+en)
}

func errSamePerson() error {
	return problem.Both(problem.Forbidden, "", "chính bạn đã đề nghị việc này: phải có người khác của kho bạc phê duyệt",
		"you asked for this yourself: another person of the treasury must approve it")
}

func errNotTreasury(actor authn.Actor) error {
	return problem.New(problem.Forbidden, "only treasury staff decide on requests: role %s may not", actor.Role)
}
