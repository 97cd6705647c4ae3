package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"exchequer/reconciliation"
)

func TestPartnersOfAPersonGoBeforeTheSimulators(t *testing.T) {
	dir := t.TempDir()
	read := func(named string) string {
		t.Helper()
		p, err := readPartners(named, dir)
		if err != nil {
			t.Fatal(err)
		}
		return p.Portal
	}
	if got := read(""); got != "" {
		t.Errorf("without any file: %q", got)
	}
	other := filepath.Join(dir, "other.yaml")
	for path, portal := range map[string]string{simulatedPartners(dir): "simulated", filepath.Join(dir, partnersFile): "own", other: "named"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), partners{Portal: portal}.write(path)); err != nil {
			t.Fatal(err)
		}
	}
	if got := read(""); got != "own" {
		t.Errorf("a person's file in the state folder: %q", got)
	}
	if got := read(other); got != "named" {
		t.Errorf("the file that is named: %q", got)
	}
	if err := os.Remove(filepath.Join(dir, partnersFile)); err != nil {
		t.Fatal(err)
	}
	if got := read(""); got != "simulated" {
		t.Errorf("the simulators' file: %q", got)
	}
	if _, err := readPartners(filepath.Join(dir, "none.yaml"), dir); err == nil {
		t.Error("a file that is named and not there is no error")
	}
}

func TestWhatWasDoneIsPrintedBeforeTheError(t *testing.T) {
	failed := errors.New("no such file")
	for _, c := range []struct {
		name   string
		errors map[string]error
		dirty  bool
		want   error
		prints string
	}{
		{"all well", nil, false, nil, "a\tb"},
		{"breaks", nil, true, errFindings, "a\tb"},
		{"the second fails", map[string]error{"b": failed}, true, failed, "a"},
		{"the first fails", map[string]error{"a": failed}, false, failed, ""},
	} {
		var out bytes.Buffer
		e := &environment{stdout: &out, stderr: &out, log: slog.New(slog.DiscardHandler)}
		err := e.reports(false, []string{"a", "b"}, func(s string) (reconciliation.Report, error) {
			r := reconciliation.Report{Partner: s}
			if c.dirty {
				r.Breaks = map[reconciliation.BreakKind]int{"missing_there": 1, "amount_differs": 2}
			}
			return r, c.errors[s]
		})
		if !errors.Is(err, c.want) || (c.want == nil) != (err == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
		if onlyFindings(err) != (c.want == errFindings) {
			t.Errorf("%s: taken for findings alone: %v", c.name, onlyFindings(err))
		}
		var printed []string
		for _, line := range strings.Split(out.String(), "\n") {
			if fields := strings.Fields(line); len(fields) > 3 && fields[0] != "break" {
				printed = append(printed, fields[0])
			}
		}
		if strings.Join(printed, "\t") != c.prints {
			t.Errorf("%s: printed %q, want the reports of %q", c.name, out.String(), c.prints)
		}
		if c.dirty && strings.Index(out.String(), "amount_differs") > strings.Index(out.String(), "missing_there") {
			t.Errorf("%s: breaks are not in order:\n%s", c.name, &out)
		}
	}
}
