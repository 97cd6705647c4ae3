package story

import (
	"context"
	"testing"
	"time"

	"exchequer/internal/pg/pgtest"
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
	c, err := StartClock(ctx, pool, wall, start)
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
	after, err := StartClock(ctx, pool, wall, start)
	if err != nil {
		t.Fatal(err)
	}
	want("it stood still meanwhile", after, start.Add(time.Hour))
}
