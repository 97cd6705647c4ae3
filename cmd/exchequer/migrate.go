package main

import (
	"context"
	"fmt"
	"io"
)

type migrateCmd struct {
	JSON bool `name:"json" help:"One JSON document."`
}

type migrated struct {
	UpToDate bool `json:"up_to_date"`
}

// Run brings the schema up, on the servers that are configured, running or private.
func (c migrateCmd) Run(ctx context.Context, e *environment) error {
	s := readSettings()
	s.databaseURL = orElse(s.migrateURL, s.databaseURL)
	v, err := openServers(ctx, s, needs{migrate: true}, e.log)
	if err != nil {
		return err
	}
	defer v.stop(e.log)
	return e.print(c.JSON, migrated{UpToDate: true}, func(w io.Writer) { fmt.Fprintln(w, "the schema is up to date") })
}
