package ledger

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

func (w *writes) queueTransactions(batch *pgx.Batch, book string, st *state) error {
	n := len(w.transactions)
	ids, references, kinds, links := make([]int64, n), make([]string, n), make([]string, n), make([]string, n)
	occurred, asked, effective := make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	metadata := make([]*string, n)
	phases, of, expires := make([]string, n), make([]*int64, n), make([]*time.Time, n)
	for i, e := range w.transactions {
		phases[i] = cmp.Or(string(e.tx.Phase), "post")
		if e.of != 0 {
			of[i] = &e.of
		}
		if !e.tx.Expires.IsZero() {
			at := stored(e.tx.Expires)
			expires[i] = &at
		}
		ids[i], references[i], kinds[i], links[i] = e.id, e.tx.Reference, e.tx.Kind, e.tx.Link
		occurred[i], asked[i], effective[i] = stored(e.tx.Occurred), e.tx.Day.UTC(), e.effective
		if len(e.tx.Metadata) > 0 {
			b, err := json.Marshal(e.tx.Metadata)
			if err != nil {
				return fault("write metadata", err)
			}
			text := string(b)
			metadata[i] = &text
		}
	}
	batch.Queue(sqlInsertTransactions, book, ids, references, kinds, occurred, asked, effective, st.recorded, links,
		metadata, phases, of, expires)
	return nil
}

func (w *writes) queuePostings(batch *pgx.Batch, book string, st *state) {
	n := len(w.postings)
	ids, lines, amounts := make([]int64, n), make([]int32, n), make([]int64, n)
	debits, credits, currencies := make([]string, n), make([]string, n), make([]string, n)
	dd, dc, cd, cc := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	debitPrev, creditPrev := make([]int64, n), make([]int64, n)
	effective := make([]time.Time, n)
	for i, p := range w.postings {
		posting := p.entry.tx.Postings[p.line]
		ids[i], lines[i], amounts[i] = p.entry.id, p.line, posting.Amount
		debits[i], credits[i], currencies[i] = posting.Debit, posting.Credit, posting.Currency
		dd[i], dc[i], cd[i], cc[i] = p.debitDebits, p.debitCredits, p.creditDebits, p.creditCredits
		debitPrev[i], creditPrev[i] = p.debitPrev, p.creditPrev
		effective[i] = p.entry.effective
	}
	batch.Queue(sqlInsertPostings, book, ids, lines, debits, credits, currencies, amounts, dd, dc, cd, cc,
		effective, st.recorded, debitPrev, creditPrev)
}

func (s *state) queueBalances(batch *pgx.Batch, book string) {
	var touched []*account
	for _, a := range s.accounts {
		if a.touched {
			touched = append(touched, a)
		}
	}
	slices.SortFunc(touched, func(a, b *account) int { return strings.Compare(a.code, b.code) })
	n := len(touched)
	codes := make([]string, n)
	dd, cc, dp, cp := make([]int64, n), make([]int64, n), make([]int64, n), make([]int64, n)
	last := make([]int64, n)
	for i, a := range touched {
		codes[i], last[i] = a.code, a.last
		dd[i], cc[i], dp[i], cp[i] = a.debitsPosted, a.creditsPosted, a.debitsPending, a.creditsPending
	}
	batch.Queue(sqlUpdateBalances, book, codes, dd, cc, dp, cp, last)
}

func (w *writes) queuePending(batch *pgx.Batch, book string) {
	n := len(w.pending)
	ids, lines, amounts := make([]int64, n), make([]int32, n), make([]int64, n)
	debits, credits, currencies := make([]string, n), make([]string, n), make([]string, n)
	for i, p := range w.pending {
		posting := p.entry.tx.Postings[p.line]
		ids[i], lines[i], amounts[i] = p.entry.id, p.line, posting.Amount
		debits[i], credits[i], currencies[i] = posting.Debit, posting.Credit, posting.Currency
	}
	batch.Queue(sqlInsertPending, book, ids, lines, debits, credits, currencies, amounts)
}

const sqlInsertTransactions = `
INSERT INTO ledger.transactions
    (book, id, reference, kind, occurred, asked_day, effective_day, recorded, link, metadata, phase, of_id, expires)
SELECT $1, w.id, w.reference, w.kind, w.occurred, w.asked_day, w.effective_day, $8, w.link, w.metadata::jsonb,
       w.phase, w.of_id, w.expires
FROM unnest($2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::date[], $7::date[], $9::text[], $10::text[],
            $11::text[], $12::bigint[], $13::timestamptz[])
     AS w (id, reference, kind, occurred, asked_day, effective_day, link, metadata, phase, of_id, expires)`

const sqlInsertPostings = `
INSERT INTO ledger.postings
    (book, transaction_id, line, debit_account, credit_account, currency, amount, debit_account_debits,
     debit_account_credits, credit_account_debits, credit_account_credits, effective_day, recorded, debit_prev, credit_prev)
SELECT $1, w.transaction_id, w.line, w.debit_account, w.credit_account, w.currency, w.amount, w.dd, w.dc, w.cd, w.cc,
       w.effective_day, $13, w.debit_prev, w.credit_prev
FROM unnest($2::bigint[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::bigint[],
            $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::date[], $14::bigint[], $15::bigint[])
     AS w (transaction_id, line, debit_account, credit_account, currency, amount, dd, dc, cd, cc, effective_day,
           debit_prev, credit_prev)`

const sqlInsertPending = `
INSERT INTO ledger.pending (book, transaction_id, line, debit_account, credit_account, currency, amount)
SELECT $1, w.transaction_id, w.line, w.debit_account, w.credit_account, w.currency, w.amount
FROM unnest($2::bigint[], $3::integer[], $4::text[], $5::text[], $6::text[], $7::bigint[])
     AS w (transaction_id, line, debit_account, credit_account, currency, amount)`

// Every row is there and locked: this always updates, and always through the unique index.
const sqlUpdateBalances = `
INSERT INTO ledger.balances (book, account, debits_posted, credits_posted, debits_pending, credits_pending, last_id,
                             currency, normal_side, limits, closed)
SELECT $1, w.account, w.dd, w.cc, w.dp, w.cp, w.last_id, '', '', 0, false
FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
     AS w (account, dd, cc, dp, cp, last_id)
ON CONFLICT (book, account) DO UPDATE
SET debits_posted = excluded.debits_posted, credits_posted = excluded.credits_posted,
    debits_pending = excluded.debits_pending, credits_pending = excluded.credits_pending, last_id = excluded.last_id`
