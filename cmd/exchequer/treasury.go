package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"exchequer/internal/authn"
	"exchequer/internal/calendar"
	"exchequer/internal/problem"
	"exchequer/reconciliation"
)

// operator is who runs a command on the machine itself: whoever may start it may read the database anyway.
func operator() authn.Actor {
	return authn.Actor{ID: fmt.Sprintf("operator:%d", os.Getuid()), Role: authn.Treasury, Books: []string{"*"}}
}

func parseDay(flag, s string) (calendar.Date, error) {
	d, err := calendar.ParseDate(s)
	if err != nil {
		return d, problem.AtField(problem.Invalid, flag, "%v", err)
	}
	return d, nil
}

type statementCmd struct {
	Import statementImportCmd `cmd:"" help:"Reads bank statements (camt.053) and matches their lines."`
}

type statementImportCmd struct {
	Files   []string `arg:"" name:"file" type:"existingfile" help:"Statement files."`
	Account string   `help:"Collection account; the catalogue's where it is not named."`
	DryRun  bool     `help:"Say what would be done and write nothing."`
	JSON    bool     `name:"json" help:"One JSON document."`
}

// Run imports each file; breaks and findings end with status 1.
func (c statementImportCmd) Run(ctx context.Context, e *environment) error {
	return withGateway(ctx, e.log, func(g *gateway) error {
		account := orElse(c.Account, g.catalog.CollectionAccount().Account)
		var reports []reconciliation.Report
		for _, path := range c.Files {
			file, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			r, err := g.desk.ImportStatement(ctx, operator(), account, file, c.DryRun)
			if err != nil {
				return fmt.Errorf("%s: %w", path, err)
			}
			reports = append(reports, r)
		}
		return e.reports(c.JSON, reports)
	})
}

type reconcileCmd struct {
	Run reconcileRunCmd `cmd:"" help:"Fetches partners' settlement files of a day and compares them with what is expected."`
}

type reconcileRunCmd struct {
	Day     string `required:"" help:"Settlement day, YYYY-MM-DD."`
	Partner string `help:"Only this partner."`
	JSON    bool   `name:"json" help:"One JSON document."`
}

// Run reconciles; breaks and findings end with status 1.
func (c reconcileRunCmd) Run(ctx context.Context, e *environment) error {
	day, err := parseDay("--day", c.Day)
	if err != nil {
		return err
	}
	return withGateway(ctx, e.log, func(g *gateway) error {
		partners := []string{c.Partner}
		if c.Partner == "" {
			partners = nil
			for name := range g.desk.Sources {
				partners = append(partners, name)
			}
			slices.Sort(partners)
		}
		if len(partners) == 0 {
			return problem.New(problem.Invalid, "no partner is configured: name the file with partners in EXCHEQUER_PARTNERS")
		}
		var reports []reconciliation.Report
		for _, p := range partners {
			r, err := g.desk.Run(ctx, operator(), day.UTC(), p)
			if err != nil {
				return err
			}
			reports = append(reports, r)
		}
		return e.reports(c.JSON, reports)
	})
}

func (e *environment) reports(asJSON bool, reports []reconciliation.Report) error {
	clean := true
	for _, r := range reports {
		clean = clean && r.Clean()
	}
	err := e.print(asJSON, reports, func(w io.Writer) {
		for _, r := range reports {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d lines\t%d matched\n", r.Kind, r.Partner, r.Day, r.State, r.Lines, r.Matched)
			for kind, n := range r.Breaks {
				fmt.Fprintf(w, "\tbreak\t%s\t%d\n", kind, n)
			}
			for _, f := range r.Findings {
				fmt.Fprintf(w, "\tfinding\t%s\n", f)
			}
		}
	})
	if err == nil && !clean {
		return errFindings
	}
	return err
}
