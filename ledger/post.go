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
	byBook := sorted(txs, results)
	for _, book := range booksOf(byBook) {
		if err := l.postInCallers(ctx, tx, book, byBook[book]); err != nil {
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

// sorted gives the well-formed transactions by book; what is not gets its result at once.
func sorted(txs []Transaction, results []Result) map[string][]item {
	byBook := make(map[string][]item)
	for i := range txs {
		if r, ok := check(&txs[i]); !ok {
			results[i] = r
			continue
		}
		byBook[txs[i].Book] = append(byBook[txs[i].Book], item{&txs[i], &results[i]})
	}
	return byBook
}

func booksOf(byBook map[string][]item) []string {
	books := make([]string, 0, len(byBook))
	for book := range byBook {
		books = append(books, book)
	}
	slices.Sort(books)
	return books
}

// sender is a caller's transaction or a connection of our own.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// frame is what stands around the two round trips in which a batch is posted: first everything is locked and read, then,
// when all is decided, everything is written.
type frame struct {
	begin string // before the locks
	save  string // before the writes
	end   string // after the writes
	// blind leaves it to the unique key to find a reference that stands already, which few are: then nothing is written,
	// and everything is decided again with them read.
	blind bool
	// prompt gives up where a day of the batch is being closed.
	prompt bool
}

var (
	// The savepoint keeps the caller's transaction usable when a reference turns out to be taken.
	inCallers = frame{save: `SAVEPOINT ledger_write`, end: `RELEASE SAVEPOINT ledger_write`}
	inOwn     = frame{begin: `BEGIN ISOLATION LEVEL READ COMMITTED`, end: `COMMIT`}
)

// postInCallers locks and reads, decides in order, and writes. Where another database transaction has taken one of the
// references meanwhile, on accounts other than ours, everything is decided again with that transaction in sight.
func (l *Ledger) postInCallers(ctx context.Context, tx pgx.Tx, book string, items []item) error {
	for range attempts {
		_, err := l.postBook(ctx, tx, inCallers, book, items, nil)
		if err == nil || !referenceTaken(err) {
			return err
		}
		if _, err := tx.Exec(ctx, `ROLLBACK TO SAVEPOINT ledger_write`); err != nil {
			return fault("undo a write", err)
		}
	}
	return takenTooOften(book)
}

func takenTooOften(book string) error {
	return fmt.Errorf("ledger: post in book %s: references were taken by others %d times: try again", book, attempts)
}

func referenceTaken(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "23505" && strings.HasPrefix(pg.ConstraintName, "transactions_reference_key")
}

var errMustLook = errors.New("ledger: something was refused without looking for its reference")

// postBook posts in a frame and gives what it sent to be written, which may stand even when there is an error. Nothing is
// sent, and a frame of our own is left open, when every item is refused or a repetition. lost are the ids of an earlier
// attempt that may have been committed; it is emptied when they are found not to be.
func (l *Ledger) postBook(ctx context.Context, on sender, in frame, book string, items []item, lost map[int64]bool) (*writes, error) {
	held, err := readHolds(ctx, on, book, items)
	if err != nil {
		return nil, err
	}
	st, err := lock(ctx, on, in, book, items, held)
	if err != nil {
		return nil, err
	}
	if st.stands(lost) {
		return nil, nil // as a whole, and so the results are those it was decided with
	}
	clear(lost)
	st.recorded = stored(l.now()) // with the locks in hand: it never runs backwards on an account
	w := st.decide(items)
	if in.blind && len(w.transactions) < len(items) {
		return nil, errMustLook // a refusal may be a repetition of what stands
	}
	if len(w.transactions) == 0 {
		return nil, nil
	}
	return w, write(ctx, on, in, book, st, w)
}

// stands reports that one of the ids is that of a transaction found by its reference.
func (s *state) stands(ids map[int64]bool) bool {
	for _, e := range s.known {
		if ids[e.id] {
			return true
		}
	}
	return false
}

// lock keeps the days open, takes the accounts' balances in the order of their codes and reads all that deciding needs, in one round trip.
// What is read after the locks is read as it stands with them held (READ COMMITTED: a view per statement).
func lock(ctx context.Context, on sender, in frame, book string, items []item, held map[string][]Posting) (*state, error) {
	want := wanted(in, items, held)
	st := &state{accounts: make(map[string]*account, len(want.codes)), known: make(map[string]*entry, len(items))}
	batch := &pgx.Batch{}
	if in.begin != "" {
		batch.Queue(in.begin)
	}
	keepOpen := sqlKeepOpen
	if in.prompt {
		keepOpen = sqlKeepOpenPromptly
	}
	batch.Queue(keepOpen, book, days(items)).QueryRow(st.scanClosedThrough)
	batch.Queue(sqlLockBalances, book, want.codes).Query(st.scanBalances)
	if len(want.references) > 0 {
		batch.Queue(sqlReadReferences, book, want.references).Query(st.scanReferences)
	}
	if len(want.holds) > 0 {
		batch.Queue(sqlReadResolutions, book, want.holds).Query(st.scanResolutions)
	}
	batch.Queue(sqlReserve, len(items)).QueryRow(func(row pgx.Row) error { return row.Scan(&st.ids) })
	if in.begin == "" {
		batch.Queue(sqlUnpin)
	}
	if err := on.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fault("lock and read book "+book, err)
	}
	slices.Sort(st.ids)
	if len(st.known) == 0 {
		return st, nil
	}
	return st, st.readPostings(ctx, on, book)
}

// wants is what a batch names, each once and in order.
type wants struct {
	codes      []string // accounts
	references []string // its own unless it posts blind, and those of the transactions it names
	holds      []string // references of holds to be resolved
}

func wanted(in frame, items []item, held map[string][]Posting) wants {
	var w wants
	seen := make(map[string]struct{}, 2*len(items))
	for _, it := range items {
		if !in.blind {
			w.references = append(w.references, it.tx.Reference)
		}
		postings := it.tx.Postings
		if it.tx.Of != "" {
			w.references = append(w.references, it.tx.Of)
		}
		if it.tx.resolves() {
			w.holds = append(w.holds, it.tx.Of)
			postings = held[it.tx.Of]
		}
		for _, p := range postings {
			seen[p.Debit], seen[p.Credit] = struct{}{}, struct{}{}
		}
	}
	w.codes = make([]string, 0, len(seen))
	for code := range seen {
		w.codes = append(w.codes, strings.ToValidUTF8(strings.ReplaceAll(code, "\x00", "?"), "?"))
	}
	for _, list := range []*[]string{&w.codes, &w.references, &w.holds} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return w
}

// write adds the accepted transactions in one round trip.
func write(ctx context.Context, on sender, in frame, book string, st *state, w *writes) error {
	batch := &pgx.Batch{}
	if in.save != "" {
		batch.Queue(in.save)
	}
	slices.SortFunc(w.transactions, func(a, b *entry) int { return strings.Compare(a.tx.Reference, b.tx.Reference) })
	if err := w.queue(batch, book, st.recorded, st.moved()); err != nil {
		return err
	}
	batch.Queue(in.end).Exec(ended)
	if err := on.SendBatch(ctx, batch).Close(); err != nil {
		return fault("write to book "+book, err)
	}
	return nil
}

// ended makes sure that a COMMIT was one: PostgreSQL answers ROLLBACK for a transaction that had failed.
func ended(tag pgconn.CommandTag) error {
	if tag.String() == "ROLLBACK" {
		return errors.New("PostgreSQL rolled the transaction back")
	}
	return nil
}
