// Package migrations owns the schema of the ledger: the SQL files that create and change it, in goose format.
//
// It guarantees that the ledger's tables can be brought up on their own, in schema `ledger`, with the rights the
// program's role needs and no more. It is not a migration runner.
package migrations

import "embed"

// FS holds the migrations, one file each, applied in the order of their names.
//
//go:embed *.sql
var FS embed.FS
