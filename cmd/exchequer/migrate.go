package main

import (
	"context"
	"fmt"
	"io"

	"exchequer/internal/publication"
)

type migrateCmd struct {
	JSON bool `name:"json" help:"One JSON document."`
}

type migrated struct {
	UpToDate bool                `json:"up_to_date"`
	Law      publication.Brought `json:"law"`
}

// Run brings the schema up, and the law that comes with the program, on the servers that are configured, running or private.
// It fails where this program cannot read the law that is published there.
func (c migrateCmd) Run(ctx context.Context, e *environment) error {
	s := readSettings()
	s.databaseURL = orElse(s.migrateURL, s.databaseURL)
	v, err := openServers(ctx, s, needs{migrate: true}, e.log)
	if err != nil {
		return err
	}
	defer v.stop(e.log)
	pool, err := v.open(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	clock, err := programClock(ctx, pool)
	if err != nil {
		return err
	}
	law, err := v.beginLaw(ctx, pool, clock, e.log)
	if err != nil {
		return err
	}
	err = e.print(c.JSON, migrated{UpToDate: true, Law: law}, func(w io.Writer) {
		fmt.Fprintln(w, "the schema is up to date")
		tellLaw(w, law)
	})
	if err != nil {
		return err
	}
	// A program that cannot read the law refuses every quote: whoever rolls it out has to hear of it now.
	_, err = publication.New(pool, clock).Current(ctx)
	return err
}

func tellLaw(w io.Writer, law publication.Brought) {
	switch {
	case law.Revision != 0:
		fmt.Fprintf(w, "the law that comes with this program is published, revision %d\n", law.Revision)
	case law.Draft != 0:
		fmt.Fprintf(w, "this program brings newer documents of the law: draft %d waits for a second person: exchequer fees drafts %d\n", law.Draft, law.Draft)
	case law.Fault != "":
		fmt.Fprintf(w, "this program brings newer documents of the law, which do not fit what is published here: %s\n", law.Fault)
	}
}
