package outbox_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/outbox"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var noon = time.Date(2025, 6, 2, 5, 0, 0, 0, time.UTC)

// desk is a database with one worker, as a relay would use it.
type desk struct {
	*testing.T
	pool   *pgxpool.Pool
	worker *outbox.Worker
	now    time.Time
	wall   time.Time
}

func newDesk(t *testing.T) *desk {
	d := &desk{T: t, pool: pgtest.New(t), now: noon, wall: time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC)}
	d.worker = d.enlist()
	return d
}

func (d *desk) enlist() *outbox.Worker {
	d.Helper()
	w, err := outbox.Enlist(d.Context(), d.pool)
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { w.Close(context.Background()) })
	return w
}

func (d *desk) tx(fn func(tx pgx.Tx) error) error {
	d.Helper()
	return pg.InTx(d.Context(), d.pool, fn)
}

func (d *desk) ask(ref string, due time.Time) int64 {
	d.Helper()
	var id int64
	err := d.tx(func(tx pgx.Tx) (err error) {
		id, err = outbox.EnqueueTx(d.Context(), tx, outbox.Job{Kind: "apply", Book: "EVN", Ref: ref, Due: due})
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	return id
}

func (d *desk) claim() []outbox.Ticket {
	d.Helper()
	c := outbox.Claim{Kinds: []string{"apply"}, Now: d.now, Wall: d.wall, Limit: 10}
	tickets, err := d.worker.Claim(d.Context(), c)
	if err != nil {
		d.Fatal(err)
	}
	return tickets
}

func (d *desk) claimOne() outbox.Ticket {
	d.Helper()
	tickets := d.claim()
	if len(tickets) != 1 {
		d.Fatalf("claimed %v, want one ticket", tickets)
	}
	return tickets[0]
}

func (d *desk) start(t outbox.Ticket) (outbox.Job, error) {
	return outbox.Start(d.Context(), d.pool, outbox.Run{Ticket: t, Worker: d.worker.ID(), Now: d.now, Wall: d.wall})
}

func (d *desk) mustStart(t outbox.Ticket) outbox.Job {
	d.Helper()
	j, err := d.start(t)
	if err != nil {
		d.Fatal(err)
	}
	return j
}

func (d *desk) done(t outbox.Ticket) error {
	return d.tx(func(tx pgx.Tx) error {
		return outbox.DoneTx(d.Context(), tx, outbox.Job{ID: t.ID, Attempt: t.Attempt}, d.now)
	})
}

func (d *desk) fail(t outbox.Ticket) int {
	d.Helper()
	n, err := outbox.Fail(d.Context(), d.pool, outbox.Failure{Ticket: t, Code: "unavailable", Wall: d.wall, Pause: time.Second, MaxPause: 10 * time.Second})
	if err != nil {
		d.Fatal(err)
	}
	return n
}

func TestAskingIsPartOfTheCallersTransaction(t *testing.T) {
	d := newDesk(t)
	d.tx(func(tx pgx.Tx) error {
		if _, err := outbox.EnqueueTx(t.Context(), tx, outbox.Job{Kind: "apply", Book: "EVN", Ref: "1", Due: noon}); err != nil {
			t.Fatal(err)
		}
		return errors.New("the caller changes his mind")
	})
	if got := d.claim(); len(got) != 0 {
		t.Fatalf("claimed %v: the transaction was rolled back", got)
	}
}

func TestARowIsHandedOutWhenDueAndOnce(t *testing.T) {
	d := newDesk(t)
	id := d.ask("1", noon.Add(time.Hour))
	if got := d.claim(); len(got) != 0 {
		t.Fatalf("claimed %v an hour before it is due", got)
	}
	d.now = noon.AddDate(0, 0, 3)
	ticket := d.claimOne()
	if ticket != (outbox.Ticket{ID: id, Attempt: 1}) {
		t.Fatalf("ticket %v, want row %d attempt 1", ticket, id)
	}
	if got := d.claim(); len(got) != 0 {
		t.Fatalf("claimed %v twice", got)
	}
	j := d.mustStart(ticket)
	if want := (outbox.Job{ID: id, Kind: "apply", Book: "EVN", Ref: "1", Due: j.Due, Attempt: 1}); j != want || !j.Due.Equal(noon.Add(time.Hour)) {
		t.Errorf("job %+v, want %+v due in an hour", j, want)
	}
	if _, err := d.start(ticket); !errors.Is(err, outbox.ErrStale) {
		t.Errorf("second start of one ticket: %v, want ErrStale", err)
	}
	if err := d.done(ticket); err != nil {
		t.Fatal(err)
	}
	if err := d.done(ticket); !errors.Is(err, outbox.ErrStale) {
		t.Errorf("second done: %v, want ErrStale, or an effect commits twice", err)
	}
	if got := d.claim(); len(got) != 0 {
		t.Fatalf("claimed %v after it was done", got)
	}
}

func TestAnotherKindIsLeftAlone(t *testing.T) {
	d := newDesk(t)
	d.tx(func(tx pgx.Tx) error {
		_, err := outbox.EnqueueTx(t.Context(), tx, outbox.Job{Kind: "other", Ref: "1", Due: noon})
		return err
	})
	if got := d.claim(); len(got) != 0 {
		t.Errorf("claimed %v of a kind nobody here handles", got)
	}
}

func TestWakeUpsOfOneKeyAreMerged(t *testing.T) {
	d := newDesk(t)
	d.ask("1", noon.Add(time.Hour))
	d.ask("1", noon)
	d.ask("1", noon)
	d.ask("2", noon)
	tickets := d.claim()
	if len(tickets) != 2 {
		t.Fatalf("claimed %v, want one ticket for each ref", tickets)
	}
	for _, ticket := range tickets {
		d.mustStart(ticket)
		if err := d.done(ticket); err != nil {
			t.Fatal(err)
		}
	}
	d.now = noon.Add(2 * time.Hour)
	if got := d.claim(); len(got) != 0 {
		t.Errorf("claimed %v: the earliest wake-up covers the others", got)
	}
}

// The race that loses a wake-up in a queue that keeps one row a key: asked for while the handler is finishing.
func TestAWakeUpAskedForDuringARunIsRunAfterwards(t *testing.T) {
	d := newDesk(t)
	d.ask("1", noon)
	ticket := d.claimOne()
	d.mustStart(ticket)
	second := d.ask("1", noon)
	if got := d.claim(); len(got) != 0 {
		t.Fatalf("claimed %v while the first run is under way", got)
	}
	if err := d.done(ticket); err != nil {
		t.Fatal(err)
	}
	if got := d.claimOne(); got.ID != second {
		t.Errorf("claimed %v, want row %d", got, second)
	}
}

// An asker whose transaction is open while the other row starts and ends is not covered by that run.
func TestAWakeUpCommittedLateIsNotLost(t *testing.T) {
	d := newDesk(t)
	d.ask("1", noon)
	tx, err := d.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	late, err := outbox.EnqueueTx(t.Context(), tx, outbox.Job{Kind: "apply", Book: "EVN", Ref: "1", Due: noon})
	if err != nil {
		t.Fatal(err)
	}
	ticket := d.claimOne()
	d.mustStart(ticket)
	if err := d.done(ticket); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := d.claimOne(); got.ID != late {
		t.Errorf("claimed %v, want row %d", got, late)
	}
}

func TestRescheduleKeepsOneRowAKey(t *testing.T) {
	d := newDesk(t)
	d.ask("1", noon)
	run := d.mustStart(d.claimOne())
	d.ask("1", noon)
	reschedule := func() error {
		return d.tx(func(tx pgx.Tx) error { return outbox.RescheduleTx(t.Context(), tx, run, noon.Add(time.Hour)) })
	}
	if err := reschedule(); err != nil {
		t.Fatal(err)
	}
	if err := reschedule(); !errors.Is(err, outbox.ErrStale) {
		t.Errorf("rescheduling a row that waits: %v, want ErrStale", err)
	}
	ticket := d.claimOne()
	d.mustStart(ticket) // covers the rescheduled row, or two chains of timers would grow out of one
	if err := d.done(ticket); err != nil {
		t.Fatal(err)
	}
	d.now = noon.Add(2 * time.Hour)
	if got := d.claim(); len(got) != 0 {
		t.Errorf("claimed %v", got)
	}
}

func TestAFailedRowRestsLongerEachTimeAndStaysDue(t *testing.T) {
	d := newDesk(t)
	id := d.ask("1", noon)
	for i, rest := range []time.Duration{1, 2, 4, 8, 10, 10} {
		ticket := d.claimOne()
		d.mustStart(ticket)
		if n := d.fail(ticket); n != i+1 {
			t.Fatalf("failure %d counted as %d", i+1, n)
		}
		d.wall = d.wall.Add(rest*time.Second - time.Millisecond)
		d.now = d.now.AddDate(0, 0, 1) // a jump of the program's clock does not shorten the pause
		if got := d.claim(); len(got) != 0 {
			t.Fatalf("failure %d: claimed %v before its rest of %d s was over", i+1, got, rest)
		}
		d.wall = d.wall.Add(time.Millisecond)
	}
	late, err := outbox.Overdue(t.Context(), d.pool, noon.Add(time.Second), 10)
	if err != nil || len(late) != 1 {
		t.Fatalf("overdue %v, %v", late, err)
	}
	if l := late[0]; l.ID != id || l.Failures != 6 || l.LastError != "unavailable" || !l.Due.Equal(noon) {
		t.Errorf("overdue %+v", l)
	}
}

func TestRowsOfADeadWorkerWaitAgainUnderANewAttempt(t *testing.T) {
	d := newDesk(t)
	queued, running := d.ask("1", noon), d.ask("2", noon)
	dead := d.enlist()
	alive := d.worker
	d.worker = dead
	tickets := d.claim()
	for _, ticket := range tickets {
		if ticket.ID == running {
			d.mustStart(ticket)
		}
	}
	d.worker = alive
	if n, err := alive.PutBackLost(t.Context(), outbox.Busy{Wall: d.wall}); err != nil || n != 0 {
		t.Fatalf("put back %d rows of a living worker (%v)", n, err)
	}
	dead.Close(t.Context())
	n, err := alive.PutBackLost(t.Context(), outbox.Busy{Wall: d.wall})
	for tries := 0; err == nil && n == 0 && tries < 100; tries++ { // the server needs a moment to end the session
		time.Sleep(10 * time.Millisecond)
		n, err = alive.PutBackLost(t.Context(), outbox.Busy{Wall: d.wall})
	}
	if err != nil || n != 2 {
		t.Fatalf("put back %d (%v), want both rows", n, err)
	}
	if _, err := d.start(outbox.Ticket{ID: queued, Attempt: 1}); !errors.Is(err, outbox.ErrStale) {
		t.Errorf("the dead worker's ticket started: %v", err)
	}
	if err := d.done(outbox.Ticket{ID: running, Attempt: 1}); !errors.Is(err, outbox.ErrStale) {
		t.Errorf("the dead worker's run could commit: %v", err)
	}
	for _, ticket := range d.claim() {
		if ticket.Attempt != 2 {
			t.Errorf("ticket %v, want attempt 2", ticket)
		}
	}
}

func TestOwnRowsThatNobodyRunsArePutBack(t *testing.T) {
	d := newDesk(t)
	id := d.ask("1", noon)
	d.mustStart(d.claimOne())
	began := d.wall
	for _, c := range []struct {
		name string
		busy outbox.Busy
		want int64
	}{
		{"the worker runs it", outbox.Busy{Wall: began.Add(time.Second), Rows: []int64{id}}, 0},
		{"started after the worker looked", outbox.Busy{Wall: began}, 0},
		{"started before, and not run", outbox.Busy{Wall: began.Add(time.Second)}, 1},
	} {
		if n, err := d.worker.PutBackLost(t.Context(), c.busy); err != nil || n != c.want {
			t.Errorf("%s: put back %d (%v), want %d", c.name, n, err, c.want)
		}
	}
}

func TestUnstartedRowsAreRenewedOrPutBack(t *testing.T) {
	d := newDesk(t)
	d.ask("1", noon)
	ticket := d.claimOne()
	unstarted := func() []outbox.Ticket {
		got, err := d.worker.Unstarted(t.Context(), d.wall.Add(-time.Second), 10)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := unstarted(); len(got) != 0 {
		t.Fatalf("unstarted %v at once", got)
	}
	d.wall = d.wall.Add(2 * time.Second)
	if got := unstarted(); len(got) != 1 || got[0] != ticket {
		t.Fatalf("unstarted %v, want %v", got, ticket)
	}
	if err := d.worker.Renew(t.Context(), []outbox.Ticket{ticket}, d.wall); err != nil {
		t.Fatal(err)
	}
	if got := unstarted(); len(got) != 0 {
		t.Fatalf("unstarted %v after renewal", got)
	}
	stale := outbox.Ticket{ID: ticket.ID, Attempt: ticket.Attempt + 1}
	if err := d.worker.PutBack(t.Context(), []outbox.Ticket{stale}); err != nil {
		t.Fatal(err)
	}
	if got := d.claim(); len(got) != 0 {
		t.Fatalf("claimed %v: another attempt's ticket put the row back", got)
	}
	if err := d.worker.PutBack(t.Context(), []outbox.Ticket{ticket}); err != nil {
		t.Fatal(err)
	}
	if got := d.claimOne(); got.Attempt != 2 {
		t.Errorf("ticket %v, want attempt 2", got)
	}
}

func TestOneClaimAtATime(t *testing.T) {
	d := newDesk(t)
	other := d.enlist()
	for i := range 40 {
		d.ask(string(rune('a'+i%4)), noon)
	}
	claim := outbox.Claim{Kinds: []string{"apply"}, Now: noon, Wall: d.wall, Limit: 3}
	results := make(chan []outbox.Ticket, 20)
	for _, w := range []*outbox.Worker{d.worker, other} {
		go func() {
			for range 10 {
				tickets, err := w.Claim(t.Context(), claim)
				if err != nil {
					t.Error(err)
				}
				results <- tickets
			}
		}()
	}
	n := 0
	for range 20 {
		n += len(<-results)
	}
	if n != 4 {
		t.Errorf("%d rows in hand, want one a ref: 4", n)
	}
}

func TestBacklogs(t *testing.T) {
	d := newDesk(t)
	d.ask("late", noon.Add(-time.Minute))
	d.ask("failing", noon)
	for _, ticket := range d.claim() {
		j := d.mustStart(ticket)
		if j.Ref == "failing" {
			d.fail(ticket)
		}
	}
	d.ask("due", noon)
	d.ask("later", noon.Add(time.Hour))
	got, err := outbox.Backlogs(t.Context(), d.pool, noon)
	if err != nil || len(got) != 1 {
		t.Fatalf("backlogs %v, %v", got, err)
	}
	b := got[0]
	if !b.Oldest.Equal(noon.Add(-time.Minute)) {
		t.Errorf("oldest %s, want the minute-old row in hand", b.Oldest)
	}
	b.Oldest = time.Time{}
	if want := (outbox.Backlog{Kind: "apply", Later: 1, Due: 2, InHand: 1, Failing: 1}); b != want {
		t.Errorf("backlog %+v, want %+v", b, want)
	}
}

func TestPruneTakesOldDoneRowsOnly(t *testing.T) {
	d := newDesk(t)
	d.ask("waits", noon.Add(-time.Hour))
	old := d.claimOne()
	d.mustStart(old)
	if err := d.done(old); err != nil {
		t.Fatal(err)
	}
	d.ask("waits", noon.Add(-time.Hour))
	for _, c := range []struct {
		before time.Time
		want   int64
	}{{noon, 0}, {noon.Add(time.Second), 1}, {noon.Add(time.Hour), 0}} {
		if n, err := outbox.Prune(t.Context(), d.pool, c.before, 10); err != nil || n != c.want {
			t.Errorf("pruned before %s: %d (%v), want %d", c.before, n, err, c.want)
		}
	}
}

// A month of done rows must not be read to find the few that are open, also on a table that was never analysed.
func TestDoneRowsAreNotReadToFindOpenOnes(t *testing.T) {
	d := newDesk(t)
	_, err := d.pool.Exec(t.Context(), `
		INSERT INTO gateway.outbox (book, kind, ref, due, state, done_at)
		SELECT 'EVN', 'apply', g::text, $1, 'done', $1 FROM generate_series(1, 20000) g`, noon)
	if err != nil {
		t.Fatal(err)
	}
	cfg := d.pool.Config()
	cfg.MaxConns = 1 // one session, so that its own statistics tell all
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	for name, read := range map[string]func() error{
		"Backlogs": func() error { _, err := outbox.Backlogs(t.Context(), pool, noon); return err },
		"Overdue":  func() error { _, err := outbox.Overdue(t.Context(), pool, noon, 10); return err },
		"Prune":    func() error { _, err := outbox.Prune(t.Context(), pool, noon.AddDate(0, -1, 0), 10); return err },
		"Start": func() error {
			if _, err := outbox.Start(t.Context(), pool, outbox.Run{Ticket: outbox.Ticket{ID: 1, Attempt: 1}, Now: noon, Wall: d.wall}); !errors.Is(err, outbox.ErrStale) {
				return err
			}
			return nil
		},
	} {
		before := seqScans(t, pool)
		if err := read(); err != nil {
			t.Fatal(err)
		}
		if after := seqScans(t, pool); after != before {
			t.Errorf("%s reads the whole table", name)
		}
	}
}

func seqScans(t *testing.T, pool *pgxpool.Pool) (n int64) {
	t.Helper()
	if _, err := pool.Exec(t.Context(), `SELECT pg_stat_force_next_flush()`); err != nil {
		t.Fatal(err)
	}
	if err := pool.QueryRow(t.Context(), `SELECT seq_scan FROM pg_stat_all_tables WHERE relid = 'gateway.outbox'::regclass`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
