package surge

import (
	"cmp"
	"math/big"
	"slices"

	"github.com/swarmstake/swarmstake/tracker/bt"
)

// Retarget moves a price like the difficulty of mining (ECONOMY §10): what is paid for something
// rises while there is less of it than wanted, and falls while there is more. All figures in ppm.
type Retarget struct {
	Down, Up int64 // the least and the most that one step makes of the price
	DeadBand int64 // of what is wanted: no step while what is differs by no more
	Min, Max int64 // of the configured price
}

// HostingRate are the rules by which the hosting rate moves, down to minPPM of the configured one,
// which is its upper bound too.
func (p Params) HostingRate(minPPM int64) Retarget {
	return Retarget{Down: p.RetargetDown, Up: p.RetargetUp, DeadBand: p.DeadBand, Min: minPPM, Max: PPM}
}

// BasePrice are the rules by which the base price moves.
func (p Params) BasePrice() Retarget {
	return Retarget{Down: p.RetargetDown, Up: p.RetargetUp, DeadBand: p.DeadBand, Min: p.BaseMin, Max: p.BaseMax}
}

// Next returns the factor on the configured price after a step: factor·clip(√(target/actual), Down,
// Up), rounded down, within Min and Max. Without data, a target or an actual figure of 0 or less,
// and within the dead band it stays, within Min and Max.
func (r Retarget) Next(factor, target, actual int64) int64 {
	if target > 0 && actual > 0 && !r.near(target, actual) {
		next := root(factor, target, actual)
		factor = max(scaled(factor, r.Down), min(scaled(factor, r.Up), next))
	}
	return max(r.Min, min(r.Max, factor))
}

// near reports whether the actual figure lies within the dead band around the target.
func (r Retarget) near(target, actual int64) bool {
	off := new(big.Int).Sub(big.NewInt(target), big.NewInt(actual))
	off.Mul(off.Abs(off), big.NewInt(PPM))
	return off.Cmp(new(big.Int).Mul(big.NewInt(target), big.NewInt(r.DeadBand))) <= 0
}

// root returns factor·√(target/actual) rounded down, at most the largest int64.
func root(factor, target, actual int64) int64 {
	x := big.NewInt(factor)
	x.Mul(x, x).Mul(x, big.NewInt(target)).Quo(x, big.NewInt(actual))
	return whole(x.Sqrt(x))
}

func scaled(factor, ppm int64) int64 {
	x := new(big.Int).Mul(big.NewInt(factor), big.NewInt(ppm))
	return whole(x.Quo(x, big.NewInt(PPM)))
}

func whole(x *big.Int) int64 {
	if !x.IsInt64() {
		return 1<<63 - 1
	}
	return x.Int64()
}

// Speed is what one download took, what of it was paid for, and how long it was there for it.
type Speed struct {
	Taken, Paid bt.Bytes
	Ms          int64
}

// rate returns bytes per second, rounded down.
func (s Speed) rate() int64 { return int64(min(s.Taken, bt.MaxCounter)) * 1000 / s.Ms }

// MedianRate returns the rate in bytes per second at or below which half of what was paid for was
// downloaded, 0 if nothing was. Downloads count by their paid bytes rather than one by one: else
// many identities that take a byte each would move the price for nothing. Those without a time say
// nothing.
func MedianRate(downloads []Speed) bt.Bytes {
	samples := slices.DeleteFunc(slices.Clone(downloads), func(d Speed) bool { return d.Paid <= 0 || d.Ms <= 0 })
	slices.SortFunc(samples, func(a, b Speed) int { return cmp.Compare(a.rate(), b.rate()) })
	var all, below uint64 // of at most 2^63 each: no sum of a day's bytes comes near
	for _, d := range samples {
		all += uint64(d.Paid)
	}
	for _, d := range samples {
		if below += uint64(d.Paid); below >= all-below {
			return bt.Bytes(d.rate())
		}
	}
	return 0
}
