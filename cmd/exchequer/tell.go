package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"exchequer/internal/calendar"
	"exchequer/internal/money"
	"exchequer/internal/settlement"
	"exchequer/internal/story"
)

// progress is a bar on a terminal, and a line for each new step elsewhere.
type progress struct {
	w        io.Writer
	terminal bool
	last     string
}

const barWidth = 30

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	if !ok {
		return &progress{w: w}
	}
	info, err := f.Stat()
	return &progress{w: w, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

func (p *progress) tell(done, total int, what string) {
	if p.terminal {
		full := barWidth * done / total
		fmt.Fprintf(p.w, "\r[%s%s] %3d%%  %-50s", strings.Repeat("█", full), strings.Repeat("·", barWidth-full), 100*done/total, what)
		return
	}
	if what != p.last {
		fmt.Fprintln(p.w, what)
	}
	p.last = what
}

func (p *progress) end() {
	if p.terminal {
		fmt.Fprintln(p.w)
	}
}

// tellStory prints what happened and the closing proof.
func tellStory(w io.Writer, r story.Result) {
	fmt.Fprintf(w, "\nRun %d: %s to %s\n\n", r.Run, r.Days[0], r.Days[len(r.Days)-1])
	for _, e := range r.Events {
		fmt.Fprintf(w, "%s\t%s\n", e.At.In(calendar.Zone).Format("Mon 02 Jan 15:04"), e.What)
	}
	for _, c := range r.Closes {
		tellClose(w, c)
	}
	fmt.Fprint(w, "\nClosing proof\tby their books\tby ours\t\n")
	for _, c := range r.Proof.Checks {
		mark := "ok"
		if !c.OK() {
			mark = "DIFFERS"
		}
		fmt.Fprintf(w, "%s\t%16s\t%16s\t%s\n", c.Name, plain(c.Expected), plain(c.Found), mark)
	}
	verdict := "Not one đồng is missing."
	if !r.Proof.OK {
		verdict = "THE PROOF DOES NOT HOLD."
	}
	fmt.Fprintf(w, "\n%s\n", verdict)
}

func plain(n int64) string { return strings.TrimSuffix(money.Format(n, "en"), " VND") }

// tellClose prints the two roll-forwards of a closed day.
func tellClose(w io.Writer, c settlement.Close) {
	fmt.Fprintf(w, "\nDay %s, closed by %s, signed, digest %.16s…\n", c.Day, c.ClosedBy, c.Digest)
	fmt.Fprint(w, "clearing\topening\tconfirmed\tsettled net\tfee\tclosing\tnot yet due\toverdue\t\n")
	for _, b := range c.Books {
		for _, r := range b.Clearing {
			fmt.Fprintf(w, "%s %s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", b.Book, r.Partner, plain(r.Opening), plain(r.Confirmed),
				plain(r.SettledNet), plain(r.Fee), plain(r.Closing), plain(r.NotYetDue), plain(r.Overdue))
		}
	}
	fmt.Fprint(w, "bank\topening\tcredits\tdebits\tclosing\tledger\topen lines\t\n")
	for _, b := range c.House.Banks {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t\n", b.Account, plain(b.Opening), plain(b.Credits), plain(b.Debits),
			plain(b.Closing), plain(b.Ledger), len(b.Open))
	}
}
