package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// PostTx posts in the caller's database transaction, which must be READ COMMITTED. It gives each transaction its own
// result, at its index, decided in the order given; a refused one leaves nothing behind and does not touch the others.
// Books and accounts are locked in one order, so that callers that call once a database transaction cannot deadlock;
// the locks are held until the caller commits. An error is a fault: the caller must roll back.
func (l *Ledger) PostTx(ctx context.Context, tx pgx.Tx, txs []Transaction) ([]Result, error) {
	results := make([]Result, len(txs))
	byBook := make(map[string][]item)
	for i := range txs {
		if r, ok := check(&txs[i]); !ok {
			results[i] = r
			continue
		}
		byBook[txs[i].Book] = append(byBook[txs[i].Book], item{&txs[i], &results[i]})
	}
	books := make([]string, 0, len(byBook))
	for book := range byBook {
		books = append(books, book)
	}
	slices.Sort(books)
	for _, book := range books {
		if err := l.postBook(ctx, tx, book, byBook[book]); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// item is a well-formed transaction and where its result goes.
type item struct {
	tx     *Transaction
	result *Result
}

// postBook locks and reads, decides in order, and writes. Where another database transaction has taken one of the
// references meanwhile, on accounts other than ours, everything is decided again with that transaction in sight.
func (l *Ledger) postBook(ctx context.Context, tx pgx.Tx, book string, items []item) error {
	for range attempts {
		st, err := lock(ctx, tx, book, items)
		if err != nil {
			return err
		}
		st.recorded = stored(l.now()) // with the locks in hand: it never runs backwards on an account
		writes := st.decide(items)
		if len(writes.ids) == 0 {
			return nil
		}
		err = write(ctx, tx, book, st, writes)
		if err == nil || !referenceTaken(err) {
			return err
		}
		if _, err := tx.Exec(ctx, `ROLLBACK TO SAVEPOINT ledger_write`); err != nil {
			return fault("undo a write", err)
		}
	}
	return fmt.Errorf("ledger: post in book %s: references were taken by others %d times: try again", book, attempts)
}

func referenceTaken(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "23505" && strings.HasPrefix(pg.ConstraintName, "transactions_reference_key")
}

// lock takes the accounts' balances in the order of their codes and reads all that deciding needs, in one round trip.
// What is read after the locks is read as it stands with them held (READ COMMITTED: a view per statement).
func lock(ctx context.Context, tx pgx.Tx, book string, items []item) (*state, error) {
	codes, references := wanted(items)
	st := &state{accounts: make(map[string]*account, len(codes)), known: make(map[string]*entry, len(references))}
	batch := &pgx.Batch{}
	batch.Queue(sqlPin).QueryRow(func(row pgx.Row) error { return checkIsolation(row) })
	batch.Queue(sqlLockBalances, book, codes).Query(st.scanBalances)
	batch.Queue(sqlReadDefinitions, book, codes).Query(st.scanDefinitions)
	batch.Queue(sqlReadReferences, book, references).Query(st.scanReferences)
	batch.Queue(sqlReadClosedThrough, book).Query(st.scanClosedThrough)
	batch.Queue(sqlReserve, len(items)).QueryRow(func(row pgx.Row) error { return row.Scan(&st.ids) })
	batch.Queue(sqlUnpin)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fault("lock and read book "+book, err)
	}
	slices.Sort(st.ids)
	if len(st.known) == 0 {
		return st, nil
	}
	return st, st.readPostings(ctx, tx, book)
}

// wanted gives each account once, sorted, and each reference once.
func wanted(items []item) (codes, references []string) {
	seen := make(map[string]struct{}, 2*len(items))
	references = make([]string, 0, len(items))
	for _, it := range items {
		references = append(references, it.tx.Reference)
		for _, p := range it.tx.Postings {
			seen[p.Debit], seen[p.Credit] = struct{}{}, struct{}{}
		}
	}
	codes = make([]string, 0, len(seen))
	for code := range seen {
		codes = append(codes, strings.ToValidUTF8(strings.ReplaceAll(code, "\x00", "?"), "?"))
	}
	slices.Sort(codes)
	slices.Sort(references)
	return slices.Compact(codes), slices.Compact(references)
}

func checkIsolation(row pgx.Row) error {
	var isolation string
	if err := row.Scan(&isolation, nil, nil); err != nil {
		return err
	}
	if isolation != "read committed" {
		return fmt.Errorf("posting needs a READ COMMITTED transaction, this one is %s", isolation)
	}
	return nil
}

// write adds the accepted transactions in one round trip. The savepoint keeps the caller's transaction usable when a
// reference turns out to be taken.
func write(ctx context.Context, tx pgx.Tx, book string, st *state, w *writes) error {
	batch := &pgx.Batch{}
	batch.Queue(`SAVEPOINT ledger_write`)
	slices.SortFunc(w.transactions, func(a, b *entry) int { return strings.Compare(a.tx.Reference, b.tx.Reference) })
	if err := w.queueTransactions(batch, book, st); err != nil {
		return err
	}
	w.queuePostings(batch, book, st)
	st.queueBalances(batch, book)
	batch.Queue(`RELEASE SAVEPOINT ledger_write`)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fault("write to book "+book, err)
	}
	return nil
}
