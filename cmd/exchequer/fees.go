package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"exchequer/internal/calendar"
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
	Known   string `help:"By the law published here instead, as it was known at an instant (2025-06-02T09:00:00+07:00) or at the end of a day in Vietnam (2025-06-02). The date of the current day gives what is known now."`
	Sign    bool   `help:"Sign the quote by the law as it is published, with payee and budget lines; prints the compact JWS. Needs the database and the keys of the state folder."`
	Body    string `help:"The body that collects; with --sign, where several do."`
	Explain bool   `help:"Print the steps that led to each amount."`
	Lang    string `enum:"en,vi" default:"en" help:"Language of the words: en or vi."`
	JSON    bool   `name:"json" help:"One JSON document."`
}

// pricing is the amount of a service by the schedules that come with the program, or by those published here.
type pricing struct {
	fee.Quote
	Law        string     `json:"law"` // program or published
	Revision   int64      `json:"revision,omitempty"`
	KnownSince *time.Time `json:"known_since,omitempty"`

	name fee.Text // of the service
}

const (
	lawOfProgram = "program"
	lawPublished = "published"
)

// Run prints a quote; a refusal ends with status 2.
func (c feesQuoteCmd) Run(ctx context.Context, e *environment) error {
	if c.Sign {
		return c.sign(ctx, e)
	}
	if c.Body != "" {
		return problem.Both(problem.Invalid, "--body", "chỉ dùng cùng --sign: báo giá khác không có nơi nhận tiền", "goes with --sign: any other quote has no payee")
	}
	p, err := c.price(ctx, e)
	if err != nil {
		return err
	}
	return e.print(c.JSON, p, func(w io.Writer) { c.tell(w, p) })
}

func (c feesQuoteCmd) price(ctx context.Context, e *environment) (p pricing, err error) {
	on, err := parseDay("--on", c.On)
	if err != nil {
		return p, err
	}
	request := fee.Request{Service: c.Service, Date: on, Inputs: json.RawMessage(c.Inputs)}
	if c.Known == "" {
		s, err := included(c.Service)
		if err != nil {
			return p, err
		}
		return priced(s, request, pricing{Law: lawOfProgram})
	}
	err = withGateway(ctx, e.log, func(g *gateway) error {
		law, err := g.lawKnown(ctx, c.Known)
		if err != nil {
			return err
		}
		p, err = priced(law.Schedules, request, pricing{Law: lawPublished, Revision: law.Revision, KnownSince: &law.Since})
		return err
	})
	return p, err
}

// included gives the schedule of a service that comes with the program, with the parameters; all of them where none is its.
func included(service string) (*fee.Schedules, error) {
	docs, err := fee.ReadDocuments(schedules.FS)
	if err != nil {
		return nil, err
	}
	own := service + ".yaml"
	shared := func(name string) bool { return strings.HasPrefix(name, "parameters/") }
	if docs[own] != nil && !shared(own) {
		maps.DeleteFunc(docs, func(name string, _ []byte) bool { return name != own && !shared(name) })
	}
	return fee.Compile(docs)
}

// priced adds the amount to what is said of the law that it follows.
func priced(s *fee.Schedules, r fee.Request, p pricing) (pricing, error) {
	q, err := s.Quote(r)
	if err != nil {
		return p, err
	}
	p.Quote, p.name = *q, s.Name(r.Service)
	return p, nil
}

func (c feesQuoteCmd) tell(w io.Writer, p pricing) {
	fmt.Fprintf(w, fee.Text{Vi: "%s, ngày %s\n", En: "%s, %s\n"}.In(c.Lang), p.name.In(c.Lang), dayIn(p.Date, c.Lang))
	by := fee.Text{Vi: "theo các biểu mức thu đi kèm chương trình", En: "by the schedules that come with this program"}
	if p.Law == lawPublished {
		by = fee.Text{Vi: fmt.Sprintf("theo pháp luật công bố ở đây, lần công bố %d, được biết từ %s", p.Revision, moment(*p.KnownSince)),
			En: fmt.Sprintf("by the law as published here, revision %d, known since %s", p.Revision, moment(*p.KnownSince))}
	}
	fmt.Fprintf(w, "%s\n\n", by.In(c.Lang))
	tellLines(w, &p.Quote, c.Lang, c.Explain)
}

// dayIn writes a day in words of a language.
func dayIn(d calendar.Date, lang string) string {
	if lang == "en" {
		return d.UTC().Format("2 January 2006")
	}
	return d.UTC().Format("02/01/2006")
}

// tellLines prints the lines of a quote, their law and their sum, with the steps that led to each amount where they are
// asked for.
func tellLines(w io.Writer, q *fee.Quote, lang string, steps bool) {
	total := money.Format(q.TotalVND, lang)
	width := utf8.RuneCountInString(total)
	for _, l := range q.Lines { // one that is reduced afterwards may be longer than the total
		width = max(width, utf8.RuneCountInString(money.Format(l.Amount, lang)))
	}
	for _, l := range q.Lines {
		fmt.Fprintf(w, "%s\t%*s\t%s\t%s\n", cmp.Or(l.Label, l.Rule).In(lang), width, money.Format(l.Amount, lang), l.Version.In(lang), l.ActName().In(lang))
		if steps {
			fmt.Fprintf(w, "\t\t  %s\n", l.Rule.In(lang))
			for _, step := range l.Steps {
				fmt.Fprintf(w, "\t\t  %s\n", step.In(lang))
			}
		}
	}
	fmt.Fprintf(w, "%s\t%*s\n", fee.Text{Vi: "tổng cộng", En: "total"}.In(lang), width, total)
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
	s, err := fee.Load(schedules.FS)
	if err != nil {
		return err
	}
	out := feesCheck{Cases: []fee.CaseResult{}}
	if out.Services, err = s.Named(c.Service); err != nil {
		return err
	}
	if c.Cases != "" {
		if out.Cases, err = c.cases(s); err != nil {
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

func (c feesCheckCmd) cases(s *fee.Schedules) ([]fee.CaseResult, error) {
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
