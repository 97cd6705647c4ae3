package ledger_test

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

// resultCases: the accounts before ("code=balance", ">0" where it may not go below zero, "!" where it is closed), the
// postings of one transaction ("debit<-credit amount currency"), and the result ("code field account").
var resultCases = []struct{ name, before, postings, want string }{
	{"one posting", "assets:a l:b", "assets:a<-l:b 5", "posted"},
	{"two postings", "assets:a l:b l:c", "assets:a<-l:b 5, assets:a<-l:c 7", "posted"},
	{"the most int64", "assets:a l:b", "assets:a<-l:b 9223372036854775807", "posted"},
	{"down to zero", "assets:a>0=5 l:b=5", "l:b<-assets:a 5", "posted"},
	{"unlimited goes below zero", "assets:a=5 l:b=5", "l:b<-assets:a 6", "posted"},
	{"below zero inside, not at the end", "assets:a>0=5 l:b=5", "l:b<-assets:a 9, assets:a<-l:b 9", "posted"},
	{"debit account below zero", "assets:a>0=5 l:b=5", "l:b<-assets:a 6", "limit postings[0].amount assets:a"},
	{"credit account below zero", "assets:a=5 l:b>0=5", "l:b<-assets:a 6", "limit postings[0].amount l:b"},
	{"below zero by the second posting", "assets:a>0=5 l:b l:c", "l:b<-assets:a 3, l:c<-assets:a 3", "limit postings[0].amount assets:a"},
	{"no postings", "assets:a", "", "no_postings postings"},
	{"zero amount", "assets:a l:b", "assets:a<-l:b 0", "invalid_amount postings[0].amount"},
	{"negative amount", "assets:a l:b", "assets:a<-l:b 1, assets:a<-l:b -1", "invalid_amount postings[1].amount"},
	{"same account", "assets:a", "assets:a<-assets:a 1", "same_account postings[0].credit assets:a"},
	{"unknown debit", "l:b", "assets:a<-l:b 1", "unknown_account postings[0].debit assets:a"},
	{"unknown credit", "assets:a", "assets:a<-l:b 1", "unknown_account postings[0].credit l:b"},
	{"unknown after a good one", "assets:a l:b", "assets:a<-l:b 1, assets:a<-l:c 1", "unknown_account postings[1].credit l:c"},
	{"closed debit", "assets:a! l:b", "assets:a<-l:b 1", "closed_account postings[0].debit assets:a"},
	{"closed credit", "assets:a l:b!", "assets:a<-l:b 1", "closed_account postings[0].credit l:b"},
	{"other currency", "assets:a l:b", "assets:a<-l:b 1 USD", "currency_mismatch postings[0].currency assets:a"},
	{"debits over int64", "assets:a=1 l:b", "assets:a<-l:b 9223372036854775807", "overflow postings[0].amount assets:a"},
	{"credits over int64", "assets:a l:b=1", "assets:a<-l:b 9223372036854775807", "overflow postings[0].amount l:b"},
	{"over int64 by the second posting", "assets:a l:b l:c", "assets:a<-l:b 9223372036854775807, assets:a<-l:c 1", "overflow postings[1].amount assets:a"},
}

func TestResults(t *testing.T) {
	b := start(t)
	for i, c := range resultCases {
		book := fmt.Sprintf("B%02d", i)
		b.before(book, c.before)
		was := b.balances(ledger.Query{Book: book})
		tx := move("R", "", "", 0)
		tx.Book, tx.Postings = book, postings(t, c.postings)
		good := move("GOOD", "assets:neighbour", "equity:start", 1)
		good.Book = book
		r := b.post(tx, good)
		if got := shown(r[0]); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if r[1].Code != ledger.Posted {
			t.Errorf("%s: its neighbour was answered %s", c.name, r[1].Code)
		}
		now := strings.Replace(b.balances(ledger.Query{Book: book}), "assets:neighbour 1", "assets:neighbour 0", 1)
		now = strings.Replace(now, "equity:start 1", "equity:start 0", 1)
		if !r[0].OK() && !strings.Contains(c.before, "=") && now != was {
			t.Errorf("%s: refused, but balances went from %s to %s", c.name, was, now)
		}
	}
	b.mustVerify()
}

// before opens the accounts of a case and brings them to their balances against equity:start.
func (b *bench) before(book, accounts string) {
	b.t.Helper()
	b.open(book, "assets:neighbour", "equity:start")
	for i, spec := range strings.Fields(accounts) {
		spec, closed := strings.CutSuffix(spec, "!")
		spec, balance, _ := strings.Cut(spec, "=")
		b.open(book, spec)
		a := definition(book, spec)
		if amount, _ := strconv.ParseInt(balance, 10, 64); amount > 0 {
			first := move(fmt.Sprintf("START%d", i), a.Code, "equity:start", amount)
			if a.Normal == ledger.Credit {
				first = move(first.Reference, "equity:start", a.Code, amount)
			}
			first.Book = book
			b.mustPost(first)
		}
		if closed {
			b.inTx(func(tx pgx.Tx) error { return b.CloseAccountTx(context.Background(), tx, book, a.Code) })
		}
	}
}

func postings(t *testing.T, text string) []ledger.Posting {
	t.Helper()
	var all []ledger.Posting
	for _, one := range strings.Split(text, ", ") {
		if one == "" {
			continue
		}
		debit, rest, _ := strings.Cut(one, "<-")
		f := strings.Fields(rest)
		amount, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		p := ledger.Posting{Debit: debit, Credit: f[0], Amount: amount, Currency: "VND"}
		if len(f) > 2 {
			p.Currency = f[2]
		}
		all = append(all, p)
	}
	return all
}

func shown(r ledger.Result) string {
	return strings.TrimSpace(strings.Join(strings.Fields(fmt.Sprintf("%s %s %s", r.Code, r.Field, r.Account)), " "))
}

func TestMalformed(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b")
	cases := []struct {
		name   string
		change func(*ledger.Transaction)
		want   string
	}{
		{"no book", func(x *ledger.Transaction) { x.Book = "" }, "invalid_field book"},
		{"unknown book", func(x *ledger.Transaction) { x.Book = "NOT" }, "unknown_account postings[0].debit assets:a"},
		{"no reference", func(x *ledger.Transaction) { x.Reference = "" }, "invalid_field reference"},
		{"reference with a space", func(x *ledger.Transaction) { x.Reference = "A B" }, "invalid_field reference"},
		{"long reference", func(x *ledger.Transaction) { x.Reference = strings.Repeat("A", 129) }, "invalid_field reference"},
		{"no kind", func(x *ledger.Transaction) { x.Kind = "" }, "invalid_field kind"},
		{"link over lines", func(x *ledger.Transaction) { x.Link = "a\nb" }, "invalid_field link"},
		{"no occurred", func(x *ledger.Transaction) { x.Occurred = time.Time{} }, "invalid_field occurred"},
		{"day with an hour", func(x *ledger.Transaction) { x.Day = noon }, "invalid_field day"},
		{"NUL in an account", func(x *ledger.Transaction) { x.Postings[0].Debit = "a\x00" }, "unknown_account postings[0].debit a\x00"},
		{"NUL in metadata", func(x *ledger.Transaction) { x.Metadata = map[string]string{"a": "\x00"} }, "invalid_field metadata"},
		{"metadata that is not text", func(x *ledger.Transaction) { x.Metadata = map[string]string{"a": "\xff"} }, "invalid_field metadata"},
		{"large metadata", func(x *ledger.Transaction) { x.Metadata = map[string]string{"a": strings.Repeat("x", 16<<10)} }, "metadata_too_large metadata"},
		{"10,001 postings", func(x *ledger.Transaction) {
			for range ledger.MaxPostings {
				x.Postings = append(x.Postings, x.Postings[0])
			}
		}, "too_many_postings postings"},
	}
	for _, c := range cases {
		tx := move("R", "assets:a", "l:b", 1)
		c.change(&tx)
		if got := shown(b.post(tx)[0]); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got := b.balances(ledger.Query{}); got != "assets:a 0; l:b 0" {
		t.Errorf("malformed transactions were posted: %s", got)
	}
}

func TestRepeatedReference(t *testing.T) {
	first := move("R", "assets:a", "l:b", math.MaxInt32)
	first.Link, first.Metadata = "L1", map[string]string{"order": "1"}
	first.Occurred = noon.Add(123456789 * time.Nanosecond)
	cases := []struct {
		name   string
		change func(*ledger.Transaction)
		want   string
	}{
		{"equal", func(*ledger.Transaction) {}, "duplicate"},
		{"equal in another zone", func(x *ledger.Transaction) {
			x.Occurred, x.Day = x.Occurred.In(time.FixedZone("ICT", 7*3600)), x.Day.In(time.FixedZone("EST", -5*3600))
		}, "duplicate"},
		{"kind", func(x *ledger.Transaction) { x.Kind = "other" }, "reference_reused kind"},
		{"occurred", func(x *ledger.Transaction) { x.Occurred = x.Occurred.Add(time.Second) }, "reference_reused occurred"},
		{"day", func(x *ledger.Transaction) { x.Day = x.Day.AddDate(0, 0, 1) }, "reference_reused day"},
		{"link", func(x *ledger.Transaction) { x.Link = "L2" }, "reference_reused link"},
		{"metadata value", func(x *ledger.Transaction) { x.Metadata = map[string]string{"order": "2"} }, "reference_reused metadata"},
		{"metadata gone", func(x *ledger.Transaction) { x.Metadata = nil }, "reference_reused metadata"},
		{"amount", func(x *ledger.Transaction) { x.Postings[0].Amount++ }, "reference_reused postings[0].amount"},
		{"credit account", func(x *ledger.Transaction) { x.Postings[0].Credit = "l:c" }, "reference_reused postings[0].credit"},
		{"one posting more", func(x *ledger.Transaction) { x.Postings = append(x.Postings, x.Postings[0]) }, "reference_reused postings"},
	}
	for _, where := range []string{"in one batch", "in another"} {
		b := start(t)
		b.open("A01", "assets:a", "l:b", "l:c")
		batch := []ledger.Transaction{first}
		for _, c := range cases {
			again := first
			again.Postings = append([]ledger.Posting(nil), first.Postings...)
			c.change(&again)
			batch = append(batch, again)
		}
		var results []ledger.Result
		if where == "in one batch" {
			results = b.post(batch...)
		} else {
			for _, x := range batch {
				results = append(results, b.post(x)...)
			}
		}
		for i, c := range cases {
			r := results[i+1]
			if got := shown(r); got != c.want {
				t.Errorf("%s, %s: %s, want %s", c.name, where, got, c.want)
			}
			if r.Code == ledger.Duplicate && (r.ID != results[0].ID || !r.Day.Equal(results[0].Day)) {
				t.Errorf("%s, %s: answered %+v, the first was %+v", c.name, where, r, results[0])
			}
		}
		if got, want := b.balances(ledger.Query{}), "assets:a 2147483647; l:b 2147483647; l:c 0"; got != want {
			t.Errorf("%s: balances %s, want %s", where, got, want)
		}
	}
}

func TestRefusedReferenceMayBeUsedAgain(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a>0", "l:b")
	r := b.post(move("R", "l:b", "assets:a", 1), move("R", "assets:a", "l:b", 1), move("R2", "l:b", "assets:a", 1))
	if shown(r[0]) != "limit postings[0].amount assets:a" || r[1].Code != ledger.Posted || r[2].Code != ledger.Posted {
		t.Errorf("results %+v: limits and references must be decided in the order given", r)
	}
}
