package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestBenchFees(t *testing.T) {
	var out, errs bytes.Buffer
	if status := execute(t.Context(), []string{"bench", "fees", "--seconds", "0.2", "--json"}, &out, &errs); status != 0 {
		t.Fatalf("ended with %d: %s", status, &errs)
	}
	var r struct {
		CPU      string `json:"cpu"`
		Settings struct {
			GOMAXPROCS int `json:"gomaxprocs"`
			Rounds     int `json:"rounds"`
		} `json:"settings"`
		Runs []map[string]any `json:"runs"`
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	if r.CPU == "" || r.Settings.GOMAXPROCS != 1 || r.Settings.Rounds != 3 || strings.Contains(out.String(), "fsync_us") {
		t.Errorf("said about the machine and the settings: %s", &out)
	}
	var names []string
	for _, run := range r.Runs {
		names = append(names, run["name"].(string))
		for _, figure := range []string{"per_second", "seconds", "p50_ms", "p99_ms", "cpu_us", "allocs"} {
			if n, ok := run[figure].(float64); !ok || n <= 0 {
				t.Errorf("%s: %s is %v", run["name"], figure, run[figure])
			}
		}
	}
	if want := []string{"flat", "electricity_six_tiers_vat", "vehicle_registration_capped", "payee_and_budget_lines", "signing"}; !slices.Equal(names, want) {
		t.Errorf("runs %v, want %v", names, want)
	}
}

func TestBenchRefusesWhatItCannotMeasure(t *testing.T) {
	for _, args := range [][]string{{"bench"}, {"bench", "tea"}, {"bench", "fees", "--seconds", "0"}, {"bench", "fees", "--seconds=-1"},
		{"bench", "fees", "--seconds", "NaN"}, {"bench", "fees", "--seconds", "1e9"}} {
		var out, errs bytes.Buffer
		if status := execute(t.Context(), args, &out, &errs); status != 2 || errs.Len() == 0 || strings.HasPrefix(out.String(), "{") {
			t.Errorf("%v ended with %d: %s%s", args, status, &out, &errs)
		}
	}
}
