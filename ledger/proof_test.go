package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"exchequer/ledger"
)

// keys of a test, private and public.
func keys(t testing.TB) (private, public string) {
	t.Helper()
	private, public, err := ledger.NewCheckpointKey("test")
	if err != nil {
		t.Fatal(err)
	}
	return private, public
}

// checkpoint signs the trees as they are sealed.
func (b *bench) checkpoint(day time.Time, private string) ledger.Checkpoint {
	b.t.Helper()
	trees, err := b.Trees(context.Background())
	if err != nil {
		b.t.Fatal(err)
	}
	c, err := ledger.SignCheckpoint(day, trees, private)
	if err != nil {
		b.t.Fatal(err)
	}
	return c
}

// proof proves a transaction by a checkpoint of now, and gives the public key too.
func (b *bench) proof(book, reference string) (public string, p ledger.Proof) {
	b.t.Helper()
	private, public := keys(b.t)
	p, err := b.Prove(context.Background(), ledger.ProofQuery{Book: book, Reference: reference,
		Checkpoints: []ledger.Checkpoint{b.checkpoint(monday, private)}})
	if err != nil {
		b.t.Fatal(err)
	}
	return public, p
}

// TestEveryLeafIsProved at several sizes of the tree, across kept nodes, by the first checkpoint that has it.
func TestEveryLeafIsProved(t *testing.T) {
	b := start(t)
	private, public := keys(t)
	b.open("A01", "assets:a", "l:a")
	var checkpoints []ledger.Checkpoint
	posted := 0
	for day, more := range []int{1, 2, 253, 1, 300, 210} {
		var batch []ledger.Transaction
		for range more {
			batch = append(batch, move(fmt.Sprint("R", posted), "assets:a", "l:a", 1))
			posted++
		}
		b.mustPost(batch...)
		b.mustSeal("A01")
		checkpoints = append(checkpoints, b.checkpoint(monday.AddDate(0, 0, day), private))
	}
	for n := 0; n < posted; n += 3 + n%17 {
		p, err := b.Prove(context.Background(), ledger.ProofQuery{Book: "A01", Reference: fmt.Sprint("R", n), Checkpoints: checkpoints})
		if err != nil {
			t.Fatal(err)
		}
		c, err := ledger.CheckProof(p, public)
		if err != nil || !strings.Contains(p.Content, fmt.Sprintf("\nreference R%d\n", n)) {
			t.Fatalf("R%d: %v\n%s", n, err, p.Content)
		}
		if tree, _ := c.Tree("A01"); tree.Size <= int64(n) || n == 0 && tree.Size != 1 {
			t.Errorf("R%d is proved by a tree of %d", n, tree.Size)
		}
	}
}

// TestForgedProofsAreRefused changes each part of a good proof.
func TestForgedProofsAreRefused(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:a")
	b.open("B01", "assets:a", "l:a")
	for i := range 5 {
		b.mustPost(move(fmt.Sprint("R", i), "assets:a", "l:a", 1))
	}
	b.mustSeal("A01")
	public, good := b.proof("A01", "R2")
	if _, err := ledger.CheckProof(good, public); err != nil {
		t.Fatal(err)
	}
	_, others := keys(t)
	if _, err := ledger.CheckProof(good, others); err == nil {
		t.Error("another's key was taken")
	}
	for name, forge := range map[string]func(p *ledger.Proof){
		"amount":       func(p *ledger.Proof) { p.Content = strings.Replace(p.Content, "VND 1", "VND 2", 1) },
		"leaf":         func(p *ledger.Proof) { p.Leaf++ },
		"leaf below 0": func(p *ledger.Proof) { p.Leaf = -1 },
		"leaf too far": func(p *ledger.Proof) { p.Leaf = p.Size },
		"size":         func(p *ledger.Proof) { p.Size-- },
		"a hash":       func(p *ledger.Proof) { p.Hashes[0] = append([]byte{p.Hashes[0][0] ^ 1}, p.Hashes[0][1:]...) },
		"a hash less":  func(p *ledger.Proof) { p.Hashes = p.Hashes[1:] },
		"a hash more":  func(p *ledger.Proof) { p.Hashes = append(p.Hashes, p.Hashes[0]) },
		"book":         func(p *ledger.Proof) { p.Book = "B01" },
		"unknown book": func(p *ledger.Proof) { p.Book = "C01" },
		"root": func(p *ledger.Proof) {
			p.Checkpoint = strings.Replace(p.Checkpoint, "A01 5 ", "A01 5 A", 1)
		},
		"signature": func(p *ledger.Proof) { p.Checkpoint = strings.SplitN(p.Checkpoint, "\n\n", 2)[0] + "\n\n" },
	} {
		raw, err := json.Marshal(good)
		if err != nil {
			t.Fatal(err)
		}
		var forged ledger.Proof
		if err := json.Unmarshal(raw, &forged); err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.CheckProof(forged, public); err != nil {
			t.Fatalf("%s: the proof does not survive JSON: %v", name, err)
		}
		forge(&forged)
		if _, err := ledger.CheckProof(forged, public); err == nil {
			t.Errorf("a proof with another %s was taken", name)
		}
	}
}

func TestProofsThatCannotBeGiven(t *testing.T) {
	b := start(t)
	private, _ := keys(t)
	b.open("A01", "assets:a", "l:a")
	b.mustPost(move("R1", "assets:a", "l:a", 1))
	ask := func(reference string, c ...ledger.Checkpoint) error {
		_, err := b.Prove(context.Background(), ledger.ProofQuery{Book: "A01", Reference: reference, Checkpoints: c})
		return err
	}
	before := b.checkpoint(monday, private)
	if err := ask("NONE", before); !errors.Is(err, ledger.ErrUnknownReference) {
		t.Errorf("unknown: %v", err)
	}
	if err := ask("R1", before); !errors.Is(err, ledger.ErrNotCheckpointed) {
		t.Errorf("not sealed: %v", err)
	}
	b.mustSeal("A01")
	if err := ask("R1", before); !errors.Is(err, ledger.ErrNotCheckpointed) {
		t.Errorf("sealed after the checkpoint: %v", err)
	}
	if err := ask("R1", before, b.checkpoint(monday.AddDate(0, 0, 1), private)); err != nil {
		t.Error(err)
	}
}

func TestCheckpointsText(t *testing.T) {
	private, public := keys(t)
	tree := ledger.Tree{Book: "A01", Size: 3, Root: make([]byte, 32)}
	c, err := ledger.SignCheckpoint(monday, []ledger.Tree{tree, {Book: "B01", Root: make([]byte, 32)}}, private)
	if err != nil {
		t.Fatal(err)
	}
	zeros := strings.Repeat("A", 43) + "="
	if want := "exchequer ledger\n2025-06-02\nA01 3 " + zeros + "\nB01 0 " + zeros + "\n\n— test "; !strings.HasPrefix(string(c.Signed), want) {
		t.Errorf("it says\n%s", c.Signed)
	}
	if again, err := ledger.PublicCheckpointKey(private); err != nil || again != public {
		t.Errorf("public key %s (%v), want %s", again, err, public)
	}
	opened, err := ledger.OpenCheckpoint(c.Signed, public+"\n")
	if got, ok := opened.Tree("A01"); err != nil || !ok || got.Size != 3 || !opened.Day.Equal(monday) {
		t.Errorf("%+v, %v", opened, err)
	}
	for name, trees := range map[string][]ledger.Tree{
		"books out of order": {{Book: "B01", Root: tree.Root}, tree},
		"a book twice":       {tree, tree},
		"a short root":       {{Book: "A01", Root: []byte{1}}},
		"a size below 0":     {{Book: "A01", Size: -1, Root: tree.Root}},
		"a book with a line": {{Book: "A01 3\nB", Root: tree.Root}},
	} {
		if _, err := ledger.SignCheckpoint(monday, trees, private); err == nil {
			t.Errorf("%s were signed", name)
		}
	}
	if _, err := ledger.SignCheckpoint(noon, nil, private); err == nil {
		t.Error("an instant was taken for a day")
	}
}

// A receipt's holder checks, with the public key alone, that the payment stood in the ledger on that day.
func ExampleCheckProof() {
	ctx := context.Background()
	runExample(func(pool *pgxpool.Pool) error {
		day := time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC)
		l := ledger.New(pool, func() time.Time { return day })
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			return l.OpenAccountsTx(ctx, tx, []ledger.Account{
				{Book: "A01", Code: "assets:bank", Currency: "VND", Normal: ledger.Debit},
				{Book: "A01", Code: "liabilities:payable", Currency: "VND", Normal: ledger.Credit},
			})
		})
		if err != nil {
			return err
		}
		_, err = l.Post(ctx, []ledger.Transaction{{
			Book: "A01", Reference: "PAY-1", Kind: "paid", Occurred: day, Day: day,
			Postings: []ledger.Posting{{Debit: "assets:bank", Credit: "liabilities:payable", Amount: 100_000, Currency: "VND"}},
		}})
		if err != nil {
			return err
		}

		// At the end of the day the gateway seals its books and publishes a checkpoint.
		if _, err := l.Seal(ctx, "A01"); err != nil {
			return err
		}
		trees, err := l.Trees(ctx)
		if err != nil {
			return err
		}
		private, public, err := ledger.NewCheckpointKey("gateway")
		if err != nil {
			return err
		}
		published, err := ledger.SignCheckpoint(day, trees, private)
		if err != nil {
			return err
		}
		proof, err := l.Prove(ctx, ledger.ProofQuery{Book: "A01", Reference: "PAY-1", Checkpoints: []ledger.Checkpoint{published}})
		if err != nil {
			return err
		}

		// Anywhere else, later.
		c, err := ledger.CheckProof(proof, public)
		if err != nil {
			return err
		}
		lines := strings.Split(proof.Content, "\n")
		fmt.Println(c.Day.Format(time.DateOnly), lines[3], lines[len(lines)-2])
		proof.Content = strings.Replace(proof.Content, "100000", "900000", 1)
		_, err = ledger.CheckProof(proof, public)
		fmt.Println(err)
		return nil
	})
	// Output:
	// 2025-06-02 reference PAY-1 posting 0 assets:bank liabilities:payable VND 100000
	// ledger: leaf 0 of book A01 does not lead to the checkpoint's root: the transaction or the tree was altered
}
