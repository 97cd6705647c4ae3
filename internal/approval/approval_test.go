package approval_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/approval"
	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var (
	noon    = time.Date(2025, 6, 4, 5, 0, 0, 0, time.UTC)
	lan     = authn.Actor{ID: "lan", Role: authn.Treasury, Books: []string{"EVN"}}
	minh    = authn.Actor{ID: "minh", Role: authn.Treasury, Books: []string{"EVN"}}
	stray   = authn.Actor{ID: "hoa", Role: authn.Treasury, Books: []string{"HNI"}}
	officer = authn.Actor{ID: "tuan", Role: authn.Officer, Books: []string{"EVN"}}
	program = authn.Exchequer("settlement")
)

type payout struct {
	Account string
	Amount  int64
}

func digest(t *testing.T, content any) string {
	t.Helper()
	d, err := approval.Digest(content)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func request(t *testing.T) approval.Request {
	return approval.Request{Kind: "payout", Book: "EVN", Ref: "P1", Digest: digest(t, payout{"0011", 100_000}), Detail: map[string]string{"amount": "100000"}}
}

func ask(t *testing.T, pool *pgxpool.Pool, actor authn.Actor, r approval.Request) (id int64, err error) {
	t.Helper()
	err = pg.InTx(t.Context(), pool, func(tx pgx.Tx) (err error) {
		id, err = approval.AskTx(t.Context(), tx, actor, r, noon)
		return err
	})
	return id, err
}

func mustAsk(t *testing.T, pool *pgxpool.Pool, actor authn.Actor) int64 {
	t.Helper()
	id, err := ask(t, pool, actor, request(t))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func approve(t *testing.T, pool *pgxpool.Pool, actor authn.Actor, d approval.Decision) (r approval.Request, err error) {
	t.Helper()
	err = pg.InTx(t.Context(), pool, func(tx pgx.Tx) (err error) {
		r, err = approval.ApproveTx(t.Context(), tx, actor, d, noon.Add(time.Hour))
		return err
	})
	return r, err
}

func reject(t *testing.T, pool *pgxpool.Pool, actor authn.Actor, id int64) error {
	t.Helper()
	return pg.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		_, err := approval.RejectTx(t.Context(), tx, actor, id, noon)
		return err
	})
}

func TestWhoMayAsk(t *testing.T) {
	pool := pgtest.New(t)
	for _, c := range []struct {
		who  string
		as   authn.Actor
		want problem.Code
	}{
		{"an officer", officer, problem.Forbidden},
		{"treasury of another book", stray, problem.Forbidden},
		{"nobody", authn.Actor{}, problem.Unauthenticated},
		{"treasury of the book", lan, ""},
		{"anybody, while the same thing waits", minh, problem.Conflict},
	} {
		_, err := ask(t, pool, c.as, request(t))
		if c.want == "" && err != nil || c.want != "" && problem.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %q", c.who, err, c.want)
		}
	}
	if _, err := ask(t, pool, lan, approval.Request{Kind: "payout", Book: "EVN", Ref: "P2"}); problem.CodeOf(err) != problem.Invalid {
		t.Errorf("without a digest: %v, want invalid", err)
	}
}

func TestWhoMayApprove(t *testing.T) {
	pool := pgtest.New(t)
	for i, c := range []struct {
		who   string
		asked authn.Actor
		as    authn.Actor
		want  problem.Code
	}{
		{"the one who asked", lan, lan, problem.Forbidden},
		{"an officer", lan, officer, problem.Forbidden},
		{"treasury of another book", lan, stray, problem.NotFound},
		{"the program", lan, program, problem.Forbidden},
		{"nobody", lan, authn.Actor{}, problem.NotFound},
		{"a second person", lan, minh, ""},
		{"a person, after the program asked", program, lan, ""},
	} {
		t.Run(c.who, func(t *testing.T) {
			asked := request(t)
			asked.Ref = fmt.Sprint("P", i)
			id, err := ask(t, pool, c.asked, asked)
			if err != nil {
				t.Fatal(err)
			}
			r, err := approve(t, pool, c.as, approval.Decision{ID: id, Digest: request(t).Digest})
			if c.want != "" {
				if problem.CodeOf(err) != c.want {
					t.Errorf("error %v, want %s", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.State != approval.Approved || r.Ref != asked.Ref || r.RequestedBy != c.asked.ID || r.Detail["amount"] != "100000" {
				t.Errorf("request %+v", r)
			}
			if _, err := approve(t, pool, c.as, approval.Decision{ID: id, Digest: request(t).Digest}); problem.CodeOf(err) != problem.Conflict {
				t.Errorf("approved again: %v, want conflict", err)
			}
		})
	}
}

func TestContentChangedAfterAskingIsRefused(t *testing.T) {
	pool := pgtest.New(t)
	id := mustAsk(t, pool, lan)
	changed := digest(t, payout{"0011", 100_001})
	if _, err := approve(t, pool, minh, approval.Decision{ID: id, Digest: changed}); problem.CodeOf(err) != problem.Conflict {
		t.Errorf("error %v, want conflict", err)
	}
	if _, err := approve(t, pool, minh, approval.Decision{ID: id, Digest: request(t).Digest}); err != nil {
		t.Errorf("as it was asked: %v", err)
	}
}

func TestTheDatabaseItselfHoldsTheSecondPerson(t *testing.T) {
	pool := pgtest.New(t)
	id := mustAsk(t, pool, lan)
	_, err := pool.Exec(t.Context(), `UPDATE gateway.approval SET state = 'approved', approved_by = 'lan', decided_at = $2 WHERE id = $1`, id, noon)
	if err == nil {
		t.Error("approval_second_person did not hold")
	}
	for _, statement := range []string{
		"UPDATE gateway.approval SET digest = 'x'", "UPDATE gateway.approval SET requested_by = 'minh'",
		"UPDATE gateway.approval SET detail = '{}'", "DELETE FROM gateway.approval",
	} {
		if _, err := pool.Exec(t.Context(), statement); err == nil {
			t.Errorf("the program's role may: %s", statement)
		}
	}
}

func TestRejecting(t *testing.T) {
	pool := pgtest.New(t)
	id := mustAsk(t, pool, lan)
	if err := reject(t, pool, officer, id); problem.CodeOf(err) != problem.Forbidden {
		t.Errorf("by an officer: %v, want forbidden", err)
	}
	if err := reject(t, pool, lan, id); err != nil {
		t.Fatalf("the one who asked may withdraw: %v", err)
	}
	if _, err := approve(t, pool, minh, approval.Decision{ID: id, Digest: request(t).Digest}); problem.CodeOf(err) != problem.Conflict {
		t.Errorf("approving a rejected request: %v, want conflict", err)
	}
	if again := mustAsk(t, pool, lan); again == id {
		t.Error("asking again gave the old request")
	}
	if err := reject(t, pool, program, id); problem.CodeOf(err) != problem.Conflict {
		t.Errorf("by the program, decided before: %v, want conflict", err)
	}
	if err := reject(t, pool, lan, 999); problem.CodeOf(err) != problem.NotFound {
		t.Errorf("unknown request: %v, want not found", err)
	}
}

func TestTheProgramTakesBackItsOwnRequestsOnly(t *testing.T) {
	pool := pgtest.New(t)
	id := mustAsk(t, pool, lan)
	if err := reject(t, pool, program, id); problem.CodeOf(err) != problem.Forbidden {
		t.Errorf("a person's: %v, want forbidden", err)
	}
	if err := reject(t, pool, lan, id); err != nil {
		t.Fatal(err)
	}
	if err := reject(t, pool, program, mustAsk(t, pool, program)); err != nil {
		t.Errorf("its own: %v", err)
	}
}

func TestOneOfManyDecidesAndEachStepIsAudited(t *testing.T) {
	pool := pgtest.New(t)
	id := mustAsk(t, pool, program)
	var wg sync.WaitGroup
	var mu sync.Mutex
	decided := 0
	for range 4 {
		for _, who := range []authn.Actor{lan, minh} {
			wg.Go(func() {
				if _, err := approve(t, pool, who, approval.Decision{ID: id, Digest: request(t).Digest}); err == nil {
					mu.Lock()
					decided++
					mu.Unlock()
				} else if problem.CodeOf(err) != problem.Conflict {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if decided != 1 {
		t.Errorf("decided %d times", decided)
	}
	err := pg.InTx(t.Context(), pool, func(tx pgx.Tx) error {
		rows, err := audit.ListTx(t.Context(), tx, "EVN", "P1")
		if err != nil || len(rows) != 2 || rows[0].Action != "approval.ask" || rows[1].Action != "approval.approve" {
			t.Errorf("audit rows %+v, %v", rows, err)
		}
		pending, err := approval.PendingTx(t.Context(), tx, lan, "EVN")
		if err != nil || len(pending) != 0 {
			t.Errorf("still pending: %v, %v", pending, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
