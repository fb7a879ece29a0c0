package swarm

import (
	"math"
	"math/bits"
)

// mulDiv is floor(a·b/c) for non-negative a, b and positive c. It saturates where tokens.MulDiv
// panics: a client that names absurd counters must not stop the tracker.
func mulDiv(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, uint64(c))
	return int64(min(q, math.MaxInt64))
}

// mulDivRem is floor(a·b/c) and its remainder for 0 ≤ b ≤ c: the quotient fits.
func mulDivRem(a, b, c int64) (quo, rem int64) {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	q, r := bits.Div64(hi, lo, uint64(c))
	return int64(q), int64(r)
}
