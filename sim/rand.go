package sim

import "math/bits"

// random is splitmix64 [Steele, Lea, Flood 2014]: the same on every machine and in every version of
// Go. Each agent has a stream of its own, so that one more agent changes nothing for the others.
type random struct{ state uint64 }

// stream returns the stream that the labels name.
func stream(labels ...uint64) *random {
	r := &random{}
	for _, l := range labels {
		r.state = r.next() ^ l
	}
	return r
}

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1.
func (r *random) below(n int) int {
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return int(hi)
}

// between returns a number from a to b.
func (r *random) between(a, b int) int { return a + r.below(b-a+1) }

// chance is true so many times in a million.
func (r *random) chance(ppm int) bool { return r.below(1_000_000) < ppm }

// shuffled returns 0 to n-1 in random order.
func (r *random) shuffled(n int) []int {
	out := make([]int, n)
	for i := range out {
		j := r.below(i + 1)
		out[i], out[j] = out[j], i
	}
	return out
}
