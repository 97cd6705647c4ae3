package story

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
)

// Clock is the program's clock: it goes at the machine's pace and can be moved forward. Where it stands is kept with
// the books, so that a program started again goes on from there and never goes back before what is booked.
type Clock struct {
	pool    *pgxpool.Pool
	machine func() time.Time

	mu    sync.Mutex
	base  time.Time // program time at since
	since time.Time // machine time
}

// Machine is the machine's own clock, the program's where no story is played.
type Machine struct{}

// Now gives the machine's time in UTC.
func (Machine) Now() time.Time { return time.Now().UTC() }

// beside is how old the kept clock may be for the program that keeps it to be still running. It is also more than any
// program was ahead of what it kept last: so far a clock that stood still goes on, to come out behind nothing booked.
const beside = 5 * time.Second

// LoadClock gives the clock kept with the books, and nil where none is: then the machine's clock holds. Beside a
// program that keeps it, it shows the same time; where none runs it goes on shortly after where it stood still.
func LoadClock(ctx context.Context, pool *pgxpool.Pool, machine func() time.Time) (*Clock, error) {
	c := &Clock{pool: pool, machine: machine}
	err := c.read(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return c, err
}

// StartClock gives the clock kept with the books, or a new one that stands where the first run begins. Conflict on books
// that hold bills and no run: they are somebody's real ones, and play money must not be booked among them.
func StartClock(ctx context.Context, pool *pgxpool.Pool, machine func() time.Time) (*Clock, error) {
	var foreign bool
	err := pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM gateway.bill) AND NOT EXISTS (SELECT FROM gateway.story_run)`).Scan(&foreign)
	if err != nil {
		return nil, err
	}
	if foreign {
		return nil, problem.New(problem.Conflict, "these books hold bills that no story made: play on books of its own, with EXCHEQUER_STATE or EXCHEQUER_DATABASE_URL")
	}
	c, err := LoadClock(ctx, pool, machine)
	if err != nil || c != nil {
		return c, err
	}
	c = &Clock{pool: pool, machine: machine, base: FirstDay.At(opens), since: machine()}
	return c, c.Keep(ctx)
}

// read takes over what is kept, unless this clock is further on.
func (c *Clock) read(ctx context.Context) error {
	var program, at time.Time
	if err := c.pool.QueryRow(ctx, `SELECT program, machine FROM gateway.program_clock`).Scan(&program, &at); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.machine()
	gone := now.Sub(at)
	if gone < 0 || gone > beside { // no program ran, or the machine's clock was set back
		gone = beside
	}
	c.moveTo(program.Add(gone), now)
	return nil
}

// moveTo sets the clock to an instant unless it is past it. The caller holds mu.
func (c *Clock) moveTo(at, now time.Time) {
	if at.After(c.base.Add(now.Sub(c.since))) {
		c.base, c.since = at, now
	}
}

// Now gives the program's time in UTC.
func (c *Clock) Now() time.Time { return c.at(c.machine()) }

func (c *Clock) at(machine time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.base.Add(machine.Sub(c.since)).UTC()
}

// AdvanceTo moves the clock forward to an instant and keeps it before anybody can see the new time; it never moves
// back.
func (c *Clock) AdvanceTo(ctx context.Context, at time.Time) error {
	if !at.After(c.Now()) {
		return nil
	}
	// Kept first: a program killed right after must not start again before what it booked meanwhile.
	if err := c.write(ctx, at, c.machine()); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moveTo(at, c.machine())
	return nil
}

// Keep writes down where the clock stands, after taking over where another program has moved it to.
func (c *Clock) Keep(ctx context.Context) error {
	if err := c.read(ctx); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	now := c.machine()
	return c.write(ctx, c.at(now), now)
}

// KeepGoing keeps the clock every interval until ctx ends.
func (c *Clock) KeepGoing(ctx context.Context, every time.Duration) error {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			// A database that is away for a moment only makes the clock a moment older at the next start.
			_ = c.Keep(ctx)
		}
	}
}

// write keeps the clock unless what is kept goes before it, as read would see it: two programs keep one row. The
// millisecond is for times that the database rounds.
func (c *Clock) write(ctx context.Context, at, machine time.Time) error {
	_, err := c.pool.Exec(ctx, `INSERT INTO gateway.program_clock AS k (program, machine) VALUES ($1, $2)
		ON CONFLICT (one) DO UPDATE SET program = excluded.program, machine = excluded.machine
		WHERE excluded.program >= k.program + greatest(least(excluded.machine - k.machine, $3), interval '0') - interval '1 millisecond'`,
		at.UTC(), machine.UTC(), beside)
	return err
}

var (
	_ calendar.Clock = (*Clock)(nil)
	_ calendar.Clock = Machine{}
)
