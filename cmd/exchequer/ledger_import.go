package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"exchequer/internal/problem"
	"exchequer/ledger"
)

type ledgerImportCmd struct {
	File string `arg:"" default:"-" help:"CSV that export wrote, without a period; - is the standard input."`
	JSON bool   `name:"json" help:"One JSON document."`
}

// Run reads books, each whole or not at all, and prints those that stand, also where a later one is refused.
func (c ledgerImportCmd) Run(ctx context.Context, e *environment) error {
	in := os.Stdin
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return problem.AtField(problem.Invalid, "FILE", "%v", err)
		}
		defer f.Close()
		in = f
	}
	return withGateway(ctx, e.log, func(g *gateway) error {
		done, err := g.ledger.Import(ctx, in)
		if err != nil && len(done) == 0 {
			return refusedFile(err)
		}
		return errors.Join(refusedFile(err), e.print(c.JSON, done, func(w io.Writer) {
			for _, b := range done {
				fmt.Fprintf(w, "%s\t%d transactions\t%s\n", b.Book, b.Transactions, b.Digest)
			}
		}))
	})
}

// refusedFile says that it is the file that is refused.
func refusedFile(err error) error {
	if refused, ok := errors.AsType[*ledger.ImportError](err); ok {
		return problem.AtField(problem.Invalid, "FILE", "%v", refused)
	}
	if refused, ok := errors.AsType[*ledger.BookError](err); ok {
		return problem.AtField(problem.Conflict, "FILE", "%v", refused)
	}
	return err
}
