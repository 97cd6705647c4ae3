// Package money owns amounts of whole đồng: their limit, their splits, their rounding and how they are written.
//
// It guarantees that the parts of a split always add up to the whole and that a fraction becomes đồng only by a
// rounding that is named at the call. It holds no exchange rates and knows no other currency's minor unit.
package money

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// VND is the ISO 4217 code of the Vietnamese đồng, which has no minor unit in use: amounts are whole đồng.
const VND = "VND"

// MaxAmount is the largest amount of one charge or bill, in đồng (10^15, a tenth of the nation's yearly product).
// Sums of thousands of such amounts still fit an int64.
const MaxAmount int64 = 1_000_000_000_000_000

// Split divides total in proportion to the weights by the method of the largest remainder: every part is rounded
// towards zero, then the đồng left over go one each to the parts with the largest remainders, the lower index first
// among equals. The parts add up to total. A negative total is split as its amount and the parts turned negative.
// It fails when there are no weights, one is negative, all are 0, or their sum overflows.
func Split(total int64, weights []int64) ([]int64, error) {
	sum, err := sumOf(weights)
	if err != nil {
		return nil, err
	}
	size, sign := uint64(total), int64(1)
	if total < 0 {
		size, sign = -uint64(total), -1
	}
	parts := make([]int64, len(weights))
	remainders := make([]uint64, len(weights))
	order := make([]int, len(weights))
	left := size
	for i, w := range weights {
		high, low := bits.Mul64(size, uint64(w)) // 128 bits: the product of two amounts does not fit 64
		part, rest := bits.Div64(high, low, sum) // w <= sum, so the quotient is at most size
		parts[i], remainders[i], order[i] = sign*int64(part), rest, i
		left -= part
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case remainders[a] > remainders[b]:
			return -1
		case remainders[a] < remainders[b]:
			return 1
		default:
			return 0
		}
	})
	for _, i := range order[:left] { // fewer đồng are left than there are parts with a remainder
		parts[i] += sign
	}
	return parts, nil
}

func sumOf(weights []int64) (uint64, error) {
	var sum uint64
	for i, w := range weights {
		if w < 0 {
			return 0, fmt.Errorf("weight %d of the split is negative (%d): give weights of 0 or more", i, w)
		}
		sum += uint64(w)
		if sum > 1<<63 {
			return 0, fmt.Errorf("the weights of the split are too large: their sum must be at most 2^63")
		}
	}
	if sum == 0 {
		return 0, fmt.Errorf("the split has no weight: give at least one weight above 0")
	}
	return sum, nil
}

// Format writes an amount of đồng for a person: "1.250.000 ₫" in Vietnamese (lang "vi", and any other but "en"),
// "1,250,000 VND" in English (lang "en").
func Format(amount int64, lang string) string {
	separator, unit := byte('.'), " ₫"
	if lang == "en" {
		separator, unit = ',', " VND"
	}
	digits := strconv.FormatInt(amount, 10)
	var out strings.Builder
	if digits[0] == '-' {
		out.WriteByte('-')
		digits = digits[1:]
	}
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteByte(separator)
		}
		out.WriteByte(digits[i])
	}
	out.WriteString(unit)
	return out.String()
}
