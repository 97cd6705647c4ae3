package settlement_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/finding"
	"exchequer/internal/pg"
	"exchequer/internal/pg/pgtest"
	"exchequer/internal/problem"
	"exchequer/internal/publication"
	"exchequer/internal/settlement"
	"exchequer/providers"
)

// shared is a world in which BODYG's B1 goes to the treasury and B2, what the collector keeps, to its own bank account.
func shared(t *testing.T) *world {
	w := newWorld(t)
	w.accounts(toTreasury, toBank)
	return w
}

const (
	toTreasury = "BODYG,B1,treasury,3511.0,KB 0011,2020-01-01,"
	toBank     = "BODYG,B2,bank,7000,VCB,2020-01-01,"
)

// proposeTo gives the payouts by the account they go to.
func proposeTo(w *world) map[string]settlement.Payout {
	w.t.Helper()
	list, err := w.Propose(w.t.Context(), asking, w.today())
	w.ok(err)
	out := make(map[string]settlement.Payout)
	for _, p := range list {
		out[p.To] = p
	}
	if len(out) != len(list) {
		w.t.Fatalf("two payouts to one account: %+v", list)
	}
	return out
}

func (w *world) approve(payouts ...settlement.Payout) {
	w.t.Helper()
	for _, p := range payouts {
		_, err := w.Approve(w.t.Context(), deciding, p.Ref)
		w.ok(err)
	}
}

// A payment is confirmed, settled, shared out to two accounts and seen on the bank's statement; the days close.
func TestASplitChargeIsPaidOutToEachOfItsAccounts(t *testing.T) {
	t.Parallel()
	w := shared(t)
	d := newDesk(w)
	first, second := w.pay("GRO", 100_000, 0), w.pay("GRO", 60_001, 0)
	d.statement(monday)
	w.on(tuesday)
	d.batch(tuesday, "B-0603",
		providers.SettlementLine{Reference: first, ProviderID: "1", Amount: 100_000},
		providers.SettlementLine{Reference: second, ProviderID: "2", Amount: 60_001})
	w.toBank(160_001)
	d.statement(tuesday, entry{160_001, tuesday, "B-0603"})
	w.on(wednesday)
	run, err := w.Run(t.Context(), asking, wednesday)
	w.ok(err)
	if len(run.Payouts) != 2 {
		t.Fatalf("got %+v, want a payout to each account", run.Payouts)
	}
	bank, treasury := run.Payouts[1], run.Payouts[0]
	wantTo := func(p settlement.Payout, to, at, budget string, amount int64, line int) {
		t.Helper()
		if p.To != to || p.At != at || p.Amount != amount || !slices.Equal(p.Lines, []settlement.PayoutLine{{Budget: budget, Amount: amount}}) {
			t.Errorf("got %+v, want %d under %s to %s at %s", p, amount, budget, to, at)
		}
		for _, it := range p.Items {
			if it.Line != line {
				t.Errorf("%s holds line %d of %s", to, it.Line, it.Attempt)
			}
		}
	}
	wantTo(treasury, "3511.0", "KB 0011", "B1", 75_000+45_001, 1)
	wantTo(bank, "7000", "VCB", "B2", 25_000+15_000, 2)
	w.approve(run.Payouts...)
	w.ok(w.send())
	d.statement(wednesday, entry{-treasury.Amount, wednesday, treasury.Ref}, entry{-bank.Amount, wednesday, bank.Ref})
	for _, p := range run.Payouts {
		if got := state(w, p); got != settlement.Executed {
			t.Errorf("the payout to %s is %s", p.To, got)
		}
	}
	for _, p := range w.bank.Book().Payouts {
		if p.CreditorAccount != "3511.0" && p.CreditorAccount != "7000" || p.CreditorAgent == "" {
			t.Errorf("the bank was told %+v", p)
		}
	}
	for _, day := range []calendar.Date{monday, tuesday, wednesday} {
		c := w.close(day)
		if day == wednesday && (c.Books[1].Payable.Closing != 0 || c.Books[1].Payout.Executed != 160_001 || c.Books[1].Bank != 0) {
			t.Errorf("Wednesday: %+v", c.Books[1])
		}
	}
	w.sound()
}

// One of a payment's two payouts is turned down: by a person, or by the bank. The other stands, and what comes free is
// proposed again, no more and no less.
func TestOneOfTwoPayoutsOfAPaymentComesFree(t *testing.T) {
	t.Parallel()
	w := shared(t)
	w.settle(w.pay("GRO", 100_000, 0), 0)
	payouts := proposeTo(w)
	_, err := w.Reject(t.Context(), deciding, payouts["3511.0"].Ref, "wrong_day")
	w.ok(err)
	again := proposeTo(w)
	if len(again) != 1 || again["3511.0"].Amount != 75_000 {
		t.Fatalf("after a rejection: %+v", again)
	}
	w.approve(payouts["7000"], again["3511.0"])
	jobs, honest := w.started(), w.Bank
	w.Bank = refusing{}
	for _, j := range jobs {
		if j.Ref == payouts["7000"].Ref {
			w.ok(w.HandleSend(t.Context(), j))
		}
	}
	w.Bank = honest
	for _, j := range jobs {
		if j.Ref != payouts["7000"].Ref {
			w.ok(w.HandleSend(t.Context(), j))
		}
	}
	if w.net("GRO", "liabilities:payable:BODYG:B2") != 25_000 || w.net("GRO", "liabilities:payable:BODYG:B1") != 0 {
		t.Error("the refused payout is not owed again, or the other one is")
	}
	last := proposeTo(w)
	if len(last) != 1 || last["7000"].Amount != 25_000 {
		t.Fatalf("after the bank's refusal: %+v", last)
	}
	w.approve(last["7000"])
	w.sound()
}

func TestALineIsPaidOutOnceWhateverItsAccount(t *testing.T) {
	t.Parallel()
	w := shared(t)
	w.settle(w.pay("GRO", 100_000, 0), 0)
	payouts := proposeTo(w)
	w.approve(payouts["3511.0"], payouts["7000"])
	w.settle(w.pay("GRO", 40_000, 0), 0)
	w.accounts(strings.Replace(toTreasury, "3511.0", "8888.0", 1), toBank)
	if later := proposeTo(w); len(later) != 2 || later["8888.0"].Amount != 30_000 || later["7000"].Amount != 10_000 {
		t.Fatalf("with another account: %+v, want the second payment alone", later)
	}
	other := proposeOther(w)
	err := pg.InTx(t.Context(), w.Pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO gateway.payout_item (book, payout, attempt, line, amount)
			SELECT book, $1, attempt, line, amount FROM gateway.payout_item WHERE payout = $2`, other, payouts["3511.0"].Ref)
		return err
	})
	if !pg.IsUnique(err, "payout_item_once") {
		t.Errorf("the table took a line into a second payout: %v", err)
	}
}

// proposeOther gives the reference of a payout of another payment.
func proposeOther(w *world) string {
	w.t.Helper()
	w.settle(w.pay("GRO", 1_000, 0), 0)
	for _, p := range proposeTo(w) {
		return p.Ref
	}
	w.t.Fatal("nothing was proposed")
	return ""
}

func TestAPayoutToAnAccountThatIsNoLongerInForceIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.accounts("BODYG,B1,treasury,3511.0,KB 0011,2020-01-01,2025-06-02", "BODYG,B1,treasury,3512.0,KB 0011,2025-06-03,", toBank)
	w.settle(w.pay("GRO", 100_000, 0), 0)
	payouts := proposeTo(w)
	w.on(tuesday)
	w.approve(payouts["7000"])
	stale := payouts["3511.0"]
	if _, err := w.Approve(t.Context(), deciding, stale.Ref); problem.CodeOf(err) != problem.Conflict || !strings.Contains(err.Error(), "propose again") {
		t.Fatalf("an account that was closed overnight was paid to: %v", err)
	}
	if got := state(w, stale); got != settlement.Proposed || w.net("GRO", "liabilities:payout") != 25_000 {
		t.Fatalf("the refusal left the payout %s and %d instructed", got, w.net("GRO", "liabilities:payout"))
	}
	if pending := proposeTo(w); len(pending) != 0 {
		t.Fatalf("proposed while the first waits: %+v", pending)
	}
	_, err := w.Reject(t.Context(), asking, stale.Ref, "account_closed")
	w.ok(err)
	// The day that is settled is Monday's still; the account is that of the day on which the bank is told.
	list, err := w.Propose(t.Context(), asking, monday)
	w.ok(err)
	if len(list) != 1 || list[0].To != "3512.0" || list[0].Amount != 75_000 {
		t.Fatalf("got %+v", list)
	}
	w.approve(list...)
	w.sound()
}

// The same number at another treasury unit is another account.
func TestAnAccountIsItsNumberAndWhoKeepsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.accounts(toTreasury, "BODYG,B2,treasury,3511.0,KB 0012,2020-01-01,")
	w.settle(w.pay("GRO", 100_000, 0), 0)
	list, err := w.Propose(t.Context(), asking, monday)
	w.ok(err)
	if len(list) != 2 || list[0].At != "KB 0011" || list[1].At != "KB 0012" {
		t.Fatalf("got %+v", list)
	}
	w.accounts(strings.Replace(toTreasury, "0011", "0013", 1), "BODYG,B2,treasury,3511.0,KB 0012,2020-01-01,")
	if _, err := w.Approve(t.Context(), deciding, list[0].Ref); problem.CodeOf(err) != problem.Conflict {
		t.Errorf("paid to the unit that kept it before: %v", err)
	}
}

func TestAMergedBodysMoneyGoesToItsSuccessor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.merged("2025-06-02", "BODYG,B1,treasury,3511.0,KB 0011,2020-01-01,2025-06-02", "BODYH,B1,treasury,3611.0,KB 0099,2025-06-03,",
		"BODYG,B2,bank,7000,VCB,2020-01-01,")
	w.pay("GRO", 1_000, 0)
	ref := w.pay("GRO", 100_000, 0) // the last day on which it collects
	w.on(thursday)
	w.settle(ref, 0)
	payouts := proposeTo(w)
	if p := payouts["3611.0"]; len(payouts) != 2 || p.Body != "BODYG" || p.Book != "GRO" || p.Amount != 75_000 || payouts["7000"].Amount != 25_000 {
		t.Fatalf("got %+v, want B1 at the successor's account and B2 at the body's own, which is still open", payouts)
	}
	w.approve(payouts["3611.0"], payouts["7000"])
	if n := w.net("GRO", "liabilities:payable:BODYG"); n != 1_000 {
		t.Errorf("%d are owed to the merged body", n)
	}
	w.sound()
}

func TestALineWithoutAnAccountWaitsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.accounts("BODYG,B1,treasury,3511.0,KB 0011,2025-06-03,", toBank)
	w.settle(w.pay("GRO", 100_000, 0), 0)
	if p := proposeTo(w); len(p) != 1 || p["7000"].Amount != 25_000 {
		t.Fatalf("got %+v, want what has an account", p)
	}
	findings, err := finding.List(t.Context(), w.Pool, "GRO")
	if err != nil || len(findings) != 1 || findings[0].Kind != settlement.NoPayoutAccount || findings[0].Subject != "BODYG:B1" {
		t.Errorf("findings %+v, %v", findings, err)
	}
	w.on(tuesday)
	if p := proposeTo(w); len(p) != 1 || p["3511.0"].Amount != 75_000 {
		t.Fatalf("once it has one: %+v", p)
	}
}

func TestWhatIsOwedToABodyThatTheCatalogueLostReachesAPerson(t *testing.T) {
	t.Parallel()
	w := shared(t)
	w.settle(w.pay("NET", 100_000, 0), 0)
	w.exec(pgtest.Owner(t, w.Pool), `UPDATE gateway.payment_line SET body = 'GONE' WHERE no = 1`)
	if p := proposeTo(w); len(p) != 1 || p["1002"].Amount != 25_000 {
		t.Fatalf("got %+v, want the line of the body that is known", p)
	}
	findings, err := finding.List(t.Context(), w.Pool, "NET")
	if err != nil || len(findings) != 1 || findings[0].Kind != settlement.NoPayoutAccount || findings[0].Subject != "GONE:B1" {
		t.Errorf("findings %+v, %v", findings, err)
	}
}

// A book that the catalogue lost has money all the same: fees are made good to it, and a person learns that what came
// cannot be paid out.
func TestMoneyOfABookThatTheCatalogueLostReachesAPerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.settle(w.pay("NET", 100_000, 0), 1_100)
	docs, err := catalog.Included()
	w.ok(err)
	for file, text := range sample {
		rows := slices.DeleteFunc(strings.SplitAfter(string(text), "\n"), func(row string) bool {
			return strings.Contains(row, "NET") || strings.Contains(row, "BODYN") || strings.HasPrefix(row, "P2,")
		})
		docs[file] = []byte(strings.Join(rows, ""))
	}
	c, err := catalog.Parse(docs)
	w.ok(err)
	w.Law, w.Catalog = published{c}, c
	if p := proposeTo(w); len(p) != 0 {
		t.Fatalf("it was paid out: %+v", p)
	}
	findings, err := finding.List(t.Context(), w.Pool, "NET")
	if err != nil || len(findings) != 2 || findings[0].Kind != settlement.NoPayoutAccount || findings[0].Subject != "BODYN:B1" {
		t.Errorf("findings %+v, %v", findings, err)
	}
	if r, err := w.MakeFeesGood(t.Context(), asking, w.today()); err != nil || r.Waiting != 1_100 {
		t.Errorf("its fee is not waited for: %+v, %v", r, err)
	}
}

// What a payment brings fits whole or waits whole, whichever accounts it goes to.
func TestAPaymentIsNotPaidOutInPart(t *testing.T) {
	t.Parallel()
	w := shared(t)
	first, second := w.pay("GRO", 100_000, 0), w.pay("GRO", 40_000, 0)
	w.settle(first, 0)
	w.on(tuesday)
	w.settle(second, 5_000) // kept back and not made good yet: either of its lines would fit by itself
	if p := proposeTo(w); p["3511.0"].Amount != 75_000 || p["7000"].Amount != 25_000 {
		t.Fatalf("got %+v, want the payment that is covered and nothing of the other", p)
	}
}

func TestProposedAndApprovedAtOnce(t *testing.T) {
	t.Parallel()
	w := shared(t)
	for range 3 {
		w.settle(w.pay("GRO", 100_000, 0), 0)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := w.Propose(t.Context(), asking, monday); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	list, err := w.List(t.Context(), officer, "GRO", monday)
	if err != nil || len(list) != 2 || list[0].Amount+list[1].Amount != 300_000 {
		t.Fatalf("%+v, %v", list, err)
	}
	for i := range 4 {
		wg.Go(func() {
			if _, err := w.Approve(t.Context(), deciding, list[i%2].Ref); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := w.net("GRO", "liabilities:payout"); n != 300_000 {
		t.Errorf("%d are instructed", n)
	}
	w.ok(w.send())
	if n := len(w.bank.Book().Payouts); n != 2 || w.bank.Book().Balances[account] != 0 {
		t.Errorf("the bank has %d payouts, and %d are left", n, w.bank.Book().Balances[account])
	}
	w.sound()
}

// Random payments, rejections, refusals and changes of account: no line is ever paid out twice or lost.
func TestWhateverIsTurnedDownEveryLineIsPaidOutOnce(t *testing.T) {
	t.Parallel()
	w := shared(t)
	dice := rand.New(rand.NewPCG(7, 11))
	var came int64
	for round := range 12 {
		for range 1 + dice.IntN(3) {
			amount := 1_000 + dice.Int64N(500_000)
			w.settle(w.pay("GRO", amount, 0), 0)
			came += amount
		}
		if dice.IntN(3) == 0 {
			w.accounts(strings.Replace(toTreasury, "3511.0", fmt.Sprintf("35%d", round), 1), toBank)
		}
		for _, p := range proposeTo(w) {
			switch dice.IntN(3) {
			case 0:
				_, err := w.Reject(t.Context(), deciding, p.Ref, "dice")
				w.ok(err)
			default:
				w.approve(p)
			}
		}
	}
	for _, p := range proposeTo(w) {
		w.approve(p)
	}
	var once, lines int64
	err := pgtest.Owner(t, w.Pool).QueryRow(t.Context(), `SELECT count(DISTINCT (attempt, line)) FILTER (WHERE held), (SELECT count(*) FROM gateway.payment_line)
		FROM gateway.payout_item`).Scan(&once, &lines)
	if err != nil || once != lines || w.net("GRO", "liabilities:payout") != came || w.net("GRO", "liabilities:payable") != 0 {
		t.Errorf("%d of %d lines paid out, %d of %d instructed, %v", once, lines, w.net("GRO", "liabilities:payout"), came, err)
	}
	w.sound()
}

// published is a catalogue that is the current one.
type published struct{ catalog *catalog.Catalog }

func (p published) Current(context.Context) (*publication.Law, error) {
	return &publication.Law{Catalog: p.catalog}, nil
}

// accounts gives BODYG accounts of its own in the catalogue, one a budget line: rows of accounts.csv whose code is the
// budget's.
func (w *world) accounts(rows ...string) { w.amended(nil, rows) }

// merged lets BODYG end on a day, and BODYH succeed it on the next.
func (w *world) merged(until string, rows ...string) {
	w.t.Helper()
	w.amended([]string{
		"BODYG,GRO,power_corporation,,central,G,G,BODYH,2020-01-01," + until,
		"BODYH,IDL,power_corporation,,central,H,H,,2020-01-01,",
	}, rows)
}

func (w *world) amended(bodies, accounts []string) {
	w.t.Helper()
	docs, err := catalog.Included()
	w.ok(err)
	maps.Copy(docs, sample)
	amend := func(file string, drop string, rows ...string) {
		lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(docs[file])), "\n"), func(l string) bool {
			return strings.Contains(l, drop)
		})
		for _, r := range rows {
			lines = append(lines, r+",example,test")
		}
		docs[file] = []byte(strings.Join(lines, "\n") + "\n")
	}
	amend("accounts.csv", "BODYG", accounts...)
	amend("budget_lines.csv", "BODYG", "fee,BODYG,whole,B1,,,,B1,2020-01-01,", "other_fee,BODYG,whole,B2,,,,B2,2020-01-01,")
	if bodies != nil {
		amend("bodies.csv", "BODYG", bodies...)
	}
	c, err := catalog.Read(docs) // an account that is missing for some days is refused before it is published
	w.ok(err)
	w.Law = published{c}
}
