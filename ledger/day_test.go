package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/ledger"
)

func TestClosedDayTakesNothing(t *testing.T) {
	b := start(t)
	ctx := context.Background()
	b.open("A01", "assets:a", "l:b")
	b.open("A02", "assets:a", "l:b")
	closeDay := func(n int) {
		b.inTx(func(tx pgx.Tx) error { return b.CloseDayTx(ctx, tx, "A01", monday.AddDate(0, 0, n), "tester") })
	}
	day := func(reference, book string, asked int) int {
		tx := move(reference, "assets:a", "l:b", 1)
		tx.Book, tx.Day = book, monday.AddDate(0, 0, asked).In(time.FixedZone("EST", -5*3600)) // the same instant
		return int(b.mustPost(tx)[0].Day.Sub(monday) / (24 * time.Hour))
	}
	steps := []struct {
		name        string
		closed      int // closed before the step; -1 for none
		book        string
		asked, want int
	}{
		{"open", -1, "A01", 0, 0},
		{"before anything was closed", -1, "A01", -400, -400},
		{"closed", 0, "A01", 0, 1},
		{"earlier than the closed one", -1, "A01", -1, 1},
		{"later stays", -1, "A01", 5, 5},
		{"another book is open", -1, "A02", 0, 0},
		{"days in between are closed too", 4, "A01", 2, 5},
		{"closing an earlier one changes nothing", 3, "A01", 4, 5},
	}
	for i, s := range steps {
		if s.closed >= 0 {
			closeDay(s.closed)
		}
		if got := day(string(rune('A'+i)), s.book, s.asked); got != s.want {
			t.Errorf("%s: entered on day %d, want %d", s.name, got, s.want)
		}
	}
	through, err := b.ClosedThrough(ctx, "A01")
	if err != nil || !through.Equal(monday.AddDate(0, 0, 4)) {
		t.Errorf("closed through %s (%v), want day 4", through, err)
	}
	if closed, err := b.Closed(ctx, "A02", monday); err != nil || closed {
		t.Errorf("book A02 closed %t (%v), want open", closed, err)
	}
	b.mustVerify()
}

func TestCloseDayRefuses(t *testing.T) {
	b := start(t)
	for name, day := range map[string]time.Time{"an instant": noon, "none": {}, "a day of an unknown book": monday} {
		err := pgx.BeginFunc(context.Background(), b.pool, func(tx pgx.Tx) error {
			return b.CloseDayTx(context.Background(), tx, "NOT", day, "tester")
		})
		if err == nil {
			t.Errorf("closing %s was taken", name)
		}
	}
}

func TestBalancesAtATime(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b", "l:c")
	tuesday := monday.AddDate(0, 0, 1)
	b.mustPost(move("R1", "assets:a", "l:b", 1))
	late := move("R2", "assets:a", "l:c", 10)
	late.Day = tuesday
	b.mustPost(late)
	_, between := b.lastRecorded()
	b.mustPost(move("R3", "assets:a", "l:b", 100)) // of Monday, recorded last
	cases := []struct {
		name string
		q    ledger.Query
		want string
	}{
		{"now", ledger.Query{}, "assets:a 111; l:b 101; l:c 10"},
		{"prefix", ledger.Query{Book: "A01", Prefix: "l:"}, "l:b 101; l:c 10"},
		{"unknown book", ledger.Query{Book: "NOT"}, ""},
		{"through Monday", ledger.Query{Through: monday.In(time.FixedZone("EST", -5*3600))}, "assets:a 101; l:b 101; l:c 0"},
		{"through Tuesday", ledger.Query{Through: tuesday}, "assets:a 111; l:b 101; l:c 10"},
		{"as known before the last", ledger.Query{At: between}, "assets:a 11; l:b 1; l:c 10"},
		{"through Monday as known before the last", ledger.Query{At: between, Through: monday}, "assets:a 1; l:b 1; l:c 0"},
		{"before everything", ledger.Query{At: noon.Add(-time.Hour)}, "assets:a 0; l:b 0; l:c 0"},
	}
	for _, c := range cases {
		if got := b.balances(c.q); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	one, err := b.BalanceAtDay(context.Background(), ledger.AtDay{Book: "A01", Account: "assets:a", Day: monday, At: between})
	if err != nil || one.Net() != 1 || one.DebitsPosted != 1 {
		t.Errorf("assets:a at Monday was %+v (%v), want 1", one, err)
	}
	none, err := b.BalanceAtDay(context.Background(), ledger.AtDay{Book: "A01", Account: "assets:none", Day: monday})
	if err != nil || none.Net() != 0 {
		t.Errorf("an account that is not open: %+v (%v)", none, err)
	}
}

func (b *bench) lastRecorded() (id int64, at time.Time) {
	b.t.Helper()
	err := b.pool.QueryRow(context.Background(), `SELECT id, recorded FROM ledger.transactions ORDER BY id DESC LIMIT 1`).Scan(&id, &at)
	if err != nil {
		b.t.Fatal(err)
	}
	return id, at
}

func TestOpenAccounts(t *testing.T) {
	b := start(t)
	good := definition("A01", "assets:a>0")
	change := func(f func(*ledger.Account)) ledger.Account { a := good; f(&a); return a }
	cases := []struct {
		name     string
		accounts []ledger.Account
		refused  bool
	}{
		{"first", []ledger.Account{good}, false},
		{"again, twice, with another", []ledger.Account{good, definition("A01", "l:b"), good}, false},
		{"other side", []ledger.Account{change(func(a *ledger.Account) { a.Normal = ledger.Credit })}, true},
		{"other limit", []ledger.Account{change(func(a *ledger.Account) { a.Limits = 0 })}, true},
		{"other currency", []ledger.Account{change(func(a *ledger.Account) { a.Currency = "USD" })}, true},
		{"two definitions at once", []ledger.Account{definition("A01", "l:new"), definition("A01", "l:new>0")}, true},
		{"bad code", []ledger.Account{change(func(a *ledger.Account) { a.Code = "assets::a" })}, true},
		{"bad book", []ledger.Account{change(func(a *ledger.Account) { a.Book = "A 1" })}, true},
		{"bad currency", []ledger.Account{change(func(a *ledger.Account) { a.Currency = "vnd" })}, true},
		{"no side", []ledger.Account{change(func(a *ledger.Account) { a.Normal = "" })}, true},
		{"unknown limit", []ledger.Account{change(func(a *ledger.Account) { a.Limits = 6 })}, true},
	}
	for _, c := range cases {
		err := pgx.BeginFunc(context.Background(), b.pool, func(tx pgx.Tx) error {
			return b.OpenAccountsTx(context.Background(), tx, c.accounts)
		})
		if _, refused := errors.AsType[*ledger.AccountError](err); refused != c.refused || !refused && err != nil {
			t.Errorf("%s: %v, want refused %t", c.name, err, c.refused)
		}
	}
	if got := b.balances(ledger.Query{}); got != "assets:a 0; l:b 0" {
		t.Errorf("open accounts: %s", got)
	}
}

func TestCloseAccountRefusesWhatIsNotEmpty(t *testing.T) {
	b := start(t)
	b.open("A01", "assets:a", "l:b")
	b.mustPost(move("R1", "assets:a", "l:b", 1))
	for _, code := range []string{"assets:a", "assets:none"} {
		err := pgx.BeginFunc(context.Background(), b.pool, func(tx pgx.Tx) error {
			return b.CloseAccountTx(context.Background(), tx, "A01", code)
		})
		if _, refused := errors.AsType[*ledger.AccountError](err); !refused {
			t.Errorf("closing %s: %v, want a refusal", code, err)
		}
	}
}
