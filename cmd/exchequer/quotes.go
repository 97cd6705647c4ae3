package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/internal/money"
	"exchequer/internal/problem"
	"exchequer/internal/quote"
	"exchequer/internal/sign"
)

// signedQuote is a quote with the same as a compact JWS.
type signedQuote struct {
	quote.Quote
	Signed string `json:"signed"`
}

// sign makes an offer, so it takes the law as it is published and not what comes with this program.
func (c feesQuoteCmd) sign(ctx context.Context, e *environment) error {
	if c.Known != "" {
		return problem.AtField(problem.Invalid, "--known", "what was known before is no offer: leave it out, or leave out --sign")
	}
	on, err := parseDay("--on", c.On)
	if err != nil {
		return err
	}
	return withGateway(ctx, e.log, func(g *gateway) error {
		law, err := g.published.Current(ctx)
		if err != nil {
			return err
		}
		q, err := quote.Make(law, quote.Request{Service: c.Service, Body: c.Body, Date: on, Inputs: json.RawMessage(c.Inputs)})
		if err != nil {
			return err
		}
		if why := q.Unsigned(g.clock.Now()); why != (fee.Text{}) {
			return &problem.Error{Code: problem.Refused, Detail: "the quote is not signed: " + why.En, DetailVi: "không ký báo giá: " + why.Vi}
		}
		if err := g.checkPublished(ctx); err != nil {
			return err
		}
		signed, err := q.Sign(g.keys, realm.Issuer, "")
		if err != nil {
			return err
		}
		return e.print(c.JSON, signedQuote{*q, signed}, func(w io.Writer) { fmt.Fprintln(w, signed) })
	})
}

type feesVerifyCmd struct {
	File   string `arg:"" default:"-" help:"File with the signed quote; - is the standard input."`
	Keys   string `required:"" help:"Key set that checks it: a file, or an address such as https://pay.example/.well-known/jwks.json."`
	Issuer string `default:"exchequer" help:"Who has to have signed it: the iss of the quote."`
	At     string `help:"As of this instant (RFC 3339) or the end of this day (YYYY-MM-DD, Vietnam); now where it is left out."`
	Lang   string `enum:"en,vi" default:"en" help:"Language of the words: en or vi."`
	JSON   bool   `name:"json" help:"One JSON document."`
}

// verified is what the check of a signed quote found.
type verified struct {
	OK       bool            `json:"ok"`
	At       time.Time       `json:"at"`
	Findings []quote.Finding `json:"findings"`
	Quote    *quote.Signed   `json:"quote"`
}

// Run checks a signed quote without asking the program that signed it: who, until when, and whether it adds up. What is
// no quote of these keys ends with status 2, one that nobody may take money by with status 1.
func (c feesVerifyCmd) Run(ctx context.Context, e *environment) error {
	v, err := c.verify(ctx)
	if err != nil {
		return err
	}
	err = e.print(c.JSON, v, func(w io.Writer) { c.tell(w, v) })
	if err == nil && !v.OK {
		return errFindings
	}
	return err
}

func (c feesVerifyCmd) verify(ctx context.Context) (verified, error) {
	at, err := instant(c.At)
	if err != nil {
		return verified{}, err
	}
	if at.IsZero() {
		at = time.Now()
	}
	keys, err := readKeySet(ctx, c.Keys)
	if err != nil {
		return verified{}, problem.AtField(problem.Invalid, "--keys", "%v", err)
	}
	compact, err := readSmall(c.File)
	if err != nil {
		return verified{}, err
	}
	q, err := quote.Open(keys, strings.TrimSpace(string(compact)))
	if err != nil {
		return verified{}, problem.New(problem.Invalid, "the quote is not accepted: %v", err)
	}
	findings := q.Check(at, c.Issuer)
	return verified{OK: len(findings) == 0, At: at.UTC(), Findings: findings, Quote: q}, nil
}

func (c feesVerifyCmd) tell(w io.Writer, v verified) {
	q, say := v.Quote, func(vi, en string, args ...any) {
		fmt.Fprintf(w, fee.Text{Vi: vi, En: en}.In(c.Lang)+"\n", args...)
	}
	say("%s ngày %s, do %s ký", "%s on %s, signed by %s", q.Service, q.Date, q.Issuer)
	say("thủ tục %s trên cổng dịch vụ công", "procedure %s of the portal", orDash(q.Procedure))
	if q.Bill != "" {
		say("khoản phải nộp %s", "bill %s", q.Bill)
	}
	say("nơi nhận tiền: %s, %s", "payee: %s, %s", q.Payee.Body, q.Payee.Name.In(c.Lang))
	say("theo pháp luật được biết từ %s, lần công bố %d\n", "by the law as known since %s, revision %d\n", inVietnam(q.KnownSince), q.Revision)
	tellLines(w, &q.Quote.Quote, c.Lang, false)
	c.tellPayment(w, q)
	for _, f := range v.Findings {
		fmt.Fprintf(w, "%s\t%s\n", f.Code, f.Detail.In(c.Lang))
	}
	if v.OK {
		say("có thể nộp %s trước %s", "%s can be paid until %s", money.Format(q.TotalVND, c.Lang), inVietnam(time.Unix(q.Expires, 0)))
	}
}

// accountKinds are what a treasurer calls the kinds of account.
var accountKinds = map[string]fee.Text{
	catalog.Treasury: {Vi: "tài khoản tại Kho bạc Nhà nước", En: "at the State Treasury"},
	catalog.Bank:     {Vi: "tài khoản tại ngân hàng", En: "at a bank"},
}

// tellPayment prints the budget lines as the treasury books them, and how much goes to which account.
func (c feesVerifyCmd) tellPayment(w io.Writer, q *quote.Signed) {
	head := fee.Text{Vi: "\nmục ngân sách\t%16s\tkhoản thu\tphần\tchương\ttiểu mục\tđịa bàn\ttài khoản\n",
		En: "\nbudget line\t%16s\tcharge\tpart\tchapter\tsub-item\tarea\taccount\n"}
	fmt.Fprintf(w, head.In(c.Lang), fee.Text{Vi: "số tiền", En: "amount"}.In(c.Lang))
	due := map[string]int64{}
	for _, b := range q.Budget {
		due[b.Account] += b.Amount
		fmt.Fprintf(w, "%s\t%16s\t%s\t%s\t%s\t%s\t%s\t%s\n", b.Budget, money.Format(b.Amount, c.Lang), b.Charge, b.Part,
			orDash(b.Chapter), orDash(b.SubItem), orDash(b.Area), b.Account)
	}
	fmt.Fprintf(w, fee.Text{Vi: "\nnộp vào\t%16s\tsố tài khoản\tmở tại\n", En: "\npay to\t%16s\tnumber\tkept\n"}.In(c.Lang),
		fee.Text{Vi: "số tiền", En: "amount"}.In(c.Lang))
	for _, a := range q.Payee.Accounts {
		fmt.Fprintf(w, "%s\t%16s\t%s\t%s, %s\n", a.Code, money.Format(due[a.Code], c.Lang), a.Number, accountKinds[a.Kind].In(c.Lang), a.At)
	}
	fmt.Fprintln(w)
}

// orDash is what stands in a column that is empty.
func orDash(text string) string { return cmp.Or(text, "-") }

// small bounds a signed quote and a key set; both are far below.
const small = 1 << 20

// keySetTimeout bounds the question for a key set.
const keySetTimeout = 10 * time.Second

// readSmall reads a file, or the standard input for "-".
func readSmall(path string) ([]byte, error) {
	in := os.Stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	return limited(in)
}

func limited(in io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(in, small+1))
	if err == nil && len(text) > small {
		err = fmt.Errorf("it is over %d bytes", small)
	}
	return text, err
}

// readKeySet reads a key set from a file or an address.
func readKeySet(ctx context.Context, where string) (*sign.KeySet, error) {
	read := func() ([]byte, error) { return readSmall(where) }
	if u, err := url.Parse(where); err == nil && (u.Scheme == "https" || u.Scheme == "http") {
		read = func() ([]byte, error) { return fetchKeySet(ctx, u) }
	}
	document, err := read()
	if err != nil {
		return nil, err
	}
	return sign.ParseKeySet(document)
}

// fetchKeySet asks an address for a key set. Whoever could change it on its way could sign quotes, so it comes by https,
// except from this machine.
func fetchKeySet(ctx context.Context, u *url.URL) ([]byte, error) {
	if u.Scheme != "https" && !loopback(net.JoinHostPort(u.Hostname(), "0")) {
		return nil, errors.New("give an https address, or a file")
	}
	ctx, cancel := context.WithTimeout(ctx, keySetTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", u.Redacted(), answer.Status)
	}
	return limited(answer.Body)
}

func inVietnam(t time.Time) string { return t.In(calendar.Zone).Format(time.RFC3339) }
