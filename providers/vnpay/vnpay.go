// Package vnpay is the adapter for VNPAY, protocol PAY 2.1.0.
//
// It owns the pay URL, the reading and answering of notifications (IPN) and of the browser's return, the question
// after a payment (querydr) and the reading of settlement files. It guarantees that an observation it returns was
// signed with the terminal's own secret, and that an amount is whole đồng. It keeps no state, and it decides nothing
// about an order: the return of the browser reads like an IPN but must never change one.
//
// VNPAY publishes no settlement file; the form read here is our own, declared at ReadSettlement.
package vnpay

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"time"

	"exchequer/providers"
)

// Name is the provider's key.
const Name = "vnpay"

const (
	version    = "2.1.0"
	currency   = "VND"
	wireFactor = 100 // vnp_Amount is đồng × 100
	wireTime   = "20060102150405"
	maxDong    = 999_999_999_999 / wireFactor // vnp_Amount has at most 12 digits
	maxRunTime = 30 * time.Second             // of one call to VNPAY, when Config gives none
)

// zone is GMT+7, in which VNPAY writes every time. Vietnam has no summer time.
var zone = time.FixedZone("GMT+7", 7*60*60)

// Terminal is one collecting account at VNPAY.
type Terminal struct {
	Merchant   string // our key of the contract, as in providers.Payment; empty means TmnCode
	TmnCode    string // 8 letters and digits, given by VNPAY
	HashSecret string // given by VNPAY; signs both ways
}

// Config is what the contract with VNPAY says. PayURL, TransactionURL and at least one terminal are required.
type Config struct {
	Terminals      []Terminal
	PayURL         string        // page the payer's browser is sent to, e.g. https://…/paymentv2/vpcpay.html
	TransactionURL string        // querydr, e.g. https://…/merchant_webapi/api/transaction
	SettlementURL  string        // folder with <YYYY-MM-DD>.csv; may be empty where files come by hand
	ReturnURL      string        // used when a payment names none
	ServerIP       string        // our address as VNPAY sees it; empty means 127.0.0.1
	OrderType      string        // VNPAY's goods category; empty means "other"
	Timeout        time.Duration // of one call; 0 means 30 s
}

// Adapter speaks to VNPAY. It is safe for use by several goroutines.
type Adapter struct {
	config     Config
	do         providers.Doer
	now        func() time.Time
	byMerchant map[string]Terminal
	byCode     map[string]Terminal
}

var (
	_ providers.Provider         = (*Adapter)(nil)
	_ providers.Querier          = (*Adapter)(nil)
	_ providers.SettlementSource = (*Adapter)(nil)
)

var (
	tmnCode      = regexp.MustCompile(`^[0-9A-Za-z]{8}$`)
	alphanumeric = regexp.MustCompile(`^[0-9A-Za-z]{1,100}$`)
)

// New checks the configuration and makes the adapter. The error names every field at fault.
func New(config Config, do providers.Doer, now func() time.Time) (*Adapter, error) {
	if config.ServerIP == "" {
		config.ServerIP = "127.0.0.1"
	}
	if config.OrderType == "" {
		config.OrderType = "other"
	}
	if config.Timeout == 0 {
		config.Timeout = maxRunTime
	}
	a := &Adapter{
		config: config, do: do, now: now,
		byMerchant: make(map[string]Terminal), byCode: make(map[string]Terminal),
	}
	faults := []error{
		checkURL("PayURL", config.PayURL, true),
		checkURL("TransactionURL", config.TransactionURL, true),
		checkURL("SettlementURL", config.SettlementURL, false),
		checkURL("ReturnURL", config.ReturnURL, false),
	}
	if do == nil || now == nil {
		faults = append(faults, errors.New("the HTTP client and the clock must be given"))
	}
	if _, err := netip.ParseAddr(config.ServerIP); err != nil {
		faults = append(faults, fmt.Errorf("ServerIP %q is not an IP address", config.ServerIP))
	}
	if !alphanumeric.MatchString(config.OrderType) {
		faults = append(faults, fmt.Errorf("OrderType %q must be 1 to 100 letters and digits", config.OrderType))
	}
	if len(config.Terminals) == 0 {
		faults = append(faults, errors.New("Terminals: at least one is needed"))
	}
	for i, t := range config.Terminals {
		faults = append(faults, a.addTerminal(i, t))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("configuration of vnpay: %w", err)
	}
	return a, nil
}

// Name gives the provider's key.
func (a *Adapter) Name() string { return Name }

// addTerminal checks one terminal and files it under both of its keys. Errors never show the secret.
func (a *Adapter) addTerminal(i int, t Terminal) error {
	if t.Merchant == "" {
		t.Merchant = t.TmnCode
	}
	if !tmnCode.MatchString(t.TmnCode) {
		return fmt.Errorf("Terminals[%d].TmnCode %q must be 8 letters and digits", i, t.TmnCode)
	}
	if t.HashSecret == "" {
		return fmt.Errorf("Terminals[%d].HashSecret is missing", i)
	}
	if _, twice := a.byMerchant[t.Merchant]; twice {
		return fmt.Errorf("Terminals[%d].Merchant %q stands twice", i, t.Merchant)
	}
	if _, twice := a.byCode[t.TmnCode]; twice {
		return fmt.Errorf("Terminals[%d].TmnCode %q stands twice", i, t.TmnCode)
	}
	a.byMerchant[t.Merchant], a.byCode[t.TmnCode] = t, t
	return nil
}

func checkURL(field, value string, required bool) error {
	if value == "" {
		if required {
			return fmt.Errorf("%s is missing", field)
		}
		return nil
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.Fragment != "" {
		return fmt.Errorf("%s %q must be an absolute http(s) address", field, value)
	}
	if !signsAlike(value) {
		return fmt.Errorf("%s %q holds a character that URL encoders treat differently", field, value)
	}
	return nil
}
