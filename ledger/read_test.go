package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

func TestWhatWasPostedIsReadBack(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b", "l:c")
	b.open("B02", "assets:a", "l:b")
	sent := []ledger.Transaction{move("R1", "assets:a", "l:b", 100), move("H1", "assets:a", "l:b", 50), move("C1", "assets:a", "l:b", 20),
		move("H2", "assets:a", "l:b", 5), move("H3", "assets:a", "l:b", 7), {}}
	sent[0].Postings = append(sent[0].Postings, ledger.Posting{Debit: "assets:a", Credit: "l:c", Amount: 1, Currency: "VND"})
	sent[0].Metadata, sent[0].Link = map[string]string{"order": "7"}, "line-1"
	sent[1].Phase, sent[1].Expires = ledger.Hold, noon.Add(time.Hour)
	sent[2].Phase, sent[2].Of = ledger.Capture, "H1"
	sent[3].Phase, sent[4].Phase = ledger.Hold, ledger.Hold
	sent[5] = move("V2", "assets:a", "l:b", 1)
	sent[5].Phase, sent[5].Of, sent[5].Postings = ledger.Void, "H2", nil
	results := b.mustPost(sent...)
	other := move("R1", "assets:a", "l:b", 3)
	other.Book = "B02"
	b.mustPost(other)

	var read []string
	for after := int64(0); ; {
		page, err := b.Transactions(context.Background(), ledger.Page{Book: "A01", After: after, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, r := range page {
			read = append(read, fmt.Sprint(r.ID, " ", r.Reference, " ", r.Phase, " ", r.Of, " ", len(r.Postings)))
			one, err := b.Transaction(context.Background(), "A01", r.Reference)
			if err != nil || fmt.Sprint(one) != fmt.Sprint(r) {
				t.Errorf("alone it is %+v (%v), in the list %+v", one, err, r)
			}
			if r.Recorded.Before(noon) || !r.Effective.Equal(monday) {
				t.Errorf("times of %+v", r)
			}
			after = r.ID
		}
	}
	var want []string
	for i, s := range sent {
		want = append(want, fmt.Sprint(results[i].ID, " ", s.Reference, " ", s.Phase, " ", s.Of, " ", len(s.Postings)))
	}
	if !slices.Equal(read, want) {
		t.Errorf("read  %q\nwant %q", read, want)
	}
	first, err := b.Transaction(context.Background(), "A01", "R1")
	if err != nil || fmt.Sprint(first.Postings, first.Metadata, first.Link) != fmt.Sprint(sent[0].Postings, sent[0].Metadata, sent[0].Link) {
		t.Errorf("%+v, %v", first, err)
	}
	for _, reference := range []string{"", "R2", "r1", "a\x00b", "\xff"} {
		if _, err := b.Transaction(context.Background(), "A01", reference); !errors.Is(err, ledger.ErrUnknownReference) {
			t.Errorf("%q: %v", reference, err)
		}
	}
	if got := b.holds(t); got != "H1 capture C1; H2 void V2; H3  " {
		t.Errorf("holds %q", got)
	}
}

// holds reads all holds of A01, one a page.
func (b *bench) holds(t *testing.T) string {
	t.Helper()
	var lines []string
	for after := int64(0); ; {
		page, err := b.Holds(context.Background(), ledger.Page{Book: "A01", After: after, Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return strings.Join(lines, "; ")
		}
		h := page[0]
		if len(page) != 1 || len(h.Postings) != 1 {
			t.Errorf("%+v", page)
		}
		lines = append(lines, fmt.Sprint(h.Reference, " ", h.Resolution, " ", h.By))
		after = h.ID
	}
}

// TestAPageEndsAtItsPostings: what a page takes does not grow with how long its transactions are.
func TestAPageEndsAtItsPostings(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b")
	var sent []ledger.Transaction
	for i, n := range []int{ledger.MaxPostings - 1, 1, ledger.MaxPostings, 1, 1} {
		tx := move(fmt.Sprint("R", i), "assets:a", "l:b", 1)
		tx.Postings = slices.Repeat(tx.Postings, n)
		if i >= 2 {
			tx.Phase = ledger.Hold
		}
		sent = append(sent, tx)
	}
	results := b.mustPost(sent...)
	var sizes []int
	for after := int64(0); after < results[4].ID; {
		page, err := b.Transactions(context.Background(), ledger.Page{Book: "A01", After: after})
		if err != nil || len(page) == 0 {
			t.Fatal(len(page), err)
		}
		sizes, after = append(sizes, len(page)), page[len(page)-1].ID
	}
	if !slices.Equal(sizes, []int{2, 1, 2}) {
		t.Errorf("pages of %v", sizes)
	}
	if held, err := b.Holds(context.Background(), ledger.Page{Book: "A01"}); err != nil || len(held) != 1 {
		t.Errorf("%d holds (%v)", len(held), err)
	}
}

func TestAccountsAreListed(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a>0", "l:b", "l:c")
	b.open("B02", "assets:z")
	b.inTx(func(tx pgx.Tx) error { return b.CloseAccountTx(context.Background(), tx, "A01", "l:b") })
	all, err := b.Accounts(context.Background(), "A01", "", 2)
	if err != nil || len(all) != 2 || all[0].Account != definition("A01", "assets:a>0") || !all[0].Closed.IsZero() || all[0].Opened.IsZero() ||
		all[1].Code != "l:b" || all[1].Closed.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
	rest, err := b.Accounts(context.Background(), "A01", "l:b", 0)
	if err != nil || len(rest) != 1 || rest[0].Code != "l:c" {
		t.Errorf("%+v, %v", rest, err)
	}
}

// TestPagesAreReadAlongAnIndex reads the last page of tables that nobody analysed.
func TestPagesAreReadAlongAnIndex(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b")
	var many []ledger.Transaction
	for i := range 3000 {
		h := move(fmt.Sprintf("H%d", i), "assets:a", "l:b", 1)
		h.Phase = ledger.Hold
		many = append(many, h)
	}
	results := b.mustPost(many...)
	after := results[len(results)-3].ID
	for name, read := range map[string]func(ledger.Page) (int, error){
		"transactions": func(p ledger.Page) (int, error) {
			l, err := b.Transactions(context.Background(), p)
			return len(l), err
		},
		"holds": func(p ledger.Page) (int, error) { l, err := b.Holds(context.Background(), p); return len(l), err },
	} {
		before := b.rowsRead(t)
		n, err := read(ledger.Page{Book: "A01", After: after, Limit: 100})
		if err != nil || n != 2 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
		if rows := b.rowsRead(t) - before; rows > 50 {
			t.Errorf("%s: %d rows were read for two", name, rows)
		}
	}
}

// rowsRead is how many rows of the ledger's large tables were read so far, by any plan.
func (b *bench) rowsRead(t *testing.T) (n int64) {
	t.Helper()
	b.pool.Reset() // a connection tells what it read when it ends
	for range 200 {
		var others int
		if err := b.pool.QueryRow(context.Background(), `
			SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&others); err != nil {
			t.Fatal(err)
		}
		if others == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	err := b.pool.QueryRow(context.Background(), `
		SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables
		WHERE schemaname = 'ledger' AND relname IN ('transactions', 'pending', 'postings')`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
