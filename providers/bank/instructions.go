package bank

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// insufficientFunds is the ISO 20022 external status reason of a payout the account cannot bear.
const insufficientFunds = "AM04"

// reference is what every version of camt.053 and every bank's host carries through: 1 to 35 plain characters.
var reference = regexp.MustCompile(`^[0-9A-Za-z/?:().,+ -]{1,35}$`)

// check names what is wrong with the fields a credit and a payout share.
func checkInstruction(id string, amount int64, code, remittance string) error {
	switch {
	case !reference.MatchString(id):
		return errors.New("the id must be 1 to 35 letters, digits or / - ? : ( ) . , + space")
	case amount <= 0 || amount > 999_999_999_999_999:
		return errors.New("amount must be above 0 and at most 15 digits, in đồng")
	case code != currency:
		return errors.New("currency must be VND")
	case len([]rune(remittance)) > 140 || !printable(remittance):
		return errors.New("remittance must be at most 140 printable characters")
	}
	return nil
}

// printable keeps out what XML cannot carry.
func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f || r == 0xfffd || r >= 0xfffe })
}

// takeCredit books a credit and answers with it once it is durable.
func (b *Bank) takeCredit(w http.ResponseWriter, r *http.Request) {
	var c Credit
	if !readJSON(w, r, &c) {
		return
	}
	if err := checkInstruction(c.ID, c.Amount, c.Currency, c.Remittance); err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	if !printable(c.Debtor) || len([]rune(c.Debtor)) > 140 {
		http.Error(w, "debtor must be at most 140 printable characters", http.StatusUnprocessableEntity)
		return
	}
	if _, ok := b.accounts[c.Account]; !ok {
		http.Error(w, "no such account at this bank", http.StatusNotFound)
		return
	}
	b.mu.Lock()
	status, err := b.credit(c)
	b.mu.Unlock()
	b.answer(w, status, err, c)
}

// credit books a credit unless it is booked. The caller holds mu.
func (b *Bank) credit(c Credit) (int, error) {
	if before, ok := b.book.credits[c.ID]; ok {
		if before != c {
			return http.StatusConflict, nil
		}
		return http.StatusOK, nil
	}
	now := b.config.Now()
	day, err := b.bookingDay(now)
	if err != nil {
		return 0, err
	}
	return http.StatusCreated, b.record(event{Kind: booked, Credit: &c, Entries: []Entry{{
		Account: c.Account, Number: entryNumber(b.book.number + 1), Day: day, Received: now, Credit: true,
		Amount: c.Amount, EndToEndID: c.ID, Remittance: c.Remittance, Party: c.Debtor,
	}}})
}

// takePayout takes or refuses a payout and answers with its state once that is durable: 201 taken, 422 refused for
// ever, 200 as before, 409 another payout under the same id.
func (b *Bank) takePayout(w http.ResponseWriter, r *http.Request) {
	var p Payout
	if !readJSON(w, r, &p) {
		return
	}
	err := checkInstruction(p.EndToEndID, p.Amount, p.Currency, p.Remittance)
	if err == nil && (!accountNumber.MatchString(p.CreditorAccount) || p.CreditorAccount == p.DebtorAccount) {
		err = errors.New("creditor_account must be another account, of 1 to 34 letters, digits or . -")
	}
	if err == nil && (len([]rune(p.CreditorAgent)) > 140 || !printable(p.CreditorAgent)) {
		err = errors.New("creditor_agent must be at most 140 printable characters")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
		return
	}
	if _, ok := b.accounts[p.DebtorAccount]; !ok {
		http.Error(w, "no such account at this bank", http.StatusNotFound)
		return
	}
	b.mu.Lock()
	status, err := b.payout(p)
	state := b.stateOf(p.EndToEndID)
	b.mu.Unlock()
	if status == http.StatusOK && state.State == Refused {
		status = http.StatusUnprocessableEntity
	}
	b.answer(w, status, err, state)
}

// payout decides a payout unless it is decided. The caller holds mu.
func (b *Bank) payout(p Payout) (int, error) {
	if before, ok := b.book.payouts[p.EndToEndID]; ok {
		if before.Payout != p {
			return http.StatusConflict, nil
		}
		return http.StatusOK, nil
	}
	// The balance holds all that is booked, and nothing is booked on an earlier day than this will be: funds that
	// suffice now suffice on the day of execution.
	if b.book.balances[p.DebtorAccount] < p.Amount {
		return http.StatusUnprocessableEntity, b.record(event{Kind: rejected, Payout: &p, Reason: insufficientFunds})
	}
	now := b.config.Now()
	day, err := b.bookingDay(now)
	if err != nil {
		return 0, err
	}
	out := Entry{
		Account: p.DebtorAccount, Number: entryNumber(b.book.number + 1), Day: day, Received: now,
		Amount: p.Amount, EndToEndID: p.EndToEndID, Remittance: p.Remittance, Party: p.CreditorAccount,
	}
	entries := []Entry{out}
	if _, ours := b.accounts[p.CreditorAccount]; ours {
		in := out
		in.Account, in.Party, in.Credit = p.CreditorAccount, p.DebtorAccount, true
		in.Number = entryNumber(b.book.number + 2)
		entries = append(entries, in)
	}
	return http.StatusCreated, b.record(event{Kind: booked, Payout: &p, Entries: entries})
}

// stateOf gives a payout's state: an accepted one is executed from the beginning of its business day. The caller holds mu.
func (b *Bank) stateOf(id string) PayoutState {
	p := b.book.payouts[id]
	if p.State == Accepted && p.Day <= b.config.Now().In(zone).Format(time.DateOnly) {
		p.State = Executed
	}
	return p
}

func (b *Bank) servePayout(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	state := b.stateOf(r.PathValue("id"))
	b.mu.Unlock()
	if state.State == "" {
		http.Error(w, "no such payout", http.StatusNotFound)
		return
	}
	b.answer(w, http.StatusOK, nil, state)
}

// Book is everything the bank knows, entries in the order of booking.
type Book struct {
	Now      time.Time        `json:"now"`
	Balances map[string]int64 `json:"balances"`
	Entries  []Entry          `json:"entries"`
	Payouts  []PayoutState    `json:"payouts"`
}

// Book gives a copy of the whole book.
func (b *Bank) Book() Book {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := Book{Now: b.config.Now(), Balances: make(map[string]int64)}
	for number := range b.accounts {
		out.Balances[number] = b.book.balances[number]
		out.Entries = append(out.Entries, b.book.entries[number]...)
	}
	slices.SortFunc(out.Entries, func(x, y Entry) int { return strings.Compare(x.Number, y.Number) })
	for id := range b.book.payouts {
		out.Payouts = append(out.Payouts, b.stateOf(id))
	}
	slices.SortFunc(out.Payouts, func(x, y PayoutState) int { return strings.Compare(x.EndToEndID, y.EndToEndID) })
	return out
}

func (b *Bank) serveBook(w http.ResponseWriter, _ *http.Request) {
	b.answer(w, http.StatusOK, nil, b.Book())
}

// readJSON reads a request's body, or answers 400.
func readJSON(w http.ResponseWriter, r *http.Request, into any) bool {
	in := json.NewDecoder(r.Body)
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		http.Error(w, "body is not the JSON expected: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

// answer makes the book durable, then answers. An id used for something else is a plain 409.
func (b *Bank) answer(w http.ResponseWriter, status int, err error, v any) {
	if err == nil {
		err = b.journal.Sync()
	}
	if err != nil {
		b.config.Log.Error("the bank simulator cannot book", "err", err)
		http.Error(w, "the simulator cannot book this now", http.StatusInternalServerError)
		return
	}
	if status == http.StatusConflict {
		http.Error(w, "this id was used for something else", http.StatusConflict)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the reader is gone: nothing to do about it
}
