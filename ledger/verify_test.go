package ledger_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/pg/pgtest"
	"exchequer/ledger"
)

var mirror = ledger.VerifyOptions{Mirror: ledger.Mirror{DueFrom: "assets:due-from:", DueTo: "liabilities:due-to:"}}

func (b *bench) mustVerify() {
	b.t.Helper()
	report, err := b.Verify(context.Background(), mirror)
	if err != nil {
		b.t.Fatal(err)
	}
	if !report.OK {
		b.t.Errorf("verify: %+v", report.Findings)
	}
}

// story gives a book and its house with a debt between them and a closed day.
func (b *bench) story(book, house string) {
	b.t.Helper()
	in := func(book string, t ledger.Transaction) ledger.Transaction { t.Book = book; return t }
	b.open(book, "assets:bank>0", "assets:due-from:"+house, "l:pay>0")
	b.open(house, "assets:bank>0", "liabilities:due-to:"+book, "expenses:fee")
	b.mustPost(
		in(book, move("R1", "assets:bank", "l:pay", 100)),
		in(book, move("R2", "assets:due-from:"+house, "l:pay", 10)),
		in(house, move("H", "expenses:fee", "liabilities:due-to:"+book, 10)))
	b.inTx(func(tx pgx.Tx) error { return b.CloseDayTx(context.Background(), tx, book, monday, "tester") })
	b.mustPost(in(book, move("R3", "assets:bank", "l:pay", 1)))
}

// tamperings are done with the owner's rights, each on a book and a house of its own.
var tamperings = []struct{ name, sql, want string }{
	{"nothing", `SELECT 1`, ""},
	{"a balance", `UPDATE ledger.balances SET debits_posted = debits_posted + 1 WHERE book = '{book}' AND account = 'assets:bank'`,
		"balance_differs trial_balance"},
	{"both sides of a balance", `UPDATE ledger.balances SET debits_posted = debits_posted + 1, credits_posted = credits_posted + 1
		WHERE book = '{house}' AND account = 'expenses:fee'`, "balance_differs"},
	{"an amount", `UPDATE ledger.postings SET amount = amount + 1 WHERE book = '{book}' AND amount = 100`,
		"balance_differs running_differs snapshot_differs"},
	{"an amount and its balances", `
		UPDATE ledger.postings SET amount = 150 WHERE book = '{book}' AND amount = 100;
		UPDATE ledger.balances SET debits_posted = debits_posted + 50 WHERE book = '{book}' AND account = 'assets:bank';
		UPDATE ledger.balances SET credits_posted = credits_posted + 50 WHERE book = '{book}' AND account = 'l:pay'`,
		"running_differs snapshot_differs"},
	{"a running balance", `UPDATE ledger.postings SET credit_account_credits = credit_account_credits + 1
		WHERE book = '{book}' AND amount = 10`, "running_differs"},
	{"the account of a posting", `UPDATE ledger.postings SET debit_account = 'assets:bank' WHERE book = '{book}' AND amount = 10`,
		"balance_differs running_differs snapshot_differs"},
	{"an account that is not open", `UPDATE ledger.postings SET debit_account = 'assets:else' WHERE book = '{book}' AND amount = 10`,
		"account_unfit balance_differs snapshot_differs"},
	{"a currency", `UPDATE ledger.postings SET currency = 'USD' WHERE book = '{book}' AND amount = 10`, "account_unfit"},
	{"a posting removed", `DELETE FROM ledger.postings WHERE book = '{book}' AND amount = 100`,
		"balance_differs incomplete_postings running_differs snapshot_differs"},
	{"a transaction removed", `DELETE FROM ledger.transactions WHERE book = '{book}' AND reference = 'R1'`, "incomplete_postings"},
	{"a transaction added", `
		INSERT INTO ledger.transactions (book, id, reference, kind, occurred, asked_day, effective_day, recorded, link)
		SELECT book, nextval('ledger.transaction_id'), 'X', kind, occurred, asked_day, asked_day, recorded, link
		FROM ledger.transactions WHERE book = '{book}' AND reference = 'R3'`, "day_differs incomplete_postings"},
	{"one half of a debt", `
		UPDATE ledger.balances SET debits_posted = 9 WHERE book = '{book}' AND account = 'assets:due-from:{house}'`,
		"balance_differs mirror_differs trial_balance"},
	{"an entry moved into a closed day", `
		UPDATE ledger.transactions SET effective_day = '2025-06-02' WHERE book = '{book}' AND reference = 'R3';
		UPDATE ledger.postings SET effective_day = '2025-06-02' WHERE book = '{book}' AND amount = 1`, "day_differs snapshot_differs"},
	{"the day of a posting alone", `UPDATE ledger.postings SET effective_day = '2025-06-09' WHERE book = '{book}' AND amount = 1`,
		"incomplete_postings"},
	{"a closing undone", `UPDATE ledger.books SET closed_through = NULL WHERE book = '{book}'`, "closing_differs"},
	{"a limit set on a negative account", `
		UPDATE ledger.accounts SET limits = 1, normal_side = 'debit' WHERE code = 'liabilities:due-to:{book}'`,
		"definition_differs limit_broken"},
	{"what decides on an account", `UPDATE ledger.balances SET limits = 0 WHERE book = '{book}' AND account = 'assets:bank'`,
		"definition_differs"},
	{"the transaction before", `UPDATE ledger.postings SET debit_prev = debit_prev + 1 WHERE book = '{book}' AND amount = 100`,
		"running_differs"},
	{"the last transaction", `UPDATE ledger.balances SET last_id = last_id - 1 WHERE book = '{book}' AND account = 'assets:bank'`,
		"balance_differs"},
	{"a reference twice", `
		ALTER TABLE ledger.transactions DROP CONSTRAINT transactions_reference_key;
		UPDATE ledger.transactions SET reference = 'R1' WHERE book = '{book}' AND reference = 'R2'`, "reference_repeated"},
	{"a right granted", `GRANT UPDATE ON ledger.postings TO exchequer_app`, "rights_too_wide"},
	{"a right taken back", `REVOKE UPDATE ON ledger.postings FROM exchequer_app`, ""},
	{"a right on one column", `GRANT UPDATE (amount) ON ledger.postings TO exchequer_app`, "rights_too_wide"},
	{"that taken back", `REVOKE UPDATE (amount) ON ledger.postings FROM exchequer_app`, ""},
	{"a table given away", `ALTER TABLE ledger.transactions OWNER TO exchequer_app`, "rights_too_wide"},
}

func TestVerifyFindsTampering(t *testing.T) {
	b := start(t)
	owner := pgtest.Owner(t, b.pool)
	for i, c := range tamperings {
		book, house := fmt.Sprintf("B%02d", i), fmt.Sprintf("H%02d", i)
		b.story(book, house)
		for _, sql := range strings.Split(c.sql, ";\n") {
			sql = strings.NewReplacer("{book}", book, "{house}", house).Replace(sql)
			if _, err := owner.Exec(context.Background(), sql); err != nil {
				t.Fatal(err)
			}
		}
		report, err := b.Verify(context.Background(), mirror)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, f := range report.Findings {
			if f.Book == book || f.Book == house || f.Book == "" {
				kinds = append(kinds, string(f.Kind))
			}
		}
		slices.Sort(kinds)
		if got := strings.Join(slices.Compact(kinds), " "); got != c.want {
			t.Errorf("%s: findings %q, want %q: %+v", c.name, got, c.want, report.Findings)
		}
		if report.OK != (len(report.Findings) == 0) || report.Books != 2*i+2 || report.Transactions < int64(3*i) {
			t.Errorf("%s: ok %t, %d books, %d transactions", c.name, report.OK, report.Books, report.Transactions)
		}
	}
}

func TestVerifySeesABookThatIsNotOpen(t *testing.T) {
	b := start(t)
	b.story("A01", "000")
	// With the program's own rights, and in two books: a gap in one must not hide the other.
	for _, sql := range []string{
		`INSERT INTO ledger.transactions (book, id, reference, kind, occurred, asked_day, effective_day, recorded, link)
			VALUES ('A00', 90, 'X', 'x', '2025-06-02', '2025-06-02', '2025-06-02', '2025-06-02', '')`,
		`INSERT INTO ledger.postings VALUES ('ZZZ', 91, 0, 'a', 'b', 'VND', 5, 5, 0, 0, 5, '2025-06-02', '2025-06-02', 0, 0)`,
	} {
		if _, err := b.pool.Exec(context.Background(), sql); err != nil {
			t.Fatal(err)
		}
	}
	report, err := b.Verify(context.Background(), mirror)
	if err != nil || len(report.Findings) != 2 || report.OK ||
		report.Findings[0].Kind != ledger.BookMissing || report.Findings[0].Book != "A00" || report.Findings[1].Book != "ZZZ" {
		t.Errorf("%+v, %v", report, err)
	}
}

func TestVerifyNamesTheRow(t *testing.T) {
	b := start(t)
	b.story("A01", "000")
	var id int64
	owner := pgtest.Owner(t, b.pool)
	err := owner.QueryRow(context.Background(), `UPDATE ledger.postings SET amount = 99 WHERE book = 'A01' AND amount = 100
		RETURNING transaction_id`).Scan(&id)
	if err != nil {
		t.Fatal(err)
	}
	report, err := b.Verify(context.Background(), mirror)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range report.Findings {
		if f.Kind == ledger.RunningDiffers && f.Transaction != id {
			t.Errorf("finding on transaction %d, tampered with %d", f.Transaction, id)
		}
	}
}

func TestProgramsRoleCannotChangeWhatGrows(t *testing.T) {
	b := start(t)
	b.story("A01", "000")
	for _, table := range []string{"transactions", "postings", "periods"} {
		for _, sql := range []string{"UPDATE ledger.%s SET book = book", "DELETE FROM ledger.%s", "TRUNCATE ledger.%s",
			"ALTER TABLE ledger.%s ADD COLUMN x int", "DROP TABLE ledger.%s"} {
			_, err := b.pool.Exec(context.Background(), fmt.Sprintf(sql, table))
			if err == nil {
				t.Errorf("the program's role could: "+sql, table)
			}
		}
	}
	if _, err := b.pool.Exec(context.Background(), `DELETE FROM ledger.balances`); err == nil {
		t.Error("the program's role could delete balances")
	}
	b.mustVerify()
}
