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

const (
	barWidth    = 30
	amountWidth = 13 // nine digits with their separators, and a sign
)

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
	fmt.Fprint(w, "\nOpen breaks\tbook\tsince\t"+heads("expected", "found")+"reference\n")
	for _, b := range r.Breaks {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", b.Kind, b.Book, b.Day, plain(b.Expected), plain(b.Found), b.Ref)
	}
	fmt.Fprint(w, "\nClosing proof\t"+heads("by their books", "by ours")+"\n")
	for _, c := range r.Proof.Checks {
		mark := "ok"
		if !c.OK() {
			mark = "DIFFERS"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", c.Name, plain(c.Expected), plain(c.Found), mark)
	}
	if r.Proof.Strays > 0 {
		fmt.Fprintf(w, "%d notifications came that the provider never sent; they changed nothing unless the proof says so.\n", r.Proof.Strays)
	}
	verdict := "Not one đồng is missing."
	if !r.Proof.OK {
		verdict = "THE PROOF DOES NOT HOLD."
	}
	fmt.Fprintf(w, "\n%s\n", verdict)
}

// plain writes an amount without its unit, right-aligned: the columns of a table say that they are đồng.
func plain(n int64) string {
	return fmt.Sprintf("%*s", amountWidth, strings.TrimSuffix(money.Format(n, "en"), " VND"))
}

// heads aligns column heads with the amounts under them.
func heads(names ...string) string {
	var b strings.Builder
	for _, n := range names {
		fmt.Fprintf(&b, "%*s\t", amountWidth, n)
	}
	return b.String()
}

// tellClose prints the two roll-forwards of a closed day.
func tellClose(w io.Writer, c settlement.Close) {
	fmt.Fprintf(w, "\nDay %s, closed by %s, signed, digest %.16s…\n", c.Day, c.ClosedBy, c.Digest)
	fmt.Fprint(w, "clearing\t"+heads("opening", "confirmed", "settled net", "fee", "closing", "not yet due", "overdue")+"\n")
	for _, b := range c.Books {
		for _, r := range b.Clearing {
			fmt.Fprintf(w, "%s %s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", b.Book, r.Partner, plain(r.Opening), plain(r.Confirmed),
				plain(r.SettledNet), plain(r.Fee), plain(r.Closing), plain(r.NotYetDue), plain(r.Overdue))
		}
	}
	fmt.Fprint(w, "bank\t"+heads("opening", "credits", "debits", "closing", "ledger", "open lines")+"\n")
	for _, b := range c.House.Banks {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", b.Account, plain(b.Opening), plain(b.Credits), plain(b.Debits),
			plain(b.Closing), plain(b.Ledger), plain(int64(len(b.Open))))
	}
}
