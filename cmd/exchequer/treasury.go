package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
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
		return d, problem.Both(problem.Invalid, flag, "cần một ngày theo dạng YYYY-MM-DD", err.Error())
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
		return e.reports(c.JSON, c.Files, func(path string) (reconciliation.Report, error) {
			file, err := os.ReadFile(path)
			if err != nil {
				return reconciliation.Report{}, err
			}
			r, err := g.desk.ImportStatement(ctx, operator(), account, file, c.DryRun)
			if err != nil {
				err = fmt.Errorf("%s: %w", path, err)
			}
			return r, err
		})
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
			partners = slices.Sorted(maps.Keys(g.desk.Sources))
		}
		if len(partners) == 0 {
			return problem.New(problem.Invalid, "no partner is configured: name the file with partners in EXCHEQUER_PARTNERS")
		}
		return e.reports(c.JSON, partners, func(partner string) (reconciliation.Report, error) {
			return g.desk.Run(ctx, operator(), day.UTC(), partner)
		})
	})
}

// reports makes a report of each subject and prints them all. Where one cannot be made, those before it are printed
// all the same: what they tell of is done.
func (e *environment) reports(asJSON bool, subjects []string, of func(string) (reconciliation.Report, error)) error {
	reports := []reconciliation.Report{}
	clean := true
	var failed error
	for _, s := range subjects {
		var r reconciliation.Report
		if r, failed = of(s); failed != nil {
			break
		}
		reports = append(reports, r)
		clean = clean && r.Clean()
	}
	if failed != nil && len(reports) == 0 {
		return failed
	}
	err := e.print(asJSON, reports, func(w io.Writer) {
		for _, r := range reports {
			tellReport(w, r)
		}
	})
	if err == nil && failed == nil && !clean {
		return errFindings
	}
	return errors.Join(failed, err)
}

func tellReport(w io.Writer, r reconciliation.Report) {
	fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d lines\t%d matched\n", r.Kind, r.Partner, r.Day, r.State, r.Lines, r.Matched)
	for _, kind := range slices.Sorted(maps.Keys(r.Breaks)) {
		fmt.Fprintf(w, "\tbreak\t%s\t%d\n", kind, r.Breaks[kind])
	}
	for _, f := range r.Findings {
		fmt.Fprintf(w, "\tfinding\t%s\n", f)
	}
}
