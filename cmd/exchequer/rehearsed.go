package main

import (
	"fmt"
	"io"
	"math"
	"strings"

	"exchequer/internal/rehearsal"
)

// tellRehearsal prints what a draft does, service by service and in all.
func tellRehearsal(w io.Writer, r *rehearsal.Report, notes []string) {
	fmt.Fprintf(w, "Bills of %s to %s\n", r.From, r.To)
	for i := range r.Services {
		tellEffect(w, r.Services[i].Service, &r.Services[i])
	}
	if len(r.Services) > 1 {
		tellEffect(w, "All services", &r.Total)
	}
	for _, note := range notes {
		fmt.Fprintf(w, "\n%s\n", note)
	}
	fmt.Fprintf(w, "\n%d bills, %s đồng in all; %d without an amount under the draft\n", r.Total.Bills, signed(r.Total.Difference), r.WithoutRule())
}

func tellEffect(w io.Writer, name string, e *rehearsal.Effect) {
	fmt.Fprintf(w, "\n%s\t%s\n", name, heads("bills", "before", "under draft", "difference"))
	for _, row := range []struct {
		name  string
		group rehearsal.Group
	}{{"pay more", e.More}, {"pay less", e.Less}, {"the same", e.Same}} {
		g := row.group
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t\n", row.name, plain(g.Bills), plain(g.Before), plain(g.UnderDraft), plain(g.Difference))
	}
	for _, row := range []struct {
		name  string
		group rehearsal.Group
	}{{"refused", e.Refused}, {"other inputs asked", e.Invalid}} {
		if row.group.Bills > 0 {
			fmt.Fprintf(w, "  %s\t%s\t%s\t\n", row.name, plain(row.group.Bills), plain(row.group.Before))
		}
	}
	tellChanges(w, e)
	tellSpread(w, e.Spread)
	for _, why := range e.Reasons {
		fmt.Fprintf(w, "  %d bills: %s, such as %s\n", why.Bills, reason(why), why.Example)
	}
}

// reason gives the words of a refusal, and the act behind them where they do not name it.
func reason(why rehearsal.Reason) string {
	by := orElse(why.Act, why.Field)
	if by == "" || strings.Contains(why.Words, by) {
		return why.Words
	}
	return why.Words + " (" + by + ")"
}

func tellChanges(w io.Writer, e *rehearsal.Effect) {
	if e.LargestRise.Ref != "" {
		fmt.Fprintf(w, "  largest rise\t%s\t%s\n", plain(e.LargestRise.Difference), e.LargestRise.Ref)
	}
	if e.LargestFall.Ref != "" {
		fmt.Fprintf(w, "  largest fall\t%s\t%s\n", plain(e.LargestFall.Difference), e.LargestFall.Ref)
	}
	for _, row := range []struct {
		name   string
		change rehearsal.Change
	}{
		{"there without the draft", e.Earlier}, {"overcharged, paid", e.Overpaid}, {"undercharged, paid", e.Underpaid},
	} {
		if row.change.Bills > 0 {
			fmt.Fprintf(w, "  %s\t%s\t%s\t\n", row.name, plain(row.change.Bills), plain(row.change.Amount))
		}
	}
	if e.RefusedInForce > 0 {
		fmt.Fprintf(w, "  no amount in force either\t%s\t\n", plain(e.RefusedInForce))
	}
}

// tellSpread draws how many bills change by how much.
func tellSpread(w io.Writer, spread []rehearsal.Bucket) {
	var most int64
	for _, b := range spread {
		most = max(most, b.Bills)
	}
	for _, b := range spread {
		// A bucket with a bill in it shows, however small.
		width := (b.Bills*barWidth + most - 1) / most
		fmt.Fprintf(w, "  %s\t%s\t%s\n", rangeOf(b), plain(b.Bills), strings.Repeat("█", int(width)))
	}
}

func rangeOf(b rehearsal.Bucket) string {
	switch {
	case b.Least == 0 && b.Most == 0:
		return "no difference"
	case b.Most == math.MaxInt64:
		return "from " + signed(b.Least)
	case b.Least == -math.MaxInt64:
		return "up to " + signed(b.Most)
	}
	return signed(b.Least) + " to " + signed(b.Most)
}

// signed writes a difference with its sign.
func signed(n int64) string {
	s := strings.TrimSpace(plain(n))
	if n > 0 {
		return "+" + s
	}
	return s
}
