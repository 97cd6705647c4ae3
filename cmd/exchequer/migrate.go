package main

import (
	"context"
	"fmt"

	"exchequer/internal/pg"
)

type migrateCmd struct{}

// Run brings the schema up, on the servers that are configured, running or private.
func (migrateCmd) Run(ctx context.Context, e *environment) error {
	s := readSettings()
	v := &servers{database: orElse(s.migrateURL, s.databaseURL)}
	if v.database == "" {
		var err error
		if v, err = openServers(ctx, s, e.log); err != nil {
			return err
		}
		defer v.stop(e.log)
	}
	if err := pg.Migrate(ctx, v.database); err != nil {
		return err
	}
	fmt.Fprintln(e.stdout, "the schema is up to date")
	return nil
}
