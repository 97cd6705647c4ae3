package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"exchequer/internal/approval"
	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
	"exchequer/internal/rehearsal"
)

type feesRehearseCmd struct {
	Draft   []string `required:"" sep:"none" help:"Schedule or parameter file that takes the place of the one in force, or the number of a stored draft; may be repeated."`
	From    string   `required:"" help:"First day of the bills' quotes, YYYY-MM-DD."`
	To      string   `required:"" help:"Last day, YYYY-MM-DD."`
	MoveTo  string   `help:"Work the bills out as if the period began on this day: for a draft that begins after them."`
	Service []string `help:"Only these services, separated by commas; else all whose law the draft changes."`
	CSV     string   `name:"csv" type:"path" help:"Write a line for each bill to this file."`
	JSON    bool     `name:"json" help:"One JSON document."`
}

// Run rehearses; bills for which the draft has no amount end with status 1.
func (c feesRehearseCmd) Run(ctx context.Context, e *environment) error {
	r, err := c.period()
	if err != nil {
		return err
	}
	docs, ids, err := c.drafts()
	if err != nil {
		return err
	}
	return withGateway(ctx, e.log, func(g *gateway) error {
		if err := readStored(ctx, g, ids, docs); err != nil {
			return err
		}
		notes, err := c.laws(ctx, g, docs, &r)
		if err != nil {
			return err
		}
		report, err := c.rehearse(ctx, e, rehearsal.New(g.pool, g.clock), r)
		if err != nil {
			return err
		}
		err = e.print(c.JSON, report, func(w io.Writer) { tellRehearsal(w, report, notes) })
		if err == nil && report.WithoutRule() > 0 {
			return errFindings
		}
		return err
	})
}

func (c feesRehearseCmd) period() (r rehearsal.Request, err error) {
	if r.From, err = parseDay("--from", c.From); err != nil {
		return r, err
	}
	if r.To, err = parseDay("--to", c.To); err != nil {
		return r, err
	}
	if r.To.Before(r.From) {
		return r, problem.AtField(problem.Invalid, "--to", "%s lies before --from %s", r.To, r.From)
	}
	if c.MoveTo != "" {
		r.MoveTo, err = parseDay("--move-to", c.MoveTo)
	}
	return r, err
}

// drafts reads the files by the names of the documents they replace, and the numbers of stored drafts.
func (c feesRehearseCmd) drafts() (publication.Documents, []int64, error) {
	docs := publication.Documents{}
	var ids []int64
	for _, draft := range c.Draft {
		if id, err := strconv.ParseInt(draft, 10, 64); err == nil {
			ids = append(ids, id)
			continue
		}
		name, text, err := readDocument(draft)
		if err != nil {
			return nil, nil, problem.AtField(problem.Invalid, "--draft", "%v", err)
		}
		if err := add(docs, name, text); err != nil {
			return nil, nil, err
		}
	}
	return docs, ids, nil
}

// add takes a document in; two drafts of one are refused, since only one of them could be meant.
func add(docs publication.Documents, name string, text []byte) error {
	if docs[name] != nil {
		return problem.AtField(problem.Invalid, "--draft", "%s is drafted twice", name)
	}
	docs[name] = text
	return nil
}

// readStored adds the documents of stored drafts.
func readStored(ctx context.Context, g *gateway, ids []int64, docs publication.Documents) error {
	for _, id := range ids {
		stored, err := g.published.Texts(ctx, operator(), id)
		if err != nil {
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(stored)) {
			if err := add(docs, name, stored[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

// laws puts the law in force, the one under the draft and the services into the request, with what a person should know.
func (c feesRehearseCmd) laws(ctx context.Context, g *gateway, docs publication.Documents, r *rehearsal.Request) ([]string, error) {
	inForce, err := g.published.Current(ctx)
	if err != nil {
		return nil, err
	}
	draft, err := g.published.LawWith(ctx, docs)
	if err != nil {
		return nil, err
	}
	r.InForce, r.Draft = rehearsal.By(inForce), rehearsal.By(draft)
	if r.Digest, err = approval.Digest(docs); err != nil {
		return nil, err
	}
	touched := rehearsal.Touched(inForce, draft)
	if slices.ContainsFunc(slices.Collect(maps.Keys(docs)), func(name string) bool { return strings.HasPrefix(name, "catalog/") }) {
		touched = rehearsal.Services(draft)
	}
	if len(touched) == 0 {
		return nil, problem.AtField(problem.Invalid, "--draft", "it says what is in force: it changes no service")
	}
	if r.Services, err = c.services(rehearsal.Services(draft), touched); err != nil {
		return nil, err
	}
	first, published := rehearsal.FirstDay(inForce, draft), publication.Documents{}
	if published, err = g.published.Published(ctx, time.Time{}); err != nil {
		return nil, err
	}
	if ofAllDays(published, docs) {
		first = calendar.Date{}
	}
	return c.notes(*r, touched, first), nil
}

// ofAllDays reports whether drafted documents change what has no first day: what a schedule says outside of its versions, or
// a table of the catalogue.
func ofAllDays(published, docs publication.Documents) bool {
	for name, text := range docs {
		file, of := strings.CutPrefix(name, "schedules/")
		if was := published[name]; !of || was != nil && len(fee.CompareHeads(file, was, text)) > 0 {
			return true
		}
	}
	return false
}

// services gives those that are asked for, else those that the draft touches.
func (c feesRehearseCmd) services(known, touched []string) ([]string, error) {
	for _, service := range c.Service {
		if !slices.Contains(known, service) {
			return nil, problem.AtField(problem.NotFound, "--service", "there is no service %q; the services are %s", service, strings.Join(known, ", "))
		}
	}
	if len(c.Service) > 0 {
		return c.Service, nil
	}
	return touched, nil
}

// notes say why a rehearsal may show no effect.
func (c feesRehearseCmd) notes(r rehearsal.Request, touched []string, first calendar.Date) []string {
	var out []string
	last := r.To
	if !r.MoveTo.IsZero() {
		last = r.MoveTo.AddDays(r.To.DaysSince(r.From))
	}
	if last.Before(first) {
		out = append(out, fmt.Sprintf("The draft changes nothing before %s, which lies after all of these bills: see --move-to.", first))
	}
	for _, service := range c.Service {
		if !slices.Contains(touched, service) {
			out = append(out, fmt.Sprintf("The draft does not change the law of %s.", service))
		}
	}
	return out
}

// rehearse runs it with a progress bar, and with the file of bills where one is asked for.
func (c feesRehearseCmd) rehearse(ctx context.Context, e *environment, s *rehearsal.Store, r rehearsal.Request) (report *rehearsal.Report, err error) {
	bar := newProgress(e.stderr)
	defer bar.end()
	watcher := rehearsal.Watcher{Progress: bar.tell}
	if c.CSV == "" {
		return s.Run(ctx, operator(), r, watcher)
	}
	err = writeWhole(c.CSV, func(w io.Writer) error {
		file := rehearsal.NewCSV(w)
		watcher.Rows = file.Write
		if report, err = s.Run(ctx, operator(), r, watcher); err != nil {
			return err
		}
		return file.Flush()
	})
	return report, err
}

// writeWhole writes a file for its owner's eyes: under another name until it is whole, and not at all where it cannot be.
func writeWhole(path string, write func(io.Writer) error) (err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return problem.AtField(problem.Invalid, "--csv", "%s is no file", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriter(f)
	if err = write(w); err == nil {
		err = w.Flush()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
