package simulator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// atOnce bounds the notifications under way.
const atOnce = 16

// result gives the fields of a notification or return.
func result(p *payment, amount int64) pairs {
	fields := pairs{
		"vnp_TmnCode": p.Terminal, "vnp_TxnRef": p.TxnRef, "vnp_Amount": strconv.FormatInt(amount*100, 10),
		"vnp_OrderInfo": p.OrderInfo, "vnp_BankCode": "NCB", "vnp_CardType": "ATM", "vnp_TransactionNo": "0",
		"vnp_PayDate": p.decidedAt.In(zone).Format(wireTime),
	}
	switch p.State {
	case Paid:
		fields["vnp_ResponseCode"], fields["vnp_TransactionStatus"] = "00", "00"
		fields["vnp_TransactionNo"], fields["vnp_BankTranNo"] = p.TransactionNo, "VNP"+p.TransactionNo
	case Cancelled:
		fields["vnp_ResponseCode"], fields["vnp_TransactionStatus"] = "24", "02"
	case Expired:
		fields["vnp_ResponseCode"], fields["vnp_TransactionStatus"] = "11", "02"
	}
	return fields
}

// letter is one notification ready to be sent.
type letter struct {
	payment *payment
	key     string
	url     string
	amount  int64
	altered bool
	copies  int // sent at once
}

// dueLetters gives the notifications that are due now. The caller holds mu.
func (s *Simulator) dueLetters(now time.Time) []letter {
	var due []letter
	for p := range s.book.calling {
		if now.Before(p.next) || s.held(p, now) {
			continue
		}
		l := letter{payment: p, key: p.key(), amount: p.Amount, copies: 1}
		if f, ok := s.book.fault(p.TxnRef, IPNWrongAmount); ok {
			l.amount = f.Amount
		}
		if _, ok := s.book.fault(p.TxnRef, IPNDuplicated); ok && len(p.calls) == 0 {
			l.copies = 2
		}
		secret := s.terminals[p.Terminal].HashSecret
		if _, l.altered = s.book.fault(p.TxnRef, IPNBadSignature); l.altered {
			secret += "?"
		}
		separator := "?"
		if strings.Contains(s.config.IPNURL, "?") {
			separator = "&"
		}
		l.url = s.config.IPNURL + separator + result(p, l.amount).query(secret)
		due = append(due, l)
	}
	return due
}

// held reports that a notification is lost, or not to be sent yet. The caller holds mu.
func (s *Simulator) held(p *payment, now time.Time) bool {
	if _, lost := s.book.fault(p.TxnRef, IPNLost); lost {
		return true
	}
	f, late := s.book.fault(p.TxnRef, IPNLate)
	return late && (f.Until.IsZero() || now.Before(f.Until))
}

// send makes the calls of all letters and records each. A crash before the record sends again, as VNPAY may.
func (s *Simulator) send(ctx context.Context, letters []letter) error {
	var wg sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	errs := make([]error, len(letters))
	for i, l := range letters {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = s.sendCopies(ctx, l)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *Simulator) sendCopies(ctx context.Context, l letter) error {
	calls := make([]IPNCall, l.copies)
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() { calls[i] = s.call(ctx, l) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil // we are stopping: VNPAY's rule does not count what we broke off ourselves
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range calls {
		c.At = s.config.Now()
		c.Next = c.At.Add(s.config.RetryAfter)
		if err := s.record(event{Kind: called, At: c.At, Key: l.key, Call: &c}); err != nil {
			return err
		}
	}
	return nil
}

// call sends one notification (GET) and reads the answer.
func (s *Simulator) call(ctx context.Context, l letter) IPNCall {
	c := IPNCall{Amount: l.amount, BadSignature: l.altered}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, http.NoBody)
	if err != nil {
		c.Error = "the notification address is not valid"
		return c
	}
	response, err := s.client.Do(r)
	if err != nil {
		c.Error = "no answer"
		return c
	}
	defer response.Body.Close()
	c.Status = response.StatusCode
	var answer struct{ RspCode, Message string }
	body, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err == nil {
		err = json.Unmarshal(body, &answer)
	}
	if err != nil || response.StatusCode != http.StatusOK {
		c.Error = fmt.Sprintf("HTTP %d without an answer in VNPAY's form", response.StatusCode)
		return c
	}
	c.RspCode = answer.RspCode
	return c
}
