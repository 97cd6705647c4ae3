package story

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"exchequer/internal/reference"
	"exchequer/providers"
	"exchequer/providers/bank"
	"exchequer/providers/vnpay/simulator"
)

// provider is the name of the one that is simulated.
const provider = "vnpay"

// owed is a bill as an order asks for it, đồng.
type owed struct {
	bill       string
	asked      int64 // by the order
	amount     int64 // of the bill
	validUntil time.Time
}

// ending is what our books must say, by the simulators' books. Amounts are đồng.
type ending struct {
	payments  int64            // that were made, twice for one bill or not
	paid      int64            // what of them pays bills
	excess    int64            // what of them pays nothing
	missing   int64            // payments that the provider leaves out
	short     int64            // payments that it pays over with another amount
	forged    int64            // payments with a notification that is not signed by it
	lying     int64            // payments with a notification that says another amount
	strangers int64            // credits that nobody announced
	held      map[string]int64 // by terminal: collected and not paid over
	settled   []string         // references of the payments that the bank has in full
	balances  map[string]int64 // at the bank
	executed  map[payee]int64  // paid out
	paidOut   int64
}

// payee is an account that is paid out to: its number at a treasury unit or bank.
type payee struct{ at, number string }

func (p payee) compare(o payee) int {
	return cmp.Or(strings.Compare(p.at, o.at), strings.Compare(p.number, o.number))
}

// derive works the ending out from what the simulators were told to do and did.
func derive(theirs books, asked map[string][]owed) ending {
	e := ending{held: make(map[string]int64), balances: theirs.bank.Balances, executed: make(map[payee]int64)}
	credited := make(map[string]bool)
	known := make(map[string]bool)
	for _, b := range theirs.provider.Batches {
		known[b.ID], credited[b.ID] = true, b.Credited
	}
	var paid []simulator.Payment
	for _, p := range theirs.provider.Payments {
		e.forged += count(sent(p, func(c simulator.IPNCall) bool { return c.BadSignature }))
		e.lying += count(sent(p, func(c simulator.IPNCall) bool { return c.Amount != p.Amount }))
		if p.State != simulator.Paid {
			continue
		}
		paid = append(paid, p)
		e.held[p.Terminal] += p.Amount - p.SettledAmount
		switch {
		case p.Batch == "":
			e.missing += count(slices.ContainsFunc(p.Faults, func(f simulator.Fault) bool { return f.Kind == simulator.SettlementMissing }))
		case p.SettledAmount != p.Amount:
			e.short++
		case credited[p.Batch]:
			e.settled = append(e.settled, p.TxnRef)
		}
	}
	e.payments = int64(len(paid))
	e.paid, e.excess = spend(paid, asked)
	for _, entry := range theirs.bank.Entries {
		e.strangers += count(entry.Credit && !known[entry.EndToEndID] && !strings.HasPrefix(entry.EndToEndID, fundingPrefix))
	}
	for _, p := range theirs.bank.Payouts {
		if p.State == bank.Executed {
			e.executed[payee{p.CreditorAgent, p.CreditorAccount}] += p.Amount
			e.paidOut += p.Amount
		}
	}
	return e
}

// spend says what of the payments pays bills: each bill once, whole, while its amount held. The rest is excess.
func spend(payments []simulator.Payment, asked map[string][]owed) (paid, excess int64) {
	slices.SortStableFunc(payments, func(a, b simulator.Payment) int { return a.Decided.Compare(b.Decided) })
	done := make(map[string]bool)
	for _, p := range payments {
		excess += p.Amount
		for _, o := range asked[reference.Order(p.TxnRef)] {
			if !done[o.bill] && o.asked == o.amount && p.Decided.Before(o.validUntil) {
				done[o.bill] = true
				paid += o.amount
				excess -= o.amount
			}
		}
	}
	return paid, excess
}

func sent(p simulator.Payment, which func(simulator.IPNCall) bool) bool {
	return slices.ContainsFunc(p.Calls, which)
}

func count(is bool) int64 {
	if is {
		return 1
	}
	return 0
}

// post is what the inbox holds, told apart by who sent it.
type post struct {
	forged   int64 // payments with a notification of the provider's that was refused for its signature
	refused  int64 // notifications about no attempt of ours, whoever sent them
	strays   int64 // notifications that the provider never sent
	believed int64 // those of them that were taken for its word
}

// letter is one notification in the inbox.
type letter struct {
	query   []byte
	verdict providers.Verdict
}

func (r *run) inbox(ctx context.Context, b simulator.Book) (post, error) {
	rows, err := r.Pool.Query(ctx, `SELECT raw_query, verdict FROM gateway.notification WHERE provider = $1`, provider)
	if err != nil {
		return post{}, err
	}
	letters, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l letter, err error) {
		return l, row.Scan(&l.query, &l.verdict)
	})
	return sortPost(letters, b), err
}

// sortPost matches notifications with the calls in the provider's book.
func sortPost(letters []letter, b simulator.Book) post {
	type call struct {
		ref    string
		amount int64
		forged bool
	}
	made := make(map[call]bool)
	for _, p := range b.Payments {
		for _, c := range p.Calls {
			made[call{p.TxnRef, c.Amount, c.BadSignature}] = true
		}
	}
	var out post
	forged := make(map[string]bool)
	for _, l := range letters {
		fields, _ := url.ParseQuery(string(l.query)) // what can be read of it
		hundredths, _ := strconv.ParseInt(fields.Get("vnp_Amount"), 10, 64)
		c := call{fields.Get("vnp_TxnRef"), hundredths / 100, l.verdict == providers.BadSignature}
		switch l.verdict {
		case providers.BadSignature, providers.Malformed, providers.UnknownOrder:
			out.refused++
		}
		switch {
		case made[c] && c.forged:
			forged[c.ref] = true
		case !made[c]:
			out.strays++
			out.believed += count(l.verdict == providers.Accepted || l.verdict == providers.AlreadyFinal)
		}
	}
	out.forged = int64(len(forged))
	return out
}
