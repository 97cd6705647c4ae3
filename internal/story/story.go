// Package story plays the main job on simulators: payers, a provider, a bank, treasury staff and four business days.
//
// It owns the program's clock, the cast and the order of steps, and works out from the simulators' own books what the
// ending must be. It guarantees that every step has its own reference or Idempotency-Key, so that a killed run goes
// on where it was. It acts on the gateway only as its users do: HTTP for the portal and the payers, the treasury's
// services for its staff. Besides its own tables it reads, and never writes, the gateway's: how far the days are imported
// and closed, which attempts are not certain, what is to be funded, and what the closing proof compares.
package story

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/authn"
	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/settlement"
	"exchequer/ledger"
	"exchequer/reconciliation"
)

// FirstDay is the business day on which the first run begins.
var FirstDay = calendar.MustDate("2025-06-02")

// Where the hands of the clock stand at the story's steps, in Asia/Ho_Chi_Minh.
const (
	opens     = 8 * time.Hour  // payers begin
	latest    = 17 * time.Hour // a run that begins later begins on the next business day
	morning   = 9 * time.Hour  // the provider's file and yesterday's statement are there
	beforeDay = 6 * time.Hour  // the books of the days before are closed
	step      = 5 * time.Minute
)

// The two persons of the treasury, and the program itself, which fetches the partners' files.
var (
	fetcher  = authn.Exchequer("story")
	officer  = authn.Actor{ID: "treasury:an", Role: authn.Treasury, Books: []string{"*"}}
	approver = authn.Actor{ID: "treasury:binh", Role: authn.Treasury, Books: []string{"*"}}
)

// Story is what a run is played on. VNPAY and Bank are the simulators' base addresses, API the gateway's own.
type Story struct {
	Pool       *pgxpool.Pool
	Clock      *Clock
	Calendar   *calendar.Calendar
	Catalog    *catalog.Catalog
	Ledger     *ledger.Ledger
	Desk       *reconciliation.Desk
	Settlement *settlement.Service
	API        string
	Token      func() (string, error) // gives the portal a bearer token
	VNPAY      string
	Bank       string
	Terminals  map[string]string                  // the simulator's terminals: our merchant name by terminal code
	Patience   time.Duration                      // machine time a step may take; 0 means a minute
	Progress   func(done, total int, what string) // told after each step
}

// run is one run under way.
type run struct {
	*Story
	no     int
	days   [5]calendar.Date // D to D+3 and the morning after
	steps  int              // done before this program started
	portal portal
	done   int
	log    []Event
}

// Event is one thing that happened, for people.
type Event struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

// Result is what a run did and its closing proof.
type Result struct {
	Run    int                `json:"run"`
	Days   []calendar.Date    `json:"days"`
	Events []Event            `json:"events"`
	Closes []settlement.Close `json:"closes"`
	// Breaks are those that are open at the end, of this run and of the ones before.
	Breaks []reconciliation.Break `json:"breaks"`
	Proof  Proof                  `json:"proof"`
	// Unpaid is a bill that can still be paid, that of the payer who cancelled; empty where it was paid meanwhile.
	Unpaid string `json:"unpaid,omitempty"`
}

// Play plays one run, or goes on with one that was cut off. An error is a step that could not be done; what the
// ending looks like is in the result.
func (s *Story) Play(ctx context.Context) (Result, error) {
	if s.Patience == 0 {
		s.Patience = time.Minute
	}
	r, err := s.begin(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("begin the story: %w", err)
	}
	defer r.portal.client.CloseIdleConnections()
	out := Result{Run: r.no, Days: r.days[:4]}
	for i, st := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"the days before are settled", r.catchUp},
		{"payers pay", r.payAll},
		{"every attempt becomes certain", r.becomeCertain},
		{"the provider settles, the bank is credited", r.providerSettles},
		{"the statement is matched, payouts leave", r.payOut},
		{"the payouts are on the statement", r.executed},
		{"the days are closed", func(ctx context.Context) (err error) { out.Closes, err = r.closeDays(ctx); return err }},
		{"the books are proven", func(ctx context.Context) (err error) {
			if out.Breaks, err = r.Desk.Breaks(ctx, officer, reconciliation.BreakFilter{Open: true}); err != nil {
				return err
			}
			if out.Proof, err = r.prove(ctx); err != nil {
				return err
			}
			out.Unpaid, err = r.unpaid(ctx)
			return err
		}},
	} {
		if i < r.steps {
			continue
		}
		if err := r.persist(ctx, st.do); err != nil {
			return out, fmt.Errorf("%s: %w", st.name, err)
		}
		if err := r.mark(ctx, i+1); err != nil {
			return out, err
		}
		r.tell(st.name)
	}
	out.Events = r.log
	return out, nil
}

// persist does a step, and does it again when a server went away under it: every step may be repeated.
func (r *run) persist(ctx context.Context, do func(context.Context) error) error {
	err := do(ctx)
	for range 2 {
		if err == nil || ctx.Err() != nil || errors.Is(err, errUnsettled) {
			return err
		}
		time.Sleep(time.Second)
		if e := r.until(ctx, "the database", func(ctx context.Context) (bool, error) { err := r.Pool.Ping(ctx); return err == nil, err }); e != nil {
			return errors.Join(err, e)
		}
		err = do(ctx)
	}
	return err
}

// proven is the number of the last step: its run has ended.
const proven = 8

// mark writes down that a step is done, so that a killed run does not go back behind it. Closing and proving are done
// again by a run that goes on: they only read what is there.
func (r *run) mark(ctx context.Context, step int) error {
	if step == proven {
		_, err := r.Pool.Exec(ctx, `UPDATE gateway.story_run SET ended_at = $2 WHERE run = $1`, r.no, r.Clock.Now())
		return err
	}
	_, err := r.Pool.Exec(ctx, `UPDATE gateway.story_run SET steps = greatest(steps, $2) WHERE run = $1`, r.no, min(step, proven-2))
	return err
}

// steps is how many times a run tells its progress: each payer, and each step of the treasury.
const steps = 3*payersPerTariff + 8

func (r *run) tell(what string) {
	r.done++
	if r.Progress != nil {
		r.Progress(min(r.done, steps), steps, what)
	}
}

func (r *run) note(format string, args ...any) {
	r.log = append(r.log, Event{At: r.Clock.Now(), What: fmt.Sprintf(format, args...)})
}

// begin finds the run that was cut off, or writes a new one down.
func (s *Story) begin(ctx context.Context) (*run, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = atOnce
	r := &run{Story: s, portal: portal{api: s.API, token: s.Token, patience: s.Patience, client: &http.Client{
		Timeout:       30 * time.Second,
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}}
	err := s.Pool.QueryRow(ctx, `SELECT run, first_day, steps FROM gateway.story_run WHERE ended_at IS NULL`).Scan(&r.no, &r.days[0], &r.steps)
	if errors.Is(err, pgx.ErrNoRows) {
		err = r.write(ctx)
	}
	if err != nil {
		return nil, err
	}
	for i := 1; i < len(r.days); i++ {
		if r.days[i], err = s.Calendar.Next(r.days[i-1]); err != nil {
			return nil, err
		}
	}
	return r, s.Clock.AdvanceTo(ctx, r.days[0].At(opens))
}

func (r *run) write(ctx context.Context) error {
	if err := r.Pool.QueryRow(ctx, `SELECT coalesce(max(run), 0) + 1 FROM gateway.story_run`).Scan(&r.no); err != nil {
		return err
	}
	from := r.Clock.Now()
	if r.no == 1 {
		from = FirstDay.At(opens)
	}
	var err error
	// A run that begins too late in the day begins on the next one, so that its payers pay on one day.
	if r.days[0], err = r.Calendar.BusinessDay(from, latest); err != nil {
		return err
	}
	_, err = r.Pool.Exec(ctx, `INSERT INTO gateway.story_run (run, first_day) VALUES ($1, $2)`, r.no, r.days[0])
	return err
}

// unpaid finds the bill of the payer who cancelled at the provider, if it can still be paid.
func (r *run) unpaid(ctx context.Context) (string, error) {
	var ref string
	for _, who := range cast(r.no, r.days[0]) {
		if who.twist != cancels {
			continue
		}
		err := r.Pool.QueryRow(ctx, `SELECT ref FROM gateway.bill WHERE service = $1 AND source_ref = $2 AND state = 'open' AND valid_until > $3
			ORDER BY created_at DESC LIMIT 1`, who.service, r.key(who.no, "bill"), r.Clock.Now()).Scan(&ref)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return "", err
		}
	}
	return ref, nil
}

// until waits, by the machine's clock, until ok says true.
func (r *run) until(ctx context.Context, what string, ok func(context.Context) (bool, error)) error {
	patience, cancel := context.WithTimeout(ctx, r.Patience)
	defer cancel()
	var last error
	for {
		done, err := ok(patience)
		if done {
			return err
		}
		last = err
		select {
		case <-patience.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return errors.Join(fmt.Errorf("%w for %s", errUnsettled, what), last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
