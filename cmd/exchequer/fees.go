package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"exchequer/internal/fee"
	"exchequer/internal/money"
	"exchequer/internal/problem"
	"exchequer/schedules"
)

type feesCmd struct {
	Quote    feesQuoteCmd    `cmd:"" help:"Works out what a service costs, by the schedules that come with the program and without a database; with --known by those published here."`
	Verify   feesVerifyCmd   `cmd:"" help:"Checks a signed quote with the published keys alone: signature, expiry, sums."`
	Check    feesCheckCmd    `cmd:"" help:"Checks all schedules that come with the program and runs their examples; with --cases also a file of worked cases."`
	Law      feesLawCmd      `cmd:"" help:"The published versions of a service or parameter: from when, by which act, since when known."`
	Export   feesExportCmd   `cmd:"" help:"Writes the published documents, or those of a draft, into a folder."`
	Draft    feesDraftCmd    `cmd:"" help:"Checks changed documents, runs all examples, prints what they change and keeps them as a draft."`
	Rehearse feesRehearseCmd `cmd:"" help:"Works stored bills out again under a draft: who pays more, who less, which cases have no rule."`
	Drafts   feesDraftsCmd   `cmd:"" help:"The drafts, or one with all its changes."`
	Propose  feesProposeCmd  `cmd:"" help:"Asks a second person to publish a draft."`
	Approve  feesApproveCmd  `cmd:"" help:"Publishes a draft that somebody else made and proposed."`
	Reject   feesRejectCmd   `cmd:"" help:"Turns a draft down."`
}

type feesQuoteCmd struct {
	Service string `required:"" help:"Service, e.g. driving_licence."`
	On      string `required:"" help:"Date the quote is for, YYYY-MM-DD."`
	Inputs  string `default:"{}" help:"The service's inputs as a JSON object."`
	Known   string `help:"From what is published here, as known at this instant (RFC 3339) or at the end of this day (YYYY-MM-DD, Vietnam; today: what is known now)."`
	Sign    bool   `help:"Sign the quote by the law as it is published, with payee and budget lines; prints the compact JWS. Needs the database and the keys of the state folder."`
	Body    string `help:"The body that collects; with --sign, where several do."`
	Explain bool   `help:"Print the steps that led to each amount."`
	Lang    string `enum:"en,vi" default:"en" help:"Language of the words: en or vi."`
	JSON    bool   `name:"json" help:"One JSON document."`
}

type refusal struct {
	Error struct {
		Code   problem.Code `json:"code"`
		Reason string       `json:"reason"`
		Act    string       `json:"act"`
	} `json:"error"`
}

// Run prints a quote; a refusal is printed on stdout too and ends with status 2.
func (c feesQuoteCmd) Run(ctx context.Context, e *environment) error {
	if c.Sign {
		return e.refuse(c.JSON, c.sign(ctx, e))
	}
	if c.Body != "" {
		return e.refuse(c.JSON, problem.AtField(problem.Invalid, "--body", "goes with --sign: any other quote has no payee"))
	}
	q, err := c.quote(ctx, e)
	if err != nil {
		return e.refuse(c.JSON, err)
	}
	return e.print(c.JSON, q, func(w io.Writer) { c.table(w, q) })
}

// refuse prints a refusal where one JSON document is promised; the error is the command's in any case.
func (e *environment) refuse(asJSON bool, err error) error {
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || !asJSON {
		return err
	}
	var r refusal
	r.Error.Code, r.Error.Reason, r.Error.Act = p.Code, p.Error(), p.Act
	return errors.Join(e.print(true, r, nil), err)
}

func (c feesQuoteCmd) quote(ctx context.Context, e *environment) (q *fee.Quote, err error) {
	on, err := parseDay("--on", c.On)
	if err != nil {
		return nil, err
	}
	request := fee.Request{Service: c.Service, Date: on, Inputs: json.RawMessage(c.Inputs)}
	if c.Known == "" {
		s, err := fee.Load(schedules.FS)
		if err != nil {
			return nil, err
		}
		return s.Quote(request)
	}
	err = withGateway(ctx, e.log, func(g *gateway) error {
		law, err := g.lawKnown(ctx, c.Known)
		if err != nil {
			return err
		}
		q, err = law.Schedules.Quote(request)
		return err
	})
	return q, err
}

func (c feesQuoteCmd) table(w io.Writer, q *fee.Quote) {
	fmt.Fprintf(w, "%s on %s\n\n", q.Service, q.Date)
	tellLines(w, q, c.Lang, c.Explain)
}

// tellLines prints the lines of a quote, their law and their sum, with the steps that led to each amount where they are
// asked for.
func tellLines(w io.Writer, q *fee.Quote, lang string, steps bool) {
	for _, l := range q.Lines {
		fmt.Fprintf(w, "%s\t%16s\t%s\t%s\n", l.Code, money.Format(l.Amount, lang), l.Version.In(lang), l.ActName().In(lang))
		if steps {
			fmt.Fprintf(w, "\t\t  %s\n", l.Rule.In(lang))
			for _, step := range l.Steps {
				fmt.Fprintf(w, "\t\t  %s\n", step.In(lang))
			}
		}
	}
	fmt.Fprintf(w, "%s\t%16s\n", fee.Text{Vi: "tổng cộng", En: "total"}.In(lang), money.Format(q.TotalVND, lang))
	if q.Provisional {
		fmt.Fprintln(w, "\n"+provisionalNote.In(lang))
	}
	if q.Forecast != "" {
		fmt.Fprintln(w, "\n"+forecastNote.In(lang))
	}
}

var provisionalNote = fee.Text{Vi: "tạm tính: có khoản dựa trên căn cứ chưa chắc chắn",
	En: "provisional: an amount rests on evidence that is not yet certain"}

var forecastNote = fee.Text{Vi: "dự tính: ngày nộp khác ngày của báo giá, không nộp được theo báo giá này",
	En: "forecast: the day of payment is not the quote's date, so nobody can pay by it"}

type feesCheckCmd struct {
	Cases   string   `type:"existingfile" help:"CSV of worked cases: id, service, date, inputs, total_vnd (an amount, refused by law, or invalid input) and, where present, lines."`
	Service []string `help:"Only these services, separated by commas."`
	JSON    bool     `name:"json" help:"One JSON document."`
}

type feesCheck struct {
	Services []fee.Service    `json:"services"`
	Cases    []fee.CaseResult `json:"cases"`
}

// Run checks schedules and cases; a case that differs ends with status 1.
func (c feesCheckCmd) Run(e *environment) error {
	services, err := fee.CheckSchedules(schedules.FS)
	if err != nil {
		return err
	}
	out := feesCheck{Services: services, Cases: []fee.CaseResult{}}
	if c.Cases != "" {
		if out.Cases, err = c.cases(); err != nil {
			return err
		}
	}
	differs := 0
	for _, r := range out.Cases {
		if !r.OK {
			differs++
		}
	}
	err = e.print(c.JSON, out, func(w io.Writer) {
		for _, s := range out.Services {
			fmt.Fprintf(w, "%s\t%d examples\tok\n", s.Service, s.Examples)
		}
		for _, r := range out.Cases {
			fmt.Fprintf(w, "%s\t%s\t%s\twant %s\tgot %s\t%s\n", r.ID, r.Service, r.Date, r.Want, r.Got, verdict(r))
		}
		if len(out.Cases) > 0 {
			fmt.Fprintf(w, "%d of %d cases agree\n", len(out.Cases)-differs, len(out.Cases))
		}
	})
	if err == nil && differs > 0 {
		return errFindings
	}
	return err
}

func (c feesCheckCmd) cases() ([]fee.CaseResult, error) {
	s, err := fee.Load(schedules.FS)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(c.Cases)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return fee.CheckCases(f, s, c.Service)
}

func verdict(r fee.CaseResult) string {
	if r.OK {
		return "ok"
	}
	return strings.TrimSpace("DIFFERS " + r.Reason)
}
