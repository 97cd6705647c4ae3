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

type ledgerStatementCmd struct {
	Book    string `arg:"" help:"The book."`
	Account string `arg:"" help:"The account's code."`
	From    string `help:"First effective day, YYYY-MM-DD; from the beginning where it is left out."`
	To      string `help:"Last effective day, YYYY-MM-DD; to the end where it is left out."`
	At      string `help:"As known at this instant (RFC 3339), or at the end of this day (YYYY-MM-DD, Vietnam)."`
	JSON    bool   `name:"json" help:"One JSON document."`
}

type statementDoc struct {
	Book     string         `json:"book"`
	Account  string         `json:"account"`
	Currency string         `json:"currency"`
	Opening  int64          `json:"opening"`
	Entries  []statementRow `json:"entries"`
	Closing  int64          `json:"closing"`
}

type statementRow struct {
	Transaction int64     `json:"transaction"`
	Line        int32     `json:"line"`
	Reference   string    `json:"reference"`
	Kind        string    `json:"kind"`
	Occurred    time.Time `json:"occurred"`
	Day         string    `json:"day"`
	Recorded    time.Time `json:"recorded"`
	Other       string    `json:"other_account"`
	Debit       int64     `json:"debit"`
	Credit      int64     `json:"credit"`
	Balance     int64     `json:"balance"`
}

// Run prints an account's entries between its opening and its closing balance.
func (c ledgerStatementCmd) Run(ctx context.Context, e *environment) error {
	q, err := c.query()
	if err != nil {
		return err
	}
	return withGateway(ctx, e.log, func(g *gateway) error {
		doc, err := readStatement(ctx, g.ledger, q)
		if err != nil {
			return refusedStatement(err)
		}
		return e.print(c.JSON, doc, func(w io.Writer) { tellStatement(w, doc) })
	})
}

func (c ledgerStatementCmd) query() (q ledger.StatementQuery, err error) {
	q = ledger.StatementQuery{Book: c.Book, Account: c.Account}
	if q.At, err = instant(c.At); err != nil {
		return q, err
	}
	if err = period(c.From, c.To, &q.From, &q.Through); err != nil {
		return q, err
	}
	if !q.Through.IsZero() && q.Through.Before(q.From) {
		return q, problem.Both(problem.Invalid, "--to", "phải là --from hoặc sau đó", "it must be --from or later")
	}
	return q, nil
}

// readStatement joins the pages.
func readStatement(ctx context.Context, l *ledger.Ledger, q ledger.StatementQuery) (statementDoc, error) {
	doc := statementDoc{Book: q.Book, Account: q.Account, Entries: []statementRow{}}
	for first := true; first || q.Next != ""; first = false {
		s, err := l.Statement(ctx, q)
		if err != nil {
			return doc, err
		}
		if first {
			doc.Currency, doc.Opening = s.Currency, s.Opening
		}
		for _, e := range s.Entries {
			doc.Entries = append(doc.Entries, statementRow{e.Transaction, e.Line, e.Reference, e.Kind, e.Occurred.UTC(),
				e.Day.Format(time.DateOnly), e.Recorded.UTC(), e.OtherAccount, e.Debit, e.Credit, e.Balance})
		}
		doc.Closing, q.Next = s.Closing, s.Next
	}
	return doc, nil
}

func refusedStatement(err error) error {
	if refused, ok := errors.AsType[*ledger.AccountError](err); ok {
		return problem.AtField(problem.NotFound, "account", "%v", refused)
	}
	return err
}

func tellStatement(w io.Writer, doc statementDoc) {
	amount := func(n int64) string {
		if n == 0 {
			return ""
		}
		return amountIn(doc.Currency, n)
	}
	fmt.Fprintf(w, "day\treference\tkind\tother account\t%20s\t%20s\t%20s\n", "debit", "credit", "balance")
	fmt.Fprintf(w, "opening\t\t\t\t%20s\t%20s\t%20s\n", "", "", amountIn(doc.Currency, doc.Opening))
	for _, r := range doc.Entries {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%20s\t%20s\t%20s\n", r.Day, r.Reference, r.Kind, r.Other, amount(r.Debit), amount(r.Credit), amountIn(doc.Currency, r.Balance))
	}
	fmt.Fprintf(w, "closing\t\t\t\t%20s\t%20s\t%20s\n", "", "", amountIn(doc.Currency, doc.Closing))
}
