package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"exchequer/internal/pg/pgtest"
	"exchequer/ledger"
)

// gate keeps a posting of book A01 under way until it is opened: what comes meanwhile waits in the queue. It needs
// account assets:gate.
func (b *bench) gate() (open func()) {
	b.t.Helper()
	ctx := context.Background()
	lock, err := b.pool.Begin(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := lock.Exec(ctx, `SELECT FROM ledger.balances WHERE book = 'A01' AND account = 'assets:gate' FOR UPDATE`); err != nil {
		b.t.Fatal(err)
	}
	first := make(chan error, 1)
	go func() {
		_, err := b.Post(ctx, []ledger.Transaction{move("GATE", "assets:gate", "l:b", 1)})
		first <- err
	}()
	b.waitForLockWait()
	return func() {
		b.t.Helper()
		if err := errors.Join(lock.Rollback(ctx), <-first); err != nil {
			b.t.Fatal(err)
		}
	}
}

// answer is what one caller got.
type answer struct {
	results []ledger.Result
	err     error
}

// call posts from a goroutine of its own and returns when that waits in the queue of book A01 behind n others.
func (b *bench) call(ctx context.Context, n int, txs ...ledger.Transaction) <-chan answer {
	b.t.Helper()
	got := make(chan answer, 1)
	go func() {
		r, err := b.Post(ctx, txs)
		got <- answer{r, err}
	}()
	b.until("a call waits in the queue", func() bool { return b.Queued("A01") == n+1 })
	return got
}

// until waits for what must come.
func (b *bench) until(what string, there func() bool) {
	b.t.Helper()
	for range 10_000 {
		if there() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	b.t.Fatalf("waited for it, and it did not come: %s", what)
}

// commits is in how many database transactions the references that begin so were written.
func (b *bench) commits(prefix string) (n int) {
	b.t.Helper()
	err := b.pool.QueryRow(context.Background(),
		`SELECT count(DISTINCT xmin::text) FROM ledger.transactions WHERE starts_with(reference, $1)`, prefix).Scan(&n)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// TestCallersShareACommit: those who wait share one commit, each gets his own result, and a refusal harms nobody.
func TestCallersShareACommit(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:gate", "l:b", "assets:a>0")
	open := b.gate()
	txs := []ledger.Transaction{
		move("R0", "assets:a", "l:b", 5), move("R1", "l:b", "assets:a", 6), move("R2", "assets:a", "l:none", 1),
		move("R3", "l:b", "assets:a", 5), move("R4", "l:b", "assets:a", 1), move("R0", "assets:a", "l:b", 5), {},
	}
	want := []string{"posted", "limit postings[0].amount assets:a", "unknown_account postings[0].credit l:none",
		"posted", "limit postings[0].amount assets:a", "duplicate", "invalid_field book"}
	var answers []<-chan answer
	for i, tx := range txs {
		if tx.Book == "" { // is answered at once
			answers = append(answers, b.call(context.Background(), i-1, tx))
			continue
		}
		answers = append(answers, b.call(context.Background(), i, tx))
	}
	open()
	for i, got := range answers {
		if a := <-got; a.err != nil || shown(a.results[0]) != want[i] {
			t.Errorf("call %d was answered %+v, want %s", i, a, want[i])
		}
	}
	if n := b.commits("R"); n != 1 {
		t.Errorf("they took %d commits, want one", n)
	}
	b.mustStand()
}

// TestPoisonIsTheCallersOwn: what the server refuses for one call is an error of that call alone.
func TestPoisonIsTheCallersOwn(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:gate", "l:b", "assets:a>0")
	_, err := pgtest.Owner(t, b.pool).Exec(context.Background(),
		`ALTER TABLE ledger.transactions ADD CONSTRAINT transactions_no_poison CHECK (link <> 'poison')`)
	if err != nil {
		t.Fatal(err)
	}
	open := b.gate()
	var answers []<-chan answer
	for i := range 9 {
		tx := move(fmt.Sprintf("R%d", i), "assets:a", "l:b", 1)
		switch {
		case i == 4:
			tx.Link = "poison"
		case i == 6:
			tx = move("R6", "l:b", "assets:a", 6) // one more than there is without the poison
		}
		answers = append(answers, b.call(context.Background(), i, tx, move(fmt.Sprintf("S%d", i), "assets:gate", "l:b", 1)))
	}
	open()
	for i, got := range answers {
		a := <-got
		switch pg, _ := errors.AsType[*pgconn.PgError](a.err); {
		case i == 4:
			if pg == nil || pg.ConstraintName != "transactions_no_poison" {
				t.Errorf("the poison was answered %+v, want the server's error", a)
			}
		case a.err != nil || a.results[1].Code != ledger.Posted:
			t.Errorf("call %d was answered %+v, want posted", i, a)
		case i == 6 && a.results[0].Code != ledger.Limit || i != 6 && a.results[0].Code != ledger.Posted:
			t.Errorf("call %d was answered %+v", i, a)
		}
	}
	if got := b.standing("A01"); got != "assets:a 7, assets:gate 9, l:b 16" {
		t.Errorf("left %s; of the poison's call nothing may stand", got)
	}
	b.mustStand()
}

func TestWithdrawnInTheQueue(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:gate", "l:b")
	open := b.gate()
	ctx, cancel := context.WithCancel(context.Background())
	before := b.call(context.Background(), 0, move("R1", "assets:gate", "l:b", 1))
	withdrawn := b.call(ctx, 1, move("R2", "assets:gate", "l:b", 1))
	after := b.call(context.Background(), 2, move("R3", "assets:gate", "l:b", 1))
	cancel()
	a := <-withdrawn
	if _, unknown := errors.AsType[*ledger.OutcomeUnknownError](a.err); !errors.Is(a.err, context.Canceled) || unknown {
		t.Errorf("the call that was withdrawn was answered %+v: it is certain that nothing is written", a)
	}
	open()
	for _, got := range []<-chan answer{before, after} {
		if a := <-got; a.err != nil || a.results[0].Code != ledger.Posted {
			t.Errorf("a neighbour was answered %+v", a)
		}
	}
	if r := b.post(move("R2", "assets:gate", "l:b", 2)); r[0].Code != ledger.Posted {
		t.Errorf("the reference of a call that was withdrawn gives %+v", r)
	}
	b.mustStand()
}

func TestAbandonedWhileCommitting(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:gate", "l:b")
	ctx, cancel := context.WithCancel(context.Background())
	lock, err := b.pool.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Rollback(context.Background())
	if _, err := lock.Exec(ctx, `SELECT FROM ledger.balances WHERE book = 'A01' FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	tx := move("R", "assets:gate", "l:b", 1)
	go func() {
		_, err := b.Post(ctx, []ledger.Transaction{tx})
		got <- err
	}()
	b.waitForLockWait()
	cancel()
	unknown, ok := errors.AsType[*ledger.OutcomeUnknownError](<-got)
	if !ok || unknown.Book != "A01" || !errors.Is(unknown, context.Canceled) {
		t.Errorf("answered %v, want that the outcome is unknown", unknown)
	}
	if err := lock.Rollback(context.Background()); err != nil {
		t.Fatal(err)
	}
	if r := b.post(tx); r[0].Code != ledger.Duplicate {
		t.Errorf("sent again it was %+v, want duplicate: it had begun", r)
	}
}

// TestFullQueueHoldsCallersBack fills the queue with calls that will be refused, and looks at those who come then.
func TestFullQueueHoldsCallersBack(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:gate", "l:b")
	open := b.gate()
	large := move("L", "assets:none", "l:b", 1)
	for len(large.Postings) < ledger.MaxPostings {
		large.Postings = append(large.Postings, large.Postings[0])
	}
	var full []<-chan answer
	for i := range 19 { // 19 times 10,001 and the gate's 2 leave room for 9,979
		full = append(full, b.call(context.Background(), i, large))
	}
	last := large
	last.Postings = large.Postings[:9_978]
	full = append(full, b.call(context.Background(), 19, last))

	ctx, cancel := context.WithCancel(context.Background())
	small := func(ctx context.Context, reference string) <-chan answer {
		got := make(chan answer, 1)
		go func() {
			r, err := b.Post(ctx, []ledger.Transaction{move(reference, "assets:gate", "l:b", 1)})
			got <- answer{r, err}
		}()
		return got
	}
	leaves, stays := small(ctx, "R1"), small(context.Background(), "R2")
	cancel()
	if a := <-leaves; !errors.Is(a.err, context.Canceled) || !strings.Contains(a.err.Error(), "before the queue") {
		t.Errorf("who left was answered %+v, want that he had waited before the queue", a)
	}
	if n := b.Queued("A01"); n != 20 {
		t.Errorf("%d calls wait in the queue, want the 20 that fill it", n)
	}
	open()
	for _, got := range full {
		if a := <-got; a.err != nil || a.results[0].Code != ledger.UnknownAccount {
			t.Errorf("answered %+v, want unknown_account", a)
		}
	}
	if a := <-stays; a.err != nil || a.results[0].Code != ledger.Posted {
		t.Errorf("who stayed was answered %+v, want posted", a)
	}
	if r := b.post(move("R1", "assets:gate", "l:b", 2)); r[0].Code != ledger.Posted {
		t.Errorf("the reference of who left gives %+v", r)
	}
	b.mustStand()
}

// TestSameReferenceFromManyCallers: in one commit, one is posted, equal ones are told so, others that it is taken.
func TestSameReferenceFromManyCallers(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:gate", "l:b")
	open := b.gate()
	var answers []<-chan answer
	for i := range 12 {
		answers = append(answers, b.call(context.Background(), i, move("R", "assets:gate", "l:b", int64(1+i%2))))
	}
	open()
	var first ledger.Result
	for i, got := range answers {
		a := <-got
		want := []string{"duplicate", "reference_reused postings[0].amount"}[i%2]
		if i == 0 {
			first, want = a.results[0], "posted"
		}
		if a.err != nil || shown(a.results[0]) != want || i%2 == 0 && a.results[0].ID != first.ID {
			t.Errorf("call %d was answered %+v, want %s of %d", i, a, want, first.ID)
		}
	}
	b.mustStand()
}

// TestBulk: 8,000 transactions are one commit, more are several, and all keep the order given.
func TestBulk(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a>0", "l:b", "l:c")
	bulk := func(prefix string, n int) []ledger.Transaction {
		all := make([]ledger.Transaction, n)
		for i := range all { // the second of each two takes what the first brought
			if all[i] = move(fmt.Sprintf("%s%d", prefix, i), "assets:a", "l:b", int64(i+1)); i%2 == 1 {
				all[i] = move(all[i].Reference, "l:c", "assets:a", int64(i))
			}
		}
		return all
	}
	for prefix, c := range map[string]struct{ n, commits int }{"EIGHT-": {8_000, 1}, "MORE-": {8_001, 2}} {
		results := b.mustPost(bulk(prefix, c.n)...)
		for i := 1; i < len(results); i++ {
			if results[i].ID <= results[i-1].ID {
				t.Fatalf("%s: result %d has id %d after %d", prefix, i, results[i].ID, results[i-1].ID)
			}
		}
		if got := b.commits(prefix); got != c.commits {
			t.Errorf("%d transactions took %d commits, want %d", c.n, got, c.commits)
		}
	}
	b.mustStand()
}

// refusals counts what the server refuses, by SQLSTATE.
type refusals struct {
	mu    sync.Mutex
	codes map[string]int
}

func (r *refusals) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (r *refusals) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (r *refusals) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (r *refusals) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (r *refusals) TraceBatchEnd(_ context.Context, _ *pgx.Conn, d pgx.TraceBatchEndData) {
	if pg, ok := errors.AsType[*pgconn.PgError](d.Err); ok {
		r.mu.Lock()
		r.codes[pg.Code]++
		r.mu.Unlock()
	}
}

// TestDeadlockIsPostedAgain meets somebody who locks the other way round.
func TestDeadlockIsPostedAgain(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	b.open("A01", "assets:a", "assets:z")
	seen := &refusals{codes: map[string]int{}}
	cfg := b.pool.Config()
	cfg.ConnConfig.Tracer = seen
	l := ledger.New(b.connect(cfg), b.now)
	for try := 0; seen.codes["40P01"] == 0; try++ {
		if try == 10 {
			t.Fatal("no deadlock came about")
		}
		other, err := b.pool.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		lock := func(account string) error {
			_, err := other.Exec(ctx, `SELECT FROM ledger.balances WHERE book = 'A01' AND account = $1 FOR UPDATE`, account)
			return err
		}
		if err := lock("assets:z"); err != nil {
			t.Fatal(err)
		}
		got := make(chan answer, 1)
		go func() {
			r, err := l.Post(ctx, []ledger.Transaction{move(fmt.Sprintf("R%d", try), "assets:a", "assets:z", 1)})
			got <- answer{r, err}
		}()
		b.waitForLockWait()
		_ = lock("assets:a") // the server gives one of the two up, usually the one that waited first
		_ = other.Rollback(ctx)
		if a := <-got; a.err != nil || a.results[0].Code != ledger.Posted {
			t.Fatalf("answered %+v, want posted", a)
		}
	}
	b.mustStand()
}

// TestGivenUpIsPostedAgain lets the server give a posting up a number of times, and then for ever.
func TestGivenUpIsPostedAgain(t *testing.T) {
	for _, c := range []struct {
		state string
		times int
		tries int64 // in all
		ok    bool
	}{{"40001", 3, 4, true}, {"40P01", 3, 4, true}, {"40001", 1000, 8, false}, {"23514", 1000, 1, false}} {
		t.Run(fmt.Sprint(c.state, " ", c.times), func(t *testing.T) {
			b := start(t)
			b.open("A01", "assets:a", "l:b")
			owner := pgtest.Owner(t, b.pool)
			_, err := owner.Exec(context.Background(), fmt.Sprintf(`
				CREATE SEQUENCE public.tries;
				CREATE FUNCTION public.give_up() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
				BEGIN
					IF nextval('public.tries') <= %d THEN RAISE EXCEPTION 'given up' USING ERRCODE = '%s'; END IF;
					RETURN NULL;
				END $$;
				CREATE TRIGGER give_up AFTER INSERT ON ledger.transactions EXECUTE FUNCTION public.give_up()`, c.times, c.state))
			if err != nil {
				t.Fatal(err)
			}
			r, err := b.Post(context.Background(), []ledger.Transaction{move("R", "assets:a", "l:b", 1)})
			if (err == nil) != c.ok || c.ok && r[0].Code != ledger.Posted {
				t.Errorf("answered %+v (%v)", r, err)
			}
			if _, unknown := errors.AsType[*ledger.OutcomeUnknownError](err); unknown {
				t.Errorf("%v: the server has said that it is not written", err)
			}
			var tries int64
			if err := owner.QueryRow(context.Background(), `SELECT last_value FROM public.tries`).Scan(&tries); err != nil || tries != c.tries {
				t.Errorf("it was tried %d times (%v), want %d", tries, err, c.tries)
			}
			if got := b.rows("A01").transactions; (got == 1) != c.ok {
				t.Errorf("%d transactions stand", got)
			}
			b.mustStand()
		})
	}
}
