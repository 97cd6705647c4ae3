package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestBenchLedger(t *testing.T) {
	dir, err := os.MkdirTemp("/var/tmp", "exq-bench-") // a disk; the server's user must pass through
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Setenv(programMode, "1") // the API is served by this program
	var out, errs bytes.Buffer
	args := []string{"bench", "ledger", "--seconds", "0.2", "--rounds", "1", "--only", "ledger/http/32/hot", "--dir", dir, "--json"}
	if status := execute(t.Context(), args, &out, &errs); status != 0 {
		t.Fatalf("ended with %d: %s", status, &errs)
	}
	var r struct {
		FsyncUS float64           `json:"fsync_us"`
		Server  map[string]string `json:"server"`
		Runs    []map[string]any  `json:"runs"`
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	if r.FsyncUS <= 0 || r.Server["fsync"] != "on" || r.Server["synchronous_commit"] != "on" || r.Server["full_page_writes"] != "on" ||
		r.Server["file_system"] == "" || filepath.Dir(r.Server["folder"]) != dir {
		t.Errorf("said about the server: %v, one fsync %v µs", r.Server, r.FsyncUS)
	}
	var names []string
	for _, run := range r.Runs {
		name := run["name"].(string)
		names = append(names, name)
		figures := []string{"per_second", "seconds", "postings", "p50_ms", "p99_ms", "postings_per_commit", "wal_bytes_per_posting",
			"cpu_us", "server_cpu_us"}
		if strings.HasPrefix(name, "ledger/") {
			figures = append(figures, "ratio_plain", "ratio_raw", "api_cpu_us")
		}
		for _, figure := range figures {
			if n, ok := run[figure].(float64); !ok || n <= 0 {
				t.Errorf("%s: %s is %v", name, figure, run[figure])
			}
		}
		// A round this short may fit into pages that were there before.
		if n, ok := run["table_bytes_per_posting"].(float64); !ok || n < 0 {
			t.Errorf("%s: table bytes %v", name, run["table_bytes_per_posting"])
		}
	}
	if want := []string{"ledger/http/32/hot", "plain/http/32/hot", "raw/http/32/hot"}; !slices.Equal(names, want) {
		t.Errorf("runs %v, want %v", names, want)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestBenchLedgerNamesItsRuns(t *testing.T) {
	var out, errs bytes.Buffer
	if status := execute(t.Context(), []string{"bench", "ledger", "--only", "tea"}, &out, &errs); status != 2 {
		t.Errorf("ended with %d: %s", status, &errs)
	}
	for _, name := range []string{"ledger/single/1/random", "ledger/single/1/hot", "ledger/single/32/random", "ledger/single/32/hot",
		"ledger/single/256/random", "ledger/single/256/hot", "ledger/bulk/1000/random", "ledger/bulk/8000/random",
		"ledger/http/32/random", "ledger/http/32/hot", "ledger/http/256/random", "ledger/http/256/hot"} {
		if !strings.Contains(errs.String(), name) {
			t.Errorf("%s is not among the runs: %s", name, &errs)
		}
	}
}

func TestBenchLedgerRefusesWhatItCannotMeasure(t *testing.T) {
	for _, args := range [][]string{{"--rounds", "0"}, {"--rounds", "2"}, {"--seconds", "0"}, {"--dir", "/dev/shm"}} {
		var out, errs bytes.Buffer
		if status := execute(t.Context(), append([]string{"bench", "ledger"}, args...), &out, &errs); status != 2 || !strings.Contains(errs.String(), args[0]) {
			t.Errorf("%v ended with %d: %s%s", args, status, &out, &errs)
		}
	}
}
