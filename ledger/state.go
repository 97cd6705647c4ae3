package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// state is a book as it stands with the batch's accounts locked; decide moves it on.
type state struct {
	accounts      map[string]*account
	known         map[string]*entry // by reference
	closedThrough time.Time
	recorded      time.Time
	ids           []int64 // reserved, rising
	moves         []move  // of the transaction under way
}

// account is an account's definition, its totals, and the last two transactions whose postings moved it.
type account struct {
	code           string
	currency       string
	normal         Side
	limits         Limits
	closed         bool
	debitsPosted   int64
	creditsPosted  int64
	debitsPending  int64
	creditsPending int64
	last, before   int64
	touched        bool
}

// entry is a transaction that has an id.
type entry struct {
	id        int64
	effective time.Time
	tx        *Transaction
	of        int64     // id of the transaction that tx.Of names
	ends      time.Time // when the hold that tx resolves would have expired; zero for never
	resolved  bool      // of a hold
}

func (s *state) scanBalances(rows pgx.Rows) error {
	var a account
	_, err := pgx.ForEachRow(rows, []any{&a.code, &a.currency, &a.normal, &a.limits, &a.closed, &a.last,
		&a.debitsPosted, &a.creditsPosted, &a.debitsPending, &a.creditsPending}, func() error {
		one := a
		s.accounts[a.code] = &one
		return nil
	})
	return err
}

func (s *state) scanReferences(rows pgx.Rows) error {
	for rows.Next() {
		e := &entry{tx: &Transaction{}}
		var metadata []byte
		var expires *time.Time
		err := rows.Scan(&e.id, &e.tx.Reference, &e.tx.Kind, &e.tx.Occurred, &e.tx.Day, &e.effective, &e.tx.Link, &metadata,
			&e.tx.Phase, &e.tx.Of, &expires)
		if expires != nil {
			e.tx.Expires = *expires
		}
		if err == nil && metadata != nil {
			err = json.Unmarshal(metadata, &e.tx.Metadata)
		}
		if err != nil {
			return err
		}
		s.known[e.tx.Reference] = e
	}
	return rows.Err()
}

func (s *state) scanClosedThrough(row pgx.Row) error {
	var isolation string
	var through *time.Time
	if err := row.Scan(&isolation, nil, nil, nil, nil, nil, &through, nil); err != nil {
		return err
	}
	if isolation != "read committed" {
		return fmt.Errorf("posting needs a READ COMMITTED transaction, this one is %s", isolation)
	}
	if through != nil {
		s.closedThrough = *through
	}
	return nil
}

// readPostings completes the transactions found by reference, so that a repeated one can be compared and a hold resolved.
func (s *state) readPostings(ctx context.Context, on sender, book string) error {
	byID := make(map[int64]*Transaction, len(s.known))
	var posted, held []int64
	for _, e := range s.known {
		byID[e.id] = e.tx
		if e.tx.Phase == Hold {
			held = append(held, e.id)
		} else {
			posted = append(posted, e.id)
		}
	}
	scan := func(rows pgx.Rows) error {
		var id int64
		var p Posting
		_, err := pgx.ForEachRow(rows, []any{&id, &p.Debit, &p.Credit, &p.Amount, &p.Currency}, func() error {
			byID[id].Postings = append(byID[id].Postings, p)
			return nil
		})
		return err
	}
	slices.Sort(posted)
	slices.Sort(held)
	batch := &pgx.Batch{}
	batch.Queue(sqlPin)
	batch.Queue(sqlReadPostings, book, posted).Query(scan)
	batch.Queue(sqlReadPending, book, held).Query(scan)
	batch.Queue(sqlUnpin)
	if err := on.SendBatch(ctx, batch).Close(); err != nil {
		return fault("read what a reference stands for", err)
	}
	return nil
}

// Plans. A connection keeps a statement's plan, and one made while a table was small scans the whole table once it is
// large. So the shapes leave nothing to choose: each key is looked up by itself (LATERAL with OFFSET 0 or FOR UPDATE
// cannot be turned into another join), balances are written through their unique index (ON CONFLICT), and between sqlPin
// and sqlUnpin sequential scans are switched off and a plan is made once for all values. The caller's settings are put
// back, and a failure in between rolls them back.
const (
	sqlPin = `SELECT ` + sqlPinned

	// The days come before the balances. See ledger/migrations for why nobody waits in a circle.
	sqlKeepOpen = `SELECT ` + sqlPinned + `, NULL, ledger.keep_open($1, $2::date[]), NULL`

	// sqlKeepOpenPromptly fails where it would have to wait longer than a moment. The columns of a row are worked out from
	// the left.
	sqlKeepOpenPromptly = `SELECT ` + sqlPinned + `, set_config('lock_timeout', '10ms', true), ledger.keep_open($1, $2::date[]),
       set_config('lock_timeout', callers.timeout, true)
FROM (SELECT current_setting('lock_timeout') AS timeout OFFSET 0) callers`

	sqlPinned = `
       current_setting('transaction_isolation'),
       set_config('ledger.callers_seqscan', current_setting('enable_seqscan'), true),
       set_config('ledger.callers_plans', current_setting('plan_cache_mode'), true),
       set_config('enable_seqscan', 'off', true),
       set_config('plan_cache_mode', 'force_generic_plan', true)`

	sqlUnpin = `
SELECT set_config('enable_seqscan', current_setting('ledger.callers_seqscan'), true),
       set_config('plan_cache_mode', current_setting('ledger.callers_plans'), true)`

	// Rows are locked in the order of the array.
	sqlLockBalances = `
SELECT b.account, b.currency, b.normal_side, b.limits, b.closed, b.last_id,
       b.debits_posted, b.credits_posted, b.debits_pending, b.credits_pending
FROM unnest($2::text[]) AS w (code)
CROSS JOIN LATERAL (
    SELECT account, currency, normal_side, limits, closed, last_id, debits_posted, credits_posted, debits_pending, credits_pending
    FROM ledger.balances WHERE book = $1 AND account = w.code FOR UPDATE
) b`

	sqlReadReferences = `
SELECT t.id, t.reference, t.kind, t.occurred, t.asked_day, t.effective_day, t.link, t.metadata,
       CASE t.phase WHEN 'post' THEN '' ELSE t.phase END,
       coalesce((SELECT o.reference FROM ledger.transactions o WHERE o.book = $1 AND o.id = t.of_id), ''), t.expires
FROM unnest($2::text[]) AS w (reference)
CROSS JOIN LATERAL (
    SELECT id, reference, kind, occurred, asked_day, effective_day, link, metadata, phase, of_id, expires
    FROM ledger.transactions WHERE book = $1 AND reference = w.reference OFFSET 0
) t`

	sqlReserve = `SELECT array_agg(nextval('ledger.transaction_id')) FROM generate_series(1, $1::integer)`

	sqlReadPostings = `
SELECT p.transaction_id, p.debit_account, p.credit_account, p.amount, p.currency
FROM unnest($2::bigint[]) AS w (id)
CROSS JOIN LATERAL (
    SELECT transaction_id, debit_account, credit_account, amount, currency
    FROM ledger.postings WHERE book = $1 AND transaction_id = w.id ORDER BY line OFFSET 0
) p`

	sqlReadPending = `
SELECT p.transaction_id, p.debit_account, p.credit_account, p.amount, p.currency
FROM unnest($2::bigint[]) AS w (id)
CROSS JOIN LATERAL (
    SELECT transaction_id, debit_account, credit_account, amount, currency
    FROM ledger.pending WHERE book = $1 AND transaction_id = w.id ORDER BY line OFFSET 0
) p`
)
