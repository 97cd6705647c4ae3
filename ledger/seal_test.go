package ledger_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"exchequer/internal/pg/pgtest"
	"exchequer/ledger"
)

// mustSeal seals all there is and gives how much that was.
func (b *bench) mustSeal(book string) int {
	b.t.Helper()
	n, err := b.Seal(context.Background(), book)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func (b *bench) mustStep(book string) int {
	b.t.Helper()
	n, err := b.SealStep(context.Background(), book)
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// leaves gives the references in the order of their leaves.
func (b *bench) leaves(book string) string {
	b.t.Helper()
	rows, err := b.pool.Query(context.Background(), `SELECT t.reference FROM ledger.leaves l JOIN ledger.transactions t
		ON t.book = l.book AND t.id = l.transaction_id WHERE l.book = $1 ORDER BY l.leaf`, book)
	if err != nil {
		b.t.Fatal(err)
	}
	references, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.Join(references, " ")
}

func (b *bench) tree(book string) ledger.Tree {
	b.t.Helper()
	trees, err := b.Trees(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	for _, t := range trees {
		if t.Book == book {
			return t
		}
	}
	b.t.Fatalf("no tree of %s", book)
	return ledger.Tree{}
}

// merkle is the tree hash of RFC 6962 section 2.1, written down as it stands there.
func merkle(leaves []string) []byte {
	sum := func(prefix byte, parts ...[]byte) []byte {
		h := sha256.New()
		h.Write([]byte{prefix})
		for _, p := range parts {
			h.Write(p)
		}
		return h.Sum(nil)
	}
	switch len(leaves) {
	case 0:
		h := sha256.Sum256(nil)
		return h[:]
	case 1:
		return sum(0, []byte(leaves[0]))
	}
	k := 1
	for 2*k < len(leaves) {
		k *= 2
	}
	return sum(1, merkle(leaves[:k]), merkle(leaves[k:]))
}

// TestLeafSaysTheTransaction holds the form of a leaf, which other programs rely on, and that the sealed root is the
// one of RFC 6962 over such leaves.
func TestLeafSaysTheTransaction(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:bank", "l:pay", "l:fee")
	tx := move("R1", "assets:bank", "l:pay", 100)
	tx.Postings = append(tx.Postings, ledger.Posting{Debit: "assets:bank", Credit: "l:fee", Amount: 7, Currency: "VND"})
	tx.Link, tx.Metadata = "LINE-1", map[string]string{"b": "<2>", "a": "1", "dòng": "\u2028"}
	b.mustPost(tx)
	b.mustSeal("A01")
	want := `exchequer ledger leaf v1
book A01
id 1
reference R1
phase post
kind test
occurred 2025-06-02T05:00:00.000000Z
asked 2025-06-02
effective 2025-06-02
recorded 2025-06-02T05:00:01.000000Z
link LINE-1
of
expires
metadata ` + fmt.Sprintf("%x", sha256.Sum256([]byte(`{"a":"1","b":"<2>","dòng":"\u2028"}`))) + `
posting 0 assets:bank l:pay VND 100
posting 1 assets:bank l:fee VND 7
`
	if got := b.tree("A01"); got.Size != 1 || string(got.Root) != string(merkle([]string{want})) {
		_, p := b.proof("A01", "R1")
		t.Errorf("size %d; the leaf says\n%s\nwant\n%s", got.Size, p.Content, want)
	}
}

// TestHeldLeaf: what a hold sets aside is in its leaf, and what names another transaction too.
func TestHeldLeaf(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:bank", "l:pay")
	b.hold("H1", "assets:bank", "l:pay", 5)
	b.resolve("V1", ledger.Void, "H1")
	b.mustSeal("A01")
	_, p := b.proof("A01", "H1")
	if !strings.Contains(p.Content, "\nphase hold\n") || !strings.HasSuffix(p.Content, "\npending 0 assets:bank l:pay VND 5\n") ||
		!strings.Contains(p.Content, "\nexpires 2025-07-01T00:00:00.000000Z\n") {
		t.Errorf("the hold's leaf says\n%s", p.Content)
	}
	if _, p = b.proof("A01", "V1"); !strings.Contains(p.Content, "\nphase void\n") || !strings.Contains(p.Content, "\nof 1\n") {
		t.Errorf("the void's leaf says\n%s", p.Content)
	}
	b.mustVerify()
}

// hold holds an amount in book A01 until July.
func (b *bench) hold(reference, debit, credit string, amount int64) {
	b.t.Helper()
	tx := move(reference, debit, credit, amount)
	tx.Phase, tx.Expires = ledger.Hold, time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC)
	b.mustPost(tx)
}

// resolve captures or voids a hold.
func (b *bench) resolve(reference string, phase ledger.Phase, of string, postings ...ledger.Posting) {
	b.t.Helper()
	tx := move(reference, "", "", 0)
	tx.Phase, tx.Of, tx.Postings = phase, of, postings
	b.mustPost(tx)
}

// TestOvertakenTransactionIsSealed: a transaction that drew a lower id and commits later than others is not passed by.
func TestOvertakenTransactionIsSealed(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	b.open("A01", "assets:a", "l:a", "assets:b", "l:b")
	b.mustPost(move("FIRST", "assets:a", "l:a", 1))
	b.mustSeal("A01")
	slow, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Rollback(ctx)
	if _, err := b.PostTx(ctx, slow, []ledger.Transaction{move("SLOW", "assets:a", "l:a", 1)}); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		b.mustPost(move(fmt.Sprint("FAST", i), "assets:b", "l:b", 1))
		if n := b.mustStep("A01"); n != 1 {
			t.Fatalf("step %d took %d", i, n)
		}
		b.mustVerify()
	}
	var below, slowID int64
	if err := slow.QueryRow(ctx, `SELECT id FROM ledger.transactions WHERE reference = 'SLOW'`).Scan(&slowID); err != nil {
		t.Fatal(err)
	}
	if err := b.pool.QueryRow(ctx, `SELECT max(sealed_below) FROM ledger.seals WHERE book = 'A01'`).Scan(&below); err != nil || below > slowID {
		t.Fatalf("%v: sealed below %d with transaction %d under way", err, below, slowID)
	}
	if got := b.unsealed(); got != 0 {
		t.Errorf("%d unsealed, want none in sight", got)
	}
	if err := slow.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if got := b.unsealed(); got != 1 {
		t.Errorf("%d unsealed, want the slow one", got)
	}
	b.mustSeal("A01")
	if got := b.leaves("A01"); got != "FIRST FAST0 FAST1 FAST2 FAST3 FAST4 SLOW" {
		t.Errorf("leaves %s", got)
	}
	b.settle("A01")
	b.mustVerify()
}

func (b *bench) unsealed() int64 {
	b.t.Helper()
	n, err := b.Unsealed(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// settle steps on until nothing is written any more, as an idle book's sealer does.
func (b *bench) settle(book string) {
	b.t.Helper()
	count := func() (n int) {
		if err := b.pool.QueryRow(context.Background(), `SELECT count(*) FROM ledger.seals WHERE book = $1`, book).Scan(&n); err != nil {
			b.t.Fatal(err)
		}
		return n
	}
	var below, highest int64
	for before := -1; before != count() || below <= highest; {
		before = count()
		b.mustStep(book)
		err := b.pool.QueryRow(context.Background(), `SELECT max(s.sealed_below), (SELECT max(id) FROM ledger.transactions WHERE book = $1)
			FROM ledger.seals s WHERE s.book = $1`, book).Scan(&below, &highest)
		if err != nil {
			b.t.Fatal(err)
		}
	}
}

// TestIdleBookWritesNothing, and one that comes to rest is sealed below an id above all of its own after a few steps.
func TestIdleBookWritesNothing(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:a")
	if b.mustStep("A01") != 0 || b.tree("A01").Size != 0 {
		t.Error("a book without transactions was sealed")
	}
	b.mustPost(move("R1", "assets:a", "l:a", 1))
	b.mustStep("A01")
	b.settle("A01")
	var seals int
	if err := b.pool.QueryRow(context.Background(), `SELECT count(*) FROM ledger.seals`).Scan(&seals); err != nil || seals > 3 {
		t.Errorf("%d seals of one transaction (%v)", seals, err)
	}
}

// TestSealStepLeavesTheTurn: while somebody seals a book another does nothing, and Seal waits.
func TestSealStepLeavesTheTurn(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	b.open("A01", "assets:a", "l:a")
	b.mustPost(move("R1", "assets:a", "l:a", 1))
	other, err := b.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Rollback(ctx)
	if _, err := other.Exec(ctx, `SELECT pg_advisory_xact_lock(x'6c6467'::int, hashtext('A01'))`); err != nil {
		t.Fatal(err)
	}
	if n := b.mustStep("A01"); n != 0 {
		t.Errorf("took %d in another's turn", n)
	}
	sealed := make(chan int)
	go func() {
		n, err := b.Seal(ctx, "A01")
		if err != nil {
			t.Error(err)
		}
		sealed <- n
	}()
	b.waitForLockWait()
	if err := other.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if n := <-sealed; n != 1 {
		t.Errorf("took %d after the other's turn", n)
	}
}

// TestSealEnds though as much is posted meanwhile as it takes: only what was there before has to have its leaf.
func TestSealEnds(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:a")
	rounds := 0
	post := func() {
		rounds++
		for half := range 2 {
			batch := make([]ledger.Transaction, ledger.SealAtOnce/2)
			for i := range batch {
				batch[i] = move(fmt.Sprintf("R%d-%d-%d", rounds, half, i), "assets:a", "l:a", 1)
			}
			b.mustPost(batch...)
		}
	}
	post()
	sealer := ledger.New(b.pool, func() time.Time {
		if rounds < 3 {
			post()
		}
		return noon
	})
	if n, err := sealer.Seal(context.Background(), "A01"); err != nil || n != ledger.SealAtOnce {
		t.Errorf("took %d (%v), want what was there before: %d", n, err, ledger.SealAtOnce)
	}
}

// TestRestoredDatabase: the numbers of database transactions begin anew on another server.
func TestRestoredDatabase(t *testing.T) {
	b := start(t)
	owner := pgtest.Owner(t, b.pool)
	b.open("A01", "assets:a", "l:a")
	b.mustPost(move("R1", "assets:a", "l:a", 1))
	b.mustSeal("A01")
	if _, err := owner.Exec(context.Background(), `UPDATE ledger.seals SET mark_xid = 1::bigint << 60`); err != nil {
		t.Fatal(err)
	}
	b.mustPost(move("R2", "assets:a", "l:a", 1))
	b.mustStep("A01")
	b.mustPost(move("R3", "assets:a", "l:a", 1))
	b.mustStep("A01")
	b.settle("A01")
	if got := b.leaves("A01"); got != "R1 R2 R3" {
		t.Errorf("leaves %s", got)
	}
	b.mustVerify()
}

// TestEveryTransactionHasOneLeaf has posters commit and roll back while sealers step, in random turns.
func TestEveryTransactionHasOneLeaf(t *testing.T) {
	t.Parallel()
	b := start(t)
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		book := fmt.Sprintf("S%d", run)
		const posters = 3
		var accounts []string
		for i := range posters {
			accounts = append(accounts, fmt.Sprintf("assets:%d", i), fmt.Sprintf("l:%d", i))
		}
		b.open(book, accounts...)
		var open [posters]pgx.Tx
		posted := 0
		for step := range rapid.IntRange(5, 20).Draw(rt, "steps") {
			who := rapid.IntRange(0, posters-1).Draw(rt, "who")
			switch rapid.IntRange(0, 3).Draw(rt, "does") {
			case 0, 1:
				if open[who] == nil {
					open[who] = b.postOpen(rt, book, who, step)
				} else if rapid.Bool().Draw(rt, "commits") {
					posted++
					must(rt, open[who].Commit(context.Background()))
					open[who] = nil
				} else {
					must(rt, open[who].Rollback(context.Background()))
					open[who] = nil
				}
			case 2:
				_, err := b.SealStep(context.Background(), book)
				must(rt, err)
			case 3:
				_, err := b.Seal(context.Background(), book)
				must(rt, err)
			}
		}
		for _, tx := range open {
			if tx != nil {
				posted++
				must(rt, tx.Commit(context.Background()))
			}
		}
		b.mustSeal(book)
		var leaves, transactions int
		must(rt, b.pool.QueryRow(context.Background(), `SELECT (SELECT count(*) FROM ledger.leaves WHERE book = $1),
			(SELECT count(DISTINCT transaction_id) FROM ledger.leaves WHERE book = $1)`, book).Scan(&leaves, &transactions))
		if leaves != posted || transactions != posted {
			rt.Fatalf("%d leaves of %d transactions, %d were posted", leaves, transactions, posted)
		}
	})
	b.mustVerify() // each leaf is the right one, each transaction has one
}

func (b *bench) postOpen(rt *rapid.T, book string, who, step int) pgx.Tx {
	tx, err := b.pool.Begin(context.Background())
	must(rt, err)
	t := move(fmt.Sprintf("R%d", step), fmt.Sprintf("assets:%d", who), fmt.Sprintf("l:%d", who), int64(step+1))
	t.Book = book
	_, err = b.PostTx(context.Background(), tx, []ledger.Transaction{t})
	must(rt, err)
	return tx
}

func must(rt *rapid.T, err error) {
	rt.Helper()
	if err != nil {
		rt.Fatal(err)
	}
}

// TestSealingBesidePosting: posters and sealers of two programs at once, over more leaves than a kept node spans.
func TestSealingBesidePosting(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	var accounts []string
	for i := range 4 {
		accounts = append(accounts, fmt.Sprintf("assets:%d", i), fmt.Sprintf("l:%d", i))
	}
	b.open("A01", accounts...)
	var posters, sealers sync.WaitGroup
	for p := range 4 {
		posters.Go(func() {
			for round := range 20 {
				var batch []ledger.Transaction
				for i := range 20 {
					batch = append(batch, move(fmt.Sprintf("R%d-%d-%d", p, round, i), accounts[2*p], accounts[2*p+1], 1))
				}
				if _, err := b.Post(ctx, batch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	for range 2 {
		sealers.Go(func() {
			for {
				if _, err := b.SealStep(ctx, "A01"); err != nil {
					t.Error(err)
				}
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond): // lets postings in between; the outcome does not depend on it
				}
			}
		})
	}
	posters.Wait()
	close(done)
	sealers.Wait()
	b.mustSeal("A01")
	if got := b.tree("A01").Size; got != 4*20*20 {
		t.Errorf("%d leaves", got)
	}
	b.settle("A01")
	b.mustVerify()
}

// TestSealingReadsOnlyItsRows seals on one connection, which keeps its plans while the tables grow from nothing.
func TestSealingReadsOnlyItsRows(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	b.open("A01", "assets:a", "l:a")
	config := b.pool.Config()
	config.MaxConns = 1
	one, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	sealer := ledger.New(one, func() time.Time { return noon })
	for round := range 12 {
		var batch []ledger.Transaction
		for i := range 100 {
			batch = append(batch, move(fmt.Sprintf("R%d-%d", round, i), "assets:a", "l:a", 1))
		}
		b.mustPost(batch...)
		if n, err := sealer.SealStep(ctx, "A01"); err != nil || n != 100 {
			t.Fatalf("took %d, %v", n, err)
		}
		if _, err := sealer.Unsealed(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one.Exec(ctx, `SELECT pg_stat_force_next_flush()`); err != nil {
		t.Fatal(err)
	}
	rows, err := b.pool.Query(ctx, `SELECT format('%s %s', relname, seq_scan) FROM pg_stat_user_tables
		WHERE schemaname = 'ledger' AND relname IN ('leaves', 'nodes', 'seals', 'postings', 'pending') AND seq_scan > 0`)
	if err != nil {
		t.Fatal(err)
	}
	scanned, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(scanned) > 0 {
		t.Errorf("read from end to end: %s (%v)", slices.Compact(scanned), err)
	}
}

// BenchmarkSeal seals transactions of one posting each, and says what a leaf takes in tables and indexes.
func BenchmarkSeal(b *testing.B) {
	l := start(b)
	ctx := context.Background()
	l.open("A01", "assets:a", "l:a")
	for left := 100_000; left > 0; left -= 5_000 {
		var batch []ledger.Transaction
		for i := range 5_000 {
			batch = append(batch, move(fmt.Sprintf("R%d", left-i), "assets:a", "l:a", 1))
		}
		l.mustPost(batch...)
	}
	taken := 0
	for b.Loop() {
		n, err := l.SealStep(ctx, "A01")
		if err != nil || n == 0 {
			break
		}
		taken += n
	}
	b.ReportMetric(float64(taken)/b.Elapsed().Seconds(), "leaves/s")
	var bytes int64
	err := l.pool.QueryRow(ctx, `SELECT sum(pg_total_relation_size(t)) FROM unnest(ARRAY['ledger.leaves', 'ledger.nodes', 'ledger.seals']::regclass[]) t`).Scan(&bytes)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(bytes)/float64(taken), "bytes/leaf")
	began := time.Now()
	l.mustVerify()
	b.Logf("verify of %d transactions: %s", l.tree("A01").Size, time.Since(began))
}
