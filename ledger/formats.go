package ledger

import (
	"strconv"
	"strings"
)

// exponent gives the number of decimals of a currency (ISO 4217 list one, those that do not have two). CLDR, which
// libraries carry, counts the decimals that people write, which are others: IQD, LBP or IDR.
func exponent(currency string) int {
	switch currency {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	case "CLF", "UYW":
		return 4
	}
	return 2
}

// FormatAmount writes an amount of minor units with the decimals of its currency (ISO 4217; two where the code is not
// known), without the currency: 12345 in USD is 123.45.
func FormatAmount(amount int64, currency string) string {
	s := strconv.FormatInt(amount, 10)
	n := exponent(currency)
	if n == 0 {
		return s
	}
	s, negative := strings.CutPrefix(s, "-")
	if len(s) <= n {
		s = strings.Repeat("0", n+1-len(s)) + s
	}
	s = s[:len(s)-n] + "." + s[len(s)-n:]
	if negative {
		s = "-" + s
	}
	return s
}
