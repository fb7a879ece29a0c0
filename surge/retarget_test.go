package surge_test

import (
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/swarmstake/swarmstake/surge"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

func TestRetargetStep(t *testing.T) {
	r := surge.DefaultParams().BasePrice()
	for _, c := range []struct {
		name                   string
		factor, target, actual int64
		want                   int64
	}{
		{"as wanted", 1_000_000, 100, 100, 1_000_000},
		{"inside the dead band", 1_000_000, 100, 105, 1_000_000},
		{"inside the dead band, below", 1_000_000, 100, 95, 1_000_000},
		{"beyond the dead band", 1_000_000, 100, 106, 971_285}, // √(100/106) = 0.971285…
		{"too little", 1_000_000, 121, 100, 1_100_000},
		{"too much", 1_000_000, 81, 100, 900_000},
		{"far too little", 1_000_000, 1000, 1, 1_250_000},
		{"far too much", 1_000_000, 1, 1000, 800_000},
		{"up to twice", 1_900_000, 1000, 1, 2_000_000},
		{"down to half", 510_000, 1, 1000, 500_000},
		{"nothing is wanted", 1_100_000, 0, 50, 1_100_000},
		{"no data", 1_100_000, 50, 0, 1_100_000},
		{"no data, and the rules changed", 3_000_000, 50, 0, 2_000_000},
		{"the largest figures", 2_000_000, math.MaxInt64, 1, 2_000_000},
	} {
		if got := r.Next(c.factor, c.target, c.actual); got != c.want {
			t.Errorf("%s: %d becomes %d, want %d", c.name, c.factor, got, c.want)
		}
	}
}

func TestRetargetRules(t *testing.T) {
	p := surge.DefaultParams()
	if got, want := p.BasePrice(), (surge.Retarget{Down: 800_000, Up: 1_250_000, DeadBand: 50_000, Min: 500_000, Max: 2_000_000}); got != want {
		t.Errorf("base price: %+v", got)
	}
	if got, want := p.HostingRate(1000), (surge.Retarget{Down: 800_000, Up: 1_250_000, DeadBand: 50_000, Min: 1000, Max: 1_000_000}); got != want {
		t.Errorf("hosting rate: %+v", got)
	}
}

func drawRetarget(t *rapid.T) surge.Retarget {
	return surge.Retarget{Down: rapid.Int64Range(1, surge.PPM).Draw(t, "down"), Up: rapid.Int64Range(surge.PPM, 100*surge.PPM).Draw(t, "up"),
		DeadBand: rapid.Int64Range(0, surge.PPM).Draw(t, "dead band"), Min: rapid.Int64Range(1, surge.PPM).Draw(t, "min"),
		Max: rapid.Int64Range(surge.PPM, 100*surge.PPM).Draw(t, "max")}
}

// A step is factor·√(target/actual) to 200 bits, rounded down, where no rule cuts it off; never
// beyond any bound; and more of what is wanted never raises its price.
func TestRetargetAgainstHighPrecision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRetarget(t)
		factor := rapid.Int64Range(r.Min, r.Max).Draw(t, "factor")
		figure := rapid.OneOf(rapid.Int64Range(1, 200), rapid.Int64Range(1, math.MaxInt64))
		target, actual := figure.Draw(t, "target"), figure.Draw(t, "actual")
		got := r.Next(factor, target, actual)
		low, high := max(r.Min, factor*r.Down/surge.PPM), min(r.Max, factor*r.Up/surge.PPM)
		if got < low || got > high {
			t.Fatalf("%+v: %d becomes %d, beyond %d to %d", r, factor, got, low, high)
		}
		x := new(big.Float).SetPrec(200).SetInt64(target)
		x.Quo(x, new(big.Float).SetPrec(200).SetInt64(actual)).Sqrt(x).Mul(x, new(big.Float).SetPrec(200).SetInt64(factor))
		off, _ := new(big.Float).Sub(x, new(big.Float).SetInt64(got)).Float64()
		if got > low && got < high && got != factor && (off < -1e-30 || off >= 1) {
			t.Fatalf("%+v: %d becomes %d, off by %g", r, factor, got, off)
		}
		if more := max(actual, figure.Draw(t, "more")); r.Next(factor, target, more) > got {
			t.Fatalf("%+v: %d of %d gives %d, %d gives more", r, actual, target, got, more)
		}
	})
}

// Hosts come while a GiB·h pays more than it costs them, and go while it pays less: the rate finds
// the cost at which there are as many as wanted, from either end.
func TestRetargetConverges(t *testing.T) {
	r := surge.DefaultParams().HostingRate(1000)
	for _, start := range []int64{1000, 30_000, 1_000_000} {
		factor, hosted := start, int64(100)
		for range 200 {
			hosted = max(1, hosted*factor/20_000) // at 20,000 ppm as many stay as were there
			hosted = min(hosted, 100_000)
			factor = r.Next(factor, 1000, hosted)
		}
		if factor < 5_000 || factor > 80_000 {
			t.Errorf("from %d: the rate is %d and %d are hosted of 1000", start, factor, hosted)
		}
	}
}

func TestMedianRate(t *testing.T) {
	speed := func(bytes bt.Bytes, ms int64) surge.Speed { return surge.Speed{Taken: bytes, Paid: bytes, Ms: ms} }
	for _, c := range []struct {
		name string
		in   []surge.Speed
		want bt.Bytes
	}{
		{"none", nil, 0},
		{"one", []surge.Speed{speed(1000, 500)}, 2000},
		{"half of the bytes", []surge.Speed{speed(1000, 1000), speed(1000, 500)}, 1000},
		{"most of the bytes", []surge.Speed{speed(900, 1000), speed(1000, 500)}, 2000},
		{"a thousand tiny ones", append(slices.Repeat([]surge.Speed{speed(1, 100_000)}, 1000), speed(bt.GiB, 1000)), bt.GiB},
		{"not paid for", []surge.Speed{{Taken: bt.GiB, Ms: 1000}, speed(1000, 1000)}, 1000},
		{"partly paid for", []surge.Speed{{Taken: 4000, Paid: 1000, Ms: 1000}}, 4000},
		{"without a time", []surge.Speed{speed(bt.GiB, 0), speed(1000, 1000)}, 1000},
		{"the largest", []surge.Speed{speed(math.MaxInt64, 1), speed(math.MaxInt64, 1)}, bt.MaxCounter * 1000},
	} {
		if got := surge.MedianRate(c.in); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}
