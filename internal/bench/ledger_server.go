package bench

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/embedded"
	"exchequer/internal/pg"
	"exchequer/internal/problem"
	"exchequer/ledger"
)

const (
	book     = "bench" // a partner system keeps it: the gateway's own take nothing over HTTP
	currency = "VND"
	kind     = "payment"
	accounts = 10_000
	// funds is what each account begins with, so that a limit is always looked at and never in the way.
	funds   = 1_000_000_000_000
	funding = "FUNDING"
)

// codes are the accounts' by number.
var codes = func() (c []string) {
	for i := range accounts {
		c = append(c, fmt.Sprintf("assets:clearing:%05d", i))
	}
	return c
}()

// server is where a benchmark writes. Each round has a database of its own there, a copy of one with open and funded
// accounts and nothing else: so no round meets what another has left, and a round's book is verified alone.
type server struct {
	url      string // the owner's
	template string
	fresh    string
	dir      string // "" where the server was named
	postgres *embedded.Postgres
	firstID  int64 // of the funding
}

// startServer starts a private server with its usual durable settings in a new folder, or takes the one that is named.
func startServer(ctx context.Context, o LedgerOptions, withLaw bool) (*server, error) {
	name := fmt.Sprintf("exchequer_bench_%d", os.Getpid())
	s := &server{url: o.DatabaseURL, template: name + "_template", fresh: name}
	if s.url == "" {
		if err := s.start(ctx, o.Dir); err != nil {
			return nil, err
		}
	}
	if err := s.fill(ctx, o.Wall, withLaw); err != nil {
		s.stop(ctx)
		return nil, err
	}
	return s, nil
}

// defaultDir outlives a restart by the file system hierarchy standard, so it is on a disk where /tmp may be in memory.
const defaultDir = "/var/tmp"

func (s *server) start(ctx context.Context, dir string) error {
	if dir == "" {
		dir = defaultDir
	}
	var err error
	if s.dir, err = os.MkdirTemp(dir, "exchequer-bench-"); err != nil {
		return err
	}
	err = os.Chmod(s.dir, 0o711) // root's server runs as another user, who passes through
	if kind := fileSystem(s.dir); slices.Contains(inMemory, kind) {
		err = problem.AtField(problem.Invalid, "--dir", "%s is kept in memory (%s): choose a folder on a disk", dir, kind)
	}
	if err == nil {
		s.postgres, err = embedded.StartPostgres(ctx, embedded.PostgresOptions{Dir: filepath.Join(s.dir, "postgres")})
	}
	if err != nil {
		os.RemoveAll(s.dir)
		return err
	}
	s.url = s.postgres.URL()
	return nil
}

// stop ends the private server and removes its folder; on a named server it removes the databases.
func (s *server) stop(ctx context.Context) {
	if s.postgres != nil {
		s.postgres.Kill()
		os.RemoveAll(s.dir)
		return
	}
	ctx = context.WithoutCancel(ctx)
	_ = s.asOwner(ctx, s.url, drop(s.fresh), drop(s.template)) // the next run of this number removes them too
}

func drop(database string) string { return "DROP DATABASE IF EXISTS " + database + " WITH (FORCE)" }

// fill makes the database that rounds are copied from.
func (s *server) fill(ctx context.Context, now func() time.Time, withLaw bool) error {
	if err := s.asOwner(ctx, s.url, drop(s.template), "CREATE DATABASE "+s.template); err != nil {
		return err
	}
	target := databaseURL(s.url, s.template, 0)
	if err := pg.Migrate(ctx, target); err != nil {
		return err
	}
	pool, err := pg.Open(ctx, target)
	if err != nil {
		return err
	}
	err = pg.InTx(ctx, pool, func(tx pgx.Tx) error { return s.openAccounts(ctx, tx, ledger.New(pool, now), now()) })
	if err == nil && withLaw {
		err = beginLaw(ctx, pool, now)
	}
	pool.Close()
	if err != nil {
		return err
	}
	return s.asOwner(ctx, target, "VACUUM ANALYZE")
}

func (s *server) openAccounts(ctx context.Context, tx pgx.Tx, l *ledger.Ledger, now time.Time) error {
	open := []ledger.Account{{Book: book, Code: "equity:funding", Currency: currency, Normal: ledger.Credit}}
	fund := ledger.Transaction{Book: book, Reference: funding, Kind: "funding", Occurred: now, Day: day(now)}
	for _, code := range codes {
		open = append(open, ledger.Account{Book: book, Code: code, Currency: currency, Normal: ledger.Debit, Limits: ledger.NeverBelowZero})
		fund.Postings = append(fund.Postings, ledger.Posting{Debit: code, Credit: "equity:funding", Amount: funds, Currency: currency})
	}
	if err := l.OpenAccountsTx(ctx, tx, open); err != nil {
		return err
	}
	results, err := l.PostTx(ctx, tx, []ledger.Transaction{fund})
	if err != nil {
		return err
	}
	s.firstID = results[0].ID
	return ledger.FirstRefusal(results)
}

func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// open gives a pool on a new database for one round; 0 connections is the program's own number.
func (s *server) open(ctx context.Context, connections int) (*pgxpool.Pool, error) {
	if err := s.asOwner(ctx, s.url, drop(s.fresh), "CREATE DATABASE "+s.fresh+" TEMPLATE "+s.template); err != nil {
		return nil, err
	}
	return pg.Open(ctx, databaseURL(s.url, s.fresh, connections))
}

func (s *server) asOwner(ctx context.Context, target string, statements ...string) error {
	conn, err := pgx.Connect(ctx, target)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// databaseURL names another database of a server, in either form of address.
func databaseURL(server, database string, connections int) string {
	u, err := url.Parse(server)
	if err != nil || u.Scheme == "" {
		server += " dbname=" + database
		if connections > 0 {
			server += fmt.Sprintf(" pool_max_conns=%d", connections)
		}
		return server
	}
	u.Path = "/" + database
	if connections > 0 {
		q := u.Query()
		q.Set("pool_max_conns", fmt.Sprint(connections))
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// Server says what the figures of a benchmark that writes depend on.
type Server struct {
	Version           string `json:"version"`
	Fsync             string `json:"fsync"`
	SynchronousCommit string `json:"synchronous_commit"`
	FullPageWrites    string `json:"full_page_writes"`
	Folder            string `json:"folder,omitempty"` // of a private server
	FileSystem        string `json:"file_system,omitempty"`
}

func (s *server) describe(ctx context.Context) (d Server, err error) {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return d, err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, `
		SELECT current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit'),
		       current_setting('full_page_writes')`).Scan(&d.Version, &d.Fsync, &d.SynchronousCommit, &d.FullPageWrites)
	if s.dir != "" {
		d.Folder, d.FileSystem = s.dir, fileSystem(s.dir)
	}
	return d, err
}

// fileSystem is the kind of the file system that holds a folder, as the kernel lists it; "" elsewhere than on Linux.
func fileSystem(dir string) string {
	raw, _ := os.ReadFile("/proc/self/mountinfo")
	kind, longest := "", -1
	for line := range strings.Lines(string(raw)) {
		// proc(5): the mount point is the fifth field, the kind follows a lone dash.
		mount, rest, _ := strings.Cut(line, " - ")
		fields, kinds := strings.Fields(mount), strings.Fields(rest)
		if len(fields) < 5 || len(kinds) == 0 {
			continue
		}
		point := strings.TrimSuffix(fields[4], "/")
		if (dir == point || strings.HasPrefix(dir, point+"/")) && len(point) >= longest {
			kind, longest = kinds[0], len(point)
		}
	}
	return kind
}

// inMemory are file systems on which nothing is ever flushed.
var inMemory = []string{"tmpfs", "ramfs"}

// fsyncs is how many writes the cost of one is the median of.
const fsyncs = 101

// fsync gives the microseconds of one flushed write of 8 KiB, a page of the log, in the private server's folder.
func (s *server) fsync(now func() time.Time) (float64, error) {
	if s.dir == "" {
		return 0, nil // the disk of a named server is not ours to write to
	}
	f, err := os.CreateTemp(s.dir, "fsync-")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	page := make([]byte, 8<<10)
	var times []time.Duration
	for range fsyncs {
		start := now()
		if _, err := f.WriteAt(page, 0); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
		times = append(times, now().Sub(start))
	}
	slices.Sort(times)
	return float64(times[len(times)/2]) / float64(time.Microsecond), nil
}
