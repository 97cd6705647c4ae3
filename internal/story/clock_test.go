package story

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/authn"
	"exchequer/internal/bill"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
	"exchequer/internal/quote/quotetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func TestTheClockIsKeptWithTheBooks(t *testing.T) {
	ctx, pool := context.Background(), pgtest.New(t)
	machine := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	wall := func() time.Time { return machine }
	if c, err := LoadClock(ctx, pool, wall); err != nil || c != nil {
		t.Fatalf("a clock before any story: %v %v", c, err)
	}
	start := FirstDay.At(opens)
	c, err := StartClock(ctx, pool, wall)
	if err != nil {
		t.Fatal(err)
	}
	want := func(what string, c *Clock, at time.Time) {
		t.Helper()
		if !c.Now().Equal(at) {
			t.Errorf("%s: %s, want %s", what, c.Now(), at)
		}
	}
	machine = machine.Add(2 * time.Second)
	want("it goes at the machine's pace", c, start.Add(2*time.Second))
	if err := c.AdvanceTo(ctx, start.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	want("it never goes back", c, start.Add(2*time.Second))

	other, err := LoadClock(ctx, pool, wall)
	if err != nil {
		t.Fatal(err)
	}
	want("beside the program", other, start.Add(2*time.Second))
	if err := c.AdvanceTo(ctx, start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := other.Keep(ctx); err != nil {
		t.Fatal(err)
	}
	want("a jump reaches the one beside", other, start.Add(time.Hour))

	machine = machine.Add(3 * 24 * time.Hour) // no program ran
	after, err := StartClock(ctx, pool, wall)
	if err != nil {
		t.Fatal(err)
	}
	want("it stood still meanwhile and goes on behind nothing that was booked", after, start.Add(time.Hour+beside))

	// Time that another program has kept is not taken back by one that is behind.
	if err := after.AdvanceTo(ctx, start.Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	machine = machine.Add(2 * time.Second)
	if err := c.AdvanceTo(ctx, c.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	late, err := LoadClock(ctx, pool, wall)
	if err != nil {
		t.Fatal(err)
	}
	if now := late.Now(); now.Before(after.Now()) {
		t.Errorf("started again at %s, before %s", now, after.Now())
	}
	machine = machine.Add(-time.Hour) // the machine's clock is set back
	if late, err = LoadClock(ctx, pool, wall); err != nil {
		t.Fatal(err)
	}
	if now := late.Now(); now.Before(start.Add(2 * time.Hour)) {
		t.Errorf("after the machine's clock was set back: %s", now)
	}
}

func TestNoStoryOnBooksThatArePeoples(t *testing.T) {
	ctx, pool := context.Background(), pgtest.New(t)
	issue(t, pool)
	if _, err := StartClock(ctx, pool, time.Now); problem.CodeOf(err) != problem.Conflict {
		t.Fatalf("the story begins among bills: %v", err)
	}
	if c, err := LoadClock(ctx, pool, time.Now); err != nil || c != nil {
		t.Errorf("a refused story has left a clock: %v %v", c, err)
	}
	if _, err := pool.Exec(ctx, `INSERT INTO gateway.story_run (run, first_day) VALUES (1, $1)`, FirstDay); err != nil {
		t.Fatal(err)
	}
	if _, err := StartClock(ctx, pool, time.Now); err != nil {
		t.Errorf("the story's own bills: %v", err)
	}
}

func issue(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	who := cast(1, FirstDay)[1]
	_, err := bill.New(pool, quotetest.Bundled(t), Machine{}).Issue(context.Background(), authn.Actor{ID: "portal", Role: authn.Client, Books: []string{"*"}},
		bill.Request{Service: who.service, Body: who.body, SourceRef: "1", Payer: "subject", Date: FirstDay, Inputs: who.inputs})
	if err != nil {
		t.Fatal(err)
	}
}
