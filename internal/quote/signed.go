package quote

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"exchequer/internal/calendar"
	"exchequer/internal/fee"
	"exchequer/internal/money"
	"exchequer/internal/problem"
	"exchequer/internal/sign"
)

// Type is the header typ of a signed quote: no other message of the same keys can be passed off as one.
const Type = "quote+jwt"

// Signer signs a message with the newest key; *sign.Keys is one.
type Signer interface {
	Sign(typ string, payload []byte) (string, error)
}

// Verifier checks a message's signature and type; *sign.KeySet is one.
type Verifier interface {
	Verify(compact, typ string) ([]byte, error)
}

// Signed is what a signed quote says (RFC 7519): the quote, who says so, and from when until when it can be paid by it.
// It has no time of issue and no number of its own, so that the same quote is the same message.
type Signed struct {
	Issuer    string `json:"iss"`
	NotBefore int64  `json:"nbf"` // seconds since 1970: the first moment of the quote's day
	Expires   int64  `json:"exp"` // seconds since 1970: the quote's valid_until
	// Bill is the reference under which the amount is owed; empty for a quote that no bill was made of.
	Bill string `json:"bill,omitempty"`
	Quote
}

// Unsigned says why the quote is no offer at an instant and so is not to be signed; empty where it is one. What is
// published until its day comes may change one of a day to come, and nobody can pay by one that no longer holds: its
// body, its accounts and its amount may be others by now.
func (q *Quote) Unsigned(at time.Time) fee.Text {
	forecast, isForecast := errors.AsType[*problem.Error](q.Payable())
	switch {
	case isForecast:
		return fee.Text{Vi: forecast.DetailVi, En: forecast.Detail}
	case q.Date.After(calendar.DayOf(at)):
		return fee.Text{Vi: fmt.Sprintf("ngày %s chưa đến, và đến lúc đó quy định còn có thể thay đổi: hãy hỏi lại vào ngày đó", q.Date),
			En: fmt.Sprintf("%s lies ahead, and what is published until then may change it: ask again on that day", q.Date)}
	case !at.Before(q.ValidUntil):
		end := q.ValidUntil.In(calendar.Zone).Format(time.RFC3339)
		return fee.Text{Vi: fmt.Sprintf("báo giá chỉ có giá trị đến %s: hãy hỏi cho một ngày sau đó", end),
			En: fmt.Sprintf("it held until %s: ask for a later day", end)}
	}
	return fee.Text{}
}

// Sign gives the quote as a compact JWS. Bill is the reference of the bill that was made of it, or "". A forecast is
// refused, by its Payable: whoever holds the signature could pay by it.
func (q *Quote) Sign(keys Signer, issuer, bill string) (string, error) {
	if err := q.Payable(); err != nil {
		return "", err
	}
	payload, err := json.Marshal(Signed{Issuer: issuer, NotBefore: q.Date.At(0).Unix(), Expires: q.ValidUntil.Unix(), Bill: bill, Quote: *q})
	if err != nil {
		return "", fmt.Errorf("writing the quote of %s: %w", q.Service, err)
	}
	return keys.Sign(Type, payload)
}

// Open reads a signed quote whose signature holds. The error joins sign.ErrRefused where it does not, and where what was
// signed is no quote. Whether it can still be paid, and whether it adds up, is for Check.
func Open(keys Verifier, compact string) (*Signed, error) {
	payload, err := keys.Verify(compact, Type)
	if err != nil {
		return nil, err
	}
	var s Signed
	if err := json.Unmarshal(payload, &s); err != nil || s.Service == "" || s.Expires == 0 || s.Currency != money.VND {
		return nil, fmt.Errorf("%w: what was signed is no quote", sign.ErrRefused)
	}
	return &s, nil
}

// Finding is a reason not to take money by a signed quote. The codes are issuer, expired, not_yet, lines, budget,
// charge and account.
type Finding struct {
	Code   string   `json:"code"`
	Detail fee.Text `json:"detail"`
}

// findings are those so far.
type findings []Finding

// findIf adds a finding in both languages where something is wrong. Amounts, whole đồng, are written as money.
func (f *findings) findIf(wrong bool, code, vi, en string, args ...any) {
	if wrong {
		*f = append(*f, Finding{code, fee.Text{Vi: fmt.Sprintf(vi, written(args, "vi")...), En: fmt.Sprintf(en, written(args, "en")...)}})
	}
}

func written(args []any, lang string) []any {
	out := slices.Clone(args)
	for i, a := range out {
		if amount, ok := a.(int64); ok {
			out[i] = money.Format(amount, lang)
		}
	}
	return out
}

// Check gives every reason not to take money by the quote at an instant; none where all is well. Issuer is whose quotes
// are taken: a key set may hold the keys of several.
func (s *Signed) Check(at time.Time, issuer string) []Finding {
	out := findings{}
	out.findIf(s.Issuer != issuer, "issuer", "do %s ký, không phải %s", "it is signed by %s, not by %s", s.Issuer, issuer)
	out.findIf(at.Unix() >= s.Expires, "expired", "có giá trị đến %s: hãy yêu cầu báo giá mới", "it held until %s: ask for a new one", inVietnam(s.Expires))
	out.findIf(at.Unix() < s.NotBefore, "not_yet", "có giá trị từ %s", "it holds from %s on", inVietnam(s.NotBefore))
	s.checkSums(&out)
	return out
}

// checkSums finds what does not add up, and budget lines that go to no account of the payee.
func (s *Signed) checkSums(out *findings) {
	var lines, budget int64
	left := map[string]int64{}
	for _, l := range s.Lines {
		lines += l.Amount
		left[l.Charge] += l.Amount
	}
	for _, b := range s.Budget {
		budget += b.Amount
		left[b.Charge] -= b.Amount
		out.findIf(b.Amount < 0, "budget", "mục ngân sách %s của khoản %s là %s", "budget line %s of %s is %s", b.Budget, b.Charge, b.Amount)
		out.findIf(s.Payee.Account(b.Account) == (Account{}), "account", "mục ngân sách %s của khoản %s nộp vào tài khoản %s, không phải của nơi nhận tiền",
			"budget line %s of %s goes to the account %s, which is not among the payee's", b.Budget, b.Charge, b.Account)
	}
	out.findIf(lines != s.TotalVND, "lines", "các khoản cộng lại là %s, tổng cộng ghi %s", "the lines add up to %s, the total is %s", lines, s.TotalVND)
	out.findIf(budget != s.TotalVND, "budget", "các mục ngân sách cộng lại là %s, tổng cộng ghi %s", "the budget lines add up to %s, the total is %s", budget, s.TotalVND)
	for _, charge := range slices.Sorted(maps.Keys(left)) {
		out.findIf(left[charge] != 0, "charge", "khoản %s và các mục ngân sách của khoản đó chênh lệch %s", "%s and its budget lines differ by %s", charge, left[charge])
	}
}

// inVietnam writes a NumericDate as the clocks there show it.
func inVietnam(seconds int64) string {
	return time.Unix(seconds, 0).In(calendar.Zone).Format(time.RFC3339)
}
