package reconciliation

import (
	"bytes"
	"errors"
	"slices"

	"exchequer/reconciliation/statement"
)

// tolerable are a reader's findings that leave a statement sound: its balances and entries are known and foot.
var tolerable = []statement.FindingKind{
	statement.BalanceRepeated, statement.SignMissing, statement.StatusMissing, statement.NotBooked,
	statement.DateMissing, statement.DetailsDiffer, statement.ReferenceTwice,
}

// readStatements reads a bank's file. An entry of 0 moves nothing and is left out.
func readStatements(content []byte) ([]bankStatement, error) {
	read, findings, err := statement.ReadCAMT053(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	if len(read) == 0 {
		return nil, errors.New("the file holds no statement")
	}
	out := make([]bankStatement, len(read))
	for i, s := range read {
		out[i] = bankStatement{
			account: s.Account, id: s.ID, day: s.Day, currency: s.Currency, opening: s.Opening, closing: s.Closing, digest: s.Digest,
		}
		for _, e := range s.Entries {
			if e.Amount == 0 {
				continue
			}
			out[i].entries = append(out[i].entries, bankEntry{
				Entry:  Entry{Credit: e.Credit, Amount: e.Amount, EndToEndID: e.EndToEndID, Remittance: e.Remittance, Reversal: e.Reversal},
				booked: e.BookingDay, bankRef: e.BankRef,
			})
		}
	}
	for _, f := range findings {
		if f.Statement < 0 || f.Statement >= len(out) {
			continue
		}
		if s := &out[f.Statement]; slices.Contains(tolerable, f.Kind) {
			s.doubts = append(s.doubts, string(f.Kind))
		} else {
			s.faults = append(s.faults, f.String())
		}
	}
	return out, nil
}
