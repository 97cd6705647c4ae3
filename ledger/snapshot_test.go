package ledger_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"exchequer/internal/pg/pgtest"
	"exchequer/ledger"
)

// fact is a posting or a posting of a hold, as it stands in the tables. A hold has the day and time of what resolved it.
type fact struct {
	debit, credit, kind   string
	amount                int64
	transaction           int64
	line                  int32
	day                   time.Time
	recorded              time.Time
	held                  bool
	released, releasedDay *time.Time
}

func (b *bench) facts(book string) []fact {
	b.t.Helper()
	rows, err := b.pool.Query(context.Background(), `
		SELECT p.debit_account, p.credit_account, t.kind, p.amount, t.id, p.line, t.effective_day, t.recorded, false,
		       NULL::timestamptz, NULL::date
		FROM ledger.postings p JOIN ledger.transactions t ON t.book = p.book AND t.id = p.transaction_id WHERE p.book = $1
		UNION ALL
		SELECT p.debit_account, p.credit_account, t.kind, p.amount, t.id, p.line, t.effective_day, t.recorded, true,
		       r.recorded, r.effective_day
		FROM ledger.pending p JOIN ledger.transactions t ON t.book = p.book AND t.id = p.transaction_id
		LEFT JOIN ledger.transactions r ON r.book = t.book AND r.of_id = t.id
		WHERE p.book = $1`, book)
	if err != nil {
		b.t.Fatal(err)
	}
	facts, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (f fact, err error) {
		err = row.Scan(&f.debit, &f.credit, &f.kind, &f.amount, &f.transaction, &f.line, &f.day, &f.recorded, &f.held,
			&f.released, &f.releasedDay)
		return f, err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return facts
}

// counts reports whether what is of a day and was recorded then is in sight of a query.
func counts(q ledger.Query, day, recorded time.Time) bool {
	return (q.Through.IsZero() || !day.After(q.Through)) && (q.At.IsZero() || !recorded.After(q.At))
}

// plain adds everything up from the beginning.
func plain(facts []fact, account string, q ledger.Query) (s ledger.Balance) {
	for _, f := range facts {
		if !counts(q, f.day, f.recorded) || f.released != nil && counts(q, *f.releasedDay, *f.released) {
			continue
		}
		debits, credits := &s.DebitsPosted, &s.CreditsPosted
		if f.held {
			debits, credits = &s.DebitsPending, &s.CreditsPending
		}
		switch account {
		case f.debit:
			*debits += f.amount
		case f.credit:
			*credits += f.amount
		}
	}
	return s
}

// TestPastIsThePlainSum enters postings, holds and what resolves them, on days behind, now and ahead, by two programs
// whose clocks differ by hours, with closings in between, and asks for balances, movements and statements at times of all
// kinds: they are what adding everything up gives.
func TestPastIsThePlainSum(t *testing.T) {
	t.Parallel()
	b := start(t)
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		book := fmt.Sprintf("P%d", runs)
		b.open(book, "assets:a", "assets:b", "l:c", "l:d")
		now := noon
		programs := []*ledger.Ledger{
			ledger.New(b.pool, func() time.Time { return now }),
			ledger.New(b.pool, func() time.Time { return now.Add(-40 * time.Hour) }),
		}
		var holds []string
		for n := range rapid.IntRange(1, 25).Draw(rt, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(rt, "hours")) * time.Hour)
			today := int(now.Sub(noon) / (24 * time.Hour))
			program := rapid.SampledFrom(programs).Draw(rt, "program")
			if rapid.IntRange(0, 3).Draw(rt, "closes") == 0 {
				day := monday.AddDate(0, 0, today-rapid.IntRange(-1, 2).Draw(rt, "closed day"))
				if err := program.CloseDay(context.Background(), book, day, "tester"); err != nil {
					rt.Fatal(err)
				}
				continue
			}
			tx := drawMove(rt, book, fmt.Sprint("R", n), today)
			if len(holds) > 0 && tx.Phase != ledger.Hold && rapid.Bool().Draw(rt, "resolves") {
				tx.Phase = rapid.SampledFrom([]ledger.Phase{ledger.Capture, ledger.Void}).Draw(rt, "phase")
				tx.Of, holds, tx.Postings = holds[0], holds[1:], nil
			}
			results, err := program.Post(context.Background(), []ledger.Transaction{tx})
			if err != nil || ledger.FirstRefusal(results) != nil {
				rt.Fatalf("%+v: %+v, %v", tx, results, err)
			}
			if tx.Phase == ledger.Hold {
				holds = append(holds, tx.Reference)
			}
		}
		b.compareWithPlain(rt, book, now)
	})
	if found := b.snapshotFindings(); len(found) > 0 {
		t.Errorf("verify: %+v", found)
	}
}

func drawMove(rt *rapid.T, book, reference string, today int) ledger.Transaction {
	pair := rapid.Permutation([]string{"assets:a", "assets:b", "l:c", "l:d"}).Draw(rt, "accounts")
	tx := move(reference, pair[0], pair[1], rapid.Int64Range(1, 1000).Draw(rt, "amount"))
	tx.Book, tx.Kind = book, rapid.SampledFrom([]string{"in", "out"}).Draw(rt, "kind")
	ahead := rapid.SampledFrom([]int{-2, -1, 0, 0, 0, 1, 2, 9}).Draw(rt, "ahead")
	tx.Day = monday.AddDate(0, 0, today+ahead)
	if rapid.IntRange(0, 3).Draw(rt, "holds") == 0 {
		tx.Phase = ledger.Hold
	}
	return tx
}

func (b *bench) compareWithPlain(rt *rapid.T, book string, end time.Time) {
	facts := b.facts(book)
	span := int(end.Sub(noon)/time.Hour) + 60
	for range 4 {
		q := ledger.Query{Book: book}
		if rapid.Bool().Draw(rt, "at a time") {
			q.At = noon.Add(time.Duration(rapid.IntRange(-50, span).Draw(rt, "at")) * time.Hour)
		}
		if rapid.Bool().Draw(rt, "through a day") {
			q.Through = monday.AddDate(0, 0, rapid.IntRange(-3, span/24+9).Draw(rt, "through"))
		}
		balances, err := b.Balances(context.Background(), q)
		if err != nil || len(balances) != 4 {
			rt.Fatal(balances, err)
		}
		for _, got := range balances {
			want := plain(facts, got.Account, q)
			want.Book, want.Account, want.Currency, want.Normal = got.Book, got.Account, got.Currency, got.Normal
			if got != want {
				rt.Fatalf("%+v: %+v, added up %+v", q, got, want)
			}
			if !q.Through.IsZero() {
				one, err := b.BalanceAtDay(context.Background(), ledger.AtDay{Book: book, Account: got.Account, Day: q.Through, At: q.At})
				if err != nil || one != want {
					rt.Fatalf("%+v: alone %+v (%v), added up %+v", q, one, err, want)
				}
			}
		}
		b.compareMovements(rt, facts, q)
		b.compareStatement(rt, facts, q)
	}
}

func (b *bench) compareMovements(rt *rapid.T, facts []fact, q ledger.Query) {
	if q.Through.IsZero() {
		return
	}
	m := ledger.MovementQuery{Book: q.Book, Through: q.Through, At: q.At}
	if rapid.Bool().Draw(rt, "after a day") {
		m.After = q.Through.AddDate(0, 0, -rapid.IntRange(0, 5).Draw(rt, "days"))
	}
	want := make(map[ledger.Movement]int64)
	for _, f := range facts {
		if !f.held && counts(q, f.day, f.recorded) && f.day.After(m.After) {
			want[ledger.Movement{Kind: f.kind, Debit: f.debit, Credit: f.credit, Currency: "VND"}] += f.amount
		}
	}
	b.inTx(func(tx pgx.Tx) error {
		got, err := b.MovementsTx(context.Background(), tx, m)
		if len(got) != len(want) {
			rt.Fatalf("%+v: %+v, added up %+v", m, got, want)
		}
		for _, one := range got {
			key := one
			key.Amount = 0
			if want[key] != one.Amount {
				rt.Fatalf("%+v: %+v, added up %d", m, one, want[key])
			}
		}
		return err
	})
}

// compareStatement reads a statement in pages of random size, by day or by recorded time.
func (b *bench) compareStatement(rt *rapid.T, facts []fact, in ledger.Query) {
	q := ledger.StatementQuery{Book: in.Book, Account: "assets:a", Through: in.Through, At: in.At,
		Limit: rapid.IntRange(1, 5).Draw(rt, "page")}
	before := ledger.Query{At: in.At, Through: monday.AddDate(-1, 0, 0)}
	switch {
	case in.Through.IsZero() && rapid.Bool().Draw(rt, "by recorded time"):
		q.Since = cmp.Or(in.At, noon.Add(90*time.Hour)).Add(-time.Duration(rapid.IntRange(0, 100).Draw(rt, "hours back")) * time.Hour)
		before = ledger.Query{At: q.Since}
	case !in.Through.IsZero() && rapid.Bool().Draw(rt, "from a day"):
		q.From = in.Through.AddDate(0, 0, -rapid.IntRange(0, 5).Draw(rt, "days back"))
		before.Through = q.From.AddDate(0, 0, -1)
	}
	var want []fact
	for _, f := range facts {
		if !f.held && (f.debit == q.Account || f.credit == q.Account) && counts(in, f.day, f.recorded) && !counts(before, f.day, f.recorded) {
			want = append(want, f)
		}
	}
	slices.SortFunc(want, func(f, g fact) int {
		order := f.day.Compare(g.day)
		if !q.Since.IsZero() {
			order = f.recorded.Compare(g.recorded)
		}
		return cmp.Or(order, cmp.Compare(f.transaction, g.transaction), cmp.Compare(f.line, g.line))
	})
	opening := plain(facts, q.Account, before)
	balance := opening.DebitsPosted - opening.CreditsPosted
	for {
		s, err := b.Statement(context.Background(), q)
		if err != nil || s.Opening != balance || len(s.Entries) > len(want) {
			rt.Fatalf("%+v: %+v, %v; want an opening of %d and at most %d entries", q, s, err, balance, len(want))
		}
		for i, e := range s.Entries {
			balance += e.Debit - e.Credit
			if f := want[i]; e.Transaction != f.transaction || e.Debit+e.Credit != f.amount || e.Balance != balance ||
				(e.Debit > 0) != (f.debit == q.Account) || !e.Day.Equal(f.day) || e.Kind != f.kind {
				rt.Fatalf("%+v: entry %+v, want %+v and a balance of %d", q, e, f, balance)
			}
		}
		if s.Closing != balance {
			rt.Fatalf("%+v: closing %d, opening and entries give %d", q, s.Closing, balance)
		}
		if want = want[len(s.Entries):]; s.Next == "" {
			break
		}
		q.Next = s.Next
	}
	if len(want) > 0 {
		rt.Fatalf("%+v: %d entries are missing", q, len(want))
	}
}

func (b *bench) snapshotFindings() (found []ledger.Finding) {
	b.t.Helper()
	report, err := b.Verify(context.Background(), ledger.VerifyOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, f := range report.Findings {
		if f.Kind == ledger.SnapshotDiffers || f.Kind == ledger.ClosingDiffers || f.Kind == ledger.DayDiffers {
			found = append(found, f)
		}
	}
	return found
}

// TestPastCostsTheSameLater asks for the same things of the fourth day when twelve days are closed and when eighty are,
// and closes a day then: as many rows are read, and no table from end to end. One posting was entered far ahead.
func TestPastCostsTheSameLater(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b", "l:c")
	far := move("FAR", "assets:a", "l:b", 1)
	far.Day = monday.AddDate(0, 0, 9)
	b.mustPost(far)
	var at time.Time
	run := func(from, to int) map[string]int64 {
		for n := from; n < to; n++ {
			var day []ledger.Transaction
			for i := range 5 {
				tx := move(fmt.Sprintf("R%d-%d", n, i), "assets:a", []string{"l:b", "l:c"}[i%2], 1)
				tx.Day = monday.AddDate(0, 0, n)
				day = append(day, tx)
			}
			hold := move(fmt.Sprintf("H%d", n), "assets:a", "l:b", 1)
			hold.Day, hold.Phase = monday.AddDate(0, 0, n), ledger.Hold
			void := ledger.Transaction{Book: "A01", Reference: hold.Reference + "V", Kind: "test", Occurred: noon, Day: hold.Day, Phase: ledger.Void, Of: hold.Reference}
			b.mustPost(append(day, hold, void)...)
			if n == 3 {
				_, at = b.lastRecorded()
			}
			if n < to-1 {
				b.closeDay("A01", monday.AddDate(0, 0, n))
			}
		}
		return b.readsOfThePast(monday.AddDate(0, 0, to-1), at)
	}
	first, later := run(0, 13), run(13, 81)
	for what, rows := range first {
		if later[what] > rows+2 || rows == 0 { // a plan may look at the entry after the end of a range
			t.Errorf("%s read %d rows when 12 days were closed, %d when 80 were", what, rows, later[what])
		}
	}
	if found := b.snapshotFindings(); len(found) > 0 {
		t.Errorf("verify: %+v", found)
	}
}

// closeDay closes a day in a database transaction of its own.
func (b *bench) closeDay(book string, day time.Time) {
	b.t.Helper()
	if err := b.CloseDay(context.Background(), book, day, "tester"); err != nil {
		b.t.Fatal(err)
	}
}

var errUndo = errors.New("only asked")

// readsOfThePast gives how many rows each question reads, the last of them the closing of a day.
func (b *bench) readsOfThePast(day, at time.Time) map[string]int64 {
	b.t.Helper()
	ctx := context.Background()
	fourth := monday.AddDate(0, 0, 3)
	through := func(q ledger.Query) func(pgx.Tx) error {
		return func(tx pgx.Tx) error { _, err := b.BalancesTx(ctx, tx, q); return err }
	}
	read := make(map[string]int64)
	for what, ask := range map[string]func(pgx.Tx) error{
		"balances at":             through(ledger.Query{Book: "A01", At: at}),
		"balances through":        through(ledger.Query{Book: "A01", Through: fourth}),
		"balances through and at": through(ledger.Query{Book: "A01", Through: fourth, At: at}),
		"a balance": func(tx pgx.Tx) error {
			_, err := b.BalanceAtDayTx(ctx, tx, ledger.AtDay{Book: "A01", Account: "assets:a", Day: fourth})
			return err
		},
		"movements": func(tx pgx.Tx) error {
			_, err := b.MovementsTx(ctx, tx, ledger.MovementQuery{Book: "A01", After: fourth.AddDate(0, 0, -1), Through: fourth})
			return err
		},
		"a statement": func(tx pgx.Tx) error {
			_, err := b.StatementTx(ctx, tx, ledger.StatementQuery{Book: "A01", Account: "assets:a", From: fourth, Through: fourth})
			return err
		},
		"a statement's second page": func(tx pgx.Tx) error {
			q := ledger.StatementQuery{Book: "A01", Account: "assets:a", From: fourth, Through: fourth, Limit: 2}
			page, err := b.StatementTx(ctx, tx, q)
			if err == nil {
				q.Next = page.Next
				_, err = b.StatementTx(ctx, tx, q)
			}
			return err
		},
		"a statement by recorded time": func(tx pgx.Tx) error {
			_, err := b.StatementTx(ctx, tx, ledger.StatementQuery{Book: "A01", Account: "assets:a", Since: at.Add(-2 * time.Second), At: at})
			return err
		},
		"the closing": func(tx pgx.Tx) error { return b.CloseDayTx(ctx, tx, "A01", day, "tester") },
	} {
		err := pgx.BeginFunc(ctx, b.pool, func(tx pgx.Tx) error {
			scans, rows := readSoFar(b.t, tx)
			if err := ask(tx); err != nil {
				return err
			}
			scansAfter, rowsAfter := readSoFar(b.t, tx)
			if scansAfter > scans {
				b.t.Errorf("%s read a table from end to end", what)
			}
			read[what] = rowsAfter - rows
			return errUndo
		})
		if !errors.Is(err, errUndo) {
			b.t.Fatalf("%s: %v", what, err)
		}
	}
	return read
}

// readSoFar gives the scans of whole tables that may grow with time, and the entries that their indexes gave.
func readSoFar(t testing.TB, tx pgx.Tx) (scans, entries int64) {
	t.Helper()
	err := tx.QueryRow(context.Background(), `
		SELECT sum(pg_stat_get_xact_numscans(c.oid)), sum(i.entries)
		FROM pg_class c
		CROSS JOIN LATERAL (SELECT sum(pg_stat_get_xact_tuples_returned(indexrelid)) AS entries FROM pg_index WHERE indrelid = c.oid) i
		WHERE c.relnamespace = 'ledger'::regnamespace AND c.relkind = 'r' AND c.relname NOT IN ('accounts', 'books', 'balances')`).Scan(&scans, &entries)
	if err != nil {
		t.Fatal(err)
	}
	return scans, entries
}

func TestVerifyFindsTamperedSnapshots(t *testing.T) {
	b := start(t)
	owner := pgtest.Owner(t, b.pool)
	for i, c := range []struct{ name, sql, want string }{
		{"nothing", `SELECT 1`, ""},
		{"posted", `UPDATE ledger.snapshots SET debits_posted = debits_posted + 1 WHERE book = '{book}' AND account = 'assets:a'`, "snapshot_differs"},
		{"pending", `UPDATE ledger.snapshots SET credits_pending = 0 WHERE book = '{book}' AND account = 'l:b'`, "snapshot_differs"},
		{"removed", `DELETE FROM ledger.snapshots WHERE book = '{book}' AND account = 'l:b'`, "snapshot_differs"},
		{"added", `INSERT INTO ledger.snapshots VALUES ('{book}', 'l:b', '2025-06-04', 1, 1, 0, 0, 0, '{}', '{}', '{}', '{}')`, "snapshot_differs"},
		{"of another day", `UPDATE ledger.snapshots SET day = '2025-06-01' WHERE book = '{book}'`, "snapshot_differs"},
		{"where a chain ended", `UPDATE ledger.snapshots SET last_id = 0 WHERE book = '{book}' AND account = 'assets:a'`, "snapshot_differs"},
		{"what is ahead", `UPDATE ledger.snapshots SET ahead_days = '{2025-07-01}', ahead_debits = '{1}', ahead_credits = '{0}', ahead_ids = '{1}'
			WHERE book = '{book}' AND account = 'assets:a'`, "snapshot_differs"},
		{"a closing before what it covers", `UPDATE ledger.periods SET closed = '2025-01-01' WHERE book = '{book}'`, "closing_differs"},
		{"what a closing covers", `UPDATE ledger.periods SET first_recorded = '2026-01-01' WHERE book = '{book}'`, "closing_differs"},
	} {
		book := fmt.Sprintf("B%d", i)
		b.open(book, "assets:a", "l:b")
		post, hold := move("R", "assets:a", "l:b", 5), move("H", "assets:a", "l:b", 3)
		post.Book, hold.Book, hold.Phase = book, book, ledger.Hold
		b.mustPost(post, hold)
		b.closeDay(book, monday)
		if _, err := owner.Exec(context.Background(), replaceBook(c.sql, book)); err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, f := range b.snapshotFindings() {
			if f.Book == book && !slices.Contains(kinds, string(f.Kind)) {
				kinds = append(kinds, string(f.Kind))
			}
		}
		if got := fmt.Sprint(kinds); got != "["+c.want+"]" {
			t.Errorf("%s: findings %s, want %s", c.name, got, c.want)
		}
	}
}

func replaceBook(sql, book string) string { return strings.ReplaceAll(sql, "{book}", book) }
