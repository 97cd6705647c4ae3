package bench

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/problem"
	"exchequer/ledger"
)

// LedgerOptions say how to measure the ledger.
type LedgerOptions struct {
	Options
	Rounds      int    // odd, so that one is the median
	Only        string // prefix of the names to run, "" for all; what stands beside them runs too
	DatabaseURL string // a server on which its owner may create databases; "" starts a private one
	Dir         string // where the private server's folder is made; "" is /var/tmp
}

// LedgerRun is the figures of one way of writing. All but Rounds and the ratios are those of its median round.
type LedgerRun struct {
	Name       string  `json:"name"`
	PerSecond  float64 `json:"per_second"` // postings
	Seconds    float64 `json:"seconds"`    // that the round took
	Postings   int64   `json:"postings"`   // in that time
	P50        float64 `json:"p50_ms"`     // of one call: a posting, or all of a bulk
	P99        float64 `json:"p99_ms"`
	PerCommit  float64 `json:"postings_per_commit"`
	WALBytes   float64 `json:"wal_bytes_per_posting"`
	TableBytes float64 `json:"table_bytes_per_posting"` // with indexes
	// Processor time of one posting in microseconds, of this program and of a private server: on a machine with other
	// work they say more than the time on the wall.
	CPU       float64 `json:"cpu_us"`
	ServerCPU float64 `json:"server_cpu_us,omitzero"`
	// The ledger's speed over that of the other way, the median of what each round gives; for the ledger's own runs.
	RatioPlain float64   `json:"ratio_plain,omitzero"`
	RatioRaw   float64   `json:"ratio_raw,omitzero"`
	Rounds     []float64 `json:"rounds_per_second"` // each round's speed, in the order they were run
}

// LedgerReport is what the benchmark of the ledger says. FsyncUS is what one flushed write of 8 KiB costs beside the
// data, in microseconds, as the median before the first round; 0 where the server was named.
type LedgerReport struct {
	CPU      string         `json:"cpu"`
	FsyncUS  float64        `json:"fsync_us,omitzero"`
	Server   Server         `json:"server"`
	Settings LedgerSettings `json:"settings"`
	Runs     []LedgerRun    `json:"runs"`
}

// LedgerSettings are what the figures depend on besides the machine and the server.
type LedgerSettings struct {
	Cores        int     `json:"cores"`
	Rounds       int     `json:"rounds"`
	RoundSeconds float64 `json:"round_seconds"`
	Accounts     int     `json:"accounts"`
	Go           string  `json:"go"`
}

// FaultyBook is a run after which its book did not hold.
type FaultyBook struct {
	Run      string
	Findings []ledger.Finding
}

// Error names the run and the first finding.
func (f *FaultyBook) Error() string {
	first := f.Findings[0]
	return fmt.Sprintf("%s: the book does not hold, %d findings, the first: %s %s %d: %s", f.Run, len(f.Findings), first.Kind, first.Account, first.Transaction, first.Detail)
}

// ledgerCase is what the ledger is asked for; the other ways are measured beside it in the same round.
type ledgerCase struct {
	name string
	load
}

var ledgerCases = []ledgerCase{
	{"single/1/random", load{callers: 1, batch: 1}},
	{"single/1/hot", load{callers: 1, batch: 1, hot: true}},
	{"single/32/random", load{callers: 32, batch: 1}},
	{"single/32/hot", load{callers: 32, batch: 1, hot: true}},
	{"single/256/random", load{callers: 256, batch: 1}},
	{"single/256/hot", load{callers: 256, batch: 1, hot: true}},
	{"bulk/1000/random", load{callers: 1, batch: 1000}},
	{"bulk/8000/random", load{callers: 1, batch: 8000}},
}

// The ways, in the order of their turns: how many rows the raw way commits at once is what the ledger did before.
var wayNames = [...]string{"ledger", "plain", "raw"}

const oursWay, plainWay, rawWay = 0, 1, 2

// Ledger measures posting on one server: the ledger, one database transaction a posting, and the same rows without a
// ledger, in turns. After each round its book is verified; it fails with *FaultyBook where that does not hold.
func Ledger(ctx context.Context, o LedgerOptions) (*LedgerReport, error) {
	cases, err := o.cases()
	if err != nil {
		return nil, err
	}
	s, err := startServer(ctx, o)
	if err != nil {
		return nil, err
	}
	defer s.stop(ctx)
	r := &LedgerReport{CPU: processor(), Settings: LedgerSettings{Cores: runtime.NumCPU(), Rounds: o.Rounds, RoundSeconds: o.Round.Seconds(), Accounts: accounts, Go: runtime.Version()}}
	if r.Server, err = s.describe(ctx); err != nil {
		return nil, err
	}
	if r.FsyncUS, err = s.fsync(o.Wall); err != nil {
		return nil, err
	}
	r.Runs, err = o.runAll(ctx, s, cases)
	return r, err
}

// cases are those that were asked for.
func (o LedgerOptions) cases() ([]ledgerCase, error) {
	var chosen []ledgerCase
	var names []string
	for _, c := range ledgerCases {
		name := wayNames[oursWay] + "/" + c.name
		names = append(names, name)
		if strings.HasPrefix(name, o.Only) {
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, problem.AtField(problem.Invalid, "--only", "no run begins by %s, there are: %s", o.Only, strings.Join(names, ", "))
	}
	return chosen, nil
}

// runAll gives every case its rounds.
func (o LedgerOptions) runAll(ctx context.Context, s *server, cases []ledgerCase) ([]LedgerRun, error) {
	rounds := make([][len(wayNames)][]LedgerRun, len(cases))
	p := &progress{o: o.Options, total: o.Rounds * len(cases) * len(wayNames)}
	for range o.Rounds {
		for i, c := range cases {
			perCommit := 1.0
			for w, name := range wayNames {
				way := [...]way{c.ours(), c.plain(), c.raw(perCommit)}[w]
				run, err := o.round(ctx, s, name+"/"+c.name, way, p)
				if err != nil {
					return nil, fmt.Errorf("%s/%s: %w", name, c.name, err)
				}
				if w == oursWay {
					perCommit = run.PerCommit
				}
				rounds[i][w] = append(rounds[i][w], run)
			}
		}
	}
	var runs []LedgerRun
	for _, r := range rounds {
		ratioPlain, ratioRaw := ratio(r[oursWay], r[plainWay]), ratio(r[oursWay], r[rawWay])
		for _, way := range r {
			runs = append(runs, medianRound(way))
		}
		ours := &runs[len(runs)-len(wayNames)]
		ours.RatioPlain, ours.RatioRaw = ratioPlain, ratioRaw
	}
	return runs, nil
}

// warmUp is the part of a round's length that is run before it and not counted: connections and plans are made then.
const warmUp = 10

// round measures one way once, on a new database.
func (o LedgerOptions) round(ctx context.Context, s *server, name string, w way, p *progress) (LedgerRun, error) {
	p.tell(name, 0)
	pool, err := s.open(ctx, w.connections)
	if err != nil {
		return LedgerRun{}, err
	}
	defer pool.Close()
	post, err := w.open(ctx, pool, o.Wall)
	if err != nil {
		return LedgerRun{}, err
	}
	tick := func(took time.Duration) { p.tell(name, took) }
	if _, err := w.run(ctx, o, 1, o.Round/warmUp, post, func(time.Duration) {}); err != nil {
		return LedgerRun{}, err
	}
	runtime.GC() // what the round before left behind is not this one's to clear
	before, err := readWritten(ctx, pool)
	if err != nil {
		return LedgerRun{}, err
	}
	ours, theirs := usage().cpu, s.cpu()
	m, err := w.run(ctx, o, 2, o.Round, post, tick)
	if err != nil {
		return LedgerRun{}, err
	}
	ours, theirs = usage().cpu-ours, s.cpu()-theirs
	after, err := readWritten(ctx, pool)
	if err != nil {
		return LedgerRun{}, err
	}
	run := m.figures(name, after.wal-before.wal, after.tables-before.tables)
	run.CPU, run.ServerCPU = float64(ours)/1000/float64(m.postings), float64(theirs)/float64(m.postings)
	// The statistics are those of an empty book, and plans made for one take hours on a full one.
	if err := s.asOwner(ctx, databaseURL(s.url, s.fresh, 0), "ANALYZE"); err != nil {
		return LedgerRun{}, err
	}
	if run.PerCommit, err = s.checkBook(ctx, pool, name, m.postings, o.Wall); err != nil {
		return LedgerRun{}, err
	}
	p.finished(name)
	return run, nil
}

func (m *measured) figures(name string, wal, tables int64) LedgerRun {
	n := float64(m.postings)
	return LedgerRun{Name: name, PerSecond: n / m.took.Seconds(), Seconds: m.took.Seconds(), Postings: m.postings,
		P50: milliseconds(m.times.quantile(50)), P99: milliseconds(m.times.quantile(99)), WALBytes: float64(wal) / n, TableBytes: float64(tables) / n}
}

// written is what the server has written so far, in bytes.
type written struct{ wal, tables int64 }

func readWritten(ctx context.Context, pool *pgxpool.Pool) (w written, err error) {
	return w, pool.QueryRow(ctx, sqlReadWritten).Scan(&w.wal, &w.tables)
}

// checkBook verifies the book and that what was answered stands in it, and gives how many postings shared a commit.
func (s *server) checkBook(ctx context.Context, pool *pgxpool.Pool, run string, answered int64, now func() time.Time) (perCommit float64, err error) {
	var there, commits int64
	if err := pool.QueryRow(ctx, sqlReadCommits, book, s.firstID).Scan(&there, &commits); err != nil {
		return 0, err
	}
	report, err := ledger.New(pool, now).Verify(ctx, ledger.VerifyOptions{})
	if err != nil {
		return 0, err
	}
	if !report.OK {
		return 0, &FaultyBook{run, report.Findings}
	}
	if there < answered {
		return 0, &FaultyBook{run, []ledger.Finding{{Kind: ledger.IncompletePostings, Book: book, Detail: fmt.Sprintf("%d transactions were answered, %d stand", answered, there)}}}
	}
	return float64(there) / float64(commits), nil
}

// medianRound gives the round of median speed, with the speed of all.
func medianRound(rounds []LedgerRun) LedgerRun {
	var speeds []float64
	for _, r := range rounds {
		speeds = append(speeds, r.PerSecond)
	}
	slices.SortFunc(rounds, func(a, b LedgerRun) int { return cmp.Compare(a.PerSecond, b.PerSecond) })
	m := rounds[len(rounds)/2]
	m.Rounds = speeds
	return m
}

// ratio is the median of what the rounds give, so that a busy minute of the machine meets both sides of it.
func ratio(ours, other []LedgerRun) float64 {
	var ratios []float64
	for i := range ours {
		ratios = append(ratios, ours[i].PerSecond/other[i].PerSecond)
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}
