package surge

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDecayMatchesExp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		half := time.Duration(rapid.Int64Range(1, int64(24*time.Hour)).Draw(t, "half"))
		dt := time.Duration(rapid.Int64Range(0, min(70*int64(half), math.MaxInt64)).Draw(t, "dt"))
		want := math.Exp(-math.Ln2 * float64(dt) / float64(half))
		if got := float64(decay(dt, half)) / float64(one); math.Abs(got-want) > 1e-13 {
			t.Fatalf("decay(%v, %v) = %.16f, want %.16f", dt, half, got, want)
		}
	})
}

func TestDecayEdges(t *testing.T) {
	for _, c := range []struct {
		dt, half time.Duration
		want     uint64
	}{
		{0, time.Minute, one}, {-time.Second, time.Minute, one}, {time.Second, 0, 0}, {0, 0, one},
		{time.Minute, time.Minute, one / 2}, {3 * time.Minute, time.Minute, one / 8},
		{62 * time.Minute, time.Minute, 1}, {63 * time.Minute, time.Minute, 0}, {math.MaxInt64, 1, 0},
	} {
		if got := decay(c.dt, c.half); got != c.want {
			t.Errorf("decay(%v, %v) = %d, want %d", c.dt, c.half, got, c.want)
		}
	}
}

// The smoothed saturation moves towards the new one, never past it, by the exponential within a
// millionth, and gets there.
func TestSmooth(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, to := rapid.Int64Range(0, 2*PPM).Draw(t, "old"), rapid.Int64Range(0, 2*PPM).Draw(t, "new")
		dt := time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "dt"))
		got := smooth(old, to, dt, 5*time.Minute)
		want := float64(to) + float64(old-to)*math.Exp2(-float64(dt)/float64(5*time.Minute))
		if math.Abs(float64(got)-want) > 1 { // 1 ppm
			t.Fatalf("smooth = %d, want %f", got, want)
		}
		if got < min(old, to) || got > max(old, to) {
			t.Fatalf("smooth = %d is not between %d and %d", got, old, to)
		}
		for range 1000 {
			got = smooth(got, to, time.Minute, 5*time.Minute)
		}
		if got != to {
			t.Fatalf("stuck at %d on the way to %d", got, to)
		}
	})
}
