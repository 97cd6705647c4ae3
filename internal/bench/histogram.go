package bench

import (
	"math/bits"
	"os"
	"runtime"
	"strings"
	"time"
)

// histogram counts durations in buckets less than 1% wide, so that keeping millions of them allocates nothing.
type histogram struct {
	counts [64 * half]int64
	total  int64
}

// half is the number of buckets for each power of two.
const half = 128

func (h *histogram) add(d time.Duration) {
	h.counts[bucket(uint64(max(d, 0)))]++
	h.total++
}

// bucket: below 256 ns each has its own; above, the eight highest bits choose.
func bucket(ns uint64) int {
	shift := max(bits.Len64(ns)-8, 0)
	return shift*half + int(ns>>shift)
}

// lowest is the shortest duration of a bucket.
func lowest(bucket int) time.Duration {
	shift := max(bucket/half-1, 0)
	return time.Duration(bucket-shift*half) << shift
}

// quantile gives the duration that so many percent were not longer than, to the bucket; 0 where nothing was counted.
func (h *histogram) quantile(percent int64) time.Duration {
	need := (h.total*percent + 99) / 100
	for i, n := range h.counts {
		if need -= n; need <= 0 && h.total > 0 {
			return lowest(i)
		}
	}
	return 0
}

// processor is the machine's processor as the system names it.
func processor() string {
	raw, _ := os.ReadFile("/proc/cpuinfo") // elsewhere than on Linux there is none
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
