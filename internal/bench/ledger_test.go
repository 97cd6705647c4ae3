package bench

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
	"exchequer/ledger"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// TestEachWayWritesTheSameRows has every way write to its own copy of an empty book, and reads the book with the
// ledger: what stands on the accounts, what was answered, and how many shared a commit.
func TestEachWayWritesTheSameRows(t *testing.T) {
	batch := load{callers: 1, batch: 40}.maker(0, 1).next()
	hand := ledgerCase{load: load{callers: 1, batch: len(batch)}}
	one := ledgerCase{load: load{callers: 1, batch: 1}}
	for _, c := range []struct {
		name    string
		way     way
		commits float64
	}{{"ledger", hand.ours(nil), 1}, {"plain", one.plain(), 40}, {"raw", hand.raw(40), 1}} {
		t.Run(c.name, func(t *testing.T) {
			ctx, s, pool := t.Context(), &server{}, pgtest.New(t)
			err := pg.InTx(ctx, pool, func(tx pgx.Tx) error { return s.openAccounts(ctx, tx, ledger.New(pool, time.Now), time.Now()) })
			if err != nil {
				t.Fatal(err)
			}
			on, err := c.way.open(ctx, "", pool, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			for part := range slices.Chunk(slices.Clone(batch), c.way.batch) {
				if err := on.post(ctx, 0, part); err != nil {
					t.Fatal(err)
				}
			}
			perCommit, err := s.checkBook(ctx, pool, c.name, int64(len(batch)), time.Now)
			if err != nil || perCommit != 40/c.commits {
				t.Errorf("%v postings a commit, %v", perCommit, err)
			}
			balances, err := ledger.New(pool, time.Now).Balances(ctx, ledger.Query{Book: book, Prefix: "assets:"})
			if err != nil {
				t.Fatal(err)
			}
			for i, b := range balances {
				debits, credits := int64(funds), int64(0)
				for _, transfer := range batch {
					if transfer.debit == i {
						debits += transfer.amount
					}
					if transfer.credit == i {
						credits += transfer.amount
					}
				}
				if b.Account != codes[i] || b.DebitsPosted != debits || b.CreditsPosted != credits {
					t.Errorf("%s stands at %d and %d, want %d and %d", b.Account, b.DebitsPosted, b.CreditsPosted, debits, credits)
				}
			}
		})
	}
}

func TestAFaultyBookIsSaid(t *testing.T) {
	ctx, s, pool := context.Background(), &server{}, pgtest.New(t)
	err := pg.InTx(ctx, pool, func(tx pgx.Tx) error { return s.openAccounts(ctx, tx, ledger.New(pool, time.Now), time.Now()) })
	if err != nil {
		t.Fatal(err)
	}
	var faulty *FaultyBook
	if _, err := s.checkBook(ctx, pool, "a run", 1, time.Now); !errors.As(err, &faulty) || !strings.Contains(err.Error(), "1 transactions were answered, 0 stand") {
		t.Errorf("an answered transaction that is not there: %v", err)
	}
	if _, err := pool.Exec(ctx, `UPDATE ledger.balances SET debits_posted = debits_posted + 1 WHERE book = $1 AND account = $2`, book, codes[7]); err != nil {
		t.Fatal(err)
	}
	if _, err := s.checkBook(ctx, pool, "a run", 0, time.Now); !errors.As(err, &faulty) || faulty.Run != "a run" || !strings.Contains(err.Error(), codes[7]) {
		t.Errorf("a balance that is not the sum of its postings: %v", err)
	}
}

func TestTransfersAreAsAskedFor(t *testing.T) {
	seen := map[string]bool{}
	for caller := range 3 {
		for _, hot := range []bool{false, true} {
			seed := uint64(1)
			if hot {
				seed = 2
			}
			for _, tr := range (load{callers: 3, batch: 1000, hot: hot, apart: !hot}).maker(caller, seed).next() {
				if seen[tr.reference] || len(tr.reference) != 16 {
					t.Fatalf("reference %q again or too long", tr.reference)
				}
				seen[tr.reference] = true
				switch {
				case tr.debit == tr.credit || tr.amount <= 0:
					t.Errorf("%+v", tr)
				case hot && tr.debit != 0:
					t.Errorf("hot: %+v", tr)
				case !hot && (tr.debit%3 != caller || tr.credit%3 != caller):
					t.Errorf("caller %d is not apart: %+v", caller, tr)
				}
			}
		}
	}
}

func TestDatabaseURLs(t *testing.T) {
	for _, c := range []struct {
		server      string
		connections int
		want        string
	}{
		{"postgres://u@/a?host=%2Fs", 0, "postgres://u@/b?host=%2Fs"},
		{"postgres://u@/a?host=%2Fs", 7, "postgres://u@/b?host=%2Fs&pool_max_conns=7"},
		{"host=/s dbname=a", 7, "host=/s dbname=a dbname=b pool_max_conns=7"},
	} {
		got := databaseURL(c.server, "b", c.connections)
		if cfg, err := pgx.ParseConfig(got); got != c.want || err != nil || cfg.Database != "b" {
			t.Errorf("%s is %s, want %s: %v", c.server, got, c.want, err)
		}
	}
}

func TestTheProcessesTimeIsRead(t *testing.T) {
	p := readProcess("/proc/self/stat")
	if p.id != int64(os.Getpid()) || p.parent != int64(os.Getppid()) {
		t.Errorf("%+v, want process %d of %d", p, os.Getpid(), os.Getppid())
	}
	if gone := readProcess("/proc/0/stat"); gone != (process{}) {
		t.Errorf("of a process that is not there: %+v", gone)
	}
}
