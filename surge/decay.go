package surge

import (
	"math/bits"
	"time"
)

// Fixed point with 62 bits behind the point.
const (
	point = 62
	one   = uint64(1) << point
	ln2   = 0x2c5c85fdf473de6a // ln 2 · 2^62, rounded down
)

// decay returns 2^(−dt/halfLife) in fixed point, within 2^-55: what is left after dt of something
// that halves every halfLife. Negative dt counts as 0; a half-life of 0 forgets at once.
func decay(dt, halfLife time.Duration) uint64 {
	if dt <= 0 {
		return one
	}
	if halfLife <= 0 || dt/halfLife > point {
		return 0
	}
	hi, lo := bits.Mul64(uint64(dt%halfLife), one)
	part, _ := bits.Div64(hi, lo, uint64(halfLife))
	return expNeg(times(part, ln2)) >> uint(dt/halfLife)
}

// expNeg returns e^−x for 0 ≤ x < 1, by its power series.
func expNeg(x uint64) uint64 {
	even, odd := one, uint64(0)
	for term, k := one, uint64(1); term > 0; k++ {
		term = times(term, x) / k
		if k%2 == 1 {
			odd += term
		} else {
			even += term
		}
	}
	return even - odd
}

// times multiplies in fixed point, rounded down.
func times(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi<<(64-point) | lo>>point
}

// smooth moves old towards new by what dt forgets of their difference, rounded so that it arrives.
func smooth(old, new int64, dt, halfLife time.Duration) int64 {
	left := decay(dt, halfLife)
	if old < new {
		return new - int64(times(uint64(new-old), left))
	}
	return new + int64(times(uint64(old-new), left))
}
