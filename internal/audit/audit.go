// Package audit owns the record of who did what.
//
// It guarantees that an act's row commits with the act or not at all, and that no row is ever changed or removed: the
// program's role may only insert and read (tested as that role). Rows hold ids and codes, never personal data.
// It is not a log of the program's doings (slog) and decides nothing.
package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/authn"
	"exchequer/internal/problem"
)

// Act is what somebody did. Action is a verb of the field such as "bill.create"; Subject is the id it was done to;
// Detail holds ids, codes and amounts.
type Act struct {
	Action, Book, Subject string
	Detail                map[string]string
}

// Row is an act as recorded.
type Row struct {
	ID    int64
	At    time.Time
	Actor string
	Role  authn.Role
	Act
}

// WriteTx records the act in the transaction of the act. An actor without an id is refused as Unauthenticated: what
// nobody did must not happen.
func WriteTx(ctx context.Context, tx pgx.Tx, actor authn.Actor, act Act, at time.Time) error {
	if actor.ID == "" {
		return problem.New(problem.Unauthenticated, "no actor: send a bearer token")
	}
	if act.Action == "" {
		return fmt.Errorf("an audit row needs an action")
	}
	detail := act.Detail
	if detail == nil {
		detail = map[string]string{}
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO gateway.audit (book, at, actor, role, action, subject, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		act.Book, at.UTC(), actor.Name(), string(actor.Role), act.Action, act.Subject, detail)
	if err != nil {
		return fmt.Errorf("writing the audit row of %s: %w", act.Action, err)
	}
	return nil
}

// ListTx gives the acts on one subject of a book, oldest first.
func ListTx(ctx context.Context, tx pgx.Tx, book, subject string) ([]Row, error) {
	rows, err := tx.Query(ctx, `
		SELECT id, at, actor, role, action, detail FROM gateway.audit WHERE book = $1 AND subject = $2 ORDER BY id`, book, subject)
	if err != nil {
		return nil, fmt.Errorf("reading the audit rows: %w", err)
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (Row, error) {
		row := Row{Act: Act{Book: book, Subject: subject}}
		err := r.Scan(&row.ID, &row.At, &row.Actor, &row.Role, &row.Action, &row.Detail)
		return row, err
	})
}
