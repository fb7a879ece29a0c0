package bench

import "math/bits"

// spread deals pairs of a member and a torrent: count different ones, in which every member and
// every torrent takes part equally often, give or take one, in an order without a pattern.
type spread struct {
	members, torrents, count uint64
	seed                     uint64
}

// pair returns the k-th pair, 0 ≤ k < count ≤ members·torrents, as indices from 0.
//
// The k-th pair of the diagonal (k mod members, k mod torrents) comes again after lcm(members,
// torrents) steps; every such round is shifted by one member. Consecutive k take members and
// torrents in turns, which balances any prefix; the shuffle then keeps neighbours of the file apart,
// because a server that meets its tables in their order would look faster than it is.
func (s spread) pair(k uint64) (member, torrent uint64) {
	k = shuffle(k, s.count, s.seed)
	round := k / lcm(s.members, s.torrents)
	return (k + round) % s.members, k % s.torrents
}

func lcm(a, b uint64) uint64 {
	x, y := a, b
	for y != 0 {
		x, y = y, x%y
	}
	return a / x * b
}

// shuffle is a permutation of 0…n-1: a Feistel network over the next power of four, walked until
// it is inside. Expected fewer than four steps, because the power is below 4n.
func shuffle(k, n, seed uint64) uint64 {
	half := max(1, (bits.Len64(n-1)+1)/2)
	mask := uint64(1)<<half - 1
	for {
		left, right := k>>half, k&mask
		for round := range uint64(4) {
			left, right = right, left^(mix(right+seed+round<<56)&mask)
		}
		if k = left<<half | right; k < n {
			return k
		}
	}
}

// mix is the finaliser of SplitMix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
