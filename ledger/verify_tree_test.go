package ledger_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"exchequer/internal/pg/pgtest"
	"exchequer/ledger"
)

// sealedBook gives a book of six transactions R0 to R5 with leaves 0 to 5, sealed at 3 and 6.
func (b *bench) sealedBook(book string) {
	b.t.Helper()
	b.open(book, "assets:a", "l:a")
	for i := range 6 {
		tx := move(fmt.Sprint("R", i), "assets:a", "l:a", int64(100+i))
		tx.Book, tx.Metadata = book, map[string]string{"order": fmt.Sprint(i)}
		b.mustPost(tx)
		if i == 2 {
			b.mustSeal(book)
		}
	}
	b.mustSeal(book)
	b.settle(book)
}

// treeTamperings are done with the owner's rights after a checkpoint of the book. {id} is the transaction R1, leaf 1.
// want is the findings' kinds; where it ends with R1, a finding names that transaction.
var treeTamperings = []struct{ name, sql, want string }{
	{"nothing", `SELECT 1`, ""},
	{"an amount", `UPDATE ledger.postings SET amount = 999 WHERE book = '{book}' AND transaction_id = {id}`,
		"balance_differs leaf_differs running_differs R1"},
	{"an amount and all that follows from it", `
		UPDATE ledger.postings SET amount = amount + 1 WHERE book = '{book}' AND transaction_id = {id};
		UPDATE ledger.postings SET debit_account_debits = debit_account_debits + 1, credit_account_credits = credit_account_credits + 1
			WHERE book = '{book}' AND transaction_id >= {id};
		UPDATE ledger.balances SET debits_posted = debits_posted + 1 WHERE book = '{book}' AND account = 'assets:a';
		UPDATE ledger.balances SET credits_posted = credits_posted + 1 WHERE book = '{book}' AND account = 'l:a'`, "leaf_differs R1"},
	{"a reference", `UPDATE ledger.transactions SET reference = 'OTHER' WHERE book = '{book}' AND id = {id}`, "leaf_differs R1"},
	{"a kind", `UPDATE ledger.transactions SET kind = 'x' WHERE book = '{book}' AND id = {id}`, "leaf_differs R1"},
	{"a link", `UPDATE ledger.transactions SET link = '-' WHERE book = '{book}' AND id = {id}`, "leaf_differs R1"},
	{"metadata", `UPDATE ledger.transactions SET metadata = '{"order": "9"}' WHERE book = '{book}' AND id = {id}`, "leaf_differs R1"},
	{"metadata taken away", `UPDATE ledger.transactions SET metadata = NULL WHERE book = '{book}' AND id = {id}`, "leaf_differs R1"},
	{"metadata of another form", `UPDATE ledger.transactions SET metadata = '[1]' WHERE book = '{book}' AND id = {id}`, "leaf_differs R1"},
	{"an occurred time without end", `UPDATE ledger.transactions SET occurred = 'infinity' WHERE book = '{book}' AND id = {id}`, "leaf_differs R1"},
	{"a recorded time, everywhere", `
		UPDATE ledger.transactions SET recorded = recorded - interval '1 microsecond' WHERE book = '{book}' AND id = {id};
		UPDATE ledger.postings SET recorded = recorded - interval '1 microsecond' WHERE book = '{book}' AND transaction_id = {id}`, "leaf_differs R1"},
	{"accounts the other way round", `
		UPDATE ledger.postings SET debit_account = credit_account, credit_account = debit_account,
			debit_account_debits = credit_account_debits, credit_account_debits = debit_account_debits,
			debit_account_credits = credit_account_credits, credit_account_credits = debit_account_credits
		WHERE book = '{book}' AND transaction_id = {id}`, "balance_differs leaf_differs running_differs R1"},
	{"what it is of", `UPDATE ledger.transactions SET of_id = {id} - 1 WHERE book = '{book}' AND id = {id}`, "leaf_differs R1"},
	{"a posting removed", `DELETE FROM ledger.postings WHERE book = '{book}' AND transaction_id = {id}`,
		"balance_differs incomplete_postings leaf_differs running_differs R1"},
	{"a transaction removed", `
		DELETE FROM ledger.transactions WHERE book = '{book}' AND id = {id};
		DELETE FROM ledger.postings WHERE book = '{book}' AND transaction_id = {id}`,
		"balance_differs running_differs transaction_removed R1"},
	{"a transaction removed with its leaf", `
		DELETE FROM ledger.transactions WHERE book = '{book}' AND id = {id};
		DELETE FROM ledger.postings WHERE book = '{book}' AND transaction_id = {id};
		DELETE FROM ledger.leaves WHERE book = '{book}' AND transaction_id = {id}`, "balance_differs leaf_removed running_differs"},
	{"a transaction removed and the leaves closed up", `
		DELETE FROM ledger.transactions WHERE book = '{book}' AND id = {id};
		DELETE FROM ledger.postings WHERE book = '{book}' AND transaction_id = {id};
		DELETE FROM ledger.leaves WHERE book = '{book}' AND transaction_id = {id};
		UPDATE ledger.leaves SET leaf = leaf + 100 WHERE book = '{book}' AND leaf > 1;
		UPDATE ledger.leaves SET leaf = leaf - 101 WHERE book = '{book}' AND leaf > 100`,
		"balance_differs leaf_removed running_differs tree_differs"},
	{"a leaf removed", `DELETE FROM ledger.leaves WHERE book = '{book}' AND leaf = 1`, "leaf_removed transaction_added R1"},
	{"the last leaf removed", `DELETE FROM ledger.leaves WHERE book = '{book}' AND leaf = 5`, "leaf_removed transaction_added"},
	{"a leaf's hash", `UPDATE ledger.leaves SET hash = sha256('x') WHERE book = '{book}' AND leaf = 1`,
		"checkpoint_differs leaf_differs tree_differs R1"},
	{"a leaf's transaction", `
		ALTER TABLE ledger.leaves DROP CONSTRAINT leaves_transaction_key;
		UPDATE ledger.leaves SET transaction_id = {id} WHERE book = '{book}' AND leaf = 2`, "leaf_differs transaction_added R1"},
	{"a transaction added behind the sealer", `
		INSERT INTO ledger.transactions (book, id, reference, kind, occurred, asked_day, effective_day, recorded, link)
		VALUES ('{book}', -1, 'X', 'x', '2025-06-02', '2025-06-02', '2025-06-02', '2025-06-02', '');
		INSERT INTO ledger.postings (book, transaction_id, line, debit_account, credit_account, currency, amount, debit_account_debits,
			debit_account_credits, credit_account_debits, credit_account_credits, effective_day, recorded, debit_prev, credit_prev)
		VALUES ('{book}', -1, 0, 'assets:a', 'l:a', 'VND', 1, 1, 0, 0, 1, '2025-06-02', '2025-06-02', 0, 0)`,
		"balance_differs running_differs transaction_added"},
	{"a leaf added", `INSERT INTO ledger.leaves (book, leaf, transaction_id, hash) VALUES ('{book}', 6, -5, sha256('x'))`,
		"transaction_removed tree_differs"},
	{"a seal's root", `UPDATE ledger.seals SET root = sha256('x') WHERE book = '{book}' AND size = 3`, "tree_differs"},
	{"seals removed", `DELETE FROM ledger.seals WHERE book = '{book}' AND size = 6`, "tree_differs"},
	{"all leaves and seals removed", `
		DELETE FROM ledger.seals WHERE book = '{book}'; DELETE FROM ledger.leaves WHERE book = '{book}'`, "checkpoint_differs"},
}

func TestVerifyFindsWhatWasAlteredUnderTheTree(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	owner := pgtest.Owner(t, b.pool)
	private, _ := keys(t)
	for i, c := range treeTamperings {
		book := fmt.Sprintf("T%02d", i)
		b.sealedBook(book)
		published := []ledger.Checkpoint{b.checkpoint(monday, private)}
		var id int64
		if err := owner.QueryRow(ctx, `SELECT id FROM ledger.transactions WHERE book = $1 AND reference = 'R1'`, book).Scan(&id); err != nil {
			t.Fatal(err)
		}
		for _, sql := range strings.Split(c.sql, ";\n") {
			sql = strings.NewReplacer("{book}", book, "{id}", fmt.Sprint(id)).Replace(sql)
			if _, err := owner.Exec(ctx, sql); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
		}
		report, err := b.Verify(ctx, ledger.VerifyOptions{Checkpoints: published})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var kinds []string
		named := false
		for _, f := range report.Findings {
			if f.Book == book {
				kinds = append(kinds, string(f.Kind))
				named = named || f.Transaction == id && (f.Kind == ledger.LeafDiffers || f.Kind == ledger.TransactionRemoved || f.Kind == ledger.TransactionAdded)
			}
		}
		slices.Sort(kinds)
		got := strings.Join(slices.Compact(kinds), " ")
		if named && strings.HasSuffix(c.want, " R1") {
			got += " R1"
		}
		if got != c.want {
			t.Errorf("%s: findings %q, want %q: %+v", c.name, got, c.want, findingsOf(report, book))
		}
	}
}

func findingsOf(r ledger.Report, book string) (of []ledger.Finding) {
	for _, f := range r.Findings {
		if f.Book == book {
			of = append(of, f)
		}
	}
	return of
}

// TestRewrittenHistory: whoever rewrites a transaction, its leaf, the seals and all that follows is held to the
// checkpoint, which is not in the database.
func TestRewrittenHistory(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	owner := pgtest.Owner(t, b.pool)
	private, _ := keys(t)
	b.sealedBook("A01")
	published := []ledger.Checkpoint{b.checkpoint(monday, private)}
	for _, sql := range []string{
		`UPDATE ledger.transactions SET kind = 'other' WHERE book = 'A01' AND reference = 'R4'`,
		`DELETE FROM ledger.leaves`, `DELETE FROM ledger.seals`, `DELETE FROM ledger.nodes`,
	} {
		if _, err := owner.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	b.mustSeal("A01") // the forger's own sealing: everything in the database agrees again
	b.mustVerify()
	report, err := b.Verify(ctx, ledger.VerifyOptions{Checkpoints: published})
	if err != nil || len(report.Findings) != 1 || report.Findings[0].Kind != ledger.CheckpointDiffers ||
		!strings.Contains(report.Findings[0].Detail, "2025-06-02") {
		t.Errorf("%+v, %v", report.Findings, err)
	}
	stranger := ledger.Checkpoint{Day: monday, Trees: []ledger.Tree{{Book: "ZZZ", Size: 1, Root: make([]byte, 32)}}}
	if report, err = b.Verify(ctx, ledger.VerifyOptions{Checkpoints: []ledger.Checkpoint{stranger}}); err != nil ||
		len(report.Findings) != 1 || report.Findings[0].Book != "ZZZ" {
		t.Errorf("a book that is gone: %+v, %v", report.Findings, err)
	}
}

// TestVerifyAcrossPagesAndNodes: a rewritten leaf among many is bounded by the nodes; sealing does not go on upon it.
func TestVerifyAcrossPagesAndNodes(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	b.open("A01", "assets:a", "l:a")
	var batch []ledger.Transaction
	for i := range 10_100 {
		batch = append(batch, move(fmt.Sprint("R", i), "assets:a", "l:a", 1))
	}
	b.mustPost(batch...)
	if first := b.mustStep("A01"); first != ledger.SealAtOnce {
		t.Fatalf("the first step took %d", first)
	}
	if rest := b.mustSeal("A01"); rest != 100 {
		t.Fatalf("then %d were sealed", rest)
	}
	b.settle("A01")
	b.mustVerify()
	owner := pgtest.Owner(t, b.pool)
	if _, err := owner.Exec(ctx, `UPDATE ledger.leaves SET hash = sha256('x') WHERE leaf = 600`); err != nil {
		t.Fatal(err)
	}
	report, err := b.Verify(ctx, ledger.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if said := fmt.Sprint(report.Findings); !strings.Contains(said, "leaves 512 to 767") || !strings.Contains(said, "leaf 600") {
		t.Errorf("findings %+v", report.Findings)
	}
	if _, err := owner.Exec(ctx, `UPDATE ledger.nodes SET hash = sha256('x')`); err != nil {
		t.Fatal(err)
	}
	b.mustPost(move("NEXT", "assets:a", "l:a", 1))
	if _, err := b.SealStep(ctx, "A01"); err == nil || !strings.Contains(err.Error(), "run Verify") {
		t.Errorf("sealing went on upon an altered tree: %v", err)
	}
}

// holdTamperings are done on a book with hold H1 of 5, captured by C1 for 3, and hold H2 of 5, open.
var holdTamperings = []struct{ name, sql, want string }{
	{"nothing", `SELECT 1`, ""},
	{"a pending balance", `UPDATE ledger.balances SET debits_pending = 4 WHERE account = 'assets:bank'`, "pending_differs trial_balance"},
	{"a held amount", `UPDATE ledger.pending SET amount = 6 WHERE transaction_id = 3`, "pending_differs"},
	{"a hold that holds nothing", `DELETE FROM ledger.pending WHERE transaction_id = 3`, "incomplete_postings pending_differs"},
	{"a hold removed", `DELETE FROM ledger.transactions WHERE id = 3`, "expiring_differs incomplete_postings"},
	{"a line of a hold removed", `UPDATE ledger.pending SET line = 1 WHERE transaction_id = 3`, "incomplete_postings"},
	{"a posting that was a hold", `UPDATE ledger.transactions SET phase = 'post', expires = NULL WHERE id = 3`,
		"expiring_differs incomplete_postings"},
	{"more captured than held", `UPDATE ledger.pending SET amount = 2 WHERE transaction_id = 1`, "capture_differs"},
	{"captured for another", `UPDATE ledger.pending SET credit_account = 'l:fee' WHERE transaction_id = 1`, "capture_differs"},
	{"a capture of nothing", `UPDATE ledger.transactions SET of_id = 99 WHERE id = 2`, "capture_differs expiring_differs of_differs pending_differs"},
	{"a capture of itself", `UPDATE ledger.transactions SET of_id = 2 WHERE id = 2`, "capture_differs expiring_differs of_differs pending_differs"},
	{"a correction of a hold", `UPDATE ledger.transactions SET phase = 'post' WHERE id = 2`, "expiring_differs of_differs pending_differs"},
	{"a void that posts", `UPDATE ledger.transactions SET phase = 'void' WHERE id = 2`, "incomplete_postings"},
	{"a capture after its time", `UPDATE ledger.transactions SET expires = '2025-06-01' WHERE id = 1`, "hold_overdue"},
	{"resolved twice", `
		DROP INDEX ledger.transactions_resolution_key;
		INSERT INTO ledger.transactions (book, id, reference, kind, occurred, asked_day, effective_day, recorded, link, phase, of_id)
		SELECT book, 90, 'V9', kind, occurred, asked_day, effective_day, recorded, link, 'void', 1 FROM ledger.transactions WHERE id = 1`,
		"of_differs"},
	{"an expiry before its time", `
		INSERT INTO ledger.transactions (book, id, reference, kind, occurred, asked_day, effective_day, recorded, link, phase, of_id)
		SELECT book, 90, 'E9', kind, occurred, asked_day, effective_day, recorded, link, 'expiry', 3 FROM ledger.transactions WHERE id = 3`,
		"expiring_differs hold_overdue pending_differs"},
	{"a hold off the list", `DELETE FROM ledger.expiring`, "expiring_differs"},
	{"a time on the list", `UPDATE ledger.expiring SET expires = expires + interval '1 day'`, "expiring_differs"},
	{"a resolved hold on the list", `INSERT INTO ledger.expiring (book, expires, hold_id) VALUES ('A01', '2025-07-01', 1)`,
		"expiring_differs"},
	{"held on an account that is not open", `UPDATE ledger.pending SET debit_account = 'assets:none' WHERE transaction_id = 3`,
		"account_unfit pending_differs"},
	{"held in another currency", `UPDATE ledger.pending SET currency = 'USD' WHERE transaction_id = 3`, "account_unfit"},
}

func TestVerifyFindsWhatIsWrongWithHolds(t *testing.T) {
	for _, c := range holdTamperings {
		t.Run(c.name, func(t *testing.T) {
			b := start(t)
			b.open("A01", "assets:bank", "l:pay", "l:fee")
			b.hold("H1", "assets:bank", "l:pay", 5)
			b.resolve("C1", ledger.Capture, "H1", ledger.Posting{Debit: "assets:bank", Credit: "l:pay", Amount: 3, Currency: "VND"})
			b.hold("H2", "assets:bank", "l:pay", 5)
			b.mustVerify()
			owner := pgtest.Owner(t, b.pool)
			for _, sql := range strings.Split(c.sql, ";\n") {
				if _, err := owner.Exec(context.Background(), sql); err != nil {
					t.Fatal(err)
				}
			}
			report, err := b.Verify(context.Background(), ledger.VerifyOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var kinds []string
			for _, f := range report.Findings {
				kinds = append(kinds, string(f.Kind))
			}
			slices.Sort(kinds)
			if got := strings.Join(slices.Compact(kinds), " "); got != c.want {
				t.Errorf("findings %q, want %q: %+v", got, c.want, report.Findings)
			}
		})
	}
}
