// Package migrations owns the SQL that brings Exchequer's own schema up, one file a step, in order of their number.
//
// It guarantees that a step, once published, is never edited: a change is a new file, and old code keeps running beside
// it. It does not hold the ledger's schema, which has migrations of its own (ledger/migrations), and it runs nothing:
// internal/pg applies both sets.
package migrations

import "embed"

// FS holds the goose files 0001_verb_noun.sql and up.
//
//go:embed *.sql
var FS embed.FS
