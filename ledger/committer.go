package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/semaphore"
)

const (
	// attempts is how often a posting is repeated that PostgreSQL gave up for the sake of another.
	attempts = 8
	// patience is how long a posting is repeated while the server cannot be reached.
	patience = 15 * time.Second
	// longest is how long one attempt may wait for locks and for the disk.
	longest = 30 * time.Second
	// mostTransactions and mostPostings bound what shares a commit. One transaction may have as many postings as it may.
	mostTransactions = 8_000
	mostPostings     = 20_000
	// mostQueued is how many postings may wait; whoever comes then waits before the queue.
	mostQueued = 200_000
)

// OutcomeUnknownError says that the connection was lost while transactions were being committed and the server could not
// be asked. They may stand or not: send the same references again.
type OutcomeUnknownError struct {
	Book  string
	Cause error
}

// Error says what to do.
func (e *OutcomeUnknownError) Error() string {
	return fmt.Sprintf("ledger: whether the transactions stand in book %s is not known: send the same references again: %v", e.Book, e.Cause)
}

// Unwrap gives what was lost.
func (e *OutcomeUnknownError) Unwrap() error { return e.Cause }

// Post writes transactions: each stands or is refused by itself, and its result is at its index. Those of one book are
// decided in the order given. Callers at the same time share commits; nobody is answered before his is on the disk. Where
// the queue is full it waits. What was lost on the way is sent again until it is certain; an *OutcomeUnknownError says that
// this was not possible. After another error, what concerns it is not written. Sending the same references again is always
// safe. The postings must not be changed before Post returns, nor after an *OutcomeUnknownError.
func (l *Ledger) Post(ctx context.Context, txs []Transaction) ([]Result, error) {
	txs = slices.Clone(txs)
	results := make([]Result, len(txs))
	byBook := sorted(txs, results)
	if err := l.submitAll(ctx, byBook); err != nil {
		return nil, err
	}
	return results, nil
}

func (l *Ledger) submitAll(ctx context.Context, byBook map[string][]item) error {
	books := booksOf(byBook)
	if len(books) == 1 {
		return l.submitBook(ctx, books[0], byBook[books[0]])
	}
	errs := make([]error, len(books))
	var all sync.WaitGroup
	for i, book := range books {
		all.Go(func() { errs[i] = l.submitBook(ctx, book, byBook[book]) })
	}
	all.Wait()
	return errors.Join(errs...)
}

func (l *Ledger) submitBook(ctx context.Context, book string, items []item) error {
	for done := 0; done < len(items); {
		n := portion(items[done:])
		if err := l.submit(ctx, book, items[done:done+n]); err != nil {
			if done > 0 {
				return &OutcomeUnknownError{book, err} // what went before stands
			}
			return err
		}
		done += n
	}
	return nil
}

// portion is how many of the items may share a commit: at least one.
func portion(items []item) int {
	postings := 0
	for i, it := range items {
		postings += len(it.tx.Postings)
		if i == mostTransactions || i > 0 && postings > mostPostings {
			return i
		}
	}
	return len(items)
}

// committer holds the lanes that have work. A lane's one goroutine ends when its queue is empty.
type committer struct {
	mu    sync.Mutex
	lanes map[laneKey]*lane
	room  *semaphore.Weighted
}

// laneKey names a lane. What asks for a day that is being closed waits in one of its own, so that the rest of the book
// does not wait with it.
type laneKey struct {
	book string
	late bool
}

// lane is the queue of a book. It takes all that waits at once: to linger for more, or to commit from two sides, gains
// nothing on a server that is busy.
type lane struct {
	laneKey
	waiting []*call
	wary    int // how many commits are still to look for references that stand already, since there was one
}

// wariness is how many commits look first after one that found a reference taken: repetitions come in swarms, and each
// costs a blind commit its work.
const wariness = 64

// call is what one caller waits for.
type call struct {
	items  []item
	weight int64
	done   chan error
}

func newCommitter() *committer {
	return &committer{lanes: make(map[laneKey]*lane), room: semaphore.NewWeighted(mostQueued)}
}

// submit waits until the items are on the disk or refused.
func (l *Ledger) submit(ctx context.Context, book string, items []item) error {
	c := &call{items: items, weight: weigh(items), done: make(chan error, 1)}
	if err := l.queue.room.Acquire(ctx, c.weight); err != nil {
		return fmt.Errorf("ledger: waiting before the queue of book %s: %w", book, err)
	}
	l.enqueue(laneKey{book: book}, c)
	select {
	case err := <-c.done:
		return err
	case <-ctx.Done():
		if l.queue.withdraw(book, c) {
			return fmt.Errorf("ledger: waiting in the queue of book %s: %w", book, ctx.Err())
		}
		return &OutcomeUnknownError{book, ctx.Err()}
	}
}

func weigh(items []item) int64 {
	n := int64(len(items))
	for _, it := range items {
		n += int64(len(it.tx.Postings))
	}
	return min(n, mostQueued)
}

func (l *Ledger) enqueue(key laneKey, c *call) {
	q := l.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if at := q.lanes[key]; at != nil {
		at.waiting = append(at.waiting, c)
		return
	}
	at := &lane{laneKey: key, waiting: []*call{c}}
	q.lanes[key] = at
	go l.drain(at)
}

// withdraw takes a call back that nobody has begun.
func (q *committer) withdraw(book string, c *call) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, late := range []bool{false, true} {
		at := q.lanes[laneKey{book, late}]
		if at == nil {
			continue
		}
		if i := slices.Index(at.waiting, c); i >= 0 {
			at.waiting = slices.Delete(at.waiting, i, i+1)
			q.room.Release(c.weight)
			return true
		}
	}
	return false
}

func (l *Ledger) drain(at *lane) {
	for {
		calls := l.queue.take(at)
		if len(calls) == 0 {
			return
		}
		l.commit(at, calls)
	}
}

// take gives the calls that share the next commit, and gives the lane up when there are none.
func (q *committer) take(at *lane) []*call {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, transactions, postings := 0, 0, 0
	for _, c := range at.waiting {
		transactions += len(c.items)
		postings += int(c.weight) - len(c.items)
		if n > 0 && (transactions > mostTransactions || postings > mostPostings) {
			break
		}
		n++
	}
	calls := slices.Clone(at.waiting[:n])
	at.waiting = slices.Delete(at.waiting, 0, n)
	if n == 0 {
		delete(q.lanes, at.laneKey)
	}
	return calls
}

// commit posts the calls together. Where the server refuses the whole for something that one of them holds, each is posted
// by itself: a fault concerns the one that brought it.
func (l *Ledger) commit(at *lane, calls []*call) {
	var items []item
	for _, c := range calls {
		items = append(items, c.items...)
	}
	err := l.postAgain(at, items)
	switch {
	case !at.late && dayLocked(err):
		if rest := l.setAside(at.book, calls, days(items)[0]); len(rest) > 0 {
			l.commit(at, rest)
		}
	case len(calls) > 1 && concernsOne(err):
		for _, c := range calls {
			l.commit(at, []*call{c})
		}
	default:
		for _, c := range calls {
			c.done <- err
			l.queue.room.Release(c.weight)
		}
	}
}

// setAside lets the calls that ask for a day wait for its closing, and gives the rest. A closing takes all open days up to
// its own, so of the days of a batch the first is being closed when any is.
func (l *Ledger) setAside(book string, calls []*call, first time.Time) (rest []*call) {
	for _, c := range calls {
		if days(c.items)[0].Equal(first) {
			l.enqueue(laneKey{book, true}, c)
		} else {
			rest = append(rest, c)
		}
	}
	return rest
}

// concernsOne reports that the server refused a batch for something in it, and nothing of it stands. A server that goes
// down refuses everybody: to try each by itself would only make them wait for one another.
func concernsOne(err error) bool {
	_, unknown := errors.AsType[*OutcomeUnknownError](err)
	_, refused := errors.AsType[*pgconn.PgError](err)
	return refused && !unknown && !goingDown(err)
}

// postAgain posts in database transactions of its own until it is certain what became of it. To ask whether a commit took
// place whose answer was lost is to post again: the locks are had only when the lost transaction has ended, and what it
// wrote is found by its references.
func (l *Ledger) postAgain(at *lane, items []item) error {
	lost := make(map[int64]bool) // ids that the last COMMIT without an answer may have written
	patient, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for try := 1; ; try++ {
		in := inOwn
		in.blind = at.wary == 0 && try == 1
		in.prompt = !at.late && len(lost) == 0
		err := l.postOnce(in, at.book, items, lost)
		if err == nil {
			at.wary = max(0, at.wary-1)
			return nil
		}
		if in.blind && (referenceTaken(err) || err == errMustLook) {
			at.wary = wariness
			continue
		}
		_, answered := errors.AsType[*pgconn.PgError](err)
		switch {
		case answered && !givenUp(err) && !goingDown(err), givenUp(err) && try == attempts, patient.Err() != nil:
			if len(lost) > 0 {
				return &OutcomeUnknownError{at.book, err}
			}
			return err
		}
		time.Sleep(pause(try))
	}
}

// pause grows from a moment, in which the other side of a deadlock ends, to as long as a server takes to come back.
func pause(try int) time.Duration { return min(time.Millisecond<<min(try, 9), 250*time.Millisecond) }

// postOnce adds to lost the ids that may have been written although there is an error.
func (l *Ledger) postOnce(in frame, book string, items []item, lost map[int64]bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	conn, err := l.pool.Acquire(ctx)
	if err != nil {
		return fault("connect", err)
	}
	defer conn.Release()
	w, err := l.postBook(ctx, conn, in, book, items, lost)
	if err == nil && w != nil {
		return nil
	}
	if !conn.Conn().IsClosed() {
		_, _ = conn.Exec(ctx, `ROLLBACK`) // a connection that fails here is thrown away by the pool
		return err
	}
	if w != nil {
		for _, e := range w.transactions {
			lost[e.id] = true
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("ledger: a closing, another program or the disk kept book %s waiting for %s: send the same references again: %w", book, longest, err)
	}
	return err
}

// givenUp reports that PostgreSQL rolled the whole transaction back so that another could go on, or so that a reference
// that another has just taken can be seen.
func givenUp(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "40001" || pg.Code == "40P01") || referenceTaken(err)
}

// goingDown reports that the server ends or is not yet up.
func goingDown(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (pg.Code == "57P01" || pg.Code == "57P02" || pg.Code == "57P03")
}

// dayLocked reports that a day could not be kept open at once: it is being closed.
func dayLocked(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == "55P03"
}
