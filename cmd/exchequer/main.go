// Command exchequer is the payment and fee settlement gateway: one binary with the servers, the workers and the
// treasury's commands.
//
// It owns what is composed with what, how commands read their input and how they print. It guarantees one JSON
// document on stdout with --json, and the exit status: 0 done, 1 a finding, 2 it could not be done (bad usage or
// input, or a server that is not there). It decides nothing about money.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is every command; see docs/operations.md.
type cli struct {
	Run       runCmd       `cmd:"" help:"All in one: embedded servers, simulators, API, pages, workers; plays the main job and prints the closing proof."`
	Serve     serveCmd     `cmd:"" help:"The API and the pages."`
	Work      workCmd      `cmd:"" help:"The workers; any number."`
	Migrate   migrateCmd   `cmd:"" help:"Brings the schema up to date, and the law that comes with the program."`
	Fees      feesCmd      `cmd:"" help:"What a service costs, and why; how a tariff is changed."`
	Catalog   catalogCmd   `cmd:"" help:"Who collects, into which account: the catalogue's tables."`
	Ledger    ledgerCmd    `cmd:"" help:"The books: verify, balances, export."`
	Statement statementCmd `cmd:"" help:"Bank statements."`
	Reconcile reconcileCmd `cmd:"" help:"Their books against ours."`
	Settle    settleCmd    `cmd:"" help:"Fees made good, payouts, day close."`
	Keys      keysCmd      `cmd:"" help:"The keys that sign quotes and day closes."`
	Bench     benchCmd     `cmd:"" help:"How fast this machine does it."`
}

// errFindings ends a command with status 1: it was done, and something was found.
var errFindings = errors.New("there are findings")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends the program at once
	status := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// execute runs one command and gives the exit status.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	e := &environment{stdout: stdout, stderr: stderr, log: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: logLevel()}))}
	left := false
	parser, err := kong.New(&c, kong.Name("exchequer"), kong.Description("Payment and fee settlement gateway."),
		kong.Writers(stdout, stderr), kong.Exit(func(int) { left = true }), kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(e))
	if err != nil {
		fmt.Fprintln(stderr, "exchequer:", err)
		return 2
	}
	command, err := parser.Parse(args)
	if left { // help was asked for and printed
		return 0
	}
	if err == nil {
		err = command.Run()
	}
	switch {
	case err == nil:
		return 0
	case onlyFindings(err):
		return 1
	}
	err = e.refuse(command, err)
	lang, _ := flag(command, "lang").(string)
	for _, line := range sentences(err, orElse(lang, "en")) {
		fmt.Fprintln(stderr, "exchequer:", line)
	}
	return 2
}

// onlyFindings reports that nothing else went wrong besides: then the finding is the status. What a command says comes
// joined with what the command line's hooks say, also where these say nothing.
func onlyFindings(err error) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		parts := joined.Unwrap()
		return len(parts) == 1 && onlyFindings(parts[0])
	}
	return errors.Is(err, errFindings)
}
