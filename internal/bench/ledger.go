package bench

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"

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
	Serve       Serve  // the API for what is posted over HTTP
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
	// Processor time of one posting in microseconds, of the callers' program and of a private server: on a machine with other
	// work they say more than the time on the wall.
	CPU       float64 `json:"cpu_us"`
	ServerCPU float64 `json:"server_cpu_us,omitzero"`
	APICPU    float64 `json:"api_cpu_us,omitzero"` // of the API's process, over HTTP
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
	http bool
}

var ledgerCases = []ledgerCase{
	{name: "single/1/random", load: load{callers: 1, batch: 1}},
	{name: "single/1/hot", load: load{callers: 1, batch: 1, hot: true}},
	{name: "single/32/random", load: load{callers: 32, batch: 1}},
	{name: "single/32/hot", load: load{callers: 32, batch: 1, hot: true}},
	{name: "single/256/random", load: load{callers: 256, batch: 1}},
	{name: "single/256/hot", load: load{callers: 256, batch: 1, hot: true}},
	{name: "bulk/1000/random", load: load{callers: 1, batch: 1000}},
	{name: "bulk/8000/random", load: load{callers: 1, batch: 8000}},
	{name: "http/32/random", load: load{callers: 32, batch: 1}, http: true},
	{name: "http/32/hot", load: load{callers: 32, batch: 1, hot: true}, http: true},
	{name: "http/256/random", load: load{callers: 256, batch: 1}, http: true},
	{name: "http/256/hot", load: load{callers: 256, batch: 1, hot: true}, http: true},
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
	s, err := startServer(ctx, o, slices.ContainsFunc(cases, func(c ledgerCase) bool { return c.http }))
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
				way := [...]way{c.ours(o.Serve), c.plain(), c.raw(perCommit)}[w]
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
