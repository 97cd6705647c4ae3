package story

import (
	"slices"
	"testing"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/catalog"
	"exchequer/internal/fee"
	"exchequer/providers"
	"exchequer/providers/bank"
	"exchequer/providers/vnpay/simulator"
	"exchequer/schedules"
)

const orderRef = "HNI000000000001Z"

// attempt is the reference of an order's attempt.
func attempt(letter string) string { return orderRef + letter }

func TestTheEndingFollowsFromTheirBooks(t *testing.T) {
	noon := FirstDay.At(12 * time.Hour)
	lines := []simulator.IPNCall{{Amount: 700, BadSignature: true}, {Amount: 701}}
	paid := func(order, letter string, change func(*simulator.Payment)) simulator.Payment {
		p := simulator.Payment{Terminal: "N", TxnRef: order + letter, Amount: 700, State: simulator.Paid, Decided: noon, Batch: "B1", SettledAmount: 700}
		if change != nil {
			change(&p)
		}
		return p
	}
	order := func(last string) string { return orderRef[:len(orderRef)-1] + last }
	theirs := books{
		provider: simulator.Book{
			Batches: []simulator.Batch{{ID: "B1", Credited: true}, {ID: "B2"}},
			Payments: []simulator.Payment{
				paid(order("1"), "B", func(p *simulator.Payment) { p.Decided = noon.Add(time.Minute) }), // the same order again
				paid(order("1"), "A", nil),
				paid(order("2"), "A", func(p *simulator.Payment) { p.SettledAmount = 600 }),
				paid(order("3"), "A", func(p *simulator.Payment) {
					p.Batch, p.SettledAmount, p.Faults = "", 0, []simulator.Fault{{Kind: simulator.SettlementMissing}}
				}),
				paid(order("4"), "A", func(p *simulator.Payment) { p.Terminal, p.Batch = "G", "B2" }),
				paid(order("5"), "A", func(p *simulator.Payment) { p.Decided, p.Calls = noon.AddDate(0, 0, 2), lines }), // too late
				{Terminal: "N", TxnRef: order("6") + "A", Amount: 700, State: simulator.Cancelled},
			},
		},
		bank: bank.Book{
			Balances: map[string]int64{"X": 5},
			Entries: []bank.Entry{{Credit: true, EndToEndID: "B1"}, {Credit: true, EndToEndID: "FUND-1"}, {Credit: true, EndToEndID: "STRAY-1"},
				{EndToEndID: "PAYOUT"}},
			Payouts: []bank.PayoutState{
				{Payout: bank.Payout{CreditorAccount: "Y", CreditorAgent: "K", Amount: 70}, State: bank.Executed},
				{Payout: bank.Payout{CreditorAccount: "Y", CreditorAgent: "K", Amount: 30}, State: bank.Executed},
				{Payout: bank.Payout{CreditorAccount: "Y", CreditorAgent: "L", Amount: 6}, State: bank.Executed},
				{Payout: bank.Payout{CreditorAccount: "Y", CreditorAgent: "K", Amount: 9}, State: bank.Refused},
			},
		},
	}
	asked := map[string][]owed{}
	for _, last := range []string{"1", "2", "3", "4", "5", "6"} {
		asked[order(last)] = []owed{{bill: "bill " + last, asked: 700, amount: 700, validUntil: noon.AddDate(0, 0, 1)}}
	}
	e := derive(theirs, asked)
	for _, c := range []Check{
		{"payments", 6, e.payments}, {"paid", 4 * 700, e.paid}, {"excess", 2 * 700, e.excess}, {"missing", 1, e.missing}, {"short", 1, e.short},
		{"forged", 1, e.forged}, {"lying", 1, e.lying}, {"strangers", 1, e.strangers}, {"held at N", 100 + 700, e.held["N"]},
		{"held at G", 0, e.held["G"]}, {"executed", 100, e.executed[payee{"K", "Y"}]}, {"executed elsewhere", 6, e.executed[payee{"L", "Y"}]}, {"paid out", 106, e.paidOut}, {"balance", 5, e.balances["X"]},
	} {
		if !c.OK() {
			t.Errorf("%s: %d, want %d", c.Name, c.Found, c.Expected)
		}
	}
	want := []string{order("1") + "B", order("1") + "A", order("5") + "A"}
	if !slices.Equal(e.settled, want) {
		t.Errorf("at the bank in full: %v, want %v", e.settled, want)
	}
}

func TestABillTakesOnePaymentWholeAndTheRestIsExcess(t *testing.T) {
	at := FirstDay.At(12 * time.Hour)
	two := []owed{{"a", 300, 300, at.Add(time.Hour)}, {"b", 400, 400, at.Add(time.Hour)}}
	one := []owed{{"b", 400, 400, at.Add(time.Hour)}}
	other := "HNI000000000002Z"
	for _, c := range []struct {
		name         string
		asked        map[string][]owed
		payments     []simulator.Payment
		paid, excess int64
	}{
		{"two bills", map[string][]owed{orderRef: two}, []simulator.Payment{{TxnRef: attempt("A"), Amount: 700, Decided: at}}, 700, 0},
		{"a bill that another order has paid", map[string][]owed{orderRef: two, other: one},
			[]simulator.Payment{{TxnRef: attempt("A"), Amount: 700, Decided: at.Add(time.Second)}, {TxnRef: other + "A", Amount: 400, Decided: at}}, 700, 400},
		{"more than was asked", map[string][]owed{other: one}, []simulator.Payment{{TxnRef: other + "A", Amount: 401, Decided: at}}, 400, 1},
		{"an order nobody knows", nil, []simulator.Payment{{TxnRef: other + "A", Amount: 400, Decided: at}}, 0, 400},
	} {
		if paid, excess := spend(c.payments, c.asked); paid != c.paid || excess != c.excess {
			t.Errorf("%s: %d paid and %d excess, want %d and %d", c.name, paid, excess, c.paid, c.excess)
		}
	}
}

func TestStrayRequestsAreToldApart(t *testing.T) {
	b := simulator.Book{Payments: []simulator.Payment{
		{TxnRef: attempt("A"), Amount: 7, Calls: []simulator.IPNCall{{Amount: 7}, {Amount: 7}}},
		{TxnRef: attempt("B"), Amount: 8, Calls: []simulator.IPNCall{{Amount: 8, BadSignature: true}, {Amount: 8, BadSignature: true}}},
	}}
	a, forged := "vnp_Amount=700&vnp_TxnRef="+attempt("A"), "vnp_Amount=800&vnp_TxnRef="+attempt("B")
	got := sortPost([]letter{
		{[]byte(a), providers.Accepted},
		{[]byte(a), providers.AlreadyFinal},
		{[]byte(forged), providers.BadSignature},
		{[]byte(forged), providers.BadSignature},
		{[]byte("vnp_Amount=900&vnp_TxnRef=" + attempt("A")), providers.BadSignature}, // a stranger about a payment that is
		{[]byte("\xff%zz"), providers.Malformed},
		{[]byte("vnp_Amount=100&vnp_TxnRef=" + attempt("C")), providers.Accepted}, // believed: the proof must not hold
	}, b)
	if want := (post{forged: 1, refused: 4, strays: 3, believed: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestTheCastIsTheSameEachTime(t *testing.T) {
	s, err := fee.Load(schedules.FS)
	if err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Default()
	if err != nil {
		t.Fatal(err)
	}
	for run, day := range []string{"2025-06-02", "2025-06-06", "2025-12-01"} {
		first := calendar.MustDate(day)
		again := cast(run, first)
		of := map[string]int{}
		for i, who := range cast(run, first) {
			of[who.service]++
			if string(who.inputs) != string(again[i].inputs) || who.no != i {
				t.Errorf("payer %d has other inputs the second time", i)
			}
			q, err := s.Quote(fee.Request{Service: who.service, Date: who.date, Inputs: who.inputs})
			if err != nil || q.TotalVND <= 0 {
				t.Errorf("%s: payer %d (%s) owes %v: %v", day, i, who.service, q, err)
			}
			if _, err := c.BodyFor(who.service, who.body, who.date); err != nil {
				t.Error(err)
			}
		}
		if len(of) != 3 || of["electricity_household"] != payersPerTariff || len(again) != 3*payersPerTariff {
			t.Errorf("the cast of %s: %v", day, of)
		}
	}
}

// Each trouble has a payer, and the story ends with something to see of each: the provider's faults, one who cancels,
// one who pays twice.
func TestEachTroubleHasItsPayer(t *testing.T) {
	faults := map[simulator.FaultKind]int{}
	twists := map[twist]int{}
	for _, who := range cast(1, FirstDay) {
		if who.fault != nil {
			faults[who.fault.Kind]++
		}
		twists[who.twist]++
	}
	for _, kind := range []simulator.FaultKind{simulator.IPNLost, simulator.IPNDuplicated, simulator.IPNLate, simulator.IPNWrongAmount,
		simulator.IPNBadSignature, simulator.SettlementMissing, simulator.SettlementShort} {
		if faults[kind] != 1 {
			t.Errorf("%d payers meet %s", faults[kind], kind)
		}
	}
	if twists[cancels] != 1 || twists[changes] != 1 {
		t.Errorf("twists: %v", twists)
	}
	for no := range troubles() {
		if no < 0 || no >= 3*payersPerTariff {
			t.Errorf("payer %d of the troubles is not in the cast", no)
		}
	}
}
