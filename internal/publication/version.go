package publication

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
)

// Version is one dated version of a component or parameter, as it was published.
type Version struct {
	Document    string        `json:"document"`
	Revision    int64         `json:"revision"` // which published it
	Of          string        `json:"of"`       // service or parameter
	Component   string        `json:"component,omitempty"`
	Charges     []string      `json:"charges,omitempty"`  // of its lines
	Optional    bool          `json:"optional,omitempty"` // outside the component's versions there is no such line
	Name        fee.Text      `json:"name"`
	From        calendar.Date `json:"from"`
	To          calendar.Date `json:"to"` // last day; zero: open end
	KnownFrom   time.Time     `json:"known_from"`
	KnownUntil  *time.Time    `json:"known_until,omitempty"` // nil: still
	Act         fee.Text      `json:"act"`
	Unknown     bool          `json:"unknown"`
	Provisional bool          `json:"provisional"`
	Digest      string        `json:"digest"` // of its content

	id int64
}

// VersionsQuery asks for versions of a service or parameter (Of; "": all) that are the law on a day (On; zero: any day), as
// known at an instant (Known; zero: now), or as known at any instant so far (History).
type VersionsQuery struct {
	Of      string
	On      calendar.Date
	Known   time.Time
	History bool
}

// Versions answers what the law was on a day, as known at an instant, in the order of documents, components, days and
// of becoming known. Without a publication, or before it, there are none.
func (s *Store) Versions(ctx context.Context, q VersionsQuery) ([]Version, error) {
	if q.Known.IsZero() {
		e, err := current(ctx, s.pool)
		if err != nil {
			return nil, err
		}
		q.Known = e.since
	}
	return readVersions(ctx, s.pool, q)
}

func readVersions(ctx context.Context, q queryer, ask VersionsQuery) ([]Version, error) {
	rows, err := q.Query(ctx, `
		SELECT id, document, revision, of, component, charges, optional, name_vi, name_en, valid_from, valid_until, known_from, known_until,
		       act_vi, act_en, unknown, provisional, digest
		FROM gateway.law_version
		WHERE ($1 = '' OR of = $1)
		  AND ($2::date IS NULL OR (valid_from <= $2 AND (valid_until IS NULL OR valid_until >= $2)))
		  AND ($4 OR known_from <= $3 AND (known_until IS NULL OR known_until > $3))
		ORDER BY document COLLATE "C", of COLLATE "C", component COLLATE "C", valid_from, known_from`, ask.Of, ask.On, ask.Known.UTC(), ask.History)
	if err != nil {
		return nil, fmt.Errorf("reading the versions: %w", err)
	}
	versions, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v Version, err error) {
		err = row.Scan(&v.id, &v.Document, &v.Revision, &v.Of, &v.Component, &v.Charges, &v.Optional, &v.Name.Vi, &v.Name.En, &v.From, &v.To, &v.KnownFrom, &v.KnownUntil,
			&v.Act.Vi, &v.Act.En, &v.Unknown, &v.Provisional, &v.Digest)
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the versions: %w", err)
	}
	return versions, nil
}
