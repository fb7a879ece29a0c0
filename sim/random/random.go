// Package random gives simulated agents their chances. It is splitmix64 [Steele, Lea, Flood 2014]: the
// same on every machine and in every version of Go. Each agent has a source of its own, so that one
// more agent changes nothing for the others.
package random

import "math/bits"

// Source is a sequence of numbers.
type Source struct{ state uint64 }

// New returns the source that the labels name.
func New(labels ...uint64) *Source {
	r := &Source{}
	for _, l := range labels {
		r.state = r.next() ^ l
	}
	return r
}

// Label makes a label of a name (FNV-1a).
func Label(name string) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range []byte(name) {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

func (r *Source) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// Below returns a number from 0 to n-1.
func (r *Source) Below(n int) int {
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return int(hi)
}

// Between returns a number from a to b.
func (r *Source) Between(a, b int) int { return a + r.Below(b-a+1) }

// Chance is true so many times in a million.
func (r *Source) Chance(ppm int) bool { return r.Below(1_000_000) < ppm }

// Shuffled returns 0 to n-1 in random order.
func (r *Source) Shuffled(n int) []int {
	out := make([]int, n)
	for i := range out {
		j := r.Below(i + 1)
		out[i], out[j] = out[j], i
	}
	return out
}
