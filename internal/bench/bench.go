// Package bench owns how the program is measured: what is run, for how long, and what is said about it.
//
// It guarantees that several things measured together take turns, so that whatever else the machine does meets them
// all; that a figure is that of the median round, never the best one; and that what is measured is checked to have done
// its work. It judges no figure: no check depends on how fast the machine is.
package bench

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// Rounds is how often each run has its turn; odd, so that one of them is the median.
const Rounds = 3

// slice is how long is measured without a pause to draw progress or look whether to stop.
const slice = 200 * time.Millisecond

// Run is the figures of one thing measured. All but Rounds are those of its median round.
type Run struct {
	Name      string  `json:"name"`
	PerSecond float64 `json:"per_second"`
	Seconds   float64 `json:"seconds"` // that the round took
	Done      int64   `json:"done"`    // in that time
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	// CPU is the processor time of one, in microseconds, collecting garbage included: on a machine with other work it
	// says more than the time on the wall.
	CPU    float64   `json:"cpu_us"`
	Allocs float64   `json:"allocs"`            // objects for one
	Bytes  float64   `json:"alloc_bytes"`       // and their size
	Rounds []float64 `json:"rounds_per_second"` // each round's speed, in the order they were run
}

// Settings are what the figures depend on besides the machine.
type Settings struct {
	Cores        int     `json:"cores"`      // of the machine
	GOMAXPROCS   int     `json:"gomaxprocs"` // cores used, garbage collector included
	Goroutines   int     `json:"goroutines"`
	Rounds       int     `json:"rounds"`
	RoundSeconds float64 `json:"round_seconds"`
	Go           string  `json:"go"`
}

// Report is what a benchmark says. Where something is written to disk FsyncUS is what one fsync costs there, in
// microseconds.
type Report struct {
	CPU      string   `json:"cpu"`
	FsyncUS  float64  `json:"fsync_us,omitzero"`
	Settings Settings `json:"settings"`
	Runs     []Run    `json:"runs"`
}

// Options say how to measure.
type Options struct {
	Round time.Duration                      // length of one round of one run
	Wall  func() time.Time                   // the machine's clock
	Tell  func(done, total int, what string) // progress, told between measured stretches; may be nil
}

// work is something to measure: do does the i-th one, and fails where its outcome is not what it must be.
type work struct {
	name string
	do   func(i int64) error
}

// onOneCore measures all works in turn on one core, the collector of garbage with them.
func onOneCore(ctx context.Context, o Options, works []work) (*Report, error) {
	cores := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(cores)
	rounds := make([][]Run, len(works))
	p := progress{o: o, total: Rounds * len(works)}
	for range Rounds {
		for i, w := range works {
			r, err := o.round(ctx, w, &p)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", w.name, err)
			}
			rounds[i] = append(rounds[i], r)
		}
	}
	report := &Report{CPU: processor(), Settings: Settings{Cores: runtime.NumCPU(), GOMAXPROCS: 1, Goroutines: 1, Rounds: Rounds,
		RoundSeconds: o.Round.Seconds(), Go: runtime.Version()}}
	for _, r := range rounds {
		report.Runs = append(report.Runs, median(r))
	}
	return report, nil
}

// round measures one work once.
func (o Options) round(ctx context.Context, w work, p *progress) (Run, error) {
	var times histogram
	var done int64
	var took time.Duration
	runtime.GC() // what the work before left behind is not this one's to clear
	before := usage()
	for took < o.Round {
		if err := ctx.Err(); err != nil {
			return Run{}, err
		}
		p.tell(w.name, took)
		start := o.Wall()
		stop, last := min(slice, o.Round-took), time.Duration(0)
		for last < stop {
			if err := w.do(done); err != nil {
				return Run{}, err
			}
			now := o.Wall().Sub(start)
			times.add(now - last)
			last = now
			done++
		}
		took += last
	}
	after := usage()
	p.finished(w.name)
	n := float64(done)
	return Run{
		Name: w.name, PerSecond: n / took.Seconds(), Seconds: took.Seconds(), Done: done,
		P50: milliseconds(times.quantile(50)), P99: milliseconds(times.quantile(99)),
		CPU:    float64(after.cpu-before.cpu) / float64(time.Microsecond) / n,
		Allocs: float64(after.objects-before.objects) / n, Bytes: float64(after.bytes-before.bytes) / n,
	}, nil
}

// median gives the round of median speed, with the speed of all.
func median(rounds []Run) Run {
	var speeds []float64
	for _, r := range rounds {
		speeds = append(speeds, r.PerSecond)
	}
	slices.SortFunc(rounds, func(a, b Run) int { return cmp.Compare(a.PerSecond, b.PerSecond) })
	m := rounds[len(rounds)/2]
	m.Rounds = speeds
	return m
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// used is what the process has taken so far.
type used struct {
	cpu            int64 // nanoseconds
	objects, bytes uint64
}

func usage() used {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // fails on a bad argument only
	return used{cpu: u.Utime.Nano() + u.Stime.Nano(), objects: m.Mallocs, bytes: m.TotalAlloc}
}

// progress counts rounds, in thousandths.
type progress struct {
	o           Options
	done, total int
}

const roundParts = 1000

func (p *progress) tell(what string, took time.Duration) {
	if p.o.Tell != nil {
		p.o.Tell(p.done*roundParts+int(roundParts*took/p.o.Round), p.total*roundParts, what)
	}
}

func (p *progress) finished(what string) {
	p.done++
	p.tell(what, 0)
}
