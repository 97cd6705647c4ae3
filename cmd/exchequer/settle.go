package main

import (
	"context"
	"fmt"
	"io"

	"exchequer/internal/money"
	"exchequer/internal/settlement"
)

type settleCmd struct {
	Run     settleRunCmd     `cmd:"" help:"Makes fees good and proposes the payouts of a day; a second person approves them."`
	Approve settleApproveCmd `cmd:"" help:"Approves a payout that somebody else asked for."`
	Reject  settleRejectCmd  `cmd:"" help:"Refuses a payout; its payments wait for another one."`
	Close   settleCloseCmd   `cmd:"" help:"Proves and closes a business day in every book."`
}

type settleRunCmd struct {
	Day  string `required:"" help:"Business day, YYYY-MM-DD."`
	JSON bool   `name:"json" help:"One JSON document."`
}

// Run settles a day. It may be repeated.
func (c settleRunCmd) Run(ctx context.Context, e *environment) error {
	day, err := parseDay("--day", c.Day)
	if err != nil {
		return err
	}
	return withGateway(ctx, e.log, func(g *gateway) error {
		r, err := g.settlement.Run(ctx, operator(), day)
		if err != nil {
			return err
		}
		return e.print(c.JSON, r, func(w io.Writer) {
			fmt.Fprintf(w, "settlement of %s: %d payouts\n", r.Day, len(r.Payouts))
			for _, p := range r.Payouts {
				tellPayout(w, p)
			}
		})
	})
}

type settleApproveCmd struct {
	Ref  string `arg:"" help:"The payout's reference."`
	JSON bool   `name:"json" help:"One JSON document."`
}

// Run approves a payout: it is booked and sent to the bank by the workers.
func (c settleApproveCmd) Run(ctx context.Context, e *environment) error {
	return withGateway(ctx, e.log, func(g *gateway) error {
		p, err := g.settlement.Approve(ctx, operator(), c.Ref)
		if err != nil {
			return err
		}
		return e.print(c.JSON, p, func(w io.Writer) { tellPayout(w, p) })
	})
}

type settleRejectCmd struct {
	Ref    string `arg:"" help:"The payout's reference."`
	Reason string `required:"" help:"Why, for the person who asked."`
	JSON   bool   `name:"json" help:"One JSON document."`
}

// Run rejects a payout.
func (c settleRejectCmd) Run(ctx context.Context, e *environment) error {
	return withGateway(ctx, e.log, func(g *gateway) error {
		p, err := g.settlement.Reject(ctx, operator(), c.Ref, c.Reason)
		if err != nil {
			return err
		}
		return e.print(c.JSON, p, func(w io.Writer) { tellPayout(w, p) })
	})
}

func tellPayout(w io.Writer, p settlement.Payout) {
	fmt.Fprintf(w, "%s\t%s\t%s %s\t%20s\t%s\n", p.Ref, p.Body, p.To, p.At, money.Format(p.Amount, "en"), p.State)
}

type settleCloseCmd struct {
	Day  string `required:"" help:"Business day, YYYY-MM-DD."`
	JSON bool   `name:"json" help:"One JSON document."`
}

// Run closes a day; a day that does not agree stays open and ends with status 1.
func (c settleCloseCmd) Run(ctx context.Context, e *environment) error {
	day, err := parseDay("--day", c.Day)
	if err != nil {
		return err
	}
	return withGateway(ctx, e.log, func(g *gateway) error {
		r, err := g.settlement.Close(ctx, operator(), day)
		if err != nil {
			return err
		}
		err = e.print(c.JSON, r, func(w io.Writer) {
			if r.Closed {
				tellClose(w, r)
			}
			for _, f := range r.Findings {
				fmt.Fprintf(w, "%s\t%s\t%s\tledger %s\titems %s\t%s\n", f.Code, f.Book, f.Subject, plain(f.Ledger), plain(f.Items), f.Detail)
			}
		})
		if err == nil && !r.Closed {
			return errFindings
		}
		return err
	})
}
