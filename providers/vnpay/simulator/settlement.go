package simulator

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settlement is what one day settles.
type settlement struct {
	Day     string  `json:"day"` // YYYY-MM-DD
	Batches []Batch `json:"batches,omitempty"`
}

// settleAll settles every business day whose hour has come and which is not settled yet, in order: a simulator that
// was off, or whose clock jumped, leaves no day out. The caller holds mu.
func (s *Simulator) settleAll(now time.Time) error {
	day := midnight(s.book.started)
	if s.book.lastDay != "" {
		last, err := time.ParseInLocation(time.DateOnly, s.book.lastDay, zone)
		if err != nil {
			return err
		}
		day = last.AddDate(0, 0, 1)
	}
	for ; !now.Before(day.Add(s.config.SettleAt)); day = day.AddDate(0, 0, 1) {
		if !s.config.IsBusinessDay(time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)) {
			continue
		}
		if err := s.record(event{Kind: settled, At: now, Day: s.settlementOf(day)}); err != nil {
			return err
		}
	}
	return nil
}

func midnight(t time.Time) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, zone)
}

// settlementOf puts everything paid before the day began, and not settled, into one batch a terminal.
func (s *Simulator) settlementOf(day time.Time) *settlement {
	lines := make(map[string][]Line)
	for p := range s.book.unpaid {
		if _, missing := s.book.fault(p.TxnRef, SettlementMissing); missing || !p.decidedAt.Before(day) {
			continue
		}
		line := Line{Key: p.key(), TxnRef: p.TxnRef, TransactionNo: p.TransactionNo, Paid: p.decidedAt, Amount: p.Amount}
		if s.terminals[p.Terminal].Fee.KeptBack {
			line.Fee = p.Fee
		}
		if f, short := s.book.fault(p.TxnRef, SettlementShort); short {
			line.Amount = max(line.Fee, line.Amount-f.Amount)
		}
		lines[p.Terminal] = append(lines[p.Terminal], line)
	}
	out := &settlement{Day: day.Format(time.DateOnly)}
	for _, t := range s.config.Terminals {
		if len(lines[t.TmnCode]) == 0 {
			continue
		}
		b := Batch{
			ID:  "VNP" + day.Format("20060102") + "-" + t.TmnCode,
			Day: out.Day, Terminal: t.TmnCode, Account: t.Account, Lines: lines[t.TmnCode],
		}
		slices.SortFunc(b.Lines, func(x, y Line) int { return strings.Compare(x.TransactionNo, y.TransactionNo) })
		for _, l := range b.Lines {
			b.Amount += l.Amount
			b.Fee += l.Fee
		}
		b.Net = b.Amount - b.Fee
		out.Batches = append(out.Batches, b)
	}
	return out
}

// payOver tells the bank to credit the batches. The bank takes a batch's id once, so a lost answer is asked again.
func (s *Simulator) payOver(ctx context.Context, owed []*Batch) error {
	if s.config.BankURL == "" {
		return nil
	}
	var errs []error
	for _, b := range owed {
		if err := s.credit(ctx, b); err != nil {
			errs = append(errs, fmt.Errorf("paying over %s: %w", b.ID, err))
			continue
		}
		s.mu.Lock()
		errs = append(errs, s.record(event{Kind: credited, At: s.config.Now(), Batch: b.ID}))
		s.mu.Unlock()
	}
	return errors.Join(errs...)
}

func (s *Simulator) credit(ctx context.Context, b *Batch) error {
	body, err := json.Marshal(map[string]any{
		"id": b.ID, "account": b.Account, "amount": b.Net, "currency": "VND",
		"remittance": "VNPAY QUYET TOAN " + b.ID, "debtor": "VNPAY",
	})
	if err != nil {
		return err
	}
	address := strings.TrimSuffix(s.config.BankURL, "/") + "/credits"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // only for the message
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("the bank answers HTTP %d: %s", response.StatusCode, bytes.TrimSpace(said))
	}
	return nil
}

// serveSettlement writes a day's file; its form is declared at vnpay.Adapter.ReadSettlement.
func (s *Simulator) serveSettlement(w http.ResponseWriter, r *http.Request) {
	day, isCSV := strings.CutSuffix(r.PathValue("file"), ".csv")
	s.mu.Lock()
	found := s.book.days[day] // never changed once it is there, but for Credited, which the file does not show
	s.mu.Unlock()
	if !isCSV || found == nil {
		http.NotFound(w, r)
		return
	}
	if err := s.journal.Sync(); err != nil {
		s.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	out := csv.NewWriter(w)
	writeSettlement(out, found)
	out.Flush()
}

func writeSettlement(out *csv.Writer, d *settlement) {
	row := func(kind, batch, terminal string, lines int, l Line) {
		paid := ""
		if !l.Paid.IsZero() {
			paid = l.Paid.In(zone).Format(wireTime)
		}
		_ = out.Write([]string{ // the reader is gone: nothing to do about it
			kind, d.Day, batch, terminal, l.TxnRef, l.TransactionNo, paid, "VND", strconv.Itoa(lines),
			strconv.FormatInt(l.Amount, 10), strconv.FormatInt(l.Fee, 10), strconv.FormatInt(l.Amount-l.Fee, 10),
		})
	}
	_ = out.Write(strings.Split("record,day,batch,terminal,txn_ref,transaction_no,pay_date,currency,lines,amount,fee,net", ","))
	var all Line
	count := 0
	for i := range d.Batches {
		b := &d.Batches[i] // not a copy: Credited may be changing, and is not read here
		for _, l := range b.Lines {
			row("P", b.ID, b.Terminal, 1, l)
		}
		row("T", b.ID, b.Terminal, len(b.Lines), Line{Amount: b.Amount, Fee: b.Fee})
		all.Amount += b.Amount
		all.Fee += b.Fee
		count += len(b.Lines)
	}
	row("E", "", "", count, all)
}
