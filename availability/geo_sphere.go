package availability

import "math/bits"

// Distances on a sphere in integers only: compilers may join a floating-point multiplication and an
// addition into one step, and some machines have their own sine, so that the last bits of a float
// depend on the machine; who earns the bonus must not.

const (
	nmPerMicrodegree = 111_195_080        // a millionth of a degree: π/180 · 6,371.0088 km (mean radius, IUGG)
	turn             = 16                 // angles are in millionths of a degree · 2^turn
	halfCircle       = 180e6 << turn      // 180 degrees
	unit             = 30                 // coordinates are in 2^-unit
	guard            = 14                 // bits that CORDIC has more, against its rounding
	cordicGain       = 10_682_906_608_694 // Π 1/√(1+4^-i), in 2^-(unit+guard)
)

// arctans are the angles of CORDIC (Volder 1959): arctan 2^-i.
var arctans = [32]int64{
	2_949_120_000_000, 1_740_967_193_941, 919_879_251_914, 466_945_071_442, 234_378_649_600, 117_303_581_622, 58_666_104_272, 29_334_842_302,
	14_667_644_952, 7_333_850_452, 3_666_928_723, 1_833_464_799, 916_732_454, 458_366_234, 229_183_118, 114_591_559,
	57_295_780, 28_647_890, 14_323_945, 7_161_972, 3_580_986, 1_790_493, 895_247, 447_623,
	223_812, 111_906, 55_953, 27_976, 13_988, 6_994, 3_497, 1_749,
}

// Distance returns the length of the great circle between two places in metres, right to a metre or 1 in
// 10^7, the same on every machine. Both must be known.
func Distance(a, b Place) int64 { return pointOf(a).metres(pointOf(b)) }

// point is a place as a vector of length 1.
type point [3]int64

func pointOf(p Place) point {
	sinLat, cosLat := sincos(int64(p.Lat) << turn)
	sinLon, cosLon := sincos(int64(p.Lon) << turn)
	return point{cosLat * cosLon / (1 << unit), cosLat * sinLon / (1 << unit), sinLat}
}

// metres measures the angle by its sine and its cosine together: each alone is blunt near 90 or 0
// degrees.
func (a point) metres(b point) int64 {
	cos, square := int64(0), uint64(0)
	for i := range 3 {
		j, k := (i+1)%3, (i+2)%3
		cross := (a[j]*b[k] - a[k]*b[j]) / (1 << unit)
		square += uint64(cross * cross)
		cos += a[i] * b[i] / (1 << unit)
	}
	microdegrees := (angle(sqrt(square), cos) + 1<<(turn-1)) >> turn
	return (microdegrees*nmPerMicrodegree + 500_000_000) / 1_000_000_000
}

// sincos turns the vector (1, 0) by an angle of at most 180 degrees.
func sincos(angle int64) (sin, cos int64) {
	x, y := int64(cordicGain), int64(0)
	switch {
	case angle > halfCircle/2:
		angle, x = angle-halfCircle, -x
	case angle < -halfCircle/2:
		angle, x = angle+halfCircle, -x
	}
	for i, step := range arctans {
		if angle >= 0 {
			x, y, angle = x-y>>i, y+x>>i, angle-step
		} else {
			x, y, angle = x+y>>i, y-x>>i, angle+step
		}
	}
	return y / (1 << guard), x / (1 << guard)
}

// angle is that of the vector (cos, sin), 0 to 180 degrees; sin is not negative.
func angle(sin, cos int64) int64 {
	if sin == 0 && cos >= 0 {
		return 0
	}
	if cos < 0 {
		return halfCircle - angle(sin, -cos)
	}
	x, y, sum := cos<<guard, sin<<guard, int64(0)
	for i, step := range arctans {
		if y >= 0 {
			x, y, sum = x+y>>i, y-x>>i, sum+step
		} else {
			x, y, sum = x-y>>i, y+x>>i, sum-step
		}
	}
	return max(sum, 0)
}

// sqrt rounds down.
func sqrt(n uint64) int64 {
	if n == 0 {
		return 0
	}
	root := uint64(1) << ((bits.Len64(n) + 1) / 2) // not below the root; Newton falls from there
	for {
		next := (root + n/root) / 2
		if next >= root {
			return int64(root)
		}
		root = next
	}
}
