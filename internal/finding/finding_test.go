package finding_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/internal/finding"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var noon = time.Date(2025, 6, 2, 5, 0, 0, 0, time.UTC)

type writer func(context.Context, pgx.Tx, finding.Finding, time.Time) error

func write(t *testing.T, pool *pgxpool.Pool, w writer, f finding.Finding, at time.Time) {
	t.Helper()
	if err := pg.InTx(t.Context(), pool, func(tx pgx.Tx) error { return w(t.Context(), tx, f, at) }); err != nil {
		t.Fatal(err)
	}
}

func list(t *testing.T, pool *pgxpool.Pool, book string) []finding.Finding {
	t.Helper()
	out, err := finding.List(t.Context(), pool, book)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheSameThingIsCountedOnItsFirstRow(t *testing.T) {
	pool := pgtest.New(t)
	f := finding.Finding{Book: "HNI", Kind: finding.WrongAmount, Subject: "a", Detail: map[string]string{"said": "1"}}
	write(t, pool, finding.WriteTx, f, noon)
	f.Detail = map[string]string{"said": "2"}
	write(t, pool, finding.WriteTx, f, noon.Add(time.Minute))
	f.Book = "BCA"
	write(t, pool, finding.WriteTx, f, noon)
	got := list(t, pool, "HNI")
	if len(got) != 1 || got[0].Count != 2 || got[0].Detail["said"] != "1" || !got[0].FirstAt.Equal(noon) || !got[0].LastAt.Equal(noon.Add(time.Minute)) {
		t.Errorf("findings of the book: %+v", got)
	}
	if all := list(t, pool, ""); len(all) != 2 || all[0].Book != "HNI" {
		t.Errorf("all findings, newest first: %+v", all)
	}
}

func TestWhatAnybodyCanCauseHasAnEnd(t *testing.T) {
	pool := pgtest.New(t)
	junk := func(provider, subject string) finding.Finding {
		return finding.Finding{Book: "000", Kind: finding.BadSignature, Subject: subject, Detail: map[string]string{"provider": provider}}
	}
	for i := range finding.Cap + 7 {
		write(t, pool, finding.WriteCappedTx, junk("vnpay", fmt.Sprint(i)), noon)
	}
	write(t, pool, finding.WriteCappedTx, junk("vnpay", "3"), noon)                   // known: counted where it stands
	write(t, pool, finding.WriteCappedTx, junk("momo", "a"), noon)                    // another provider
	write(t, pool, finding.WriteCappedTx, junk("vnpay", "b"), noon.Add(12*time.Hour)) // midnight of Hanoi has passed
	counts := make(map[string]int64)
	for _, f := range list(t, pool, "000") {
		counts[f.Subject] = f.Count
	}
	if len(counts) != finding.Cap+3 {
		t.Errorf("%d findings", len(counts))
	}
	for subject, want := range map[string]int64{"more vnpay 2025-06-02": 7, "3": 2, "a": 1, "b": 1} {
		if counts[subject] != want {
			t.Errorf("%q is counted %d times, want %d", subject, counts[subject], want)
		}
	}
}
