package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tick is the unit of processor time in /proc, in microseconds: 100 a second on every Linux (proc(5), sysconf(3)).
const tick = 10_000

// cpu is the processor time a private server has taken so far, in microseconds: its processes and those that have
// ended. It is 0 for a named server and elsewhere than on Linux.
func (s *server) cpu() (microseconds int64) {
	if s.dir == "" {
		return 0
	}
	raw, _ := os.ReadFile(filepath.Join(s.dir, "postgres", "data", "postmaster.pid"))
	first, _, _ := strings.Cut(string(raw), "\n")
	postmaster, err := strconv.ParseInt(strings.TrimSpace(first), 10, 64)
	if err != nil {
		return 0
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well-formed
	ticks := int64(0)
	for _, path := range stats {
		p := readProcess(path)
		if p.id == postmaster {
			ticks += p.own + p.ended
		} else if p.parent == postmaster {
			ticks += p.own
		}
	}
	return ticks * tick
}

// processCPU is the processor time of a process so far, in microseconds; 0 for process 0.
func processCPU(id int) int64 { return readProcess(fmt.Sprintf("/proc/%d/stat", id)).own * tick }

// process is what the kernel says of one, in ticks: its own time, and that of its children that have ended.
type process struct{ id, parent, own, ended int64 }

// readProcess reads one by the layout of proc(5); it is zero where the process is gone.
func readProcess(path string) (p process) {
	raw, _ := os.ReadFile(path)
	name := bytes.LastIndexByte(raw, ')') // a name may hold anything
	if name < 0 {
		return p
	}
	id, _, _ := strings.Cut(string(raw), " ")
	fields := strings.Fields(string(raw[name+1:])) // from the third one on
	if len(fields) < 15 {
		return p
	}
	number := func(s string) int64 { n, _ := strconv.ParseInt(s, 10, 64); return n } // the kernel writes numbers
	return process{number(id), number(fields[1]), number(fields[11]) + number(fields[12]), number(fields[13]) + number(fields[14])}
}
