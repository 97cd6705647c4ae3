package publication

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/problem"
)

const (
	keptLaws = 4 // the current one, and what a few questions about the past need
	// loadPatience bounds a load that several callers wait for, since it is no single caller's to cancel.
	loadPatience = time.Minute
)

// edition is a row of publication.
type edition struct {
	revision int64
	since    time.Time
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
	return problem.New(problem.Unavailable, "no law is published here yet, run: exchequer migrate")
}

// KnownAt gives what was known at an instant; at one to come, what is known so far. NotFound before the first publication.
func (s *Store) KnownAt(ctx context.Context, at time.Time) (*Law, error) {
	e, err := readEdition(ctx, s.pool, `
		SELECT revision, known_since FROM gateway.publication WHERE known_since <= $1 ORDER BY known_since DESC LIMIT 1`, at.UTC())
	if err != nil {
		return nil, err
	}
	if e.revision == 0 {
		return nil, problem.AtField(problem.NotFound, "known", "nothing was published before %s", at.UTC().Format(time.RFC3339))
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
	return catalog.Parse(docs.under(catalogFolder))
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

// law gives the compiled law of a publication. Callers at once compile it once.
func (s *Store) law(ctx context.Context, e edition) (*Law, error) {
	if law := s.kept(e.revision); law != nil {
		return law, nil
	}
	loaded := s.loading.DoChan(strconv.FormatInt(e.revision, 10), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadPatience)
		defer cancel()
		return s.load(ctx, e)
	})
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-loaded:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*Law), nil
	}
}

func (s *Store) load(ctx context.Context, e edition) (*Law, error) {
	docs, err := documentsAt(ctx, s.pool, e.since)
	if err != nil {
		return nil, err
	}
	law, err := compile(docs)
	if err != nil {
		// It compiled when it was published: this program reads the language differently.
		return nil, fmt.Errorf("the law as published in revision %d is not understood by this program: %w", e.revision, err)
	}
	law.Revision, law.Since = e.revision, e.since
	s.keep(law)
	return law, nil
}

func (s *Store) kept(revision int64) *Law {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.laws, func(l *Law) bool { return l.Revision == revision })
	if i < 0 {
		return nil
	}
	law := s.laws[i]
	copy(s.laws[1:i+1], s.laws[:i])
	s.laws[0] = law
	return law
}

func (s *Store) keep(law *Law) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.laws = slices.Insert(s.laws, 0, law)
	s.laws = slices.Delete(s.laws, min(keptLaws, len(s.laws)), len(s.laws))
}

// compile makes the law of documents and holds its parts against each other. Invalid with every fault found.
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
	return readEdition(ctx, q, `SELECT revision, known_since FROM gateway.publication ORDER BY revision DESC LIMIT 1`)
}

func readEdition(ctx context.Context, q queryer, sql string, args ...any) (edition, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return edition{}, fmt.Errorf("reading the publications: %w", err)
	}
	e, err := pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (e edition, err error) {
		err = row.Scan(&e.revision, &e.since)
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
