package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"exchequer/internal/bench"
	"exchequer/internal/problem"
)

type benchCmd struct {
	Fees benchFeesCmd `cmd:"" help:"Explained quotes a second on one core, and what signing one costs."`
}

type benchFeesCmd struct {
	Seconds float64 `default:"3" help:"Length of each round of each run, in seconds; there are three rounds."`
	JSON    bool    `name:"json" help:"One JSON document."`
}

// longestRound keeps a slip of the finger from measuring for days.
const longestRound = 3600

// Run measures quotes. However slow they are, that is no finding.
func (c benchFeesCmd) Run(ctx context.Context, e *environment) error {
	if !(c.Seconds >= 0.001 && c.Seconds <= longestRound) { // so NaN is refused too
		return problem.AtField(problem.Invalid, "--seconds", "must be from 0.001 to %d", longestRound)
	}
	p := newProgress(e.stderr)
	r, err := bench.Fees(ctx, bench.Options{Round: time.Duration(c.Seconds * float64(time.Second)), Wall: time.Now, Tell: p.tell})
	p.end()
	if err != nil {
		return err
	}
	return e.print(c.JSON, r, func(w io.Writer) { tellBench(w, r) })
}

func tellBench(w io.Writer, r *bench.Report) {
	s := r.Settings
	fmt.Fprintf(w, "%s, %d cores, %s; on %d core, the median of %d rounds of %g s\n\n", r.CPU, s.Cores, s.Go, s.GOMAXPROCS, s.Rounds, s.RoundSeconds)
	fmt.Fprint(w, "run\ta second\tp50 ms\tp99 ms\tcpu µs\tallocs\tbytes\trounds\n")
	for _, run := range r.Runs {
		fmt.Fprintf(w, "%s\t%.0f\t%.4f\t%.4f\t%.2f\t%.1f\t%.0f\t%.0f\n", run.Name, run.PerSecond, run.P50, run.P99, run.CPU, run.Allocs, run.Bytes, run.Rounds)
	}
}
