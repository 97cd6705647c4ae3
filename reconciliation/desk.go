package reconciliation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/audit"
	"exchequer/internal/authn"
	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/finding"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/ledger"
	"exchequer/providers"
)

// Actor is who imports or reads.
type Actor interface {
	// Name is the id written into audit rows.
	Name() string
	// MayActOn reports whether the actor may act on a book.
	MayActOn(book string) bool
}

// Contract is what was agreed with a partner for a book.
type Contract struct {
	Partner  string // the provider's key
	Book     string
	KeptBack bool // the partner keeps its fee back (net settlement); false where it is invoiced
}

// Config is what a Desk works with. All of it is needed; Sources may lack a partner whose files nobody imports.
type Config struct {
	Pool      *pgxpool.Pool
	Ledger    *ledger.Ledger
	Now       func() time.Time
	Contracts []Contract
	Accounts  []string                              // the collection accounts
	Sources   map[string]providers.SettlementSource // by the provider's key
}

// Desk imports partners' files and decides what they meet. It keeps no state outside the database and is safe for
// concurrent use.
type Desk struct {
	Config
	books []string // of all contracts, sorted
}

// New checks the configuration and makes a Desk.
func New(c Config) (*Desk, error) {
	if c.Pool == nil || c.Ledger == nil || c.Now == nil || len(c.Contracts) == 0 || len(c.Accounts) == 0 {
		return nil, errors.New("reconciliation needs a pool, a ledger, a clock, contracts and collection accounts")
	}
	d := &Desk{Config: c}
	for _, k := range c.Contracts {
		d.books = append(d.books, k.Book)
	}
	slices.Sort(d.books)
	d.books = slices.Compact(d.books)
	return d, nil
}

// contracts gives a partner's contracts by book, and its books in order.
func (d *Desk) contracts(partner string) (books []string, keptBack map[string]bool) {
	keptBack = make(map[string]bool)
	for _, k := range d.Contracts {
		if k.Partner == partner {
			books = append(books, k.Book)
			keptBack[k.Book] = k.KeptBack
		}
	}
	slices.Sort(books)
	return books, keptBack
}

// FileState says what was done with a file.
type FileState string

// What is done with a file.
const (
	Applied  FileState = "applied"
	Repeated FileState = "repeated"  // the same content was applied before: nothing is done
	Restated FileState = "restated"  // another content for a day that is applied: kept for a person, not applied
	Faulty   FileState = "faulty"    // it contradicts itself: kept for a person, not applied
	NotThere FileState = "not_there" // the partner has not made it yet
)

// Report is what an import did, for people and for programs. Counts are of this import alone.
type Report struct {
	Kind     string            `json:"kind"` // settlement or statement
	Partner  string            `json:"partner"`
	Day      string            `json:"day"` // YYYY-MM-DD
	Digest   string            `json:"digest,omitempty"`
	State    FileState         `json:"state"`
	DryRun   bool              `json:"dry_run,omitempty"`
	Lines    int               `json:"lines"`
	Matched  int               `json:"matched"`
	Breaks   map[BreakKind]int `json:"breaks"`            // opened
	Closed   int               `json:"breaks_closed"`     // closed by what the file says
	Findings []string          `json:"findings"`          // what a person must see, as sentences
	Further  []Report          `json:"further,omitempty"` // of the other statements in the same file
}

func newReport(kind, partner string, day time.Time) Report {
	return Report{Kind: kind, Partner: partner, Day: day.Format(time.DateOnly), Breaks: map[BreakKind]int{}, Findings: []string{}}
}

// Clean reports that nothing was found that a person must look at.
func (r Report) Clean() bool {
	for _, f := range r.Further {
		if !f.Clean() {
			return false
		}
	}
	return len(r.Breaks) == 0 && len(r.Findings) == 0 && r.State != NotThere
}

// Run fetches a partner's settlement file of a day (00:00 UTC) and imports it. A file that is not there yet is
// reported, and found missing once its day is over. Unavailable: the partner could not be asked, run it again.
func (d *Desk) Run(ctx context.Context, actor Actor, day time.Time, partner string) (Report, error) {
	source, err := d.source(actor, partner)
	if err != nil {
		return Report{}, err
	}
	file, err := source.FetchSettlement(ctx, day)
	switch {
	case errors.Is(err, providers.ErrNotDone):
		return d.notThere(ctx, partner, day)
	case err != nil:
		return Report{}, problem.New(problem.Unavailable, "the settlement file of %s for %s could not be fetched: try again (%v)",
			partner, day.Format(time.DateOnly), err)
	}
	return d.ImportSettlement(ctx, actor, partner, day, file)
}

func (d *Desk) notThere(ctx context.Context, partner string, day time.Time) (Report, error) {
	report := newReport("settlement", partner, day)
	report.State = NotThere
	if !calendar.DayOf(d.Now()).After(calendar.DateOf(day)) {
		return report, nil
	}
	err := d.inTx(ctx, d.Pool, func(tx pgx.Tx) error {
		report.Findings = nil
		return d.findTx(ctx, tx, &report, finding.FileFault, "missing", "the day is over and there is no settlement file: ask the provider")
	})
	return report, err
}

func (d *Desk) source(actor Actor, partner string) (providers.SettlementSource, error) {
	if err := authorise(actor); err != nil {
		return nil, err
	}
	source := d.Sources[partner]
	if books, _ := d.contracts(partner); source == nil || len(books) == 0 {
		return nil, problem.AtField(problem.NotFound, "partner", "no partner %q whose settlement files are read here", partner)
	}
	return source, nil
}

// authorise lets in the treasury's staff, and the program itself, with a right on the house's book: a partner's file
// concerns all books.
func authorise(actor Actor) error {
	if a, ok := actor.(authn.Actor); ok {
		return a.Require(booking.House, authn.Treasury)
	}
	if actor == nil || actor.Name() == "" {
		return problem.New(problem.Unauthenticated, "no actor: say who imports")
	}
	if !actor.MayActOn(booking.House) {
		return problem.New(problem.Forbidden, "no right on book %s", booking.House)
	}
	return nil
}

// recorded is the actor as audit rows name him.
func recorded(actor Actor) authn.Actor {
	if a, ok := actor.(authn.Actor); ok {
		return a
	}
	return authn.Actor{ID: actor.Name(), Role: authn.Client}
}

// beginner opens a transaction: the pool, or for a rehearsal a transaction that is rolled back in the end.
type beginner interface {
	Begin(ctx context.Context) (pgx.Tx, error)
}

// inTx runs fn in a transaction, which stands either before the close of a day or after it. fn decides from what it
// reads in it and sets, never adds to, what it gives back: it may run again.
func (d *Desk) inTx(ctx context.Context, db beginner, fn func(pgx.Tx) error) error {
	return pg.Retry(func() error {
		return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			if err := d.Ledger.KeepOpenTx(ctx, tx); err != nil {
				return err
			}
			return fn(tx)
		})
	})
}

// findTx records what a person must see about a file. Its subject names kind of fault, partner and day, so that the same
// thing found again counts up.
func (d *Desk) findTx(ctx context.Context, tx pgx.Tx, report *Report, kind finding.Kind, fault, sentence string) error {
	report.Findings = append(report.Findings, fmt.Sprintf("%s: %s %s: %s", fault, report.Partner, report.Day, sentence))
	detail := map[string]string{"fault": fault, "partner": report.Partner, "day": report.Day, "entries": strconv.Itoa(report.Lines)}
	if report.Digest != "" {
		detail["digest"] = report.Digest
	}
	return finding.WriteTx(ctx, tx, finding.Finding{
		Book: booking.House, Kind: kind, Subject: fault + ":" + report.Partner + ":" + report.Day, Detail: detail,
	}, d.Now())
}

func (d *Desk) auditTx(ctx context.Context, tx pgx.Tx, actor Actor, act audit.Act) error {
	return audit.WriteTx(ctx, tx, recorded(actor), act, d.Now())
}
