package reconciliation_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"exchequer/reconciliation"
)

func TestMatchPayments(t *testing.T) {
	one := []reconciliation.Awaited{{Book: "EHN", Ref: "R", Amount: 1_000}}
	net := []reconciliation.Awaited{{Book: "BCA", Ref: "R", Amount: 1_000, KeptBack: true}}
	named := []reconciliation.Awaited{{Book: "EHN", Ref: "R", Amount: 1_000, Named: true}}
	for _, c := range []struct {
		what    string
		awaited []reconciliation.Awaited
		line    reconciliation.Line
		want    string // kind, parts as book amount fee, rest
	}{
		{"exactly", one, reconciliation.Line{Ref: "R", Amount: 1_000}, " [EHN 1000 0] 0"},
		{"with its fee", net, reconciliation.Line{Ref: "R", Amount: 1_000, Fee: 11}, " [BCA 1000 11] 0"},
		{"too low", net, reconciliation.Line{Ref: "R", Amount: 900, Fee: 11}, "amount_differs [BCA 900 11] 0"},
		{"too high", net, reconciliation.Line{Ref: "R", Amount: 1_100, Fee: 11}, "amount_differs [BCA 1000 11] 100"},
		{"a fee where none may be kept", one, reconciliation.Line{Ref: "R", Amount: 1_000, Fee: 11}, "amount_differs [EHN 989 0] 0"},
		{"all of it a fee", net, reconciliation.Line{Ref: "R", Amount: 1_000, Fee: 1_000}, " [BCA 1000 1000] 0"},
		{"a fee above the amount", net, reconciliation.Line{Ref: "R", Amount: 10, Fee: 11}, "amount_differs [] -1"},
		{"nothing", one, reconciliation.Line{Ref: "R"}, "amount_differs [] 0"},
		{"another reference", one, reconciliation.Line{Ref: "r", Amount: 1_000, Fee: 1}, "missing_here [] 999"},
		{"named before", named, reconciliation.Line{Ref: "R", Amount: 1_000}, "duplicate [] 1000"},
	} {
		outcomes, _ := reconciliation.MatchPayments(c.awaited, []reconciliation.Line{c.line})
		var parts []string
		for _, p := range outcomes[0].Parts {
			parts = append(parts, fmt.Sprint(p.Book, " ", p.Amount, " ", p.Fee))
		}
		if got := fmt.Sprint(outcomes[0].Kind, " ", parts, " ", outcomes[0].Rest); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}

// drawn makes payments over three books and a file that names some of them, some twice, some wrong, and strangers.
func drawn(t *rapid.T) ([]reconciliation.Awaited, []reconciliation.Line) {
	var awaited []reconciliation.Awaited
	for i := range rapid.IntRange(0, 8).Draw(t, "payments") {
		for _, book := range []string{"BCA", "EHN", "HNI"} {
			if book == "BCA" || rapid.Bool().Draw(t, "in "+book) {
				awaited = append(awaited, reconciliation.Awaited{
					Book: book, Ref: fmt.Sprint("R", i), Amount: rapid.Int64Range(1, 1_000_000_000).Draw(t, "amount"),
					KeptBack: rapid.Bool().Draw(t, "kept back"), Named: rapid.IntRange(0, 9).Draw(t, "named") == 0,
				})
			}
		}
	}
	lines := make([]reconciliation.Line, rapid.IntRange(0, 12).Draw(t, "lines"))
	for i := range lines {
		l := reconciliation.Line{Ref: fmt.Sprint("R", rapid.IntRange(0, 10).Draw(t, "ref"))}
		for _, a := range awaited {
			if a.Ref == l.Ref {
				l.Amount += a.Amount
			}
		}
		l.Amount = max(0, l.Amount+rapid.SampledFrom([]int64{0, 0, 0, -1_000, 1_000, 7}).Draw(t, "off by"))
		l.Fee = rapid.SampledFrom([]int64{0, 1, 1_100, l.Amount, l.Amount + 1}).Draw(t, "fee")
		lines[i] = l
	}
	return awaited, lines
}

func TestEveryLineEndsOnceAndNothingIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		awaited, lines := drawn(t)
		outcomes, missing := reconciliation.MatchPayments(awaited, lines)
		if len(outcomes) != len(lines) {
			t.Fatalf("%d outcomes of %d lines", len(outcomes), len(lines))
		}
		met := make(map[string]int) // book and reference -> how often
		for i, o := range outcomes {
			net := lines[i].Amount - lines[i].Fee
			for _, p := range o.Parts {
				met[p.Book+lines[i].Ref]++
				net -= p.Amount - p.Fee
				if p.Amount < 0 || p.Amount > p.Expected || p.Fee < 0 || p.Fee > p.Amount {
					t.Fatalf("line %+v: part %+v", lines[i], p)
				}
			}
			if net != o.Rest {
				t.Fatalf("line %+v: %d of it is lost: %+v", lines[i], net-o.Rest, o)
			}
			if o.Kind == reconciliation.Matched && (len(o.Parts) == 0 || o.Rest != 0) {
				t.Fatalf("line %+v matched: %+v", lines[i], o)
			}
		}
		for _, a := range missing {
			met[a.Book+a.Ref]++
		}
		for _, a := range awaited {
			refused := slices.ContainsFunc(lines, func(l reconciliation.Line) bool { return l.Ref == a.Ref })
			if n := met[a.Book+a.Ref]; n > 1 || n == 0 && !a.Named && !refused {
				t.Fatalf("%+v is met or missing %d times", a, n)
			}
		}
	})
}

func TestTheOrderOfWhatIsAwaitedDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		awaited, lines := drawn(t)
		first, missing := reconciliation.MatchPayments(awaited, lines)
		turned := slices.Clone(awaited)
		slices.Reverse(turned)
		second, still := reconciliation.MatchPayments(turned, lines)
		if fmt.Sprint(first, missing) != fmt.Sprint(second, still) {
			t.Fatalf("%+v %+v\n%+v %+v", first, missing, second, still)
		}
	})
}

func TestMatchEntry(t *testing.T) {
	batch := reconciliation.Owed{Match: reconciliation.Settlement, Name: "B", Amount: 900, From: "vnpay"}
	paid := batch
	paid.Done = true
	payout := reconciliation.Owed{Match: reconciliation.Payout, Name: "P", Amount: 900, Book: "EHN"}
	in, out := reconciliation.Entry{Credit: true, Amount: 900}, reconciliation.Entry{Amount: 900}
	less, back := in, in
	less.Amount, back.Reversal = 899, true
	for _, c := range []struct {
		what  string
		entry reconciliation.Entry
		owed  []reconciliation.Owed
		want  string
	}{
		{"a batch", in, []reconciliation.Owed{batch}, "B "},
		{"a batch, less", less, []reconciliation.Owed{batch}, "B credit_differs"},
		{"a batch again", in, []reconciliation.Owed{paid}, "B duplicate"},
		{"a batch after another that is paid", in, []reconciliation.Owed{paid, batch}, "B "},
		{"a batch, taken back", back, []reconciliation.Owed{batch}, " unknown_credit"},
		{"two batches", in, []reconciliation.Owed{batch, {Match: reconciliation.Settlement, Name: "C"}}, " unknown_credit"},
		{"a batch, the wrong way round", out, []reconciliation.Owed{batch}, " unknown_debit"},
		{"nothing", out, nil, " unknown_debit"},
		{"a payout", out, []reconciliation.Owed{payout}, "P "},
		{"a payout, the wrong way round", in, []reconciliation.Owed{payout}, " unknown_credit"},
	} {
		v := reconciliation.MatchEntry(c.entry, c.owed)
		if got := fmt.Sprint(v.Owed.Name, " ", v.Break); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestMentions(t *testing.T) {
	for text, want := range map[string][]string{
		"VNPAY QUYET TOAN VNP20250603-GROSS001": {"VNPAY", "QUYET", "TOAN", "VNP20250603-GROSS001"},
		"ref:FUND-1;nộp":                        {"ref", "FUND-1", "nộp"},
		"(FUND-1). -- VNP/1-2./":                {"FUND-1", "VNP/1-2"},
		"":                                      nil,
	} {
		if got := reconciliation.Mentions(reconciliation.Entry{Credit: true, Remittance: text}); !slices.Equal(got, want) {
			t.Errorf("%q mentions %q, want %q", text, got, want)
		}
	}
	debit := reconciliation.Entry{EndToEndID: "P1", Remittance: "P2"}
	if got := reconciliation.Mentions(debit); !slices.Equal(got, []string{"P1"}) {
		t.Errorf("a debit mentions %q, want its EndToEndId alone", got)
	}
}
