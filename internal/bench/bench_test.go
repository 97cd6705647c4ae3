package bench

import (
	"context"
	"errors"
	"math"
	"runtime"
	"testing"
	"time"

	"exchequer/internal/fee"
	"exchequer/schedules"
)

// ticking is a clock that goes on by a step at each look.
func ticking(step time.Duration) func() time.Time {
	now := time.Date(2025, 7, 15, 0, 0, 0, 0, time.UTC)
	return func() time.Time { now = now.Add(step); return now }
}

func TestWorksTakeTurnsOnOneCore(t *testing.T) {
	cores := runtime.GOMAXPROCS(0)
	var order []string
	works := []work{}
	for _, name := range []string{"a", "b"} {
		works = append(works, work{name, func(i int64) error {
			if i == 0 {
				order = append(order, name)
			}
			if runtime.GOMAXPROCS(0) != 1 {
				return errors.New("more than one core")
			}
			return nil
		}})
	}
	last := -1
	r, err := onOneCore(t.Context(), Options{Round: time.Second, Wall: ticking(time.Millisecond), Tell: func(done, total int, _ string) {
		if done < last || done > total {
			t.Errorf("progress %d of %d after %d", done, total, last)
		}
		last = done
	}}, works)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(order); got != 6 || order[0] == order[1] || order[2] == order[3] || order[4] == order[5] {
		t.Errorf("order %v", order)
	}
	if last != 6*roundParts {
		t.Errorf("progress ended at %d", last)
	}
	for _, run := range r.Runs {
		// One look at the clock for each: a second holds a thousand.
		if run.Done != 1000 || run.Seconds != 1 || run.PerSecond != 1000 || len(run.Rounds) != Rounds {
			t.Errorf("%+v", run)
		}
		if math.Abs(run.P50-1) > 0.01 || math.Abs(run.P99-1) > 0.01 {
			t.Errorf("%s: p50 %v ms, p99 %v ms", run.Name, run.P50, run.P99)
		}
	}
	if got := runtime.GOMAXPROCS(0); got != cores {
		t.Errorf("%d cores afterwards, %d before", got, cores)
	}
}

func TestMeasuringStops(t *testing.T) {
	wrong := errors.New("wrong")
	_, err := onOneCore(t.Context(), Options{Round: time.Second, Wall: ticking(time.Millisecond)}, []work{{"a", func(int64) error { return wrong }}})
	if !errors.Is(err, wrong) {
		t.Errorf("a work that fails: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = onOneCore(ctx, Options{Round: time.Hour, Wall: ticking(time.Millisecond)}, []work{{"a", func(int64) error { cancel(); return nil }}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

func TestTheMedianRoundIsTold(t *testing.T) {
	m := median([]Run{{PerSecond: 30, P99: 3}, {PerSecond: 10, P99: 1}, {PerSecond: 20, P99: 2}})
	if m.PerSecond != 20 || m.P99 != 2 || m.Rounds[0] != 30 || m.Rounds[2] != 20 {
		t.Errorf("%+v", m)
	}
}

func TestQuantiles(t *testing.T) {
	var h histogram
	if h.quantile(50) != 0 {
		t.Error("of nothing")
	}
	for i := 1; i <= 1000; i++ {
		h.add(time.Duration(i) * time.Microsecond)
	}
	for percent, want := range map[int64]time.Duration{1: 10 * time.Microsecond, 50: 500 * time.Microsecond, 99: 990 * time.Microsecond, 100: time.Millisecond} {
		if got := h.quantile(percent); got > want || want-got > want/100 {
			t.Errorf("%d%%: %v, want %v within 1%%", percent, got, want)
		}
	}
	for _, d := range []time.Duration{0, 1, 255, 256, 257, math.MaxInt64} {
		if low := lowest(bucket(uint64(d))); low > d || d-low > d/100 {
			t.Errorf("%d is in the bucket from %d", d, low)
		}
	}
}

func TestAWrongQuoteIsNotMeasured(t *testing.T) {
	s, err := fee.Load(schedules.FS)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range tariffCases {
		if w, err := c.work(s); err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if err := errors.Join(w.do(0), w.do(variety-1), w.do(variety)); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		dear := c
		dear.total++
		if _, err := dear.work(s); err == nil {
			t.Errorf("%s: another total passed", c.name)
		}
		long := c
		long.lines--
		if w, err := long.work(s); err != nil || w.do(0) == nil {
			t.Errorf("%s: another number of lines passed", c.name)
		}
	}
}
