package publication

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/problem"
)

// release acts for the program where it brings documents of its own.
var release = authn.Exchequer("release")

// Brought says what became of the documents that the program brings. All is zero where they were published, or turned
// down by a person, before.
type Brought struct {
	Revision int64  `json:"revision,omitempty"` // published just now, because nothing was before
	Draft    int64  `json:"draft,omitempty"`    // waits for a second person, just now or since before
	Fault    string `json:"fault,omitempty"`    // why they cannot be published beside what is published here
}

// Begin brings the program's documents. Into an empty database they are published at once: somebody chose this program to
// begin with. Later, texts that were never published under their names become a draft that the program proposes and a
// person approves; what an officer published since is never overwritten without that. It may be called again, and by
// several programs at once. Invalid where nothing is published yet and the documents are no law.
func (s *Store) Begin(ctx context.Context, docs Documents) (Brought, error) {
	if err := docs.check(); err != nil {
		return Brought{}, err
	}
	var b Brought
	err := s.inTurn(ctx, func(tx pgx.Tx) error {
		fresh, err := neverPublished(ctx, tx, docs)
		if err != nil || len(fresh) == 0 {
			return err
		}
		c, err := prepare(ctx, tx, fresh, s.today())
		switch refused, ok := errors.AsType[*problem.Error](err); {
		case ok && c.base.revision > 0:
			// The program must start beside what is published: a person has to look at it.
			b = Brought{Fault: refused.Error()}
			return nil
		case err != nil:
			return err
		case c.base.revision == 0:
			b.Revision, err = s.publishFirstTx(ctx, tx, c)
		default:
			b.Draft, err = s.bringTx(ctx, tx, c)
		}
		return err
	})
	return b, err
}

func (s *Store) publishFirstTx(ctx context.Context, tx pgx.Tx, c change) (int64, error) {
	e, err := s.publishTx(ctx, tx, release, 0, c)
	if err != nil {
		return 0, err
	}
	act := audit.Act{Action: "law.publish", Book: booking.House, Subject: "law", Detail: map[string]string{
		"revision": strconv.FormatInt(e.revision, 10), "documents": strconv.Itoa(len(c.docs)),
	}}
	return e.revision, audit.WriteTx(ctx, tx, release, act, e.since)
}

// bringTx proposes the change and gives the draft, unless it waits already or a person turned the same documents down (0).
// What another version of the program proposed waits beside it, for a person to choose: neither knows which is the newer
// one. Only what nobody can publish any more, because another text stands by now where it was to stand, is taken back.
func (s *Store) bringTx(ctx context.Context, tx pgx.Tx, c change) (int64, error) {
	docs := c.draftDocuments()
	digest, err := digestOfDraft(docs)
	if err != nil {
		return 0, err
	}
	before, err := s.read(ctx, tx, `WHERE drafted_by = $1 AND state <> 'published' ORDER BY id`, release.Name())
	if err != nil {
		return 0, err
	}
	for _, d := range before {
		open := d.State == Drafted || d.State == Proposed
		switch {
		case open && d.digest == digest:
			return d.ID, nil
		case open:
			if stale := d.checkBase(ctx, tx); problem.CodeOf(stale) == problem.Conflict {
				err = s.rejectTx(ctx, tx, release, d, "what it was to replace was published anew")
			} else {
				err = stale
			}
		case d.DecidedBy != release.Name() && slices.EqualFunc(d.Documents, docs, sameText):
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
	}
	id, err := s.insertTx(ctx, tx, release, c)
	if err != nil {
		return 0, err
	}
	d, err := s.readTx(ctx, tx, id, "")
	if err != nil {
		return 0, err
	}
	return id, s.proposeTx(ctx, tx, release, d)
}

func sameText(a, b DraftDocument) bool { return a.Name == b.Name && a.Digest == b.Digest }

// neverPublished gives the documents whose text never stood under their name.
func neverPublished(ctx context.Context, tx pgx.Tx, docs Documents) (Documents, error) {
	rows, err := tx.Query(ctx, `SELECT name, digest FROM gateway.law_document`)
	if err != nil {
		return nil, fmt.Errorf("reading what was published: %w", err)
	}
	fresh := maps.Clone(docs)
	var name, digest string
	_, err = pgx.ForEachRow(rows, []any{&name, &digest}, func() error {
		if digestOf(docs[name]) == digest {
			delete(fresh, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading what was published: %w", err)
	}
	return fresh, nil
}
