package simulator

import (
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const wireTime = "20060102150405"

// errRefused: what the payer or the merchant sent is at fault, and not the simulator.
var errRefused = errors.New("VNPAY (mô phỏng)")

var (
	errSignature = errors.New("the signature does not verify")
	digits       = regexp.MustCompile(`^[0-9]{1,12}$`)
	letters      = regexp.MustCompile(`^[0-9A-Za-z]{1,100}$`)
)

var payPage = template.Must(template.New("pay").Parse(`<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>VNPAY (mô phỏng)</title>
<style>body{font:16px sans-serif;max-width:32rem;margin:3rem auto;padding:0 1rem}button{font-size:1rem;padding:.6rem 1.2rem;margin-right:.5rem}
dt{color:#555}dd{margin:0 0 .6rem}</style></head><body>
<h1>VNPAY <small>(mô phỏng)</small></h1>
<p>Không có tiền thật. No real money moves here.</p>
<dl><dt>Số tiền</dt><dd><strong>{{.Amount}} đ</strong></dd><dt>Nội dung</dt><dd>{{.OrderInfo}}</dd><dt>Mã giao dịch</dt><dd>{{.TxnRef}}</dd></dl>
<form method="post" action="?{{.Query}}"><button name="choice" value="pay">Thanh toán</button><button name="choice" value="cancel">Hủy</button></form>
</body></html>
`))

// readRequest checks a pay request as VNPAY's page describes it.
func (s *Simulator) readRequest(raw string) (opening, error) {
	fields, err := verifyQuery(raw, s.secretOf)
	if err != nil {
		return opening{}, err
	}
	for name, want := range map[string]string{"vnp_Version": "2.1.0", "vnp_Command": "pay", "vnp_CurrCode": "VND"} {
		if fields[name] != want {
			return opening{}, fmt.Errorf("%s must be %s", name, want)
		}
	}
	for _, name := range []string{"vnp_IpAddr", "vnp_Locale", "vnp_OrderInfo", "vnp_OrderType", "vnp_ReturnUrl"} {
		if fields[name] == "" || len(fields[name]) > 255 {
			return opening{}, fmt.Errorf("%s must have 1 to 255 characters", name)
		}
	}
	if !letters.MatchString(fields["vnp_TxnRef"]) {
		return opening{}, errors.New("vnp_TxnRef must be letters and digits")
	}
	amount, err := strconv.ParseInt(fields["vnp_Amount"], 10, 64)
	if err != nil || !digits.MatchString(fields["vnp_Amount"]) || amount <= 0 || amount%100 != 0 {
		return opening{}, errors.New("vnp_Amount must be whole đồng × 100")
	}
	created, createdErr := time.ParseInLocation(wireTime, fields["vnp_CreateDate"], zone)
	expires, expiresErr := time.ParseInLocation(wireTime, fields["vnp_ExpireDate"], zone)
	if createdErr != nil || expiresErr != nil {
		return opening{}, errors.New("vnp_CreateDate and vnp_ExpireDate must be yyyyMMddHHmmss")
	}
	if u, err := url.Parse(fields["vnp_ReturnUrl"]); err != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return opening{}, errors.New("vnp_ReturnUrl must be an http address")
	}
	return opening{
		Terminal: fields["vnp_TmnCode"], TxnRef: fields["vnp_TxnRef"], Amount: amount / 100, OrderInfo: fields["vnp_OrderInfo"],
		ReturnURL: fields["vnp_ReturnUrl"], Created: created.UTC(), Expires: expires.UTC(),
		Hash: strings.ToLower(fields["vnp_SecureHash"]),
	}, nil
}

func (s *Simulator) secretOf(terminal string) (string, bool) {
	t, ok := s.terminals[terminal]
	return t.HashSecret, ok
}

// enter gives the payment of a request, opened now where it is new. The caller holds mu.
func (s *Simulator) enter(o opening) (*payment, error) {
	now := s.config.Now()
	if p := s.book.payments[o.key()]; p != nil {
		if p.Hash != o.Hash {
			return nil, fmt.Errorf("%w: vnp_TxnRef was used today for another payment", errRefused)
		}
		return p, s.expire(p, now)
	}
	if !now.Before(o.Expires) {
		return nil, fmt.Errorf("%w: the time for this payment is over", errRefused)
	}
	if err := s.record(event{Kind: opened, At: now, Key: o.key(), Opening: &o}); err != nil {
		return nil, err
	}
	return s.book.payments[o.key()], nil
}

// expire ends an open payment whose time is over. The caller holds mu.
func (s *Simulator) expire(p *payment, now time.Time) error {
	if p.State != Open || now.Before(p.Expires) {
		return nil
	}
	return s.record(event{Kind: decided, At: now, Key: p.key(), Outcome: &outcome{State: Expired}})
}

// showPayPage asks the payer to pay or to cancel.
func (s *Simulator) showPayPage(w http.ResponseWriter, r *http.Request) {
	o, err := s.readRequest(r.URL.RawQuery)
	if err != nil {
		refuse(w, err)
		return
	}
	s.mu.Lock()
	p, err := s.enter(o)
	var done string
	if err == nil && p.State != Open {
		done = s.returnURL(p)
	}
	s.mu.Unlock()
	if err == nil {
		err = s.journal.Sync()
	}
	if err != nil {
		s.refuseOrFail(w, err)
		return
	}
	if done != "" { // the payer came back to a page he has used
		http.Redirect(w, r, done, http.StatusSeeOther)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = payPage.Execute(w, map[string]any{ // the reader is gone: nothing to do about it
		"Amount": grouped(o.Amount), "OrderInfo": o.OrderInfo, "TxnRef": o.TxnRef, "Query": template.URL(r.URL.RawQuery), //nolint:gosec // signed and verified above
	})
}

// decide takes the payer's choice once; a second one changes nothing. It answers with the way back to the merchant.
func (s *Simulator) decide(w http.ResponseWriter, r *http.Request) {
	o, err := s.readRequest(r.URL.RawQuery)
	if err != nil {
		refuse(w, err)
		return
	}
	choice := r.PostFormValue("choice")
	if choice != "pay" && choice != "cancel" {
		refuse(w, errors.New("choice must be pay or cancel"))
		return
	}
	s.mu.Lock()
	p, err := s.enter(o)
	if err == nil && p.State == Open {
		err = s.choose(p, choice)
	}
	var back string
	if err == nil {
		back = s.returnURL(p)
	}
	s.mu.Unlock()
	if err == nil {
		err = s.journal.Sync()
	}
	if err != nil {
		s.refuseOrFail(w, err)
		return
	}
	s.wakeUp()
	http.Redirect(w, r, back, http.StatusSeeOther)
}

// choose records the payer's choice. The caller holds mu.
func (s *Simulator) choose(p *payment, choice string) error {
	end := outcome{State: Cancelled}
	if choice == "pay" {
		end = outcome{State: Paid, TransactionNo: s.book.nextTransactionNo(), Fee: s.terminals[p.Terminal].Fee.of(p.Amount)}
	}
	return s.record(event{Kind: decided, At: s.config.Now(), Key: p.key(), Outcome: &end})
}

// of gives the fee of a payment, rounded half up to a đồng.
func (f FeeTerms) of(amount int64) int64 { return f.Flat + (amount*f.BasisPoints+5_000)/10_000 }

// returnURL is the merchant's page with the signed result. The caller holds mu.
func (s *Simulator) returnURL(p *payment) string {
	separator := "?"
	if strings.Contains(p.ReturnURL, "?") {
		separator = "&"
	}
	return p.ReturnURL + separator + result(p, p.Amount).query(s.terminals[p.Terminal].HashSecret)
}

// grouped writes an amount of whole đồng as it is written in Vietnam: 5.000.000.
func grouped(amount int64) string {
	text := strconv.FormatInt(amount, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "." + text[i:]
	}
	return text
}

func (s *Simulator) refuseOrFail(w http.ResponseWriter, err error) {
	if errors.Is(err, errRefused) {
		refuse(w, err)
		return
	}
	s.fail(w, err)
}

func refuse(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), http.StatusBadRequest)
}
