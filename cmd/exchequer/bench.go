package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"exchequer/internal/bench"
	"exchequer/internal/problem"
)

type benchCmd struct {
	Fees   benchFeesCmd   `cmd:"" help:"Explained quotes a second on one core, and what signing one costs."`
	Ledger benchLedgerCmd `cmd:"" help:"Postings a second on PostgreSQL: the ledger, one transaction a posting, and the same rows without a ledger."`
}

type benchFeesCmd struct {
	Seconds float64 `default:"3" help:"Length of each round of each run, in seconds; there are three rounds."`
	JSON    bool    `name:"json" help:"One JSON document."`
}

// longestRound keeps a slip of the finger from measuring for days.
const longestRound = 3600

// Run measures quotes. However slow they are, that is no finding.
func (c benchFeesCmd) Run(ctx context.Context, e *environment) error {
	p := newProgress(e.stderr)
	o, err := benchOptions(c.Seconds, p)
	if err != nil {
		return err
	}
	r, err := bench.Fees(ctx, o)
	p.end()
	if err != nil {
		return err
	}
	return e.print(c.JSON, r, func(w io.Writer) { tellBench(w, r) })
}

func benchOptions(seconds float64, p *progress) (bench.Options, error) {
	if !(seconds >= 0.001 && seconds <= longestRound) { // so NaN is refused too
		return bench.Options{}, problem.AtField(problem.Invalid, "--seconds", "must be from 0.001 to %d", longestRound)
	}
	return bench.Options{Round: time.Duration(seconds * float64(time.Second)), Wall: time.Now, Tell: p.tell}, nil
}

func tellBench(w io.Writer, r *bench.Report) {
	s := r.Settings
	fmt.Fprintf(w, "%s, %d cores, %s; on %d core, the median of %d rounds of %g s\n\n", r.CPU, s.Cores, s.Go, s.GOMAXPROCS, s.Rounds, s.RoundSeconds)
	fmt.Fprint(w, "run\ta second\tp50 ms\tp99 ms\tcpu µs\tallocs\tbytes\trounds\n")
	for _, run := range r.Runs {
		fmt.Fprintf(w, "%s\t%.0f\t%.4f\t%.4f\t%.2f\t%.1f\t%.0f\t%.0f\n", run.Name, run.PerSecond, run.P50, run.P99, run.CPU, run.Allocs, run.Bytes, run.Rounds)
	}
}

type benchLedgerCmd struct {
	Seconds     float64 `default:"3" help:"Length of each round of each run, in seconds."`
	Rounds      int     `default:"3" help:"How often each run has its turn; odd, so that one of them is the median."`
	Only        string  `help:"Only the runs whose name begins so, e.g. ledger/single/32, and what stands beside them."`
	DatabaseURL string  `name:"database-url" help:"A server on which this address's user may create databases; by default a private one is started."`
	Dir         string  `help:"Where the private server's folder is made, on a disk; /var/tmp by default."`
	JSON        bool    `name:"json" help:"One JSON document."`
}

// Run measures the ledger. Status 1: a book did not hold after its run.
func (c benchLedgerCmd) Run(ctx context.Context, e *environment) error {
	if c.Rounds < 1 || c.Rounds > mostRounds || c.Rounds%2 == 0 {
		return problem.AtField(problem.Invalid, "--rounds", "must be an odd number up to %d", mostRounds)
	}
	p := newProgress(e.stderr)
	o, err := benchOptions(c.Seconds, p)
	if err != nil {
		return err
	}
	r, err := bench.Ledger(ctx, bench.LedgerOptions{Options: o, Rounds: c.Rounds, Only: c.Only, DatabaseURL: c.DatabaseURL, Dir: c.Dir, Serve: serveForBench})
	p.end()
	if faulty, ok := errors.AsType[*bench.FaultyBook](err); ok {
		fmt.Fprintln(e.stderr, "exchequer:", oneLine(faulty))
		return errFindings
	}
	if err != nil {
		return err
	}
	return e.print(c.JSON, r, func(w io.Writer) { tellLedgerBench(w, r) })
}

// mostRounds keeps a slip of the finger from measuring for days.
const mostRounds = 99

func tellLedgerBench(w io.Writer, r *bench.LedgerReport) {
	s := r.Settings
	fmt.Fprintf(w, "%s, %d cores, %s; PostgreSQL %s, fsync %s, synchronous_commit %s", r.CPU, s.Cores, s.Go, r.Server.Version, r.Server.Fsync, r.Server.SynchronousCommit)
	if r.Server.Folder != "" {
		fmt.Fprintf(w, ", in %s (%s), %.0f µs for a flushed write of 8 KiB", r.Server.Folder, r.Server.FileSystem, r.FsyncUS)
	}
	fmt.Fprintf(w, "; %d accounts, the median of %d rounds of %g s\n\n", s.Accounts, s.Rounds, s.RoundSeconds)
	fmt.Fprint(w, "run\ta second\tp50 ms\tp99 ms\ta commit\tWAL bytes\ttable bytes\tcpu µs\tserver cpu µs\tAPI cpu µs\tof plain\tof raw\trounds\n")
	for _, run := range r.Runs {
		fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.2f\t%.1f\t%.0f\t%.0f\t%.1f\t%.1f\t%s\t%s\t%s\t%.0f\n", run.Name, run.PerSecond, run.P50, run.P99, run.PerCommit,
			run.WALBytes, run.TableBytes, run.CPU, run.ServerCPU, orEmpty("%.1f", run.APICPU), orEmpty("%.2f", run.RatioPlain), orEmpty("%.2f", run.RatioRaw), run.Rounds)
	}
}

// orEmpty writes a figure; one that is not said is empty.
func orEmpty(format string, figure float64) string {
	if figure == 0 {
		return ""
	}
	return fmt.Sprintf(format, figure)
}
