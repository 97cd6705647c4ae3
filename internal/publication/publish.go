package publication

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/authn"
	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/problem"
)

// change is a law that was checked, and what it changes of the published one.
type change struct {
	base      edition
	published Documents
	docs      Documents // those that differ
	law       *Law
	before    []entry // of the schedules, as published
	after     []entry
	changes   []Change
	services  []string // whose quotes can change
}

// prepare compiles the published law with other documents in it and lists what that changes. Documents that say what is
// published are left out. Invalid where it is no law, takes away what was known, or is not proved by examples.
func prepare(ctx context.Context, q queryer, docs Documents, today calendar.Date) (c change, err error) {
	if c.base, err = current(ctx, q); err != nil {
		return c, err
	}
	if c.published, err = documentsAt(ctx, q, c.base.since); err != nil {
		return c, err
	}
	c.docs = maps.Clone(docs)
	maps.DeleteFunc(c.docs, func(name string, text []byte) bool { return bytes.Equal(c.published[name], text) })
	if len(c.docs) == 0 {
		return c, nil
	}
	if c.law, err = compile(c.published.with(c.docs)); err != nil {
		return c, err
	}
	if c.before, err = entriesAt(ctx, q, c.base.since); err != nil {
		return c, err
	}
	c.after = c.settled(feeEntries(c.law.Schedules))
	if c.base.revision == 0 {
		return c, nil
	}
	err = c.review(today)
	return c, err
}

// settled gives entries of documents that are not in the change the digest they were published with. Such an entry changes
// only where it follows a parameter, and then by its days, name, act or marks; its digest may differ because a newer
// program works it out in another way.
func (c change) settled(after []entry) []entry {
	published := map[string]string{}
	for _, e := range c.before {
		published[e.key()] = e.digest
	}
	for i := range after {
		if digest, there := published[after[i].key()]; there && c.docs[after[i].Document] == nil {
			after[i].digest = digest
		}
	}
	return after
}

// publishTx makes the change of a draft (0: the first publication) known from now on, and gives its edition. The caller has
// the turn (inTurn), prepared the change in it, and has little left to do but commit: who asks between this instant and the
// commit what is known is told what was known before. Unavailable where the clock is behind the last publication.
func (s *Store) publishTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, draft int64, c change) (edition, error) {
	if err := keepTextsTx(ctx, tx, c.docs); err != nil {
		return edition{}, err
	}
	e := edition{revision: c.base.revision + 1, since: s.now(), newest: true}
	if !e.since.After(c.base.since) {
		return e, errClock(e.since, fee.Text{Vi: "lần công bố gần nhất", En: "the last publication"}, c.base.since)
	}
	_, err := tx.Exec(ctx, `INSERT INTO gateway.publication (revision, known_since, published_by, draft) VALUES ($1, $2, $3, nullif($4, 0))`,
		e.revision, e.since, actor.Name(), draft)
	if err != nil {
		return e, fmt.Errorf("publishing: %w", err)
	}
	if err := publishDocumentsTx(ctx, tx, e, c.docs); err != nil {
		return e, err
	}
	return e, publishEntriesTx(ctx, tx, e, c.before, c.after)
}

// errClock: what is published at an instant that others have passed would change what was known then.
func errClock(now time.Time, what fee.Text, at time.Time) error {
	is, was := now.Format(time.RFC3339Nano), at.Format(time.RFC3339Nano)
	return problem.Both(problem.Unavailable, "", fmt.Sprintf("đồng hồ của máy này chỉ %s, còn %s diễn ra lúc %s: hãy chỉnh đồng hồ rồi thử lại", is, what.Vi, was),
		fmt.Sprintf("the clock of this host says %s, and %s was at %s: set the clock right and try again", is, what.En, was))
}

func publishDocumentsTx(ctx context.Context, tx pgx.Tx, e edition, docs Documents) error {
	var b pgx.Batch
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		b.Queue(`UPDATE gateway.law_document SET known_until = $2 WHERE name = $1 AND known_until IS NULL`, name, e.since)
		b.Queue(`INSERT INTO gateway.law_document (name, revision, digest, known_from) VALUES ($1, $2, $3, $4)`,
			name, e.revision, digestOf(docs[name]), e.since)
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("publishing documents: %w", err)
	}
	return nil
}

// keepTextsTx stores texts that are not there yet.
func keepTextsTx(ctx context.Context, tx pgx.Tx, docs Documents) error {
	texts := map[string][]byte{}
	for _, text := range docs {
		texts[digestOf(text)] = text
	}
	var b pgx.Batch
	for _, digest := range slices.Sorted(maps.Keys(texts)) { // in one order, so that two who keep the same wait for each other
		b.Queue(`INSERT INTO gateway.law_text (digest, content) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING`, digest, texts[digest])
	}
	if err := tx.SendBatch(ctx, &b).Close(); err != nil {
		return fmt.Errorf("keeping documents: %w", err)
	}
	return nil
}

// publishEntriesTx ends what was known of entries that changed or are gone, and adds the new ones.
func publishEntriesTx(ctx context.Context, tx pgx.Tx, e edition, before, after []entry) error {
	stays := map[string]entry{}
	for _, now := range after {
		stays[now.key()] = now
	}
	var ended []int64
	for _, was := range before {
		if now, there := stays[was.key()]; there && sameEntry(was, now) {
			delete(stays, was.key())
			continue
		}
		ended = append(ended, was.id)
	}
	tag, err := tx.Exec(ctx, `UPDATE gateway.law_version SET known_until = $2 WHERE id = ANY($1) AND known_until IS NULL`, ended, e.since)
	if err == nil && tag.RowsAffected() != int64(len(ended)) {
		err = fmt.Errorf("%d of %d versions were open", tag.RowsAffected(), len(ended))
	}
	if err != nil {
		return fmt.Errorf("ending what was known: %w", err)
	}
	var rows [][]any
	for _, v := range after {
		if _, fresh := stays[v.key()]; fresh {
			rows = append(rows, []any{v.Document, e.revision, v.Of, v.Component, v.charges, v.optional, v.Name.Vi, v.Name.En, v.From, v.To, e.since,
				v.Act.Vi, v.Act.En, v.Unknown, v.Provisional, v.digest})
		}
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"gateway", "law_version"}, []string{"document", "revision", "of", "component", "charges", "optional", "name_vi", "name_en",
		"valid_from", "valid_until", "known_from", "act_vi", "act_en", "unknown", "provisional", "digest"}, pgx.CopyFromRows(rows))
	if err != nil {
		return fmt.Errorf("publishing versions: %w", err)
	}
	return nil
}

func sameEntry(a, b entry) bool {
	return a.Document == b.Document && a.To == b.To && a.digest == b.digest && sameMarks(a.Change, b.Change)
}

// entriesAt reads the versions as known at an instant.
func entriesAt(ctx context.Context, q queryer, at time.Time) ([]entry, error) {
	versions, err := readVersions(ctx, q, VersionsQuery{Known: at})
	out := make([]entry, len(versions))
	for i, v := range versions {
		out[i] = entry{id: v.id, digest: v.Digest, optional: v.Optional, charges: v.Charges, Change: Change{
			Document: v.Document, Of: v.Of, Component: v.Component, Name: v.Name, From: v.From, To: v.To, Act: v.Act,
			Unknown: v.Unknown, Provisional: v.Provisional,
		}}
	}
	return out, err
}
