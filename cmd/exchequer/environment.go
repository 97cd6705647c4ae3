package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"strings"
	"text/tabwriter"
)

// environment is what every command is given.
type environment struct {
	stdout io.Writer
	stderr io.Writer
	log    *slog.Logger
	// printed: something stands on stdout already, so a refusal is no second document there.
	printed bool
}

// print writes one JSON document, or text for people.
func (e *environment) print(asJSON bool, v any, text func(w io.Writer)) error {
	e.printed = true
	if asJSON {
		enc := json.NewEncoder(e.stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	w := tabwriter.NewWriter(e.stdout, 0, 4, 2, ' ', 0)
	text(w)
	return w.Flush()
}

// logLevel is warn unless EXCHEQUER_LOG says debug, info or error.
func logLevel() slog.Level {
	level := slog.LevelWarn
	_ = level.UnmarshalText([]byte(os.Getenv("EXCHEQUER_LOG"))) // an unknown word leaves it as it is
	return level
}

// oneLine makes an error fit on one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
