package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"exchequer/internal/booking"
	"exchequer/internal/calendar"
	"exchequer/internal/money"
	"exchequer/internal/problem"
	"exchequer/ledger"
)

type ledgerCmd struct {
	Verify     ledgerVerifyCmd     `cmd:"" help:"Recomputes balances and trees from what was posted and proves the books."`
	Balances   ledgerBalancesCmd   `cmd:"" help:"What stands on the accounts."`
	Statement  ledgerStatementCmd  `cmd:"" help:"What moved an account, between its opening and its closing balance."`
	Export     ledgerExportCmd     `cmd:"" help:"Writes the books for another program, or as CSV to be read back."`
	Import     ledgerImportCmd     `cmd:"" help:"Reads the CSV of books that are not there yet."`
	Digest     ledgerDigestCmd     `cmd:"" help:"What a book holds as one number, which a copy shares."`
	Seal       ledgerSealCmd       `cmd:"" help:"Gives every transaction its leaf in its book's tree; a running program does so by itself."`
	Checkpoint ledgerCheckpointCmd `cmd:"" help:"Publishes the signed roots of all books."`
	Prove      ledgerProveCmd      `cmd:"" help:"Proves that a transaction is in a published tree."`
	CheckProof ledgerCheckProofCmd `cmd:"" name:"check-proof" help:"Checks such a proof with the public key alone."`
}

type ledgerVerifyCmd struct {
	Checkpoints string `help:"Folder of published checkpoints: the trees must have them in their past."`
	Key         string `help:"File with the checkpoints' public key; by default the one in their folder."`
	JSON        bool   `name:"json" help:"One JSON document."`
}

// Run verifies; a finding ends with status 1.
func (c ledgerVerifyCmd) Run(ctx context.Context, e *environment) error {
	return withGateway(ctx, e.log, func(g *gateway) error {
		report, err := c.verify(ctx, g)
		if err != nil {
			return err
		}
		err = e.print(c.JSON, report, func(w io.Writer) {
			for _, f := range report.Findings {
				fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", f.Kind, f.Book, f.Account, f.Transaction, f.Reference, f.Detail)
			}
			fmt.Fprintf(w, "%d books, %d transactions, %d findings\n", report.Books, report.Transactions, len(report.Findings))
		})
		if err == nil && !report.OK {
			return errFindings
		}
		return err
	})
}

func (c ledgerVerifyCmd) verify(ctx context.Context, g *gateway) (ledger.Report, error) {
	o := ledger.VerifyOptions{Mirror: booking.Mirror}
	var unsigned []ledger.Finding
	if c.Checkpoints != "" {
		key, err := readPublicKey(c.Key, c.Checkpoints)
		if err != nil {
			return ledger.Report{}, err
		}
		if o.Checkpoints, unsigned, err = readCheckpoints(c.Checkpoints, key, nil); err != nil {
			return ledger.Report{}, err
		}
	}
	report, err := g.ledger.Verify(ctx, o)
	report.Findings = append(report.Findings, unsigned...)
	report.OK = report.OK && len(unsigned) == 0
	return report, err
}

type ledgerBalancesCmd struct {
	At   string `help:"As known at this instant (RFC 3339), or at the end of this day (YYYY-MM-DD, Vietnam)."`
	Book string `help:"Only this book."`
	JSON bool   `name:"json" help:"One JSON document."`
}

type balanceRow struct {
	Book           string `json:"book"`
	Account        string `json:"account"`
	Currency       string `json:"currency"`
	Net            int64  `json:"net"`
	DebitsPosted   int64  `json:"debits_posted"`
	CreditsPosted  int64  `json:"credits_posted"`
	DebitsPending  int64  `json:"debits_pending"`
	CreditsPending int64  `json:"credits_pending"`
}

// Run prints balances in book and account order.
func (c ledgerBalancesCmd) Run(ctx context.Context, e *environment) error {
	at, err := instant(c.At)
	if err != nil {
		return err
	}
	return withGateway(ctx, e.log, func(g *gateway) error {
		list, err := g.ledger.Balances(ctx, ledger.Query{Book: c.Book, At: at})
		if err != nil {
			return err
		}
		if len(list) == 0 && c.Book != "" {
			return refusedBook(&ledger.BookError{Book: c.Book, Reason: "is not open: name one that has accounts"})
		}
		rows := make([]balanceRow, len(list))
		for i, b := range list {
			rows[i] = balanceRow{b.Book, b.Account, b.Currency, b.Net(), b.DebitsPosted, b.CreditsPosted, b.DebitsPending, b.CreditsPending}
		}
		return e.print(c.JSON, rows, func(w io.Writer) {
			for _, r := range rows {
				fmt.Fprintf(w, "%s\t%s\t%20s\n", r.Book, r.Account, amountIn(r.Currency, r.Net))
			}
		})
	})
}

// amountIn writes an amount of minor units for people.
func amountIn(currency string, amount int64) string {
	if currency == "VND" {
		return money.Format(amount, "en")
	}
	return ledger.FormatAmount(amount, currency) + " " + currency
}

// instant reads an instant, or the end of a Vietnamese day; "" is none.
func instant(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := calendar.ParseInstant(s)
	if err != nil {
		return t, instantRefused("--at", err)
	}
	return t, nil
}

func instantRefused(flag string, err error) error {
	return problem.Both(problem.Invalid, flag, "cần một thời điểm như 2025-06-02T09:00:00+07:00 hoặc một ngày như 2025-06-02", err.Error())
}
