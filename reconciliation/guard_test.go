package reconciliation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"exchequer/reconciliation"
)

func TestTheProgramMayNotRewriteWhatCameIn(t *testing.T) {
	w := announced(t)
	w.bank(tuesday, 0, credit(500_000, "GROSS001"), entry{amount: 7})
	for _, statement := range []string{
		`UPDATE gateway.partner_file SET digest = 'x'`, `DELETE FROM gateway.partner_file`,
		`UPDATE gateway.settlement_line SET amount = 1`, `DELETE FROM gateway.settlement_batch`, `UPDATE gateway.settlement_batch SET net = 1`,
		`UPDATE gateway.bank_statement SET closing = 1`, `UPDATE gateway.bank_statement_line SET amount = 1`, `DELETE FROM gateway.bank_statement_line`,
		`UPDATE gateway.break SET found = 1`, `DELETE FROM gateway.break`,
	} {
		if _, err := w.pool.Exec(context.Background(), statement); err == nil || !strings.Contains(err.Error(), "permission denied") {
			t.Errorf("%s: %v, want permission denied", statement, err)
		}
	}
}

// A remittance text may name a person: it stands with its line and nowhere else.
func TestARemittanceTextGoesNowhere(t *testing.T) {
	w := newWorld(t)
	const name = "NGUYENVANAN"
	report := w.bank(tuesday, 0, entry{amount: 7, remittance: name + " nop phat"}, entry{amount: -3, remittance: name})
	told, err := json.Marshal(report)
	if err != nil || strings.Contains(string(told), name) {
		t.Errorf("the report: %s, %v", told, err)
	}
	for _, table := range []string{"gateway.break", "gateway.audit", "gateway.finding", "gateway.expectation", "ledger.transactions", "gateway.partner_file"} {
		var n int
		err := w.pool.QueryRow(context.Background(), fmt.Sprintf(`SELECT count(*) FROM %s t WHERE t::text LIKE '%%' || $1 || '%%'`, table), name).Scan(&n)
		if err != nil || n > 0 {
			t.Errorf("%s: %d rows with the name, %v", table, n, err)
		}
	}
}

func ExampleMatchPayments() {
	awaited := []reconciliation.Awaited{
		{Book: "BCA", Ref: "BCA000000000001X", Amount: 135_000, KeptBack: true},
		{Book: "EHN", Ref: "EHN000000000002Y", Amount: 500_000},
	}
	file := []reconciliation.Line{
		{Ref: "BCA000000000001X", Amount: 134_000, Fee: 1_100},
		{Ref: "XYZ000000000003Z", Amount: 20_000},
	}
	outcomes, missing := reconciliation.MatchPayments(awaited, file)
	for i, o := range outcomes {
		fmt.Println(file[i].Ref, o.Kind, "we expect", o.Expected, "they say", file[i].Amount)
	}
	for _, a := range missing {
		fmt.Println(a.Ref, reconciliation.MissingThere, "we expect", a.Amount)
	}
	// Output:
	// BCA000000000001X amount_differs we expect 135000 they say 134000
	// XYZ000000000003Z missing_here we expect 0 they say 20000
	// EHN000000000002Y missing_there we expect 500000
}
