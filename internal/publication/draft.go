package publication

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/approval"
	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
)

// State is where a draft stands.
type State string

// Drafted was checked and waits for somebody to propose it. Proposed waits for a second person. Published and rejected
// are final.
const (
	Drafted   State = "drafted"
	Proposed  State = "proposed"
	Published State = "published"
	Rejected  State = "rejected"
)

// Draft is a set of documents that somebody wants published, and what they change. It never changes but for its state:
// another text is another draft.
type Draft struct {
	ID         int64              `json:"id"`
	State      State              `json:"state"`
	Base       int64              `json:"base"` // the revision it was drafted from
	Documents  []DraftDocument    `json:"documents"`
	Counts     map[ChangeKind]int `json:"counts"`            // of its changes
	Changes    []Change           `json:"changes,omitempty"` // not in a list of drafts
	Services   []string           `json:"services"`          // whose quotes can change, also by a parameter only
	Diffs      []Diff             `json:"diffs,omitempty"`   // line by line; only of a draft that is asked for by itself (Get)
	DraftedBy  string             `json:"drafted_by"`
	DraftedAt  time.Time          `json:"drafted_at"`
	ProposedBy string             `json:"proposed_by,omitempty"`
	ProposedAt *time.Time         `json:"proposed_at,omitempty"`
	DecidedBy  string             `json:"decided_by,omitempty"`
	DecidedAt  *time.Time         `json:"decided_at,omitempty"`
	Revision   int64              `json:"revision,omitempty"` // what it became
	Reason     string             `json:"reason,omitempty"`   // why it was rejected

	approval int64
	digest   string
}

// DraftDocument is a text in a draft and the one it replaces, by their digests (SHA-256 in hex; "": there was none).
type DraftDocument struct {
	Name     string `json:"name"`
	Digest   string `json:"digest"`
	Replaces string `json:"replaces,omitempty"`
}

// require: the law is the house's affair.
func require(actor authn.Actor) error { return actor.Require(booking.House, authn.Treasury) }

// Draft checks documents against what is published, runs the examples of all, and keeps those that differ, with what they
// change. The same documents drafted again by the same person are the draft that is still open. Forbidden unless the
// actor is treasury staff of the house; Invalid with file, line, version and reason where they are no law together with
// the rest, or would leave days without one; TooLarge; Conflict where nothing differs, or where
// the actor has 20 open drafts.
func (s *Store) Draft(ctx context.Context, actor authn.Actor, docs Documents) (Draft, error) {
	if err := require(actor); err != nil {
		return Draft{}, err
	}
	if len(docs) == 0 || len(docs) > maxDocuments {
		return Draft{}, problem.AtField(problem.Invalid, "documents", "a draft has 1 to %d documents, this one %d", maxDocuments, len(docs))
	}
	if err := docs.check(); err != nil {
		return Draft{}, err
	}
	c, err := prepare(ctx, s.pool, docs, s.today())
	if err != nil {
		return Draft{}, err
	}
	if c.base.revision == 0 {
		return Draft{}, errNothingPublished()
	}
	if len(c.docs) == 0 {
		return Draft{}, both(problem.Conflict, "các văn bản này giống văn bản đang công bố: không có gì để thay đổi",
			"these documents say what is published: there is nothing to change")
	}
	var d Draft
	err = s.inTurn(ctx, func(tx pgx.Tx) error {
		id, err := s.openTx(ctx, tx, actor, c)
		if err == nil && id == 0 {
			id, err = s.insertTx(ctx, tx, actor, c)
		}
		if err != nil {
			return err
		}
		d, err = s.readTx(ctx, tx, id, "")
		return err
	})
	return d, err
}

// maxOpen is how many open drafts a person may have.
const maxOpen = 20

// openTx finds the actor's open draft of the same change (0: there is none). Conflict where there is none and the actor may not
// have another one.
func (s *Store) openTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, c change) (int64, error) {
	digest, err := digestOfDraft(c.draftDocuments())
	if err != nil {
		return 0, err
	}
	open, err := s.read(ctx, tx, `WHERE drafted_by = $1 AND state IN ('drafted', 'proposed') ORDER BY id`, actor.Name())
	if err != nil {
		return 0, err
	}
	ids := make([]string, len(open))
	for i, d := range open {
		if d.digest == digest && d.Base == c.base.revision {
			return d.ID, nil
		}
		ids[i] = strconv.FormatInt(d.ID, 10)
	}
	if len(open) >= maxOpen {
		return 0, both(problem.Conflict, "bạn đang có %d dự thảo chưa quyết định: hãy từ chối những dự thảo không còn cần: %s",
			"you have %d open drafts: reject those that are not needed any more: %s", len(open), strings.Join(ids, ", "))
	}
	return 0, nil
}

func (s *Store) insertTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, c change) (id int64, err error) {
	docs := c.draftDocuments()
	digest, err := digestOfDraft(docs)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, `
		INSERT INTO gateway.law_draft (base, digest, changes, services, drafted_by, drafted_at) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
		c.base.revision, digest, c.changes, c.services, actor.Name(), s.now()).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("keeping the draft: %w", err)
	}
	if err := keepTextsTx(ctx, tx, c.docs); err != nil {
		return 0, err
	}
	var b pgx.Batch
	for _, doc := range docs {
		b.Queue(`INSERT INTO gateway.law_draft_document (draft, name, digest, replaces) VALUES ($1, $2, $3, $4)`, id, doc.Name, doc.Digest, doc.Replaces)
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return 0, fmt.Errorf("keeping the draft's documents: %w", err)
	}
	return id, writeAudit(ctx, tx, actor, "law.draft", id, map[string]string{"digest": digest}, s.now())
}

// draftDocuments names the change's texts and what they replace, in the order of their names.
func (c change) draftDocuments() []DraftDocument {
	var out []DraftDocument
	for _, name := range slices.Sorted(maps.Keys(c.docs)) {
		d := DraftDocument{Name: name, Digest: digestOf(c.docs[name])}
		if was, there := c.published[name]; there {
			d.Replaces = digestOf(was)
		}
		out = append(out, d)
	}
	return out
}

// digestOfDraft binds what is approved to what was asked.
func digestOfDraft(docs []DraftDocument) (string, error) { return approval.Digest(docs) }

// Get gives a draft, with its texts told apart from those it replaces. NotFound; Forbidden unless the actor is treasury staff of the house.
func (s *Store) Get(ctx context.Context, actor authn.Actor, id int64) (Draft, error) {
	if err := require(actor); err != nil {
		return Draft{}, err
	}
	var d Draft
	err := pg.InTx(ctx, s.pool, func(tx pgx.Tx) (err error) {
		if d, err = s.readTx(ctx, tx, id, ""); err == nil {
			d.Diffs, err = diffsOf(ctx, tx, id)
		}
		return err
	})
	return d, err
}

// listed is how many drafts List gives.
const listed = 100

// List gives the last 100 drafts in a state ("": in any), newest first, each with how much it changes. Forbidden unless the actor is treasury staff of
// the house.
func (s *Store) List(ctx context.Context, actor authn.Actor, state State) ([]Draft, error) {
	if err := require(actor); err != nil {
		return nil, err
	}
	return s.read(ctx, s.pool, `WHERE $1 = '' OR state = $1 ORDER BY id DESC LIMIT $2`, state, listed)
}

// Texts gives the documents of a draft. NotFound; Forbidden unless the actor is treasury staff of the house.
func (s *Store) Texts(ctx context.Context, actor authn.Actor, id int64) (Documents, error) {
	if err := require(actor); err != nil {
		return nil, err
	}
	docs, err := textsOf(ctx, s.pool, id)
	if err == nil && len(docs) == 0 {
		err = errNoDraft(id)
	}
	return docs, err
}

func textsOf(ctx context.Context, q queryer, id int64) (Documents, error) {
	return readDocuments(ctx, q, `
		SELECT d.name, t.content FROM gateway.law_draft_document d JOIN gateway.law_text t ON t.digest = d.digest WHERE d.draft = $1`, id)
}

func errNoDraft(id int64) error {
	return both(problem.NotFound, "không có dự thảo %d", "no draft %d", id)
}

// both makes a refusal in both languages of the same values.
func both(code problem.Code, vi, en string, args ...any) *problem.Error {
	return problem.Both(code, "", fmt.Sprintf(vi, args...), fmt.Sprintf(en, args...))
}

func (s *Store) readTx(ctx context.Context, tx pgx.Tx, id int64, lock string) (Draft, error) {
	found, err := s.read(ctx, tx, `WHERE id = $1`+lock, id)
	if err == nil && len(found) == 0 {
		err = errNoDraft(id)
	}
	if err != nil {
		return Draft{}, err
	}
	d := found[0]
	if err := tx.QueryRow(ctx, `SELECT changes FROM gateway.law_draft WHERE id = $1`, id).Scan(&d.Changes); err != nil {
		return Draft{}, fmt.Errorf("reading the changes of a draft: %w", err)
	}
	d.markPast(s.now())
	return d, nil
}

// read gives drafts with their documents, without their changes: a draft of the whole law has thousands.
func (s *Store) read(ctx context.Context, q queryer, where string, args ...any) ([]Draft, error) {
	rows, err := q.Query(ctx, `
		SELECT id, state, base, digest, services, drafted_by, drafted_at, coalesce(approval, 0), coalesce(proposed_by, ''), proposed_at,
		       coalesce(decided_by, ''), decided_at, coalesce(revision, 0), reason,
		       (SELECT jsonb_agg(jsonb_build_object('name', o.name, 'digest', o.digest, 'replaces', o.replaces) ORDER BY o.name COLLATE "C")
		        FROM gateway.law_draft_document o WHERE o.draft = d.id),
		       (SELECT jsonb_object_agg(kind, n)
		        FROM (SELECT c->>'kind' AS kind, count(*) AS n FROM jsonb_array_elements(d.changes) c GROUP BY 1) AS counted)
		FROM gateway.law_draft d `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading drafts: %w", err)
	}
	drafts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d Draft, err error) {
		err = row.Scan(&d.ID, &d.State, &d.Base, &d.digest, &d.Services, &d.DraftedBy, &d.DraftedAt, &d.approval, &d.ProposedBy, &d.ProposedAt,
			&d.DecidedBy, &d.DecidedAt, &d.Revision, &d.Reason, &d.Documents, &d.Counts)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading drafts: %w", err)
	}
	return drafts, nil
}

// markPast marks each change as past or not, as of the decision, or of today.
func (d Draft) markPast(now time.Time) {
	if d.DecidedAt != nil {
		now = *d.DecidedAt
	}
	today := calendar.DayOf(now)
	for i := range d.Changes {
		d.Changes[i].Past = d.Changes[i].Kind != Reworded && !d.Changes[i].Since.After(today)
	}
}

// subject names a draft in requests for approval and audit rows.
func subject(id int64) string { return "law-" + strconv.FormatInt(id, 10) }

func writeAudit(ctx context.Context, tx pgx.Tx, actor authn.Actor, action string, id int64, detail map[string]string, at time.Time) error {
	return audit.WriteTx(ctx, tx, actor, audit.Act{Action: action, Book: booking.House, Subject: subject(id), Detail: detail}, at)
}

// errNotOpen: a draft that is not in the state that the step begins from. It says which step comes next.
func (d Draft) errNotOpen() error {
	next := map[State]fee.Text{
		Drafted:   {Vi: "mới soạn: hãy trình duyệt trước, rồi người khác phê duyệt", En: "drafted: propose it first, then another person approves it"},
		Proposed:  {Vi: "đã trình duyệt: người khác phê duyệt hoặc từ chối", En: "proposed: another person approves or rejects it"},
		Published: {Vi: "đã công bố: muốn thay đổi nữa, hãy soạn lại các văn bản", En: "published: it is the law already; draft the documents again to change more"},
		Rejected:  {Vi: "đã bị từ chối: hãy soạn lại các văn bản", En: "rejected: draft the documents again"},
	}[d.State]
	return problem.Both(problem.Conflict, "", fmt.Sprintf("dự thảo %d %s", d.ID, next.Vi), fmt.Sprintf("draft %d is %s", d.ID, next.En))
}

// checkBase refuses a draft whose documents are no longer those it was to replace: Conflict.
func (d Draft) checkBase(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `
		SELECT o.name FROM gateway.law_draft_document o
		LEFT JOIN gateway.law_document p ON p.name = o.name AND p.known_until IS NULL
		WHERE o.draft = $1 AND o.replaces <> coalesce(p.digest, '') ORDER BY o.name COLLATE "C" LIMIT 1`, d.ID)
	if err != nil {
		return fmt.Errorf("comparing the draft with what is published: %w", err)
	}
	name, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string])
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("comparing the draft with what is published: %w", err)
	}
	return both(problem.Conflict, "%s đã được công bố lại sau khi dự thảo %d được soạn: hãy soạn lại từ văn bản đang công bố",
		"%s was published anew since draft %d was made: draft it again from what is published now", name, d.ID)
}
