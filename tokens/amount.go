package tokens

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Amount is a sum of one asset in its smallest unit: micro-tokens (utok) for Token, micro-units
// for Quote, bytes for Byte. Transfers move positive amounts only.
type Amount int64

// Unit is one whole token (or quote unit): 1,000,000 of the smallest.
const Unit Amount = 1_000_000

// MaxAmount bounds an amount that a person or a client may name (10^12 whole tokens).
const MaxAmount = Amount(1_000_000_000_000) * Unit

// String formats an amount as a decimal number of whole units with up to 6 decimals.
func (a Amount) String() string {
	sign, u := "", uint64(a)
	if a < 0 {
		sign, u = "-", -u
	}
	whole, frac := u/uint64(Unit), u%uint64(Unit)
	if frac == 0 {
		return sign + strconv.FormatUint(whole, 10)
	}
	return sign + strconv.FormatUint(whole, 10) + "." + strings.TrimRight(fmt.Sprintf("%06d", frac), "0")
}

// ParseAmount reads a non-negative decimal number of whole units with up to 6 decimals, at most
// MaxAmount: "12", "0.5", "3.000001". Signs, exponents and blanks are refused.
func ParseAmount(s string) (Amount, error) {
	whole, frac, dotted := strings.Cut(s, ".")
	if len(frac) > 6 || dotted && frac == "" || whole == "" || !digits(whole) || !digits(frac) {
		return 0, fmt.Errorf("amount %q: want a number such as 12 or 0.5 with at most 6 decimals", s)
	}
	w, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || Amount(w) > MaxAmount/Unit {
		return 0, fmt.Errorf("amount %q: at most %s", s, MaxAmount)
	}
	f, _ := strconv.ParseInt((frac + "000000")[:6], 10, 64)
	if a := Amount(w)*Unit + Amount(f); a <= MaxAmount {
		return a, nil
	}
	return 0, fmt.Errorf("amount %q: at most %s", s, MaxAmount)
}

func digits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// MulDiv returns floor(a·b/c) with a 128-bit intermediate. It panics if an argument is negative,
// c is 0 or the result does not fit: callers bound their inputs.
func MulDiv(a, b, c int64) int64 {
	q, _ := mulDivRem(a, b, c)
	return q
}

// MulDivUp is MulDiv rounded up.
func MulDivUp(a, b, c int64) int64 {
	q, r := mulDivRem(a, b, c)
	if r > 0 {
		q++
	}
	return q
}

func mulDivRem(a, b, c int64) (quo, rem int64) {
	if a < 0 || b < 0 || c <= 0 {
		panic(fmt.Sprintf("tokens: MulDiv(%d, %d, %d) out of range", a, b, c))
	}
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		panic(fmt.Sprintf("tokens: MulDiv(%d, %d, %d) overflows", a, b, c))
	}
	q, r := bits.Div64(hi, lo, uint64(c))
	if q > 1<<63-1 {
		panic(fmt.Sprintf("tokens: MulDiv(%d, %d, %d) overflows", a, b, c))
	}
	return int64(q), int64(r)
}

// PPM returns floor(a·ppm/10^6).
func PPM(a Amount, ppm int64) Amount { return Amount(MulDiv(int64(a), ppm, 1_000_000)) }
