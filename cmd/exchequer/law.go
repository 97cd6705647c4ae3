package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
)

type feesLawCmd struct {
	Of      string `arg:"" name:"service|parameter" help:"Service or parameter, e.g. driving_licence or base_salary."`
	On      string `help:"Only the versions that are the law on this day, YYYY-MM-DD."`
	Known   string `help:"As known at this instant (RFC 3339), or at the end of this day (YYYY-MM-DD, Vietnam); now where it is left out."`
	History bool   `help:"Also what is no longer known: versions that were corrected, and until when they were believed."`
	Lang    string `enum:"en,vi" default:"en" help:"Language of the words: en or vi."`
	JSON    bool   `name:"json" help:"One JSON document."`
}

// Run prints the versions of a service, by component, or of a parameter, as they are published.
func (c feesLawCmd) Run(ctx context.Context, e *environment) error {
	q := publication.VersionsQuery{Of: c.Of, History: c.History}
	if c.History && c.Known != "" {
		return problem.Both(problem.Invalid, "--known", "không dùng cùng --history, vốn có mọi thời gian mà điều gì đó được biết",
			"leave it out with --history, which has every time in which something was known")
	}
	var err error
	if c.On != "" {
		if q.On, err = parseDay("--on", c.On); err != nil {
			return err
		}
	}
	return withGateway(ctx, e.log, func(g *gateway) error {
		if q.Known, err = g.known(c.Known); err != nil {
			return err
		}
		versions, err := g.published.Versions(ctx, q)
		if err != nil {
			return err
		}
		if len(versions) == 0 {
			return &problem.Error{Code: problem.NotFound, Detail: fmt.Sprintf("nothing is published of %q for such a day and time", c.Of),
				DetailVi: fmt.Sprintf("không có gì được công bố về %q cho ngày và thời điểm như vậy", c.Of)}
		}
		return e.print(c.JSON, versions, func(w io.Writer) { c.tell(w, versions) })
	})
}

func (c feesLawCmd) tell(w io.Writer, versions []publication.Version) {
	fmt.Fprint(w, "component\tversion\tfrom\tto\tact\tmark\tknown since")
	if c.History {
		fmt.Fprint(w, "\tuntil")
	}
	fmt.Fprintln(w)
	for _, v := range versions {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s", v.Component, v.Name.In(c.Lang), v.From, v.To, v.Act.In(c.Lang), marks(v.Unknown, v.Provisional, false), moment(v.KnownFrom))
		if v.KnownUntil != nil {
			fmt.Fprintf(w, "\t%s", moment(*v.KnownUntil))
		}
		fmt.Fprintln(w)
	}
}

// known reads --known; zero where it is left out. What will be known on a later day is not known yet.
func (g *gateway) known(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	at, err := calendar.ParseInstant(s)
	if err != nil {
		return at, instantRefused("--known", err)
	}
	if calendar.DayOf(at).After(calendar.DayOf(g.clock.Now())) {
		return at, problem.Both(problem.Invalid, "--known", s+" ở thời điểm chưa tới: những gì được biết khi đó thì nay chưa biết",
			s+" lies ahead: what will be known then is not known yet")
	}
	return at, nil
}

// lawKnown gives the law as --known asks for it: the current one where it is left out.
func (g *gateway) lawKnown(ctx context.Context, s string) (*publication.Law, error) {
	at, err := g.known(s)
	switch {
	case err != nil:
		return nil, err
	case at.IsZero():
		return g.published.Current(ctx)
	}
	return g.published.KnownAt(ctx, at)
}

type feesExportCmd struct {
	To    string `required:"" type:"path" help:"Folder to write to. A file that stands there already is not replaced."`
	Known string `xor:"known" help:"As known at this instant (RFC 3339), or at the end of this day (YYYY-MM-DD, Vietnam); now where it is left out."`
	Draft int64  `xor:"known" help:"The documents of this draft instead."`
	JSON  bool   `name:"json" help:"One JSON document: the paths."`
}

// Run writes the documents as they are published, or those of a draft, to be changed and drafted, or compared.
func (c feesExportCmd) Run(ctx context.Context, e *environment) error {
	return withGateway(ctx, e.log, func(g *gateway) error {
		docs, err := c.documents(ctx, g)
		if err != nil {
			return err
		}
		return e.write(c.JSON, c.To, docs)
	})
}

func (c feesExportCmd) documents(ctx context.Context, g *gateway) (publication.Documents, error) {
	if c.Draft != 0 {
		return g.published.Texts(ctx, operator(), c.Draft)
	}
	at, err := g.known(c.Known)
	if err != nil {
		return nil, err
	}
	docs, err := g.published.Published(ctx, at)
	if err == nil && len(docs) == 0 {
		err = problem.Both(problem.NotFound, "--known", "khi đó chưa có gì được công bố", "nothing was published by then")
	}
	return docs, err
}

// write puts texts into new files below a folder and prints their paths. Where one of them stands there already, none is
// written.
func (e *environment) write(asJSON bool, folder string, texts map[string][]byte) error {
	var paths []string
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if _, err := os.Lstat(path); err == nil {
			return problem.AtField(problem.Invalid, "--to", "%s is there already: choose another folder", path)
		}
		paths = append(paths, path)
	}
	for i, name := range slices.Sorted(maps.Keys(texts)) {
		if err := writeNew(paths[i], texts[name]); err != nil {
			return err
		}
	}
	return e.print(asJSON, paths, func(w io.Writer) {
		for _, path := range paths {
			fmt.Fprintln(w, path)
		}
	})
}

func writeNew(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
