package reconciliation

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/booking"
	"exchequer/internal/problem"
)

// StatementLine is one line of an applied bank statement and what became of it. Amounts are minor units. It carries
// neither remittance text nor names.
type StatementLine struct {
	No          int    `json:"no"`
	Credit      bool   `json:"credit"`
	Amount      int64  `json:"amount"`
	BookedOn    string `json:"booked_on"` // YYYY-MM-DD, by the bank
	EndToEndID  string `json:"end_to_end_id,omitempty"`
	BankRef     string `json:"bank_ref,omitempty"`
	State       string `json:"state"`          // waiting, matched or break
	Kind        string `json:"kind,omitempty"` // settlement, payout or funding; of a break its kind
	MatchedBook string `json:"matched_book,omitempty"`
	MatchedRef  string `json:"matched_ref,omitempty"`
	InLedger    bool   `json:"in_ledger"` // false: a named open item of the bank's roll-forward
}

// BankStatement is an applied bank statement: Opening + Credits - Debits = Closing. Amounts are minor units.
type BankStatement struct {
	Account    string          `json:"account"`
	Day        string          `json:"day"` // YYYY-MM-DD
	Currency   string          `json:"currency"`
	Opening    int64           `json:"opening"`
	Closing    int64           `json:"closing"`
	Credits    int64           `json:"credits"`
	Debits     int64           `json:"debits"`
	Digest     string          `json:"digest"`
	ImportedAt time.Time       `json:"imported_at"`
	Lines      []StatementLine `json:"lines"`
}

// Statement gives the applied statement of a collection account and day (00:00 UTC); NotFound where there is none.
func (d *Desk) Statement(ctx context.Context, actor Actor, account string, day time.Time) (BankStatement, error) {
	if err := authorise(actor); err != nil {
		return BankStatement{}, err
	}
	s := BankStatement{Account: account, Day: day.Format(time.DateOnly)}
	err := d.Pool.QueryRow(ctx, `SELECT currency, opening, closing, credits, debits, digest, imported_at
		FROM gateway.bank_statement WHERE book = $1 AND account = $2 AND day = $3`, booking.House, account, day).
		Scan(&s.Currency, &s.Opening, &s.Closing, &s.Credits, &s.Debits, &s.Digest, &s.ImportedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, problem.AtField(problem.NotFound, "day", "no statement of account %s for %s is applied: import it", account, s.Day)
	}
	if err != nil {
		return s, err
	}
	rows, err := d.Pool.Query(ctx, `
		SELECT no, credit, amount, to_char(booked_on, 'YYYY-MM-DD'), end_to_end_id, bank_ref, state, kind, matched_book, matched_ref, in_ledger
		FROM gateway.bank_statement_line WHERE book = $1 AND account = $2 AND day = $3 ORDER BY no`, booking.House, account, day)
	if err != nil {
		return s, err
	}
	s.Lines, err = pgx.CollectRows(rows, pgx.RowToStructByPos[StatementLine])
	return s, err
}
