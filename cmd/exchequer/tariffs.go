package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
)

type feesDraftCmd struct {
	Files []string `arg:"" name:"file" type:"existingfile" help:"Schedules and parameters (YAML) and tables of the catalogue (CSV), whole."`
	JSON  bool     `name:"json" help:"One JSON document."`
}

// Run checks documents against what is published and keeps them as a draft. The same ones again are the same draft.
func (c feesDraftCmd) Run(ctx context.Context, e *environment) error {
	docs, err := readDocuments(c.Files)
	if err != nil {
		return err
	}
	return e.draft(ctx, c.JSON, docs)
}

func (e *environment) draft(ctx context.Context, asJSON bool, docs publication.Documents) error {
	return e.decided(ctx, asJSON, func(s *publication.Store) (publication.Draft, error) { return s.Draft(ctx, operator(), docs) })
}

// decided lets fn do something with a draft and prints it.
func (e *environment) decided(ctx context.Context, asJSON bool, fn func(*publication.Store) (publication.Draft, error)) error {
	return withGateway(ctx, e.log, func(g *gateway) error {
		d, err := fn(g.published)
		if err != nil {
			return err
		}
		return e.print(asJSON, d, func(w io.Writer) { tellDraft(w, d) })
	})
}

// readDocuments reads files under the names of the documents they are.
func readDocuments(paths []string) (publication.Documents, error) {
	docs := publication.Documents{}
	for _, path := range paths {
		name, text, err := readDocument(path)
		if err != nil {
			return nil, problem.New(problem.Invalid, "%v", err)
		}
		if docs[name] != nil {
			return nil, problem.AtField(problem.Invalid, path, "%s is given twice", name)
		}
		docs[name] = text
	}
	return docs, nil
}

// documentOf is what a schedule or a parameter says of itself. It is found without reading the YAML: a fault in that is
// told with its line where the law is compiled.
var documentOf = regexp.MustCompile(`(?m)^(service|parameter): *"?([0-9a-z_]+)`)

// readDocument reads a file and says which document it is: a table by the name of its file, any other by what it says.
func readDocument(path string) (name string, text []byte, err error) {
	if text, err = os.ReadFile(path); err != nil {
		return "", nil, err
	}
	if filepath.Ext(path) == ".csv" {
		return "catalog/" + filepath.Base(path), text, nil
	}
	switch of := documentOf.FindSubmatch(text); {
	case of == nil:
		return "", nil, fmt.Errorf("%s: it is no schedule and no parameter, which begin a line with `service:` or `parameter:`, and no .csv table of the catalogue", path)
	case string(of[1]) == "parameter":
		return "schedules/parameters/" + string(of[2]) + ".yaml", text, nil
	default:
		return "schedules/" + string(of[2]) + ".yaml", text, nil
	}
}

type feesDraftsCmd struct {
	ID    int64  `arg:"" optional:"" help:"Only this draft, with every change."`
	State string `enum:",drafted,proposed,published,rejected" default:"" help:"Only drafts in this state: drafted, proposed, published or rejected."`
	JSON  bool   `name:"json" help:"One JSON document."`
}

// Run lists drafts, or shows one.
func (c feesDraftsCmd) Run(ctx context.Context, e *environment) error {
	if c.ID != 0 {
		return e.decided(ctx, c.JSON, func(s *publication.Store) (publication.Draft, error) { return s.Get(ctx, operator(), c.ID) })
	}
	return withGateway(ctx, e.log, func(g *gateway) error {
		drafts, err := g.published.List(ctx, operator(), publication.State(c.State))
		if err != nil {
			return err
		}
		return e.print(c.JSON, drafts, func(w io.Writer) {
			fmt.Fprintln(w, "draft\tstate\tby\tat\tchanges\tdocuments")
			for _, d := range drafts {
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", d.ID, d.State, d.DraftedBy, moment(d.DraftedAt), counts(d), names(d))
			}
		})
	})
}

type feesProposeCmd struct {
	ID   int64 `arg:"" help:"The draft's number."`
	JSON bool  `name:"json" help:"One JSON document."`
}

// Run asks a second person to publish a draft.
func (c feesProposeCmd) Run(ctx context.Context, e *environment) error {
	return e.decided(ctx, c.JSON, func(s *publication.Store) (publication.Draft, error) { return s.Propose(ctx, operator(), c.ID) })
}

type feesApproveCmd struct {
	ID   int64 `arg:"" help:"The draft's number."`
	JSON bool  `name:"json" help:"One JSON document."`
}

// Run publishes a draft that somebody else made and proposed: it is the law that is quoted by from now on.
func (c feesApproveCmd) Run(ctx context.Context, e *environment) error {
	return e.decided(ctx, c.JSON, func(s *publication.Store) (publication.Draft, error) { return s.Approve(ctx, operator(), c.ID) })
}

type feesRejectCmd struct {
	ID     int64  `arg:"" help:"The draft's number."`
	Reason string `required:"" help:"Why, in one line, without names of persons: it is kept for good."`
	JSON   bool   `name:"json" help:"One JSON document."`
}

// Run turns a draft down.
func (c feesRejectCmd) Run(ctx context.Context, e *environment) error {
	return e.decided(ctx, c.JSON, func(s *publication.Store) (publication.Draft, error) {
		return s.Reject(ctx, operator(), c.ID, c.Reason)
	})
}

// tellDraft prints a draft with its changes and says what comes next.
func tellDraft(w io.Writer, d publication.Draft) {
	fmt.Fprintf(w, "draft %d of %s, made by %s from revision %d: %s\n\n", d.ID, names(d), d.DraftedBy, d.Base, d.State)
	fmt.Fprintln(w, "change\tof\tversion\tfrom\tto\tact, or row of the table\tmark")
	past := 0
	for _, c := range d.Changes {
		if c.Past {
			past++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Kind, ofChange(c), c.Name.En, c.From, c.To, c.Act.En+rowOfChange(c), marks(c.Unknown, c.Provisional, c.Past))
	}
	fmt.Fprintf(w, "\n%d changes, %d of them of days that are past, or of today\n", len(d.Changes), past)
	fmt.Fprintf(w, "quotes can change of: %s\n", cmp.Or(strings.Join(d.Services, ", "), "no service"))
	for _, diff := range d.Diffs {
		fmt.Fprintf(w, "\n%s\n%s", diff.Document, diff.Lines)
	}
	fmt.Fprintln(w)
	switch d.State {
	case publication.Drafted:
		fmt.Fprintf(w, "next: see what it does by exchequer fees rehearse --draft %d --from DATE --to DATE, then exchequer fees propose %d\n", d.ID, d.ID)
	case publication.Proposed:
		fmt.Fprintf(w, "next, by another person: exchequer fees approve %d, or reject %d --reason R\n", d.ID, d.ID)
	case publication.Published:
		fmt.Fprintf(w, "published by %s as revision %d, known since %s\n", d.DecidedBy, d.Revision, moment(*d.DecidedAt))
	case publication.Rejected:
		fmt.Fprintf(w, "rejected by %s: %s\n", d.DecidedBy, d.Reason)
	}
}

// ofChange names what a change is about.
func ofChange(c publication.Change) string {
	switch {
	case c.Kind == publication.Reworded:
		return c.Document
	case c.Component != "":
		return c.Of + ", " + c.Component
	}
	return c.Of
}

// rowOfChange tells a row of a table, or what holds on all days, and how it differs.
func rowOfChange(c publication.Change) string {
	if c.Was == "" && c.Is == "" {
		return c.Row
	}
	return fmt.Sprintf("%s: %s → %s", c.Row, cmp.Or(c.Was, "nothing"), cmp.Or(c.Is, "nothing"))
}

// marks are what a person must not overlook about a version.
func marks(unknown, provisional, past bool) string {
	var out []string
	for _, m := range []struct {
		holds bool
		word  string
	}{{unknown, "unknown"}, {provisional, "provisional"}, {past, "past or today"}} {
		if m.holds {
			out = append(out, m.word)
		}
	}
	return strings.Join(out, ", ")
}

// counts says how much a draft changes: 2 added, 1 ended.
func counts(d publication.Draft) string {
	var out []string
	for _, kind := range slices.Sorted(maps.Keys(d.Counts)) {
		out = append(out, fmt.Sprintf("%d %s", d.Counts[kind], kind))
	}
	return strings.Join(out, ", ")
}

func names(d publication.Draft) string {
	out := make([]string, len(d.Documents))
	for i, doc := range d.Documents {
		out[i] = doc.Name
	}
	return strings.Join(out, ", ")
}

// moment writes an instant for people in Vietnam.
func moment(t time.Time) string { return t.In(calendar.Zone).Format("2006-01-02 15:04:05") }
