package ledger

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// queue adds all that is to be written: the transactions, their postings, and what the accounts come to stand at. One
// statement does it for postings; holds have theirs beside it. Most batches agree on most columns, and such a column is
// sent as one value.
func (w *writes) queue(batch *pgx.Batch, book string, recorded time.Time, moved []*account) error {
	metadata, err := w.metadata()
	if err != nil {
		return err
	}
	t, p := w.transactions, w.postings
	kind, kinds := column(t, func(e *entry) string { return e.tx.Kind })
	occurred, occurrences := column(t, func(e *entry) time.Time { return stored(e.tx.Occurred) })
	asked, askedDays := column(t, func(e *entry) time.Time { return e.tx.Day.UTC() })
	effective, effectiveDays := column(t, func(e *entry) time.Time { return e.effective })
	link, links := column(t, func(e *entry) string { return e.tx.Link })
	phase, phases := column(t, func(e *entry) string { return cmp.Or(string(e.tx.Phase), "post") })
	of, ofs := column(t, func(e *entry) int64 { return e.of })
	line, lines := column(p, func(p written) int32 { return p.line })
	currency, currencies := column(p, func(p written) string { return p.posting().Currency })
	day, days := column(p, func(p written) time.Time { return p.entry.effective })
	debitsPending, allDebitsPending := column(moved, func(a *account) int64 { return a.debitsPending })
	creditsPending, allCreditsPending := column(moved, func(a *account) int64 { return a.creditsPending })
	batch.Queue(sqlWrite, book, recorded,
		each(t, func(e *entry) int64 { return e.id }), each(t, func(e *entry) string { return e.tx.Reference }),
		kind, kinds, occurred, occurrences, asked, askedDays, effective, effectiveDays, link, links, phase, phases, of, ofs,
		metadata, w.expiries(),
		each(p, func(p written) int64 { return p.entry.id }), line, lines,
		each(p, func(p written) string { return p.posting().Debit }), each(p, func(p written) string { return p.posting().Credit }),
		currency, currencies, each(p, func(p written) int64 { return p.posting().Amount }),
		each(p, func(p written) int64 { return p.debitDebits }), each(p, func(p written) int64 { return p.debitCredits }),
		each(p, func(p written) int64 { return p.creditDebits }), each(p, func(p written) int64 { return p.creditCredits }),
		each(p, func(p written) int64 { return p.debitPrev }), each(p, func(p written) int64 { return p.creditPrev }), day, days,
		each(moved, func(a *account) string { return a.code }),
		each(moved, func(a *account) int64 { return a.debitsPosted }), each(moved, func(a *account) int64 { return a.creditsPosted }),
		debitsPending, allDebitsPending, creditsPending, allCreditsPending,
		each(moved, func(a *account) int64 { return a.last }))
	w.queuePending(batch, book)
	w.queueExpiring(batch, book)
	return nil
}

func (p written) posting() *Posting { return &p.entry.tx.Postings[p.line] }

// each gives a column with a value a row.
func each[R, T any](rows []R, value func(R) T) []T {
	all := make([]T, len(rows))
	for i, r := range rows {
		all[i] = value(r)
	}
	return all
}

// column gives one value where all rows agree, otherwise one a row.
func column[R any, T comparable](rows []R, value func(R) T) (one *T, all []T) {
	if len(rows) == 0 {
		return nil, nil
	}
	first := value(rows[0])
	for _, r := range rows[1:] {
		if value(r) != first {
			return nil, each(rows, value)
		}
	}
	return &first, nil
}

// metadata gives nil where no transaction has any.
func (w *writes) metadata() ([]*string, error) {
	var all []*string
	for i, e := range w.transactions {
		if len(e.tx.Metadata) == 0 {
			continue
		}
		b, err := json.Marshal(e.tx.Metadata)
		if err != nil {
			return nil, fault("write metadata", err)
		}
		if all == nil {
			all = make([]*string, len(w.transactions))
		}
		text := string(b)
		all[i] = &text
	}
	return all, nil
}

// expiries gives nil where no transaction has one.
func (w *writes) expiries() []*time.Time {
	var all []*time.Time
	for i, e := range w.transactions {
		if e.tx.Expires.IsZero() {
			continue
		}
		if all == nil {
			all = make([]*time.Time, len(w.transactions))
		}
		at := stored(e.tx.Expires)
		all[i] = &at
	}
	return all
}

// moved gives the accounts that were moved, in the order of their codes.
func (s *state) moved() []*account {
	var all []*account
	for _, a := range s.accounts {
		if a.touched {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b *account) int { return strings.Compare(a.code, b.code) })
	return all
}

func (w *writes) queuePending(batch *pgx.Batch, book string) {
	if len(w.pending) == 0 {
		return
	}
	p := w.pending
	batch.Queue(sqlInsertPending, book,
		each(p, func(p set) int64 { return p.entry.id }), each(p, func(p set) int32 { return p.line }),
		each(p, func(p set) string { return p.posting().Debit }), each(p, func(p set) string { return p.posting().Credit }),
		each(p, func(p set) string { return p.posting().Currency }), each(p, func(p set) int64 { return p.posting().Amount }))
}

func (p set) posting() *Posting { return &p.entry.tx.Postings[p.line] }

// sqlWrite takes a column as one value and as values of the rows, one of which is NULL; arrays that are NULL or shorter are
// filled up with NULL. Every row of balances is there and locked: it is always updated, and always through the unique index.
const sqlWrite = `
WITH t AS (
    INSERT INTO ledger.transactions
        (book, id, reference, kind, occurred, asked_day, effective_day, recorded, link, phase, of_id, metadata, expires)
    SELECT $1, w.id, w.reference, coalesce(w.kind, $5), coalesce(w.occurred, $7), coalesce(w.asked_day, $9),
           coalesce(w.effective_day, $11), $2, coalesce(w.link, $13), coalesce(w.phase, $15),
           nullif(coalesce(w.of_id, $17), 0), w.metadata::jsonb, w.expires
    FROM unnest($3::bigint[], $4::text[], $6::text[], $8::timestamptz[], $10::date[], $12::date[], $14::text[], $16::text[],
                $18::bigint[], $19::text[], $20::timestamptz[])
         AS w (id, reference, kind, occurred, asked_day, effective_day, link, phase, of_id, metadata, expires)
), p AS (
    INSERT INTO ledger.postings
        (book, transaction_id, line, debit_account, credit_account, currency, amount, debit_account_debits,
         debit_account_credits, credit_account_debits, credit_account_credits, debit_prev, credit_prev, effective_day, recorded)
    SELECT $1, w.transaction_id, coalesce(w.line, $22), w.debit_account, w.credit_account, coalesce(w.currency, $26), w.amount,
           w.dd, w.dc, w.cd, w.cc, w.debit_prev, w.credit_prev, coalesce(w.effective_day, $35), $2
    FROM unnest($21::bigint[], $23::integer[], $24::text[], $25::text[], $27::text[], $28::bigint[],
                $29::bigint[], $30::bigint[], $31::bigint[], $32::bigint[], $33::bigint[], $34::bigint[], $36::date[])
         AS w (transaction_id, line, debit_account, credit_account, currency, amount, dd, dc, cd, cc, debit_prev, credit_prev,
               effective_day)
)
INSERT INTO ledger.balances (book, account, debits_posted, credits_posted, debits_pending, credits_pending, last_id,
                             currency, normal_side, limits, closed)
SELECT $1, w.account, w.dd, w.cc, coalesce(w.dp, $40), coalesce(w.cp, $42), w.last_id, '', '', 0, false
FROM unnest($37::text[], $38::bigint[], $39::bigint[], $41::bigint[], $43::bigint[], $44::bigint[])
     AS w (account, dd, cc, dp, cp, last_id)
ON CONFLICT (book, account) DO UPDATE
SET debits_posted = excluded.debits_posted, credits_posted = excluded.credits_posted,
    debits_pending = excluded.debits_pending, credits_pending = excluded.credits_pending, last_id = excluded.last_id`

const sqlInsertPending = `
INSERT INTO ledger.pending (book, transaction_id, line, debit_account, credit_account, currency, amount)
SELECT $1, w.transaction_id, w.line, w.debit_account, w.credit_account, w.currency, w.amount
FROM unnest($2::bigint[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::bigint[])
     AS w (transaction_id, line, debit_account, credit_account, currency, amount)`
