package vnpay

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"exchequer/providers"
)

// Start builds the signed address to which the payer's browser is sent (facts of VNPAY's pay page, PAY 2.1.0). It
// calls nobody, so it fails only with ErrNotDone, and the same payment gives the same address each time: VNPAY takes
// a vnp_TxnRef once a day and terminal, so that an address opened twice cannot collect twice.
func (a *Adapter) Start(_ context.Context, p providers.Payment) (providers.Action, error) {
	terminal, ok := a.byMerchant[p.Merchant]
	if !ok {
		return providers.Action{}, notDone("no terminal is configured for merchant %q", p.Merchant)
	}
	if p.ReturnURL == "" {
		p.ReturnURL = a.config.ReturnURL
	}
	if err := a.checkPayment(p); err != nil {
		return providers.Action{}, err
	}
	fields := []field{
		{"vnp_Version", version},
		{"vnp_Command", "pay"},
		{"vnp_TmnCode", terminal.TmnCode},
		{"vnp_Amount", strconv.FormatInt(p.Amount*wireFactor, 10)},
		{"vnp_CreateDate", formatTime(p.Created)},
		{"vnp_CurrCode", currency},
		{"vnp_ExpireDate", formatTime(p.Expires)},
		{"vnp_IpAddr", payerIP(p.PayerIP, a.config.ServerIP)},
		{"vnp_Locale", locale(p.Locale)},
		{"vnp_OrderInfo", orderInfo(p)},
		{"vnp_OrderType", a.config.OrderType},
		{"vnp_ReturnUrl", p.ReturnURL},
		{"vnp_TxnRef", p.Reference},
	}
	return providers.Action{Kind: providers.Redirect, URL: payURL(a.config.PayURL, terminal.HashSecret, fields)}, nil
}

// payURL encodes and signs the pairs. What is signed is exactly what is sent, byte for byte.
func payURL(page, secret string, fields []field) string {
	encoded := make([]field, len(fields))
	for i, f := range fields {
		encoded[i] = field{encode(f.name), encode(f.value)}
	}
	query := canonical(encoded)
	separator := "?"
	if strings.Contains(page, "?") {
		separator = "&"
	}
	return page + separator + query + "&" + hashField + "=" + sign(secret, query)
}

// checkPayment refuses what VNPAY would refuse, or what its fields cannot hold.
func (a *Adapter) checkPayment(p providers.Payment) error {
	u, err := url.Parse(p.ReturnURL)
	switch {
	case p.Currency != currency:
		return notDone("currency %q: only VND is taken", p.Currency)
	case p.Amount <= 0 || p.Amount > maxDong:
		return notDone("amount %d must be from 1 to %d đồng", p.Amount, int64(maxDong))
	case !alphanumeric.MatchString(p.Reference):
		return notDone("reference %q must be 1 to 100 letters and digits", p.Reference)
	case err != nil || u.Host == "" || len(p.ReturnURL) < 10 || len(p.ReturnURL) > 255 || !signsAlike(p.ReturnURL):
		return notDone("return address must be absolute, 10 to 255 characters, without ! ' ( ) * ~")
	case !p.Created.Before(p.Expires):
		return notDone("the payment ends before it begins")
	case !p.Expires.After(a.now()):
		return notDone("the payment's time is over")
	}
	return nil
}

// orderInfo keeps letters, digits and spaces only: anything else may be signed differently on the other side. A text
// is never a reason to refuse a payment, so the rest is replaced and not refused.
func orderInfo(p providers.Payment) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			return r
		}
		return ' '
	}, p.Description)
	clean = strings.Join(strings.Fields(clean), " ")
	if len(clean) > 255 {
		clean = strings.TrimSpace(clean[:255])
	}
	if clean == "" {
		return p.Reference
	}
	return clean
}

// payerIP gives an address of 7 to 45 characters; short IPv6 addresses are written out.
func payerIP(payer, server string) string {
	ip, err := netip.ParseAddr(payer)
	if err != nil || ip.Zone() != "" {
		return server
	}
	if s := ip.Unmap().String(); len(s) >= 7 {
		return s
	}
	return ip.StringExpanded()
}

// locale gives VNPAY's two languages.
func locale(l string) string {
	if l == "en" {
		return "en"
	}
	return "vn"
}

func formatTime(t time.Time) string { return t.In(zone).Format(wireTime) }

// parseTime reads yyyyMMddHHmmss of GMT+7.
func parseTime(s string) (time.Time, error) {
	t, err := time.ParseInLocation(wireTime, s, zone)
	if err != nil {
		return time.Time{}, errors.New("time is not yyyyMMddHHmmss")
	}
	return t.UTC(), nil
}

func notDone(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{providers.ErrNotDone}, args...)...)
}
