package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/embedded"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest/scratch"
	"exchequer/ledger"
)

// TestCrashLoop kills a server under load and starts it again, a few times; TestSoakCrashLoop does it for minutes.
func TestCrashLoop(t *testing.T) {
	t.Parallel() // it waits for a server to recover
	crashLoop(t, 2, 700*time.Millisecond)
}

func TestSoakCrashLoop(t *testing.T) {
	if os.Getenv("EXCHEQUER_SOAK") == "" {
		return // run by make soak
	}
	crashLoop(t, 60, 3*time.Second)
}

// crashLoop posts from many callers, kills the server with -9 in the midst of it and starts it again. What was
// acknowledged stands once, what was refused does not, the rest stands whole or not at all, and the books verify.
func crashLoop(t *testing.T, rounds int, load time.Duration) {
	s := startDurable(t)
	pool, err := pg.Open(t.Context(), s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	l := ledger.New(pool, time.Now)
	openForCrash(t, l, pool)
	// Callers are given up now and then, so that there are outcomes nobody knows.
	var answers crashAnswers
	stop := make(chan struct{})
	var callers sync.WaitGroup
	for c := range 16 {
		callers.Go(func() { answers.post(l, c, stop) })
	}
	for range rounds {
		time.Sleep(load) // the longer, the more is posted; nothing depends on how much
		s.killed()
	}
	close(stop)
	callers.Wait()
	if answers.posted == 0 || answers.refused == 0 {
		t.Errorf("%d were posted and %d refused: the load was none", answers.posted, answers.refused)
	}
	t.Logf("%d posted, %d refused, %d of unknown outcome, %d not sent", answers.posted, answers.refused, answers.unknown, answers.failed)
	answers.check(t, pool)
	stand(t, l, pool)
}

func openForCrash(t *testing.T, l *ledger.Ledger, pool *pgxpool.Pool) {
	t.Helper()
	err := pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error {
		var all []ledger.Account
		for _, book := range []string{"A01", "A02"} {
			for _, spec := range []string{"assets:a>0", "l:b", "l:c"} {
				all = append(all, definition(book, spec))
			}
		}
		return l.OpenAccountsTx(context.Background(), tx, all)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// durable is a private server that keeps what it has committed.
type durable struct {
	t   *testing.T
	dir string
	*embedded.Postgres
}

func startDurable(t *testing.T) *durable {
	t.Helper()
	dir, err := scratch.New("exq-ledger-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &durable{t: t, dir: filepath.Join(dir, "pg")}
	s.start()
	t.Cleanup(func() { s.Kill() })
	if err := pg.Migrate(context.Background(), s.URL()); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *durable) start() {
	s.t.Helper()
	p, err := embedded.StartPostgres(context.Background(), embedded.PostgresOptions{Dir: s.dir})
	if errors.Is(err, embedded.ErrNoBinaries) && os.Getenv("CI") != "true" {
		s.t.Skip(err)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.Postgres = p
}

// killed ends the server with all its processes at once, as a power cut does, and starts it again.
func (s *durable) killed() {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "data", "postmaster.pid"))
	if err != nil {
		s.t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(first)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = syscall.Kill(postmaster, syscall.SIGSTOP) // so that it has no more children while they are counted
	children := childrenOf(postmaster)
	_ = syscall.Kill(postmaster, syscall.SIGKILL)
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if len(children) == 0 {
		s.t.Error("the server had no processes")
	}
	s.start()
}

func childrenOf(parent int) (pids []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range all {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The parent is the second after the name, which stands in brackets.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// crashAnswers is what the callers were told, by book and reference.
type crashAnswers struct {
	mu                               sync.Mutex
	told                             map[[2]string]ledger.Result // the zero Result: nothing certain
	posted, refused, unknown, failed int
}

// post is one caller: postings of three lines, holds, their captures and voids, and withdrawals that are refused. What is
// not certain is sent again at times, as callers should.
func (a *crashAnswers) post(l *ledger.Ledger, caller int, stop <-chan struct{}) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		tx := crashLoad(caller, i)
		ctx, cancel := context.WithCancel(context.Background())
		if i%20 == 19 {
			time.AfterFunc(time.Duration(i%7)*time.Millisecond, cancel) // before it is sent, while it is, or after
		}
		r, err := l.Post(ctx, []ledger.Transaction{tx})
		cancel()
		if _, unknown := errors.AsType[*ledger.OutcomeUnknownError](err); unknown && i%3 == 0 {
			r, err = l.Post(context.Background(), []ledger.Transaction{tx})
		}
		a.keep(tx, r, err)
	}
}

func crashLoad(caller, i int) ledger.Transaction {
	reference := func(i int) string { return fmt.Sprintf("R%d-%d", caller, i) }
	tx := move(reference(i), "assets:a", "l:b", 2)
	tx.Postings = append(tx.Postings, ledger.Posting{Debit: "l:b", Credit: "l:c", Amount: 1, Currency: "VND"}, tx.Postings[0])
	switch i % 5 {
	case 1:
		tx.Phase = ledger.Hold
	case 2:
		tx = resolving(reference(i), []ledger.Phase{ledger.Capture, ledger.Void}[i/5%2], reference(i-1))
	case 3:
		tx = move(reference(i), "l:b", "assets:a", 1<<40) // more than there will ever be
	}
	tx.Book = fmt.Sprintf("A%02d", caller%2+1)
	return tx
}

func (a *crashAnswers) keep(tx ledger.Transaction, r []ledger.Result, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.told == nil {
		a.told = map[[2]string]ledger.Result{}
	}
	key := [2]string{tx.Book, tx.Reference}
	_, unknown := errors.AsType[*ledger.OutcomeUnknownError](err)
	switch {
	case unknown:
		a.unknown++
		a.told[key] = ledger.Result{}
	case err != nil: // what concerns it is not written
		a.failed++
		a.told[key] = ledger.Result{Code: "not sent"}
	case r[0].OK():
		a.posted++
		a.told[key] = r[0]
	default:
		a.refused++
		a.told[key] = r[0]
	}
}

// check compares what the callers were told with what stands.
func (a *crashAnswers) check(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	rows, err := pool.Query(context.Background(), `
		SELECT t.book, t.reference, t.id, t.phase,
		       (SELECT count(*) FROM ledger.postings p WHERE p.book = t.book AND p.transaction_id = t.id)
		     + (SELECT count(*) FROM ledger.pending p WHERE p.book = t.book AND p.transaction_id = t.id)
		FROM ledger.transactions t`)
	if err != nil {
		t.Fatal(err)
	}
	var book, reference, phase string
	var id int64
	var lines int
	standing := map[[2]string]bool{}
	_, err = pgx.ForEachRow(rows, []any{&book, &reference, &id, &phase, &lines}, func() error {
		key := [2]string{book, reference}
		told, ok := a.told[key]
		switch {
		case !ok || standing[key]:
			t.Errorf("%s stands, and was sent by nobody or stands twice", key)
		case told.Code != "" && (!told.OK() || told.ID != id):
			t.Errorf("%s stands as %d, its caller was told %+v", key, id, told)
		case lines != map[string]int{"post": 3, "hold": 3, "capture": 3}[phase]:
			t.Errorf("%s, a %s, stands with %d lines", key, phase, lines)
		}
		standing[key] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for key, told := range a.told {
		if told.OK() && !standing[key] {
			t.Errorf("%s was acknowledged as %d and is gone", key, told.ID)
		}
	}
}
