package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"exchequer/internal/problem"
	"exchequer/ledger"
)

type ledgerExportCmd struct {
	Format string `required:"" help:"hledger, ledger, beancount or csv."`
	Book   string `help:"Only this book."`
	From   string `help:"First effective day, YYYY-MM-DD; from the beginning where it is left out."`
	To     string `help:"Last effective day, YYYY-MM-DD; to the end where it is left out."`
}

// Run streams the books to stdout.
func (c ledgerExportCmd) Run(ctx context.Context, e *environment) error {
	o := ledger.ExportOptions{Format: ledger.Format(c.Format), Book: c.Book}
	if err := period(c.From, c.To, &o.From, &o.To); err != nil {
		return err
	}
	if !o.To.IsZero() && o.To.Before(o.From) {
		return problem.Both(problem.Invalid, "--to", "phải là --from hoặc sau đó", "it must be --from or later")
	}
	return withGateway(ctx, e.log, func(g *gateway) error {
		return refusedBook(g.ledger.Export(ctx, e.stdout, o))
	})
}

// refusedBook says of what the ledger refused which option it was.
func refusedBook(err error) error {
	if refused, ok := errors.AsType[*ledger.BookError](err); ok {
		return problem.AtField(problem.Invalid, "--book", "%v", refused)
	}
	if refused, ok := errors.AsType[*ledger.FormatError](err); ok {
		return problem.AtField(problem.Invalid, "--format", "%v", refused)
	}
	return err
}

type ledgerDigestCmd struct {
	Book string `help:"Only this book."`
	JSON bool   `name:"json" help:"One JSON document."`
}

type bookDigest struct {
	Book   string `json:"book"`
	Digest string `json:"digest"`
}

// Run prints the digest of each book, in order.
func (c ledgerDigestCmd) Run(ctx context.Context, e *environment) error {
	return withGateway(ctx, e.log, func(g *gateway) error {
		books := []string{c.Book}
		if c.Book == "" {
			var err error
			if books, err = g.ledger.Books(ctx); err != nil {
				return err
			}
		}
		digests := make([]bookDigest, len(books))
		for i, book := range books {
			d, err := g.ledger.Digest(ctx, book)
			if err != nil {
				return refusedBook(err)
			}
			digests[i] = bookDigest{book, d}
		}
		return e.print(c.JSON, digests, func(w io.Writer) {
			for _, d := range digests {
				fmt.Fprintf(w, "%s\t%s\n", d.Book, d.Digest)
			}
		})
	})
}

// period reads the days of --from and --to; an empty one stays as it is.
func period(from, to string, first, last *time.Time) error {
	for _, f := range []struct {
		flag, text string
		day        *time.Time
	}{{"--from", from, first}, {"--to", to, last}} {
		if f.text == "" {
			continue
		}
		d, err := parseDay(f.flag, f.text)
		if err != nil {
			return err
		}
		*f.day = d.UTC()
	}
	return nil
}
