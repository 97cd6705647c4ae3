package publication

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/problem"
)

// edition is a row of publication.
type edition struct {
	revision int64
	since    time.Time
	newest   bool // none followed it so far
}

// Current gives the law as it is published now, also by another process: each call asks PostgreSQL which revision that
// is. Unavailable before the first publication.
func (s *Store) Current(ctx context.Context) (*Law, error) {
	e, err := current(ctx, s.pool)
	if err != nil {
		return nil, err
	}
	if e.revision == 0 {
		return nil, errNothingPublished()
	}
	return s.law(ctx, e)
}

func errNothingPublished() error {
	return both(problem.Unavailable, "ở đây chưa công bố quy định nào, hãy chạy: exchequer migrate", "no law is published here yet, run: exchequer migrate")
}

// KnownAt gives what was known at an instant. At one to come, or just gone, it is what is known so far: an answer is final
// when the instant is further back than a publication takes to be written and than clocks of hosts differ. NotFound
// before the first publication.
func (s *Store) KnownAt(ctx context.Context, at time.Time) (*Law, error) {
	e, err := readEdition(ctx, s.pool, `
		SELECT revision, known_since, revision = (SELECT max(revision) FROM gateway.publication)
		FROM gateway.publication WHERE known_since <= $1 ORDER BY known_since DESC LIMIT 1`, at.UTC())
	if err != nil {
		return nil, err
	}
	if e.revision == 0 {
		return nil, problem.Both(problem.NotFound, "known", "chưa có gì được công bố trước "+at.In(calendar.Zone).Format("15:04:05 02/01/2006"),
			"nothing was published before "+at.UTC().Format(time.RFC3339))
	}
	return s.law(ctx, e)
}

// Catalog gives the catalogue as it is published now, without compiling the schedules: a program starts with it.
// Unavailable before the first publication.
func (s *Store) Catalog(ctx context.Context) (*catalog.Catalog, error) {
	e, docs, err := s.published(ctx)
	if err != nil {
		return nil, err
	}
	if e.revision == 0 {
		return nil, errNothingPublished()
	}
	tables, err := catalog.Read(docs.under(catalogFolder))
	if err != nil {
		return nil, e.errUnreadable(err)
	}
	return tables, nil
}

// LawWith gives the current law with some documents in place of those of their names, unpublished. Invalid, with file,
// line and reason, where they are no law together.
func (s *Store) LawWith(ctx context.Context, docs Documents) (*Law, error) {
	if err := docs.check(); err != nil {
		return nil, err
	}
	_, published, err := s.published(ctx)
	if err != nil {
		return nil, err
	}
	return compile(published.with(docs))
}

// Published gives the documents as known at an instant (zero: now); none before the first publication.
func (s *Store) Published(ctx context.Context, known time.Time) (Documents, error) {
	if !known.IsZero() {
		return documentsAt(ctx, s.pool, known.UTC())
	}
	_, docs, err := s.published(ctx)
	return docs, err
}

func (s *Store) published(ctx context.Context) (edition, Documents, error) {
	e, err := current(ctx, s.pool)
	if err != nil {
		return e, nil, err
	}
	docs, err := documentsAt(ctx, s.pool, e.since)
	return e, docs, err
}

// law gives the compiled law of a publication.
func (s *Store) law(ctx context.Context, e edition) (*Law, error) {
	from := &s.older
	if e.newest {
		from = &s.newest
	}
	return from.law(ctx, e.revision, func() (*Law, error) { return s.load(ctx, e) })
}

// load reads a law that was accepted when it was published. Rules that are stricter since do not take it away: what does not
// hold against them is told where it is changed next.
func (s *Store) load(ctx context.Context, e edition) (*Law, error) {
	docs, err := documentsAt(ctx, s.pool, e.since)
	if err != nil {
		return nil, err
	}
	schedules, feeErr := fee.Read(docs.under(feeFolder))
	tables, catalogErr := catalog.Read(docs.under(catalogFolder))
	if err := errors.Join(feeErr, withoutField(catalogErr)); err != nil {
		return nil, e.errUnreadable(err)
	}
	return &Law{Revision: e.revision, Since: e.since, Schedules: schedules, Catalog: tables}, nil
}

// errUnreadable: it was read when it was published, so this program reads the language in another way. It is no fault of
// who asks.
func (e edition) errUnreadable(err error) error {
	return both(problem.Unavailable, "chương trình này không đọc được quy định của lần công bố %d, hãy chạy chương trình đã công bố: %v",
		"this program cannot read the law as published in revision %d, run the one that published it: %v", e.revision, withoutField(err))
}

// compile makes a law of documents that somebody wants published: it holds its parts against each other and runs every
// example. Invalid with every fault found.
func compile(docs Documents) (*Law, error) {
	schedules, feeErr := fee.Compile(docs.under(feeFolder))
	tables, catalogErr := catalog.Parse(docs.under(catalogFolder))
	if err := errors.Join(feeErr, withoutField(catalogErr)); err != nil {
		return nil, problem.AtField(problem.Invalid, "documents", "%v", err)
	}
	if err := tables.CheckAgainst(schedules); err != nil {
		return nil, problem.AtField(problem.Invalid, "documents", "%v", withoutField(err))
	}
	return &Law{Schedules: schedules, Catalog: tables}, nil
}

// withoutField gives a fault of the catalogue by its text alone, which names the document.
func withoutField(err error) error {
	if p, ok := errors.AsType[*problem.Error](err); ok {
		return errors.New(p.Detail)
	}
	return err
}

// queryer is the pool or a transaction.
type queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// current gives the last publication, a zero one where there is none.
func current(ctx context.Context, q queryer) (edition, error) {
	return readEdition(ctx, q, `SELECT revision, known_since, true FROM gateway.publication ORDER BY revision DESC LIMIT 1`)
}

func readEdition(ctx context.Context, q queryer, sql string, args ...any) (edition, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return edition{}, fmt.Errorf("reading the publications: %w", err)
	}
	e, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (e edition, err error) {
		err = row.Scan(&e.revision, &e.since, &e.newest)
		return e, err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return edition{}, nil
	}
	if err != nil {
		return edition{}, fmt.Errorf("reading the publications: %w", err)
	}
	e.since = e.since.UTC()
	return e, nil
}

// documentsAt reads the documents as known at an instant.
func documentsAt(ctx context.Context, q queryer, at time.Time) (Documents, error) {
	return readDocuments(ctx, q, `
		SELECT d.name, t.content FROM gateway.law_document d JOIN gateway.law_text t ON t.digest = d.digest
		WHERE d.known_from <= $1 AND (d.known_until IS NULL OR d.known_until > $1)`, at)
}

func readDocuments(ctx context.Context, q queryer, sql string, args ...any) (Documents, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("reading documents: %w", err)
	}
	docs := Documents{}
	var name string
	var text []byte
	_, err = pgx.ForEachRow(rows, []any{&name, &text}, func() error {
		docs[name] = bytes.Clone(text)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading documents: %w", err)
	}
	return docs, nil
}
