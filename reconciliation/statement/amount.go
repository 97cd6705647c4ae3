package statement

import (
	"fmt"
	"strconv"
	"strings"
)

// Currencies whose minor unit is not a hundredth (ISO 4217, list one). The last group has none and is not money here.
const (
	noMinorUnit    = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
	threeDecimals  = "BHD IQD JOD KWD LYD OMR TND"
	fourDecimals   = "CLF UYW"
	withoutAmounts = "XAG XAU XBA XBB XBC XBD XDR XPD XPT XSU XTS XUA XXX"
)

// decimals gives the digits of a currency's minor unit.
func decimals(currency string) (int, error) {
	if len(currency) != 3 || strings.Trim(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || strings.Contains(withoutAmounts, currency) {
		return 0, fmt.Errorf("%w: currency %q is not an ISO 4217 code of money", ErrAmount, currency)
	}
	switch {
	case strings.Contains(noMinorUnit, currency):
		return 0, nil
	case strings.Contains(threeDecimals, currency):
		return 3, nil
	case strings.Contains(fourDecimals, currency):
		return 4, nil
	}
	return 2, nil
}

// parseAmount reads an xsd:decimal of at most 18 digits as minor units. It refuses a sign (CdtDbtInd carries it), an
// exponent, and decimals the currency does not have, unless they are zeros.
func parseAmount(text, currency string) (int64, error) {
	places, err := decimals(currency)
	if err != nil {
		return 0, err
	}
	text = strings.Trim(text, " \t\r\n")
	whole, fraction, _ := strings.Cut(text, ".")
	digits := whole + fraction
	if digits == "" || len(text) > 40 || strings.Trim(digits, "0123456789") != "" {
		return 0, fmt.Errorf("%w: %.40q is not a plain decimal number", ErrAmount, text)
	}
	if len(fraction) > places {
		if strings.Trim(fraction[places:], "0") != "" {
			return 0, fmt.Errorf("%w: %s %s has more decimals than the currency", ErrAmount, text, currency)
		}
		fraction = fraction[:places]
	}
	fraction += strings.Repeat("0", places-len(fraction))
	n, err := strconv.ParseInt(whole+fraction, 10, 64)
	if whole+fraction == "" {
		return 0, nil // ".00" of a currency without minor unit
	}
	if err != nil || n > maxAmount {
		return 0, fmt.Errorf("%w: %s %s is too large", ErrAmount, text, currency)
	}
	return n, nil
}

// maxAmount is the most the standard's 18 digits can hold.
const maxAmount = 999_999_999_999_999_999
