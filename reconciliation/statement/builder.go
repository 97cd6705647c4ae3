package statement

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// builder puts one statement together and notes what is doubtful in it.
type builder struct {
	index      int
	id         string
	electronic string
	legal      string
	account    accountXML
	period     struct {
		To string `xml:"ToDtTm"`
	}
	pages struct {
		Last string `xml:"LastPgInd"`
	}
	balances []balanceXML
	summary  *summaryXML
	s        Statement
	findings []Finding
	foreign  int // entries in another currency than the first one: their sum means nothing
}

// note adds a finding, or counts one more of a kind that was told already.
func (b *builder) note(kind FindingKind, ref, format string, args ...any) {
	for i := range b.findings {
		if b.findings[i].Kind == kind {
			b.findings[i].Count++
			return
		}
	}
	b.findings = append(b.findings, Finding{
		Kind: kind, Statement: b.index, Ref: ref, Count: 1, Detail: fmt.Sprintf(format, args...),
	})
}

// entry takes one Ntry.
func (b *builder) entry(x *entryXML) error {
	e := Entry{
		Ref: trim(x.Ref), BankRef: trim(x.BankRef), Currency: trim(x.Amount.Currency),
		Reversal: isTrue(x.Reversal),
	}
	name := e.Ref
	if name == "" {
		name = e.BankRef
	}
	status := trim(x.Status.Code)
	if status == "" {
		status = trim(x.Status.Text)
	}
	switch status {
	case "BOOK":
	case "":
		b.note(StatusMissing, name, "read as booked")
	default:
		b.note(NotBooked, name, "status %.10q is left out", status)
		return nil
	}
	var err error
	if e.Amount, err = parseAmount(x.Amount.Text, e.Currency); err != nil {
		return fmt.Errorf("entry %.40q: %w", name, err)
	}
	if e.Credit, err = isCredit(x.Direction); err != nil {
		return fmt.Errorf("entry %.40q: %w", name, err)
	}
	if e.BookingDay, err = x.Booked.day(); err != nil {
		return fmt.Errorf("entry %.40q: %w", name, err)
	}
	if e.ValueDay, err = x.Value.day(); err != nil {
		return fmt.Errorf("entry %.40q: %w", name, err)
	}
	if e.BookingDay.IsZero() {
		b.note(DateMissing, name, "the day of the closing balance is used")
	}
	if err := b.details(&e, x, name); err != nil {
		return err
	}
	b.s.Entries = append(b.s.Entries, e)
	return nil
}

// checkReferences: a bank's own reference is unique, so a second one may be an entry written twice.
func (b *builder) checkReferences() {
	refs := make([]string, 0, len(b.s.Entries))
	for _, e := range b.s.Entries {
		if e.BankRef != "" {
			refs = append(refs, e.BankRef)
		}
	}
	slices.Sort(refs)
	for i := 1; i < len(refs); i++ {
		if refs[i] == refs[i-1] {
			b.note(ReferenceTwice, refs[i], "AcctSvcrRef stands at several entries")
		}
	}
}

// details takes the transactions of an entry. Their amounts are checked against it where all of them have one in
// its currency; they are told, never counted.
func (b *builder) details(e *Entry, x *entryXML, name string) error {
	var texts []string
	sum, complete, fits, n := int64(0), true, true, 0
	for _, group := range x.Details {
		for i := range group.Transactions {
			t := &group.Transactions[i]
			d := Detail{
				EndToEndID: endToEndID(t.EndToEndID), BankRef: trim(t.BankRef),
				Remittance: join(t.Texts), Reference: join(t.References),
			}
			amount := t.Amount
			if amount == nil {
				amount = t.TxAmount
			}
			n++
			if amount == nil || trim(amount.Currency) != e.Currency {
				complete = false
			} else {
				var err error
				d.Currency = e.Currency
				if d.Amount, err = parseAmount(amount.Text, d.Currency); err != nil {
					return fmt.Errorf("a transaction of entry %.40q: %w", name, err)
				}
				if fits {
					sum, fits = add(sum, signed(d.Amount, t.Direction == "" || trim(t.Direction) == trim(x.Direction)))
				}
			}
			texts = append(texts, d.Remittance, d.Reference)
			e.Details = append(e.Details, d)
		}
	}
	switch {
	case complete && n > 0 && !fits:
		b.note(DetailsDiffer, name, "its transactions cannot be added up, it states %d", e.Amount)
	case complete && n > 0 && sum != e.Amount:
		b.note(DetailsDiffer, name, "its transactions add up to %d, it states %d", sum, e.Amount)
	}
	if n == 1 {
		e.EndToEndID = e.Details[0].EndToEndID
	}
	if e.Remittance = join(texts); e.Remittance == "" {
		e.Remittance = trim(x.Info)
	}
	return nil
}

// finish closes the statement: balances, footing, summary, digest.
func (b *builder) finish(morePages bool) (Statement, []Finding, error) {
	b.s.ID = trim(b.id)
	b.s.Account = trim(b.account.IBAN)
	if b.s.Account == "" {
		b.s.Account = trim(b.account.Other)
	}
	if b.s.Account == "" {
		b.note(AccountMissing, "", "the statement names no account")
	}
	b.s.Sequence = firstNumber(b.electronic, b.legal)
	b.s.Currency = b.currency()
	if err := b.readBalances(); err != nil {
		return Statement{}, nil, err
	}
	if err := b.fallBackDay(); err != nil {
		return Statement{}, nil, err
	}
	for i := range b.s.Entries {
		e := &b.s.Entries[i]
		if e.BookingDay.IsZero() {
			e.BookingDay = b.s.Day
		}
		if e.Currency != b.s.Currency {
			b.foreign++
			b.note(CurrencyDiffers, e.Ref, "%s on an account in %s", e.Currency, b.s.Currency)
		}
	}
	b.checkReferences()
	b.checkFooting()
	b.checkSummary()
	if last := trim(b.pages.Last); morePages || last == "false" || last == "0" {
		b.note(PagesMissing, "", "more pages follow in another file")
	}
	b.s.Digest = b.s.digest()
	for i := range b.findings {
		b.findings[i].Account = b.s.Account
	}
	return b.s, b.findings, nil
}

// currency is the account's; where the bank leaves it out, that of its balances or entries.
func (b *builder) currency() string {
	if c := trim(b.account.Currency); c != "" {
		return c
	}
	if len(b.balances) > 0 {
		return trim(b.balances[0].Amount.Currency)
	}
	if len(b.s.Entries) > 0 {
		return b.s.Entries[0].Currency
	}
	return ""
}

// readBalances takes the booked balances: OPBD, or else the closing balance before (PRCD), and CLBD.
func (b *builder) readBalances() error {
	found := make(map[string]balanceXML)
	for _, x := range b.balances {
		code := trim(x.Code)
		if code != "OPBD" && code != "PRCD" && code != "CLBD" || trim(x.Interim) == "INTM" {
			continue // available, forward and interim balances
		}
		if _, twice := found[code]; twice {
			b.note(BalanceRepeated, "", "%s stands more than once, the first is used", code)
			continue
		}
		found[code] = x
	}
	opening, known := found["OPBD"]
	if !known {
		opening, known = found["PRCD"]
	}
	var err error
	if known {
		if b.s.Opening, b.s.OpeningKnown, err = b.balance(opening); err != nil {
			return err
		}
	}
	if closing, known := found["CLBD"]; known {
		if b.s.Closing, b.s.ClosingKnown, err = b.balance(closing); err != nil {
			return err
		}
		b.s.Day, err = closing.Date.day()
	}
	return err
}

// fallBackDay takes the end of the stated period where the closing balance gives no day.
func (b *builder) fallBackDay() error {
	if !b.s.Day.IsZero() {
		return nil
	}
	var err error
	b.s.Day, err = dateXML{Time: b.period.To}.day()
	return err
}

// balance gives the signed amount of a balance; not known where it is in another currency.
func (b *builder) balance(x balanceXML) (int64, bool, error) {
	if c := trim(x.Amount.Currency); c != b.s.Currency {
		b.note(CurrencyDiffers, "", "balance %.10q in %.10q on an account in %s", trim(x.Code), c, b.s.Currency)
		return 0, false, nil
	}
	amount, err := parseAmount(x.Amount.Text, b.s.Currency)
	if err != nil {
		return 0, false, fmt.Errorf("balance %.10q: %w", trim(x.Code), err)
	}
	if trim(x.Direction) == "" {
		b.note(SignMissing, "", "balance %s is read as a credit", trim(x.Code))
		return amount, true, nil
	}
	credit, err := isCredit(x.Direction)
	return signed(amount, credit), true, err
}

// checkFooting says what keeps the statement from footing.
func (b *builder) checkFooting() {
	if !b.s.OpeningKnown {
		b.note(OpeningMissing, "", "no opening balance")
	}
	if !b.s.ClosingKnown {
		b.note(ClosingMissing, "", "no closing balance")
	}
	if !b.s.OpeningKnown || !b.s.ClosingKnown {
		return
	}
	switch sum, ok := b.s.sum(); {
	case !ok:
		b.note(DoesNotFoot, "", "entries cannot be added up")
	case sum != b.s.Closing:
		b.note(DoesNotFoot, "", "opening and entries lead to %d, closing is %d", sum, b.s.Closing)
	}
}

// checkSummary compares the bank's own counts and sums, where it gives them. They are a control and nothing else: one
// that cannot be read is a finding too.
func (b *builder) checkSummary() {
	if b.summary == nil || b.foreign > 0 {
		return
	}
	for _, side := range []struct {
		credit bool
		stated totalXML
	}{{true, b.summary.Credits}, {false, b.summary.Debits}} {
		var count, sum int64
		fits := true
		for _, e := range b.s.Entries {
			if e.Credit == side.credit {
				count++
				if fits {
					sum, fits = add(sum, e.Amount)
				}
			}
		}
		if text := trim(side.stated.Count); text != "" && text != strconv.FormatInt(count, 10) {
			b.note(SummaryDiffers, "", "%.20s entries stated, %d there", text, count)
		}
		text := trim(side.stated.Sum)
		if stated, err := parseAmount(text, b.s.Currency); text != "" && (err != nil || !fits || stated != sum) {
			b.note(SummaryDiffers, "", "sum %.20s stated, %d minor units there", text, sum)
		}
	}
}

func trim(s string) string { return strings.TrimSpace(s) }

// join puts the parts that say something into one text.
func join(parts []string) string {
	var kept []string
	for _, p := range parts {
		if p = strings.Join(strings.Fields(p), " "); p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " ")
}

// endToEndID drops the standard's word for "none".
func endToEndID(s string) string {
	if s = trim(s); s == "NOTPROVIDED" {
		return ""
	}
	return s
}

func isTrue(s string) bool { s = trim(s); return s == "true" || s == "1" }

func isCredit(direction string) (bool, error) {
	switch trim(direction) {
	case "CRDT":
		return true, nil
	case "DBIT":
		return false, nil
	}
	return false, fmt.Errorf("%w: CdtDbtInd %.10q is neither CRDT nor DBIT", ErrMalformed, direction)
}

func signed(amount int64, credit bool) int64 {
	if credit {
		return amount
	}
	return -amount
}

// firstNumber reads the first of the texts that is a number.
func firstNumber(texts ...string) int64 {
	for _, t := range texts {
		if n, err := strconv.ParseInt(trim(t), 10, 64); err == nil {
			return n
		}
	}
	return 0
}
